/* xml_writer: escaping of every kind of character, encoding-type=url, times, the sticky status. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "compat/xml_writer.h"

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static void assert_text(const char *text, size_t len, bool url_encode, const char *expected)
{
    struct xml_writer writer;
    struct buffer out;
    char document[256];

    buffer_init(&out, 4096);
    xml_writer_init(&writer, &out);
    writer.url_encode = url_encode;
    xml_writer_name(&writer, "Key", bytes_of(text, len));
    assert_int_equal(xml_writer_finish(&writer), STATUS_OK);
    snprintf(document, sizeof(document), DECLARATION "<Key>%s</Key>", expected);
    assert_string_equal(out.data, document);
    buffer_release(&out);
}

static void test_escaping(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *expected;
    } rows[] = {
        {"", 0, ""},
        {"plain/key.txt", 13, "plain/key.txt"},
        {"a&b<c>d\"e'f", 11, "a&amp;b&lt;c&gt;d&quot;e'f"},
        {"\x01", 1, "&#x1;"},
        {"a\x1f"
         "b",
         3, "a&#x1F;b"},
        {"\0", 1, "&#x0;"},
        {"\r", 1, "&#xD;"},
        {"\t\n", 2, "\t\n"},
        {"\x7f", 1, "\x7f"},
        {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xef\xbf\xbe\xef\xbf\xbf", 6, "&#xFFFE;&#xFFFF;"},
        {"a\xff"
         "b",
         3,
         "a\xef\xbf\xbd"
         "b"},
        {"\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"x\xc3", 2, "x\xef\xbf\xbd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_text(rows[i].text, rows[i].len, false, rows[i].expected);
}

static void test_url_encoding(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"az/AZ/09-_.*", "az/AZ/09-_.*"},
        {"a b", "a%20b"},
        {"a+b&c<d>", "a%2Bb%26c%3Cd%3E"},
        {"~", "%7E"},
        {"\xc3\xbc", "%C3%BC"},
        {"\x01\r\n", "%01%0D%0A"},
        {"%41", "%2541"},
        {"\xff", "%FF"},
        {"(!')", "%28%21%27%29"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_text(rows[i].text, strlen(rows[i].text), true, rows[i].expected);
}

static void test_elements(void **state)
{
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    xml_writer_init(&writer, &out);
    xml_writer_open_root(&writer, "Root");
    xml_writer_open(&writer, "Inner");
    xml_writer_element_bool(&writer, "A", true);
    xml_writer_element_u64(&writer, "B", 18446744073709551615u);
    xml_writer_close(&writer);
    xml_writer_element_time(&writer, "T", 1795377240999); /* 2026-11-22 19:54:00.999 */
    xml_writer_element_time(&writer, "T", -1);
    xml_writer_element(&writer, "E", (struct bytes){NULL, 0});
    xml_writer_close(&writer);
    assert_int_equal(xml_writer_finish(&writer), STATUS_OK);
    assert_string_equal(out.data,
                        DECLARATION "<Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Inner><A>true</A>"
                                    "<B>18446744073709551615</B></Inner><T>2026-11-22T19:54:00.000Z</T>"
                                    "<T>1969-12-31T23:59:59.000Z</T><E></E></Root>");
    buffer_release(&out);
}

static void test_failure_sticks(void **state)
{
    struct xml_writer writer;
    struct buffer out;

    (void)state;
    buffer_init(&out, 60);
    xml_writer_init(&writer, &out);
    xml_writer_open(&writer, "Root");
    xml_writer_element_str(&writer, "Long", "a text that does not fit any more");
    xml_writer_element_str(&writer, "S", "");
    xml_writer_close(&writer);
    assert_int_equal(xml_writer_finish(&writer), STATUS_LIMIT);
    assert_true(out.len <= 60);
    buffer_release(&out);
}

static void test_fronts(void **state)
{
    static const struct {
        const char *text;
        size_t max, front;
    } rows[] = {
        {"", 0, 0},         {"abc", 0, 0},      {"abc", 2, 2},      {"abc", 3, 3},      {"abc", 9, 3},
        {"a&b", 5, 1},      {"a&b", 6, 2},      {"a&b", 7, 3},      {"\x01\x01", 9, 1}, {"\x01\x01", 10, 2},
        {"\xc3\xbc", 1, 0}, {"\xc3\xbc", 2, 2}, {"\xff\xff", 5, 1}, {"\xff\xff", 6, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(xml_writer_front(bytes_from_str(rows[i].text), rows[i].max).len, rows[i].front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fronts),   cmocka_unit_test(test_escaping),       cmocka_unit_test(test_url_encoding),
        cmocka_unit_test(test_elements), cmocka_unit_test(test_failure_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
