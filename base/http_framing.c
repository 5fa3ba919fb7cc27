/* Request heads: phr_parse_request splits them, the rest here makes them strict. It is lenient where this
 * code must not be: it takes bare LF as a line's end, folded headers and any octets as a target. */
#include "base/http_framing.h"

#include <string.h>

#include "base/phr.h"

#define METHOD_LEN_MAX 32

static const struct http_refusal refusals[] = {
    {400, "BadRequest", "The request line or a header is malformed."},
    {400, "BadRequest", "A line of the request head does not end with CRLF."},
    {400, "BadRequest", "A header is folded over several lines."},
    {400, "BadRequest", "The request target is not a path."},
    {400, "BadRequest", "The authority of the request target is not the one in Host."},
    {400, "BadRequest", "The request needs exactly one valid Host header."},
    {400, "BadRequest", "Content-Length is not a number or is given twice with different values."},
    {400, "BadRequest", "Transfer-Encoding cannot be combined with Content-Length, HTTP/1.0 or itself."},
    {417, "ExpectationFailed", "The only expectation understood is 100-continue."},
    {431, "RequestHeaderSectionTooLarge", "The request head has too many bytes or too many headers."},
    {501, "NotImplemented", "The only transfer coding understood is chunked."},
    {505, "HTTPVersionNotSupported", "The HTTP version is not supported; use HTTP/1.1."},
};

enum refusal {
    REFUSE_MALFORMED,
    REFUSE_LINE_END,
    REFUSE_FOLDED,
    REFUSE_TARGET,
    REFUSE_AUTHORITY,
    REFUSE_HOST,
    REFUSE_CONTENT_LENGTH,
    REFUSE_TRANSFER_ENCODING,
    REFUSE_EXPECTATION,
    REFUSE_TOO_LARGE,
    REFUSE_CODING,
    REFUSE_VERSION,
    REFUSE_COUNT,
    ACCEPT = -1,
};
_Static_assert(sizeof(refusals) / sizeof(refusals[0]) == REFUSE_COUNT, "one text each");

const struct http_refusal http_refusal_busy = {503, "SlowDown", "The server has too many connections; retry later."};
const struct http_refusal http_refusal_heads = {503, "SlowDown",
                                                "The server has too many large request heads; retry later."};

const struct http_refusal *http_refusal_at(size_t index)
{
    if (index < REFUSE_COUNT)
        return &refusals[index];
    return index == REFUSE_COUNT ? &http_refusal_busy : NULL; /* that of heads has the same code */
}

/* What the framing headers said, until all of them are read. */
struct framing {
    struct bytes host;
    unsigned host_count;
    bool has_length, close, keep_alive;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 3986 section 3.2.2, with the port. */
static bool is_host_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-._~%!$&'()*+,;=:[]", c) != NULL);
}

static bool all_chars(struct bytes text, bool (*is_valid)(char c))
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_valid(text.data[i]))
            return false;
    }
    return true;
}

