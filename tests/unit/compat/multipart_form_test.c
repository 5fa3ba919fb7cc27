/* multipart_form: the same events however the body is cut; real clients' bodies; malformed ones refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "compat/multipart_form.h"

#define TYPE "multipart/form-data; boundary=XX"

/* Feeds the body in pieces of `piece` bytes (the first of `first`) and writes down what happens, one line per part:
 * name|filename|type|data, `-` for what is absent. */
static enum status transcribe(const char *content_type, struct bytes body, size_t first, size_t piece,
                              struct buffer *out, bool *complete)
{
    struct multipart_form form;
    struct bytes input = {NULL, 0};
    enum status status = multipart_form_init(&form, bytes_from_str(content_type));

    *complete = false;
    if (status)
        return status;
    for (;;) {
        struct form_event event;

        status = multipart_form_next(&form, &input, &event);
        if (status || event.type == FORM_END)
            break;
        if (event.type == FORM_NEED_INPUT) {
            size_t len = first ? first : piece;

            assert_int_equal(input.len, 0);
            if (body.len == 0)
                break;
            len = len < body.len ? len : body.len;
            first = 0;
            input = bytes_of(body.data, len);
            body = bytes_of(body.data + len, body.len - len);
        } else if (event.type == FORM_PART_BEGIN) {
            (void)buffer_append_bytes(out, event.name);
            (void)buffer_append_char(out, '|');
            (void)buffer_append_bytes(out, event.filename.data ? event.filename : BYTES("-"));
            (void)buffer_append_char(out, '|');
            (void)buffer_append_bytes(out, event.content_type.data ? event.content_type : BYTES("-"));
            (void)buffer_append_char(out, '|');
        } else if (event.type == FORM_DATA) {
            assert_true(event.data.len > 0);
            (void)buffer_append_bytes(out, event.data);
        } else {
            (void)buffer_append_char(out, ';');
        }
    }
    *complete = multipart_form_is_complete(&form);
    multipart_form_release(&form);
    return status;
}

static void assert_form_cut(const char *content_type, struct bytes body, size_t first, size_t piece,
                            const char *expected)
{
    struct buffer out;
    bool complete;

    buffer_init(&out, 65536);
    (void)buffer_append_str(&out, "");
    assert_int_equal(transcribe(content_type, body, first, piece, &out, &complete), STATUS_OK);
    assert_true(complete);
    assert_true(bytes_equal_str(buffer_bytes(&out), expected));
    buffer_release(&out);
}

/* Whole, in single bytes, and cut once at every place. */
static void assert_form(const char *content_type, const char *body, const char *expected)
{
    struct bytes bytes = bytes_from_str(body);

    assert_form_cut(content_type, bytes, 0, bytes.len, expected);
    for (size_t piece = 1; piece <= 7; piece++)
        assert_form_cut(content_type, bytes, 0, piece, expected);
    for (size_t cut = 1; cut < bytes.len; cut++)
        assert_form_cut(content_type, bytes, cut, bytes.len, expected);
}

