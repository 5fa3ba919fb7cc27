/* See the header. */
#include "base/rocks_log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"

#define BLOCK_BYTES      32768
#define HEADER_LEN       7
#define CHECKSUM_DELTA   0xa282ead8u /* of util/crc32c.h: checksums are stored masked */
#define PATH_LEN_MAX     4096
#define RECORD_BYTES_MAX (256u << 20)
#define LOG_BYTES_MAX    (1 << 30)

/* Over type and payload. */
static uint32_t masked_checksum(uint8_t type, struct bytes payload)
{
    uint32_t crc = crc32c_update(crc32c_update(0, &type, 1), payload.data, payload.len);
    return (crc >> 15 | crc << 17) + CHECKSUM_DELTA;
}

bool log_fragment_read(struct bytes log, size_t offset, struct log_fragment *fragment)
{
    size_t block_left = BLOCK_BYTES - offset % BLOCK_BYTES;
    size_t left = log.len - offset < block_left ? log.len - offset : block_left;
    const uint8_t *at = (const uint8_t *)log.data + offset;
    if (left < HEADER_LEN)
        return false;
    size_t len = (size_t)at[4] | (size_t)at[5] << 8;
    if (at[6] < LOG_FRAGMENT_FULL || at[6] > LOG_FRAGMENT_LAST || HEADER_LEN + len > left)
        return false;
    *fragment = (struct log_fragment){at[6], bytes_of(log.data + offset + HEADER_LEN, len), HEADER_LEN + len};
    uint32_t stored = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return stored == masked_checksum(at[6], fragment->payload);
}

