/* Request framing: http_head_parse on the input, then http_chunked_decode on what follows the head, in one piece and
 * byte by byte. Beyond memory errors it looks for answers that depend on how the bytes arrive, for spans outside of
 * the head, and for accepted heads that leave their framing open. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/http_framing.h"

#define HEAD_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_span(struct bytes span, const uint8_t *data, size_t len)
{
    const char *start = (const char *)data;

    if (span.len == 1 && span.data[0] == '/') /* may be one that the sender left out */
        return;
    CHECK(span.data >= start);
    CHECK(span.data + span.len <= start + len);
}

static void check_head(const struct http_head *head, const uint8_t *data)
{
    unsigned hosts = 0, lengths = 0, codings = 0;

    check_span(head->method, data, head->len);
    check_span(head->target, data, head->len);
    check_span(head->path, data, head->len);
    CHECK(head->target.len > 0);
    CHECK(head->path.len + (head->query.data != NULL) + head->query.len == head->target.len);
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];

        check_span(header->name, data, head->len);
        check_span(header->value, data, head->len);
        CHECK(header->name.len > 0);
        CHECK(header->value.len == 0 || memchr(header->value.data, '\n', header->value.len) == NULL);
        CHECK(header->value.len == 0 || memchr(header->value.data, '\0', header->value.len) == NULL);
        hosts += bytes_equal_nocase(header->name, "host");
        lengths += bytes_equal_nocase(header->name, "content-length");
        codings += bytes_equal_nocase(header->name, "transfer-encoding");
    }
    CHECK(hosts == 1 || (hosts == 0 && head->version_1_0));
    CHECK(lengths == 0 || codings == 0);
    CHECK(head->chunked == (codings == 1));
    CHECK(codings <= 1);
    CHECK(head->chunked == (head->content_length == HTTP_LENGTH_UNKNOWN));
    CHECK(lengths > 0 || head->chunked || head->content_length == 0);
}

/* Decodes in pieces of `step` bytes. Returns how many bytes of data were used; the body goes to out. */
static size_t decode(const uint8_t *data, size_t size, size_t step, char *out, size_t *out_len, enum status *status)
{
    struct http_chunked chunked = {0};
    size_t at = 0;

    *out_len = 0;
    *status = STATUS_OK;
    while (at < size && !chunked.ended) {
        size_t len = size - at < step ? size - at : step, decoded, consumed;

        memcpy(out + *out_len, data + at, len);
        *status = http_chunked_decode(&chunked, out + *out_len, len, &decoded, &consumed);
        if (*status)
            break;
        CHECK(decoded <= consumed);
        CHECK(consumed <= len);
        CHECK(chunked.ended || consumed == len);
        *out_len += decoded;
        at += consumed;
    }
    return at;
}

static void check_chunked(const uint8_t *data, size_t size)
{
    char *whole = malloc(size + 1), *bytewise = malloc(size + 1);
    enum status whole_status, bytewise_status;
    size_t whole_len, bytewise_len, whole_used, bytewise_used;

    whole_used = decode(data, size, size + 1, whole, &whole_len, &whole_status);
    bytewise_used = decode(data, size, 1, bytewise, &bytewise_len, &bytewise_status);
    CHECK(whole_status == bytewise_status);
    if (whole_status == STATUS_OK) {
        CHECK(whole_used == bytewise_used);
        CHECK(whole_len == bytewise_len);
        CHECK(memcmp(whole, bytewise, whole_len) == 0);
    }
    free(whole);
    free(bytewise);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_refusal *refusal = NULL;
    struct http_head head;
    struct bytes bytes = bytes_of(data, size);
    size_t body = 0;

    switch (http_head_parse(bytes, 0, HEAD_BYTES_MAX, &head, &refusal)) {
    case HTTP_HEAD_COMPLETE:
        CHECK(head.len <= size);
        CHECK(head.len <= HEAD_BYTES_MAX);
        check_head(&head, data);
        body = head.len;
        bytes.len = head.len - 1; /* nothing short of it is a head */
        CHECK(http_head_parse(bytes, 0, HEAD_BYTES_MAX, &head, &refusal) == HTTP_HEAD_INCOMPLETE);
        break;
    case HTTP_HEAD_INCOMPLETE:
        CHECK(size < HEAD_BYTES_MAX);
        break;
    case HTTP_HEAD_REFUSED:
        CHECK(refusal->status >= 400);
        break;
    }
    check_chunked(data + body, size - body);
    return 0;
}
