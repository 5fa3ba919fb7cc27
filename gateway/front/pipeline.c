/* One request from its head to its answer. walk() names the steps in their order; each answers by itself what it
 * refuses, and then no later one runs. Whatever is answered passes reply.c. */
#include "base/log.h"
#include "base/task.h"
#include "base/trace.h"
#include "compat/encryption_header.h"
#include "compat/names.h"
#include "gateway/bucketlog/lines.h"
#include "gateway/front/access_log.h"
#include "gateway/front/audit.h"
#include "gateway/front/exchange.h"
#include "gateway/front/further_rights.h"
#include "gateway/front/identify.h"
#include "gateway/front/operation.h"
#include "gateway/front/pipeline_refusal.h"
#include "gateway/front/reply.h"
#include "gateway/front/request_metrics.h"
#include "gateway/front/resolve.h"
#include "gateway/iam/call.h"
#include "gateway/object/sealing.h"
#include "gateway/replication/lease.h"
#include "gateway/s3/honoured.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "meta/space.h"

#define PATH_STORAGE_MAX 65536 /* the head is no larger */

/* A gateway that was replaced must not read the metadata: they are another's now. */
static enum status check_lease(struct exchange *exchange)
{
    if (exchange->operation->class == CLASS_SYSTEM || lease_holds(exchange->gateway->lease))
        return STATUS_OK;
    exchange->replaced = true;
    return refuse_replaced(exchange);
}

/* An upload form says in its fields who asks and for which key. They are read here, up to the file, so that all the
 * steps behind are those of a PUT: one decision about the right, one about space, one place for the upload. Nobody is
 * known yet, so this has its bounds: 64 KiB on the wire in a connection's memory, within the server's minimum rate, and
 * so many forms at once as answers to requests that were refused. */
static enum status read_form(struct exchange *exchange)
{
    struct admission *admission = &exchange->gateway->admission;
    struct admission_share share;
    enum status status;

    if (!exchange->operation->form)
        return STATUS_OK;
    status = s3_refuse_unhonoured(exchange); /* by the head, which is no form's if it asks for something */
    if (status)
        return status;
    if (!admission_enter(admission, CLASS_FORM, 0, &share))
        return refuse_busy(exchange);
    status = s3_form_read(exchange);
    admission_leave(admission, &share);
    if (!status)
        status = identify_form(exchange, s3_form_fields(exchange->form));
    return status ? status : s3_form_check_policy(exchange);
}

/* Of S3 only: the documented API's names may stand in a form, and their handlers check them. */
static enum status check_key(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    if ((exchange->level == S3_OBJECT || exchange->operation->form) && key_check(exchange->key, &details))
        return s3_fail_details(exchange, &details);
    return STATUS_OK;
}

/* As on AWS, that a bucket is not there is no secret. What Tercet does not offer is refused by its name to a known
 * caller, whatever it is asked for. */
static enum status load_bucket(struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    bool known = exchange->principal.access_key.len > 0;

    if (exchange->bucket_name.len == 0 || exchange_load_bucket(exchange) || operation->bucket_may_be_absent ||
        (operation->refused && known))
        return STATUS_OK;
    exchange->permitted = known;
    return refuse_no_bucket(exchange);
}

static enum status check_right(struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    struct resource resource = {.kind = operation->resource,
                                .bucket = exchange->bucket_name,
                                .key = exchange->key,
                                .version_id = uri_query_value(&exchange->query, "versionId")};
    const char *right = operation_right(operation, uri_query_has(&exchange->query, "versionId"));

    if (exchange->call)
        return iam_call_authorize(exchange);
    const struct decision decision = exchange->decision = exchange_decide(exchange, right, &resource);
    if (!decision.allowed)
        return refuse_denied(exchange, right, &decision);
    if (!further_rights_check(exchange, right, &resource))
        return refuse_denied(exchange, right, NULL);
    exchange->permitted = true;
    return STATUS_OK;
}

static enum status check_space(struct exchange *exchange)
{
    if (exchange->operation->grows && meta_space_is_low(exchange->gateway->meta_space))
        return refuse_disk_full(exchange);
    return STATUS_OK;
}

