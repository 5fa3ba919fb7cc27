/* A gateway within the test; see the header. */
#include "tests/unit/gateway/fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/task.h"
#include "compat/compat.h"
#include "compat/sigv4.h"
#include "gateway/notify/notify.h"
#include "gateway/identity/key_uses.h"
#include "gateway/object/join_hints.h"
#include "gateway/s3/access_settings.h"
#include "gateway/s3/account_access.h"
#include "gateway/s3/bucket_settings.h"
#include "gateway/s3/rename_tokens.h"
#include "meta/space.h"
#include "meta/store_memory.h"

#define HEADERS_MAX   16
#define RESERVE_BYTES (1ull << 20)

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

static enum status read_space(void *arg, struct space_reading *reading)
{
    const struct fixture *fixture = arg;

    *reading = (struct space_reading){.total_bytes = 1ull << 40, .free_bytes = 1ull << 39};
    if (fixture->disk_is_low)
        reading->free_bytes = RESERVE_BYTES / 2;
    if (fixture->disk_is_full)
        reading->free_bytes = 0;
    return STATUS_OK;
}

void fixture_look_at_disk(struct fixture *fixture)
{
    meta_space_check(fixture->gateway.meta_space);
}

static void open_metadata(struct fixture *fixture)
{
    static const uint8_t cluster_id[16] = "gateway's tests";
    const struct meta_space_config space = {
        .directory = fixture->directory, .reserve_bytes = RESERVE_BYTES, .read = read_space, .read_arg = fixture};

    assert_int_equal(meta_space_create(&space, &fixture->gateway.meta_space), STATUS_OK);
    fixture->store = store_memory_create();
    const struct meta_options options = {.store = fixture->store,
                                         .cluster_id = cluster_id,
                                         .pool = fixture->gateway.pool,
                                         .space = fixture->gateway.meta_space,
                                         .setting_kinds = s3_setting_kinds,
                                         .setting_kind_count = s3_setting_kind_count,
                                         .guard = &fixture->gateway.lock_guard.hooks,
                                         .quota_kind = S3_SETTING_QUOTA};
    assert_int_equal(meta_open(&options, &fixture->gateway.meta), STATUS_OK);
    assert_int_equal(account_access_open(fixture->gateway.meta), STATUS_OK);
    assert_int_equal(files_bucket_create(fixture->gateway.meta), STATUS_OK);
}

