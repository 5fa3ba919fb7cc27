/* Answers of the Query API (IAM, STS) in XML. */
#ifndef TERCET_COMPAT_IAM_RESPONSE_H
#define TERCET_COMPAT_IAM_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/iam_error.h"
#include "compat/tags.h"
#include "compat/xml_writer.h"

enum query_service { QUERY_IAM, QUERY_STS };
#define QUERY_SERVICE_COUNT 2

const char *query_service_name(enum query_service service); /* of a signature's scope: iam, sts */
const char *query_service_version(enum query_service service);

#define IAM_ACTION_BYTES_MAX 64

/* ACTIONResponse with an ACTIONResult in it, or without one. Begun, written into, ended; what went wrong on the way is
 * what ending it returns. */
struct iam_response {
    struct xml_writer xml;
    char root[IAM_ACTION_BYTES_MAX + 16], result[IAM_ACTION_BYTES_MAX + 16];
    bool has_result;
};
/* The action is a name of the table of operations. *response must not move until it is ended. */
void iam_response_begin(struct iam_response *response, struct buffer *out, enum query_service service,
                        const char *action, bool has_result);
enum status iam_response_end(struct iam_response *response, struct bytes request_id);

/* 2019-07-15T23:28:33Z */
void iam_element_time(struct xml_writer *writer, const char *name, int64_t wall_ms);
/* A policy's document: all but unreserved characters percent-encoded, as AWS gives them. */
void iam_element_document(struct xml_writer *writer, const char *name, struct bytes document);
/* <Tags><member>..., also when there are none. */
void iam_element_tags(struct xml_writer *writer, const struct tag *tags, size_t count);

#define IAM_ERROR_BYTES_MAX 16384
enum status iam_error_render(struct buffer *out, enum query_service service, const struct iam_error *error,
                             struct bytes request_id);

#endif