/* What an upload's bytes take on their way, by the size of its body. Whether it is sealed is known only when its
 * handler has read more; without a provider of keys a client's own key alone does it, which comes in headers or in a
 * form. */
static uint64_t upload_memory(const struct exchange *exchange, uint64_t body_bytes)
{
    const struct gateway *gateway = exchange->gateway;
    uint64_t memory = stream_writer_memory(gateway->cluster, body_bytes);
    bool may_be_sealed = gateway->keys || exchange->operation->form ||
                         http_request_header(exchange->http, SSE_PREFIX "-customer-algorithm").data;

    return may_be_sealed ? memory + sealing_memory(body_bytes) : memory;
}

/* A place among those that are served; to be left in any case. */
static enum status take_place(struct exchange *exchange, struct admission_share *share)
{
    const struct operation *operation = exchange->operation;
    struct admission *admission = &exchange->gateway->admission;
    /* the bytes of a copy come from another object: the request has no body; where the file of a form ends its end says
     */
    bool unknown = operation->copies || operation->form;
    uint64_t body_bytes = unknown ? HTTP_LENGTH_UNKNOWN : exchange->http->content_length, kept_bytes = 0;

    if (operation->class == CLASS_WRITE)
        kept_bytes = upload_memory(exchange, body_bytes);
    if (!admission_enter(admission, operation->class, kept_bytes, share))
        return refuse_busy(exchange);
    if (operation->class != CLASS_WRITE && operation->class != CLASS_SYSTEM)
        exchange->http->place = operation->class + 1;
    if (operation->class == CLASS_SYSTEM && admission_is_beyond(admission, CLASS_SYSTEM))
        http_reply_hurry(exchange->http); /* anyone may ask, and metrics are large */
    return STATUS_OK;
}

static enum status hold_back(struct exchange *exchange)
{
    if (exchange->operation->class != CLASS_WRITE || hold_back_wait(&exchange->gateway->hold_back))
        return STATUS_OK;
    admission_count_refusal(ADMISSION_GARBAGE);
    return refuse_busy(exchange);
}

static void run(struct exchange *exchange)
{
    struct admission_share share;

    if (exchange->operation->refused) { /* takes the place of an error's answer alone */
        exchange->operation->handle(exchange);
        return;
    }
    if (take_place(exchange, &share))
        return;
    if (hold_back(exchange) == STATUS_OK) {
        exchange->admitted = true;
        exchange->operation->handle(exchange);
    }
    admission_leave(&exchange->gateway->admission, &share);
}

static void walk(struct exchange *exchange)
{
    enum status status = resolve(exchange);

    if (!status)
        status = identify(exchange);
    if (!status)
        status = check_lease(exchange);
    if (!status && exchange->call)
        status = iam_call_open(exchange);
    if (!status)
        status = read_form(exchange);
    if (!status)
        status = check_key(exchange);
    if (!status)
        status = load_bucket(exchange);
    if (!status)
        status = check_right(exchange);
    if (!status)
        status = s3_refuse_unhonoured(exchange);
    if (!status)
        status = check_space(exchange);
    if (!status)
        run(exchange);
}

void gateway_handle(struct http_request *request, void *arg)
{
    size_t policy_steps = EXCHANGE_POLICY_STEPS;
    struct exchange exchange = {.gateway = arg, .http = request, .policy_steps = &policy_steps};
    char trace[TRACE_PARENT_LEN + 1];

    task_set_request_id(request->id);
    if (trace_continue(http_request_header(request, "traceparent"), trace))
        task_set_trace(trace);
    buffer_init(&exchange.path_storage, PATH_STORAGE_MAX);
    walk(&exchange);
    request_metrics_count(&exchange);
    if (exchange.gateway->options.access_log || log_enabled(LOG_DEBUG))
        access_log_write(&exchange);
    bucketlog_request(&exchange);
    audit_request(&exchange);
    exchange_release(&exchange);
    task_set_trace(NULL);
    task_set_request_id(NULL);
}
