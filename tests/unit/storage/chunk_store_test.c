/* The chunk store on a real directory: what was acknowledged is there, what was damaged is found, what was torn is
 * gone, and a disk that fails a sync takes no more. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/log.h"
#include "storage/node/chunk_store.h"
#include "storage/node/small_store.h"

#define SMALL_MAX   65536u
#define LARGE_SIZE  300001u
#define PAYLOAD_MAX (1u << 20)

static char directory[64];
static uint8_t payload[PAYLOAD_MAX];
static struct chunk_store *store;
static int failures;

static void failed(void *arg)
{
    (void)arg;
    failures++;
}

static struct chunk_store_config config_make(void)
{
    struct chunk_store_config config = {
        .disk = {.path = directory, .node_number = 3, .reserve_bytes = 1 << 20, .on_failure = failed},
        .small_bytes_max = SMALL_MAX,
    };
    memset(config.disk.cluster, 0x5a, CLUSTER_ID_LEN);
    return config;
}

static void store_start(void)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = config_make();
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
}

static void store_restart(void)
{
    chunk_store_close(store);
    store_start();
}

static int setup(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/tercet-store-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for (unsigned i = 0; i < PAYLOAD_MAX; i++)
        payload[i] = (uint8_t)(i * 2654435761u >> 13);
    failures = 0;
    store_start();
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    chunk_store_close(store);
    store = NULL;
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- helpers ------------------------------------------------------------------------------------------------- */

static enum status put(const struct chunk_id *id, const uint8_t *data, uint32_t size, bool size_known)
{
    struct chunk_put *writer = chunk_put_create(store, id, size_known ? size : UINT32_MAX);
    enum status status = STATUS_OK;
    for (uint32_t done = 0; !status && done < size;) {
        uint32_t part = size - done < 50000 ? size - done : 50000;
        status = chunk_put_append(writer, data + done, part);
        done += part;
    }
    if (!status)
        status = chunk_put_commit(writer);
    chunk_put_free(writer);
    return status;
}

static struct chunk_id put_new(uint32_t size)
{
    struct chunk_id id;
    chunk_id_create(&id);
    assert_int_equal(put(&id, payload, size, true), STATUS_OK);
    return id;
}

/* Reads the whole chunk, one block at a time, and compares. */
static enum status get(const struct chunk_id *id, const uint8_t *expected, uint32_t size)
{
    struct store_reader reader;
    uint8_t block[CHUNK_BLOCK_BYTES];
    enum status status = store_reader_open(&reader, store, id);
    if (status)
        return status;
    assert_int_equal(reader.head.size, size);
    assert_int_equal(reader.head.crc32c, crc32c_update(0, expected, size));
    for (uint32_t i = 0; !status && i < chunk_block_count(size); i++) {
        status = store_reader_read(&reader, i, 1, block);
        if (!status)
            assert_memory_equal(block, expected + i * CHUNK_BLOCK_BYTES, chunk_block_len(&reader.head, i));
    }
    store_reader_release(&reader);
    return status;
}

static struct chunk_store_info info(void)
{
    struct chunk_store_info now;
    assert_int_equal(chunk_store_info(store, &now), STATUS_OK);
    return now;
}

static void chunk_path(const struct chunk_id *id, char out[256])
{
    char text[CHUNK_ID_TEXT_LEN + 1];
    chunk_id_format(id, text);
    snprintf(out, 256, "%s/chunks/%s/%s", directory, text + CHUNK_ID_TEXT_LEN - 2, text);
}

static unsigned files_below(const char *name)
{
    char path[256];
    unsigned count = 0;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    DIR *open_directory = opendir(path);
    assert_non_null(open_directory);
    for (struct dirent *entry; (entry = readdir(open_directory));)
        count += entry->d_name[0] != '.';
    closedir(open_directory);
    return count;
}

