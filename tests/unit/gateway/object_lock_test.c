/* Object lock through the gateway: buckets that have it, what a version is locked with, who may change that, what
 * cannot be removed by anybody, and that no clock that is set forward frees it. */
#include "tests/unit/gateway/fixture.h"

#include <string.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "gateway/s3/object_lock.h"

#define DAY_MS        UINT64_C(86400000)
#define LOCK          "x-amz-bucket-object-lock-enabled: true\r\n"
#define MD5_OF_DATA   "Content-MD5: jXd/OF09/siBXSD3SWAm3A==\r\n" /* of "data" */
#define BYPASS        "x-amz-bypass-governance-retention: true\r\n"
#define RETENTION(in) "<Retention>" in "</Retention>"
#define HOLD(status)  "<LegalHold><Status>" status "</Status></LegalHold>"
#define RULE(in)                                                                                                       \
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"                                          \
    "<Rule><DefaultRetention>" in "</DefaultRetention></Rule></ObjectLockConfiguration>"
#define NO_RULE "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/locked", LOCK, "") == 200 && ask(*state, ROOT, "PUT", "/plain", "", "") == 200
               ? 0
               : -1;
}

/* A date so many days from now. */
static const char *date(int64_t days)
{
    static char text[4][CLOCK_TEXT_MAX];
    static unsigned next;
    char *out = text[next++ % 4];

    clock_format_iso8601_ms(clock_wall_ms() / 1000 * 1000 + days * (int64_t)DAY_MS, out);
    return out;
}

static const char *header_of(struct fixture *f, const char *name)
{
    return answer_header(&f->answer, name);
}

/* Puts an object with these headers; its version's place, "/locked/k?versionId=...". */
static const char *put(struct fixture *f, const char *headers)
{
    static char target[8][128];
    static unsigned next;
    char *out = target[next++ % 8], all[1024];

    snprintf(all, sizeof(all), MD5_OF_DATA "%s", headers);
    assert_answer(f, ROOT, "PUT", "/locked/k", all, "data", 200, "");
    snprintf(out, 128, "/locked/k?versionId=%s", header_of(f, "x-amz-version-id"));
    return out;
}

static const char *locked_until(const char *mode, int64_t days)
{
    static char headers[2][256];
    static unsigned next;
    char *out = headers[next++ % 2];

    snprintf(out, 256, "x-amz-object-lock-mode: %s\r\nx-amz-object-lock-retain-until-date: %s\r\n", mode, date(days));
    return out;
}

/* PUT of the document to the version's sub-resource. */
static void assert_put(struct fixture *f, const char *target, const char *resource, const char *headers,
                       const char *document, int status, const char *code)
{
    const char *query = strchr(target, '?');
    char full[256], all[512], digest[32];
    uint8_t md5[MD5_LEN];

    if (query) /* in order of the names */
        snprintf(full, sizeof(full), "%.*s?%s=&%s", (int)(query - target), target, resource, query + 1);
    else
        snprintf(full, sizeof(full), "%s?%s=", target, resource);
    md5_of(document, strlen(document), md5);
    base64_encode(md5, MD5_LEN, digest);
    snprintf(all, sizeof(all), "Content-MD5: %s\r\n%s", digest, headers);
    assert_answer(f, ROOT, strcmp(resource, "delete") == 0 ? "POST" : "PUT", full, all, document, status, code);
}

static void assert_retention(struct fixture *f, const char *target, const char *headers, const char *mode, int64_t days,
                             int status, const char *code)
{
    char document[512];

    snprintf(document, sizeof(document), RETENTION("<Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"), mode,
             date(days));
    assert_put(f, target, "retention", headers, document, status, code);
}

static void assert_stays(struct fixture *f, const char *target, const char *headers)
{
    assert_answer(f, ROOT, "DELETE", target, headers, NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, S3_LOCKED_TEXT));
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
}

