/* Annotations: what their names may be. Source: AWS, "Annotating your objects": 1 to 512 bytes of Unicode letters,
 * digits,
 * `_`, `.` and `-`, not beginning with `aws` or `s3`. Of ASCII exactly these are taken; of the rest of Unicode whatever
 * is no space, control, separator or private character, since which are letters changes with its versions. */
#ifndef TERCET_COMPAT_ANNOTATION_H
#define TERCET_COMPAT_ANNOTATION_H

#include "base/bytes.h"
#include "compat/error.h"

#define ANNOTATION_NAME_BYTES_MAX 512

/* InvalidAnnotationName or AnnotationNameTooLong. */
enum status annotation_name_check(struct bytes name, struct s3_error_details *error);
/* What a listing's names are to begin with; empty: anything. InvalidPrefix. */
enum status annotation_prefix_check(struct bytes prefix, struct s3_error_details *error);

#endif
