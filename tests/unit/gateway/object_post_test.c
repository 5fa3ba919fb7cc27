/* Uploads by forms through the whole gateway: who may, what is stored, and that nothing is when a check fails. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "compat/sigv2.h"
#include "compat/sigv4.h"

#define TYPE        "Content-Type: multipart/form-data; boundary=XX\r\n"
#define FIELD(n, v) "--XX\r\nContent-Disposition: form-data; name=\"" n "\"\r\n\r\n" v "\r\n"
#define FILE_HEAD   "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\pic.png\"\r\n\r\n"
#define END         "\r\n--XX--\r\n"
#define ANY         "[\"starts-with\",\"$key\",\"\"]"
#define V4_CONDITIONS                                                                                                  \
    ",{\"bucket\":\"bucket\"},{\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\"},[\"starts-with\",\"$x-amz-credential\",\"\"]" \
    ","                                                                                                                \
    "[\"starts-with\",\"$x-amz-date\",\"\"]"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

/* The policy as it is sent, good for an hour from now. */
static void make_policy(const char *conditions, char out[8192])
{
    char text[4096], until[CLOCK_TEXT_MAX];

    clock_format_iso8601_ms(clock_wall_ms() + 3600000, until);
    snprintf(text, sizeof(text), "{\"expiration\":\"%s\",\"conditions\":[%s]}", until, conditions);
    base64_encode(text, strlen(text), out);
}

/* A form that is signed by the fourth version, with these conditions beside those for its own fields. */
static void make_form(char out[32768], const char *key, const char *secret, const char *conditions, const char *fields,
                      const char *file)
{
    char policy[8192], all[4096], time[CLOCK_TEXT_MAX], signature[SIGV4_SIGNATURE_LEN + 1];
    uint8_t signing_key[SHA256_LEN];

    snprintf(all, sizeof(all), "%s" V4_CONDITIONS, conditions);
    make_policy(all, policy);
    clock_format_basic(clock_wall_ms(), time);
    sigv4_signing_key(bytes_from_str(secret), bytes_of(time, 8), BYTES("us-east-1"), BYTES("s3"), NULL, signing_key);
    sigv4_sign(signing_key, bytes_from_str(policy), signature);
    snprintf(out, 32768,
             FIELD("policy", "%s") FIELD("x-amz-algorithm", "AWS4-HMAC-SHA256")
                 FIELD("x-amz-credential", "%s/%.8s/us-east-1/s3/aws4_request") FIELD("x-amz-date", "%s")
                     FIELD("x-amz-signature", "%s") "%s%s",
             policy, key, time, time, signature, fields, file);
}

/* What comes of such a form. */
static void assert_form(struct fixture *f, const char *conditions, const char *fields, const char *file, int status,
                        const char *code)
{
    char form[32768];

    make_form(form, FIXTURE_ACCESS_KEY, FIXTURE_SECRET_KEY, conditions, fields, file);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, status, code);
}

/* The same with a file, and what is behind it, of any size. */
static void assert_large(struct fixture *f, const char *file, int status, const char *code)
{
    static char form[400000];

    make_form(form, FIXTURE_ACCESS_KEY, FIXTURE_SECRET_KEY, ANY, FIELD("key", "large"), "");
    snprintf(form + strlen(form), sizeof(form) - strlen(form), "%s", file);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, status, code);
}

