/* Settings that no bucket has otherwise than every bucket: read as AWS tells them of a new bucket, made when they ask
 * for nothing more, and refused by name else. */
#include "tests/unit/gateway/fixture.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state)
{
    fixture_setup(state);
    return ask(*state, ROOT, "PUT", "/bucket", "", "") == 200 ? 0 : -1;
}

static void assert_document(struct fixture *f, const char *target, const char *part)
{
    assert_answer(f, ROOT, "GET", target, "", NULL, 200, "");
    assert_non_null(strstr(f->answer.body, part));
}

static void switches(void **state)
{
    struct fixture *f = *state;

    assert_document(f, "/bucket?abac=", "<Status>Disabled</Status>");
    assert_document_put(f, ROOT, "/bucket?abac=", "<AbacStatus><Status>Disabled</Status></AbacStatus>", 200, "");
    assert_document_put(f, ROOT, "/bucket?abac=", "<AbacStatus><Status>Enabled</Status></AbacStatus>", 501,
                        "NotImplemented");
    assert_document_put(f, ROOT, "/bucket?abac=", "<AbacStatus><Status>On</Status></AbacStatus>", 400, "MalformedXML");
    assert_document(f, "/bucket?abac=", "<Status>Disabled</Status>");

    assert_document(f, "/bucket?accelerate=", "<AccelerateConfiguration");
    assert_null(strstr(f->answer.body, "Status"));
    assert_document_put(f, ROOT, "/bucket?accelerate=",
                        "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>", 200, "");
    assert_document_put(
        f, ROOT, "/bucket?accelerate=", "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>",
        501, "NotImplemented");
    assert_document_put(f, ROOT, "/bucket?accelerate=", "<AccelerateConfiguration/>", 400, "MalformedXML");

    assert_document(f, "/bucket?requestPayment=", "<Payer>BucketOwner</Payer>");
    assert_document_put(f, ROOT, "/bucket?requestPayment=",
                        "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", 501,
                        "NotImplemented");
    assert_document_put(f, ANONYMOUS, "/bucket?abac=", "<AbacStatus><Status>Disabled</Status></AbacStatus>", 403,
                        "AccessDenied");
}

static void named_configurations(void **state)
{
    static const char *const kinds[] = {"analytics", "intelligent-tiering", "inventory", "metrics"};
    struct fixture *f = *state;
    char one[64], all[64];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(all, sizeof(all), "/bucket?%s=", kinds[i]);
        snprintf(one, sizeof(one), i == 0 ? "/bucket?%s=&id=a" : "/bucket?id=a&%s=", kinds[i]);
        assert_document(f, all, "<IsTruncated>false</IsTruncated>");
        assert_answer(f, ROOT, "GET", one, "", NULL, 404, "NoSuchConfiguration");
        assert_answer(f, ROOT, "DELETE", one, "", NULL, 204, "");
        assert_answer(f, ROOT, "DELETE", all, "", NULL, 400, "InvalidRequest");
        assert_document_put(f, ROOT, one, "<Configuration/>", 501, "NotImplemented");
        assert_answer(f, ANONYMOUS, "GET", all, "", NULL, 403, "AccessDenied");
        assert_answer(f, ANONYMOUS, "DELETE", one, "", NULL, 403, "AccessDenied");
    }
    assert_answer(f, ROOT, "GET", "/none?metrics=", "", NULL, 404, "NoSuchBucket");
}

static void what_makes_tables_or_copies(void **state)
{
    struct fixture *f = *state;

    assert_answer(f, ROOT, "GET", "/bucket?metadataConfiguration=", "", NULL, 404, "MetadataConfigurationNotFound");
    assert_answer(f, ROOT, "GET", "/bucket?metadataTable=", "", NULL, 404, "MetadataConfigurationNotFound");
    assert_answer(f, ROOT, "DELETE", "/bucket?metadataTable=", "", NULL, 204, "");
    assert_answer(f, ROOT, "POST", "/bucket?metadataTable=", "", "<M/>", 501, "NotImplemented");
    assert_answer(f, ROOT, "GET", "/bucket?replication=", "", NULL, 404, "ReplicationConfigurationNotFoundError");
    assert_answer(f, ROOT, "DELETE", "/bucket?replication=", "", NULL, 204, "");
    assert_answer(f, ROOT, "PUT", "/bucket?replication=", "", "<R/>", 501, "NotImplemented");
    assert_answer(f, ROOT, "GET", "/bucket/k?torrent=", "", NULL, 501, "NotImplemented");
    assert_answer(f, ROOT, "POST", "/bucket/k?restore=", "", "<R/>", 501, "NotImplemented");
    assert_answer(f, ROOT, "POST", "/bucket/k?select=&select-type=2", "", "<S/>", 501, "NotImplemented");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(switches, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(named_configurations, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_makes_tables_or_copies, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
