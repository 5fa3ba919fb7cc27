/* One exchange: libcurl's callbacks fill in the call and unpark its task, the task's functions look at it. Nothing of
 * the task's runs inside a callback. When the task leaves received bytes or has none to send, the transfer pauses;
 * unpausing may call back at once, so it is left to the client's flush, which runs outside of tasks. */
#include "base/http_client_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/task.h"

#define CONNECT_TIMEOUT_DEFAULT_MS 2000
#define RECEIVE_WINDOW_DEFAULT     (256 * 1024)
#define RECEIVE_BUFFER_MAX         (256 * 1024L) /* of libcurl */
#define UPLOAD_BUFFER_BYTES        (128 * 1024L) /* of libcurl, for a longer body: half the sends of its default */
#define WIPED_BYTES_MAX            4096
#define HEAD_BYTES_MAX             (64 * 1024)
#define SMALL_BODY_MAX             (64 * 1024 - 1) /* libcurl sends it with the head in one go */

static void call_progress(struct http_call *call)
{
    call->last_progress_ms = clock_monotonic_ms();
}

/* CURLOPT_READFUNCTION */
static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t got = call->read(call->read_arg, out, size * count);

    if (got == HTTP_CALL_CANCEL)
        return CURL_READFUNC_ABORT;
    if (got == HTTP_CALL_PAUSE) {
        call->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    CHECK(got <= size * count);
    call->sent += got;
    call_progress(call);
    return got;
}

/* CURLOPT_SEEKFUNCTION: only back to the start, to send again on a new connection. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct http_call *call = arg;

    if (offset != 0 || origin != SEEK_SET || !call->rewind || !call->rewind(call->read_arg))
        return CURL_SEEKFUNC_FAIL;
    call->sent = 0;
    return CURL_SEEKFUNC_OK;
}

/* http_call_read_fn for a body in memory. */
static size_t read_body(void *arg, char *out, size_t capacity)
{
    struct http_call *call = arg;
    size_t left = call->body.len - call->body_position;
    size_t len = left < capacity ? left : capacity;

    memcpy(out, call->body.data + call->body_position, len);
    call->body_position += len;
    return len;
}

/* http_call_rewind_fn for it. */
static bool rewind_body(void *arg)
{
    struct http_call *call = arg;

    call->body_position = 0;
    return true;
}

/* The value of the first field of that name in the head, absent if there is none. */
static struct bytes head_find(const struct http_call *call, const char *name)
{
    struct bytes rest = buffer_bytes(&call->head);

    while (rest.len) {
        const char *newline = memchr(rest.data, '\n', rest.len);
        size_t len = newline ? (size_t)(newline - rest.data) : rest.len;
        const char *colon = memchr(rest.data, ':', len);
        if (colon && bytes_equal_nocase(bytes_of(rest.data, (size_t)(colon - rest.data)), name)) {
            size_t value_len = (size_t)(rest.data + len - colon - 1);
            if (value_len && colon[value_len] == '\r')
                value_len--;
            return bytes_trim(bytes_of(colon + 1, value_len));
        }
        len += newline != NULL;
        rest = bytes_of(rest.data + len, rest.len - len);
    }
    return bytes_of(NULL, 0);
}

static void head_complete(struct http_call *call)
{
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) /* an interim response; the next head follows */
        return;
    call->status = (int)status;
    call->head_arrived = true;
    if (bytes_parse_u64(head_find(call, "content-length"), UINT64_MAX, &call->content_length))
        call->content_length = UINT64_MAX;
    if (status >= 300 && call->send_paused) {
        /* libcurl sends no more of the body, but would wait for the pause's end. */
        call->send_resumed = true;
        http_client_schedule(call);
    }
    task_unpark(call->task);
}

/* CURLOPT_HEADERFUNCTION: a line at a time; status lines begin a new head, trailers come after the body. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    struct bytes line = bytes_of(data, size * count);

    call_progress(call);
    if (call->head_arrived)
        return line.len;
    if (bytes_starts_with(line, BYTES("HTTP/")))
        buffer_clear(&call->head);
    if (buffer_append_bytes(&call->head, line))
        return 0; /* libcurl gives up */
    if (bytes_equal_str(line, "\r\n") || bytes_equal_str(line, "\n"))
        head_complete(call);
    return line.len;
}

