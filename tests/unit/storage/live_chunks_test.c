/* A stream's chunks are live until the stream is over, and no longer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_nodes.h"
#include "storage/cluster/live_chunks.h"

static void streams_are_told_apart(void **state)
{
    struct live_chunks live;
    struct live_chunk *first = NULL, *second = NULL;
    struct chunk_id ids[3000];
    (void)state;
    live_chunks_init(&live);
    for (unsigned i = 0; i < 3000; i++) {
        chunk_id_create(&ids[i]);
        assert_false(live_chunks_contain(&live, &ids[i]));
        live_chunks_add(&live, i % 3 ? &first : &second, &ids[i]);
    }
    for (unsigned i = 0; i < 3000; i++)
        assert_true(live_chunks_contain(&live, &ids[i]));
    live_chunks_end(&live, &first);
    assert_null(first);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(live_chunks_contain(&live, &ids[i]), i % 3 == 0);
    live_chunks_end(&live, &first);
    live_chunks_end(&live, &second);
    for (unsigned i = 0; i < 3000; i++)
        assert_false(live_chunks_contain(&live, &ids[i]));
    live_chunks_release(&live);
}

struct upload {
    struct chunk_list chunks;
    enum status status;
    unsigned live_before, live_finished, live_after;
};

static unsigned live_count(const struct chunk_list *chunks)
{
    unsigned count = 0;
    for (size_t i = 0; i < chunks->count; i++)
        count += cluster_chunk_is_live(fake.cluster, &chunks->refs[i].id);
    return count;
}

/* What a node holds is live already while the stream goes on. */
static unsigned live_on_nodes(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        for (const struct fake_chunk *chunk = fake.nodes[i].chunks; chunk; chunk = chunk->next)
            count += cluster_chunk_is_live(fake.cluster, &chunk->id);
    return count;
}

static void upload_run(void *arg)
{
    struct upload *upload = arg;
    struct stream_writer *writer;
    static char bytes[200000];
    upload->status = stream_writer_open(fake.cluster, UINT64_MAX, &writer);
    for (unsigned i = 0; i < 3 && !upload->status; i++)
        upload->status = stream_writer_write(writer, bytes, sizeof(bytes));
    if (!upload->status && FAKE_EVENTUALLY(fake_chunk_count(&fake.nodes[0]) + fake_chunk_count(&fake.nodes[1]) > 0))
        upload->live_before = live_on_nodes();
    if (!upload->status)
        upload->status = stream_writer_finish(writer, &upload->chunks);
    upload->live_finished = live_count(&upload->chunks);
    stream_writer_free(writer);
    upload->live_after = live_count(&upload->chunks);
}

static void a_stream_keeps_its_chunks_live_until_it_is_freed(void **state)
{
    struct upload upload = {0};
    struct cluster_config config = fake_config();
    (void)state;
    config.chunk_bytes = 128 << 10;
    fake_start_nodes(0);
    fake_start_cluster(&config);
    fake_run(upload_run, &upload);
    assert_int_equal(upload.status, STATUS_OK);
    assert_int_equal(upload.chunks.count, 5);
    assert_true(upload.live_before >= 1);
    assert_int_equal(upload.live_finished, 5);
    assert_int_equal(upload.live_after, 0);
    chunk_list_release(&upload.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_told_apart),
        cmocka_unit_test_teardown(a_stream_keeps_its_chunks_live_until_it_is_freed, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
