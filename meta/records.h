/* The values of the column families: binary records that begin with a format byte. Decoding checks every bound and
 * accepts exactly what encoding writes (STATUS_CORRUPT otherwise), so a decoded record can be trusted. Decoded spans
 * point into the record's bytes. Encoders append to a buffer made by record_buffer_init. Each record's format byte is
 * its own: a changed layout gets the next number and a decoder for the old one. */
#ifndef TERCET_META_RECORDS_H
#define TERCET_META_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/chunk.h"
#include "meta/keys.h"
#include "meta/meta.h"

#define RECORD_CHUNKS_MAX 131072 /* of one object or part; 1 TiB in chunks of 8 MiB */

void record_buffer_init(struct buffer *buffer);

/* ---- packed arrays inside of records -------------------------------------------------------------------------- */
#define PACKED_CHUNK_BYTES (CHUNK_ID_LEN + 4)
struct packed_chunks { /* chunk id, size (u32); every size at least 1 */
    const char *data;
    uint32_t count;
};
void packed_chunks_get(const struct packed_chunks *chunks, uint32_t index, struct chunk_id *id, uint32_t *size);
/* The chunks from `first` on. */
struct packed_chunks packed_chunks_part(const struct packed_chunks *chunks, uint32_t first, uint32_t count);
void packed_chunks_append(struct buffer *out, const struct chunk_list *list);
void packed_chunks_join(struct buffer *out, const struct packed_chunks *chunks);

struct packed_parts { /* part number (u16), size (u64); numbers ascend */
    const char *data;
    uint32_t count;
};
void packed_parts_get(const struct packed_parts *parts, uint32_t index, unsigned *number, uint64_t *size);
void packed_parts_append(struct buffer *out, unsigned number, uint64_t size);

#define PACKED_STREAM_BYTES (BLOCK_SEAL_ID_LEN + 8)
struct packed_streams { /* identity of a sealed stream, its plain size (u64); every size at least 1 */
    const char *data;
    uint32_t count;
};
void packed_streams_get(const struct packed_streams *streams, uint32_t index, struct block_seal_id *id, uint64_t *size);
void packed_streams_append(struct buffer *out, const struct block_seal_id *id, uint64_t size);

/* ---- objects -------------------------------------------------------------------------------------------------- */
/* What listings show of a version: the whole row in `current`, the beginning of the row in `versions`. */
struct version_head {
    uint64_t sequence;
    uint64_t random; /* second half of the version id */
    uint64_t number;
    int64_t modified_ms;
    uint64_t size;
    uint8_t etag_md5[MD5_LEN];
    uint32_t etag_parts;
    struct meta_checksum checksum;
    bool delete_marker;
    bool null_version; /* shown as version id "null" */
    uint8_t storage_class;
};
void version_head_encode(struct buffer *out, const struct version_head *head);
enum status version_head_decode(struct bytes record, struct version_head *head);
/* The head of a version record whose rest is not looked at. */
enum status version_record_decode_head(struct bytes record, struct version_head *head);

/* What was appended to a version, in its order: chunks of their own, which stand behind those that it was written with.
 * Of a sealed object they are streams of their own, each in whole chunks. */
struct version_tail {
    uint64_t size; /* plain bytes; 0: nothing was appended */
    struct packed_chunks chunks;
    struct packed_streams streams; /* none when the object is not sealed */
};

/* A version: its bytes are in `chunks`, or, when multipart, in the rows of the upload's parts named in `parts`; behind
 * them is the tail. What has a tail has bytes before it, which never change: they stand for the whole, readers.h. */
struct version_record {
    struct version_head head;
    struct bytes headers;
    bool multipart;
    struct packed_chunks chunks;
    struct upload_id upload;
    struct packed_parts parts;
    struct meta_condition condition; /* that its Complete came with: a repetition comes with the same */
    struct bytes attributes;
    struct version_tail tail;
    bool renamed; /* it came to its key by a request that this stands for */
    uint8_t rename_token[META_RENAME_TOKEN_LEN];
};
void version_record_encode(struct buffer *out, const struct version_record *record);
enum status version_record_decode(struct bytes record, struct version_record *out);

/* ---- names in buckets with versions -------------------------------------------------------------------------- */
struct name_record {
    uint64_t number;         /* the highest that a version of the name ever had */
    uint64_t versions;       /* that there are, with delete markers */
    uint64_t latest, oldest; /* their sequences; 0 without versions */
    uint64_t null_version;   /* its sequence; 0: none */
};
void name_record_encode(struct buffer *out, const struct name_record *record);
enum status name_record_decode(struct bytes record, struct name_record *out);