static void buckets_have_it_from_the_start_or_later(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/locked?object-lock=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"));
    assert_answer(f, ROOT, "GET", "/locked?versioning=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Status>Enabled</Status>"));
    assert_document_put(
        f, ROOT, "/locked?versioning=", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
        409, "InvalidBucketState");
    assert_answer(f, ROOT, "PUT", "/locked", LOCK, "", 200, ""); /* again */
    assert_answer(f, ROOT, "PUT", "/plain", LOCK, "", 409, "BucketAlreadyOwnedByYou");
    assert_answer(f, ROOT, "PUT", "/other", "x-amz-bucket-object-lock-enabled: yes\r\n", "", 400, "InvalidArgument");

    assert_answer(f, ROOT, "GET", "/plain?object-lock=", "", NULL, 404, "ObjectLockConfigurationNotFoundError");
    assert_document_put(f, ROOT, "/plain?object-lock=", NO_RULE, 409, "InvalidBucketState");
    assert_document_put(f, ROOT, "/plain?versioning=",
                        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 200, "");
    assert_document_put(f, ROOT, "/plain?object-lock=", RULE("<Mode>GOVERNANCE</Mode><Days>3</Days>"), 200, "");
    assert_answer(f, ROOT, "GET", "/plain?object-lock=", "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>3</Days>"));
    assert_document_put(
        f, ROOT, "/plain?versioning=", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
        409, "InvalidBucketState");
}

static void what_is_no_configuration(void **state)
{
    static const struct {
        const char *document, *code;
    } rows[] = {
        {"", "MalformedXML"},
        {"<ObjectLockConfiguration/>", "MalformedXML"},
        {RULE(""), "MalformedXML"},
        {RULE("<Mode>GOVERNANCE</Mode>"), "MalformedXML"},
        {RULE("<Mode>governance</Mode><Days>1</Days>"), "MalformedXML"},
        {RULE("<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>"), "MalformedXML"},
        {RULE("<Mode>GOVERNANCE</Mode><Days>one</Days>"), "MalformedXML"},
        {RULE("<Mode>GOVERNANCE</Mode><Days>0</Days>"), "InvalidArgument"},
        {RULE("<Mode>GOVERNANCE</Mode><Years>-1</Years>"), "InvalidArgument"},
        {RULE("<Mode>GOVERNANCE</Mode><Days>36501</Days>"), "InvalidArgument"},
        {RULE("<Mode>GOVERNANCE</Mode><DefaultEventHold/>"), "MalformedXML"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_document_put(f, ROOT, "/locked?object-lock=", rows[i].document, 400, rows[i].code);
    assert_answer(f, ROOT, "PUT", "/locked?object-lock=", "", NO_RULE, 400, "InvalidRequest"); /* without a digest */
    assert_document_put(f, ANONYMOUS, "/locked?object-lock=", NO_RULE, 403, "AccessDenied");
}

/* As a backup tool tries it before it trusts a bucket. */
static void compliance_stays_whoever_asks(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, locked_until("COMPLIANCE", 10));
    char list[512];

    assert_stays(f, version, "");
    assert_stays(f, version, BYPASS);
    assert_retention(f, version, BYPASS, "COMPLIANCE", 9, 403, "AccessDenied");
    assert_retention(f, version, BYPASS, "GOVERNANCE", 20, 403, "AccessDenied");
    assert_put(f, version, "retention", BYPASS, "<Retention/>", 403, "AccessDenied");
    assert_retention(f, version, "", "COMPLIANCE", 20, 200, "");
    snprintf(list, sizeof(list), "<Delete><Object><Key>k</Key><VersionId>%s</VersionId></Object></Delete>",
             strchr(version, '=') + 1);
    assert_put(f, "/locked", "delete", BYPASS, list, 200, "AccessDenied"); /* of the one key */
    assert_non_null(strstr(f->answer.body, S3_LOCKED_TEXT));
    assert_stays(f, version, "");
    fixture_pass(f, 20 * DAY_MS + 1000);
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");
}

static void governance_yields_to_who_may_and_says_so(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, locked_until("GOVERNANCE", 10));

    assert_stays(f, version, "");
    assert_stays(f, version, "x-amz-bypass-governance-retention: false\r\n");
    assert_answer(f, ROOT, "DELETE", version, "x-amz-bypass-governance-retention: perhaps\r\n", NULL, 400,
                  "InvalidArgument");
    assert_retention(f, version, "", "GOVERNANCE", 9, 403, "AccessDenied");
    assert_retention(f, version, "", "COMPLIANCE", 20, 403, "AccessDenied");
    assert_put(f, version, "retention", "", "<Retention/>", 403, "AccessDenied");
    assert_retention(f, version, "", "GOVERNANCE", 12, 200, "");
    assert_retention(f, version, BYPASS, "GOVERNANCE", 1, 200, "");
    assert_stays(f, version, "");
    assert_answer(f, ROOT, "DELETE", version, BYPASS, NULL, 204, "");
    version = put(f, locked_until("GOVERNANCE", 10));
    assert_put(f, version, "retention", BYPASS, "<Retention/>", 200, "");
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");
    assert_answer(f, ROOT, "DELETE", "/plain/k", BYPASS, NULL, 400, "InvalidArgument");
}