static void assert_nothing_stored(struct fixture *f)
{
    assert_answer(f, ROOT, "GET", "/bucket", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<KeyCount>0</KeyCount>") ?: strstr(f->answer.body, "<IsTruncated>false"));
    assert_null(strstr(f->answer.body, "<Key>"));
}

static void a_form_stores_what_its_fields_say(void **state)
{
    struct fixture *f = *state;

    assert_form(f, ANY ",[\"starts-with\",\"$Content-Type\",\"image/\"],{\"x-amz-meta-a\":\"1\"},{\"acl\":\"private\"}",
                FIELD("key", "up/${filename}") FIELD("Content-Type", "image/png") FIELD("X-Amz-Meta-A", "1")
                    FIELD("acl", "private") FIELD("x-ignore-me", "1"),
                FILE_HEAD "a\r\n--X\r\n--\r\nb" END, 204, "");
    assert_non_null(strstr(f->answer.head, "/bucket/up/pic.png\r\n"));
    assert_answer(f, ROOT, "GET", "/bucket/up/pic.png", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "a\r\n--X\r\n--\r\nb");
    assert_non_null(strcasestr(f->answer.head, "content-type: image/png\r\n"));
    assert_non_null(strcasestr(f->answer.head, "x-amz-meta-a: 1\r\n"));
}

static void the_answer_is_as_it_was_asked_for(void **state)
{
    struct fixture *f = *state;
    const char *status = ANY ",[\"starts-with\",\"$success_action_status\",\"\"]";
    const char *target = ANY ",[\"starts-with\",\"$success_action_redirect\",\"\"]";

    assert_form(f, status, FIELD("key", "k") FIELD("success_action_status", "201"), FILE_HEAD END, 201, "");
    assert_non_null(strstr(f->answer.body, "<PostResponse><Location>http://"));
    assert_non_null(strstr(f->answer.body, "/bucket/k</Location><Bucket>bucket</Bucket><Key>k</Key><ETag>"));
    assert_form(f, status, FIELD("key", "k") FIELD("success_action_status", "200"), FILE_HEAD END, 200, "");
    assert_form(f, status, FIELD("key", "k") FIELD("success_action_status", "404"), FILE_HEAD END, 204, "");
    assert_form(f, target, FIELD("key", "a b") FIELD("success_action_redirect", "http://h/p?q=1"), FILE_HEAD END, 303,
                "");
    assert_non_null(strcasestr(f->answer.head, "location: http://h/p?q=1&bucket=bucket&key=a%20b&etag=%22d41d8cd9"));
    assert_form(f, target, FIELD("key", "k") FIELD("success_action_redirect", "http://h/\r\nSet-Cookie: a"),
                FILE_HEAD END, 204, "");
    assert_null(strcasestr(f->answer.head, "set-cookie"));
}

static void only_who_has_the_key_allows_an_upload(void **state)
{
    struct fixture *f = *state;
    char form[32768];

    make_form(form, FIXTURE_ACCESS_KEY, "another", ANY, FIELD("key", "k"), FILE_HEAD "x" END);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, 403, "SignatureDoesNotMatch");
    make_form(form, "AKIDSTRANGER", FIXTURE_SECRET_KEY, ANY, FIELD("key", "k"), FILE_HEAD "x" END);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, 403, "InvalidAccessKeyId");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, FIELD("key", "k") FILE_HEAD "x" END, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "POST", "/none", TYPE, FIELD("key", "k") FILE_HEAD "x" END, 404, "NoSuchBucket");
    assert_answer(f, BEARER, "POST", "/bucket", TYPE, FIELD("key", "k") FILE_HEAD "x" END, 400, "InvalidArgument");
    assert_answer(f, ROOT, "POST", "/bucket", TYPE, FIELD("key", "k") FILE_HEAD "x" END, 400, "InvalidArgument");
    assert_form(f, ANY ",[\"starts-with\",\"$x-amz-security-token\",\"\"]",
                FIELD("key", "k") FIELD("x-amz-security-token", "t"), FILE_HEAD "x" END, 400, "InvalidToken");
    assert_nothing_stored(f);
}

