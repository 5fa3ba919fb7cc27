/* Fuzzes the website document: what was accepted is within its bounds and comes back from what it is written as, and
 * every location that it makes, of whatever key, can be sent in a header. */
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "compat/compat.h"
#include "compat/website.h"

#define LOCATION_BYTES_MAX (4u << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    compat_init();
    return 0;
}

static void check_location(enum status written, struct buffer *location)
{
    CHECK(written == STATUS_OK);
    for (size_t i = 0; i < location->len; i++)
        CHECK(location->data[i] > ' ' && location->data[i] <= '~');
    buffer_clear(location);
}

/* The document's own bytes are the key, too. */
static void check_locations(const struct website *website, struct bytes key)
{
    const struct website_request request = {BYTES("bucket.example"), false, key, key};
    struct buffer location;

    buffer_init(&location, LOCATION_BYTES_MAX);
    if (website->has_all)
        check_location(website_all_location(website, &request, &location), &location);
    for (int error = 0; error <= 404; error += 404) {
        const struct website_rule *rule = website_find_rule(website, key, error);
        if (!rule)
            continue;
        CHECK(website_rule_status(rule) >= 301 && website_rule_status(rule) <= 399);
        check_location(website_rule_location(rule, &request, &location), &location);
    }
    check_location(website_folder_location(key, &location), &location);
    buffer_release(&location);
}

static void check_written(const struct website *website)
{
    struct s3_error_details error = {0};
    struct buffer first, second;
    struct website again;

    buffer_init(&first, WEBSITE_KEPT_BYTES_MAX);
    buffer_init(&second, WEBSITE_KEPT_BYTES_MAX);
    if (website_write(&first, website) == STATUS_OK) {
        CHECK(website_parse(buffer_bytes(&first), &again) == STATUS_OK);
        CHECK(website_check(&again, &error) == STATUS_OK);
        CHECK(website_write(&second, &again) == STATUS_OK);
        CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
        website_release(&again);
    }
    buffer_release(&first);
    buffer_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes document = bytes_of(data, size);
    struct s3_error_details error = {0};
    struct website website;

    if (website_check_redirect(document, &error) == STATUS_OK)
        CHECK(document.len <= WEBSITE_REDIRECT_BYTES_MAX);
    if (website_parse(document, &website))
        return 0;
    if (website_check(&website, &error) == STATUS_OK) {
        CHECK(website.rule_count <= WEBSITE_RULES_MAX);
        check_written(&website);
        check_locations(&website, document);
    } else {
        CHECK(error.code != S3_ERROR_NONE);
    }
    website_release(&website);
    return 0;
}
