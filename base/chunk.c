/* Chunk names and lists of chunks; see the header. */
#include "base/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

void chunk_id_create(struct chunk_id *id)
{
    uint8_t millis[8];
    put_u64(millis, (uint64_t)clock_wall_ms());
    memcpy(id->bytes, millis + 2, 6);
    random_bytes(id->bytes + 6, CHUNK_ID_LEN - 6);
}

int64_t chunk_id_time_ms(const struct chunk_id *id)
{
    uint8_t millis[8] = {0};
    memcpy(millis + 2, id->bytes, 6);
    return (int64_t)get_u64(millis);
}

void chunk_id_format(const struct chunk_id *id, char out[CHUNK_ID_TEXT_LEN + 1])
{
    hex_encode(id->bytes, CHUNK_ID_LEN, out);
}

enum status chunk_id_parse(struct bytes text, struct chunk_id *id)
{
    if (text.len != CHUNK_ID_TEXT_LEN)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return STATUS_INVALID;
    return hex_decode(text, id->bytes, CHUNK_ID_LEN);
}

void chunk_list_append(struct chunk_list *list, const struct chunk_ref *ref)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 4;
        list->refs = mem_realloc(list->refs, list->capacity * sizeof(*list->refs));
    }
    list->refs[list->count++] = *ref;
}

void chunk_list_release(struct chunk_list *list)
{
    free(list->refs);
    *list = (struct chunk_list){0};
}
