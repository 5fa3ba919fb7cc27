/* Annotations: they come, change and go beside their version, which stays as it is; whichever way the version goes, so
 * do they, with all their chunks, and no reader loses one that it has. */
#include "meta/annotations.h"
#include "meta/guard.h"
#include "meta/internal.h"
#include "meta/outbox.h"
#include "tests/unit/meta/support.h"

static struct meta_annotated where_is(const struct meta_bucket *bucket, const struct meta_object *object)
{
    return (struct meta_annotated){.bucket = bucket->id,
                                   .key = KEY("k"),
                                   .version = {.id = KEY(object->version_id)},
                                   .sequence = object->sequence};
}

/* A text of that size with one chunk, whose id is in *id. */
static enum status put_at(struct support *s, const struct meta_annotated *where, const char *name, uint32_t size,
                          struct chunk_id *id)
{
    struct chunk_list chunks = support_chunks(1, size, 3);
    struct meta_annotation annotation = {.name = KEY(name), .size = size, .checksum = {.algorithm = 3, .len = 2}};

    memset(annotation.md5, (int)size, MD5_LEN);
    enum status status = meta_annotation_put(s->meta, where, &annotation, &chunks);
    if (!status)
        assert_true(annotation.sequence == meta_sequence(s->meta) && annotation.modified_ms > 0);
    if (id)
        *id = chunks.refs[0].id;
    chunk_list_release(&chunks);
    return status;
}

static enum status put(struct support *s, const struct meta_bucket *bucket, const struct meta_object *object,
                       const char *name, uint32_t size, struct chunk_id *id)
{
    const struct meta_annotated where = where_is(bucket, object);
    return put_at(s, &where, name, size, id);
}

static enum status delete_one(struct support *s, const struct meta_bucket *bucket, const struct meta_object *object,
                              const char *name, bool *removed)
{
    const struct meta_annotated where = where_is(bucket, object);
    return meta_annotation_delete(s->meta, &where, KEY(name), removed);
}

static enum status get_one(struct support *s, const struct meta_bucket *bucket, const struct meta_object *object,
                           const char *name, struct meta_annotation *annotation, struct meta_object *text)
{
    bool gone;
    return meta_annotation_get(s->meta, bucket->id, KEY("k"), object, KEY(name), annotation, text, &gone);
}

/* That it is there with these bytes and no others; size 0: it is not. */
static void check_one(struct support *s, const struct meta_bucket *bucket, const struct meta_object *object,
                      const char *name, uint32_t size)
{
    struct meta_annotation annotation;
    struct meta_object text;
    struct meta_cursor *cursor;
    struct chunk_ref ref;
    uint32_t offset, len;

    if (size == 0) {
        assert_int_equal(get_one(s, bucket, object, name, &annotation, &text), STATUS_NOT_FOUND);
        return;
    }
    OK(get_one(s, bucket, object, name, &annotation, &text));
    assert_true(annotation.size == size && text.size == size && annotation.md5[3] == (uint8_t)size);
    assert_true(text.etag_md5[3] == (uint8_t)size && text.etag_parts == 0 && text.checksum.algorithm == 3);
    assert_true(text.modified_ms == annotation.modified_ms && text.headers.len == 0);
    cursor = meta_cursor_open(s->meta, &text, 0, text.size);
    OK(meta_cursor_next(cursor, &ref, &offset, &len));
    assert_true(ref.size == size && ref.crc32c == size * 7 && len == size);
    assert_int_equal(meta_cursor_next(cursor, &ref, &offset, &len), STATUS_NOT_FOUND);
    meta_cursor_close(cursor);
    meta_object_release(&text);
}

/* The version as readers have it now; to be released. */
static struct meta_object version_now(struct support *s, const struct meta_bucket *bucket, const char *version_id)
{
    struct meta_object object;
    OK(support_get(s, bucket, "k", version_id, 0, &object));
    return object;
}

static void check_sum(const struct meta_object *object, uint32_t count, uint64_t bytes)
{
    const struct meta_annotation_sum sum = meta_annotations_of(object);
    assert_true(sum.count == count && sum.bytes == bytes);
}

