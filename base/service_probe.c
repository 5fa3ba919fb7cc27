/* The program as its own health check: a container image needs no other tool for it. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/service.h"
#include "base/tls_identity.h"

#define PROBE_TIMEOUT_MS 5000L

static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

/* Where to reach a listener from this machine. */
static const char *reachable(const char *address)
{
    if (strcmp(address, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(address, "::") == 0 ? "::1" : address;
}

int service_probe(const char *address, uint16_t port, const struct tls_files *tls)
{
    char url[256];
    const char *host = reachable(address);
    long code = 0;
    CURLcode result = CURLE_FAILED_INIT;
    CURL *curl = curl_easy_init();

    snprintf(url, sizeof(url), strchr(host, ':') ? "%s://[%s]:%u/health" : "%s://%s:%u/health", tls ? "https" : "http",
             host, (unsigned)port);
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, PROBE_TIMEOUT_MS);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        if (tls && tls->ca && tls->ca[0]) { /* it asks for a certificate, and takes its own */
            curl_easy_setopt(curl, CURLOPT_SSLCERT, tls->cert);
            curl_easy_setopt(curl, CURLOPT_SSLKEY, tls->key);
        }
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
        result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        curl_easy_cleanup(curl);
    }
    if (result == CURLE_OK && code == 200)
        return 0;
    if (result != CURLE_OK)
        fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(result));
    else
        fprintf(stderr, "%s: answered %ld\n", url, code);
    return 1;
}
