/* The way of a request from its head to its answer: what is refused, with which error, and what is refused first when
 * several things are wrong. */
#include "tests/unit/gateway/fixture.h"

#include "base/clock.h"
#include "base/task.h"
#include "gateway/front/hold_back.h"
#include "meta/store_memory.h"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

static void what_was_put_is_got(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "Content-Type: text/plain\r\nx-amz-meta-a: b\r\n", "hello", 200, "");
    assert_string_equal(answer_header(&f->answer, "ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_int_equal(fake_copy_total(f->gateway.cluster), 3);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "hello");
    assert_string_equal(answer_header(&f->answer, "Content-Type"), "text/plain");
    assert_string_equal(answer_header(&f->answer, "x-amz-meta-a"), "b");
    assert_answer(f, ROOT, "DELETE", "/bucket/key", "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 404, "NoSuchKey");
}

static void every_answer_has_the_ids_of_its_request(void **state)
{
    struct fixture *f = *state;
    static const char *const targets[] = {"/", "/bucket", "/none/key", "/bucket?%zz", "/health", "/upload"};
    char id[64];

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        ask(f, ROOT, "GET", targets[i], "", NULL);
        assert_non_null(answer_header(&f->answer, "x-amz-request-id"));
        snprintf(id, sizeof(id), "%.32s", answer_header(&f->answer, "x-amz-request-id"));
        assert_int_equal(strlen(id), 16);
        assert_string_equal(answer_header(&f->answer, "x-amz-id-2"), id);
    }
    ask(f, ROOT, "GET", "/none/key", "", NULL);
    snprintf(id, sizeof(id), "<RequestId>%.32s</RequestId>", answer_header(&f->answer, "x-amz-request-id"));
    assert_non_null(strstr(f->answer.body, id));
}

static void a_bucket_may_be_in_the_host(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/key", "Host: bucket.s3.example.com\r\n", "hello", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/key", "Host: bucket.s3.example.com:8080\r\n", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/key", "Host: none.s3.example.com\r\n", NULL, 404, "NoSuchBucket");
    assert_answer(f, ROOT, "GET", "/key", "Host: bucket.elsewhere.example.com\r\n", NULL, 404, "NoSuchBucket");
}

/* In a virtual host all paths are keys, those of the documented API, too. */
static void paths_of_the_file_api_are_keys_in_a_virtual_host(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/health", "Host: bucket.s3.example.com\r\n", "sick", 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/health", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "sick");
    assert_answer(f, ANONYMOUS, "GET", "/health", "Host: bucket.s3.example.com\r\n", NULL, 403, "AccessDenied");
}

/* /files is the documented API's list, and a bucket to who signs. */
static void a_signature_makes_files_a_bucket(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/files/a", "", "hello", 200, "");
    assert_answer(f, ROOT, "GET", "/files", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<ListBucketResult"));
    assert_answer(f, BEARER, "GET", "/files", "", NULL, 200, "");
    assert_null(strstr(f->answer.body, "<ListBucketResult"));
    assert_answer(f, BEARER, "GET", "/files/a", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "hello");
}

static void a_known_path_with_another_method_is_no_bucket(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, BEARER, "DELETE", "/upload", "", NULL, 405, "Method not allowed");
    assert_answer(f, ANONYMOUS, "PUT", "/health", "", "", 405, "Method not allowed");
    assert_answer(f, ROOT, "DELETE", "/upload", "", NULL, 404, "NoSuchBucket");
}

