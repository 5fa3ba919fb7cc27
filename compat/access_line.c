/* A line of the server access log; see the header. */
#include "compat/access_line.h"

#include <time.h>

#include "compat/uri.h"

/* Appends the text with all that could end its field as %XX, at most max bytes of it. */
static void escape(struct buffer *out, struct bytes text, size_t max, bool keep_space)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t end = out->len + max;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = c > ' ' && c < 0x7f && c != '"' && c != '\\';
        if (out->len + (plain ? 1 : 3) > end)
            return;
        if (plain || (keep_space && c == ' ')) {
            STATUS_IGNORE(buffer_append_char(out, (char)c), "there is room");
        } else {
            const char code[3] = {'%', digits[c >> 4], digits[c & 15]};
            STATUS_IGNORE(buffer_append(out, code, sizeof(code)), "there is room");
        }
    }
}

static void put_char(struct buffer *out, char c)
{
    STATUS_IGNORE(buffer_append_char(out, c), "there is room");
}

static void put_field(struct buffer *out, struct bytes text)
{
    if (text.len > 0)
        escape(out, text, ACCESS_LINE_FIELD_MAX, false);
    else
        put_char(out, '-');
    put_char(out, ' ');
}

static void put_number(struct buffer *out, int64_t number)
{
    if (number >= 0)
        STATUS_IGNORE(buffer_printf(out, "%lld ", (long long)number), "there is room");
    else
        STATUS_IGNORE(buffer_append_str(out, "- "), "there is room");
}

static void put_time(struct buffer *out, int64_t wall_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    STATUS_IGNORE(buffer_printf(out, "[%02d/%s/%04d:%02d:%02d:%02d +0000] ", tm.tm_mday, months[tm.tm_mon],
                                tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec),
                  "there is room");
}

static void put_key(struct buffer *out, struct bytes key)
{
    size_t before = out->len;

    if (key.len == 0) {
        STATUS_IGNORE(buffer_append_str(out, "- "), "there is room");
        return;
    }
    if (key.len > ACCESS_LINE_KEY_MAX / 3)
        key.len = ACCESS_LINE_KEY_MAX / 3;
    STATUS_IGNORE(uri_encode(key, true, out), "there is room");
    if (out->len == before + 1 && out->data[before] == '-') { /* which would be no key */
        out->len = before;
        STATUS_IGNORE(buffer_append_str(out, "%2D"), "there is room");
    }
    put_char(out, ' ');
}

/* Whoever has one of these may use a presigned URL, or a session, until it ends. */
static bool is_secret(struct bytes name)
{
    static const char *const secrets[] = {"X-Amz-Signature", "X-Amz-Security-Token", "Signature"};
    struct buffer decoded;
    bool secret = false;

    buffer_init(&decoded, 64);
    if (uri_decode(name, true, &decoded) == STATUS_OK)
        for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
            secret = secret || bytes_equal_nocase(buffer_bytes(&decoded), secrets[i]);
    buffer_release(&decoded);
    return secret;
}

static struct bytes cut_at(struct bytes *text, char mark)
{
    struct bytes piece = *text;

    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] == mark) {
            piece.len = i;
            *text = bytes_of(text->data + i + 1, text->len - i - 1);
            return piece;
        }
    *text = (struct bytes){0};
    return piece;
}

/* A URL, or what of one is asked for, without secrets in its query. */
static void put_url(struct buffer *out, struct bytes url, size_t max)
{
    size_t end = out->len + max;
    struct bytes query = url, path = cut_at(&query, '?');
    char before = '?';

    escape(out, path, max, false);
    if (path.len < url.len && query.len == 0 && out->len < end)
        put_char(out, '?');
    while (query.len > 0 && out->len < end) {
        struct bytes value = cut_at(&query, '&'), whole = value, name = cut_at(&value, '=');
        put_char(out, before);
        before = '&';
        if (name.len == whole.len || !is_secret(name)) {
            escape(out, whole, end - out->len, false);
            continue;
        }
        escape(out, name, end - out->len, false);
        STATUS_IGNORE(buffer_append_str(out, "=REDACTED"), "there is room");
    }
}

static void put_request(struct buffer *out, const struct access_line *line)
{
    if (line->target.len == 0) {
        STATUS_IGNORE(buffer_append_str(out, "- "), "there is room");
        return;
    }
    put_char(out, '"');
    escape(out, line->method, 32, false);
    put_char(out, ' ');
    put_url(out, line->target, ACCESS_LINE_TARGET_MAX);
    STATUS_IGNORE(buffer_append_str(out, " HTTP/1.1\" "), "there is room");
}

/* A page that was opened by a presigned URL sends that along with what it asks for. Browsers send no fragment; what
 * does may have a token there. AWS's own pattern for Athena takes the field for one word. */
static void put_referrer(struct buffer *out, struct bytes referrer)
{
    struct bytes url = cut_at(&referrer, '#');

    put_char(out, '"');
    if (url.len > 0)
        put_url(out, url, ACCESS_LINE_TEXT_MAX);
    else
        put_char(out, '-');
    STATUS_IGNORE(buffer_append_str(out, "\" "), "there is room");
}

static void put_user_agent(struct buffer *out, struct bytes text)
{
    put_char(out, '"');
    if (text.len > 0)
        escape(out, text, ACCESS_LINE_TEXT_MAX, true);
    else
        put_char(out, '-');
    STATUS_IGNORE(buffer_append_str(out, "\" "), "there is room");
}

enum status access_line_write(struct buffer *out, const struct access_line *line)
{
    if (out->max - out->len < ACCESS_LINE_MAX) /* so that nothing below fails */
        return STATUS_LIMIT;
    put_field(out, line->owner);
    put_field(out, line->bucket);
    put_time(out, line->received_ms);
    put_field(out, line->remote);
    put_field(out, line->requester);
    put_field(out, line->request_id);
    put_field(out, line->operation);
    put_key(out, line->key);
    put_request(out, line);
    put_number(out, line->status > 0 ? line->status : -1);
    put_field(out, line->error_code);
    put_number(out, line->bytes_sent > 0 ? line->bytes_sent : -1);
    put_number(out, line->object_size);
    put_number(out, line->total_ms);
    put_number(out, line->turn_around_ms);
    put_referrer(out, line->referrer);
    put_user_agent(out, line->user_agent);
    put_field(out, line->version_id);
    put_field(out, line->host_id);
    put_field(out, line->signature_version);
    put_field(out, line->cipher);
    put_field(out, line->auth_type);
    put_field(out, line->host);
    put_field(out, line->tls_version);
    put_field(out, (struct bytes){0}); /* there are no access points */
    put_field(out, line->acl_required ? BYTES("Yes") : (struct bytes){0});
    /* the source region: requests come from none of AWS's */
    return buffer_append_char(out, '-');
}
