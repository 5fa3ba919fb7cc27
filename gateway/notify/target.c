/* The kinds of targets; see the header. A new kind is its file and one line here. */
#include "gateway/notify/target.h"

#include <string.h>

static const struct notify_kind *const kinds[] = {
    &notify_webhook, &notify_amqp, &notify_kafka, &notify_redis, &notify_mqtt,
};

const struct notify_kind *notify_kind_find(const char *scheme)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t j = 0; j < sizeof(kinds[i]->scheme) / sizeof(kinds[i]->scheme[0]) && kinds[i]->scheme[j]; j++)
            if (strcmp(kinds[i]->scheme[j], scheme) == 0)
                return kinds[i];
    return NULL;
}
