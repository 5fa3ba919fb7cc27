/* The keys of the column families. Integers are big-endian, so that rows sort as S3 lists: by bucket, by key in byte
 * order, then newest version first or oldest upload first. An object key holds no NUL (object_key_check), so the NUL
 * that ends it in `versions` and `uploads` sorts `a` with all its rows before `a<anything>`. */
#ifndef TERCET_META_KEYS_H
#define TERCET_META_KEYS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/chunk.h"
#include "meta/annotations.h"
#include "meta/meta.h"

#define UPLOAD_ID_BYTES        16 /* creating sequence, 8 random bytes: sorts by creation */
#define KEY_VERSION_SUFFIX_LEN 9  /* NUL, inverted sequence */
#define KEY_UPLOAD_SUFFIX_LEN  (1 + UPLOAD_ID_BYTES)
#define KEY_BYTES_MAX          (4 + META_KEY_MAX + KEY_UPLOAD_SUFFIX_LEN)

struct upload_id {
    uint8_t bytes[UPLOAD_ID_BYTES];
};

#define ANNOTATION_SET_BYTES 16 /* sequence of the commit that began it, 8 random bytes */
/* The annotations of one version, wherever the version is. */
struct annotation_set {
    uint8_t bytes[ANNOTATION_SET_BYTES];
};

struct row_key {
    size_t len;
    char data[KEY_BYTES_MAX];
};
struct bytes row_key_bytes(const struct row_key *key);

/* INVALID unless it is a legal object key: 1 to META_KEY_MAX bytes without NUL. */
enum status object_key_check(struct bytes key);

/* bucket id and the first bytes of a key; `prefix` is cut at META_KEY_MAX. */
void row_key_prefix(struct row_key *out, uint32_t bucket, struct bytes prefix);
/* The smallest key behind all that begin with *key. */
void row_key_step_over(struct row_key *key);

void row_key_current(struct row_key *out, uint32_t bucket, struct bytes key);
void row_key_version(struct row_key *out, uint32_t bucket, struct bytes key, uint64_t sequence);
/* All versions of a key lie in [lower, upper). */
void row_key_version_bounds(struct row_key *lower, struct row_key *upper, uint32_t bucket, struct bytes key);
/* In `names`: a name has the key of its row in `current`, and its numbers follow it. */
void row_key_number(struct row_key *out, uint32_t bucket, struct bytes key, uint64_t number);
void row_key_upload(struct row_key *out, uint32_t bucket, struct bytes key, const struct upload_id *id);
void row_key_part(struct row_key *out, const struct upload_id *id, unsigned number);
void row_key_part_bounds(struct row_key *lower, struct row_key *upper, const struct upload_id *id);
void row_key_chunk(struct row_key *out, const struct chunk_id *id);
void row_key_repair(struct row_key *out, unsigned copies, const struct chunk_id *id);
void row_key_setting(struct row_key *out, uint32_t bucket, uint8_t kind);
void row_key_gc(struct row_key *out, uint64_t sequence, uint32_t index);
/* `name` is cut at META_ANNOTATION_NAME_MAX. */
void row_key_annotation(struct row_key *out, const struct annotation_set *set, struct bytes name);
void row_key_annotation_bounds(struct row_key *lower, struct row_key *upper, const struct annotation_set *set);

/* The way back. The row's bytes come from the disk: CORRUPT when they cannot be such a key. */
enum status row_key_version_parse(struct bytes row, struct bytes *key, uint64_t *sequence);
enum status row_key_upload_parse(struct bytes row, struct bytes *key, struct upload_id *id);
enum status row_key_part_parse(struct bytes row, unsigned *number);
enum status row_key_repair_parse(struct bytes row, unsigned *copies, struct chunk_id *id);
enum status row_key_setting_parse(struct bytes row, uint32_t *bucket, uint8_t *kind);
enum status row_key_annotation_parse(struct bytes row, struct bytes *name);
enum status row_key_gc_parse(struct bytes row, uint64_t *sequence, uint32_t *index);

/* Version ids: 16 hex digits of the sequence, 16 random ones. Upload ids: the hex of their bytes. INVALID when not 32
 * lower-case hex digits. */
void version_id_format(uint64_t sequence, uint64_t random, char out[META_VERSION_ID_LEN + 1]);
enum status version_id_parse(struct bytes text, uint64_t *sequence, uint64_t *random);
void upload_id_format(const struct upload_id *id, char out[META_UPLOAD_ID_LEN + 1]);
enum status upload_id_parse(struct bytes text, struct upload_id *id);

#endif