static void test_forms(void **state)
{
    (void)state;
    /* curl -F file=@example.txt -F filename=example.txt */
    assert_form("multipart/form-data; boundary=------------------------d74496d66958873e",
                "--------------------------d74496d66958873e\r\n"
                "Content-Disposition: form-data; name=\"file\"; filename=\"example.txt\"\r\n"
                "Content-Type: text/plain\r\n\r\nhello\n\r\n"
                "--------------------------d74496d66958873e\r\n"
                "Content-Disposition: form-data; name=\"filename\"\r\n\r\nexample.txt\r\n"
                "--------------------------d74496d66958873e--\r\n",
                "file|example.txt|text/plain|hello\n;filename|-|-|example.txt;");
    /* undici's POST policy form */
    assert_form("multipart/form-data; boundary=----formdata-undici-077905167132",
                "------formdata-undici-077905167132\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n"
                "up/${filename}\r\n------formdata-undici-077905167132\r\n"
                "Content-Disposition: form-data; name=\"file\"; filename=\"x.txt\"\r\n"
                "Content-Type: application/octet-stream\r\n\r\nfiledata\r\n"
                "------formdata-undici-077905167132--\r\n",
                "key|-|-|up/${filename};file|x.txt|application/octet-stream|filedata;");
    /* empty content, empty file name */
    assert_form(TYPE, "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--XX--", "f||-|;");
    /* preamble, epilogue, white space behind a delimiter */
    assert_form(TYPE,
                "preamble\r\n--X\r\n--XX \t\r\ncontent-disposition: FORM-DATA; NAME=a\r\n\r\nv\r\n--XX--\r\nepilogue"
                "\r\n--XX\r\n",
                "a|-|-|v;");
    /* content that looks like a delimiter for a while */
    assert_form(TYPE,
                "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n\r\r\n-\r\n--\r\n--X\r\r\n--XY\r\n--X"
                "\r\n--XX--",
                "a|-|-|\r\n\r\r\n-\r\n--\r\n--X\r\r\n--XY\r\n--X;");
    /* no part at all */
    assert_form(TYPE, "--XX--\r\n", "");
    /* other headers are of no interest */
    assert_form(TYPE,
                "--XX\r\nX-Other: 1\r\nContent-Type:a/b\r\nContent-Disposition: form-data; name=\"a\"; x=y\r\n"
                "Content-Transfer-Encoding: binary\r\n\r\nv\r\n--XX--",
                "a|-|a/b|v;");
}

static void test_filenames(void **state)
{
    static const struct {
        const char *parameter, *filename;
    } rows[] = {
        {"filename=\"a b.txt\"", "a b.txt"},
        {"filename=plain.txt", "plain.txt"},
        {"filename = \"x\" ;", "x"},
        {"filename=\"%22%0D%0A%0d%0a%41%\"", "\"\r\n\r\n%41%"},
        {"filename=\"a\\\"b.txt\"", "a\"b.txt"},
        {"filename=\"C:\\dir\\f.txt\"", "C:\\dir\\f.txt"},
        {"filename=\"ends\\\"", "ends\\"},
        {"filename=\"a;b=c.txt\"", "a;b=c.txt"},
        {"filename=\"\xc3\xbc.txt\"", "\xc3\xbc.txt"},
        {"filename=\"x\"; filename*=UTF-8''y", "x"},
        {"filename=\"../../etc/passwd\"", "../../etc/passwd"}, /* the caller's to judge */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256], expected[256];

        snprintf(body, sizeof(body), "--XX\r\nContent-Disposition: form-data; name=\"f\"; %s\r\n\r\nv\r\n--XX--",
                 rows[i].parameter);
        snprintf(expected, sizeof(expected), "f|%s|-|v;", rows[i].filename);
        assert_form_cut(TYPE, bytes_from_str(body), 0, sizeof(body), expected);
        assert_form_cut(TYPE, bytes_from_str(body), 0, 1, expected);
    }
}

static void test_content_types(void **state)
{
    static const struct {
        const char *value;
        enum status status;
    } rows[] = {
        {"multipart/form-data; boundary=XX", STATUS_OK},
        {"Multipart/Form-Data;charset=utf-8;Boundary=\"XX\"", STATUS_OK},
        {"multipart/form-data; boundary=XX;", STATUS_OK},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
         STATUS_OK},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
         STATUS_INVALID},
        {"multipart/form-data; boundary=\"a b'()+_,-./:=?\"", STATUS_OK},
        {"multipart/form-data", STATUS_INVALID},
        {"multipart/form-data; boundary=", STATUS_INVALID},
        {"multipart/form-data; boundary=\"\"", STATUS_INVALID},
        {"multipart/form-data; boundary=\"x \"", STATUS_INVALID},
        {"multipart/form-data; boundary=\"x", STATUS_INVALID},
        {"multipart/form-data; boundary=a\"b", STATUS_INVALID},
        {"multipart/form-data; boundary=a; boundary=b", STATUS_INVALID},
        {"multipart/form-data boundary=XX", STATUS_INVALID},
        {"multipart/form-data; boundary", STATUS_INVALID},
        {"multipart/mixed; boundary=XX", STATUS_INVALID},
        {"application/x-www-form-urlencoded", STATUS_INVALID},
        {"", STATUS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct multipart_form form;

        assert_int_equal(multipart_form_init(&form, bytes_from_str(rows[i].value)), rows[i].status);
        if (!rows[i].status)
            multipart_form_release(&form);
    }
}