/* CURLOPT_WRITEFUNCTION: libcurl gives CURL_MAX_WRITE_SIZE bytes at most, which the smallest window holds. */
static size_t on_write(char *data, size_t size, size_t count, void *arg)
{
    struct http_call *call = arg;
    size_t len = size * count;

    call_progress(call);
    if (call->pending && call->pending + len > call->window) {
        call->receive_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!call->received) {
        call->capacity = 2 * call->window;
        if (call->content_length < call->capacity)
            call->capacity = (size_t)call->content_length;
        call->received = mem_alloc(call->capacity);
    }
    if (len > call->capacity - call->start - call->pending)
        return 0; /* more than Content-Length said */
    memcpy(call->received + call->start + call->pending, data, len);
    call->pending += len;
    task_unpark(call->task);
    return len;
}

static enum status outcome_of(CURLcode result)
{
    switch (result) {
    case CURLE_OK:
        return STATUS_OK;
    case CURLE_URL_MALFORMAT:
        return STATUS_INVALID;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return STATUS_UNAVAILABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return STATUS_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_FAIL_REWIND:
        return STATUS_CLOSED;
    case CURLE_ABORTED_BY_CALLBACK:
        return STATUS_CANCELLED;
    default:
        return STATUS_IO;
    }
}

/* Takes the handle back from libcurl; a transfer that is not done loses its connection. */
static void call_detach(struct http_call *call)
{
    struct http_client *client = call->client;

    call->sent = http_call_bytes_sent(call);
    curl_multi_remove_handle(client->multi, call->easy);
    http_client_give_easy(client, call->easy);
    call->easy = NULL;
}

/* libcurl itself sends again when a kept connection turns out to be closed as it reads, but not when the sending
 * fails, which is what a longer body meets. */
static bool call_may_retry(const struct http_call *call, CURLcode result)
{
    long connects = 1; /* made for this exchange */

    if (result != CURLE_SEND_ERROR && result != CURLE_RECV_ERROR)
        return false;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 || call->head.len > 0 || call->retried)
        return false;
    return !call->read || call->sent == 0 || (call->rewind && call->rewind(call->read_arg));
}

static void call_retry(struct http_call *call)
{
    call->retried = true;
    call->sent = 0;
    call->send_paused = false;
    call_progress(call);
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    CHECK(curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK);
}

void http_call_finish(struct http_call *call, CURLcode result)
{
    if (call_may_retry(call, result)) {
        call_retry(call);
        return;
    }
    if (result != CURLE_OK)
        log_debug("HTTP exchange failed", LOG_STR("reason", curl_easy_strerror(result)),
                  LOG_STR("detail", call->curl_error));
    if (result != CURLE_OK)
        call->problem = http_tls_problem(call->easy, result, call->curl_error);
    call_detach(call);
    call->outcome = outcome_of(result);
    call->ended = true;
    task_unpark(call->task);
}

void http_call_flush(struct http_call *call)
{
    if (call->ended)
        return;
    if (call->send_resumed)
        call->send_paused = false;
    call->send_resumed = false;
    if (call->pending <= call->window / 2)
        call->receive_paused = false;
    CURLcode result = curl_easy_pause(call->easy, (call->send_paused ? CURLPAUSE_SEND : 0) |
                                                      (call->receive_paused ? CURLPAUSE_RECV : 0));
    if (result != CURLE_OK)
        http_call_finish(call, result);
}

