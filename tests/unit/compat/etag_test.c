/* etag: texts, lenient parsing, lists, and multipart ETags recomputed from recorded uploads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "compat/etag.h"

#define HEX "5eb63bbbe01eeed093cb22bb8f5acdc3" /* "hello world" */

static struct etag etag_of(const char *text)
{
    struct etag etag;

    assert_int_equal(etag_parse(bytes_from_str(text), &etag), STATUS_OK);
    return etag;
}

static void test_text(void **state)
{
    struct etag etag = {.parts = 0};
    char text[ETAG_TEXT_MAX];

    (void)state;
    md5_of("hello world", 11, etag.md5);
    etag_text(&etag, text);
    assert_string_equal(text, "\"" HEX "\"");
    etag_text_unquoted(&etag, text);
    assert_string_equal(text, HEX);
    etag.parts = 10000;
    etag_text(&etag, text);
    assert_string_equal(text, "\"" HEX "-10000\"");
    etag_text_unquoted(&etag, text);
    assert_string_equal(text, HEX "-10000");
    etag = ETAG_NONE;
    etag_text(&etag, text); /* the longest */
    assert_int_equal(strlen(text), 2 + 32 + 1 + 10);
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        enum status status;
        uint32_t parts;
    } rows[] = {
        {HEX, STATUS_OK, 0},
        {"\"" HEX "\"", STATUS_OK, 0},
        {" \"" HEX "-2\" ", STATUS_OK, 2},
        {"5EB63BBBE01EEED093CB22BB8F5ACDC3-3", STATUS_OK, 3},
        {"", STATUS_INVALID, 0},
        {"\"\"", STATUS_INVALID, 0},
        {"*", STATUS_INVALID, 0},
        {"W/\"" HEX "\"", STATUS_INVALID, 0},
        {"\"" HEX, STATUS_INVALID, 0},
        {HEX "-", STATUS_INVALID, 0},
        {HEX "-0", STATUS_INVALID, 0},
        {HEX "-01", STATUS_INVALID, 0},
        {HEX "-+1", STATUS_INVALID, 0},
        {HEX "-4294967295", STATUS_INVALID, 0},
        {HEX "x", STATUS_INVALID, 0},
        {"5eb63bbbe01eeed093cb22bb8f5acdc", STATUS_INVALID, 0},
        {"zeb63bbbe01eeed093cb22bb8f5acdc3", STATUS_INVALID, 0},
    };
    struct etag hello = etag_of(HEX);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct etag etag;

        assert_int_equal(etag_parse(bytes_from_str(rows[i].text), &etag), rows[i].status);
        if (rows[i].status)
            continue;
        assert_int_equal(etag.parts, rows[i].parts);
        assert_memory_equal(etag.md5, hello.md5, MD5_LEN);
        assert_int_equal(etag_equal(&etag, &hello), rows[i].parts == 0);
    }
}

static void test_list(void **state)
{
    static const struct {
        const char *list;
        bool weak, matches;
    } rows[] = {
        {"*", false, true},
        {"\"" HEX "\"", false, true},
        {HEX, false, true}, /* AWS matches unquoted ETags */
        {"\"other\", \"" HEX "\"", false, true},
        {"\"other\"," HEX ",\"x\"", false, true},
        {"\"a,b\", \"" HEX "\"", false, true},
        {"\"" HEX "-1\"", false, false},
        {"\"other\"", false, false},
        {"W/\"" HEX "\"", false, false},
        {"W/\"" HEX "\"", true, true},
        {"", false, false},
        {",,", false, false},
        {"\"" HEX ", \"x\"", false, false},
    };
    struct etag hello = etag_of(HEX);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(etag_list_matches(bytes_from_str(rows[i].list), &hello, rows[i].weak), rows[i].matches);
}

static void test_multipart(void **state)
{
    static const struct {
        const char *parts[4], *expected;
    } rows[] = {
        {{"a5f4bef29907431972088b2f35291dd7", "f5c72844814e523517b0bcbc17eb638b"},
         "ba1730fe6334e88a6540fb690e343cfe-2"}, /* s3cmd */
        {{"49b2666e23255fa87ebaecf53f29cfff", "49b2666e23255fa87ebaecf53f29cfff", "c0a6f7113df1ef4603efbb35f1810028"},
         "e08de83578e1bb5429ce6b782c90207f-3"}, /* boto3 */
        {{"764efa883dda1e11db47671c4a3bbd9e"}, "b86583435871b60756e260201377bb9c-1"},
        {{NULL}, "d41d8cd98f00b204e9800998ecf8427e"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct etag_builder builder;
        struct etag etag;
        char text[ETAG_TEXT_MAX];

        etag_builder_init(&builder);
        for (size_t part = 0; part < 4 && rows[i].parts[part]; part++) {
            struct etag part_etag = etag_of(rows[i].parts[part]);

            etag_builder_add(&builder, part_etag.md5);
        }
        etag_builder_final(&builder, &etag);
        etag_builder_release(&builder);
        etag_text_unquoted(&etag, text);
        assert_string_equal(text, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_multipart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