/* The names that a listing gives, each followed by a space, and a `+` when there are more. */
static void check_list(struct support *s, const struct meta_object *object, const char *prefix, const char *after,
                       unsigned max, const char *expected)
{
    struct meta_annotation_page page;
    char names[256] = "";

    OK(meta_annotation_list(s->meta, object, KEY(prefix), KEY(after), max, &page));
    for (size_t i = 0; i < page.count; i++) {
        strncat(names, page.entries[i].name.data, page.entries[i].name.len);
        strcat(names, " ");
        assert_true(page.entries[i].size > 0 && page.entries[i].sequence > 0);
    }
    strcat(names, page.truncated ? "+" : "");
    assert_string_equal(names, expected);
    meta_annotation_page_release(&page);
}

/* Frees all that is garbage; how many chunks that was. */
static size_t collect(struct support *s)
{
    struct meta_garbage garbage = support_garbage(s);
    size_t count = garbage.chunks.count;

    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    return count;
}

/* Rows of annotations that are left in the database, of whichever version. */
static size_t rows_left(struct support *s)
{
    const struct store_view view = meta_view(s->meta);
    struct store_iterator it;
    size_t count = 0;

    store_iterator_open(&it, &view, STORE_ANNOTATIONS, BYTES(""), BYTES("\xff\xff"));
    for (store_iterator_first(&it); store_iterator_valid(&it); store_iterator_next(&it))
        count++;
    OK(store_iterator_status(&it));
    store_iterator_close(&it);
    return count;
}

/* Nothing is left of anything that was there, and all counters say so. */
static void check_nothing(struct support *s, const struct meta_bucket *bucket)
{
    struct meta_durability durability;
    const struct meta_bucket now = support_bucket_now(s, bucket);

    meta_durability_get(s->meta, &durability);
    assert_int_equal(durability.chunks[3], 0);
    assert_int_equal(rows_left(s), 0);
    assert_int_equal(meta_gc_backlog(s->meta), 0);
    assert_int_equal(meta_gc_backlog_bytes(s->meta), 0);
    assert_int_equal(now.bytes, 0);
}

static void test_put_get_list_delete(void **state)
{
    struct support *s = *state;
    const struct meta_bucket *bucket = &s->versioned;
    struct meta_object object, now;
    struct chunk_id first;
    bool removed;

    OK(support_put(s, bucket, "k", 1, 1, NULL, &object));
    now = version_now(s, bucket, NULL);
    assert_int_equal(now.attributes.len, 0); /* a version without any has nothing that says so */
    check_list(s, &now, "", "", 1000, "");
    check_one(s, bucket, &now, "a", 0);
    meta_object_release(&now);
    OK(put(s, bucket, &object, "b.two", 20, NULL));
    OK(put(s, bucket, &object, "a", 10, &first));
    OK(put(s, bucket, &object, "b.one", 30, NULL));
    for (int reopened = 0; reopened < 2; reopened++) {
        now = version_now(s, bucket, NULL);
        assert_true(now.sequence == object.sequence && now.modified_ms == object.modified_ms);
        check_sum(&now, 3, 60);
        check_one(s, bucket, &now, "a", 10);
        check_one(s, bucket, &now, "b.one", 30);
        check_one(s, bucket, &now, "b.two", 20);
        check_one(s, bucket, &now, "b", 0);
        check_list(s, &now, "", "", 1000, "a b.one b.two ");
        check_list(s, &now, "", "", 2, "a b.one +");
        check_list(s, &now, "", "b.one", 2, "b.two ");
        check_list(s, &now, "", "b", 1, "b.one +"); /* a name that is not there is a place, too */
        check_list(s, &now, "b.", "a", 3, "b.one b.two ");
        check_list(s, &now, "b.", "b.one", 3, "b.two ");
        check_list(s, &now, "b.", "c", 3, "");
        check_list(s, &now, "c", "", 3, "");
        check_list(s, &now, "", "", 0, "");
        assert_int_equal(support_bucket_now(s, bucket).bytes, 160);
        meta_object_release(&now);
        support_reopen(s);
    }
    OK(put(s, bucket, &object, "a", 15, NULL)); /* replaced: the bytes before are garbage */
    struct meta_garbage garbage = support_garbage(s);
    assert_true(garbage.chunks.count == 1 && support_list_has(&garbage.chunks, &first));
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    OK(delete_one(s, bucket, &object, "b.two", &removed));
    assert_true(removed);
    OK(delete_one(s, bucket, &object, "b.two", &removed));
    assert_false(removed);
    now = version_now(s, bucket, NULL);
    check_sum(&now, 2, 45);
    check_one(s, bucket, &now, "a", 15);
    check_list(s, &now, "", "", 1000, "a b.one ");
    meta_object_release(&now);
    assert_int_equal(support_bucket_now(s, bucket).bytes, 145);
    OK(delete_one(s, bucket, &object, "a", &removed));
    OK(delete_one(s, bucket, &object, "b.one", &removed));
    assert_int_equal(collect(s), 3);
    assert_int_equal(rows_left(s), 0);
    OK(put(s, bucket, &object, "again", 5, NULL));
    now = version_now(s, bucket, NULL);
    check_list(s, &now, "", "", 1000, "again ");
    meta_object_release(&now);
    OK(support_delete(s, bucket, "k", object.version_id, NULL));
    assert_int_equal(collect(s), 2);
    check_nothing(s, bucket);
}