size_t log_block_padding(size_t offset)
{
    size_t left = BLOCK_BYTES - offset % BLOCK_BYTES;
    return left < HEADER_LEN ? left : 0;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* A log that is being made: what is buffered is written in pieces. */
struct log_writer {
    int fd;
    size_t offset; /* of the next byte, in the file as it will be */
    size_t buffered;
    enum status status; /* of the first write that failed */
    char buffer[1 << 16];
};

static void writer_flush(struct log_writer *writer)
{
    for (size_t at = 0; !writer->status && at < writer->buffered;) {
        ssize_t len = write(writer->fd, writer->buffer + at, writer->buffered - at);
        if (len < 0)
            writer->status = status_from_errno(errno);
        else
            at += (size_t)len;
    }
    writer->buffered = 0;
}

static void writer_append(struct log_writer *writer, struct bytes data)
{
    writer->offset += data.len;
    while (data.len) {
        size_t room = sizeof(writer->buffer) - writer->buffered;
        size_t len = data.len < room ? data.len : room;
        memcpy(writer->buffer + writer->buffered, data.data, len);
        writer->buffered += len;
        data = bytes_of(data.data + len, data.len - len);
        if (writer->buffered == sizeof(writer->buffer))
            writer_flush(writer);
    }
}

static void fragment_append(struct log_writer *writer, enum log_fragment_type type, struct bytes payload)
{
    uint32_t checksum = masked_checksum((uint8_t)type, payload);
    uint8_t header[HEADER_LEN] = {(uint8_t)checksum,
                                  (uint8_t)(checksum >> 8),
                                  (uint8_t)(checksum >> 16),
                                  (uint8_t)(checksum >> 24),
                                  (uint8_t)payload.len,
                                  (uint8_t)(payload.len >> 8),
                                  (uint8_t)type};
    writer_append(writer, bytes_of(header, HEADER_LEN));
    writer_append(writer, payload);
}

static void record_append(struct log_writer *writer, struct bytes record)
{
    static const char zeros[HEADER_LEN] = {0};
    bool first = true, last;
    do {
        writer_append(writer, bytes_of(zeros, log_block_padding(writer->offset)));
        size_t room = BLOCK_BYTES - writer->offset % BLOCK_BYTES - HEADER_LEN;
        size_t len = record.len < room ? record.len : room;
        last = len == record.len;
        enum log_fragment_type type = first ? LOG_FRAGMENT_FIRST : LOG_FRAGMENT_MIDDLE;
        if (last)
            type = first ? LOG_FRAGMENT_FULL : LOG_FRAGMENT_LAST;
        fragment_append(writer, type, bytes_of(record.data, len));
        record = bytes_of(record.data + len, record.len - len);
        first = false;
    } while (!last);
}

/* ---- mending --------------------------------------------------------------------------------------------------- */

/* The record that the fragments make up so far. */
struct assembly {
    struct buffer record;
    bool open;
};

/* Takes the fragment in. True when it ends a whole record. */
static bool assemble(struct assembly *assembly, const struct log_fragment *fragment)
{
    bool begins = fragment->type == LOG_FRAGMENT_FULL || fragment->type == LOG_FRAGMENT_FIRST;
    bool ends = fragment->type == LOG_FRAGMENT_FULL || fragment->type == LOG_FRAGMENT_LAST;
    if (begins)
        buffer_clear(&assembly->record);
    else if (!assembly->open)
        return false;
    assembly->open = buffer_append_bytes(&assembly->record, fragment->payload) == STATUS_OK;
    bool whole = assembly->open && ends;
    assembly->open = assembly->open && !ends;
    return whole;
}

/* The next place behind a damaged one at which a whole fragment begins. A fragment of no bytes is none here: damage may
 * look like it. */
static size_t next_whole(struct bytes log, size_t offset)
{
    struct log_fragment fragment;
    while (++offset < log.len)
        if (log_fragment_read(log, offset, &fragment) && fragment.payload.len)
            break;
    return offset;
}

/* Hands all whole records to the writer, if there is one. True when the log has nothing else. */
static bool records_walk(struct bytes log, struct log_writer *writer)
{
    struct assembly assembly = {0};
    struct log_fragment fragment;
    size_t offset = 0;
    bool whole = true;
    buffer_init(&assembly.record, RECORD_BYTES_MAX);
    while (offset += log_block_padding(offset), offset < log.len) {
        if (log_fragment_read(log, offset, &fragment)) {
            if (assemble(&assembly, &fragment) && writer)
                record_append(writer, buffer_bytes(&assembly.record));
            offset += fragment.len;
        } else {
            whole = assembly.open = false;
            offset = next_whole(log, offset);
        }
    }
    buffer_release(&assembly.record);
    return whole;
}

/* Makes the log anew beside it and puts that in its place. */
static enum status log_rewrite(const char *path, struct bytes log)
{
    char aside[PATH_LEN_MAX + 16], made[PATH_LEN_MAX + 16];
    snprintf(aside, sizeof(aside), "%s.damaged", path);
    snprintf(made, sizeof(made), "%s.mended", path);
    if (link(path, aside) != 0 && errno != EEXIST)
        return status_from_errno(errno);
    struct log_writer *writer = mem_zalloc(sizeof(*writer));
    writer->fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum status status = writer->fd < 0 ? status_from_errno(errno) : STATUS_OK;
    if (!status) {
        records_walk(log, writer);
        writer_flush(writer);
        status = writer->status;
        if (!status && fdatasync(writer->fd) != 0)
            status = status_from_errno(errno);
        close(writer->fd);
    }
    if (!status && rename(made, path) != 0)
        status = status_from_errno(errno);
    if (status)
        unlink(made);
    free(writer);
    return status;
}

/* Reads the file block by block: of one that cannot be read there are zeros, which are damage like any other. */
static enum status log_read(int fd, size_t len, char *out)
{
    for (size_t at = 0; at < len;) {
        size_t wanted = len - at < BLOCK_BYTES ? len - at : BLOCK_BYTES;
        ssize_t got = pread(fd, out + at, wanted, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EIO && errno != EUCLEAN)
            return status_from_errno(errno);
        if (got <= 0) {
            got = (ssize_t)(BLOCK_BYTES - at % BLOCK_BYTES < wanted ? BLOCK_BYTES - at % BLOCK_BYTES : wanted);
            memset(out + at, 0, (size_t)got);
        }
        at += (size_t)got;
    }
    return STATUS_OK;
}

static enum status log_mend(const char *path)
{
    struct stat info;
    char *data = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status status = fd < 0 || fstat(fd, &info) != 0 ? status_from_errno(errno) : STATUS_OK;
    if (!status && info.st_size > LOG_BYTES_MAX)
        status = STATUS_LIMIT;
    if (!status && info.st_size > 0) {
        struct bytes log = bytes_of(data = mem_alloc((size_t)info.st_size), (size_t)info.st_size);
        status = log_read(fd, log.len, data);
        if (!status && !records_walk(log, NULL))
            status = log_rewrite(path, log);
    }
    free(data);
    if (fd >= 0)
        close(fd);
    return status;
}

enum status rocks_logs_mend(const char *path)
{
    char log[PATH_LEN_MAX];
    enum status status = STATUS_OK;
    struct dirent *entry;
    DIR *directory = opendir(path);
    if (!directory)
        return status_from_errno(errno);
    while (!status && (entry = readdir(directory))) {
        size_t len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".log") != 0)
            continue;
        int needed = snprintf(log, sizeof(log), "%s/%s", path, entry->d_name);
        status = needed < (int)sizeof(log) ? log_mend(log) : STATUS_LIMIT;
    }
    if (!status && fsync(dirfd(directory)) != 0)
        status = status_from_errno(errno);
    closedir(directory);
    return status;
}
