/* Names: buckets, object versions and where their bytes are, multipart uploads, and the queues of chunks to repair or
 * to free. They are rows of a store (store.h), which nobody else touches.
 *
 * Every change goes through one committer (commit.c): one thread takes all waiting changes, lets each read what it
 * depends on and add to one batch, and writes the batch with one sync. So changes are totally ordered, conditions are
 * decided atomically, and many small commits share one fsync. Every function may be called in a task (it suspends) or
 * from a plain thread (it blocks). With replication, a change may end STATUS_UNCERTAIN: it is done, but not yet safe
 * from the loss of this disk; what it refers to must be kept. On a full disk it ends STATUS_NO_SPACE and is not done.
 * Strings handed out live in the struct that holds them, until its release. */
#ifndef TERCET_META_H
#define TERCET_META_H

#include <stdbool.h>
#include <stdint.h>

#include "base/block_seal.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/chunk.h"
#include "base/database_figures.h"
#include "base/status.h"
#include "meta/attributes.h"

struct meta;
struct meta_guard;
struct meta_new_annotations;
struct meta_outbox_entry;
struct meta_replication;
struct meta_setting_kind;
struct meta_settings;
struct meta_settings_update;
struct meta_store;
struct meta_space;
struct pool;

#define META_KEY_MAX            1024
#define META_BUCKET_MAX         63
#define META_VERSION_ID_LEN     32 /* lower-case hex; or "null": a key has one null version at most */
#define META_UPLOAD_ID_LEN      32
#define META_PART_MAX           10000
#define META_HEADERS_MAX        16384 /* bytes of an object's stored headers */
#define META_CHECKSUM_BYTES_MAX SHA512_LEN
#define META_RENAME_TOKEN_LEN   32

struct meta_options {
    const char *path;
    struct meta_store
        *store; /* store.h: used instead of a database at path; NULL: the one at path. Outlives the metadata */
    const uint8_t *cluster_id; /* 16 bytes; a database of another cluster is refused with STATUS_DENIED */
    struct pool *pool;         /* for reads */
    uint64_t cache_bytes;      /* what the store may keep of its rows in memory; 0: 16 MiB */
    const struct meta_replication *replication; /* history.h; NULL: no replicas. Outlives the metadata */
    struct meta_space *space;                   /* space.h; NULL: no care for a full disk. Outlives the metadata */
    const char *bounded_bucket; /* NULL: none; else of each name in it a new version removes surplus old ones */
    uint64_t versions_max;      /* of a name there, with delete markers; 0: no bound */
    const struct meta_setting_kind *setting_kinds; /* bucket_settings.h: those that buckets can have */
    size_t setting_kind_count;
    const struct meta_guard *guard; /* guard.h: asked of versions that come and go; NULL: nobody is */
    uint8_t quota_kind; /* the kind whose parsed form is a struct meta_quota (quota.h); 0: buckets have no quotas */
};

enum status meta_open(const struct meta_options *options, struct meta **meta); /* the reason of a failure is logged */
void meta_close(struct meta *meta);                                            /* flushes; no call may be under way */
uint64_t meta_sequence(const struct meta *meta);                               /* the last commit's */
unsigned meta_commits_waiting(const struct meta *meta);               /* changes asked for and not yet acknowledged */
uint64_t meta_figure(struct meta *meta, enum database_figure figure); /* of its database; does not wait for the disk */
/* There was an error in the store's background and no commit since: commits may be impossible. The committer finds out,
 * every second, by one of its own. Does not suspend. */
bool meta_is_failing(struct meta *meta);
/* A write or a sync failed, and service_wake was called: what the disk holds is not known before the next start. No
 * change is made any more, and the database is not to be closed, which would touch the disk. Any thread. */
bool meta_has_failed(const struct meta *meta);
/* A read or write met damage since the process began. What was not met is still right. Does not suspend. */
bool meta_is_damaged(void);

/* All recorded chunks but the unwanted ones (meta_gc_wait), by the number of good copies; with three or more: the last.
 * Exact as of the last commit: counted in the batches that change them. */
