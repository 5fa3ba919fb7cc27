/* What the tests of meta share: a database in a temporary directory, or in memory when TERCET_TEST_STORE=memory says
 * so, and short ways to write and read objects. */
#ifndef TERCET_TESTS_UNIT_META_SUPPORT_H
#define TERCET_TESTS_UNIT_META_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/pool.h"
#include "meta/bucket_settings.h"
#include "meta/meta.h"
#include "meta/store_memory.h"

#define OK(call) assert_int_equal((call), STATUS_OK)
#define KEY(k)   bytes_from_str(k)

static const uint8_t support_cluster[16] = "0123456789abcdef";

/* Two kinds of settings. A document is taken unless it begins with '!' or support_refuses is set, and parses to its
 * upper-case first letter. */
enum { SETTING_WORDS = 1, SETTING_RULES = 7 };
static _Atomic int support_parsed; /* that were not freed yet */
static bool support_refuses;

static inline enum status support_parse(struct bytes document, void **parsed)
{
    if (support_refuses || document.len == 0 || document.data[0] == '!')
        return STATUS_INVALID;
    char *letter = mem_strndup(document.data, 1);
    *letter = (char)(*letter - 'a' + 'A');
    *parsed = letter;
    support_parsed++;
    return STATUS_OK;
}

static inline void support_free_parsed(void *parsed)
{
    support_parsed--;
    free(parsed);
}

static const struct meta_setting_kind support_kinds[] = {
    {SETTING_WORDS, "words", 1000, support_parse, support_free_parsed},
    {SETTING_RULES, "rules", META_SETTING_BYTES_MAX, support_parse, support_free_parsed},
};

struct support {
    char path[64];
    struct meta_store *memory; /* NULL: the database is in the directory */
    struct pool *pool;
    struct meta *meta;
    struct meta_bucket versioned, plain;
};

static inline int support_remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

static inline bool support_in_memory(void)
{
    const char *store = getenv("TERCET_TEST_STORE");
    return store && strcmp(store, "memory") == 0;
}

/* For a test of what only a disk has. */
#define SUPPORT_WANTS_DISK()                                                                                           \
    do {                                                                                                               \
        if (support_in_memory())                                                                                       \
            skip();                                                                                                    \
    } while (0)

static inline enum status support_open(struct support *support)
{
    struct meta_options options = {.path = support->path,
                                   .store = support->memory,
                                   .cluster_id = support_cluster,
                                   .pool = support->pool,
                                   .cache_bytes = 1 << 20,
                                   .setting_kinds = support_kinds,
                                   .setting_kind_count = 2};
    return meta_open(&options, &support->meta);
}

static inline void support_bucket(struct support *support, const char *name, bool versioned, struct meta_bucket *bucket)
{
    OK(meta_bucket_create(support->meta, KEY(name), versioned, BYTES(""), NULL));
    OK(meta_bucket_get(support->meta, KEY(name), bucket));
}

static inline int support_setup(void **state)
{
    struct support *support = mem_zalloc(sizeof(*support));
    *state = support;
    strcpy(support->path, "/tmp/tercet-meta-XXXXXX");
    assert_non_null(mkdtemp(support->path));
    support->memory = support_in_memory() ? store_memory_create() : NULL;
    support->pool = pool_create(2, "meta");
    OK(support_open(support));
    support_bucket(support, "versioned", true, &support->versioned);
    support_bucket(support, "plain", false, &support->plain);
    return 0;
}

