/* The file as a whole; see the header. The sections are done one after the other, since a user may name a group that
 * stands in the same file, and a bucket its owner; the rows of a section go in few commits. */
#include "gateway/bootstrap/bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "compat/json_nesting.h"
#include "gateway/bootstrap/sections.h"

#define FILE_BYTES_MAX (16u << 20)
#define NESTING_MAX    64
#define BATCH_ENTRIES  100 /* in a commit */
#define BATCH_ROWS     4000
#define TRIES          16

static enum status fail(struct bootstrap *bootstrap, enum status status, const char *text, const char *reason)
{
    snprintf(bootstrap->report->problem, BOOTSTRAP_PROBLEM_MAX, "%s: %s", text, reason);
    return status;
}

/* ---- the file ------------------------------------------------------------------------------------------------- */

static enum status file_read(struct bootstrap *bootstrap, const char *path, struct buffer *text)
{
    char chunk[65536];
    ssize_t len;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe that nobody writes to would hold the start up */

    if (fd < 0)
        return fail(bootstrap, STATUS_IO, path, strerror(errno));
    enum status status =
        fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? STATUS_OK : fail(bootstrap, STATUS_IO, path, "it is no file");
    while (!status && (len = read(fd, chunk, sizeof(chunk))) != 0) {
        if (len < 0)
            status = fail(bootstrap, STATUS_IO, path, strerror(errno));
        else if (buffer_append(text, chunk, (size_t)len))
            status = fail(bootstrap, STATUS_INVALID, path, "it is larger than 16 MiB");
    }
    explicit_bzero(chunk, sizeof(chunk));
    close(fd);
    return status;
}

/* NULL, and the problem, for what is no JSON object. The parser's own text may show a part of the file, which has
 * secrets. */
static json_t *file_parse(struct bootstrap *bootstrap, struct bytes text)
{
    char *problem = bootstrap->report->problem;
    json_error_t error;
    json_t *object;

    if (json_nesting(text) > NESTING_MAX) { /* the parser recurses */
        snprintf(problem, BOOTSTRAP_PROBLEM_MAX, "it is nested more than %d deep", NESTING_MAX);
        return NULL;
    }
    object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(object))
        return object;
    if (object)
        snprintf(problem, BOOTSTRAP_PROBLEM_MAX, "it has to be a JSON object");
    else
        snprintf(problem, BOOTSTRAP_PROBLEM_MAX, "line %d, column %d: this is no JSON, or a field is there twice",
                 error.line, error.column);
    json_decref(object);
    return NULL;
}

/* ---- sections ------------------------------------------------------------------------------------------------- */

typedef enum status (*section_fn)(const struct section_entry *entry, struct identity_changes *changes,
                                  enum outcome *outcome);

struct batch {
    const struct section_entry *file;
    const char *section;
    section_fn entity;
    size_t first, end; /* of the section's entries */
    struct identity_changes changes;
    struct bootstrap_report report; /* what the batch counts, once it is committed */
};

static bool is_as_wanted(struct meta *meta, const struct meta_identity_change *change, enum status *status)
{
    struct buffer kept;
    bool same;

    buffer_init(&kept, META_IDENTITY_DOCUMENT_MAX);
    *status = meta_identity_get(meta, change->key, &kept);
    same = *status == STATUS_OK && change->document.data && bytes_equal(buffer_bytes(&kept), change->document);
    if (*status == STATUS_NOT_FOUND) {
        same = !change->document.data;
        *status = STATUS_OK;
    }
    buffer_release(&kept);
    return same;
}

/* Drops changes behind `begin` that change nothing. */
static enum status drop_unchanged(struct meta *meta, struct identity_changes *changes, size_t begin)
{
    enum status status = STATUS_OK;
    size_t kept = begin;

    for (size_t i = begin; i < changes->count; i++) {
        struct meta_identity_change change = changes->changes[i];
        if (!status && is_as_wanted(meta, &change, &status)) {
            free((char *)change.key.data);
            free((char *)change.document.data);
        } else {
            changes->changes[kept++] = change;
        }
    }
    changes->count = kept;
    return status;
}

static void count_outcome(struct bootstrap_report *report, enum outcome outcome)
{
    report->made += outcome == OUTCOME_MADE;
    report->changed += outcome == OUTCOME_CHANGED;
    report->removed += outcome == OUTCOME_REMOVED;
    report->unchanged += outcome == OUTCOME_UNCHANGED;
}

static enum status batch_add(struct batch *batch, size_t i)
{
    struct meta *meta = batch->file->bootstrap->gateway->meta;
    enum outcome outcome = OUTCOME_UNCHANGED;
    struct section_entry entry;
    size_t begin = batch->changes.count;
    enum status status = entry_open(batch->file, batch->section, i, &entry);