static void assert_refused(struct bytes body, enum status expected)
{
    for (size_t piece = 1; piece <= body.len; piece += body.len - 1) {
        struct buffer out;
        bool complete;

        buffer_init(&out, 1024 * 1024);
        assert_int_equal(transcribe(TYPE, body, 0, piece, &out, &complete), expected);
        assert_false(complete);
        buffer_release(&out);
    }
}

static void test_malformed(void **state)
{
    static const char *const bodies[] = {
        "--XXmore\r\n",
        "--XX-x",
        "--XX\rx",
        "--XX\n",
        "--XX\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Type: a\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"; filename=\"b\"\r\n\r\nv\r\n--XX--",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"b\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\nno colon\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n: empty\r\n\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"\nX: y\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_refused(bytes_from_str(bodies[i]), STATUS_INVALID);
    assert_refused(BYTES("--XX\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n"), STATUS_INVALID);
}

static void test_cut_off_is_not_complete(void **state)
{
    static const char body[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--XX--";

    (void)state;
    for (size_t len = 0; len < sizeof(body) - 1; len++) {
        struct buffer out;
        bool complete;

        buffer_init(&out, 1024);
        assert_int_equal(transcribe(TYPE, bytes_of(body, len), 0, 3, &out, &complete), STATUS_OK);
        assert_false(complete);
        buffer_release(&out);
    }
}

static void test_bounds(void **state)
{
    struct buffer body, out;
    bool complete;

    (void)state;
    for (unsigned parts = FORM_PARTS_MAX; parts <= FORM_PARTS_MAX + 1; parts++) {
        buffer_init(&body, 1024 * 1024);
        buffer_init(&out, 1024 * 1024);
        for (unsigned i = 0; i < parts; i++)
            (void)buffer_append_str(&body, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n");
        (void)buffer_append_str(&body, "--XX--");
        assert_int_equal(transcribe(TYPE, buffer_bytes(&body), 0, 1000, &out, &complete),
                         parts == FORM_PARTS_MAX ? STATUS_OK : STATUS_LIMIT);
        assert_int_equal(complete, parts == FORM_PARTS_MAX);
        buffer_release(&body);
        buffer_release(&out);
    }
    buffer_init(&body, 1024 * 1024);
    (void)buffer_append_str(&body, "--XX\r\nContent-Disposition: form-data; name=\"");
    for (unsigned i = 0; i < FORM_PART_HEADERS_MAX; i++)
        (void)buffer_append_char(&body, 'n');
    assert_refused(buffer_bytes(&body), STATUS_LIMIT);
    buffer_release(&body);
}

/* Large content comes through in spans of the input, without copies. */
static void test_content_is_not_copied(void **state)
{
    static const char head[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    static const char content[] = "0123456789 \r\n-- not the end \r\r\n";
    struct multipart_form form;
    struct form_event event;
    struct bytes input = BYTES(head);

    (void)state;
    assert_int_equal(multipart_form_init(&form, BYTES(TYPE)), STATUS_OK);
    assert_int_equal(multipart_form_next(&form, &input, &event), STATUS_OK);
    assert_int_equal(event.type, FORM_PART_BEGIN);
    input = BYTES(content);
    assert_int_equal(multipart_form_next(&form, &input, &event), STATUS_OK);
    assert_int_equal(event.type, FORM_DATA);
    assert_ptr_equal(event.data.data, content);
    assert_int_equal(event.data.len, sizeof(content) - 1 - 2); /* CR LF may begin the delimiter */
    assert_int_equal(multipart_form_next(&form, &input, &event), STATUS_OK);
    assert_int_equal(event.type, FORM_NEED_INPUT);
    multipart_form_release(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_filenames),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cut_off_is_not_complete),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_content_is_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