struct meta_durability {
    uint64_t chunks[CHUNK_COPIES + 1], bytes[CHUNK_COPIES + 1];
};
void meta_durability_get(struct meta *meta, struct meta_durability *out); /* any thread */

/* ---- buckets -------------------------------------------------------------------------------------------------- */
struct meta_bucket {
    uint32_t id; /* never reused */
    char name[META_BUCKET_MAX + 1];
    bool versioned; /* versions are kept: versioning is enabled, or suspended */
    bool suspended; /* a write replaces the null version, and only it */
    int64_t created_ms;
    char region[32];                   /* LocationConstraint given at creation, "" for none */
    uint64_t objects, versions, bytes; /* current objects; versions with delete markers; bytes of all versions */
    uint64_t
        upload_bytes; /* of the parts of uploads in progress; in memory only, counted when the database is opened */
};
/* EXISTS. settings (bucket_settings.h) are there from the first moment on; NULL: none. Their check is not asked. */
enum status meta_bucket_create(struct meta *meta, struct bytes name, bool versioned, struct bytes region,
                               const struct meta_settings_update *settings);
enum status meta_bucket_get(struct meta *meta, struct bytes name,
                            struct meta_bucket *out); /* memory only: never suspends */
/* NOT_EMPTY while it holds a version or delete marker; open multipart uploads are aborted with it. */
enum status meta_bucket_delete(struct meta *meta, struct bytes name);
/* The same, if the bucket of that name is still this one; else NOT_FOUND. */
enum status meta_bucket_delete_this(struct meta *meta, struct bytes name, uint32_t bucket);
/* Enables or suspends versioning. There is no way back to a bucket that keeps no versions; what was there before is the
 * null version of its key. settings change in the same commit, and their check decides; NULL: none. NOT_FOUND. DENIED:
 * the guard says that it cannot be suspended. */
enum status meta_bucket_set_versioning(struct meta *meta, uint32_t bucket, bool suspended,
                                       const struct meta_settings_update *settings);
/* All buckets by name; *buckets is to be freed. Never suspends. */
void meta_bucket_list(struct meta *meta, struct meta_bucket **buckets, size_t *count);

/* ---- objects -------------------------------------------------------------------------------------------------- */
/* A stored checksum of an object or part; algorithm numbers are compat's, 0 is none. Opaque here. */
struct meta_checksum {
    uint8_t algorithm;
    uint8_t full_object; /* for multipart: 1 FULL_OBJECT, 0 COMPOSITE */
    uint8_t len;
    uint8_t value[META_CHECKSUM_BYTES_MAX];
};

/* Conditions of a write, decided at the commit (a delete marker counts as absent). */
struct meta_condition {
    bool must_be_absent; /* If-None-Match: * */
    bool must_match;     /* If-Match: PRECONDITION when the ETag differs, NOT_FOUND when absent */
    bool must_exist;     /* If-Match: *: NOT_FOUND when absent */
    bool must_have_size; /* as must_match, of the size and of the second in which it was written; deletions only */
    bool must_have_time;
    uint8_t etag_md5[MD5_LEN];
    uint32_t etag_parts;
    uint64_t size;
    int64_t modified_s;
    /* Whoever asks may be told of one version only, or of none: PRECONDITION when another one is there. Not kept with
     * an upload. */
    bool of_version;
    uint64_t sequence; /* its; 0: there was none */
};

struct meta_object {
    /* given by the writer */
    uint64_t size;
    uint8_t etag_md5[MD5_LEN];
    uint32_t etag_parts; /* 0: not multipart */
    struct meta_checksum checksum;
    uint8_t storage_class;   /* the writer's number for it; 0 is the default */
    struct bytes headers;    /* the writer's encoding of stored headers and user metadata, at most META_HEADERS_MAX */
    struct bytes attributes; /* packed, attributes.h */
    const struct meta_outbox_entry *outbox;         /* outbox.h; NULL: nothing is to be done */
    const struct meta_new_annotations *annotations; /* annotations.h; NULL: none */
    /* given by meta */
    uint64_t sequence;   /* of the commit, or of the one that began its upload (has_version): the order of versions */
    uint64_t number;     /* 1, 2, ... per name; with versioning none is ever used twice */
    int64_t modified_ms; /* never earlier than what the latest version was until then */
    bool delete_marker;
    bool latest;
    char version_id[META_VERSION_ID_LEN + 1]; /* "null" if written without versioning, or while it was suspended */
    /* private */
    void *storage;
};
void meta_object_release(struct meta_object *object);

