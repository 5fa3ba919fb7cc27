/* CORS of a bucket: which pages of other sites may see its answers. Reading the document, AWS's rules for it, and which
 * of its rules is for a request. */
#ifndef TERCET_COMPAT_CORS_H
#define TERCET_COMPAT_CORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

#define CORS_RULES_MAX      100
#define CORS_ID_CHARS_MAX   255
#define CORS_XML_BYTES_MAX  ((size_t)64 * 1024)  /* as a client sends it */
#define CORS_KEPT_BYTES_MAX ((size_t)256 * 1024) /* as it is written again: escaped, a text can become longer */
/* Names in Access-Control-Request-Headers. Anyone may ask, and each is compared with each that a bucket allows. */
#define CORS_REQUESTED_HEADERS_MAX 100

enum cors_list { CORS_ORIGIN, CORS_METHOD, CORS_HEADER, CORS_EXPOSED };
struct cors_item {
    enum cors_list list;
    struct bytes text;
};
struct cors_rule {
    struct bytes id; /* data NULL: none */
    bool has_max_age;
    uint32_t max_age_seconds;
    size_t first, count; /* of the configuration's items */
};
struct cors_configuration {
    struct cors_rule *rules;
    size_t count;
    struct cors_item *items; /* those of a rule are together, in the document's order */
    size_t item_count;
    char *storage; /* what the spans point into */
};

/* CORSConfiguration{CORSRule{ID, AllowedOrigin, AllowedMethod, AllowedHeader, ExposeHeader, MaxAgeSeconds}}, of at most
 * CORS_KEPT_BYTES_MAX. A rule has an origin and a method, and there is one rule at least. STATUS_INVALID, STATUS_LIMIT:
 * MalformedXML to the client; then there is nothing to release. */
enum status cors_parse(struct bytes document, struct cors_configuration *configuration);
void cors_release(struct cors_configuration *configuration); /* idempotent */
/* AWS's rules for the values: InvalidRequest. What passes can be sent in headers. */
enum status cors_check(const struct cors_configuration *configuration, struct s3_error_details *error);

struct cors_request {
    struct bytes origin;
    struct bytes method;            /* of Access-Control-Request-Method, or the request's own */
    struct bytes requested_headers; /* Access-Control-Request-Headers; empty: none */
};
/* The first rule that allows origin, method and each requested header; NULL: none. */
const struct cors_rule *cors_match(const struct cors_configuration *configuration, const struct cors_request *request);
/* Whether the rule is for every origin, so that the answer names none. */
bool cors_rule_is_for_all(const struct cors_configuration *configuration, const struct cors_rule *rule);
/* A list of the rule, joined by ", "; nothing when it is empty. */
enum status cors_rule_append(const struct cors_configuration *configuration, const struct cors_rule *rule,
                             enum cors_list list, struct buffer *out);
/* The requested headers in small letters, joined by ", ". */
enum status cors_append_requested(struct bytes requested_headers, struct buffer *out);

#endif