static void test_refusals(void **state)
{
    struct support *s = *state;
    struct meta_object object, replaced;
    struct meta_annotated where;
    struct meta_deletion deletion;
    char name[META_ANNOTATION_NAME_MAX + 2];
    bool removed;

    memset(name, 'n', sizeof(name));
    name[META_ANNOTATION_NAME_MAX] = '\0';
    OK(support_put(s, &s->plain, "k", 1, 1, NULL, &replaced));
    OK(put(s, &s->plain, &replaced, name, 1, NULL));
    name[META_ANNOTATION_NAME_MAX] = 'n';
    name[META_ANNOTATION_NAME_MAX + 1] = '\0';
    assert_int_equal(put(s, &s->plain, &replaced, name, 1, NULL), STATUS_INVALID);
    assert_int_equal(put(s, &s->plain, &replaced, "", 1, NULL), STATUS_INVALID);
    assert_int_equal(put(s, &s->plain, &replaced, "a", META_ANNOTATION_BYTES_MAX + 1, NULL), STATUS_INVALID);
    OK(put(s, &s->plain, &replaced, "a", META_ANNOTATION_BYTES_MAX, NULL));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, &object)); /* which has another sequence, and no annotations */
    assert_int_equal(put(s, &s->plain, &replaced, "a", 1, NULL), STATUS_PRECONDITION);
    assert_int_equal(delete_one(s, &s->plain, &replaced, "a", &removed), STATUS_PRECONDITION);
    object = version_now(s, &s->plain, NULL);
    check_sum(&object, 0, 0);
    where = where_is(&s->plain, &object);
    meta_object_release(&object);
    where.key = KEY("other");
    where.version = (struct meta_version){0};
    assert_int_equal(put_at(s, &where, "a", 1, NULL), STATUS_NOT_FOUND);
    where.bucket = 999;
    assert_int_equal(put_at(s, &where, "a", 1, NULL), STATUS_NOT_FOUND);
    OK(support_delete(s, &s->versioned, "k", NULL, &deletion));
    OK(support_get(s, &s->versioned, "k", NULL, 0, &object));
    assert_int_equal(put(s, &s->versioned, &object, "a", 1, NULL), STATUS_INVALID);
    assert_int_equal(delete_one(s, &s->versioned, &object, "a", &removed), STATUS_INVALID);
    meta_object_release(&object);
}

/* Ways in which a version with annotations goes. */
static void remove_version(struct support *s, const struct meta_object *object)
{
    OK(support_delete(s, &s->versioned, "k", object->version_id, NULL));
}

static void remove_name(struct support *s, const struct meta_object *object)
{
    uint64_t count;
    (void)object;
    OK(meta_object_delete_all(s->meta, s->versioned.id, KEY("k"), NULL, &count));
    assert_int_equal(count, 1);
}

