/* Certificates of one side of TLS; see the header. What was read is never changed: a new reading takes its place, and
 * connections hold references to what they were made with. */
#include "base/tls_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/log.h"

#define CHAIN_MAX 16

struct material {
    X509 *cert;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    X509_STORE *authorities; /* NULL: peers show none */
};

struct tls_identity {
    char *cert, *key, *ca;
    pthread_mutex_t lock; /* guards what follows; held while references are taken, never longer */
    struct material material;
};

static void material_release(struct material *material)
{
    X509_free(material->cert);
    sk_X509_pop_free(material->chain, X509_free);
    EVP_PKEY_free(material->key);
    X509_STORE_free(material->authorities);
    *material = (struct material){0};
}

/* No key of ours has a passphrase: OpenSSL would ask for it on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static bool read_certificates(const char *path, struct material *material)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *next;

    if (!file)
        return false;
    material->cert = PEM_read_bio_X509_AUX(file, NULL, no_passphrase, NULL);
    material->chain = sk_X509_new_null();
    CHECK(material->chain != NULL);
    while (material->cert && sk_X509_num(material->chain) < CHAIN_MAX &&
           (next = PEM_read_bio_X509(file, NULL, no_passphrase, NULL)) != NULL)
        CHECK(sk_X509_push(material->chain, next) > 0);
    BIO_free(file);
    return material->cert != NULL;
}

static bool read_key(const char *path, struct material *material)
{
    BIO *file = BIO_new_file(path, "r");

    material->key = file ? PEM_read_bio_PrivateKey(file, NULL, no_passphrase, NULL) : NULL;
    BIO_free(file);
    return material->key != NULL;
}

static bool read_authorities(const char *path, struct material *material)
{
    material->authorities = X509_STORE_new();
    CHECK(material->authorities != NULL);
    return X509_STORE_load_file(material->authorities, path) == 1;
}

static const char *validity_problem(const X509 *cert)
{
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
        return "the certificate has expired";
    return X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0 ? "the certificate is not valid yet" : NULL;
}

/* NULL, or what is wrong; then *file is the file that it is about, and the material is empty. */
static const char *read_material(const struct tls_identity *identity, struct material *material, const char **file)
{
    const char *problem = NULL;

    *material = (struct material){0};
    ERR_clear_error();
    if (!read_certificates(*file = identity->cert, material))
        problem = "the certificate cannot be read";
    else if (!read_key(*file = identity->key, material))
        problem = "the private key cannot be read";
    else if (X509_check_private_key(material->cert, material->key) != 1)
        problem = "the private key is not that of the certificate";
    else if (identity->ca[0] && !read_authorities(*file = identity->ca, material))
        problem = "the authorities cannot be read";
    ERR_clear_error(); /* the end of a file is one, too */
    if (problem)
        material_release(material);
    return problem;
}

enum status tls_identity_open(const struct tls_files *files, struct tls_identity **identity, char *error, size_t size)
{
    struct tls_identity *opened = mem_zalloc(sizeof(*opened));
    const char *file;

    opened->cert = mem_strdup(files->cert);
    opened->key = mem_strdup(files->key);
    opened->ca = mem_strdup(files->ca ? files->ca : "");
    CHECK(pthread_mutex_init(&opened->lock, NULL) == 0);
    const char *problem = read_material(opened, &opened->material, &file);
    *identity = problem ? NULL : opened;
    if (problem) {
        log_error("TLS cannot be used", LOG_STR("file", file), LOG_STR("reason", problem));
        snprintf(error, size, "%s: %s", file, problem);
        tls_identity_free(opened);
        return STATUS_INVALID;
    }
    problem = validity_problem(opened->material.cert);
    if (problem)
        log_warn("TLS goes on with a certificate that peers refuse", LOG_STR("file", opened->cert),
                 LOG_STR("reason", problem));
    return STATUS_OK;
}

enum status tls_identity_reload(struct tls_identity *identity)
{
    struct material material;
    const char *file;

    if (!identity)
        return STATUS_OK;
    const char *problem = read_material(identity, &material, &file);
    if (!problem) {
        file = identity->cert;
        problem = validity_problem(material.cert);
    }
    if (problem) {
        log_error("a new TLS certificate is refused, the one before goes on", LOG_STR("file", file),
                  LOG_STR("reason", problem));
        material_release(&material);
        return STATUS_INVALID;
    }
    lock_acquire(&identity->lock);
    struct material old = identity->material;
    identity->material = material;
    lock_release(&identity->lock);
    material_release(&old);
    log_info("TLS certificate read", LOG_STR("file", identity->cert));
    return STATUS_OK;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (!identity)
        return;
    material_release(&identity->material);
    pthread_mutex_destroy(&identity->lock);
    free(identity->cert);
    free(identity->key);
    free(identity->ca);
    free(identity);
}

bool tls_identity_is_mutual(const struct tls_identity *identity)
{
    return identity->ca[0] != '\0';
}

bool tls_identity_give(struct tls_identity *identity, struct ssl_st *connection)
{
    lock_acquire(&identity->lock);
    const struct material *material = &identity->material;
    bool good = SSL_use_cert_and_key(connection, material->cert, material->key, material->chain, 1) == 1 &&
                (!material->authorities || SSL_set1_verify_cert_store(connection, material->authorities) == 1);
    lock_release(&identity->lock);
    return good;
}

bool tls_identity_give_context(struct tls_identity *identity, struct ssl_ctx_st *context)
{
    lock_acquire(&identity->lock);
    const struct material *material = &identity->material;
    bool good = SSL_CTX_use_cert_and_key(context, material->cert, material->key, material->chain, 1) == 1;
    if (good && material->authorities)
        SSL_CTX_set1_cert_store(context, material->authorities);
    lock_release(&identity->lock);
    return good;
}
