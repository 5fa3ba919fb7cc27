/* What the calls that make temporary credentials have in common: their parameters, with AWS's bounds, and their answer.
 * All of them answer errors. */
#ifndef TERCET_GATEWAY_IAM_SESSION_REQUEST_H
#define TERCET_GATEWAY_IAM_SESSION_REQUEST_H

#include "compat/xml_writer.h"
#include "gateway/front/exchange.h"
#include "gateway/iam/reply.h"
#include "gateway/identity/session.h"

#define SESSION_SECONDS_MIN      900
#define SESSION_SECONDS_DEFAULT  3600  /* of roles */
#define SESSION_TOKEN_SECONDS    43200 /* of GetSessionToken and GetFederationToken, when they do not say */
#define SESSION_TOKEN_MAX_SECS   129600
#define SESSION_OF_ROOT_SECS_MAX 3600 /* root's are no longer, whatever is asked for */

/* DurationSeconds, of SESSION_SECONDS_MIN to max. */
enum status session_read_seconds(struct exchange *exchange, int64_t seconds_default, int64_t max, int64_t *seconds);
/* A text of letters, digits, and these signs. `value`: its name in messages. */
enum status session_check_text(struct exchange *exchange, struct bytes text, const char *value, const char *signs,
                               size_t min, size_t max);
/* Policy and PolicyArns: of managed policies what they say now. More than 2048 characters, or more than fits:
 * PackedPolicyTooLarge. Suspends. */
enum status session_read_policies(struct exchange *exchange, struct identity_session *session);
/* Tags, and TransitiveTagKeys, beside those that go on from who calls. */
enum status session_read_tags(struct exchange *exchange, struct identity_session *session);
/* Whether policies and tags fit together. */
enum status session_check_packed(struct exchange *exchange, const struct identity_session *session);

/* Credentials, of which the token is sealed here. The first thing in the answer, which is begun. Its failure goes to
 * iam_answer_send(). */
enum status session_write_credentials(struct exchange *exchange, struct iam_answer *answer,
                                      const struct identity_session *session);
/* PackedPolicySize in percent. */
void session_write_packed_size(struct xml_writer *xml, const struct identity_session *session);
/* Begins a session of who signed the call, a user or root: bound to the access key. */
void session_begin_of_caller(struct exchange *exchange, enum session_kind kind, int64_t seconds,
                             struct identity_session *session);

#endif