static void trim(struct support *s, const struct meta_object *object)
{
    const struct meta_keep keep = {.versions_max = 1, .replaced_before_ms = INT64_MIN};
    struct meta_deletion marker;
    uint64_t removed;
    bool more;

    (void)object;
    OK(support_delete(s, &s->versioned, "k", NULL, &marker));
    assert_int_equal(rows_left(s), 2); /* a marker takes nothing away */
    OK(meta_versions_trim(s->meta, s->versioned.id, KEY("k"), &keep, &removed, &more));
    assert_int_equal(removed, 1);
    OK(support_delete(s, &s->versioned, "k", marker.version_id, NULL));
}

static void remove_many(struct support *s, const struct meta_object *object)
{
    struct meta_object_deletion deletion = {.key = KEY("k"),
                                            .version = {.id = KEY(object->version_id)},
                                            .seen = {.sequence = object->sequence, .latest = true}};
    struct meta_object_deletion *deletions[] = {&deletion};

    meta_objects_delete(s->meta, s->versioned.id, deletions, 1);
    OK(deletion.status);
}

static void test_gone_with_the_version(void **state)
{
    static void (*const ways[])(struct support *, const struct meta_object *) = {remove_version, remove_name, trim,
                                                                                 remove_many};
    struct support *s = *state;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct meta_object object;
        OK(support_put(s, &s->versioned, "k", 2, 1, NULL, &object));
        OK(put(s, &s->versioned, &object, "a", 10, NULL));
        OK(put(s, &s->versioned, &object, "b", 20, NULL));
        ways[i](s, &object);
        assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 0); /* at once */
        support_reopen(s);                                               /* and the rest whenever it comes to it */
        assert_int_equal(collect(s), 4);
        check_nothing(s, &s->versioned);
    }
}

static void test_gone_with_the_null_version(void **state)
{
    struct support *s = *state;
    struct meta_object object, next;

    OK(support_put(s, &s->plain, "k", 1, 1, NULL, &object));
    OK(put(s, &s->plain, &object, "a", 10, NULL));
    OK(support_put(s, &s->plain, "k", 1, 2, NULL, &next)); /* overwritten */
    assert_int_equal(support_bucket_now(s, &s->plain).bytes, 100);
    OK(put(s, &s->plain, &next, "b", 20, NULL));
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(collect(s), 4);
    check_nothing(s, &s->plain);

    OK(meta_bucket_set_versioning(s->meta, s->versioned.id, true, NULL));
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &object));
    OK(put(s, &s->versioned, &object, "a", 10, NULL));
    OK(support_put(s, &s->versioned, "k", 1, 2, NULL, &next));
    OK(put(s, &s->versioned, &next, "a", 30, NULL));
    OK(support_delete(s, &s->versioned, "k", NULL, NULL)); /* by the marker, which is the null version then */
    assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 0);
    OK(support_delete(s, &s->versioned, "k", "null", NULL));
    assert_int_equal(collect(s), 4);
    check_nothing(s, &s->versioned);
    OK(meta_bucket_delete(s->meta, KEY("versioned")));
}

/* An object that comes with as many as there may be. */
static void put_a_thousand(struct support *s, struct meta_object *object)
{
    struct meta_new_annotation *entries = mem_zalloc(META_ANNOTATIONS_MAX * sizeof(*entries));
    const struct meta_new_annotations annotations = {entries, META_ANNOTATIONS_MAX};
    char names[META_ANNOTATIONS_MAX][8];
    struct chunk_list none = {0};

    for (unsigned i = 0; i < META_ANNOTATIONS_MAX; i++) {
        uint32_t size = 1 + i % 9;
        snprintf(names[i], sizeof(names[i]), "n%04u", i);
        entries[i].annotation = (struct meta_annotation){.name = KEY(names[i]), .size = size};
        entries[i].chunks = support_chunks(1, size, 3);
    }
    *object = (struct meta_object){.annotations = &annotations};
    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), object, &none, NULL));
    for (unsigned i = 0; i < META_ANNOTATIONS_MAX; i++)
        chunk_list_release(&entries[i].chunks);
    free(entries);
}