static void what_does_not_exist_is_refused_by_its_name(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket?metrics", "", "", 501, "NotImplemented");
    assert_answer(f, ROOT, "GET", "/bucket/key?torrent", "", NULL, 501, "NotImplemented");
    assert_answer(f, ROOT, "PUT", "/bucket?never-heard-of", "", "", 501, "NotImplemented");
    assert_non_null(strstr(f->answer.body, "never-heard-of"));
    assert_answer(f, ROOT, "PATCH", "/bucket/key", "", "", 501, "NotImplemented");
    assert_answer(f, ROOT, "GET", "/bucket?acl&policy", "", NULL, 501, "NotImplemented");
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void a_query_must_be_well_formed(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?prefix=%zz", "", NULL, 400, "InvalidURI");
    assert_answer(f, ANONYMOUS, "GET", "/bucket?prefix=%zz", "", NULL, 400, "InvalidURI");
    assert_answer(f, BEARER, "GET", "/files?limit=%zz", "", NULL, 400, "Malformed query");
}

static void a_path_must_be_well_formed(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket/%zz", "", NULL, 400, "InvalidURI");
    assert_answer(f, ROOT, "GET", "/bucket/%FF%FE", "", NULL, 400, "InvalidURI");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/%zz", "", NULL, 400, "InvalidURI");
}

static void a_signature_must_be_right(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, FORGER, "GET", "/bucket", "", NULL, 403, "SignatureDoesNotMatch");
    assert_non_null(strstr(f->answer.body, "<StringToSign>AWS4-HMAC-SHA256"));
    assert_null(strstr(f->answer.body, FIXTURE_SECRET_KEY));
    assert_answer(f, STRANGER, "GET", "/bucket", "", NULL, 403, "InvalidAccessKeyId");
    assert_answer(f, ROOT, "GET", "/bucket", "x-amz-security-token: t\r\n", NULL, 400, "InvalidToken");
}

/* A signature is good for a quarter of an hour. */
static void a_signature_must_be_fresh(void **state)
{
    struct fixture *f = *state;
    char lines[128], time[CLOCK_TEXT_MAX];

    clock_format_basic(clock_wall_ms() - 16 * 60 * 1000, time);
    snprintf(lines, sizeof(lines), "Authorization: AWS %s:AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\nx-amz-date: %s\r\n",
             FIXTURE_ACCESS_KEY, time);
    assert_answer(f, ANONYMOUS, "GET", "/bucket", lines, NULL, 403, "RequestTimeTooSkewed");
}

static void who_shows_nothing_gets_nothing(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/key", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/other", "", "x", 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket/other", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ANONYMOUS, "DELETE", "/bucket/key", "", NULL, 403, "AccessDenied");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
}

/* That a bucket is not there is no secret; whether a key is there is one. */
static void to_anonymous_clients_only_buckets_are_missing(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ANONYMOUS, "GET", "/none", "", NULL, 404, "NoSuchBucket");
    assert_answer(f, ANONYMOUS, "GET", "/none/key", "", NULL, 404, "NoSuchBucket");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/none", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/none", "", "", 403, "AccessDenied");
}

static void a_wish_that_nobody_fulfils_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "x-amz-server-side-encryption: aws:kms\r\n", "hello", 501,
                  "NotImplemented");
    assert_non_null(strstr(f->answer.body, "x-amz-server-side-encryption"));
    assert_answer(f, ROOT, "PUT", "/bucket/key", "x-amz-never-heard-of: 1\r\n", "hello", 501, "NotImplemented");
    assert_answer(f, ROOT, "PUT", "/bucket/key?versionId=1", "", "hello", 400, "InvalidArgument");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 404, "NoSuchKey");
}

static void a_full_disk_takes_nothing_and_gives_all(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    f->disk_is_full = true;
    fixture_look_at_disk(f);
    assert_answer(f, ROOT, "PUT", "/bucket/other", "", "hello", 507, "InsufficientStorage");
    assert_answer(f, ROOT, "PUT", "/another", "", "", 507, "InsufficientStorage");
    assert_answer(f, ROOT, "POST", "/bucket/key?uploads", "", "", 507, "InsufficientStorage");
    assert_answer(f, BEARER, "POST", "/upload", "", "", 507, "Insufficient storage");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/bucket", "", NULL, 200, "");
    f->disk_is_full = false;
    fixture_look_at_disk(f);
    assert_answer(f, ROOT, "PUT", "/bucket/other", "", "hello", 200, "");
}

