/* Clients of the model: they write and read, and check that each answer fits what was told before. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "tests/model/model.h"
#include "tests/model/nodes_in_sim.h"
#include "tests/model/sim.h"

struct model model;
FILE *report;

_Noreturn void violated(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(report, "seed %llu, step %llu: ", (unsigned long long)model.seed, (unsigned long long)sim_steps());
    vfprintf(report, format, args);
    fprintf(report, "\n");
    fflush(report);
    va_end(args);
    _exit(3);
}

unsigned holders_of(const struct chunk_id *chunk)
{
    unsigned holders = 0;
    for (unsigned i = 0; i < NODES; i++)
        holders += node_has_chunk(i, chunk);
    return holders;
}

/* A client was told that the name is at that version, or at a later one. */
static void known_learn(struct known *known, uint64_t sequence, uint32_t number)
{
    if (sequence > known->sequence)
        *known = (struct known){sequence, number};
}

static uint32_t number_of(const struct meta_object *object)
{
    uint32_t number;
    memcpy(&number, object->etag_md5, sizeof(number));
    return number;
}

/* A version that a client was shown. */
static void version_check(unsigned key, const struct known *known, const struct meta_object *object)
{
    uint32_t number = number_of(object);
    if (number == 0 || number > model.write_count || model.writes[number].key != key)
        violated("key %u: a version that nobody wrote", key);
    const struct write *write = &model.writes[number];
    if (write->outcome == REFUSED)
        violated("key %u: write %u was refused, and is there", key, number);
    if (object->sequence < known->sequence)
        violated("key %u: version %llu (write %u) after %llu (write %u) was told of", key,
                 (unsigned long long)object->sequence, number, (unsigned long long)known->sequence, known->write);
    if (object->sequence == known->sequence && number != known->write)
        violated("key %u: version %llu is write %u, and was write %u", key, (unsigned long long)object->sequence,
                 number, known->write);
}

static struct bytes key_text(unsigned key, char text[16])
{
    snprintf(text, 16, "key-%u", key);
    return bytes_from_str(text);
}

static uint32_t bucket_of(unsigned key)
{
    return model.buckets[key / KEYS].id;
}

static void client_write(unsigned key)
{
    char text[16], bytes[64];
    uint32_t number = ++model.write_count;
    struct write *write = &model.writes[number];
    struct chunk_ref ref = {.size = (uint32_t)(1 + sim_below(sizeof(bytes)))};
    struct chunk_list chunks = {.carried = bytes};
    struct meta_object object = {.size = ref.size};

    CHECK(number < WRITES_MAX);
    random_bytes(bytes, ref.size);
    ref.crc32c = crc32c_update(0, bytes, ref.size);
    chunk_id_create(&ref.id);
    memcpy(object.etag_md5, &number, sizeof(number));
    *write = (struct write){.key = key, .disk = model.restores, .chunk = ref.id};
    chunk_list_append(&chunks, &ref);
    model.writing++;
    enum status status = meta_object_put(model.meta, bucket_of(key), key_text(key, text), &object, &chunks, NULL);
    model.writing--;
    chunk_list_release(&chunks);
    if (status == STATUS_OK) {
        write->outcome = ACKNOWLEDGED;
        model.acknowledged++;
        if (write->read_early)
            violated("key %u: write %u was read before its bytes were safe", key, number);
        if (holders_of(&ref.id) < CHUNK_COPIES_MIN)
            violated("key %u: write %u was acknowledged with %u copies", key, number, holders_of(&ref.id));
        known_learn(&model.names[key].acknowledged, object.sequence, number);
        known_learn(&model.names[key].told, object.sequence, number);
    } else if (status == STATUS_UNCERTAIN) {
        write->outcome = UNKNOWN;
        model.uncertain++;
    } else if (status == STATUS_UNAVAILABLE || status == STATUS_NO_SPACE) {
        write->outcome = REFUSED;
        model.refused++;
        sim_sleep_us(sim_below(300 * MS));
    } else {
        violated("key %u: write %u ended %s", key, number, status_name(status));
    }
}

void client_read(unsigned key)
{
    const struct known known = model.names[key].told;
    char text[16];
    struct meta_object object;
    enum status status = meta_object_get(model.meta, bucket_of(key), key_text(key, text), NULL, &object);
    if (status == STATUS_UNAVAILABLE || status == STATUS_UNCERTAIN)
        return;
    if (status == STATUS_NOT_FOUND) {
        if (known.write)
            violated("key %u: write %u is lost", key, known.write);
        return;
    }
    if (status)
        violated("key %u: reading ended %s", key, status_name(status));
    model.reads++;
    version_check(key, &known, &object);
    struct write *write = &model.writes[number_of(&object)];
    write->read_early = write->read_early || holders_of(&write->chunk) < CHUNK_COPIES_MIN;
    bool in_log = write->outcome != ACKNOWLEDGED && write->disk == model.restores;
    if (holders_of(&write->chunk) < (write->outcome == ACKNOWLEDGED ? CHUNK_COPIES_MIN : !in_log))
        violated("key %u: write %u is read, and %u nodes have its bytes", key, number_of(&object),
                 holders_of(&write->chunk));
    known_learn(&model.names[key].told, object.sequence, number_of(&object));
    meta_object_release(&object);
}

void client_main(void *arg)
{
    (void)arg;
    for (;;) {
        sim_sleep_us(sim_below(sim_chance(800) ? 3 * MS : 60 * MS));
        unsigned key = (unsigned)sim_below(2 * KEYS);
        if (model.write_count + 1 < WRITES_MAX && !model.quiet && sim_chance(600))
            client_write(key);
        else
            client_read(key);
    }
}
