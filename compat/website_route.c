/* Where a website sends a request; see website.h. A location is made of three kinds of text: the document's own, of
 * which only the bytes are encoded that no header or page may have, so that `#!/` and `resize?key=` keep their meaning;
 * the client's key, encoded as a whole; and hosts, which were checked. */
#include <string.h>

#include "compat/uri.h"
#include "compat/website.h"

static bool begins_with(struct bytes text, struct bytes prefix)
{
    return text.len >= prefix.len && (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

static int code_of(struct bytes text)
{
    uint64_t value;

    return bytes_parse_u64(text, 599, &value) == STATUS_OK ? (int)value : 0;
}

const struct website_rule *website_find_rule(const struct website *website, struct bytes key, int error)
{
    for (size_t i = 0; i < website->rule_count; i++) {
        const struct website_rule *rule = &website->rules[i];
        int wanted = rule->error_code.data ? code_of(rule->error_code) : 0;
        if (wanted == error && begins_with(key, rule->key_prefix))
            return rule;
    }
    return NULL;
}

int website_rule_status(const struct website_rule *rule)
{
    return rule->redirect.code.data ? code_of(rule->redirect.code) : 301;
}

static enum status append_raw(struct bytes text, struct buffer *out)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < text.len && !status; i++) {
        char c = text.data[i];
        bool kept = c > ' ' && c <= '~' && !strchr("\"<>\\^`{|}", c);
        status = kept ? buffer_append_char(out, c) : uri_encode(bytes_of(&text.data[i], 1), true, out);
    }
    return status;
}

static enum status append_origin(const struct website_redirect *redirect, const struct website_request *request,
                                 struct buffer *out)
{
    enum status status = buffer_append_bytes(
        out, redirect->protocol.data ? redirect->protocol : bytes_from_str(request->tls ? "https" : "http"));

    if (!status)
        status = buffer_append_bytes(out, BYTES("://"));
    if (!status)
        status = buffer_append_bytes(out, redirect->host.data ? redirect->host : request->host);
    return status ? status : buffer_append_char(out, '/');
}

enum status website_rule_location(const struct website_rule *rule, const struct website_request *request,
                                  struct buffer *out)
{
    const struct website_redirect *redirect = &rule->redirect;
    struct bytes rest = request->key;
    enum status status = append_origin(redirect, request, out);

    if (status)
        return status;
    if (redirect->replace_key.data)
        return append_raw(redirect->replace_key, out);
    if (!redirect->replace_prefix.data)
        return uri_encode(rest, true, out);
    rest = bytes_of(rest.data + rule->key_prefix.len, rest.len - rule->key_prefix.len);
    status = append_raw(redirect->replace_prefix, out);
    return status ? status : uri_encode(rest, true, out);
}

enum status website_all_location(const struct website *website, const struct website_request *request,
                                 struct buffer *out)
{
    enum status status = append_origin(&website->all, request, out);

    if (!status)
        status = uri_encode(request->key, true, out);
    if (!status && request->raw_query.len > 0)
        status = buffer_append_char(out, '?');
    return status ? status : append_raw(request->raw_query, out);
}

/* `//host/` would be another site: the slashes that the key begins with are encoded. */
enum status website_folder_location(struct bytes key, struct buffer *out)
{
    enum status status = buffer_append_char(out, '/');

    while (!status && key.len > 0 && key.data[0] == '/') {
        status = buffer_append_bytes(out, BYTES("%2F"));
        key = bytes_of(key.data + 1, key.len - 1);
    }
    if (!status)
        status = uri_encode(key, true, out);
    return status ? status : buffer_append_char(out, '/');
}

enum status website_check_redirect(struct bytes location, struct s3_error_details *error)
{
    bool fits = begins_with(location, BYTES("/")) || begins_with(location, BYTES("http://")) ||
                begins_with(location, BYTES("https://"));

    for (size_t i = 0; i < location.len; i++)
        if ((unsigned char)location.data[i] < ' ' || location.data[i] == 0x7f)
            fits = false;
    if (!fits)
        s3_error_setf(error, S3_INVALID_REDIRECT_LOCATION,
                      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.");
    else if (location.len > WEBSITE_REDIRECT_BYTES_MAX)
        s3_error_setf(error, S3_INVALID_REDIRECT_LOCATION,
                      "The length of website redirect location cannot exceed %d characters.",
                      WEBSITE_REDIRECT_BYTES_MAX);
    else
        return STATUS_OK;
    return STATUS_INVALID;
}
