/* Who signed a request: finds the credentials in it, whatever their form, and verifies the signature.
 *
 * Two steps, because the secret has to be looked up in between: auth_parse checks everything that needs no
 * secret (form, dates, expiry, which headers are signed), auth_verify recomputes the signature. A request
 * carries at most one set of credentials; two are refused instead of one being chosen. No secret ever reaches
 * an error. */
#ifndef TERCET_COMPAT_AUTH_H
#define TERCET_COMPAT_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/http_server.h"
#include "base/status.h"
#include "compat/error.h"
#include "compat/post_fields.h"
#include "compat/uri.h"

struct sigv4_key_cache;

struct auth_request {
    struct bytes method;
    struct bytes path;                 /* raw, as sent */
    const struct uri_query *query;     /* the raw query, parsed by the caller; never NULL */
    const struct http_header *headers; /* all of them, as sent */
    size_t header_count;
    struct bytes virtual_host_bucket; /* the bucket that the Host names; data NULL in path style. SigV2 signs it */
    /* Addressed to the Query API: signed by version 4 for iam or sts, never for s3; and nothing else is. */
    bool query_api;
};

enum auth_type {
    AUTH_ANONYMOUS,
    AUTH_V4_HEADER,
    AUTH_V4_QUERY,
    AUTH_V2_HEADER,
    AUTH_V2_QUERY,
    AUTH_V4_FORM, /* in the fields of an upload form: auth_parse_form */
    AUTH_V2_FORM,
};

/* What x-amz-content-sha256 says about the body. */
enum payload_kind {
    PAYLOAD_UNSIGNED, /* said so, or nothing said where nothing has to be */
    PAYLOAD_SHA256,   /* the body's SHA-256 is payload_sha256; the caller compares it */
    PAYLOAD_STREAMING_SIGNED,
    PAYLOAD_STREAMING_SIGNED_TRAILER,
    PAYLOAD_STREAMING_UNSIGNED_TRAILER,
};

#define AUTH_ACCESS_KEY_MAX      128
#define AUTH_REGION_MAX          64
#define AUTH_SIGNED_HEADERS_MAX  512
#define AUTH_SKEW_MAX_MS         (15 * 60 * 1000)
#define AUTH_EXPIRES_SECONDS_MAX 604800

/* Spans point into the request's headers and its parsed query, or are literals. */
struct auth_credentials {
    enum auth_type type;
    struct bytes access_key;
    struct bytes signature;     /* as sent: hex (V4), base64 (V2) */
    struct bytes session_token; /* data NULL when absent */
    int64_t signed_ms;          /* wall clock; 0 for AUTH_V2_QUERY and AUTH_V2_FORM, which do not say */
    int64_t expires_ms;         /* when a presigned request ends; 0 for the header forms */
    enum payload_kind payload;
    /* The hash as it goes into the canonical request. Of the Query API, whose clients do not send it: empty, and set by
     * the caller to the hex of what came, before auth_verify. */
    struct bytes payload_text;
    uint8_t payload_sha256[SHA256_LEN];
    struct bytes policy; /* forms only: the text that was signed, as sent */
    /* V4 only */
    char timestamp[17]; /* 20261122T195400Z */
    char date[9];       /* 20261122 */
    struct bytes region;
    struct bytes service;        /* of the scope: s3, iam, sts */
    struct bytes scope;          /* 20261122/us-east-1/s3/aws4_request */
    struct bytes signed_headers; /* `host;x-amz-date`, as sent */
};

/* Whether a request carries credentials at all, right or wrong: then auth_parse does not take it for anonymous. */
bool auth_is_claimed(const struct auth_request *request);

/* Parses and checks all but the signature. A request without credentials is AUTH_ANONYMOUS (its payload kind
 * is parsed too). STATUS_DENIED when it must be refused, with *error saying why; its values live as long as the
 * request. */
enum status auth_parse(const struct auth_request *request, int64_t now_wall_ms, struct auth_credentials *credentials,
                       struct s3_error_details *error);

/* The same for the fields of an upload form, which are no part of the request's head. Whether the policy, which is what
 * was signed, allows the upload is not looked at. STATUS_DENIED when it must be refused. */
enum status auth_parse_form(const struct post_fields *fields, struct auth_credentials *credentials,
                            struct s3_error_details *error);

#define AUTH_CANONICAL_BYTES_MAX (512 * 1024) /* of a canonical request or a string to sign */

/* What verifying found out. */
struct auth_verification {
    /* What was signed by our reading, for the elements of SignatureDoesNotMatch; the canonical request is
     * empty for V2. Kept only on a mismatch. */
    struct buffer string_to_sign, canonical_request;
    uint8_t signing_key[SHA256_LEN]; /* V4: what aws_chunked_init needs, beside timestamp and scope */
};

/* Recomputes the signature of a request that is not anonymous. *out is always initialised and always to be
 * released. cache may be NULL. STATUS_DENIED on a mismatch (the caller answers SignatureDoesNotMatch),
 * STATUS_INVALID when the path cannot be decoded (InvalidURI), STATUS_LIMIT when the request is absurdly
 * long. */
enum status auth_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                        struct bytes secret, struct sigv4_key_cache *cache, struct auth_verification *out);
void auth_verification_release(struct auth_verification *verification); /* wipes the key */

#endif