/* Every class has a bound of its own; what supervisors ask for has none. */
static void beyond_its_bound_a_class_is_told_to_slow_down(void **state)
{
    static const struct {
        enum operation_class class;
        const char *method, *target, *body;
    } rows[] = {
        {CLASS_READ, "GET", "/bucket/key", NULL},
        {CLASS_WRITE, "PUT", "/bucket/key", "hello"},
        {CLASS_LIST, "GET", "/bucket", NULL},
        {CLASS_OTHER, "DELETE", "/bucket/key", NULL},
    };
    struct fixture *f = *state;
    struct admission *admission = &f->gateway.admission;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
            admission->limits[rows[j].class] = j == i ? 0 : 100;
            ask(f, ROOT, rows[j].method, rows[j].target, "", rows[j].body);
            assert_int_equal(f->answer.status == 503, i == j);
            assert_string_equal(answered_code(f), i == j ? "SlowDown" : j == 0 ? answered_code(f) : "");
            if (i == j)
                assert_non_null(answer_header(&f->answer, "Retry-After"));
            admission->limits[rows[j].class] = 100;
        }
    }
    admission->limits[CLASS_SYSTEM] = 0;
    assert_answer(f, ANONYMOUS, "GET", "/livez", "", NULL, 200, "");
}

/* The memory of uploads is bounded, whatever their number. */
static void uploads_share_their_memory(void **state)
{
    struct fixture *f = *state;

    f->gateway.admission.upload_bytes_max = 4;
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 503, "SlowDown");
    f->gateway.admission.upload_bytes_max = 5;
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    fixture_settle(f);
    assert_int_equal(f->gateway.admission.upload_bytes, 0); /* and give it back */
}

/* Two blocks of plain bytes beside the writer's, each of one byte more than the body has. */
static void what_sealing_takes_is_counted(void **state)
{
    const char *headers = "x-amz-server-side-encryption-customer-algorithm: AES256\r\n";
    struct fixture *f = *state;

    f->gateway.admission.upload_bytes_max = 5 + 2 * 6 - 1;
    assert_answer(f, ROOT, "PUT", "/bucket/key", headers, "hello", 503, "SlowDown");
    f->gateway.admission.upload_bytes_max = 5 + 2 * 6;
    assert_answer(f, ROOT, "PUT", "/bucket/key", headers, "hello", 400, "InvalidArgument");
    fixture_settle(f);
    assert_int_equal(f->gateway.admission.upload_bytes, 0);
}

static void every_share_is_given_back(void **state)
{
    static const char *const targets[] = {"/bucket", "/bucket/none", "/none/key", "/bucket/key?torrent", "/health"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        for (enum asker asker = ROOT; asker <= BEARER; asker++)
            ask(f, asker, "GET", targets[i], "", NULL);
    fixture_settle(f);
    for (int class = 0; class < CLASS_COUNT; class ++)
        assert_int_equal(f->gateway.admission.in_flight[class], 0);
}

/* Garbage without bound: writes are refused, deletions are not. */
static void garbage_holds_writes_back(void **state)
{
    struct fixture *f = *state;
    struct hold_back *hold_back = &f->gateway.hold_back;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    hold_back->rows_max = 10;
    hold_back_update(hold_back, 10 * HOLD_BACK_REFUSE + 1);
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 503, "SlowDown");
    assert_answer(f, ROOT, "DELETE", "/bucket/key", "", NULL, 204, "");
    hold_back_update(hold_back, 0);
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
}

/* ---- the order of refusals --------------------------------------------------------------------------------------- */

static void a_bad_query_is_refused_before_a_bad_signature(void **state)
{
    assert_answer(*state, FORGER, "GET", "/bucket?prefix=%zz", "", NULL, 400, "InvalidURI");
}

static void a_bad_signature_is_refused_before_all_that_it_signs(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, FORGER, "GET", "/none/key", "", NULL, 403, "SignatureDoesNotMatch");
    assert_answer(f, FORGER, "PUT", "/bucket?abac", "", "", 403, "SignatureDoesNotMatch");
    assert_answer(f, FORGER, "PUT", "/bucket/key", "x-amz-never-heard-of: 1\r\n", "hello", 403,
                  "SignatureDoesNotMatch");
    f->gateway.admission.limits[CLASS_WRITE] = 0;
    assert_answer(f, FORGER, "PUT", "/bucket/key", "", "hello", 403, "SignatureDoesNotMatch");
}

static void nobody_learns_what_is_not_offered_before_the_signature(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ANONYMOUS, "PUT", "/bucket?abac", "", "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket?never-heard-of", "", "", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/key", "x-amz-never-heard-of: 1\r\n", "x", 403, "AccessDenied");
}

