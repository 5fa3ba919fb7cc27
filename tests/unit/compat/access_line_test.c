/* Lines of access logs: AWS's fields in AWS's order, and that no bytes of a client move a field or make a line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "compat/access_line.h"

static struct access_line line_of(void)
{
    return (struct access_line){
        .owner = BYTES("79a59df9"),
        .bucket = BYTES("photos"),
        .received_ms = INT64_C(1549411238123), /* 2019-02-06 00:00:38 UTC */
        .remote = BYTES("192.0.2.3"),
        .requester = BYTES("arn:aws:iam::123456789012:user/jane"),
        .request_id = BYTES("3E57427F33A59F07"),
        .operation = BYTES("REST.PUT.OBJECT"),
        .key = BYTES("2019/08/puppy.jpg"),
        .method = BYTES("PUT"),
        .target = BYTES("/photos/2019/08/puppy.jpg?x-foo=bar"),
        .status = 200,
        .bytes_sent = 2662992,
        .object_size = 3462992,
        .total_ms = 70,
        .turn_around_ms = 10,
        .referrer = BYTES("http://www.example.com/webservices"),
        .user_agent = BYTES("curl/7.15.1"),
        .version_id = BYTES("3HL4kqtJvjVBH40N"),
        .host_id = BYTES("3E57427F33A59F07"),
        .signature_version = BYTES("SigV4"),
        .cipher = BYTES("ECDHE-RSA-AES128-GCM-SHA256"),
        .auth_type = BYTES("AuthHeader"),
        .host = BYTES("photos.s3.example.com"),
        .tls_version = BYTES("TLSv1.2"),
        .acl_required = true,
    };
}

static char *written(const struct access_line *line)
{
    static char text[ACCESS_LINE_MAX + 1];
    struct buffer out;

    buffer_init(&out, ACCESS_LINE_MAX);
    assert_int_equal(access_line_write(&out, line), STATUS_OK);
    for (size_t i = 0; i < out.len; i++)
        assert_in_range(out.data[i], ' ', '~');
    memcpy(text, out.data, out.len + 1);
    buffer_release(&out);
    return text;
}

static void all_fields(void **state)
{
    struct access_line line = line_of();

    (void)state;
    assert_string_equal(written(&line),
                        "79a59df9 photos [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::123456789012:user/jane "
                        "3E57427F33A59F07 REST.PUT.OBJECT 2019/08/puppy.jpg \"PUT /photos/2019/08/puppy.jpg?x-foo=bar "
                        "HTTP/1.1\" 200 - 2662992 3462992 70 10 \"http://www.example.com/webservices\" \"curl/7.15.1\" "
                        "3HL4kqtJvjVBH40N 3E57427F33A59F07 SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader "
                        "photos.s3.example.com TLSv1.2 - Yes -");
}

static void no_fields(void **state)
{
    const struct access_line line = {.bytes_sent = 0, .object_size = -1, .total_ms = -1, .turn_around_ms = -1};

    (void)state;
    assert_string_equal(written(&line),
                        "- - [01/Jan/1970:00:00:00 +0000] - - - - - - - - - - - - \"-\" \"-\" - - - - - "
                        "- - - - -");
}

/* How many fields a line has as a reader takes it apart who knows quotes and brackets. */
static unsigned fields(const char *text)
{
    unsigned count = 0;

    while (*text != '\0') {
        char end = *text == '"' ? '"' : *text == '[' ? ']' : ' ';
        const char *close = strchr(text + 1, end);
        count++;
        if (!close)
            break;
        text = close + (end == ' ' ? 1 : 2);
    }
    return count;
}