static void the_second_version_signs_too(void **state)
{
    struct fixture *f = *state;
    char form[16384], policy[8192], signature[SIGV2_SIGNATURE_LEN + 1];

    make_policy(ANY ",{\"bucket\":\"bucket\"}", policy);
    sigv2_sign(BYTES(FIXTURE_SECRET_KEY), bytes_from_str(policy), signature);
    snprintf(form, sizeof(form),
             FIELD("AWSAccessKeyId", FIXTURE_ACCESS_KEY) FIELD("policy", "%s") FIELD("signature", "%s")
                 FIELD("key", "second") FILE_HEAD "x" END,
             policy, signature);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, 204, "");
    sigv2_sign(BYTES("another"), bytes_from_str(policy), signature);
    snprintf(form, sizeof(form),
             FIELD("AWSAccessKeyId", FIXTURE_ACCESS_KEY) FIELD("policy", "%s") FIELD("signature", "%s")
                 FIELD("key", "third") FILE_HEAD "x" END,
             policy, signature);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, form, 403, "SignatureDoesNotMatch");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE,
                  FIELD("policy", "e30=") FIELD("AWSAccessKeyId", "a") FIELD("key", "k") FILE_HEAD "x" END, 400,
                  "InvalidArgument");
    assert_non_null(strstr(f->answer.body, "must contain a field named 'Signature'.  If it is specified"));
    assert_answer(f, ROOT, "GET", "/bucket/second", "", NULL, 200, "");
    assert_answer(f, ROOT, "GET", "/bucket/third", "", NULL, 404, "NoSuchKey");
}

static void the_policy_holds(void **state)
{
    struct fixture *f = *state;

    assert_form(f, "{\"key\":\"other\"}", FIELD("key", "k"), FILE_HEAD "x" END, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, "Policy Condition failed: [&quot;eq&quot;, &quot;$key&quot;,"));
    assert_form(f, ANY, FIELD("key", "k") FIELD("Expires", "x"), FILE_HEAD "x" END, 403, "AccessDenied");
    assert_form(f, "{}", FIELD("key", "k"), FILE_HEAD "x" END, 400, "InvalidPolicyDocument");
    assert_form(f, ANY ",[\"content-length-range\",1,10]", FIELD("key", "k"), FILE_HEAD "123456789012" END, 400,
                "EntityTooLarge");
    assert_non_null(strstr(f->answer.body, "<ProposedSize>12</ProposedSize><MaxSizeAllowed>10</MaxSizeAllowed>"));
    assert_form(f, ANY ",[\"content-length-range\",5,10]", FIELD("key", "k"), FILE_HEAD "1" END, 400, "EntityTooSmall");
    assert_non_null(strstr(f->answer.body, "<ProposedSize>1</ProposedSize><MinSizeAllowed>5</MinSizeAllowed>"));
    assert_nothing_stored(f);
    assert_form(f, ANY ",[\"content-length-range\",1,10]", FIELD("key", "k"), FILE_HEAD "1234567890" END, 204, "");
}

static void a_form_that_is_not_whole_stores_nothing(void **state)
{
    struct fixture *f = *state;
    char many[8192] = "";

    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x", 400, "MalformedPOSTRequest");
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x\r\n--XX", 400, "MalformedPOSTRequest");
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x\r\n--XX-", 400, "MalformedPOSTRequest");
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x\r\n--XX\r\nno header\r\n\r\n" END, 400, "MalformedPOSTRequest");
    assert_form(f, ANY, FIELD("key", "k"), "--XX--\r\n", 400, "IncorrectNumberOfFilesInPostRequest");
    assert_form(f, ANY, "", FILE_HEAD "x" END, 400, "InvalidArgument");
    assert_form(f, ANY, FIELD("key", ""), FILE_HEAD "x" END, 400, "InvalidArgument");
    assert_form(f, ANY, FIELD("key", "k") FIELD("KEY", "j"), FILE_HEAD "x" END, 400, "InvalidArgument");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", "Content-Type: application/json\r\n", "{}", 412,
                  "PreconditionFailed");
    assert_non_null(
        strstr(f->answer.body, "<Condition>Bucket POST must be of the enclosure-type multipart/form-data<"));
    for (int i = 0; i < 101; i++)
        snprintf(many + strlen(many), sizeof(many) - strlen(many), FIELD("%d", ""), i);
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, many, 400, "MaxPostPreDataLengthExceededError");
    assert_nothing_stored(f);
}

/* What stands before the file is bounded, whatever it consists of. */
static void fields_are_bounded(void **state)
{
    static const char *const heads[] = {"", FIELD("a", "1"),
                                        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "--XX\r\nX: "};
    struct fixture *f = *state;
    static char body[300000];

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        memset(body, 'x', sizeof(body) - 1);
        memcpy(body, heads[i], strlen(heads[i]));
        assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, body, 400, "MaxPostPreDataLengthExceededError");
    }
}