static void flip_in_file(const struct chunk_id *id, off_t offset)
{
    char path[256];
    uint8_t byte;
    chunk_path(id, path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

/* Damages the stored value of a small chunk behind the store's back. */
static void flip_in_database(const struct chunk_id *id, size_t offset)
{
    char error[DISK_ERROR_MAX];
    struct chunk_store_config config = config_make();
    struct small_store *small = NULL;
    struct disk disk;
    struct small_value value;
    struct index_entry entry;
    chunk_store_close(store);
    assert_int_equal(disk_open(&disk, &config.disk, error), STATUS_OK);
    assert_int_equal(small_store_open(&disk, &small, error), STATUS_OK);
    assert_int_equal(small_store_lookup(small, SMALL_ANYWHERE, id, &entry), STATUS_OK);
    assert_int_equal(small_store_get(small, SMALL_ANYWHERE, id, &value), STATUS_OK);
    assert_true(offset < value.len);
    value.data[offset] ^= 4;
    const struct small_row row = {entry, bytes_of(value.data, value.len), {0}};
    assert_int_equal(small_store_put(small, &row, 1), STATUS_OK);
    small_value_release(&value);
    small_store_close(small);
    disk_close(&disk);
    store_start();
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void chunks_come_back(void **state)
{
    static const uint32_t sizes[] = {1, 4096, SMALL_MAX, SMALL_MAX + 1, LARGE_SIZE, PAYLOAD_MAX};
    struct chunk_id ids[2][6];
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int known = 0; known < 2; known++)
            for (int i = 0; i < 6; i++) {
                if (round == 0) {
                    chunk_id_create(&ids[known][i]);
                    assert_int_equal(put(&ids[known][i], payload, sizes[i], known), STATUS_OK);
                }
                assert_int_equal(get(&ids[known][i], payload, sizes[i]), STATUS_OK);
            }
        assert_int_equal(info().chunks, 12);
        assert_int_equal(info().bytes, 2 * (1 + 4096 + 2 * SMALL_MAX + 1 + LARGE_SIZE + PAYLOAD_MAX));
        store_restart();
    }
    assert_int_equal(files_below("tmp"), 0);
}

static void blocks_can_be_read_alone(void **state)
{
    struct chunk_id ids[2] = {put_new(LARGE_SIZE), put_new(SMALL_MAX)};
    struct store_reader reader;
    uint8_t *out = mem_alloc(2 * CHUNK_BLOCK_BYTES);
    (void)state;
    assert_int_equal(store_reader_open(&reader, store, &ids[0]), STATUS_OK);
    assert_int_equal(store_reader_read(&reader, 3, 2, out), STATUS_OK);
    assert_memory_equal(out, payload + 3 * CHUNK_BLOCK_BYTES, LARGE_SIZE - 3 * CHUNK_BLOCK_BYTES);
    store_reader_release(&reader);
    assert_int_equal(store_reader_open(&reader, store, &ids[1]), STATUS_OK);
    assert_int_equal(store_reader_read(&reader, 0, 1, out), STATUS_OK);
    assert_memory_equal(out, payload, SMALL_MAX);
    store_reader_release(&reader);
    free(out);
}

static void same_bytes_again_are_fine_and_others_are_not(void **state)
{
    struct chunk_id ids[2] = {put_new(4096), put_new(LARGE_SIZE)};
    const uint32_t sizes[2] = {4096, LARGE_SIZE};
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(put(&ids[i], payload, sizes[i], true), STATUS_EXISTS);
        assert_int_equal(put(&ids[i], payload + 1, sizes[i], true), STATUS_CONFLICT);
        assert_int_equal(put(&ids[i], payload, sizes[i] - 1, true), STATUS_CONFLICT);
        assert_int_equal(put(&ids[i], payload, SMALL_MAX + 100, false), STATUS_CONFLICT);
        assert_int_equal(get(&ids[i], payload, sizes[i]), STATUS_OK);
    }
    assert_int_equal(info().chunks, 2);
    assert_int_equal(files_below("tmp"), 0);
}

static void deletes_are_final(void **state)
{
    struct chunk_id ids[2] = {put_new(4096), put_new(LARGE_SIZE)};
    struct chunk_info found;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chunk_store_stat(store, &ids[i], &found), STATUS_OK);
        assert_int_equal(found.size, i ? LARGE_SIZE : 4096);
        assert_int_equal(found.crc32c, crc32c_update(0, payload, found.size));
        assert_int_equal(chunk_store_delete(store, &ids[i]), STATUS_OK);
        assert_int_equal(chunk_store_delete(store, &ids[i]), STATUS_NOT_FOUND);
        assert_int_equal(chunk_store_stat(store, &ids[i], &found), STATUS_NOT_FOUND);
        assert_int_equal(get(&ids[i], payload, 1), STATUS_NOT_FOUND);
    }
    assert_int_equal(info().chunks, 0);
    assert_int_equal(info().bytes, 0);
    store_restart();
    assert_int_equal(get(&ids[0], payload, 1), STATUS_NOT_FOUND);
    assert_int_equal(get(&ids[1], payload, 1), STATUS_NOT_FOUND);
    assert_int_equal(info().chunks, 0);
}