static void a_marker_hides_and_is_never_locked(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, locked_until("COMPLIANCE", 10));
    char marker[128];

    assert_answer(f, ROOT, "DELETE", "/locked/k", "", NULL, 204, "");
    snprintf(marker, sizeof(marker), "/locked/k?versionId=%s", header_of(f, "x-amz-version-id"));
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 404, "NoSuchKey");
    assert_retention(f, marker, "", "GOVERNANCE", 1, 405, "MethodNotAllowed");
    assert_put(f, marker, "legal-hold", "", HOLD("ON"), 405, "MethodNotAllowed");
    assert_answer(f, ROOT, "DELETE", marker, "", NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 200, "");
    assert_stays(f, version, "");
    assert_answer(f, ROOT, "DELETE", "/locked", "", NULL, 409, "BucketNotEmpty");
}

/* A bypass is of a version: without one a marker hides the object, as it does without the header. */
static void a_bypass_without_a_version_removes_none(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, locked_until("GOVERNANCE", 10));
    char marker[128];

    assert_answer(f, ROOT, "DELETE", "/locked/k", BYPASS, NULL, 204, "");
    assert_string_equal(header_of(f, "x-amz-delete-marker"), "true");
    snprintf(marker, sizeof(marker), "/locked/k?versionId=%s", header_of(f, "x-amz-version-id"));
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 404, "NoSuchKey");
    assert_stays(f, version, "");
    assert_answer(f, ROOT, "DELETE", marker, BYPASS, NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 200, "");
    assert_answer(f, ROOT, "DELETE", version, BYPASS, NULL, 204, "");
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 404, "NoSuchKey");
}

