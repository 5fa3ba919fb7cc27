/* What one side of TLS shows and whom it trusts: a certificate with its chain and key, and, where peers have to show
 * one too, the authorities that may have made theirs. Read from PEM files, and read again while connections go on:
 * those that are made later have what is new. Files that are no good are refused, and what was there goes on. */
#ifndef TERCET_BASE_TLS_IDENTITY_H
#define TERCET_BASE_TLS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ssl_st;
struct ssl_ctx_st;

struct tls_files {
    const char *cert, *key; /* PEM; the certificate's chain follows it in its file */
    const char *ca;         /* PEM; NULL or "": peers need no certificate, and none is looked at */
};

struct tls_identity;

/* INVALID: a file cannot be used, as the log says, and `error`, a text of at most size bytes. An outdated certificate
 * is taken with a warning. The names are copied. Blocks. */
enum status tls_identity_open(const struct tls_files *files, struct tls_identity **identity, char *error, size_t size);
/* Reads the files again. INVALID, which is logged: one cannot be used, or the certificate is not valid now; what was
 * there goes on. NULL is nothing. Blocks. */
enum status tls_identity_reload(struct tls_identity *identity);
void tls_identity_free(struct tls_identity *identity); /* NULL is nothing; nobody uses it any more */

bool tls_identity_is_mutual(const struct tls_identity *identity); /* it has authorities */
/* Puts what is there now into a connection, or into a context for one. Any thread. */
bool tls_identity_give(struct tls_identity *identity, struct ssl_st *connection);
bool tls_identity_give_context(struct tls_identity *identity, struct ssl_ctx_st *context);

#endif