static void set_headers(struct http_call *call, const struct http_call_options *options)
{
    /* What libcurl would add by itself. */
    static const char *const removed[] = {"Expect:", "Accept:", "Content-Type:"};
    bool has_type = false;

    for (unsigned i = 0; options->headers && options->headers[i]; i++) {
        has_type = has_type || strncasecmp(options->headers[i], "content-type:", 13) == 0;
        call->headers = curl_slist_append(call->headers, options->headers[i]);
        CHECK(call->headers != NULL);
    }
    for (unsigned i = 0; i < (has_type ? 2 : 3); i++) {
        call->headers = curl_slist_append(call->headers, removed[i]);
        CHECK(call->headers != NULL);
    }
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_body(struct http_call *call, const struct http_call_options *options)
{
    uint64_t length = options->read ? options->body_length : options->body.len;

    if (!options->read && length <= SMALL_BODY_MAX) {
        if (length == 0 && (strcmp(options->method, "GET") == 0 || strcmp(options->method, "DELETE") == 0))
            return;
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, length ? options->body.data : "");
        return;
    }
    call->read = options->read ? options->read : read_body;
    call->rewind = options->read ? options->rewind : rewind_body;
    call->read_arg = options->read ? options->read_arg : call;
    call->body = options->body;
    curl_easy_setopt(call->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(call->easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    curl_easy_setopt(call->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(call->easy, CURLOPT_READDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(call->easy, CURLOPT_SEEKDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_INFILESIZE_LARGE, length == UINT64_MAX ? (curl_off_t)-1 : (curl_off_t)length);
}

static void set_request(struct http_call *call, const struct http_call_options *options)
{
    CURL *easy = call->easy;
    long timeout_ms = options->connect_timeout_ms ? (long)options->connect_timeout_ms : CONNECT_TIMEOUT_DEFAULT_MS;

    curl_easy_setopt(easy, CURLOPT_URL, options->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, options->tls_only ? "https" : "http,https");
    if (options->ca_file && options->ca_file[0])
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (options->tls)
        http_tls_set_client(easy, options->tls);
    if (strcmp(options->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        set_body(call, options);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options->method);
    }
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    if (strcmp(options->method, "GET") == 0) /* others have small answers; the default is 16 KiB */
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                         call->window < RECEIVE_BUFFER_MAX ? (long)call->window : RECEIVE_BUFFER_MAX);
    set_headers(call, options);
}

static void set_transport(struct http_call *call)
{
    CURL *easy = call->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or giving up would wait for a name that is being looked up */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

struct http_call *http_call_start(const struct http_call_options *options)
{
    struct task *task = task_self();
    struct http_call *call = mem_zalloc(sizeof(*call));

    CHECK(task != NULL);
    call->client = http_client_of(task_loop(task));
    call->task = task;
    call->window = options->receive_window ? options->receive_window : RECEIVE_WINDOW_DEFAULT;
    if (call->window < CURL_MAX_WRITE_SIZE)
        call->window = CURL_MAX_WRITE_SIZE;
    call->content_length = UINT64_MAX;
    buffer_init(&call->head, HEAD_BYTES_MAX);
    call_progress(call);

    call->link = &call->client->calls;
    call->next = *call->link;
    if (call->next)
        call->next->link = &call->next;
    *call->link = call;

    call->easy = http_client_take_easy(call->client);
    set_transport(call);
    set_request(call, options);
    CHECK(curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK);
    return call;
}

void http_call_resume(struct http_call *call)
{
    if (call->ended || !call->send_paused)
        return;
    call->send_resumed = true;
    http_client_schedule(call);
}

/* Headers may have had a token, and a small answer may be a secret. */
static void wipe(struct http_call *call)
{
    for (struct curl_slist *at = call->headers; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    if (call->received && call->capacity <= WIPED_BYTES_MAX)
        explicit_bzero(call->received, call->capacity);
}

void http_call_free(struct http_call *call)
{
    if (!call->ended)
        call_detach(call);
    if (call->due) {
        struct http_call **at = &call->client->due;
        while (*at != call)
            at = &(*at)->due_next;
        *at = call->due_next;
    }
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    wipe(call);
    curl_slist_free_all(call->headers);
    buffer_release(&call->head);
    free(call->received);
    free(call);
}

bool http_call_head_arrived(const struct http_call *call)
{
    return call->head_arrived;
}

bool http_call_ended(const struct http_call *call)
{
    return call->ended;
}

enum status http_call_outcome(const struct http_call *call)
{
    return call->outcome;
}

const char *http_call_problem(const struct http_call *call)
{
    return call->ended ? call->problem : NULL;
}

int http_call_status(const struct http_call *call)
{
    return call->status;
}

struct bytes http_call_header(const struct http_call *call, const char *name)
{
    return call->head_arrived ? head_find(call, name) : bytes_of(NULL, 0);
}

uint64_t http_call_bytes_sent(const struct http_call *call)
{
    curl_off_t uploaded = 0;

    if (!call->read && call->easy)
        curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    return call->read || !call->easy ? call->sent : (uint64_t)uploaded;
}

uint64_t http_call_last_progress_ms(const struct http_call *call)
{
    return call->last_progress_ms;
}

struct bytes http_call_received(const struct http_call *call)
{
    return bytes_of(call->received ? call->received + call->start : NULL, call->pending);
}

void http_call_consume(struct http_call *call, size_t len)
{
    CHECK(len <= call->pending);
    call->start += len;
    call->pending -= len;
    if (call->start >= call->pending && call->start > 0) {
        memmove(call->received, call->received + call->start, call->pending);
        call->start = 0;
    }
    if (call->receive_paused && call->pending <= call->window / 2)
        http_client_schedule(call);
}