/* Commits one new version whose chunks are durable, or are carried with the commit (chunk_list.carried): then they are
 * once it is OK, and with UNAVAILABLE no nodes could be found for them. On return `object` has the fields given by
 * meta. What it replaces is queued for GC, chunks with fewer than three copies for repair, all in the same batch.
 * NOT_FOUND: no such bucket. On any error the caller frees the chunks on the nodes. */
enum status meta_object_put(struct meta *meta, uint32_t bucket, struct bytes key, struct meta_object *object,
                            const struct chunk_list *chunks, const struct meta_condition *condition);

/* Which version: the latest (all zero), by S3 version id, or by number. */
struct meta_version {
    /* data NULL: not by id. INVALID when malformed, or when the bucket has never kept versions and so gave out no ids;
     * "null" finds the null version */
    struct bytes id;
    uint64_t number; /* 0: not by number, which only versioned buckets know */
};
/* NOT_FOUND when absent. The latest may be a delete marker: the caller looks at delete_marker. Until the object is
 * released, GC frees no chunk of this version, and holds back nothing else for it. Waits for a commit of the version
 * whose outcome is not known yet (settle.h); UNCERTAIN when it cannot be known any more. */
enum status meta_object_get(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                            struct meta_object *object);

/* A change of a version's attributes or class, in one commit; what it was written with stays. */
struct meta_object_update {
    const struct meta_attribute *changes; /* a document with data NULL: that attribute is removed, if it is there */
    size_t count;
    uint64_t sequence;                      /* 0, or of the version that is meant: PRECONDITION when it is another */
    const struct meta_condition *condition; /* about the version addressed; NULL: none */
    const uint8_t *storage_class;           /* that the version gets; NULL: its own stays */
    /* Decides in the committer, which it must not block, whether this may be done to the version as it is then, its
     * attributes among it, and to the bucket's settings as they are. NULL: always. Its failure is what the update
     * returns. */
    enum status (*check)(void *arg, const struct meta_bucket *bucket, const struct meta_settings *settings,
                         const struct meta_object *object);
    void *arg;
    const struct meta_outbox_entry *outbox; /* as of meta_object */
};
/* NOT_FOUND; CONFLICT when it is a delete marker, which has none; LIMIT; INVALID when META_ATTRIBUTE_SEALED would come
 * or go. *object is the version that was looked at, in
 * either case, without headers and attributes: nothing to release. */
enum status meta_object_update(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                               const struct meta_object_update *update, struct meta_object *object);

/* An object of a bucket that keeps no versions gets another key in one commit: what it was written with, its
 * attributes, class and the time of its last change go with it. */
struct meta_rename {
    struct bytes source, target; /* two keys */
    uint64_t sequence;           /* of the version that is meant */
    /* The attribute META_ATTRIBUTE_SEALED that it has at its new key; data NULL when it is not sealed. And the one that
     * this was made of: it may have got another since, with its sequence kept. */
    struct bytes sealed, sealed_was;
    /* META_RENAME_TOKEN_LEN bytes that stand for this request and no other, kept with the object; NULL: none. When what
     * is at the target came there by the same request, nothing is done once more. */
    const uint8_t *token;
    /* Decides in the committer, which it must not block; target NULL: nothing is there. NULL: always. */
    enum status (*check)(void *arg, const struct meta_object *source, const struct meta_object *target);
    void *arg;
    const struct meta_outbox_entry *outbox_source, *outbox_target; /* as of meta_object, about the two keys */
    /* returned */
    bool repeated;  /* with OK: it had been done before */
    bool no_bucket; /* with NOT_FOUND: it is the bucket that is not there */
};
/* NOT_FOUND: no source; INVALID: the bucket keeps versions; PRECONDITION: the source is another one by now, or sealed
 * anew; DENIED,
 * CONFLICT: the guard lets one of the two stay; what `check` says. What was at the target is queued for GC. *object is
 * what is there then, without headers and attributes: nothing to release. */
