/* A request under way: what each step of the pipeline (pipeline.c) found out about it, for the steps behind it and for
 * the handler. Lives on its task's stack. */
#ifndef TERCET_GATEWAY_EXCHANGE_H
#define TERCET_GATEWAY_EXCHANGE_H

#include <stdbool.h>

#include "base/http_server.h"
#include "compat/auth.h"
#include "compat/headers.h"
#include "compat/uri.h"
#include "gateway/front/authorize.h"
#include "gateway/gateway.h"
#include "gateway/keys/key_writers.h"
#include "meta/bucket_settings.h"
#include "meta/meta.h"

struct iam_call;
struct lock_wish;
struct operation;
struct s3_form;
struct signer_session;

/* Of the dearest decisions one request has the steps of so many: an upload with all that can stand beside it takes up
 * to ten, which by policies as people write them need a small part of one. */
#define EXCHANGE_POLICY_STEPS ((size_t)4 * POLICY_STEPS_MAX)

/* One level of S3's address space. */
enum s3_level { S3_SERVICE, S3_BUCKET, S3_OBJECT };

/* What of a query names no operation: its sub-resources, or a word that may be one. Their text is the query's. */
struct operation_words {
    struct bytes name[2];
    size_t count;
};

struct exchange {
    struct gateway *gateway;
    struct http_request *http;

    /* resolve.c: what is addressed. The very bytes that are authorized are looked up. */
    const struct operation *operation; /* permitted or not; NULL: nothing that there is */
    struct operation_words unknown;    /* why there is none */
    struct uri_query query;
    enum s3_level level;
    struct bytes virtual_host;     /* the bucket that the Host names; empty in path style */
    struct bytes bucket_name, key; /* decoded */
    struct buffer path_storage;    /* holds what had to be decoded of them */
    struct bytes website_host;     /* of a website: the Host, no more than a name and a port; else empty */

    /* identify.c: who asks */
    struct principal principal;
    struct identity *identity; /* of a user's key, or a role: held, and what the principal points into; NULL: none */
    struct signer_session *session; /* of temporary credentials, signer.h; NULL: none */
    struct request_context context;
    size_t *policy_steps; /* what is left of EXCHANGE_POLICY_STEPS, for all its decisions; NULL: each has its own */
    struct auth_credentials credentials;
    struct auth_verification verification;

    struct iam_call *call; /* of the Query API, iam/call.h; NULL: the request is none */
    struct s3_form *form;  /* of an upload form, of which the fields were read; NULL: none, s3/post_form.h */

    /* The addressed bucket and its settings as of one moment; id 0: it is not there, and the operation does not need
     * it.
     */
    struct meta_bucket bucket;
    struct meta_settings *settings;

    struct bytes location; /* where a bucket is to be made, once its handler knows */
    const struct tag_set
        *new_tags; /* that a body or a copy's source has for an object, once the handler knows; or NULL */

    const struct lock_wish *new_lock; /* that a body has for an object, once the handler knows; or NULL */

    /* How large the object is that it is about, once that is known: for the bucket's access log. */
    bool has_logged_size;
    uint64_t logged_size;

    bool replaced;            /* by another gateway, or nobody says that it was not: nothing is read of the metadata */
    struct decision decision; /* about the operation; of zeros before it was made */
    struct decision further;  /* about what it tells of the object besides, further_rights.h; of zeros: nothing */
    bool permitted, admitted;
    struct key_writer key_writer; /* once it asked what to encrypt with */
    const char *error_code;       /* of the error that was answered, for log and metrics; NULL when none */
};

/* Tells the bucket's access log how large the object is. */
static inline void exchange_log_size(struct exchange *exchange, uint64_t size)
{
    exchange->has_logged_size = true;
    exchange->logged_size = size;
}

/* Looks the bucket up, once for each request and again for a handler that learns of a change: exchange->bucket. False
 * when it is not there. Memory only. */
bool exchange_load_bucket(struct exchange *exchange);
/* Whether who asks may do this to that; the operation itself was asked about before its handler runs.
 * Suspends where the ACL of an object has to be read. */
bool exchange_may(const struct exchange *exchange, const char *action, const struct resource *resource);
/* The same with what decided. */
struct decision exchange_decide(const struct exchange *exchange, const char *action, const struct resource *resource);
/* Whether who asks may do this to the version of this sequence, which was read already. */
bool exchange_may_of(const struct exchange *exchange, const char *action, const struct resource *resource,
                     uint64_t sequence);
/* Of what belongs to another bucket, which has these settings. All fill in what the settings say of the
 * resource. */
struct decision exchange_decide_in(const struct exchange *exchange, const char *action, const struct resource *resource,
                                   uint32_t bucket, const struct meta_settings *settings);
bool exchange_may_in(const struct exchange *exchange, const char *action, const struct resource *resource,
                     uint32_t bucket, const struct meta_settings *settings);
/* Before it asks for a key to encrypt with: until the request ends, no pass of jobs/rekey.c says of an older key that
 * it is not needed any more. */
void exchange_begin_writing(struct exchange *exchange);
struct header_list exchange_headers(const struct exchange *exchange);
void exchange_release(struct exchange *exchange);

#endif
