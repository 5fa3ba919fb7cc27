/* Chunks become a stream of bytes again. While the last PREFETCH_BYTES of one chunk are handed out, the next chunk is
 * already asked for, so that a large download has no gap between two. Memory of one stream: two readers' receive
 * buffers (see replica_reader.c), 768 KiB and a little. */
#include "storage/cluster/replica_reader.h"

#include <stdlib.h>

#include "base/check.h"

#define PREFETCH_BYTES (512u << 10)

struct stream_reader {
    struct cluster *cluster;
    stream_next_fn next;
    void *next_arg;
    struct replica_reader *current, *following;
    enum status next_status; /* what the source of chunks said last; not OK: there is no more to ask for */
};

struct stream_reader *stream_reader_open(struct cluster *cluster, stream_next_fn next, void *arg)
{
    struct stream_reader *reader = mem_zalloc(sizeof(*reader));
    CHECK(next != NULL);
    reader->cluster = cluster;
    reader->next = next;
    reader->next_arg = arg;
    return reader;
}

static struct replica_reader *open_following(struct stream_reader *reader)
{
    struct replica_reader *opened = NULL;
    struct chunk_ref ref;
    uint32_t offset, len;
    if (reader->next_status)
        return NULL;
    reader->next_status = reader->next(reader->next_arg, &ref, &offset, &len);
    if (!reader->next_status)
        reader->next_status = replica_reader_open(reader->cluster, &ref, offset, len, &opened);
    return opened;
}

/* Leaves a finished chunk for the one after it; none is left when `current` is NULL afterwards. */
static void advance(struct stream_reader *reader)
{
    replica_reader_free(reader->current);
    reader->current = reader->following ? reader->following : open_following(reader);
    reader->following = NULL;
}

enum status stream_reader_next(struct stream_reader *reader, struct bytes *out)
{
    *out = bytes_of(NULL, 0);
    /* Not before the first bytes: most streams are one chunk, and those should not wait for a look at what follows. */
    if (reader->current && !reader->following && replica_reader_remaining(reader->current) <= PREFETCH_BYTES)
        reader->following = open_following(reader);
    if (!reader->current)
        advance(reader);
    while (reader->current) {
        enum status status = replica_reader_next(reader->current, out);
        if (status || out->len > 0)
            return status;
        advance(reader);
    }
    return reader->next_status == STATUS_NOT_FOUND ? STATUS_OK : reader->next_status;
}

void stream_reader_close(struct stream_reader *reader)
{
    if (!reader)
        return;
    replica_reader_free(reader->current);
    replica_reader_free(reader->following);
    free(reader);
}