static void what_stands_behind_the_file_is_ignored(void **state)
{
    const char *head = FILE_HEAD "x\r\n--XX--";
    struct fixture *f = *state;
    static char behind[200000];

    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x\r\n" FIELD("acl", "public-read") FIELD("key", "z") "--XX--",
                204, "");
    assert_answer(f, ROOT, "GET", "/bucket/z", "", NULL, 404, "NoSuchKey");
    memset(behind, 'x', sizeof(behind) - 1);
    memcpy(behind, head, strlen(head));
    assert_large(f, behind, 400, "MaxMessageLengthExceeded");
    assert_answer(f, ROOT, "GET", "/bucket/large", "", NULL, 404, "NoSuchKey");
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, "x");
}

static void open_form(struct fixture *f, struct peer *peer, unsigned long long length)
{
    char head[512];

    snprintf(head, sizeof(head), "POST /bucket HTTP/1.1\r\nHost: 127.0.0.1\r\n" TYPE "Content-Length: %llu\r\n\r\n",
             length);
    peer_open(peer, http_server_port(f->server), false);
    peer_say(peer, head);
}

/* Every boundary is cut everywhere. */
static void a_form_may_come_in_single_bytes(void **state)
{
    const char *const file = "\r\n--X\r\n--XY\r\r\n--";
    struct fixture *f = *state;
    char form[32768], whole[256];
    struct peer peer;

    snprintf(whole, sizeof(whole), FILE_HEAD "%s" END, file);
    make_form(form, FIXTURE_ACCESS_KEY, FIXTURE_SECRET_KEY, ANY, FIELD("key", "k"), whole);
    open_form(f, &peer, strlen(form));
    peer_say_bytewise(&peer, form);
    answer_free(&f->answer);
    peer_answer_to(&peer, &f->answer, false);
    peer_close(&peer);
    assert_int_equal(f->answer.status, 204);
    assert_answer(f, ROOT, "GET", "/bucket/k", "", NULL, 200, "");
    assert_string_equal(f->answer.body, file);
}

/* A file that never ends is refused as soon as it is larger than it may be. */
static void a_file_without_end_is_refused_at_its_bound(void **state)
{
    struct fixture *f = *state;
    static char piece[65536];
    char form[32768];
    size_t sent = 0;
    struct peer peer;

    make_form(form, FIXTURE_ACCESS_KEY, FIXTURE_SECRET_KEY, ANY ",[\"content-length-range\",0,1000000]",
              FIELD("key", "k"), FILE_HEAD);
    open_form(f, &peer, 1ull << 50);
    peer_say(&peer, form);
    memset(piece, 'x', sizeof(piece));
    while (sent < (64u << 20) && peer_send(&peer, piece, sizeof(piece)) == sizeof(piece))
        sent += sizeof(piece);
    assert_true(sent < (64u << 20));
    peer_close(&peer);
    fixture_settle(f);
    assert_nothing_stored(f);
}

