/* JSON log lines on stdout. Every line is valid JSON of at most LINE_MAX_BYTES whatever the fields hold:
 * control characters are escaped, bytes that are not UTF-8 become U+FFFD, and what does not fit is cut and
 * marked with "truncated". A line goes out with one write, so that lines of several threads do not mix; when
 * stdout or the file cannot take it, it is lost there. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/task.h"
#include "base/trace.h"

#define LINE_MAX_BYTES 8192
#define LOG_PATH_MAX   4096
#define VALUE_ROOM     64 /* a field is begun only if a name, a number and punctuation fit */

static const char line_end[] = "}\n";
static const char line_end_truncated[] = ",\"truncated\":true}\n";

/* Its descriptor keeps its number for good: a new file takes its place with dup2. */
struct log_file {
    int fd; /* -1: none */
    mode_t mode;
    char *path;
};

/* Set once by log_init, log_open and log_open_audit, before other threads; the level is atomic. */
static struct {
    const char *service, *server_id;
    int level, level_configured;
    struct log_file file, audit;
} settings = {.level = LOG_INFO,
              .level_configured = LOG_INFO,
              .file = {.fd = -1, .mode = 0640}, /* whoever collects logs is in its group */
              .audit = {.fd = -1, .mode = 0600}};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *service, const char *server_id, enum log_level level)
{
    settings.service = service;
    settings.server_id = server_id;
    settings.level_configured = (int)level;
    log_set_level(level);
}

void log_toggle_debug(void)
{
    bool debugging = log_enabled(LOG_DEBUG);

    log_set_level(debugging ? (enum log_level)settings.level_configured : LOG_DEBUG);
}

static int file_open(const struct log_file *file)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC;
    int fd = open(file->path, flags | O_CREAT | O_EXCL, file->mode);
    if (fd < 0)
        return open(file->path, flags | O_CREAT, file->mode);
    fchmod(fd, file->mode); /* whatever the umask */
    return fd;
}

static bool directory_make(const char *path)
{
    if (mkdir(path, 0750) == 0)
        return chmod(path, 0750) == 0;
    return errno == EEXIST;
}

enum status log_open(const char *directory)
{
    char path[LOG_PATH_MAX];

    errno = ENAMETOOLONG;
    if (snprintf(path, sizeof(path), "%s/%s", directory, settings.service) >= LOG_PATH_MAX)
        return STATUS_IO;
    if (!directory_make(directory) || !directory_make(path))
        return STATUS_IO;
    errno = ENAMETOOLONG;
    if (snprintf(path, sizeof(path), "%s/%s/%s.log", directory, settings.service, settings.server_id) >= LOG_PATH_MAX)
        return STATUS_IO;
    settings.file.path = mem_strdup(path);
    settings.file.fd = file_open(&settings.file);
    return settings.file.fd >= 0 ? STATUS_OK : STATUS_IO;
}

enum status log_open_audit(const char *path)
{
    settings.audit.path = mem_strdup(path);
    settings.audit.fd = file_open(&settings.audit);
    return settings.audit.fd >= 0 ? STATUS_OK : STATUS_IO;
}

static enum status file_reopen(const struct log_file *file)
{
    enum status status = STATUS_OK;
    int fd;

    if (file->fd < 0)
        return STATUS_OK;
    fd = file_open(file);
    if (fd < 0 || dup3(fd, file->fd, O_CLOEXEC) < 0)
        status = STATUS_IO;
    if (fd >= 0)
        close(fd);
    return status;
}

enum status log_reopen(void)
{
    enum status status = file_reopen(&settings.file), audit = file_reopen(&settings.audit);

    return status ? status : audit;
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&settings.level, (int)level, __ATOMIC_RELAXED);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= __atomic_load_n(&settings.level, __ATOMIC_RELAXED);
}