/* Where the version of a number is. */
void number_record_encode(struct buffer *out, uint64_t sequence);
enum status number_record_decode(struct bytes record, uint64_t *sequence);

/* ---- uploads and parts ---------------------------------------------------------------------------------------- */
struct upload_record {
    int64_t created_ms;
    uint8_t checksum_algorithm, checksum_full_object, storage_class;
    struct bytes headers;
    struct meta_condition condition;
    struct bytes attributes;
};
void upload_record_encode(struct buffer *out, const struct upload_record *record);
enum status upload_record_decode(struct bytes record, struct upload_record *out);

struct part_record {
    struct meta_part part; /* its number is in the key */
    struct packed_chunks chunks;
};
void part_record_encode(struct buffer *out, const struct part_record *record);
enum status part_record_decode(struct bytes record, struct part_record *out);

/* ---- annotations ---------------------------------------------------------------------------------------------- */
struct annotation_record {
    uint64_t sequence;     /* of the commit that wrote it */
    struct meta_part text; /* its number is of no meaning */
    struct packed_chunks chunks;
};
void annotation_record_encode(struct buffer *out, const struct annotation_record *record);
enum status annotation_record_decode(struct bytes record, struct annotation_record *out);

/* ---- chunks --------------------------------------------------------------------------------------------------- */
#define CHUNK_NOT_QUEUED 0xff
#define CHUNK_UNWANTED   0xfe /* waits to be freed: nobody needs copies of it any more */

struct chunk_record {
    uint32_t size, crc32c;
    uint8_t copies;                  /* of nodes */
    uint8_t nodes[CHUNK_COPIES_MAX]; /* zero behind copies */
    uint8_t bad;                     /* bit i: the copy on nodes[i] is missing or corrupt */
    uint8_t queued;                  /* first byte of its key in `repair`, CHUNK_NOT_QUEUED or CHUNK_UNWANTED */
};
#define CHUNK_RECORD_LEN 16
void chunk_record_encode(struct buffer *out, const struct chunk_record *record);
enum status chunk_record_decode(struct bytes record, struct chunk_record *out);

/* ---- garbage -------------------------------------------------------------------------------------------------- */
enum gc_kind { GC_CHUNKS = 1, GC_PARTS = 2, GC_TAIL = 3, GC_ANNOTATIONS = 4 };

#define GC_PIN_LEN 16

/* Queued garbage: a list of chunks, parts of an upload with all their chunks (no numbers: every part), chunks that were
 * appended to what the pin stands for, or all annotations of a version with theirs. */
struct gc_record {
    enum gc_kind kind;
    uint64_t process; /* random per meta_open: whose monotonic clock it is */
    uint64_t monotonic_ms;
    int64_t wall_ms;
    struct packed_chunks chunks;
    struct upload_id upload;
    struct packed_parts parts;
    uint8_t pin[GC_PIN_LEN]; /* of GC_TAIL: readers.h */
    struct annotation_set set;
    uint64_t bytes; /* of all that; 0 in rows of builds that did not count them */
};
void gc_record_encode(struct buffer *out, const struct gc_record *record);
enum status gc_record_decode(struct bytes record, struct gc_record *out);

/* ---- the outbox ----------------------------------------------------------------------------------------------- */
struct outbox_record {
    uint8_t kind;
    uint32_t bucket;
    int64_t time_ms;
    struct bytes key;
    struct version_head head; /* of the version that it is about */
    struct bytes payload;
};
void outbox_record_encode(struct buffer *out, const struct outbox_record *record);
enum status outbox_record_decode(struct bytes record, struct outbox_record *out);

/* ---- buckets and the database itself -------------------------------------------------------------------------- */
void bucket_record_encode(struct buffer *out, const struct meta_bucket *bucket);
enum status bucket_record_decode(struct bytes record, struct meta_bucket *out); /* all but the name */

/* A setting of a bucket: its document. */
void setting_record_encode(struct buffer *out, struct bytes document);
enum status setting_record_decode(struct bytes record, struct bytes *document);

/* An identity: its document. */
void identity_record_encode(struct buffer *out, struct bytes document);
enum status identity_record_decode(struct bytes record, struct bytes *document);

#define STATE_KEY BYTES("state") /* its key in STORE_DEFAULT */
struct state_record {
    uint8_t cluster_id[16];
    uint64_t sequence;    /* of the last commit */
    uint32_t bucket_next; /* id of the next bucket */
    uint64_t gc_rows, gc_bytes, repair_rows;
    struct meta_durability durability;
    uint64_t outbox_rows, outbox_bytes;
    bool has_names; /* false in a database of a build that did not keep `names` */
};
void state_record_encode(struct buffer *out, const struct state_record *state);
enum status state_record_decode(struct bytes record, struct state_record *out);

#endif