/* Small ones, large ones, one that is not there and one that is named twice, in more than one group. */
static void many_are_deleted_at_once(void **state)
{
    enum { COUNT = 150 };
    struct chunk_id ids[COUNT];
    enum status outcomes[COUNT];
    struct chunk_id kept = put_new(4096);
    int files = files_below("chunks"); /* the directories, too */
    (void)state;
    for (int i = 0; i < COUNT; i++)
        ids[i] = put_new(i % 50 == 7 ? LARGE_SIZE : 100);
    chunk_id_create(&ids[20]); /* the chunk that had this place stays */
    ids[30] = ids[10];         /* in one group */
    ids[140] = ids[11];        /* in another one */
    chunk_store_delete_many(store, ids, COUNT, outcomes);
    for (int i = 0; i < COUNT; i++) {
        bool absent = i == 20 || i == 140; /* in one group an id has one outcome, so that none looks gone that is not */
        assert_int_equal(outcomes[i], absent ? STATUS_NOT_FOUND : STATUS_OK);
        assert_int_equal(get(&ids[i], payload, 1), STATUS_NOT_FOUND);
    }
    assert_int_equal(info().chunks, 4);
    assert_int_equal(info().bytes, 4096 + 3 * 100);
    assert_int_equal(files_below("chunks"), files);
    store_restart();
    assert_int_equal(info().chunks, 4);
    assert_int_equal(get(&kept, payload, 4096), STATUS_OK);
    assert_int_equal(get(&ids[0], payload, 1), STATUS_NOT_FOUND);
}

static void a_reader_outlives_the_deletion(void **state)
{
    struct chunk_id ids[2] = {put_new(4096), put_new(LARGE_SIZE)};
    struct store_reader reader;
    uint8_t block[CHUNK_BLOCK_BYTES];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_reader_open(&reader, store, &ids[i]), STATUS_OK);
        assert_int_equal(chunk_store_delete(store, &ids[i]), STATUS_OK);
        assert_int_equal(store_reader_read(&reader, 0, 1, block), STATUS_OK);
        assert_memory_equal(block, payload, 4096);
        store_reader_release(&reader);
    }
}

static void nothing_and_too_much_are_refused(void **state)
{
    struct chunk_id id;
    (void)state;
    chunk_id_create(&id);
    assert_int_equal(put(&id, payload, 0, true), STATUS_INVALID);
    struct chunk_put *writer = chunk_put_create(store, &id, UINT32_MAX);
    for (unsigned i = 0; i < CHUNK_BYTES_MAX / PAYLOAD_MAX; i++)
        assert_int_equal(chunk_put_append(writer, payload, PAYLOAD_MAX), STATUS_OK);
    assert_int_equal(chunk_put_append(writer, payload, 1), STATUS_LIMIT);
    chunk_put_free(writer);
    assert_int_equal(files_below("tmp"), 0);
    assert_int_equal(info().chunks, 0);
}

static void what_a_crash_left_is_cleared(void **state)
{
    char path[256];
    (void)state;
    chunk_store_close(store);
    snprintf(path, sizeof(path), "%s/tmp/0123.7", directory);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, payload, 1000), 1000);
    close(fd);
    store_start();
    assert_int_equal(files_below("tmp"), 0);
}

/* Damage in header, table and payload of both kinds: noticed, set aside, gone; and a new copy is welcome. */
static void damage_is_found_and_set_aside(void **state)
{
    static const struct {
        uint32_t size;
        size_t offset;
    } cases[] = {
        {LARGE_SIZE, 20}, {LARGE_SIZE, 50}, {LARGE_SIZE, 81}, {LARGE_SIZE, 4096}, {LARGE_SIZE, 4095 + LARGE_SIZE},
        {4096, 20},       {4096, 50},       {4096, 81},       {4096, 84},         {4096, 84 + 4095},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool large = cases[i].size > SMALL_MAX;
        unsigned quarantined = files_below("quarantine");
        struct chunk_id id = put_new(cases[i].size);
        uint64_t corruptions;
        if (large)
            flip_in_file(&id, (off_t)cases[i].offset);
        else
            flip_in_database(&id, cases[i].offset);
        corruptions = info().corruptions;
        assert_int_equal(get(&id, payload, cases[i].size), STATUS_CORRUPT);
        assert_int_equal(get(&id, payload, cases[i].size), STATUS_NOT_FOUND);
        assert_int_equal(info().corruptions, corruptions + 1);
        assert_int_equal(info().chunks, i);
        assert_int_equal(files_below("quarantine"), quarantined + large);
        assert_int_equal(put(&id, payload, cases[i].size, true), STATUS_OK);
        assert_int_equal(get(&id, payload, cases[i].size), STATUS_OK);
    }
}