enum status log_level_parse(struct bytes text, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
        if (bytes_equal_str(text, level_names[i])) {
            *level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

struct line {
    size_t len;
    bool truncated;
    char text[LINE_MAX_BYTES];
};

/* Room before the longest end of a line and a string's closing quote. */
static size_t line_room(const struct line *line)
{
    size_t used = line->len + sizeof(line_end_truncated) + 1;

    return used < LINE_MAX_BYTES ? LINE_MAX_BYTES - used : 0;
}

static void line_put(struct line *line, const char *data, size_t len)
{
    memcpy(line->text + line->len, data, len);
    line->len += len;
}

/* The length of the well-formed UTF-8 sequence (RFC 3629 section 4) that the text starts with, 0 if there is
 * none. */
static size_t utf8_length(const uint8_t *at, size_t len)
{
    size_t need = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return need;
}

static void line_put_string(struct line *line, struct bytes value)
{
    const uint8_t *at = (const uint8_t *)value.data;
    size_t left = value.len;

    line_put(line, "\"", 1);
    while (left > 0) {
        char escape[8];
        const char *piece = escape;
        size_t taken = utf8_length(at, left), len;

        if (taken == 0) {
            len = (size_t)snprintf(escape, sizeof(escape), "\\ufffd");
            taken = 1;
        } else if (*at == '"' || *at == '\\') {
            len = (size_t)snprintf(escape, sizeof(escape), "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            len = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *at);
        } else {
            piece = (const char *)at;
            len = taken;
        }
        if (len > line_room(line)) {
            line->truncated = true;
            break;
        }
        line_put(line, piece, len);
        at += taken;
        left -= taken;
    }
    line_put(line, "\"", 1);
}

static bool line_put_name(struct line *line, const char *name)
{
    if (line->truncated || line_room(line) < strlen(name) + VALUE_ROOM) {
        line->truncated = true;
        return false;
    }
    line_put(line, line->len > 0 ? "," : "{", 1);
    line_put_string(line, bytes_from_str(name));
    line_put(line, ":", 1);
    return true;
}

static void line_put_field(struct line *line, const struct log_field *field)
{
    char number[VALUE_ROOM];

    if (!line_put_name(line, field->name))
        return;
    switch (field->type) {
    case LOG_FIELD_STRING:
        if (field->value.string != NULL)
            line_put_string(line, bytes_from_str(field->value.string));
        else
            line_put(line, "null", 4);
        break;
    case LOG_FIELD_BYTES:
        line_put_string(line, field->value.bytes);
        break;
    case LOG_FIELD_INT:
        line_put(line, number, (size_t)snprintf(number, sizeof(number), "%" PRId64, field->value.integer));
        break;
    case LOG_FIELD_DOUBLE:
        if (isfinite(field->value.number))
            line_put(line, number, (size_t)snprintf(number, sizeof(number), "%.10g", field->value.number));
        else
            line_put(line, "null", 4);
        break;
    case LOG_FIELD_BOOL:
        line_put(line, field->value.truth ? "true" : "false", field->value.truth ? 4 : 5);
        break;
    }
}

static void line_put_fields(struct line *line, const struct log_field *fields)
{
    for (; fields->name != NULL; fields++)
        line_put_field(line, fields);
}

/* The last two parts of a path: build paths are long, and nobody else's business. */
static const char *short_caller(const char *caller)
{
    const char *start = caller, *previous = caller;

    for (const char *at = caller; *at; at++) {
        if (*at == '/') {
            start = previous;
            previous = at + 1;
        }
    }
    return start;
}

static void line_start(struct line *line, const char *level, const char *caller, const char *message)
{
    char timestamp[CLOCK_TEXT_MAX];

    line->len = 0;
    line->truncated = false;
    clock_format_iso8601_ms(clock_wall_ms(), timestamp);
    line_put_fields(line, (const struct log_field[]){LOG_STR("timestamp", timestamp),
                                                     LOG_STR("level", level),
                                                     LOG_STR("caller", short_caller(caller)),
                                                     LOG_STR("message", message),
                                                     {0}});
    if (settings.service != NULL)
        line_put_field(line, &LOG_STR("service", settings.service));
    if (settings.server_id != NULL)
        line_put_field(line, &LOG_STR("serverID", settings.server_id));
}

/* False: not all of it. */
static bool line_write_to(int fd, const struct line *line)
{
    size_t done = 0;

    while (done < line->len) {
        ssize_t written = write(fd, line->text + done, line->len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        done += (size_t)written;
    }
    return true;
}

static void line_write(struct line *line)
{
    const char *end = line->truncated ? line_end_truncated : line_end;

    line_put(line, end, strlen(end));
    line_write_to(STDOUT_FILENO, line);
    if (settings.file.fd >= 0)
        line_write_to(settings.file.fd, line);
}

static void write_line(const char *level, const char *caller, const char *message, const struct log_field *fields)
{
    const char *request_id = task_request_id(), *trace = task_trace();
    struct line line;

    line_start(&line, level, caller, message);
    if (request_id != NULL)
        line_put_field(&line, &LOG_STR("requestID", request_id));
    if (trace != NULL)
        line_put_field(&line, &LOG_BYTES("traceID", bytes_of(trace + TRACE_ID_AT, TRACE_ID_LEN)));
    line_put_fields(&line, fields);
    line_write(&line);
}

void log_write(enum log_level level, const char *caller, const char *message, const struct log_field *fields)
{
    write_line(level_names[level], caller, message, fields);
}

void log_access(const struct log_field *fields)
{
    write_line("info", "access", "access", fields);
}

bool log_audit_enabled(void)
{
    return settings.audit.fd >= 0;
}

#define AUDIT_COMPLAINT_MS 60000

void log_audit(const struct log_field *fields)
{
    static uint64_t complain_ms; /* atomic */
    const char *request_id = task_request_id();
    char timestamp[CLOCK_TEXT_MAX];
    struct line line = {.len = 0};

    clock_format_iso8601_ms(clock_wall_ms(), timestamp);
    line_put_field(&line, &LOG_STR("timestamp", timestamp));
    line_put_field(&line, &LOG_STR("serverID", settings.server_id));
    if (request_id != NULL)
        line_put_field(&line, &LOG_STR("requestID", request_id));
    line_put_fields(&line, fields);
    const char *end = line.truncated ? line_end_truncated : line_end;
    line_put(&line, end, strlen(end));
    if (line_write_to(settings.audit.fd, &line))
        return;
    uint64_t now_ms = clock_monotonic_ms(), due_ms = __atomic_load_n(&complain_ms, __ATOMIC_RELAXED);
    if (now_ms >= due_ms && __atomic_compare_exchange_n(&complain_ms, &due_ms, now_ms + AUDIT_COMPLAINT_MS, false,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        log_error("the audit log cannot be written", LOG_STR("reason", strerror(errno)));
}
