/* Reading an object, as far as it is the same for S3 and the documented API: conditions, which bytes are wanted, the
 * headers that follow from that, and sending it. Errors are the caller's to word. */
#ifndef TERCET_GATEWAY_OBJECT_READ_H
#define TERCET_GATEWAY_OBJECT_READ_H

#include "compat/conditions.h"
#include "compat/range.h"
#include "gateway/front/exchange.h"
#include "gateway/object/object_key.h"

struct etag object_etag(const struct meta_object *object);
/* What conditions are held against. */
struct condition_target object_condition_target(const struct meta_object *object);
/* The conditions of a write, for meta. */
struct meta_condition object_condition(const struct condition_write *condition);

/* The request's conditions on a GET or HEAD, as conditions_check_read; the headers that go with a failure are added. */
enum status object_check_conditions(struct exchange *exchange, const struct meta_object *object,
                                    struct s3_error_details *error);

/* The bytes that are wanted of an object. */
struct object_range {
    struct range range;
    bool partial;    /* 206 with Content-Range */
    int http_status; /* of what is answered in the place of something else; 0: 200 or 206 */
};
struct object_range object_range_whole(const struct meta_object *object);
/* By the headers Range and If-Range. STATUS_INVALID when there are no such bytes: the Content-Range of a 416 is added.
 */
enum status object_select_range(struct exchange *exchange, const struct meta_object *object,
                                struct object_range *wanted);

/* Answers a GET or HEAD with those bytes, which are sealed with the key. `give` adds the headers that are the caller's
 * own, once it is sure that the bytes can be read; ETag, Last-Modified, Accept-Ranges and Content-Range are added here.
 * A failure status: nothing was sent. An answer that is cut short is none. Suspends. */
typedef void (*object_give_headers)(struct exchange *exchange, const struct meta_object *object, const void *arg);
enum status object_send(struct exchange *exchange, const struct meta_object *object, const struct object_key *key,
                        const struct object_range *wanted, object_give_headers give, const void *arg);

#endif