static void a_shortened_file_is_damage(void **state)
{
    struct chunk_id id = put_new(LARGE_SIZE);
    char path[256];
    (void)state;
    chunk_path(&id, path);
    assert_int_equal(truncate(path, 4096 + LARGE_SIZE - 1), 0);
    assert_int_equal(chunk_store_verify(store, &id), STATUS_CORRUPT);
    assert_int_equal(chunk_store_verify(store, &id), STATUS_NOT_FOUND);
}

/* "There already" must not be said of a copy that is bad: the sender's good bytes take its place. */
static void a_bad_copy_does_not_count_as_there(void **state)
{
    struct chunk_id large = put_new(LARGE_SIZE), small = put_new(4096);
    (void)state;
    flip_in_file(&large, 4096 + 70000);
    flip_in_database(&small, 1000);
    assert_int_equal(put(&large, payload, LARGE_SIZE, true), STATUS_OK);
    assert_int_equal(put(&small, payload, 4096, true), STATUS_OK);
    assert_int_equal(get(&large, payload, LARGE_SIZE), STATUS_OK);
    assert_int_equal(get(&small, payload, 4096), STATUS_OK);
    assert_int_equal(info().corruptions, 2);
    assert_int_equal(info().chunks, 2);
}

/* The index rows of large chunks are not synced: after a power failure they may lack or remain. */
static void index_and_files_are_brought_in_line(void **state)
{
    struct chunk_id kept = put_new(LARGE_SIZE), lost = put_new(LARGE_SIZE), row_lost = put_new(LARGE_SIZE);
    struct chunk_store_config config = config_make();
    struct small_store *small = NULL;
    struct chunk_info list[4];
    uint32_t count;
    struct disk disk;
    char path[256], error[DISK_ERROR_MAX];
    (void)state;
    chunk_store_close(store);
    chunk_path(&lost, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(disk_open(&disk, &config.disk, error), STATUS_OK);
    assert_int_equal(small_store_open(&disk, &small, error), STATUS_OK);
    assert_int_equal(small_store_index_delete(small, &row_lost), STATUS_OK);
    small_store_close(small);
    disk_close(&disk);
    store_start();
    assert_int_equal(info().chunks, 2);
    assert_int_equal(info().bytes, 2 * LARGE_SIZE);
    assert_int_equal(chunk_store_inventory(store, NULL, list, 4, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(get(&kept, payload, LARGE_SIZE), STATUS_OK);
    assert_int_equal(get(&row_lost, payload, LARGE_SIZE), STATUS_OK);
    assert_int_equal(get(&lost, payload, LARGE_SIZE), STATUS_NOT_FOUND);
}

static void the_inventory_is_in_order(void **state)
{
    struct chunk_id ids[25];
    struct chunk_info list[10], previous = {0};
    uint32_t count, total = 0;
    (void)state;
    for (unsigned i = 0; i < 25; i++) {
        chunk_id_create(&ids[i]);
        random_bytes(ids[i].bytes, CHUNK_ID_LEN);
        assert_int_equal(put(&ids[i], payload, i % 5 ? 100u + i : SMALL_MAX + i, true), STATUS_OK);
    }
    do {
        assert_int_equal(chunk_store_inventory(store, total ? &previous.id : NULL, list, 10, &count), STATUS_OK);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(total == 0 || memcmp(previous.id.bytes, list[i].id.bytes, CHUNK_ID_LEN) < 0);
            assert_int_equal(list[i].crc32c, crc32c_update(0, payload, list[i].size));
            assert_true(list[i].stored_ms > 1600000000000);
            previous = list[i];
            total++;
        }
    } while (count);
    assert_int_equal(total, 25);
}

static void the_reserve_is_kept(void **state)
{
    struct chunk_store_config config = config_make();
    struct chunk_id id, kept = put_new(LARGE_SIZE);
    char error[DISK_ERROR_MAX];
    (void)state;
    chunk_store_close(store);
    config.disk.reserve_bytes = UINT64_MAX / 2;
    assert_int_equal(chunk_store_open(&config, &store, error), STATUS_OK);
    assert_true(info().space.full);
    chunk_id_create(&id);
    assert_int_equal(put(&id, payload, 100, true), STATUS_NO_SPACE);
    assert_int_equal(put(&id, payload, LARGE_SIZE, true), STATUS_NO_SPACE);
    assert_int_equal(put(&id, payload, LARGE_SIZE, false), STATUS_NO_SPACE);
    assert_false(info().read_only);
    assert_int_equal(get(&kept, payload, LARGE_SIZE), STATUS_OK);
    assert_int_equal(chunk_store_delete(store, &kept), STATUS_OK);
}

static void the_directory_belongs_to_one_node(void **state)
{
    struct chunk_store_config config = config_make();
    struct chunk_store *other = NULL;
    char error[DISK_ERROR_MAX], path[256];
    (void)state;
    chunk_store_close(store);
    store = NULL;
    config.disk.node_number = 4;
    assert_int_equal(chunk_store_open(&config, &other, error), STATUS_CONFLICT);
    assert_non_null(strstr(error, "belongs to node 3"));
    config = config_make();
    config.disk.cluster[0] = 1;
    assert_int_equal(chunk_store_open(&config, &other, error), STATUS_CONFLICT);
    assert_non_null(strstr(error, "5a5a5a"));
    snprintf(path, sizeof(path), "%s/identity", directory);
    assert_int_equal(unlink(path), 0);
    config = config_make();
    assert_int_equal(chunk_store_open(&config, &other, error), STATUS_CONFLICT);
    assert_non_null(strstr(error, "no identity"));
    FILE *identity = fopen(path, "w");
    fputs("something else", identity);
    fclose(identity);
    assert_int_equal(chunk_store_open(&config, &other, error), STATUS_CONFLICT);
    assert_non_null(strstr(error, "damaged"));
}

static void a_second_process_is_locked_out(void **state)
{
    int result;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct chunk_store_config config = config_make();
        struct disk disk;
        char error[DISK_ERROR_MAX];
        enum status status = disk_open(&disk, &config.disk, error);
        _exit(status == STATUS_UNAVAILABLE && strstr(error, "in use by another process") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

static int sync_fails(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

static void a_failed_sync_ends_all_writing(void **state)
{
    struct chunk_id kept = put_new(LARGE_SIZE), small = put_new(100), id;
    struct disk *disk = chunk_store_disk(store);
    (void)state;
    chunk_id_create(&id);
    disk->sync_file = sync_fails;
    assert_int_equal(put(&id, payload, LARGE_SIZE, true), STATUS_IO);
    assert_int_equal(failures, 1);
    disk->sync_file = fdatasync;
    assert_true(info().read_only);
    assert_int_equal(put(&id, payload, LARGE_SIZE, true), STATUS_IO);
    assert_int_equal(put(&id, payload, 100, true), STATUS_IO);
    assert_int_equal(chunk_store_delete(store, &kept), STATUS_IO);
    assert_int_equal(get(&id, payload, LARGE_SIZE), STATUS_NOT_FOUND);
    assert_int_equal(get(&kept, payload, LARGE_SIZE), STATUS_OK);
    assert_int_equal(get(&small, payload, 100), STATUS_OK);
    assert_int_equal(failures, 1);
    assert_int_equal(files_below("tmp"), 0);
}

static void a_failed_directory_sync_is_no_success(void **state)
{
    struct chunk_id kept = put_new(LARGE_SIZE), id;
    (void)state;
    chunk_id_create(&id);
    chunk_store_disk(store)->sync_directory = sync_fails;
    assert_int_equal(chunk_store_delete(store, &kept), STATUS_IO);
    assert_int_equal(failures, 1);
    chunk_store_close(store);
    store_start();
    chunk_store_disk(store)->sync_directory = sync_fails;
    assert_int_equal(put(&id, payload, LARGE_SIZE, true), STATUS_IO);
    assert_int_equal(get(&id, payload, LARGE_SIZE), STATUS_NOT_FOUND);
    assert_int_equal(failures, 2);
}

#define RACERS 8

struct racer {
    pthread_t thread;
    struct chunk_id id;
    uint32_t size;
    enum status status;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    racer->status = put(&racer->id, payload, racer->size, true);
    return NULL;
}

/* A sender that repeats itself while its first request still runs: one stores, the others find it there. */
static void of_many_writers_one_wins(void **state)
{
    static const uint32_t sizes[] = {4096, LARGE_SIZE};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct racer racers[RACERS];
        struct chunk_id id;
        unsigned stored = 0, there = 0;
        chunk_id_create(&id);
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.id = id, .size = sizes[kind]};
            assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
        }
        for (int i = 0; i < RACERS; i++) {
            pthread_join(racers[i].thread, NULL);
            stored += racers[i].status == STATUS_OK;
            there += racers[i].status == STATUS_EXISTS;
        }
        assert_int_equal(stored, 1);
        assert_int_equal(there, RACERS - 1);
        assert_int_equal(get(&id, payload, sizes[kind]), STATUS_OK);
    }
    assert_int_equal(info().chunks, 2);
}

#define CROWD       24
#define CROWD_PUTS  40
#define CROWD_BYTES 3000

struct member {
    pthread_t thread;
    unsigned number;
    struct chunk_id contested; /* each of the crowd has other bytes for it */
    enum status contested_status;
    struct chunk_id ids[CROWD_PUTS];
    enum status statuses[CROWD_PUTS];
};

static void *put_in_a_crowd(void *arg)
{
    struct member *member = arg;
    for (unsigned i = 0; i < CROWD_PUTS; i++) {
        chunk_id_create(&member->ids[i]);
        member->statuses[i] = put(&member->ids[i], payload + member->number + i, CROWD_BYTES, true);
        if (i == CROWD_PUTS / 2)
            member->contested_status = put(&member->contested, payload + member->number, CROWD_BYTES, true);
    }
    return NULL;
}

static void commits_that_go_together_end_each_in_its_own_way(void **state)
{
    static struct member crowd[CROWD];
    struct chunk_id contested;
    unsigned stored = 0;
    (void)state;
    chunk_id_create(&contested);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct member){.number = i, .contested = contested};
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, put_in_a_crowd, &crowd[i]), 0);
    }
    for (unsigned i = 0; i < CROWD; i++)
        pthread_join(crowd[i].thread, NULL);
    store_restart();
    for (unsigned i = 0; i < CROWD; i++) {
        for (unsigned j = 0; j < CROWD_PUTS; j++) {
            assert_int_equal(crowd[i].statuses[j], STATUS_OK);
            assert_int_equal(get(&crowd[i].ids[j], payload + i + j, CROWD_BYTES), STATUS_OK);
        }
        if (crowd[i].contested_status == STATUS_OK) {
            stored++;
            assert_int_equal(get(&contested, payload + i, CROWD_BYTES), STATUS_OK);
        } else {
            assert_int_equal(crowd[i].contested_status, STATUS_CONFLICT);
        }
    }
    assert_int_equal(stored, 1);
    assert_int_equal(info().chunks, CROWD * CROWD_PUTS + 1);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(chunks_come_back),
        STORE_TEST(blocks_can_be_read_alone),
        STORE_TEST(same_bytes_again_are_fine_and_others_are_not),
        STORE_TEST(deletes_are_final),
        STORE_TEST(many_are_deleted_at_once),
        STORE_TEST(a_reader_outlives_the_deletion),
        STORE_TEST(nothing_and_too_much_are_refused),
        STORE_TEST(what_a_crash_left_is_cleared),
        STORE_TEST(damage_is_found_and_set_aside),
        STORE_TEST(a_shortened_file_is_damage),
        STORE_TEST(a_bad_copy_does_not_count_as_there),
        STORE_TEST(index_and_files_are_brought_in_line),
        STORE_TEST(the_inventory_is_in_order),
        STORE_TEST(the_reserve_is_kept),
        STORE_TEST(the_directory_belongs_to_one_node),
        STORE_TEST(a_second_process_is_locked_out),
        STORE_TEST(a_failed_sync_ends_all_writing),
        STORE_TEST(a_failed_directory_sync_is_no_success),
        STORE_TEST(of_many_writers_one_wins),
        STORE_TEST(commits_that_go_together_end_each_in_its_own_way),
    };
    log_init("store-test", "test", LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
