/* Counting requests; see the header. Labels come from the operation table, the status code and a fixed list
 * of methods, so that no client can make series. */
#include "gateway/front/request_metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/front/operation.h"
#include "gateway/iam/operations.h"

#define LABELS_MAX 256

static const char *method_label(struct bytes method)
{
    static const char *const known[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (bytes_equal_str(method, known[i]))
            return known[i];
    return "other";
}

/* The series of the requests that are alike: same operation, method and status. */
struct series {
    const struct operation *operation; /* NULL: none that there is */
    const char *method;                /* one of method_label's; NULL: an empty slot */
    int code;
    struct metric_counter *documented, *documented_errors; /* errors: NULL below 400 */
    struct metric_counter *uploaded, *downloaded;
    struct metric_counter *files; /* NULL when the operation is none of the file API's */
    struct metric_counter *requests;
    struct metric_histogram *documented_seconds;
    struct metric_histogram *seconds, *ttfb; /* NULL for what is no operation: it has no time of its own */
};

#define SERIES_SLOTS 64

/* http_*, file_* and data_transfer_bytes_total: the documented names. */
static void find_documented(struct series *series, const char *endpoint, const char *server)
{
    const char *method = series->method;
    int code = series->code;
    char labels[LABELS_MAX];

    snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",status_code=\"%d\",server_id=\"%s\"", method,
             endpoint, code, server);
    series->documented = metric_counter_get("http_requests_total", "Requests answered.", labels);
    snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",server_id=\"%s\"", method, endpoint, server);
    series->documented_seconds =
        metric_histogram_get("http_request_duration_seconds", "Time from a request's head to the end of its answer.",
                             labels, metric_seconds_bounds, metric_seconds_bound_count);
    if (code >= 400) {
        snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",error_type=\"%s\",server_id=\"%s\"", method,
                 endpoint, code >= 500 ? "server_error" : "client_error", server);
        series->documented_errors = metric_counter_get("http_errors_total", "Requests answered with an error.", labels);
    }
    snprintf(labels, sizeof(labels), "operation=\"upload\",server_id=\"%s\"", server);
    series->uploaded = metric_counter_get("data_transfer_bytes_total", "Bytes of request and response bodies.", labels);
    snprintf(labels, sizeof(labels), "operation=\"download\",server_id=\"%s\"", server);
    series->downloaded =
        metric_counter_get("data_transfer_bytes_total", "Bytes of request and response bodies.", labels);
}

static struct metric_counter *find_files(const struct operation *operation, int code)
{
    static const struct {
        const char *action, *name, *help;
    } counters[] = {
        {"UploadFile", "file_uploads_total", "Files uploaded through the file API."},
        {"DownloadFile", "file_downloads_total", "Files downloaded through the file API."},
        {"DeleteFile", "file_deletions_total", "Deletions through the file API."},
    };

    if (!operation || code >= 400 || code == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strcmp(operation->action, counters[i].action) == 0)
            return metric_counter_get(counters[i].name, counters[i].help, "");
    return NULL;
}

static void find_by_action(struct series *series, const char *action)
{
    char labels[LABELS_MAX];

    snprintf(labels, sizeof(labels), "action=\"%s\",code=\"%d\"", action, series->code);
    series->requests = metric_counter_get("tercet_requests_total", "Requests answered, by action and status.", labels);
    if (!series->operation || series->operation == &s3_unknown_operation || series->operation == &iam_unknown_operation)
        return;
    snprintf(labels, sizeof(labels), "action=\"%s\"", action);
    series->seconds = metric_histogram_get("tercet_request_seconds",
                                           "Time from a request's head to the end of its answer, by action; requests "
                                           "that were not permitted are left out.",
                                           labels, metric_seconds_bounds, metric_seconds_bound_count);
    series->ttfb = metric_histogram_get("tercet_request_ttfb_seconds",
                                        "Time from a request's head to the head of its answer, the body of an upload "
                                        "included; requests that were not permitted are left out.",
                                        labels, metric_seconds_bounds, metric_seconds_bound_count);
}

/* The exchange's series; those used last are kept by each thread, so that a request is counted without making and
 * looking up nine label texts. */
static const struct series *series_of(const struct exchange *exchange)
{
    static _Thread_local struct series slots[SERIES_SLOTS];
    const struct operation *operation = exchange->operation;
    const char *method = method_label(exchange->http->method);
    int code = exchange->http->status;
    size_t slot = ((uintptr_t)operation / sizeof(void *) * 31 + (uintptr_t)method + (unsigned)code) % SERIES_SLOTS;
    struct series *series = &slots[slot];

    if (series->operation == operation && series->method == method && series->code == code)
        return series;
    const char *action = operation ? operation->action : "none";
    *series = (struct series){.operation = operation, .method = method, .code = code};
    find_documented(series, operation && operation->path ? operation->path : action,
                    exchange->gateway->options.server_id);
    series->files = find_files(operation, code);
    find_by_action(series, action);
    return series;
}

void request_metrics_count(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;
    const struct series *series = series_of(exchange);
    double seconds = (double)(clock_monotonic_us() - http->start_us) / 1e6;

    metric_counter_add(series->documented, 1);
    metric_histogram_observe(series->documented_seconds, seconds);
    if (series->documented_errors)
        metric_counter_add(series->documented_errors, 1);
    metric_counter_add(series->uploaded, http->bytes_in);
    metric_counter_add(series->downloaded, http->bytes_out);
    if (series->files)
        metric_counter_add(series->files, 1);
    metric_counter_add(series->requests, 1);
    if (!exchange->permitted || !series->seconds)
        return; /* anybody's refusals, answered in no time, would make the action look fast */
    metric_histogram_observe(series->seconds, seconds);
    if (http->ttfb_us > http->start_us)
        metric_histogram_observe(series->ttfb, (double)(http->ttfb_us - http->start_us) / 1e6);
}