static void a_legal_hold_has_no_end_but_one(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, "x-amz-object-lock-legal-hold: ON\r\n");

    assert_stays(f, version, BYPASS);
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-legal-hold"), "ON");
    fixture_pass(f, 400 * DAY_MS);
    assert_stays(f, version, "");
    assert_put(f, version, "legal-hold", "", HOLD("off"), 400, "MalformedXML");
    assert_put(f, version, "legal-hold", "", HOLD("OFF"), 200, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-legal-hold"), "OFF");
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");

    version = put(f, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_null(header_of(f, "x-amz-object-lock-legal-hold"));
    assert_put(f, version, "legal-hold", "", HOLD("ON"), 200, "");
    assert_stays(f, version, "");
}

static void a_rule_is_applied_to_what_says_nothing(void **state)
{
    struct fixture *f = *state;
    const char *version;

    assert_document_put(f, ROOT, "/locked?object-lock=", RULE("<Mode>COMPLIANCE</Mode><Days>2</Days>"), 200, "");
    assert_answer(f, ROOT, "PUT", "/locked/k", "", "data", 400,
                  "InvalidRequest"); /* without a digest of the sender's */
    version = put(f, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-mode"), "COMPLIANCE");
    assert_memory_equal(header_of(f, "x-amz-object-lock-retain-until-date"), date(2), 10);
    assert_stays(f, version, BYPASS);
    fixture_pass(f, 2 * DAY_MS + 1000);
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");

    version = put(f, locked_until("GOVERNANCE", 1)); /* its own counts */
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-mode"), "GOVERNANCE");
    version = put(f, "x-amz-object-lock-legal-hold: OFF\r\n"); /* which says nothing of a retention */
    assert_stays(f, version, "");
    assert_answer(f, ROOT, "PUT", "/locked/copy", "x-amz-copy-source: /locked/k\r\n", "", 200, "");
    assert_answer(f, ROOT, "HEAD", "/locked/copy", "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-mode"), "COMPLIANCE");
    assert_answer(f, ROOT, "PUT", "/plain/copy", "x-amz-copy-source: /locked/k\r\n", "", 200, "");
    assert_answer(f, ROOT, "HEAD", "/plain/copy", "", NULL, 200, "");
    assert_null(header_of(f, "x-amz-object-lock-mode"));
}

static void what_a_new_object_cannot_ask_for(void **state)
{
    static const struct {
        const char *target, *headers, *code, *text;
    } rows[] = {
        {"/plain/k", "x-amz-object-lock-legal-hold: ON\r\n", "InvalidRequest", "missing Object Lock Configuration"},
        {"/plain/k", "x-amz-object-lock-legal-hold: on\r\n", "InvalidArgument", "either of 'ON' or 'OFF'"},
        {"/locked/k", "x-amz-object-lock-mode: GOVERNANCE\r\n", "InvalidArgument", "must both be supplied"},
        {"/locked/k", "x-amz-object-lock-retain-until-date: 2999-01-01T00:00:00Z\r\n", "InvalidArgument",
         "must both be supplied"},
        {"/locked/k", "x-amz-object-lock-mode: X\r\nx-amz-object-lock-retain-until-date: 2999-01-01T00:00:00Z\r\n",
         "InvalidArgument", "Unknown wormMode directive."},
        {"/locked/k", "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: soon\r\n",
         "InvalidArgument", "ISO 8601"},
        {"/locked/k",
         "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2001-01-01T00:00:00Z\r\n",
         "InvalidArgument", "must be in the future!"},
        {"/locked/k", "x-amz-object-lock-event-hold: ON\r\n", "InvalidArgument", "has a duration"},
        {"/locked/k", "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-event-hold: ON\r\n", "InvalidArgument",
         "has a duration"},
        {"/locked/k", "x-amz-object-lock-event-hold: ON\r\nx-amz-object-lock-event-hold-duration-days: 1\r\n",
         "InvalidArgument", "needs x-amz-object-lock-mode"},
        {"/locked/k",
         "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-event-hold: ON\r\n"
         "x-amz-object-lock-event-hold-duration-days: 36501\r\n",
         "InvalidArgument", "1 to 36500 days"},
        {"/locked/k",
         "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-event-hold: ON\r\n"
         "x-amz-object-lock-event-hold-duration-days: 1\r\nx-amz-object-lock-event-hold-duration-years: 1\r\n",
         "InvalidArgument", "not in both"},
    };
    struct fixture *f = *state;
    char all[512];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(all, sizeof(all), MD5_OF_DATA "%s", rows[i].headers);
        assert_answer(f, ROOT, "PUT", rows[i].target, all, "data", 400, rows[i].code);
        assert_non_null(strstr(f->answer.body, rows[i].text));
    }
    assert_answer(f, ROOT, "PUT", "/locked/k", "x-amz-object-lock-legal-hold: ON\r\n", "data", 400, "InvalidRequest");
    assert_answer(f, ROOT, "GET", "/locked/k", "", NULL, 404, "NoSuchKey");
}

