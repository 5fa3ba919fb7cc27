/* Storage classes. Tercet has one kind of storage: the classes whose objects can be read at once are labels of it, kept
 * and given back. The others promise a restore before an object is read, or storage of another kind, and are refused.
 */
#ifndef TERCET_COMPAT_STORAGE_CLASS_H
#define TERCET_COMPAT_STORAGE_CLASS_H

#include "base/bytes.h"
#include "base/status.h"
#include "compat/error.h"

/* The numbers are stored with objects: they never change, and new ones are added at the end. */
enum storage_class {
    STORAGE_STANDARD = 0,
    STORAGE_REDUCED_REDUNDANCY = 1,
    STORAGE_STANDARD_IA = 2,
    STORAGE_ONEZONE_IA = 3,
    STORAGE_INTELLIGENT_TIERING = 4,
    STORAGE_GLACIER_IR = 5,
    STORAGE_CLASS_COUNT
};

/* STANDARD for a number that is none. */
const char *storage_class_name(unsigned storage_class);
/* Absent and empty are STANDARD. STATUS_INVALID: InvalidStorageClass with its reason. */
enum status storage_class_parse(struct bytes text, enum storage_class *out, struct s3_error_details *error);

#endif
