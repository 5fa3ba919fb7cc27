/* The one reader of secret files; see the header. */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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

enum status secret_file_read(const char *path, char *out, size_t size, const char **error)
{
    enum status status = STATUS_IO;
    struct stat info;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    *error = "the file of a secret cannot be read";
    if (fd < 0 || fstat(fd, &info) != 0)
        goto out;
    if (info.st_mode & (S_IWGRP | S_IRWXO)) {
        *error = "the file holds a secret but is open to others: chmod 0600";
        status = STATUS_DENIED;
        goto out;
    }
    status = read_front(fd, out, size, &len);
    if (status)
        goto out;
    size_t line_len = 0;
    while (line_len < len && !strchr("\r\n", out[line_len]))
        line_len++;
    if (line_len == size) {
        *error = "the secret in the file is too long";
        status = STATUS_LIMIT;
        goto out;
    }
    out[line_len] = '\0';
    *error = NULL;
out:
    if (fd >= 0)
        close(fd);
    if (status)
        explicit_bzero(out, size);
    return status;
}