static void what_a_version_cannot_be_asked(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, "");
    char target[160];

    snprintf(target, sizeof(target), "/locked/k?retention=&%s", strchr(version, '?') + 1);
    assert_answer(f, ROOT, "GET", target, "", NULL, 404, "NoSuchObjectLockConfiguration");
    snprintf(target, sizeof(target), "/locked/k?legal-hold=&%s", strchr(version, '?') + 1);
    assert_answer(f, ROOT, "GET", target, "", NULL, 404, "NoSuchObjectLockConfiguration");
    assert_answer(f, ROOT, "PUT", "/plain/k", "", "data", 200, "");
    assert_answer(f, ROOT, "GET", "/plain/k?retention=", "", NULL, 400, "InvalidRequest");
    assert_answer(f, ROOT, "GET", "/plain/k?legal-hold=", "", NULL, 400, "InvalidRequest");
    assert_retention(f, "/plain/k", "", "GOVERNANCE", 1, 400, "InvalidRequest");
    assert_put(f, "/plain/k", "legal-hold", "", HOLD("ON"), 400, "InvalidRequest");
    assert_retention(f, "/locked/none", "", "GOVERNANCE", 1, 404, "NoSuchKey");
    assert_retention(f, version, "", "GOVERNANCE", -1, 400, "InvalidArgument");
    assert_retention(f, version, "", "governance", 1, 400, "MalformedXML");
    assert_put(f, version, "retention", "", RETENTION("<Mode>GOVERNANCE</Mode>"), 400, "MalformedXML");
    assert_put(f, version, "retention", "", "", 400, "MalformedXML");
    assert_put(f, version, "legal-hold", "", "<LegalHold/>", 400, "MalformedXML");
    assert_answer(f, ROOT, "PUT", "/locked/k?legal-hold=", "", HOLD("ON"), 400, "InvalidRequest"); /* no digest */
    assert_answer(f, ANONYMOUS, "GET", "/locked/k?retention=", "", NULL, 403, "AccessDenied");
    assert_answer(f, ANONYMOUS, "PUT", "/locked/k?legal-hold=", MD5_OF_DATA, "data", 403, "AccessDenied");
}

/* An end is one only by every clock. */
static void no_clock_frees_by_itself(void **state)
{
    struct fixture *f = *state;
    const char *version = put(f, locked_until("COMPLIANCE", 10));

    fake_cluster_set_clocks(f->gateway.cluster,
                            -11 * (int64_t)DAY_MS); /* as they see it, the gateway's was set forward */
    fixture_pass(f, 11 * DAY_MS);
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, S3_LOCK_DOUBT_TEXT));
    fake_cluster_set_clocks(f->gateway.cluster, 0);
    for (unsigned i = 1; i <= FIXTURE_NODES; i++)
        fake_cluster_down(f->gateway.cluster, i, true); /* nobody can be asked */
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 403, "AccessDenied");
    assert_non_null(strstr(f->answer.body, S3_LOCK_DOUBT_TEXT));
    for (unsigned i = 1; i <= FIXTURE_NODES; i++)
        fake_cluster_down(f->gateway.cluster, i, false);
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");
}

