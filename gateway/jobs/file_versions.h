/* Which versions of a file are kept (-files-versions-max, -files-versions-days). Those beyond the number go when a new
 * version is committed (meta/version_trim.c); a background job removes the others, and what a bound that is set later
 * finds: it reads the bucket page by page and asks, for each file that has versions to lose, to remove them. */
#ifndef TERCET_GATEWAY_FILE_VERSIONS_H
#define TERCET_GATEWAY_FILE_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "meta/meta.h"

struct gateway_options;

/* What is kept now, by that clock. INT64_MIN: the time is not known, and nothing has any age. */
struct meta_keep file_versions_keep(const struct gateway_options *options, int64_t now_ms);

/* A file's versions as they come in a listing, newest first. Zero-initialise. */
struct file_versions {
    struct buffer name;  /* of the file under way */
    uint64_t count;      /* of its versions so far */
    int64_t modified_ms; /* the last one's */
    bool due;            /* something of it is not to be kept */
};
void file_versions_init(struct file_versions *file);
void file_versions_release(struct file_versions *file);
/* Takes the next row. True when it is the first of its file that is not to be kept. */
bool file_versions_add(struct file_versions *file, const struct meta_list_entry *entry, const struct meta_keep *keep);

#endif