static void hostile_bytes(void **state)
{
    static const struct bytes texts[] = {
        {"\" 200 - - - - - \"x\"", 18}, {"\n79a59df9 photos [06/Feb", 24}, {"a\r\nb\0c", 6},
        {"\xff\xfe\xc3\xa4 \x7f", 6},   {"back\\slash \\\"", 13},          {"] [ \"", 5},
    };
    struct access_line line = line_of();

    (void)state;
    assert_int_equal(fields(written(&line)), 27);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        line = line_of();
        line.key = line.target = line.referrer = line.user_agent = line.host = line.method = texts[i];
        line.version_id = line.requester = line.bucket = line.error_code = texts[i];
        const char *text = written(&line);
        assert_int_equal(fields(text), 27);
        assert_null(strchr(text, '\\'));
    }
    line = line_of();
    line.key = BYTES("-");
    assert_non_null(strstr(written(&line), " %2D "));
    line.key = BYTES("a b/\xc3\xa4\"\n");
    assert_non_null(strstr(written(&line), " a%20b/%C3%A4%22%0A "));
    line.user_agent = BYTES("a \"b\"\tc");
    assert_non_null(strstr(written(&line), "\"a %22b%22%09c\""));
}

static void long_fields_are_cut(void **state)
{
    char *text = malloc(100000);
    struct access_line line = line_of();

    (void)state;
    memset(text, '"', 100000);
    line.key = line.target = line.referrer = line.user_agent = line.host = line.method = bytes_of(text, 100000);
    line.owner = line.bucket = line.remote = line.requester = line.request_id = line.operation = line.key;
    line.error_code = line.version_id = line.host_id = line.signature_version = line.cipher = line.key;
    line.auth_type = line.tls_version = line.key;
    assert_int_equal(fields(written(&line)), 27);
    memset(text, '&', 100000);
    text[1] = '?';
    line.target = line.referrer = bytes_of(text, 100000);
    assert_int_equal(fields(written(&line)), 27);
    free(text);
}

static void signatures_are_left_out(void **state)
{
    struct access_line line = line_of();
    const char *text;

    (void)state;
    line.target = BYTES("/b/k?X-Amz-Algorithm=AWS4&X-Amz-Signature=5ec4e7&versionId=v&x-amz-security-token=5ec4e7");
    text = written(&line);
    assert_null(strstr(text, "5ec4e7"));
    assert_non_null(strstr(text, "/b/k?X-Amz-Algorithm=AWS4&X-Amz-Signature=REDACTED&versionId=v&"
                                 "x-amz-security-token=REDACTED HTTP/1.1"));
    line.target = BYTES("/b/k?X%2DAmz-Signatur%65=5ec4e7&Signature=5ec4e7");
    assert_null(strstr(written(&line), "5ec4e7"));
    line.target = BYTES("/b/k?");
    assert_non_null(strstr(written(&line), "\"PUT /b/k? HTTP/1.1\""));
    line.target = BYTES("/b/k?acl&&Signature");
    assert_non_null(strstr(written(&line), "\"PUT /b/k?acl&&Signature HTTP/1.1\""));
}

static void referrers_are_told_without_secrets(void **state)
{
    struct access_line line = line_of();
    const char *text;

    (void)state;
    line.referrer = BYTES("https://s3/b/page.html?X-Amz-Signature=5ec4e7&a=1&X-Amz-Security%2DToken=5ec4e7#key=5ec4e7");
    text = written(&line);
    assert_null(strstr(text, "5ec4e7"));
    assert_non_null(strstr(text, " \"https://s3/b/page.html?X-Amz-Signature=REDACTED&a=1&"
                                 "X-Amz-Security%2DToken=REDACTED\" "));
    line.referrer = BYTES("https://s3/#?X-Amz-Signature=5ec4e7");
    assert_non_null(strstr(written(&line), " \"https://s3/\" "));
    line.referrer = BYTES("#5ec4e7");
    assert_non_null(strstr(written(&line), " 10 \"-\" "));
}

static void a_small_buffer_is_refused(void **state)
{
    struct access_line line = line_of();
    struct buffer out;

    (void)state;
    buffer_init(&out, ACCESS_LINE_MAX - 1);
    assert_int_equal(access_line_write(&out, &line), STATUS_LIMIT);
    assert_int_equal(out.len, 0);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields),
        cmocka_unit_test(no_fields),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(long_fields_are_cut),
        cmocka_unit_test(signatures_are_left_out),
        cmocka_unit_test(referrers_are_told_without_secrets),
        cmocka_unit_test(a_small_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
