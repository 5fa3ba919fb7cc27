/* The TLS side of the HTTP client: what it shows to servers that want a certificate, and why it failed, in words. */
#include <openssl/ssl.h>
#include <string.h>

#include "base/http_client_internal.h"
#include "base/tls_identity.h"

#define CONNECTION_AGE_MAX_S 3600L /* a certificate that was replaced is shown no longer */

/* CURLOPT_SSL_CTX_FUNCTION, for each new connection. */
static CURLcode give_identity(CURL *easy, void *context, void *arg)
{
    (void)easy;
    return tls_identity_give_context(arg, context) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

void http_tls_set_client(CURL *easy, struct tls_identity *identity)
{
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); /* nobody but the identity's own authorities is trusted */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, give_identity);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, identity);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_MAX_S);
}

static const char *certificate_problem(long verdict, const char *detail)
{
    if (strstr(detail, "subject name")) /* libcurl looks at names by itself, OpenSSL's verdict is not there then */
        return "has a certificate that does not name its host";
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "has a certificate that has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "has a certificate that is not valid yet";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return "has a certificate of an unknown authority";
    default:
        return "has a certificate that is not accepted";
    }
}

const char *http_tls_problem(CURL *easy, CURLcode result, const char *detail)
{
    long verdict = X509_V_OK;

    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
        curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
        return certificate_problem(verdict, detail);
    case CURLE_SSL_CONNECT_ERROR:
        if (strstr(detail, "alert protocol version"))
            return "does not speak TLS 1.3";
        if (strstr(detail, "wrong version number"))
            return "does not speak TLS";
        return strstr(detail, "alert") ? "refuses our certificate" : "ends the TLS handshake";
    case CURLE_SEND_ERROR: /* with TLS 1.3 the server looks at the client's certificate after the handshake */
    case CURLE_RECV_ERROR:
        return strstr(detail, "alert") ? "refuses our certificate" : NULL;
    default:
        return NULL;
    }
}
