/* S3_SETTING_LOGGING as requests read it: a struct bucket_logging (compat/bucket_logging.h), to be freed. A bucket that
 * logs nothing has no such setting. */
#ifndef TERCET_GATEWAY_S3_LOGGING_SETTING_H
#define TERCET_GATEWAY_S3_LOGGING_SETTING_H

#include "compat/bucket_logging.h"

enum status logging_setting_parse(struct bytes document, void **parsed); /* meta_setting_kind.parse */

#endif