/* One more is refused, a replacement is not; and they go in one row of garbage. */
static void test_a_thousand(void **state)
{
    struct support *s = *state;
    struct meta_object object;

    put_a_thousand(s, &object);
    assert_int_equal(put(s, &s->plain, &object, "one more", 1, NULL), STATUS_EXISTS);
    OK(put(s, &s->plain, &object, "n0007", 3, NULL));
    assert_int_equal(collect(s), 1);
    object = version_now(s, &s->plain, NULL);
    check_sum(&object, META_ANNOTATIONS_MAX, support_bucket_now(s, &s->plain).bytes);
    check_list(s, &object, "n099", "n0994", 1000, "n0995 n0996 n0997 n0998 n0999 ");
    meta_object_release(&object);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(meta_gc_backlog(s->meta), 1);
    struct meta_garbage some = {0}; /* a part of them is freed, then the process ends */
    OK(meta_gc_next(s->meta, META_GC_NEW, 0, 300, &some));
    assert_int_equal(some.chunks.count, 300);
    OK(meta_gc_done(s->meta, &some));
    meta_garbage_release(&some);
    support_reopen(s);
    assert_int_equal(rows_left(s), META_ANNOTATIONS_MAX);
    assert_int_equal(collect(s), 700);
    check_nothing(s, &s->plain);
}

static void test_what_is_read_stays(void **state)
{
    struct support *s = *state;
    struct meta_object object, now, text;
    struct meta_annotation annotation;
    struct meta_garbage garbage;
    struct chunk_id read, other;
    bool gone;

    OK(support_put(s, &s->plain, "k", 0, 1, NULL, &object));
    OK(put(s, &s->plain, &object, "a", 10, &other));
    OK(put(s, &s->plain, &object, "b", 20, &read));
    now = version_now(s, &s->plain, NULL);
    OK(get_one(s, &s->plain, &now, "b", &annotation, &text));
    OK(put(s, &s->plain, &object, "a", 11, NULL));
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    garbage = support_garbage(s); /* what was replaced goes, what went with the version waits for the reader */
    assert_true(garbage.chunks.count == 1 && support_list_has(&garbage.chunks, &other));
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    /* who has the version, and asks only now, is told that it is gone */
    struct meta_object late;
    assert_int_equal(meta_annotation_get(s->meta, s->plain.id, KEY("k"), &now, KEY("a"), &annotation, &late, &gone),
                     STATUS_NOT_FOUND);
    assert_true(gone);
    meta_object_release(&text);
    meta_object_release(&now);
    garbage = support_garbage(s);
    assert_true(garbage.chunks.count == 2 && support_list_has(&garbage.chunks, &read));
    OK(meta_gc_done(s->meta, &garbage));
    meta_garbage_release(&garbage);
    check_nothing(s, &s->plain);
}

/* A listing goes on with the version as it was read, and shows what there is of it now. */
static void test_the_only_one_is_replaced(void **state)
{
    struct support *s = *state;
    struct meta_object object, before, now;

    OK(support_put(s, &s->plain, "k", 0, 1, NULL, &object));
    OK(put(s, &s->plain, &object, "a", 10, NULL));
    before = version_now(s, &s->plain, NULL);
    OK(put(s, &s->plain, &object, "a", 11, NULL));
    check_list(s, &before, "", "", 10, "a ");
    now = version_now(s, &s->plain, NULL);
    check_sum(&now, 1, 11);
    check_one(s, &s->plain, &now, "a", 11);
    assert_int_equal(rows_left(s), 1);
    meta_object_release(&before);
    meta_object_release(&now);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(collect(s), 2);
    check_nothing(s, &s->plain);
}

