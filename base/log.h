/* The log: JSON lines on stdout, one object per event: timestamp (UTC, ms, Z), level, caller, message, service,
 * serverID, requestID and traceID when the running task has them, then the event's own fields. Written with one
 * write(2), 8 KiB at most; strings are escaped, never trusted. Secrets are never given to a log function. */
#ifndef TERCET_BASE_LOG_H
#define TERCET_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    enum { LOG_FIELD_STRING, LOG_FIELD_BYTES, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } type;
    union {
        const char *string;
        struct bytes bytes;
        int64_t integer;
        double number;
        bool truth;
    } value;
};

#define LOG_STR(key, v)   ((struct log_field){(key), LOG_FIELD_STRING, {.string = (v)}})
#define LOG_BYTES(key, v) ((struct log_field){(key), LOG_FIELD_BYTES, {.bytes = (v)}})
#define LOG_INT(key, v)   ((struct log_field){(key), LOG_FIELD_INT, {.integer = (int64_t)(v)}})
#define LOG_NUM(key, v)   ((struct log_field){(key), LOG_FIELD_DOUBLE, {.number = (v)}})
#define LOG_BOOL(key, v)  ((struct log_field){(key), LOG_FIELD_BOOL, {.truth = (v)}})
#define LOG_STATUS(v)     LOG_STR("status", status_name(v))

/* log_warn("node is unreachable", LOG_STR("nodeId", id), LOG_STATUS(status)); fields are optional. */
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__, {0})
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__, {0})
#define log_warn(...)  LOG_AT(LOG_WARN, __VA_ARGS__, {0})
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__, {0})
#define LOG_AT(level, message, ...)                                                                                    \
    do {                                                                                                               \
        if (log_enabled(level))                                                                                        \
            log_write(level, LOG_CALLER, message, (const struct log_field[]){__VA_ARGS__});                            \
    } while (0)
#define LOG_STRINGIFY2(x) #x
#define LOG_STRINGIFY(x)  LOG_STRINGIFY2(x)
#define LOG_CALLER        __FILE__ ":" LOG_STRINGIFY(__LINE__)

void log_init(const char *service, const char *server_id, enum log_level level); /* strings are kept */
void log_set_level(enum log_level level);                                        /* from any thread */
void log_toggle_debug(void); /* to debug, and back to the level of log_init; from one thread */
/* Writes to DIRECTORY/SERVICE/SERVER-ID.log too, which is made when missing; after log_init, before other threads. IO,
 * with errno. */
enum status log_open(const char *directory);
/* Opens the files anew, for those who renamed them. No-op without one; from any thread. On IO the old one stays. */
enum status log_reopen(void);
bool log_enabled(enum log_level level);
/* fields end with one whose name is NULL; a line that they overfill is cut and gets "truncated":true. */
void log_write(enum log_level level, const char *caller, const char *message, const struct log_field *fields);
/* A line of the access log: written whatever the level. */
void log_access(const struct log_field *fields);
/* Opens the audit log, a file of its own that nobody else may read; after log_init, before other threads. IO, with
 * errno. log_reopen opens it anew, too. */
enum status log_open_audit(const char *path);
bool log_audit_enabled(void); /* it was opened */
/* A line of the audit log, in that file alone. One that cannot be written is said in the log, once a minute. */
void log_audit(const struct log_field *fields);
/* STATUS_INVALID unless debug, info, warn or error. */
enum status log_level_parse(struct bytes text, enum log_level *level);

#endif