enum status meta_object_rename(struct meta *meta, uint32_t bucket, struct meta_rename *rename,
                               struct meta_object *object);

struct meta_deletion {
    bool removed;        /* something was there and was removed */
    bool marker_created; /* a delete marker was added */
    bool marker_removed; /* the removed version was a delete marker */
    bool no_bucket;      /* with NOT_FOUND: it is the bucket that is not there */
    bool versioned;      /* the bucket keeps versions, as of the commit */
    /* Of the marker added, or the version removed; with NOT_FOUND that of the version named by it; "" otherwise. */
    char version_id[META_VERSION_ID_LEN + 1];
};
/* S3 semantics: without a version, a versioned bucket gets a delete marker (which replaces the null version while
 * versioning is suspended) and another loses its object (no error when absent); with a version that one is removed
 * (NOT_FOUND when absent). A condition is about the version addressed. INVALID, also without the bucket: a malformed
 * id. DENIED, CONFLICT: the guard (guard.h) lets the version stay. */
enum status meta_object_delete(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_version *version,
                               const struct meta_condition *condition, const struct meta_outbox_entry *outbox,
                               struct meta_deletion *result);
/* The version addressed, as somebody saw it who decided on its end then. PRECONDITION when it is another by now, or is
 * the latest no more, or is it now, or has other attributes, if they were part of it. */
struct meta_seen {
    uint64_t sequence; /* 0: it is removed however it is */
    bool latest;
    bool has_attributes;
    uint32_t attributes_crc; /* meta_seen_attributes */
    bool anywhere;           /* whether it is the latest does not matter */
    bool none;               /* there was none; with sequence 0 */
};
/* From now on the packed attributes are part of what was seen. */
void meta_seen_attributes(struct meta_seen *seen, struct bytes attributes);
/* One of several that are asked for together. */
struct meta_object_deletion {
    struct bytes key;
    struct meta_version version;
    struct meta_condition condition;
    struct meta_seen seen;
    uint32_t permits; /* what the guard is told of who asks for a version; its own numbers; a marker has none */
    const struct meta_outbox_entry *outbox; /* NULL: nothing is to be done */
    enum status status;                     /* the outcome, as of meta_object_delete */
    struct meta_deletion result;
};
/* The same for each of them, in their order and in as few commits as their size allows. None depends on the outcome of
 * another, but a later one sees what an earlier one did. */
void meta_objects_delete(struct meta *meta, uint32_t bucket, struct meta_object_deletion *const *deletions,
                         size_t count);
/* Removes the name with all its versions (documented API). *count is how many were removed; the commit that removes the
 * last one leaves the row in the outbox, if there was any. INVALID for a bucket
 * without versioning. DENIED, CONFLICT: the guard lets one of them stay; of more than 1,000 versions the oldest may be
 * gone then. */
enum status meta_object_delete_all(struct meta *meta, uint32_t bucket, struct bytes key,
                                   const struct meta_outbox_entry *outbox, uint64_t *count);

/* Which versions of a name are kept; the newest always is. */
struct meta_keep {
    uint64_t versions_max;      /* so many of the newest, with delete markers; 0: no bound */
    int64_t replaced_before_ms; /* those that got a successor by then are not; INT64_MIN: no bound */
};
/* Removes the oldest versions of the name that are not kept, some hundred in one commit, up to one that the guard lets
 * stay. *removed: how many; *more: when others may be left. INVALID for a bucket without versioning. */
enum status meta_versions_trim(struct meta *meta, uint32_t bucket, struct bytes key, const struct meta_keep *keep,
                               uint64_t *removed, bool *more);

/* ---- an object's chunks --------------------------------------------------------------------------------------- */
/* Walks the chunks that cover [offset, offset + len) of the object's bytes as they are stored, in order; loads them in
 * batches. The object (from meta_object_get or meta_upload_complete) must outlive the cursor. A ref names the good
 * copies; when none is left, the bad ones. */
struct meta_cursor;
struct meta_cursor *meta_cursor_open(struct meta *meta, const struct meta_object *object, uint64_t offset,
                                     uint64_t len);