static inline int support_teardown(void **state)
{
    struct support *support = *state;
    if (support->meta)
        meta_close(support->meta);
    if (support->memory)
        store_close(support->memory);
    pool_free(support->pool);
    nftw(support->path, support_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(support);
    return 0;
}

static inline void support_reopen(struct support *support)
{
    meta_close(support->meta);
    support->meta = NULL;
    OK(support_open(support));
}

/* The bucket as it is now. */
static inline struct meta_bucket support_bucket_now(struct support *support, const struct meta_bucket *bucket)
{
    struct meta_bucket now;
    OK(meta_bucket_get(support->meta, bytes_from_str(bucket->name), &now));
    return now;
}

/* Sets one setting; document NULL removes it. */
static inline enum status support_set(struct support *support, const struct meta_bucket *bucket, uint8_t kind,
                                      const char *document)
{
    const struct meta_setting_change change = {kind, bytes_from_str(document)};
    const struct meta_settings_update update = {.changes = &change, .count = 1};
    return meta_bucket_settings_update(support->meta, bucket->id, &update);
}

/* Whether the bucket has that setting now; document NULL: none. */
static inline void support_check_setting(struct support *support, const char *name, uint8_t kind, const char *document)
{
    struct meta_settings *settings;
    struct meta_setting setting;
    struct meta_bucket bucket;

    OK(meta_bucket_load(support->meta, KEY(name), &bucket, &settings));
    assert_int_equal(meta_setting_find(settings, kind, &setting), document ? STATUS_OK : STATUS_NOT_FOUND);
    if (document) {
        assert_true(bytes_equal_str(setting.document, document));
        assert_int_equal(*(const char *)setting.parsed, document[0] - 'a' + 'A');
    }
    meta_settings_release(settings);
}

static inline struct chunk_ref support_chunk(uint32_t size, unsigned copies)
{
    struct chunk_ref ref = {.size = size, .crc32c = size * 7, .copies = (uint8_t)copies, .nodes = {1, 2, 3, 4}};
    memset(ref.nodes + copies, 0, CHUNK_COPIES_MAX - copies);
    chunk_id_create(&ref.id);
    return ref;
}

/* `count` chunks of `size` bytes. */
static inline struct chunk_list support_chunks(size_t count, uint32_t size, unsigned copies)
{
    struct chunk_list list = {0};
    for (size_t i = 0; i < count; i++) {
        struct chunk_ref ref = support_chunk(size, copies);
        chunk_list_append(&list, &ref);
    }
    return list;
}

/* Puts an object of `count` chunks of 100 bytes; its ETag is the mark repeated. */
static inline enum status support_put(struct support *support, const struct meta_bucket *bucket, const char *key,
                                      size_t count, int mark, const struct meta_condition *condition,
                                      struct meta_object *out)
{
    struct chunk_list chunks = support_chunks(count, 100, 3);
    struct meta_object object = {.size = count * 100, .headers = BYTES("headers")};
    memset(object.etag_md5, mark, MD5_LEN);
    enum status status = meta_object_put(support->meta, bucket->id, KEY(key), &object, &chunks, condition);
    chunk_list_release(&chunks);
    if (out)
        *out = object;
    return status;
}

static inline enum status support_get(struct support *support, const struct meta_bucket *bucket, const char *key,
                                      const char *version_id, uint64_t number, struct meta_object *object)
{
    struct meta_version version = {.id = bytes_from_str(version_id), .number = number};
    return meta_object_get(support->meta, bucket->id, KEY(key), &version, object);
}

static inline enum status support_delete(struct support *support, const struct meta_bucket *bucket, const char *key,
                                         const char *version_id, struct meta_deletion *result)
{
    struct meta_version version = {.id = bytes_from_str(version_id)};
    struct meta_deletion ignored;
    return meta_object_delete(support->meta, bucket->id, KEY(key), &version, NULL, NULL, result ? result : &ignored);
}

/* All that the garbage queue hands out, what was left behind and what is new, until it says that it is through. */
static inline struct meta_garbage support_garbage(struct support *support)
{
    static const enum meta_gc_pass passes[] = {META_GC_AGAIN, META_GC_NEW};
    struct meta_garbage all = {0};
    size_t before;
    for (int i = 0; i < 2; i++) {
        do {
            before = all.chunks.count;
            OK(meta_gc_next(support->meta, passes[i], 0, 64, &all));
        } while (all.chunks.count > before);
    }
    return all;
}

static inline bool support_list_has(const struct chunk_list *list, const struct chunk_id *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(&list->refs[i].id, id, sizeof(*id)) == 0)
            return true;
    return false;
}

#endif
