/* The notification setting of a bucket. The document is compat/notification.h, who is told and how is gateway/notify/.
 */
#ifndef TERCET_GATEWAY_S3_NOTIFICATION_H
#define TERCET_GATEWAY_S3_NOTIFICATION_H

#include "base/bytes.h"
#include "base/status.h"

enum status notification_setting_parse(struct bytes kept, void **parsed); /* a struct notification_configuration */
void notification_setting_free(void *parsed);

#endif
