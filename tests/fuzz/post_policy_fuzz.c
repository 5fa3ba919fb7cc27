/* Fuzzes post_policy: a document of any bytes against a form of some fields. What is allowed has a condition for the
 * bucket, and a field that the document does not name is never let through. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "compat/post_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status check(const char *encoded, size_t len, const char *extra, struct post_range *range)
{
    struct s3_error_details error = {0};
    struct post_fields fields;
    const struct post_upload upload = {&fields, BYTES("bucket"), 1000};
    struct buffer rendered;

    post_fields_init(&fields);
    CHECK(post_fields_begin(&fields, BYTES("key")) == STATUS_OK);
    CHECK(post_fields_append(&fields, BYTES("user/k")) == STATUS_OK);
    if (extra)
        CHECK(post_fields_begin(&fields, bytes_from_str(extra)) == STATUS_OK);
    enum status status = post_policy_check(bytes_of(encoded, len), &upload, range, &error);
    CHECK((status == STATUS_OK) == (error.code == S3_ERROR_NONE));
    buffer_init(&rendered, S3_ERROR_BYTES_MAX);
    if (status)
        CHECK(s3_error_render(&rendered, &error) == STATUS_OK);
    buffer_release(&rendered);
    post_fields_release(&fields);
    return status;
}

/* The word stands in the document, or may be written in escapes. */
static bool names(const uint8_t *data, size_t size, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < size; i++)
        if (data[i] == '\\' || (size - i >= len && strncasecmp((const char *)data + i, word, len) == 0))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *encoded = mem_alloc(4 * ((size + 2) / 3) + 1);
    size_t len = base64_encode(data, size, encoded);
    struct post_range range;

    if (check(encoded, len, NULL, &range) == STATUS_OK) {
        CHECK(names(data, size, "conditions") && names(data, size, "bucket"));
        CHECK(range.max <= INT64_MAX || range.max == UINT64_MAX);
    }
    if (!names(data, size, "secret"))
        CHECK(check(encoded, len, "secret", &range) != STATUS_OK);
    STATUS_IGNORE(check((const char *)data, size, NULL, &range), "whatever it is, as base64");
    free(encoded);
    return 0;
}
