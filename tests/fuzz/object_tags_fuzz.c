/* Fuzzes object_tags: the input is x-amz-tagging, and what of it passes the rules must be kept and come back as it was,
 * however it is written; and it is the kept form, of which what is taken must be written the same. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "compat/object_tags.h"
#include "compat/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header_again(const struct tag_set *set)
{
    struct s3_error_details error = {0};
    struct tag_set again;
    struct buffer header;

    buffer_init(&header, 65536);
    for (size_t i = 0; i < set->count; i++) {
        CHECK(i == 0 || buffer_append_char(&header, '&') == STATUS_OK);
        CHECK(uri_encode(set->tags[i].key, false, &header) == STATUS_OK);
        CHECK(buffer_append_char(&header, '=') == STATUS_OK);
        CHECK(uri_encode(set->tags[i].value, false, &header) == STATUS_OK);
    }
    CHECK(tagging_header_parse(buffer_bytes(&header), &again, &error) == STATUS_OK);
    CHECK(tag_set_equal(set, &again));
    tag_set_release(&again);
    buffer_release(&header);
}

static void check_kept(const struct tag_set *set)
{
    struct tag_set again;
    struct buffer kept;

    buffer_init(&kept, OBJECT_TAGS_KEPT_BYTES_MAX);
    CHECK(object_tags_write(&kept, set) == STATUS_OK);
    CHECK(object_tags_count(buffer_bytes(&kept)) == set->count);
    CHECK(object_tags_read(buffer_bytes(&kept), &again) == STATUS_OK);
    CHECK(tag_set_equal(set, &again));
    tag_set_release(&again);
    buffer_release(&kept);
}

static void fuzz_header(struct bytes header)
{
    struct s3_error_details error = {0};
    struct tag_set set;

    if (tagging_header_parse(header, &set, &error)) {
        CHECK(error.code == S3_INVALID_ARGUMENT);
        return;
    }
    if (tag_set_check_object(&set, &error) == STATUS_OK) {
        check_header_again(&set);
        check_kept(&set);
    } else {
        CHECK(error.code == S3_INVALID_TAG || error.code == S3_BAD_REQUEST);
    }
    tag_set_release(&set);
}

static void fuzz_kept(struct bytes kept)
{
    struct buffer written;
    struct tag_set set;

    if (object_tags_read(kept, &set))
        return;
    buffer_init(&written, kept.len + 1);
    CHECK(object_tags_write(&written, &set) == STATUS_OK);
    CHECK(bytes_equal(buffer_bytes(&written), kept));
    buffer_release(&written);
    tag_set_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(bytes_of(data, size));
    fuzz_kept(bytes_of(data, size));
    return 0;
}
