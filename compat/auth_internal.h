/* What the files that read and verify signatures share. Not for users outside of compat/. */
#ifndef TERCET_COMPAT_AUTH_INTERNAL_H
#define TERCET_COMPAT_AUTH_INTERNAL_H

#include "compat/auth.h"

/* The first header of that name; data NULL when absent. */
struct bytes auth_header(const struct auth_request *request, const char *name);

/* Start an error; both return STATUS_DENIED, so that `return auth_refuse(...)` reads well. */
enum status auth_refuse(struct s3_error_details *error, enum s3_error code, const char *message);
enum status auth_refuse_argument(struct s3_error_details *error, const char *argument, const char *message);

/* When a header form says it was signed: x-amz-date, or else Date, no further than AUTH_SKEW_MAX_MS from now.
 */
enum status auth_read_date(const struct auth_request *request, int64_t now_wall_ms, int64_t *signed_ms,
                           struct s3_error_details *error);
enum status auth_refuse_expired(int64_t expires_ms, int64_t now_wall_ms, struct s3_error_details *error);

/* The halves of auth_parse and auth_verify per version; same contracts. `authorization` is the header's value
 * without the scheme. */
enum status sigv4_parse_header(const struct auth_request *request, struct bytes authorization, int64_t now_wall_ms,
                               struct auth_credentials *credentials, struct s3_error_details *error);
enum status sigv4_parse_query(const struct auth_request *request, int64_t now_wall_ms,
                              struct auth_credentials *credentials, struct s3_error_details *error);
enum status sigv4_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                         struct bytes secret, struct sigv4_key_cache *cache, struct auth_verification *out);
enum status sigv2_parse_header(const struct auth_request *request, struct bytes authorization, int64_t now_wall_ms,
                               struct auth_credentials *credentials, struct s3_error_details *error);
enum status sigv2_parse_query(const struct auth_request *request, int64_t now_wall_ms,
                              struct auth_credentials *credentials, struct s3_error_details *error);
/* Of a form what was signed is credentials->policy. *out is initialised. */
enum status auth_verify_form(const struct auth_credentials *credentials, struct bytes secret,
                             struct sigv4_key_cache *cache, struct auth_verification *out);
enum status sigv2_verify(const struct auth_request *request, const struct auth_credentials *credentials,
                         struct bytes secret, struct auth_verification *out);

#endif