    if (!status)
        status = batch->entity(&entry, &batch->changes, &outcome);
    if (!status)
        status = drop_unchanged(meta, &batch->changes, begin);
    if (!status)
        count_outcome(&batch->report, batch->changes.count > begin ? outcome : OUTCOME_UNCHANGED);
    return status;
}

static enum status batch_try(struct batch *batch)
{
    struct meta *meta = batch->file->bootstrap->gateway->meta;
    uint64_t generation = meta_identity_generation(meta);
    size_t count = json_array_size(json_object_get(batch->file->object, batch->section));
    enum status status = STATUS_OK;

    batch->report = (struct bootstrap_report){0};
    batch->end = batch->first;
    while (!status && batch->end < count && batch->end < batch->first + BATCH_ENTRIES &&
           batch->changes.count < BATCH_ROWS)
        status = batch_add(batch, batch->end++);
    if (!status && batch->changes.count > 0)
        status = identity_changes_commit(meta, generation, &batch->changes);
    identity_changes_release(&batch->changes);
    return status;
}

static enum status batch_run(struct batch *batch)
{
    struct bootstrap_report *report = batch->file->bootstrap->report;
    enum status status = STATUS_CONFLICT;

    for (unsigned i = 0; i < TRIES && status == STATUS_CONFLICT; i++)
        status = batch_try(batch);
    if (status && !report->problem[0])
        return fail(batch->file->bootstrap, status, batch->section, status_name(status));
    report->made += batch->report.made;
    report->changed += batch->report.changed;
    report->removed += batch->report.removed;
    report->unchanged += batch->report.unchanged;
    return status;
}

/* Names are unique ignoring case; of two entries with one name the second would undo the first, each time anew. */
static enum status check_names(const struct section_entry *file, const char *section)
{
    json_t *seen = json_object();
    enum status status = STATUS_OK;
    size_t count = json_array_size(json_object_get(file->object, section));

    for (size_t i = 0; !status && i < count; i++) {
        struct section_entry entry;
        const char *name = NULL;
        status = entry_open(file, section, i, &entry);
        if (!status)
            status = entry_text(&entry, "name", true, &name);
        if (status)
            break;
        char *folded = mem_strdup(name);
        for (char *c = folded; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
        if (json_object_get(seen, folded))
            status = entry_fail(&entry, "name", "\"%.128s\" is in the file twice", name);
        else
            json_object_set_new(seen, folded, json_true());
        free(folded);
    }
    json_decref(seen);
    return status;
}

static enum status section_run(const struct section_entry *file, const char *section, section_fn entity)
{
    struct batch batch = {.file = file, .section = section, .entity = entity};
    json_t *array;
    enum status status = entry_array(file, section, &array);

    if (!status)
        status = check_names(file, section);
    while (!status && batch.first < json_array_size(array)) {
        status = batch_run(&batch);
        batch.first = batch.end;
    }
    return status;
}

static enum status buckets_run(const struct section_entry *file)
{
    struct bootstrap_report *report = file->bootstrap->report;
    json_t *array;
    enum status status = entry_array(file, "buckets", &array);

    if (!status)
        status = check_names(file, "buckets");
    for (size_t i = 0; !status && i < json_array_size(array); i++) {
        enum outcome outcome = OUTCOME_UNCHANGED;
        struct section_entry entry;
        status = entry_open(file, "buckets", i, &entry);
        if (!status)
            status = bootstrap_bucket(&entry, &outcome);
        if (!status)
            count_outcome(report, outcome);
        else if (!report->problem[0])
            status = fail(file->bootstrap, status, entry.place, status_name(status));
    }
    return status;
}

static enum status apply(struct bootstrap *bootstrap, json_t *object)
{
    static const char *const sections[] = {"policies", "groups", "roles", "users", "buckets", NULL};
    const struct section_entry file = {.bootstrap = bootstrap, .object = object};
    enum status status = entry_check_fields(&file, sections);

    if (!status)
        status = section_run(&file, "policies", bootstrap_policy);
    if (!status)
        status = section_run(&file, "groups", bootstrap_group);
    if (!status)
        status = section_run(&file, "roles", bootstrap_role);
    if (!status)
        status = section_run(&file, "users", bootstrap_user);
    return status ? status : buckets_run(&file);
}

enum status bootstrap_apply(struct gateway *gateway, const char *path, struct bootstrap_report *report)
{
    struct bootstrap bootstrap = {gateway, report};
    struct buffer text;

    *report = (struct bootstrap_report){0};
    buffer_init(&text, FILE_BYTES_MAX);
    enum status status = file_read(&bootstrap, path, &text);
    json_t *object = status ? NULL : file_parse(&bootstrap, buffer_bytes(&text));
    if (!status)
        status = object ? apply(&bootstrap, object) : STATUS_INVALID;
    json_decref(object);
    if (text.len)
        explicit_bzero(text.data, text.len);
    buffer_release(&text);
    return status;
}
