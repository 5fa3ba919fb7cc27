/* Sends numbered messages to one target, as the dispatcher would, for tests with real brokers.
 *
 *   notify_send URL      prints "ready", or "refused ERROR"; then for each line FIRST COUNT KEYS SIZE TIMEOUT-MS of its
 * input sends the messages FIRST to FIRST + COUNT - 1, as many as are delivered: with KEYS different keys and bodies of
 * SIZE bytes beside the number. Prints "STATUS DELIVERED MILLISECONDS ERROR". */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/notify/target.h"

#define COUNT_MAX 1000

static const struct notify_kind *const kinds[] = {&notify_amqp, &notify_kafka, &notify_redis, &notify_mqtt};

static const struct notify_kind *find_kind(const char *scheme)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t j = 0; kinds[i]->scheme[j]; j++)
            if (strcmp(kinds[i]->scheme[j], scheme) == 0)
                return kinds[i];
    return NULL;
}

static char *make_body(size_t number, size_t size)
{
    char *body = mem_alloc(size + 64);

    int len = snprintf(body, 64, "{\"Records\":[{\"n\":%zu,\"pad\":\"", number);
    memset(body + len, 'x', size);
    memcpy(body + len + size, "\"}]}", 5);
    return body;
}

static char *make_key(size_t number, size_t keys)
{
    char *key = mem_alloc(64);

    snprintf(key, 64, "bucket/key %zu", number % keys);
    return key;
}

static void send_messages(const struct notify_kind *kind, struct notify_target *target, const size_t numbers[5],
                          struct buffer *error)
{
    static struct notify_message messages[COUNT_MAX];
    const size_t count = numbers[1] < COUNT_MAX ? numbers[1] : COUNT_MAX;
    size_t delivered = 12345;

    for (size_t i = 0; i < count; i++)
        messages[i] = (struct notify_message){bytes_from_str(make_body(numbers[0] + i, numbers[3])),
                                              bytes_from_str(make_key(numbers[0] + i, numbers[2])),
                                              BYTES("s3:ObjectCreated:Put")};
    const uint64_t begun_ms = clock_monotonic_ms();
    buffer_clear(error);
    enum status status = kind->send(target, messages, count, (uint32_t)numbers[4], &delivered, error);
    printf("%s %zu %llu %s\n", status == STATUS_OK ? "ok" : status_name(status), delivered,
           (unsigned long long)(clock_monotonic_ms() - begun_ms), error->len > 0 ? error->data : "-");
    fflush(stdout);
    for (size_t i = 0; i < count; i++) {
        free((char *)messages[i].body.data);
        free((char *)messages[i].key.data);
    }
}

int main(int argc, char **argv)
{
    struct notify_url url;
    struct notify_target *target = NULL;
    struct buffer error;
    size_t numbers[5];
    char line[256];

    CHECK(argc == 2);
    signal(SIGPIPE, SIG_IGN); /* as base/service.c does it for the gateway */
    buffer_init(&error, NOTIFY_ERROR_MAX);
    enum status status = notify_url_parse(bytes_from_str(argv[1]), &url, &error);
    const struct notify_kind *kind = status ? NULL : find_kind(url.scheme);
    if (kind)
        status = kind->create(&url, "test", &target, &error);
    printf("%s %s\n", kind && !status ? "ready" : "refused", error.len > 0 ? error.data : "-");
    fflush(stdout);
    while (target && fgets(line, sizeof(line), stdin)) {
        CHECK(sscanf(line, "%zu %zu %zu %zu %zu", &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4]) ==
              5);
        send_messages(kind, target, numbers, &error);
    }
    if (target)
        kind->release(target);
    if (url.scheme)
        notify_url_release(&url);
    buffer_release(&error);
    return 0;
}
