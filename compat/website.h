/* Static websites: a bucket's website document, AWS's rules for it, and where a request is sent by it. Source: AWS,
 * "PutBucketWebsite" and "Configuring a webpage redirect". */
#ifndef TERCET_COMPAT_WEBSITE_H
#define TERCET_COMPAT_WEBSITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

#define WEBSITE_RULES_MAX          50
#define WEBSITE_XML_BYTES_MAX      ((size_t)128 * 1024) /* as a client sends it */
#define WEBSITE_KEPT_BYTES_MAX     ((size_t)256 * 1024) /* as it is written again: escaped, a text can become longer */
#define WEBSITE_LOCATION_BYTES_MAX 8192
#define WEBSITE_REDIRECT_BYTES_MAX 2048 /* of x-amz-website-redirect-location */

/* Where to; data NULL: not given. */
struct website_redirect {
    struct bytes host, protocol, code;
    struct bytes replace_prefix, replace_key;
};
struct website_rule {
    bool has_condition;
    struct bytes key_prefix, error_code; /* the condition; data NULL: not given */
    struct website_redirect redirect;
};
struct website {
    struct bytes index_suffix; /* data NULL: none, and then `all` has a host */
    bool has_index, has_error, has_all;
    struct bytes error_key;
    struct website_redirect all; /* RedirectAllRequestsTo: host and protocol */
    struct website_rule *rules;
    size_t rule_count;
    bool has_rules; /* the element, also when it is empty */
    char *storage;  /* what the spans point into */
};

/* WebsiteConfiguration{IndexDocument, ErrorDocument, RoutingRules, RedirectAllRequestsTo}, of at most
 * WEBSITE_KEPT_BYTES_MAX. STATUS_INVALID, STATUS_LIMIT: MalformedXML to the client; then there is nothing to release.
 */
enum status website_parse(struct bytes document, struct website *website);
void website_release(struct website *website); /* idempotent */
/* AWS's rules for what it says. What passes makes only locations that can be sent in a header. */
enum status website_check(const struct website *website, struct s3_error_details *error);
/* The document again, to be kept and given back. */
enum status website_write(struct buffer *out, const struct website *website);

/* How the request came, as far as a location repeats it. */
struct website_request {
    struct bytes host; /* checked by the caller: no more than a name and a port */
    bool tls;
    struct bytes key;
    struct bytes raw_query; /* as on the wire */
};
/* The first rule for the key, before anything was looked for (error 0: the rules without a code), or for an answer with
 * that status; NULL: none. */
const struct website_rule *website_find_rule(const struct website *website, struct bytes key, int error);
/* Its status: 301 when it names none. */
int website_rule_status(const struct website_rule *rule);
/* Where it sends the request; `out` is empty. Whatever the key is, the location has no byte that ends a header, and its
 * host is the rule's or the request's. */
enum status website_rule_location(const struct website_rule *rule, const struct website_request *request,
                                  struct buffer *out);
/* The same of RedirectAllRequestsTo, which takes the query along. */
enum status website_all_location(const struct website *website, const struct website_request *request,
                                 struct buffer *out);
/* "/KEY/" of the same host: where a folder's index document is. */
enum status website_folder_location(struct bytes key, struct buffer *out);

/* x-amz-website-redirect-location: "/...", "http://..." or "https://...", and fit for a header. */
enum status website_check_redirect(struct bytes location, struct s3_error_details *error);

#endif