/* A rule counts from the clock that the nodes agree with. */
static void a_clock_that_is_behind_shortens_nothing(void **state)
{
    struct fixture *f = *state;
    const char *version;

    assert_document_put(f, ROOT, "/locked?object-lock=", RULE("<Mode>COMPLIANCE</Mode><Days>2</Days>"), 200, "");
    fake_cluster_set_clocks(f->gateway.cluster, 100 * (int64_t)DAY_MS);
    version = put(f, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_memory_equal(header_of(f, "x-amz-object-lock-retain-until-date"), date(102), 10);
    fake_cluster_set_clocks(f->gateway.cluster, -100 * (int64_t)DAY_MS);
    version = put(f, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_memory_equal(header_of(f, "x-amz-object-lock-retain-until-date"), date(-98), 10);
}

static void an_event_hold_ends_when_it_is_released(void **state)
{
    static const char held[] = "x-amz-object-lock-mode: COMPLIANCE\r\nx-amz-object-lock-event-hold: ON\r\n"
                               "x-amz-object-lock-event-hold-duration-days: 5\r\n";
    struct fixture *f = *state;
    const char *version = put(f, held);

    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-event-hold"), "ON");
    assert_string_equal(header_of(f, "x-amz-object-lock-event-hold-duration-days"), "5");
    assert_memory_equal(header_of(f, "x-amz-object-lock-retain-until-date"), date(5), 10);
    fixture_pass(f, 100 * DAY_MS);
    assert_stays(f, version, BYPASS);
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_memory_equal(header_of(f, "x-amz-object-lock-retain-until-date"), date(5), 10);
    assert_put(f, version, "retention", "", "<Retention/>", 403, "AccessDenied");
    assert_put(f, version, "retention", "", RETENTION("<Mode>COMPLIANCE</Mode><EventHold>OFF</EventHold>"), 200, "");
    assert_stays(f, version, BYPASS);
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-event-hold"), "OFF");
    assert_null(header_of(f, "x-amz-object-lock-event-hold-duration-days"));
    fixture_pass(f, 5 * DAY_MS + 1000);
    assert_answer(f, ROOT, "DELETE", version, "", NULL, 204, "");

    assert_document_put(f, ROOT, "/locked?object-lock=",
                        RULE("<Mode>GOVERNANCE</Mode><DefaultEventHold><Years>1</Years></DefaultEventHold>"), 200, "");
    version = put(f, "");
    assert_answer(f, ROOT, "HEAD", version, "", NULL, 200, "");
    assert_string_equal(header_of(f, "x-amz-object-lock-event-hold-duration-years"), "1");
    assert_stays(f, version, "");
    assert_put(f, version, "retention", "",
               RETENTION("<Mode>GOVERNANCE</Mode><EventHold>ON</EventHold>"
                         "<EventHoldDuration><Days>1</Days></EventHoldDuration>"),
               200, ""); /* a shorter one, whose end does not come before that of the longer */
    assert_put(f, version, "retention", "", RETENTION("<Mode>GOVERNANCE</Mode><EventHold>OFF</EventHold>"), 200, "");
    fixture_pass(f, 300 * DAY_MS);
    assert_stays(f, version, "");
    assert_answer(f, ROOT, "DELETE", version, BYPASS, NULL, 204, "");
    version = put(f, locked_until("GOVERNANCE", 1));
    assert_put(f, version, "retention", "", RETENTION("<Mode>GOVERNANCE</Mode><EventHold>OFF</EventHold>"), 400,
               "InvalidRequest");
    assert_put(f, version, "retention", "", RETENTION("<Mode>GOVERNANCE</Mode><EventHold>ON</EventHold>"), 400,
               "InvalidRequest");
}

static void files_are_kept_from_the_file_api(void **state)
{
    struct fixture *f = *state;

    assert_document_put(f, ROOT, "/files?object-lock=", RULE("<Mode>COMPLIANCE</Mode><Days>1</Days>"), 200, "");
    assert_answer(f, ROOT, "PUT", "/files/f", MD5_OF_DATA, "data", 200, "");
    assert_answer(f, BEARER, "DELETE", "/delete?filename=f", "", NULL, 403, "Access denied");
    assert_answer(f, BEARER, "DELETE", "/delete?filename=f&version=1", "", NULL, 403, "Access denied");
    fixture_pass(f, DAY_MS + 1000);
    assert_answer(f, BEARER, "DELETE", "/delete?filename=f", "", NULL, 200, "");
}

static void uploads_become_locked(void **state)
{
    struct fixture *f = *state;
    char target[160], body[256], id[64] = "";
    const char *at;

    assert_answer(f, ROOT, "POST", "/locked/k?uploads=", locked_until("COMPLIANCE", 10), "", 200, "");
    at = strstr(f->answer.body, "<UploadId>");
    assert_non_null(at);
    snprintf(id, sizeof(id), "%.*s", (int)strcspn(at + 10, "<"), at + 10);
    snprintf(target, sizeof(target), "/locked/k?partNumber=1&uploadId=%s", id);
    assert_answer(f, ROOT, "PUT", target, "", "data", 200, "");
    snprintf(
        body, sizeof(body),
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>",
        header_of(f, "ETag"));
    snprintf(target, sizeof(target), "/locked/k?uploadId=%s", id);
    assert_answer(f, ROOT, "POST", target, "", body, 200, "");
    snprintf(target, sizeof(target), "/locked/k?versionId=%s", header_of(f, "x-amz-version-id"));
    assert_stays(f, target, BYPASS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(buckets_have_it_from_the_start_or_later, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_configuration, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(compliance_stays_whoever_asks, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(governance_yields_to_who_may_and_says_so, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_marker_hides_and_is_never_locked, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_bypass_without_a_version_removes_none, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_legal_hold_has_no_end_but_one, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_rule_is_applied_to_what_says_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_a_new_object_cannot_ask_for, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_a_version_cannot_be_asked, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(no_clock_frees_by_itself, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_is_behind_shortens_nothing, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_event_hold_ends_when_it_is_released, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(files_are_kept_from_the_file_api, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(uploads_become_locked, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
