/* Names of hosts, looked up within a time. getaddrinfo() takes as long as the system's resolver is told to try, which
 * may be half a minute, and nobody can end it: so a thread waits for it, and frees what it found when the one who asked
 * is gone. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/notify/broker.h"

/* Belongs to both sides: the last one frees it. */
struct notify_lookup {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t has_ended;
    char *host, port[8];
    bool is_done, is_left;
    int result;
    struct addrinfo *addresses;
};

static void lookup_free(struct notify_lookup *lookup)
{
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    pthread_cond_destroy(&lookup->has_ended);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

static void *lookup_run(void *arg)
{
    struct notify_lookup *lookup = arg;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *addresses = NULL;

    int result = getaddrinfo(lookup->host, lookup->port, &hints, &addresses);
    pthread_mutex_lock(&lookup->lock);
    lookup->result = result;
    lookup->addresses = result == 0 ? addresses : NULL;
    lookup->is_done = true;
    bool is_left = lookup->is_left;
    pthread_cond_signal(&lookup->has_ended);
    pthread_mutex_unlock(&lookup->lock);
    if (is_left)
        lookup_free(lookup);
    return NULL;
}

static enum status lookup_wait(struct notify_lookup *lookup, uint64_t deadline_ms, struct addrinfo **addresses,
                               struct buffer *error)
{
    enum status status = STATUS_OK;

    pthread_mutex_lock(&lookup->lock);
    while (!lookup->is_done && notify_left_ms(deadline_ms) > 0)
        (void)clock_cond_wait(&lookup->has_ended, &lookup->lock, deadline_ms);
    bool is_done = lookup->is_done;
    lookup->is_left = !is_done;
    pthread_mutex_unlock(&lookup->lock);
    if (!is_done)
        return notify_fail(error, STATUS_TIMEOUT, "the resolver did not answer for the host's name in time");
    if (lookup->result != 0) {
        status =
            notify_fail(error, STATUS_UNAVAILABLE, "the host's name is not known: %s", gai_strerror(lookup->result));
    } else {
        *addresses = lookup->addresses;
        lookup->addresses = NULL;
    }
    lookup_free(lookup);
    return status;
}

enum status notify_lookup(const char *host, uint16_t port, uint64_t deadline_ms, struct addrinfo **addresses,
                          struct buffer *error)
{
    struct notify_lookup *lookup = mem_zalloc(sizeof(*lookup));
    pthread_attr_t attributes;
    pthread_t thread;

    lookup->host = mem_strdup(host);
    snprintf(lookup->port, sizeof(lookup->port), "%u", port);
    pthread_mutex_init(&lookup->lock, NULL);
    clock_cond_init(&lookup->has_ended);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, lookup_run, lookup);
    pthread_attr_destroy(&attributes);
    if (failed) {
        lookup_free(lookup);
        return notify_fail(error, STATUS_UNAVAILABLE, "no thread can be started: %s", strerror(failed));
    }
    return lookup_wait(lookup, deadline_ms, addresses, error);
}