static bool lines_end_with_crlf(const char *data, size_t len)
{
    const char *end = data + len, *lf = data;

    while ((lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL) {
        if (lf == data || lf[-1] != '\r')
            return false;
        lf++;
    }
    return true;
}

/* Tells a request of another version, which the parser calls malformed like any other, by the end of its
 * first line. */
static bool is_other_version(struct bytes data)
{
    const char *lf = memchr(data.data, '\n', data.len);
    size_t len = lf != NULL ? (size_t)(lf - data.data) : 0;
    const char *version;

    if (len > 0 && data.data[len - 1] == '\r')
        len--;
    if (len < sizeof(" HTTP/1.1"))
        return false;
    version = data.data + len - strlen(" HTTP/1.1");
    return memcmp(version, " HTTP/", 6) == 0 && is_digit(version[6]) && version[7] == '.' && is_digit(version[8]) &&
           version[6] != '1';
}

static bool list_has_token(struct bytes list, const char *token)
{
    while (list.len > 0) {
        const char *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;

        if (bytes_equal_nocase(bytes_trim(bytes_of(list.data, len)), token))
            return true;
        len += comma != NULL;
        list = bytes_of(list.data + len, list.len - len);
    }
    return false;
}

static enum refusal read_content_length(struct bytes value, struct http_head *head, struct framing *framing)
{
    uint64_t length;

    if (bytes_parse_u64(value, INT64_MAX, &length) || (framing->has_length && length != head->content_length))
        return REFUSE_CONTENT_LENGTH;
    framing->has_length = true;
    head->content_length = length;
    return ACCEPT;
}

static enum refusal read_header(const struct http_header *header, struct http_head *head, struct framing *framing)
{
    struct bytes name = header->name, value = header->value;

    if (bytes_equal_nocase(name, "host")) {
        framing->host = value;
        framing->host_count++;
        return ACCEPT;
    }
    if (bytes_equal_nocase(name, "content-length"))
        return read_content_length(value, head, framing);
    if (bytes_equal_nocase(name, "transfer-encoding")) {
        if (head->chunked)
            return REFUSE_TRANSFER_ENCODING;
        head->chunked = true;
        return bytes_equal_nocase(value, "chunked") ? ACCEPT : REFUSE_CODING;
    }
    if (bytes_equal_nocase(name, "expect")) {
        if (value.len == 0)
            return ACCEPT; /* expects nothing */
        head->expect_continue = true;
        return bytes_equal_nocase(value, "100-continue") ? ACCEPT : REFUSE_EXPECTATION;
    }
    if (bytes_equal_nocase(name, "connection")) {
        framing->close |= list_has_token(value, "close");
        framing->keep_alive |= list_has_token(value, "keep-alive");
    }
    return ACCEPT;
}

static enum refusal read_headers(const struct phr_header *parsed, struct http_head *head, struct framing *framing)
{
    for (size_t i = 0; i < head->header_count; i++) {
        struct http_header *header = &head->headers[i];
        enum refusal refusal;

        if (parsed[i].name == NULL)
            return REFUSE_FOLDED;
        header->name = bytes_of(parsed[i].name, parsed[i].name_len);
        header->value = bytes_trim(bytes_of(parsed[i].value, parsed[i].value_len));
        if (header->name.len == 0 || !all_chars(header->name, is_token_char))
            return REFUSE_MALFORMED;
        refusal = read_header(header, head, framing);
        if (refusal != ACCEPT)
            return refusal;
    }
    return ACCEPT;
}

static enum refusal check_framing(struct http_head *head, const struct framing *framing)
{
    if (framing->host_count > 1 || (framing->host_count == 0 && !head->version_1_0) ||
        !all_chars(framing->host, is_host_char))
        return REFUSE_HOST;
    if (head->chunked) {
        if (framing->has_length || head->version_1_0)
            return REFUSE_TRANSFER_ENCODING;
        head->content_length = HTTP_LENGTH_UNKNOWN;
    }
    if (head->version_1_0)
        head->expect_continue = false; /* RFC 9110 section 10.1.1 */
    head->keep_alive = !framing->close && (!head->version_1_0 || framing->keep_alive);
    return ACCEPT;
}

/* Reduces the absolute form to the path, if it names the same authority as Host (RFC 9112 section 3.2.2). */
static enum refusal reduce_absolute(struct http_head *head, struct bytes host)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        struct bytes rest, authority;
        const char *slash;

        if (head->target.len <= len || !bytes_equal_nocase(bytes_of(head->target.data, len), schemes[i]))
            continue;
        rest = bytes_of(head->target.data + len, head->target.len - len);
        slash = memchr(rest.data, '/', rest.len);
        authority = bytes_of(rest.data, slash != NULL ? (size_t)(slash - rest.data) : rest.len);
        if (authority.len == 0 || authority.len != host.len || strncasecmp(authority.data, host.data, host.len) != 0)
            return REFUSE_AUTHORITY;
        head->target = bytes_of(rest.data + authority.len, rest.len - authority.len);
        if (head->target.len == 0)
            head->target = BYTES("/");
        return ACCEPT;
    }
    return REFUSE_TARGET;
}

static enum refusal read_target(struct http_head *head, struct bytes host)
{
    const char *question;

    if (head->target.len == 0)
        return REFUSE_MALFORMED;
    if (head->target.data[0] != '/' &&
        !(bytes_equal_str(head->target, "*") && bytes_equal_str(head->method, "OPTIONS"))) {
        enum refusal refusal = reduce_absolute(head, host);

        if (refusal != ACCEPT)
            return refusal;
    }
    head->path = head->target;
    question = memchr(head->target.data, '?', head->target.len);
    if (question != NULL) {
        head->path.len = (size_t)(question - head->target.data);
        head->query = bytes_of(question + 1, head->target.len - head->path.len - 1);
    }
    return ACCEPT;
}

/* Makes the split head strict. */
static enum refusal read_head(const char *data, const struct phr_header *parsed, int minor, struct http_head *head)
{
    struct framing framing = {0};
    enum refusal refusal;

    if (!lines_end_with_crlf(data, head->len))
        return REFUSE_LINE_END;
    if (minor > 1)
        return REFUSE_VERSION;
    if (head->method.len == 0 || head->method.len > METHOD_LEN_MAX || !all_chars(head->method, is_token_char))
        return REFUSE_MALFORMED;
    head->version_1_0 = minor == 0;
    refusal = read_headers(parsed, head, &framing);
    if (refusal == ACCEPT)
        refusal = check_framing(head, &framing);
    if (refusal == ACCEPT)
        refusal = read_target(head, framing.host);
    return refusal;
}

enum http_head_result http_head_parse(struct bytes data, size_t seen, size_t bytes_max, struct http_head *head,
                                      const struct http_refusal **refusal)
{
    struct phr_header parsed[HTTP_HEADERS_MAX];
    size_t len = data.len < bytes_max ? data.len : bytes_max;
    enum refusal reason;
    int minor, result;

    memset(head, 0, offsetof(struct http_head, headers));
    head->header_count = HTTP_HEADERS_MAX;
    head->content_length = 0;
    head->chunked = head->expect_continue = head->keep_alive = head->version_1_0 = false;
    result = phr_parse_request(data.data, len, &head->method.data, &head->method.len, &head->target.data,
                               &head->target.len, &minor, parsed, &head->header_count, seen < len ? seen : 0);
    if (result == -2 && len < bytes_max)
        return HTTP_HEAD_INCOMPLETE;
    if (result > 0) {
        head->len = (size_t)result;
        reason = read_head(data.data, parsed, minor, head);
    } else if (result == -2 || head->header_count == HTTP_HEADERS_MAX) {
        reason = REFUSE_TOO_LARGE;
    } else {
        reason = is_other_version(data) ? REFUSE_VERSION : REFUSE_MALFORMED;
    }
    if (reason == ACCEPT)
        return HTTP_HEAD_COMPLETE;
    *refusal = &refusals[reason];
    return HTTP_HEAD_REFUSED;
}