/* NOT_FOUND after the last, CORRUPT when the chunk map has a hole. chunk_offset and chunk_len say which part of the
 * chunk is wanted. */
enum status meta_cursor_next(struct meta_cursor *cursor, struct chunk_ref *ref, uint32_t *chunk_offset,
                             uint32_t *chunk_len);
void meta_cursor_close(struct meta_cursor *cursor);
/* What of a sealed object is sealed as one stream: the whole of it, or a part, or what was appended at once. */
struct meta_stream {
    uint64_t offset, size;     /* of plain bytes in the object */
    uint64_t stored_offset;    /* where its blocks begin among the object's stored bytes */
    unsigned part;             /* number; 0: what was not uploaded in parts, or what was appended */
    struct block_seal_id seal; /* of what was appended; otherwise the part has its own, and the object */
};
/* The one that has the object's plain byte at `offset`; NOT_FOUND: it ends before. */
enum status meta_object_stream(const struct meta_object *object, uint64_t offset, struct meta_stream *stream);
/* Multipart objects: byte offset and size of part `number` (S3 partNumber), and how many parts there are; what was
 * appended to one is a part more. A single-part object has one part, 1. NOT_FOUND: no such part. */
enum status meta_object_part(const struct meta_object *object, unsigned number, uint64_t *offset, uint64_t *size,
                             unsigned *part_count);

struct meta_part;
/* Multipart objects: the parts numbered above `after`, ascending, at most max, as they were uploaded; *parts is to be
 * freed. Of others there are none. The object is from meta_object_get. Suspends. */
enum status meta_object_parts(struct meta *meta, const struct meta_object *object, unsigned after, unsigned max,
                              struct meta_part **parts, size_t *count, bool *truncated);

/* ---- listings ------------------------------------------------------------------------------------------------- */
struct meta_list_query {
    uint32_t bucket;
    struct bytes prefix, delimiter; /* empty: none */
    struct bytes after;             /* exclusive; all below a common prefix that it lies under is skipped */
    struct bytes after_version;     /* versions only: continue within `after` behind this version id */
    unsigned max;                   /* at most 1000; 0 gives an empty page */
};
struct meta_list_entry {
    struct bytes key; /* or the common prefix */
    bool is_prefix;
    struct meta_object
        object; /* size, etag, modified, number, version_id, delete_marker, latest, checksum, class; no headers */
};
struct meta_list_page {
    struct meta_list_entry *entries; /* in key order; versions of a key newest first */
    size_t count;
    bool truncated; /* then the last entry is where the next page begins */
    void *storage;  /* private */
};
/* Current objects (no delete markers). Costs one seek per common prefix, not a walk through it. */
enum status meta_list(struct meta *meta, const struct meta_list_query *query, struct meta_list_page *page);
/* All versions and delete markers. */
enum status meta_list_versions(struct meta *meta, const struct meta_list_query *query, struct meta_list_page *page);
void meta_list_page_release(struct meta_list_page *page);

/* ---- multipart uploads ---------------------------------------------------------------------------------------- */
struct meta_upload {
    char id[META_UPLOAD_ID_LEN + 1];
    uint32_t bucket;
    struct bytes key, headers;
    struct bytes attributes;                          /* of the object that it becomes */
    uint8_t checksum_algorithm, checksum_full_object; /* as asked at creation; 0: none */
    uint8_t storage_class;                            /* of the object that it becomes */
    struct meta_condition condition; /* holds for the object: decided at creation and at the Complete */
    int64_t created_ms;
    bool has_version; /* its id is also that of the version which it becomes: it was begun where versions are kept */
    const struct meta_outbox_entry *outbox; /* given for the Complete, as of meta_object */
    void *storage;
};
void meta_upload_release(struct meta_upload *upload);
/* upload: bucket, key, headers, attributes, class, condition and checksum_* given; id, created_ms and has_version
 * returned. A condition that fails already ends as in meta_object_put, and there is no upload. */
enum status meta_upload_create(struct meta *meta, struct meta_upload *upload);
/* NOT_FOUND unless the upload is open and of that bucket and key. */
enum status meta_upload_get(struct meta *meta, uint32_t bucket, struct bytes key, struct bytes id,
                            struct meta_upload *upload);