/* Who is denied takes no room, and does not learn that there is none. */
static void denied_comes_before_overloaded_and_full(void **state)
{
    struct fixture *f = *state;

    for (int class = 0; class <= CLASS_OTHER; class ++)
        f->gateway.admission.limits[class] = 0;
    f->disk_is_full = true;
    fixture_look_at_disk(f);
    assert_answer(f, ANONYMOUS, "PUT", "/bucket/key", "", "hello", 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/bucket/key", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "GET", "/none", "", NULL, 404, "NoSuchBucket");
}

/* The nodes are not to blame. */
static void a_failed_disk_is_told(void **state)
{
    struct fixture *f = *state;

    store_memory_fail_writes(f->store, STATUS_IO);
    for (int i = 0; i < 2; i++) { /* the change that met it, and one that is refused since */
        assert_answer(f, ROOT, "PUT", "/new", "", "", 503, "ServiceUnavailable");
        assert_non_null(strstr(f->answer.body, "The disk of the gateway"));
    }
}

/* Waiting would not help: what is not offered is not asked to come again. */
static void not_offered_comes_before_overloaded(void **state)
{
    struct fixture *f = *state;

    for (int class = 0; class <= CLASS_OTHER; class ++)
        f->gateway.admission.limits[class] = 0;
    assert_answer(f, ROOT, "PUT", "/bucket?metrics", "", "", 501, "NotImplemented");
    assert_answer(f, ROOT, "PUT", "/bucket?never-heard-of", "", "", 501, "NotImplemented");
}

/* Who is refused sends no body first: the client that waits for 100 Continue gets the error in its place. */
static void what_is_refused_is_refused_before_its_body(void **state)
{
    struct fixture *f = *state;
    struct answer answer;
    struct peer peer;

    peer_open(&peer, http_server_port(f->server), false);
    peer_say(&peer, "PUT /bucket/key HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
                    "Expect: 100-continue\r\n\r\n");
    peer_answer(&peer, &answer);
    assert_int_equal(answer.status, 403);
    answer_free(&answer);
    peer_close(&peer);
}

/* ---- trouble below ----------------------------------------------------------------------------------------------- */

static void too_few_nodes_take_nothing(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    for (unsigned number = 2; number <= FIXTURE_NODES; number++)
        fake_cluster_down(f->gateway.cluster, number, true);
    assert_answer(f, ROOT, "PUT", "/bucket/other", "", "hello", 503, "ServiceUnavailable");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, ""); /* one copy is enough */
    assert_answer(f, ROOT, "PUT", "/bucket/empty", "", "", 503, "ServiceUnavailable");
}

static void full_nodes_are_no_outage(void **state)
{
    struct fixture *f = *state;

    for (unsigned number = 1; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->full = true;
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 507, "InsufficientStorage");
}

/* What could not be stored leaves nothing: no name, no copy. */
static void a_write_that_fails_leaves_nothing(void **state)
{
    struct fixture *f = *state;

    for (unsigned number = 2; number <= FIXTURE_NODES; number++)
        fake_node(f->gateway.cluster, number)->fails[FAKE_WRITE] = STATUS_IO;
    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 503, "ServiceUnavailable");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 404, "NoSuchKey");
    fixture_settle(f);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 0);
}

static void a_bad_digest_leaves_nothing(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n", "hello", 400,
                  "BadDigest");
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 404, "NoSuchKey");
    fixture_settle(f);
    assert_int_equal(fake_copy_total(f->gateway.cluster), 0);
}