/* Nobody, until a test has somebody told. */
static void open_notify(struct gateway *gateway)
{
    struct buffer error;

    buffer_init(&error, NOTIFY_EXPLAIN_MAX);
    assert_int_equal(notify_create(&(struct notify_options){0}, &gateway->notify, &error), STATUS_OK);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof(*fixture));
    struct gateway *gateway = &fixture->gateway;
    const struct http_server_config config = {
        .address = "127.0.0.1", .handler = gateway_handle, .handler_arg = gateway, .pauses = &gateway->pauses};

    *state = fixture;
    compat_init();
    clock_hold();
    strcpy(fixture->directory, "/tmp/tercet-gateway-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    gateway->options = (struct gateway_options){
        .access_key = FIXTURE_ACCESS_KEY,
        .secret_key = FIXTURE_SECRET_KEY,
        .files_token = FIXTURE_TOKEN,
        .domain = "s3.example.com",
        .region = "us-east-1",
        .account_id = "000000000000",
        .server_id = "fixture",
        .gc_interval_ms = 1000,
        .repair_interval_ms = 1000,
        .repair_concurrency = 2,
        .node_dead_after_ms = 600000,
        .inventory_interval_ms = 3600000,
        .orphan_age_ms = 86400000,
        .orphan_percent = 50,
        .upload_expiry_ms = 604800000,
    };
    for (int class = 0; class < CLASS_COUNT; class ++)
        gateway->admission.limits[class] = 100;
    gateway->admission.upload_bytes_max = 1 << 30;
    gateway->bandwidth.bytes_per_s = 1 << 30;
    http_pauses_init(&gateway->pauses);
    gateway->started_ms = clock_wall_ms();
    gateway->pool = pool_create(2, "pool");
    gateway->md5_queue = md5_queue_create(gateway->pool);
    loop_group_start(&gateway->loops, 2);
    gateway->cluster = fake_cluster_create(FIXTURE_NODES, FIXTURE_CHUNK_BYTES);
    trusted_clock_start(&gateway->clock, gateway->cluster);
    lock_guard_init(&gateway->lock_guard, &gateway->clock);
    key_writers_init(&gateway->key_writers);
    open_metadata(fixture);
    open_notify(gateway);
    random_bytes(&gateway->seal, sizeof(gateway->seal));
    gateway->key_uses = key_uses_create();
    gateway->rename_tokens = rename_tokens_create();
    gateway->join_hints = join_hints_create();
    gateway->identities = (struct identity_source){.meta = gateway->meta,
                                                   .account = gateway->options.account_id,
                                                   .seal = &gateway->seal,
                                                   .cache = identity_cache_create(FIXTURE_IDENTITY_CACHE)};
    assert_int_equal(http_server_start(&gateway->loops, &config, &fixture->server), STATUS_OK);
    gateway->servers[0] = fixture->server;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    struct gateway *gateway = &fixture->gateway;

    clock_release(); /* after a failure, something may wait for a time */
    http_server_stop(fixture->server, 1000);
    http_server_free(fixture->server);
    loop_group_stop(&gateway->loops);
    notify_free(gateway->notify);
    cluster_free(gateway->cluster);
    meta_close(gateway->meta);
    lock_guard_release(&gateway->lock_guard);
    key_writers_release(&gateway->key_writers);
    identity_cache_free(gateway->identities.cache);
    key_uses_free(gateway->key_uses);
    rename_tokens_free(gateway->rename_tokens);
    join_hints_free(gateway->join_hints);
    store_close(fixture->store);
    meta_space_free(gateway->meta_space);
    pool_free(gateway->pool);
    md5_queue_free(gateway->md5_queue);
    nftw(fixture->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    answer_free(&fixture->answer);
    free(fixture);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* A header line that is signed: its name in lower case, and its value. */
struct signed_header {
    char name[64];
    char value[512];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct signed_header *)a)->name, ((const struct signed_header *)b)->name);
}

/* The host and all x-amz headers, in order. */
static size_t signed_headers(const char *lines, struct signed_header headers[HEADERS_MAX])
{
    size_t count = 0;

    while (*lines != '\0') {
        size_t len = strcspn(lines, "\r"), name_len = strcspn(lines, ":");

        if (strncasecmp(lines, "x-amz-", 6) == 0 || strncasecmp(lines, "host:", 5) == 0) {
            assert_true(count < HEADERS_MAX && name_len < 64 && len - name_len - 2 < 512);
            for (size_t i = 0; i <= name_len; i++)
                headers[count].name[i] = i < name_len ? (char)tolower(lines[i]) : '\0';
            snprintf(headers[count].value, sizeof(headers[count].value), "%.*s", (int)(len - name_len - 2),
                     lines + name_len + 2);
            count++;
        }
        lines += len + 2;
    }
    qsort(headers, count, sizeof(*headers), by_name);
    return count;
}

static void add(char *text, size_t max, const char *more)
{
    assert_true(strlen(text) + strlen(more) < max);
    strcat(text, more);
}

/* The query as it is signed: a word without a value has an empty one. */
static void canonical_query(const char *query, char *out, size_t max)
{
    while (*query != '\0') {
        size_t len = strcspn(query, "&");
        char parameter[512];

        snprintf(parameter, sizeof(parameter), "%.*s%s%s", (int)len, query, memchr(query, '=', len) ? "" : "=",
                 query[len] == '&' ? "&" : "");
        add(out, max, parameter);
        query += len + (query[len] == '&');
    }
}