/* A new object that comes with some. */
static void test_come_with_an_object(void **state)
{
    struct support *s = *state;
    struct meta_new_annotation entries[2] = {{.annotation = {.name = KEY("a"), .size = 10, .checksum.algorithm = 3}},
                                             {.annotation = {.name = KEY("b"), .size = 20, .checksum.algorithm = 3}}};
    struct meta_new_annotations annotations = {entries, 2};
    struct meta_object object = {.size = 0, .annotations = &annotations}, source;
    struct chunk_list none = {0};

    memset(entries[0].annotation.md5, 10, MD5_LEN);
    memset(entries[1].annotation.md5, 20, MD5_LEN);
    entries[0].chunks = support_chunks(1, 10, 3);
    entries[1].chunks = support_chunks(1, 20, 3);
    OK(meta_object_put(s->meta, s->versioned.id, KEY("k"), &object, &none, NULL));
    source = version_now(s, &s->versioned, NULL);
    check_sum(&source, 2, 30);
    check_one(s, &s->versioned, &source, "a", 10);
    check_one(s, &s->versioned, &source, "b", 20);
    assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 30);

    object = (struct meta_object){.attributes = source.attributes}; /* what says so of one says nothing of another */
    OK(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &none, NULL));
    meta_object_release(&source);
    source = version_now(s, &s->plain, NULL);
    check_sum(&source, 0, 0);
    assert_int_equal(source.attributes.len, 0);
    meta_object_release(&source);
    OK(support_delete(s, &s->plain, "k", NULL, NULL));
    assert_int_equal(collect(s), 0);

    entries[0].annotation.name = KEY("c"); /* out of order: nothing is done */
    object = (struct meta_object){.annotations = &annotations};
    assert_int_equal(meta_object_put(s->meta, s->plain.id, KEY("k"), &object, &none, NULL), STATUS_INVALID);
    assert_int_equal(support_bucket_now(s, &s->plain).versions, 0);
    chunk_list_release(&entries[0].chunks);
    chunk_list_release(&entries[1].chunks);
}

/* ---- the guard, the outbox, quotas ---------------------------------------------------------------------------- */

static enum status locked_unless_permitted(void *arg, const struct meta_guarded *version, uint32_t permits)
{
    (void)arg, (void)version;
    return permits ? STATUS_OK : STATUS_DENIED;
}

static void test_what_must_stay(void **state)
{
    static const struct meta_guard guard = {.removal = locked_unless_permitted};
    struct support *s = *state;
    const struct meta_options options = {
        .path = s->path, .store = s->memory, .cluster_id = support_cluster, .pool = s->pool, .guard = &guard};
    struct meta_annotated where;
    struct meta_object object;
    bool removed;

    meta_close(s->meta);
    OK(meta_open(&options, &s->meta));
    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &object));
    OK(put(s, &s->versioned, &object, "a", 10, NULL)); /* a new one takes nothing away */
    assert_int_equal(put(s, &s->versioned, &object, "a", 11, NULL), STATUS_DENIED);
    assert_int_equal(delete_one(s, &s->versioned, &object, "a", &removed), STATUS_DENIED);
    OK(delete_one(s, &s->versioned, &object, "b", &removed));
    object = version_now(s, &s->versioned, NULL);
    check_one(s, &s->versioned, &object, "a", 10);
    assert_int_equal(support_bucket_now(s, &s->versioned).bytes, 110);
    where = where_is(&s->versioned, &object);
    where.permits = 1;
    OK(put_at(s, &where, "a", 12, NULL));
    check_one(s, &s->versioned, &object, "a", 12);
    OK(meta_annotation_delete(s->meta, &where, KEY("a"), &removed));
    assert_true(removed);
    meta_object_release(&object);
}

static void test_outbox(void **state)
{
    struct support *s = *state;
    const struct meta_outbox_entry entry = {9, BYTES("said")};
    struct meta_annotated where;
    struct meta_outbox_page page;
    struct meta_object object;
    bool removed;

    OK(support_put(s, &s->versioned, "k", 1, 1, NULL, &object));
    where = where_is(&s->versioned, &object);
    where.outbox = &entry;
    OK(meta_annotation_delete(s->meta, &where, KEY("a"), &removed)); /* nothing is done: nothing is to be done */
    OK(put_at(s, &where, "a", 12, NULL));
    OK(meta_annotation_delete(s->meta, &where, KEY("a"), &removed));
    OK(meta_outbox_next(s->meta, NULL, 10, &page));
    assert_int_equal(page.count, 2);
    assert_true(page.rows[1].kind == 9 && bytes_equal_str(page.rows[1].key, "k"));
    assert_string_equal(page.rows[1].object.version_id, object.version_id);
    meta_outbox_page_release(&page);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, support_setup, support_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put_get_list_delete),        TEST(test_refusals),       TEST(test_gone_with_the_version),
        TEST(test_gone_with_the_null_version), TEST(test_a_thousand),     TEST(test_what_is_read_stays),
        TEST(test_come_with_an_object),        TEST(test_what_must_stay), TEST(test_outbox),
        TEST(test_the_only_one_is_replaced),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
