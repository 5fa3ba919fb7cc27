/* The one reader of secret files; see the header. */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The beginning of the file, up to size bytes. */
static enum status read_front(int fd, char *out, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t got = read(fd, out + *len, size - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return STATUS_IO;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return STATUS_OK;
}

/* Up to size bytes of a file that is nobody else's. */
static enum status read_own(const char *path, char *out, size_t size, size_t *len, const char **error)
{
    enum status status = STATUS_IO;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    *len = 0;
    *error = "the file of a secret cannot be read";
    if (fd >= 0 && fstat(fd, &info) == 0) {
        if (info.st_mode & (S_IWGRP | S_IRWXO)) {
            *error = "the file holds a secret but is open to others: chmod 0600";
            status = STATUS_DENIED;
        } else {
            status = read_front(fd, out, size, len);
        }
    }
    if (fd >= 0)
        close(fd);
    return status;
}

enum status secret_file_read_whole(const char *path, char *out, size_t size, size_t *len, const char **error)
{
    enum status status = read_own(path, out, size, len, error);

    if (!status && *len == size) {
        *error = "the secret in the file is too long";
        status = STATUS_LIMIT;
    }
    if (status) {
        explicit_bzero(out, size);
        return status;
    }
    out[*len] = '\0';
    *error = NULL;
    return STATUS_OK;
}

enum status secret_file_read(const char *path, char *out, size_t size, const char **error)
{
    size_t len, line_len = 0;
    enum status status = read_own(path, out, size, &len, error);

    while (!status && line_len < len && !strchr("\r\n", out[line_len]))
        line_len++;
    if (!status && line_len == size) {
        *error = "the secret in the file is too long";
        status = STATUS_LIMIT;
    }
    if (status) {
        explicit_bzero(out, size);
        return status;
    }
    out[line_len] = '\0';
    *error = NULL;
    return STATUS_OK;
}

/* ---- making one ----------------------------------------------------------------------------------------------- */

static enum status write_line(int fd, const char *text)
{
    struct iovec parts[] = {{(char *)text, strlen(text)}, {"\n", 1}};
    ssize_t len = (ssize_t)(parts[0].iov_len + 1);

    if (fchmod(fd, S_IRUSR | S_IWUSR) || writev(fd, parts, 2) != len || fsync(fd))
        return STATUS_IO;
    return STATUS_OK;
}

/* The name is durable when its directory is. */
static enum status sync_directory_of(const char *path)
{
    char directory[PATH_MAX];

    if (snprintf(directory, sizeof(directory), "%s", path) >= (int)sizeof(directory))
        return STATUS_LIMIT;
    int fd = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = fd < 0 || fsync(fd) ? STATUS_IO : STATUS_OK;
    if (fd >= 0)
        close(fd);
    return status;
}

enum status secret_file_create(const char *path, const char *text)
{
    char fresh[PATH_MAX];

    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return STATUS_LIMIT;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return STATUS_IO;
    enum status status = write_line(fd, text);
    close(fd);
    if (!status && rename(fresh, path))
        status = STATUS_IO;
    if (!status)
        return sync_directory_of(path);
    unlink(fresh);
    return status;
}
