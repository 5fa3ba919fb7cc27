/* Sets of tags: what is read, which are AWS's errors, and that what was written is read again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/response_xml.h"
#include "compat/tags.h"

#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"
#define TAGGING(tags)   "<Tagging><TagSet>" tags "</TagSet></Tagging>"

static void test_read(void **state)
{
    static const char document[] =
        "<?xml version=\"1.0\"?><Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
        "<TagSet>\n" TAG("a", "1") "<Tag><Value></Value><Key> k&#x65;y </Key></Tag>"
                                   "</TagSet></Tagging>";
    struct tag_set set;

    (void)state;
    assert_int_equal(tagging_parse(bytes_from_str(document), &set), STATUS_OK);
    assert_int_equal(set.count, 2);
    assert_true(bytes_equal_str(set.tags[0].key, "a") && bytes_equal_str(set.tags[0].value, "1"));
    assert_true(bytes_equal_str(set.tags[1].key, " key ") && bytes_equal_str(set.tags[1].value, ""));
    tag_set_release(&set);
    assert_int_equal(tagging_parse(bytes_from_str(TAGGING("")), &set), STATUS_OK);
    assert_int_equal(set.count, 0);
    tag_set_release(&set);
}

static void test_malformed(void **state)
{
    static const char *const documents[] = {
        "",
        "<Tagging></Tagging>",
        "<TagSet></TagSet>",
        "<Tagging><TagSet></TagSet><TagSet></TagSet></Tagging>",
        "<Tagging>" TAG("a", "1") "</Tagging>",
        TAGGING("<Tag><Key>a</Key></Tag>"),
        TAGGING("<Tag><Value>a</Value></Tag>"),
        TAGGING("<Tag></Tag>"),
        TAGGING("<Tag><Key>a</Key><Key>b</Key><Value>1</Value></Tag>"),
        TAGGING("<Tag><Key>a</Key><Value>1</Value><More>1</More></Tag>"),
        TAGGING("<Other/>"),
        TAGGING("<Tag><Key>a<b/></Key><Value>1</Value></Tag>"),
    };
    struct tag_set set;

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (tagging_parse(bytes_from_str(documents[i]), &set) != STATUS_INVALID)
            fail_msg("%s", documents[i]);
}

/* A character of that many bytes, so often. */
static struct bytes repeated(const char *character, size_t count)
{
    size_t len = strlen(character);
    char *text = mem_alloc(len * count + 1);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, character, len);
    return bytes_of(text, len * count);
}

static void expect(struct tag *tags, size_t count, enum s3_error code, const char *message)
{
    const struct tag_set set = {.tags = tags, .count = count};
    struct s3_error_details error = {0};

    assert_int_equal(tag_set_check_bucket(&set, &error) == STATUS_OK, code == S3_ERROR_NONE);
    assert_int_equal(error.code, code);
    if (message)
        assert_string_equal(error.message, message);
}

static void test_rules(void **state)
{
    static const char key[] = "The TagKey you have provided is invalid";
    static const char value[] = "The TagValue you have provided is invalid";
    struct bytes wide[] = {repeated("\xe2\x82\xac", 128), repeated("\xe2\x82\xac", 129), repeated("v", 256),
                           repeated("v", 257)};
    struct {
        struct tag tag;
        const char *message;
    } rows[] = {
        {{BYTES("Project x"), BYTES("a+b-c=d.e_f:g/h@i 1")}, NULL},
        {{BYTES("k"), BYTES("")}, NULL},
        {{wide[0], wide[2]}, NULL},
        {{BYTES(""), BYTES("v")}, key},
        {{wide[1], BYTES("v")}, key},
        {{BYTES("a,b"), BYTES("v")}, key},
        {{BYTES("a\n"), BYTES("v")}, key},
        {{BYTES("k"), wide[3]}, value},
        {{BYTES("k"), BYTES("<v>")}, value},
        {{BYTES("aws:k"), BYTES("v")}, "System tags cannot be added/updated by requester"},
        {{BYTES("AWS:k"), BYTES("v")}, "System tags cannot be added/updated by requester"},
        {{BYTES("awsk"), BYTES("aws:v")}, NULL},
    };
    struct tag twice[] = {{BYTES("k"), BYTES("1")}, {BYTES("K"), BYTES("2")}, {BYTES("k"), BYTES("3")}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(&rows[i].tag, 1, rows[i].message ? S3_INVALID_TAG : S3_ERROR_NONE, rows[i].message);
    expect(twice, 2, S3_ERROR_NONE, NULL); /* case counts */
    expect(twice, 3, S3_INVALID_TAG, "Cannot provide multiple Tags with the same key");
    for (size_t i = 0; i < 4; i++)
        free((char *)wide[i].data);
}

/* As many and as long tags as a bucket can have are written within the bound, and read again. */
static void test_largest(void **state)
{
    static char names[TAGS_OF_BUCKET_MAX + 1][TAG_KEY_CHARS_MAX * 4];
    struct bytes value = repeated("\xf0\x9f\x9a\x80", TAG_VALUE_CHARS_MAX);
    struct tag tags[TAGS_OF_BUCKET_MAX + 1];
    struct tag_set again;
    struct buffer out;

    (void)state;
    for (size_t i = 0; i <= TAGS_OF_BUCKET_MAX; i++) {
        struct bytes key = repeated("\xf0\x9f\x9a\x80", TAG_KEY_CHARS_MAX - 2);
        int len = snprintf(names[i], sizeof(names[i]), "%02zu%.*s", i, (int)key.len, key.data);
        tags[i] = (struct tag){bytes_of(names[i], (size_t)len), value};
        free((char *)key.data);
    }
    expect(tags, TAGS_OF_BUCKET_MAX + 1, S3_BAD_REQUEST, "Bucket tag count cannot be greater than 50");
    expect(tags, TAGS_OF_BUCKET_MAX, S3_ERROR_NONE, NULL);
    buffer_init(&out, TAG_SET_XML_BYTES_MAX);
    assert_int_equal(response_tagging(&out, tags, TAGS_OF_BUCKET_MAX), STATUS_OK);
    assert_int_equal(tagging_parse(buffer_bytes(&out), &again), STATUS_OK);
    assert_int_equal(again.count, TAGS_OF_BUCKET_MAX);
    for (size_t i = 0; i < again.count; i++)
        assert_true(bytes_equal(again.tags[i].key, tags[i].key) && bytes_equal(again.tags[i].value, tags[i].value));
    tag_set_release(&again);
    buffer_release(&out);
    free((char *)value.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_malformed),
                                       cmocka_unit_test(test_rules), cmocka_unit_test(test_largest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
