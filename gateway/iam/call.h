/* A call of AWS's Query API: IAM, and STS, on the port of S3. A form that is posted to `/`, or the same in the query of
 * a GET. Which operation it is stands in the form, whose hash is signed: so it is received before it is known who asks,
 * and read when that is known. */
#ifndef TERCET_GATEWAY_IAM_CALL_H
#define TERCET_GATEWAY_IAM_CALL_H

#include "compat/iam_request.h"
#include "compat/iam_response.h"
#include "gateway/front/exchange.h"
#include "gateway/identity/lists.h"
#include "gateway/identity/session.h"

#define IAM_ANONYMOUS_BYTES_MAX 65536 /* of a form that nobody signed */

struct iam_call {
    enum query_service service; /* by the signature's scope */
    struct iam_request request;
    struct buffer arn;   /* of what it is done to */
    uint64_t generation; /* of the directory, as of which it was authorized */
    /* For condition keys, keys.h: what the call says, and what it is done to. Text of the form, and of what is below.
     */
    struct tag tags[IAM_TAGS_MAX], subject_tags[IAM_TAGS_MAX];
    struct bytes tag_keys[IAM_TAGS_MAX];
    size_t tag_count, tag_key_count, subject_tag_count;
    bool subject_is_known; /* its tags were looked at */
    struct bytes policy_arn, boundary;
    char *subject_boundary;
    struct identity_texts subject_texts;
    struct bytes external_id, session_name, source_identity;
    struct bytes transitive[IAM_TAGS_MAX];
    size_t transitive_count;
    char *provider_arn;            /* of who asks with a provider's token: web_identity.h */
    struct identity_claims claims; /* of that token, when it was verified */
    struct iam_trust *trust;       /* of a role that is to be assumed, trust.h; NULL: there is none */
    /* call.c's own */
    bool received;
    struct buffer form; /* as it came, until it is read */
    char sha256[2 * SHA256_LEN + 1];
    uint64_t *room, *share; /* what it is counted in; share NULL: root's own */
    uint64_t room_max, share_max;
    uint64_t kept_bytes;
};

/* Whether the request, of which the query was read, is a call. */
bool iam_is_addressed(const struct exchange *exchange);
void iam_call_begin(struct exchange *exchange);
void iam_call_free(struct exchange *exchange); /* what is no call is nothing */

/* Receives the body, of at most so many bytes, and has its hash be what was signed. Answers errors. Suspends. */
enum status iam_call_receive(struct exchange *exchange, size_t bytes_max);
/* Reads the form and finds the operation, when it is known who asks. Answers errors: what is not signed is no call but
 * of operations that nobody signs, and what is signed for one service is none of the other. */
enum status iam_call_open(struct exchange *exchange);
/* Asks whether the caller may do that, as of now: again when the directory was changed meanwhile, since what is
 * authorized and what is then changed have to be as of one generation (change.c). Answers AccessDenied and errors.
 * Suspends. */
enum status iam_call_authorize(struct exchange *exchange);
/* What conditions may ask of what the call is done to goes over to it: its boundary, and its tags. NULL: it has none.
 */
void iam_take_subject(struct iam_call *call, char **boundary, struct identity_texts *tags);
/* What authorize() is asked about: subject.c. May be called again. Answers errors. Suspends. */
enum status iam_call_resource(struct exchange *exchange, struct resource *resource);

#endif