struct meta_part {
    unsigned number; /* 1-10000 */
    uint64_t size;
    uint8_t md5[MD5_LEN];
    struct meta_checksum checksum;
    int64_t modified_ms;
    struct block_seal_id seal; /* sealed as the upload is, by its attributes */
};
/* Replaces an earlier part of that number (its chunks go to GC). NOT_FOUND when the upload is gone. */
enum status meta_part_put(struct meta *meta, const struct meta_upload *upload, struct meta_part *part,
                          const struct chunk_list *chunks);
/* Parts numbered above `after`, ascending, at most max (<= 10000); *parts is to be freed. */
enum status meta_part_list(struct meta *meta, const struct meta_upload *upload, unsigned after, unsigned max,
                           struct meta_part **parts, size_t *count, bool *truncated);

/* Decides whether the uploaded parts make the object, in the committer (it must not block): called with the stored
 * parts that the request names, in its order (NULL where a number was never uploaded). It fills object->etag_md5,
 * etag_parts and checksum; when the Complete is repeated, object->checksum comes as the version has it. A failure
 * status is passed through. */
typedef enum status (*meta_complete_fn)(void *arg, const struct meta_part *const *parts, size_t count,
                                        struct meta_object *object);
/* Turns the upload into a version: object->headers are the upload's; `decide` is told object->size. The numbers must
 * ascend (INVALID otherwise, and when `decide` lets a missing part pass). Parts that are not named go to GC. Release
 * the object. Of an upload with has_version the version's place in the order is that of its creation, so it may come
 * behind a newer one, which stays the latest; with a condition, or behind as many as are kept, it does not: EXISTS.
 * NOT_FOUND: upload gone. But a repeated Complete of an upload with has_version, or of the one that made the current
 * version, returns the version, if it names the parts that that has, `decide` agrees, and its condition is the first
 * one's or holds now. */
enum status meta_upload_complete(struct meta *meta, const struct meta_upload *upload, const unsigned *numbers,
                                 size_t count, const struct meta_condition *condition, meta_complete_fn decide,
                                 void *arg, struct meta_object *object);
enum status meta_upload_abort(struct meta *meta, const struct meta_upload *upload);

struct meta_upload_query {
    uint32_t bucket;
    struct bytes prefix, delimiter, key_marker, upload_id_marker;
    unsigned max;
};
struct meta_upload_entry {
    bool is_prefix;
    struct bytes key; /* or the common prefix */
    char id[META_UPLOAD_ID_LEN + 1];
    int64_t created_ms;
    bool has_version; /* as of meta_upload */
    uint8_t checksum_algorithm, checksum_full_object, storage_class;
};
struct meta_upload_page {
    struct meta_upload_entry *entries; /* by key, then by creation */
    size_t count;
    bool truncated;
    void *storage;
};
enum status meta_upload_list(struct meta *meta, const struct meta_upload_query *query, struct meta_upload_page *page);
void meta_upload_page_release(struct meta_upload_page *page);

/* ---- background queues ---------------------------------------------------------------------------------------- */
struct meta_gc_row { /* of the queue */
    uint64_t sequence;
    uint32_t index;
    bool ends; /* the last chunk that was found of its row */
};
/* Chunks to be freed, with every node that may hold a copy, and the row that each is from. Zero-initialise; release
 * frees. */
struct meta_garbage {
    struct chunk_list chunks;
    struct meta_gc_row *rows;
    size_t row_capacity;
};
void meta_garbage_append(struct meta_garbage *garbage, const struct chunk_ref *ref, const struct meta_gc_row *row);
void meta_garbage_release(struct meta_garbage *garbage);

/* Chunks that nothing refers to any more, whose grace has passed and whose version nobody holds. Appends at most
 * max of them; each call goes on behind the last one of its pass. Large deleted objects are expanded piece by piece.
 * META_GC_NEW: what was never handed out, so that chunks which cannot be freed now hold up nothing; nothing appended:
 * there is no more for now. META_GC_AGAIN: what was handed out before, or held by a reader then, and is still there;
 * nothing appended: the end, and the next call starts over. */
