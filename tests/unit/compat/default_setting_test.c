/* Settings that are there as every bucket has them: which documents ask for that, which for more, and which are none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "compat/default_setting.h"

static const struct default_setting payer = {"RequestPaymentConfiguration", "Payer", "BucketOwner", "Requester"};
static const struct default_setting logging = {.root = "BucketLoggingStatus"};

static void test_documents(void **state)
{
    static const struct {
        const struct default_setting *setting;
        const char *document;
        enum status status;
        bool is_default;
    } rows[] = {
        {&payer, "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>", STATUS_OK,
         true},
        {&payer, "<RequestPaymentConfiguration>\n <Payer> BucketOwner\n</Payer></RequestPaymentConfiguration>",
         STATUS_OK, true},
        {&payer, "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>", STATUS_OK,
         false},
        {&payer, "<RequestPaymentConfiguration><Payer>Nobody</Payer></RequestPaymentConfiguration>", STATUS_INVALID,
         false},
        {&payer, "<RequestPaymentConfiguration/>", STATUS_INVALID, false},
        {&payer,
         "<RequestPaymentConfiguration><Payer>Requester</Payer><Payer>BucketOwner</Payer></"
         "RequestPaymentConfiguration>",
         STATUS_INVALID, false},
        {&payer, "<RequestPaymentConfiguration><Other>BucketOwner</Other></RequestPaymentConfiguration>",
         STATUS_INVALID, false},
        {&payer, "<BucketLoggingStatus/>", STATUS_INVALID, false},
        {&payer, "", STATUS_INVALID, false},
        {&logging, "<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>", STATUS_OK, true},
        {&logging, "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>", STATUS_OK, false},
        {&logging, "<BucketLoggingStatus>", STATUS_INVALID, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_default = false;
        assert_int_equal(default_setting_read(rows[i].setting, bytes_from_str(rows[i].document), &is_default),
                         rows[i].status);
        assert_int_equal(is_default, rows[i].is_default);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
