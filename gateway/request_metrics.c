/* Counting requests; see the header. Labels come from the operation table, the status code and a fixed list
 * of methods, so that no client can make series. */
#include "gateway/request_metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/operation.h"

#define LABELS_MAX 256

static const char *method_label(struct bytes method)
{
    static const char *const known[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (bytes_equal_str(method, known[i]))
            return known[i];
    return "other";
}

static void count_documented(const struct exchange *exchange, const char *endpoint, double seconds)
{
    const char *server = exchange->gateway->options.server_id;
    const char *method = method_label(exchange->http->method);
    int code = exchange->http->status;
    char labels[LABELS_MAX];

    snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",status_code=\"%d\",server_id=\"%s\"", method,
             endpoint, code, server);
    metric_counter_add(metric_counter_get("http_requests_total", "Requests answered.", labels), 1);
    snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",server_id=\"%s\"", method, endpoint, server);
    metric_histogram_observe(metric_histogram_get("http_request_duration_seconds", "Time from head to answer's end.",
                                                  labels, metric_seconds_bounds, metric_seconds_bound_count),
                             seconds);
    if (code >= 400) {
        snprintf(labels, sizeof(labels), "method=\"%s\",endpoint=\"%s\",error_type=\"%s\",server_id=\"%s\"", method,
                 endpoint, code >= 500 ? "server_error" : "client_error", server);
        metric_counter_add(metric_counter_get("http_errors_total", "Requests answered with an error.", labels), 1);
    }
    snprintf(labels, sizeof(labels), "operation=\"upload\",server_id=\"%s\"", server);
    metric_counter_add(metric_counter_get("data_transfer_bytes_total", "Bytes of bodies.", labels),
                       exchange->http->bytes_in);
    snprintf(labels, sizeof(labels), "operation=\"download\",server_id=\"%s\"", server);
    metric_counter_add(metric_counter_get("data_transfer_bytes_total", "Bytes of bodies.", labels),
                       exchange->http->bytes_out);
}

static void count_files(const struct exchange *exchange)
{
    static const struct {
        const char *action, *name, *help;
    } counters[] = {
        {"UploadFile", "file_uploads_total", "Files uploaded through the file API."},
        {"DownloadFile", "file_downloads_total", "Files downloaded through the file API."},
        {"DeleteFile", "file_deletions_total", "Deletions through the file API."},
    };

    if (!exchange->operation || exchange->http->status >= 400 || exchange->http->status == 0)
        return;
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strcmp(exchange->operation->action, counters[i].action) == 0)
            metric_counter_add(metric_counter_get(counters[i].name, counters[i].help, ""), 1);
}

void request_metrics_count(const struct exchange *exchange)
{
    const struct http_request *http = exchange->http;
    const char *action = exchange->operation ? exchange->operation->action : "none";
    const char *endpoint = exchange->operation && exchange->operation->path ? exchange->operation->path : action;
    double seconds = (double)(clock_monotonic_us() - http->start_us) / 1e6;
    char labels[LABELS_MAX];

    count_documented(exchange, endpoint, seconds);
    count_files(exchange);
    snprintf(labels, sizeof(labels), "action=\"%s\",code=\"%d\"", action, http->status);
    metric_counter_add(metric_counter_get("tercet_requests_total", "Requests by action and status.", labels), 1);
    snprintf(labels, sizeof(labels), "action=\"%s\"", action);
    metric_histogram_observe(metric_histogram_get("tercet_request_seconds", "Time from head to answer's end.", labels,
                                                  metric_seconds_bounds, metric_seconds_bound_count),
                             seconds);
    if (http->ttfb_us > http->start_us)
        metric_histogram_observe(metric_histogram_get("tercet_request_ttfb_seconds", "Time from head to answer's head.",
                                                      labels, metric_seconds_bounds, metric_seconds_bound_count),
                                 (double)(http->ttfb_us - http->start_us) / 1e6);
}