enum meta_gc_pass { META_GC_NEW, META_GC_AGAIN };
enum status meta_gc_next(struct meta *meta, enum meta_gc_pass pass, uint64_t grace_ms, size_t max,
                         struct meta_garbage *garbage);
/* These chunks were freed on every node that held them. */
enum status meta_gc_done(struct meta *meta, const struct meta_garbage *freed);
/* These chunks cannot be freed on every node that holds them now. Before copies of them are deleted elsewhere: marks
 * those that are not marked yet as unwanted, so that nobody misses these copies. */
enum status meta_gc_wait(struct meta *meta, const struct chunk_list *chunks);
uint64_t meta_gc_backlog(struct meta *meta); /* rows waiting; approximate */
uint64_t meta_gc_left(struct meta *meta);    /* of these, what META_GC_AGAIN has to do with */
/* Rows whose grace has passed and that were never handed out: how far freeing is behind, without what waits for nodes
 * or readers. Approximate: too small by what became due since the last call of meta_gc_next. */
uint64_t meta_gc_overdue(struct meta *meta);
/* The bytes of these, each chunk counted once; a row counts as a whole until nothing is left of it. */
uint64_t meta_gc_backlog_bytes(struct meta *meta);

/* Appends at most max chunks recorded with too few or damaged copies, fewest copies first; goes on and starts over as
 * meta_gc_next does. */
enum status meta_repair_next(struct meta *meta, size_t max, struct chunk_list *chunks);
/* Records where the chunk's copies are now: those handed out, and the new one, which comes last; with three good ones,
 * takes it off the queue. Nodes recorded with a bad copy by now stay recorded so, as far as there is room: GC asks them
 * too. NOT_FOUND when the chunk is no longer referred to: the caller frees the new copy. */
enum status meta_repair_done(struct meta *meta, const struct chunk_ref *ref);
/* The copy recorded there as bad was verified and is good after all. NOT_FOUND as above. */
enum status meta_repair_good(struct meta *meta, const struct chunk_id *id, unsigned good_node);
/* Queues a chunk whose copy on that node is missing or corrupt; unknown chunks are ignored. */
enum status meta_repair_add(struct meta *meta, const struct chunk_id *id, unsigned bad_node);
/* The same for many chunks in one commit; at most META_REPAIR_ADD_MAX. */
#define META_REPAIR_ADD_MAX 256
enum status meta_repair_add_many(struct meta *meta, const struct chunk_id *ids, size_t count, unsigned bad_node);
/* Copies that were replaced and may go from the node: strikes it off the records of those that keep CHUNK_COPIES good
 * copies without it; left[i]: it was struck off, so nobody counts on the copy there any more, and the caller deletes
 * it. At most META_REPAIR_ADD_MAX, in one commit. */
enum status meta_copies_leave(struct meta *meta, const struct chunk_id *ids, size_t count, unsigned node, bool *left);
/* meta_repair_done for many chunks, at most META_REPAIR_ADD_MAX, in one commit; known: false for one that is no longer
 * referred to. */
enum status meta_repair_done_many(struct meta *meta, const struct chunk_ref *refs, size_t count, bool *known);
uint64_t meta_repair_backlog(struct meta *meta);
/* For how long the queue has not been empty, counted from meta_open at most: nothing that was queued since is older. 0
 * when it is empty. */
uint64_t meta_repair_backlog_ms(struct meta *meta);

/* ---- where the copies are ------------------------------------------------------------------------------------- */
struct meta_chunk {
    struct chunk_ref ref; /* with every recorded copy */
    uint8_t bad;          /* bit i: the copy on ref.nodes[i] is missing or corrupt */
    bool unwanted;        /* it waits to be freed */
};
/* NOT_FOUND when nothing is recorded of it. */
enum status meta_chunk_get(struct meta *meta, const struct chunk_id *id, struct meta_chunk *chunk);
/* Up to `max` chunks behind `after` (NULL: from the first) in the order of their ids; fewer only at the end. */
enum status meta_chunk_walk(struct meta *meta, const struct chunk_id *after, size_t max, struct meta_chunk *chunks,
                            size_t *count);

#endif