/* Signature Version 4 over host and x-amz headers; payload: what is signed of the body. */
static void sign(char *head, size_t max, const char *method, const char *target, const char *lines, const char *key,
                 const char *secret, const char *time, const char *service, const char *payload)
{
    struct signed_header headers[HEADERS_MAX];
    size_t count = signed_headers(lines, headers), path_len = strcspn(target, "?");
    char canonical[8192] = "", names[1024] = "", text[2048], hash[65] = "", signature[SIGV4_SIGNATURE_LEN + 1];
    uint8_t digest[SHA256_LEN], signing_key[SHA256_LEN];

    snprintf(canonical, sizeof(canonical), "%s\n%.*s\n", method, (int)path_len, target);
    if (target[path_len] == '?')
        canonical_query(target + path_len + 1, canonical, sizeof(canonical));
    add(canonical, sizeof(canonical), "\n");
    for (size_t i = 0; i < count; i++) {
        add(canonical, sizeof(canonical), headers[i].name);
        add(canonical, sizeof(canonical), ":");
        add(canonical, sizeof(canonical), headers[i].value);
        add(canonical, sizeof(canonical), "\n");
        add(names, sizeof(names), i > 0 ? ";" : "");
        add(names, sizeof(names), headers[i].name);
    }
    add(canonical, sizeof(canonical), "\n");
    add(canonical, sizeof(canonical), names);
    add(canonical, sizeof(canonical), "\n");
    add(canonical, sizeof(canonical), payload);
    sha256_of(canonical, strlen(canonical), digest);
    hex_encode(digest, SHA256_LEN, hash);
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%.8s/us-east-1/%s/aws4_request\n%.64s", time, time, service,
             hash);
    sigv4_signing_key(bytes_from_str(secret), bytes_of(time, 8), BYTES("us-east-1"), bytes_from_str(service), NULL,
                      signing_key);
    sigv4_sign(signing_key, bytes_from_str(text), signature);
    snprintf(text, sizeof(text),
             "Authorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=%s, "
             "Signature=%s\r\n",
             key, time, service, names, signature);
    add(head, max, text);
}

static bool signs(enum asker asker)
{
    return asker == ROOT || asker == FORGER || asker == STRANGER || asker == USER;
}

static void ask_service(struct fixture *fixture, enum asker asker, const char *service, const char *payload,
                        const char *method, const char *target, const char *headers, struct bytes body,
                        struct answer *answer)
{
    char head[16384], lines[8192] = "", text[256], time[CLOCK_TEXT_MAX];
    struct peer peer;

    if (strcasestr(headers, "host:") == NULL)
        add(lines, sizeof(lines), "Host: 127.0.0.1\r\n");
    add(lines, sizeof(lines), headers);
    clock_format_basic(clock_wall_ms(), time);
    if (signs(asker)) {
        if (strcmp(service, "s3") == 0)
            add(lines, sizeof(lines), "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n");
        snprintf(text, sizeof(text), "x-amz-date: %s\r\n", time);
        add(lines, sizeof(lines), text);
    }
    snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\n%s", method, target, lines);
    if (asker == USER)
        sign(head, sizeof(head), method, target, lines, fixture->user_key, fixture->user_secret, time, service,
             payload);
    else if (signs(asker))
        sign(head, sizeof(head), method, target, lines, asker == STRANGER ? "AKIDSTRANGER" : FIXTURE_ACCESS_KEY,
             asker == FORGER ? "another" : FIXTURE_SECRET_KEY, time, service, payload);
    if (asker == BEARER)
        add(head, sizeof(head), "Authorization: Bearer " FIXTURE_TOKEN "\r\n");
    if (body.data != NULL) {
        snprintf(text, sizeof(text), "Content-Length: %zu\r\n", body.len);
        add(head, sizeof(head), text);
    }
    add(head, sizeof(head), "\r\n");
    peer_open(&peer, http_server_port(fixture->server), false);
    peer_say(&peer, head);
    if (fixture->in_form != NULL && body.len > 1) {
        body = bytes_of(body.data + peer_send(&peer, body.data, 1), body.len - 1);
        while (__atomic_load_n(&fixture->gateway.call_bytes, __ATOMIC_RELAXED) == 0)
            usleep(100);
        fixture->in_form(fixture);
    }
    peer_send(&peer, body.data, body.len); /* a refused one may not be taken to its end */
    peer_answer_to(&peer, answer, strcmp(method, "HEAD") == 0);
    peer_close(&peer);
}

