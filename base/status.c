/* Names of the outcomes and their relation to errno. What an outcome means to a client is decided elsewhere.
 */
#include "base/status.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *const names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_NOT_FOUND] = "not found",
    [STATUS_EXISTS] = "exists",
    [STATUS_INVALID] = "invalid",
    [STATUS_LIMIT] = "limit reached",
    [STATUS_DENIED] = "denied",
    [STATUS_CONFLICT] = "conflict",
    [STATUS_PRECONDITION] = "precondition failed",
    [STATUS_NOT_EMPTY] = "not empty",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_DAMAGED] = "database damaged",
    [STATUS_MISMATCH] = "checksum mismatch",
    [STATUS_IO] = "input/output error",
    [STATUS_NO_SPACE] = "no space",
    [STATUS_QUOTA] = "quota exceeded",
    [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_CLOSED] = "closed",
    [STATUS_CANCELLED] = "cancelled",
    [STATUS_UNCERTAIN] = "uncertain",
    [STATUS_INTERNAL] = "internal error",
};

const char *status_name(enum status status)
{
    if ((unsigned)status >= STATUS_COUNT || !names[status])
        return "unknown";
    return names[status];
}

enum status status_from_errno(int error)
{
    switch (error) {
    case 0:
        return STATUS_OK;
    case ENOENT:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_EXISTS;
    case EINVAL:
    case ENAMETOOLONG:
        return STATUS_INVALID;
    case EMFILE:
    case ENFILE:
    case EFBIG:
        return STATUS_LIMIT;
    case EACCES:
    case EPERM:
        return STATUS_DENIED;
    case ENOTEMPTY:
        return STATUS_NOT_EMPTY;
    case ENOSPC:
    case EDQUOT:
        return STATUS_NO_SPACE;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return STATUS_UNAVAILABLE;
    case ETIMEDOUT:
        return STATUS_TIMEOUT;
    case EPIPE:
    case ECONNRESET:
        return STATUS_CLOSED;
    case ECANCELED:
        return STATUS_CANCELLED;
    default:
        return STATUS_IO;
    }
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

enum status status_from_rocksdb(const char *error)
{
    if (!error)
        return STATUS_OK;
    if (begins_with(error, "Result incomplete"))
        return STATUS_UNAVAILABLE;
    if (begins_with(error, "Corruption"))
        return STATUS_DAMAGED;
    if (strstr(error, "No space left"))
        return STATUS_NO_SPACE;
    /* Of a table or blob file: what names it is there, so it was. */
    if (begins_with(error, "IO error") && strstr(error, "No such file or directory"))
        return STATUS_DAMAGED;
    return STATUS_IO;
}
