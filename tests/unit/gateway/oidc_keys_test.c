/* The keys of an OpenID Connect provider while it does not answer: who asks is served by those that are there. */
#include "tests/unit/gateway/fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/identity/oidc_keys.h"

#define HOUR_MS 3600000

struct provider {
    int listening;
    char url[64];
    pthread_t thread;
    atomic_bool held; /* it answers nothing */
    atomic_int asked;
};

struct asking {
    struct oidc_keys *keys;
    const char *url;
    struct oidc_key_set *set;
    enum status status;
};

struct asked {
    struct fixture *fixture;
    struct asking asking;
    pthread_t thread;
};

static void answer_one(struct provider *provider, int fd)
{
    char head[4096] = "", body[256], whole[512];
    size_t len = 0;
    ssize_t got;

    while (!strstr(head, "\r\n\r\n") && (got = read(fd, head + len, sizeof(head) - 1 - len)) > 0)
        len += (size_t)got;
    atomic_fetch_add(&provider->asked, 1);
    while (atomic_load(&provider->held))
        usleep(1000);
    if (strstr(head, "/.well-known/"))
        snprintf(body, sizeof(body), "{\"issuer\":\"http://%s\",\"jwks_uri\":\"http://%s/keys\"}", provider->url,
                 provider->url);
    else
        snprintf(body, sizeof(body), "{\"keys\":[]}");
    snprintf(whole, sizeof(whole), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    len = strlen(whole);
    assert_int_equal(write(fd, whole, len), len);
}

static void *provide(void *arg)
{
    struct provider *provider = arg;
    int fd;

    while ((fd = accept(provider->listening, NULL, NULL)) >= 0) {
        answer_one(provider, fd);
        close(fd);
    }
    return NULL;
}

static void provider_open(struct provider *provider)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    provider->listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(provider->listening, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(provider->listening, 8), 0);
    assert_int_equal(getsockname(provider->listening, (struct sockaddr *)&address, &len), 0);
    snprintf(provider->url, sizeof(provider->url), "127.0.0.1:%d", ntohs(address.sin_port));
    pthread_create(&provider->thread, NULL, provide, provider);
}

static void provider_close(struct provider *provider)
{
    shutdown(provider->listening, SHUT_RDWR);
    pthread_join(provider->thread, NULL);
    close(provider->listening);
}

static void find(void *arg)
{
    struct asking *asking = arg;

    asking->status = oidc_keys_find(asking->keys, bytes_from_str(asking->url), NULL, &asking->set);
}

static void *find_in_thread(void *arg)
{
    struct asked *asked = arg;

    fixture_run(asked->fixture, find, &asked->asking);
    return NULL;
}

static void old_keys_serve_while_new_ones_come(void **state)
{
    const struct oidc_options options = {.loopback = "http", .refresh_ms = 1000};
    struct fixture *f = *state;
    struct provider provider = {.held = false};

    provider_open(&provider);
    struct oidc_keys *keys = oidc_keys_create(&options, f->gateway.pool);
    struct asking first = {.keys = keys, .url = provider.url}, other = first;
    fixture_run(f, find, &first);
    assert_int_equal(first.status, STATUS_OK);
    fixture_pass(f, HOUR_MS + 1);
    provider.held = true;
    struct asked fetcher = {.fixture = f, .asking = {.keys = keys, .url = provider.url}};
    int before = provider.asked;
    pthread_create(&fetcher.thread, NULL, find_in_thread, &fetcher);
    while (provider.asked == before)
        usleep(100);
    alarm(20); /* else it would wait for the fetch, which waits for this test */
    fixture_run(f, find, &other);
    alarm(0);
    assert_int_equal(other.status, STATUS_OK);
    assert_ptr_equal(other.set, first.set);
    provider.held = false;
    pthread_join(fetcher.thread, NULL);
    assert_int_equal(fetcher.asking.status, STATUS_OK);
    assert_ptr_not_equal(fetcher.asking.set, first.set);
    oidc_key_set_release(first.set);
    oidc_key_set_release(other.set);
    oidc_key_set_release(fetcher.asking.set);
    oidc_keys_free(keys);
    provider_close(&provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_keys_serve_while_new_ones_come, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
