/* Fuzzes what requests say of encryption: the input is a line for each header, `NUMBER VALUE`, of the names below. What
 * is accepted must be one of the combinations that AWS allows, and the same headers in another order must mean the
 * same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "compat/encryption_header.h"

#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {SSE_NAMES, SSE_CUSTOMER_NAMES, SSE_COPY_SOURCE_NAMES};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* One header of a name at most, as the server hands them on: what comes twice is refused before. */
static size_t read_headers(struct bytes text, struct http_header *headers)
{
    bool seen[NAMES] = {false};
    size_t count = 0;

    while (text.len > 1 && count < HEADERS_MAX) {
        size_t number = (uint8_t)text.data[0] % NAMES;
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        if (!seen[number] && len > 1)
            headers[count++] = (struct http_header){bytes_from_str(names[number]), bytes_of(text.data + 1, len - 1)};
        seen[number] = true;
        len += end != NULL;
        text = bytes_of(text.data + len, text.len - len);
    }
    return count;
}

static bool has(struct header_list list, const char *name)
{
    return bytes_trim(header_list_find(list, name)).len > 0;
}

static void check_request(struct header_list list, struct header_list turned)
{
    struct s3_error_details error = {0}, other = {0};
    struct sse_request request, again;
    enum status status = sse_request_parse(list, &request, &error);

    CHECK(sse_request_parse(turned, &again, &other) == status && error.code == other.code);
    if (status) {
        CHECK(error.code == S3_INVALID_ARGUMENT);
        return;
    }
    bool kms = request.method == SSE_KMS || request.method == SSE_DSSE;
    CHECK(kms || (!has(list, names[1]) && !has(list, names[2])));
    CHECK((request.method != SSE_NONE) == has(list, names[0]));
    CHECK(request.has_bucket_key == has(list, names[3]) && (request.has_bucket_key || !request.bucket_key));
    CHECK(again.method == request.method && again.bucket_key == request.bucket_key);
}

static void check_customer(struct header_list list, struct header_list turned, enum sse_customer_use use)
{
    const char *const *own = names + 4 + (use == SSE_READS_SOURCE ? 3 : 0);
    static const struct seal_key none;
    struct s3_error_details error = {0}, other = {0};
    struct sse_customer customer, again;
    bool any = has(list, own[0]) || has(list, own[1]) || has(list, own[2]);
    bool all = has(list, own[0]) && has(list, own[1]) && has(list, own[2]);
    enum status status = sse_customer_parse(list, use, &customer, &error);

    CHECK(sse_customer_parse(turned, use, &again, &other) == status && error.code == other.code);
    CHECK(status || customer.given == any);
    CHECK(status || !any || all);
    CHECK(status || !any || bytes_equal_str(bytes_trim(header_list_find(list, own[0])), "AES256"));
    CHECK(!status || memcmp(&customer.key, &none, sizeof(none)) == 0); /* nothing is left to be wiped */
    CHECK(memcmp(&customer.key, &again.key, sizeof(none)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[HEADERS_MAX], turned[HEADERS_MAX];
    size_t count = read_headers(bytes_of(data, size), headers);
    bool malformed;

    for (size_t i = 0; i < count; i++)
        turned[i] = headers[count - 1 - i];
    const struct header_list list = {headers, count}, other = {turned, count};
    check_request(list, other);
    check_customer(list, other, SSE_WRITES);
    check_customer(list, other, SSE_READS);
    check_customer(list, other, SSE_READS_SOURCE);
    struct bytes name = sse_key_name(header_list_find(list, names[1]), &malformed);
    CHECK(!malformed || !name.data);
    return 0;
}
