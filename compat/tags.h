/* Sets of tags, as buckets and objects have them: reading them from a document, AWS's rules for them, writing them. */
#ifndef TERCET_COMPAT_TAGS_H
#define TERCET_COMPAT_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

#define TAGS_OF_BUCKET_MAX    50
#define TAGS_OF_OBJECT_MAX    10
#define TAGS_READ_MAX         1000 /* in a document, before its rules are looked at */
#define TAG_KEY_CHARS_MAX     128
#define TAG_VALUE_CHARS_MAX   256
#define TAG_SET_XML_BYTES_MAX (128 * 1024) /* of as many and as long ones as a bucket can have, written */

struct tag {
    struct bytes key, value;
};
struct tag_set {
    struct tag *tags;
    size_t count;
    char *storage; /* what the spans point into */
};
void tag_set_release(struct tag_set *set); /* idempotent */
/* The same tags, in whatever order; in neither set is a key there twice. */
bool tag_set_equal(const struct tag_set *a, const struct tag_set *b);

/* Tagging{TagSet{Tag{Key, Value}}}. An empty set is one. STATUS_INVALID, STATUS_LIMIT: MalformedXML to the client; then
 * there is nothing to release. */
enum status tagging_parse(struct bytes document, struct tag_set *set);

/* The same for a set inside another document, from that document's xml_handler: depth counts from the element that
 * holds the tags, whose children have 1. */
struct tag_set_reader {
    struct tag_set *set;
    size_t storage_len;
    bool has_key, has_value; /* the tag that is open */
};
/* document: which is being read; the set's storage is as large. The set is released by the caller in any case. */
void tag_set_reader_init(struct tag_set_reader *reader, struct tag_set *set, struct bytes document);
enum status tag_set_reader_open(struct tag_set_reader *reader, unsigned depth, const char *name);
enum status tag_set_reader_close(struct tag_set_reader *reader, unsigned depth, const char *name, struct bytes text);

/* AWS's rules for the tags of a bucket, and of an object: InvalidTag, or BadRequest for too many. */
enum status tag_set_check_bucket(const struct tag_set *set, struct s3_error_details *error);
enum status tag_set_check_object(const struct tag_set *set, struct s3_error_details *error);

#endif