void ask_bytes(struct fixture *fixture, enum asker asker, const char *method, const char *target, const char *headers,
               struct bytes body, struct answer *answer)
{
    ask_service(fixture, asker, "s3", "UNSIGNED-PAYLOAD", method, target, headers, body, answer);
}

int call_as(struct fixture *fixture, enum asker asker, const char *service, const char *form, const char *sent)
{
    static const char type[] = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    char hash[2 * SHA256_LEN + 1], headers[4096];
    uint8_t digest[SHA256_LEN];
    bool with_token = asker == USER && fixture->user_token;

    snprintf(headers, sizeof(headers), "%s%s%s%s", type, with_token ? "x-amz-security-token: " : "",
             with_token ? fixture->user_token : "", with_token ? "\r\n" : "");
    sha256_of(form, strlen(form), digest);
    hex_encode(digest, sizeof(digest), hash);
    answer_free(&fixture->answer);
    ask_service(fixture, asker, service, hash, "POST", "/", headers, bytes_from_str(sent), &fixture->answer);
    return fixture->answer.status;
}

int call(struct fixture *fixture, const char *form)
{
    return call_as(fixture, ROOT, "iam", form, form);
}

int ask(struct fixture *fixture, enum asker asker, const char *method, const char *target, const char *headers,
        const char *body)
{
    answer_free(&fixture->answer);
    ask_bytes(fixture, asker, method, target, headers, body ? bytes_from_str(body) : (struct bytes){0},
              &fixture->answer);
    return fixture->answer.status;
}

const char *answered_code(struct fixture *fixture)
{
    static char code[128];
    const char *body = fixture->answer.body, *start = body != NULL ? strstr(body, "<Code>") : NULL;
    int len = 0;

    if (start != NULL) {
        start += strlen("<Code>");
        len = (int)strcspn(start, "<");
    } else if (body != NULL && (start = strstr(body, "\"error\":")) != NULL) {
        start = strchr(start + strlen("\"error\":"), '"') + 1;
        len = (int)strcspn(start, "\"");
    }
    snprintf(code, sizeof(code), "%.*s", len, start != NULL ? start : "");
    return code;
}

void assert_document_put(struct fixture *fixture, enum asker asker, const char *target, const char *document,
                         int expected_status, const char *expected_code)
{
    char headers[64], digest[32];
    uint8_t md5[MD5_LEN];

    md5_of(document, strlen(document), md5);
    base64_encode(md5, MD5_LEN, digest);
    snprintf(headers, sizeof(headers), "Content-MD5: %s\r\n", digest);
    assert_answer(fixture, asker, "PUT", target, headers, document, expected_status, expected_code);
}

/* ---- loops and time ---------------------------------------------------------------------------------------------- */

struct run {
    void (*fn)(void *arg);
    void *arg;
    struct completion done;
};

static void run_in_task(void *arg)
{
    struct run *run = arg;

    run->fn(run->arg);
    completion_signal(&run->done);
}

void fixture_run(struct fixture *fixture, void (*fn)(void *arg), void *arg)
{
    struct run run = {.fn = fn, .arg = arg};

    completion_init(&run.done);
    task_spawn(fixture->gateway.loops.loops[0], run_in_task, &run);
    completion_wait(&run.done);
}

void fixture_settle(struct fixture *fixture)
{
    while (http_server_requests(fixture->server) > 0)
        usleep(100);
    fixture_pass(fixture, 0);
}

static void on_turn(void *arg)
{
    completion_signal(arg);
}

void fixture_pass(struct fixture *fixture, uint64_t ms)
{
    clock_move_ms(ms);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < fixture->gateway.loops.count; i++) {
            struct completion turned;

            completion_init(&turned);
            loop_post(fixture->gateway.loops.loops[i], on_turn, &turned);
            completion_wait(&turned);
        }
    }
}