static void what_is_not_there_is_refused_by_name(void **state)
{
    static const struct {
        const char *condition, *field;
        int status;
        const char *code;
    } rows[] = {
        {",{\"acl\":\"public-read\"}", FIELD("acl", "public-read"), 400, "AccessControlListNotSupported"},
        {",{\"acl\":\"none\"}", FIELD("acl", "none"), 400, "InvalidArgument"},
        {",[\"starts-with\",\"$tagging\",\"\"]", FIELD("tagging", "notxml"), 400, "MalformedXML"},
        {",[\"starts-with\",\"$tagging\",\"\"]",
         FIELD("tagging", "<Tagging><TagSet><Tag><Key>aws:a</Key><Value>b</Value></Tag></TagSet></Tagging>"), 400,
         "InvalidTag"},
        {",{\"x-amz-website-redirect-location\":\"a\"}", FIELD("x-amz-website-redirect-location", "a"), 400,
         "InvalidRedirectLocation"},
        {",{\"x-amz-server-side-encryption\":\"AES256\"}", FIELD("x-amz-server-side-encryption", "AES256"), 501,
         "NotImplemented"},
        {",{\"x-amz-storage-class\":\"Fake\"}", FIELD("x-amz-storage-class", "Fake"), 400, "InvalidStorageClass"},
        {",{\"x-amz-checksum-crc32\":\"AAAAAA==\"}", FIELD("x-amz-checksum-crc32", "AAAAAA=="), 400, "BadDigest"},
        {",{\"Content-MD5\":\"1B2M2Y8AsgTpgAmY7PhCfg==\"}", FIELD("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="), 400,
         "BadDigest"},
        {",[\"starts-with\",\"$x-amz-meta-a b\",\"\"]", FIELD("x-amz-meta-a b", "1"), 400, "InvalidArgument"},
    };
    struct fixture *f = *state;
    char conditions[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char fields[1024];
        snprintf(conditions, sizeof(conditions), "%s%s", ANY, rows[i].condition);
        snprintf(fields, sizeof(fields), "%s%s", FIELD("key", "k"), rows[i].field);
        assert_form(f, conditions, fields, FILE_HEAD "x" END, rows[i].status, rows[i].code);
    }
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE "x-amz-meta-a: 1\r\n", FIELD("key", "k") FILE_HEAD END, 400,
                  "InvalidArgument");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", "x-amz-request-route: r\r\n", "", 501, "NotImplemented");
    assert_nothing_stored(f);
}

static void a_full_disk_takes_none(void **state)
{
    struct fixture *f = *state;

    f->disk_is_low = true;
    fixture_look_at_disk(f);
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x" END, 507, "InsufficientStorage");
    assert_nothing_stored(f);
}

/* Nobody is known while the fields are read: how many are read at once has a bound of its own. */
static void a_condition_in_the_head_needs_its_right(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "DELETE", "/bucket?publicAccessBlock=", "", NULL, 204, "");
    assert_document_put(f, ROOT, "/bucket?policy=",
                        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:PutObject\","
                        "\"Resource\":\"arn:aws:s3:::bucket/*\"}}",
                        204, "");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE, FIELD("key", "k") FILE_HEAD "x" END, 204, "");
    assert_answer(f, ANONYMOUS, "POST", "/bucket", TYPE "If-Match: *\r\n", FIELD("key", "k") FILE_HEAD "x" END, 403,
                  "AccessDenied");
}

static void forms_have_their_places(void **state)
{
    struct fixture *f = *state;

    f->gateway.admission.limits[CLASS_FORM] = 0;
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x" END, 503, "SlowDown");
    f->gateway.admission.limits[CLASS_FORM] = 1;
    assert_form(f, ANY, FIELD("key", "k"), FILE_HEAD "x" END, 204, "");
    assert_form(f, ANY, FIELD("key", "k"), "--XX--\r\n", 400, "IncorrectNumberOfFilesInPostRequest");
    fixture_settle(f);
    assert_int_equal(f->gateway.admission.in_flight[CLASS_FORM], 0);
}

/* What the head says of the body would be of the whole form, which nobody compares. */
static void the_head_signs_no_bytes(void **state)
{
    static const char *const values[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    };
    struct fixture *f = *state;
    char form[32768], head[256];

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        make_form(form, FIXTURE_ACCESS_KEY, FIXTURE_SECRET_KEY, ANY, FIELD("key", "k"), FILE_HEAD "x" END);
        snprintf(head, sizeof(head), TYPE "x-amz-content-sha256: %s\r\n", values[i]);
        assert_answer(f, ANONYMOUS, "POST", "/bucket", head, form, 400, "InvalidArgument");
    }
    assert_nothing_stored(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_form_stores_what_its_fields_say, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_answer_is_as_it_was_asked_for, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(only_who_has_the_key_allows_an_upload, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_second_version_signs_too, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_policy_holds, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_condition_in_the_head_needs_its_right, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_form_that_is_not_whole_stores_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(fields_are_bounded, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_stands_behind_the_file_is_ignored, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_form_may_come_in_single_bytes, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_file_without_end_is_refused_at_its_bound, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_refused_by_name, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_takes_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(forms_have_their_places, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_head_signs_no_bytes, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