static void the_next_copy_is_read_when_one_is_bad(void **state)
{
    struct fixture *f = *state;
    struct meta_chunk chunk;
    size_t count;

    assert_answer(f, ROOT, "PUT", "/bucket/key", "", "hello", 200, "");
    assert_int_equal(meta_chunk_walk(f->gateway.meta, NULL, 1, &chunk, &count), STATUS_OK);
    assert_int_equal(count, 1);
    fake_copy_damage(f->gateway.cluster, chunk.ref.nodes[0], &chunk.ref.id);
    fake_copy_lose(f->gateway.cluster, chunk.ref.nodes[1], &chunk.ref.id);
    assert_answer(f, ROOT, "GET", "/bucket/key", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "hello");
    fake_copy_lose(f->gateway.cluster, chunk.ref.nodes[2], &chunk.ref.id);
    assert_true(ask(f, ROOT, "GET", "/bucket/key", "", NULL) >= 500);
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

#define CLIENTS          8
#define CLIENT_REQUESTS  12
#define CLIENT_BODY_SIZE 150000 /* three chunks */

struct client {
    struct fixture *fixture;
    pthread_t thread;
    unsigned number, wrong;
};

static void client_round(struct client *client, unsigned round, char *body)
{
    struct answer answer;
    char target[64];

    snprintf(target, sizeof(target), "/bucket/%u-%u", client->number, round % 3);
    memset(body, 'a' + (int)(client->number + round) % 26, CLIENT_BODY_SIZE);
    ask_bytes(client->fixture, ROOT, "PUT", target, "", bytes_of(body, CLIENT_BODY_SIZE), &answer);
    client->wrong += answer.status != 200;
    answer_free(&answer);
    ask_bytes(client->fixture, ROOT, "GET", target, "", (struct bytes){0}, &answer);
    client->wrong += answer.status != 200 || answer.len != CLIENT_BODY_SIZE || memcmp(answer.body, body, answer.len);
    answer_free(&answer);
    ask_bytes(client->fixture, ROOT, "GET", "/bucket?list-type=2", "", (struct bytes){0}, &answer);
    client->wrong += answer.status != 200;
    answer_free(&answer);
    if (round % 4 == 3) {
        ask_bytes(client->fixture, ROOT, "DELETE", target, "", (struct bytes){0}, &answer);
        client->wrong += answer.status != 204;
        answer_free(&answer);
    }
}

static void *client_main(void *arg)
{
    struct client *client = arg;
    char *body = malloc(CLIENT_BODY_SIZE);

    for (unsigned round = 0; round < CLIENT_REQUESTS; round++)
        client_round(client, round, body);
    free(body);
    return NULL;
}

/* Clients on all loops, each of which finds what it wrote; two of them write and read the same name. */
static void clients_do_not_disturb_each_other(void **state)
{
    struct client clients[CLIENTS];

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.fixture = *state, .number = i};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(clients[i].wrong, 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_is_got),
        CASE(every_answer_has_the_ids_of_its_request),
        CASE(a_bucket_may_be_in_the_host),
        CASE(paths_of_the_file_api_are_keys_in_a_virtual_host),
        CASE(a_signature_makes_files_a_bucket),
        CASE(a_known_path_with_another_method_is_no_bucket),
        CASE(what_does_not_exist_is_refused_by_its_name),
        CASE(a_query_must_be_well_formed),
        CASE(a_path_must_be_well_formed),
        CASE(a_signature_must_be_right),
        CASE(a_signature_must_be_fresh),
        CASE(who_shows_nothing_gets_nothing),
        CASE(to_anonymous_clients_only_buckets_are_missing),
        CASE(a_wish_that_nobody_fulfils_is_refused),
        CASE(a_full_disk_takes_nothing_and_gives_all),
        CASE(beyond_its_bound_a_class_is_told_to_slow_down),
        CASE(uploads_share_their_memory),
        CASE(what_sealing_takes_is_counted),
        CASE(every_share_is_given_back),
        CASE(garbage_holds_writes_back),
        CASE(a_bad_query_is_refused_before_a_bad_signature),
        CASE(a_bad_signature_is_refused_before_all_that_it_signs),
        CASE(nobody_learns_what_is_not_offered_before_the_signature),
        CASE(denied_comes_before_overloaded_and_full),
        CASE(a_failed_disk_is_told),
        CASE(not_offered_comes_before_overloaded),
        CASE(what_is_refused_is_refused_before_its_body),
        CASE(too_few_nodes_take_nothing),
        CASE(full_nodes_are_no_outage),
        CASE(a_write_that_fails_leaves_nothing),
        CASE(a_bad_digest_leaves_nothing),
        CASE(the_next_copy_is_read_when_one_is_bad),
        CASE(clients_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
