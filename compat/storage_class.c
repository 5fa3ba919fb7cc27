/* The names of storage classes; see the header. */
#include "compat/storage_class.h"

#include <stddef.h>

static const char *const storage_class_names[STORAGE_CLASS_COUNT] = {
    [STORAGE_STANDARD] = "STANDARD",
    [STORAGE_REDUCED_REDUNDANCY] = "REDUCED_REDUNDANCY",
    [STORAGE_STANDARD_IA] = "STANDARD_IA",
    [STORAGE_ONEZONE_IA] = "ONEZONE_IA",
    [STORAGE_INTELLIGENT_TIERING] = "INTELLIGENT_TIERING",
    [STORAGE_GLACIER_IR] = "GLACIER_IR",
};

/* AWS's classes that are more than a label. */
static const struct {
    const char *name, *why;
} storage_class_refused[] = {
    {"GLACIER", "its objects have to be restored before they are read, and there is no restoring here"},
    {"DEEP_ARCHIVE", "its objects have to be restored before they are read, and there is no restoring here"},
    {"AWS_BACKUP_WARM", "it is AWS Backup's own"},
    {"AWS_BACKUP_LOW_COST_WARM", "it is AWS Backup's own"},
    {"EXPRESS_ONEZONE", "it is of directory buckets, which are not offered here"},
    {"FSX_ONTAP", "it is of file systems of AWS"},
    {"FSX_OPENZFS", "it is of file systems of AWS"},
    {"OUTPOSTS", "it is of hardware of AWS"},
    {"SNOW", "it is of hardware of AWS"},
};

const char *storage_class_name(unsigned storage_class)
{
    return storage_class_names[storage_class < STORAGE_CLASS_COUNT ? storage_class : STORAGE_STANDARD];
}

enum status storage_class_parse(struct bytes text, enum storage_class *out, struct s3_error_details *error)
{
    *out = STORAGE_STANDARD;
    if (text.len == 0)
        return STATUS_OK;
    for (unsigned i = 0; i < STORAGE_CLASS_COUNT; i++) {
        if (bytes_equal_str(text, storage_class_names[i])) {
            *out = (enum storage_class)i;
            return STATUS_OK;
        }
    }
    s3_error_set(error, S3_INVALID_STORAGE_CLASS);
    for (size_t i = 0; i < sizeof(storage_class_refused) / sizeof(storage_class_refused[0]); i++)
        if (bytes_equal_str(text, storage_class_refused[i].name))
            s3_error_setf(error, S3_INVALID_STORAGE_CLASS, "The storage class %s is not offered: %s.",
                          storage_class_refused[i].name, storage_class_refused[i].why);
    s3_error_add(error, "StorageClassRequested", text);
    return STATUS_INVALID;
}
