/* URLs of targets. The setting is seen in lists of processes and in files, so a password may stand in a file of its
 * own; texts of errors name parts of the URL and repeat none. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/secret_file.h"
#include "compat/uri.h"
#include "gateway/notify/target.h"

#define URL_BYTES_MAX 4096

static const char *const tls_schemes[] = {"https", "amqps", "kafkas", "rediss", "mqtts"};

static enum status refuse(struct buffer *error, const char *why)
{
    STATUS_IGNORE(buffer_append_str(error, why), "a longer text is left out");
    return STATUS_INVALID;
}

/* The text before the first byte of `marks`, which is taken off; the rest begins with that byte. */
static struct bytes take_until(struct bytes *text, const char *marks)
{
    size_t len = 0;

    while (len < text->len && !strchr(marks, text->data[len]))
        len++;
    const struct bytes head = bytes_of(text->data, len);
    *text = bytes_of(text->data + len, text->len - len);
    return head;
}

static char *copy(struct bytes text)
{
    return mem_strndup(text.len > 0 ? text.data : "", text.len);
}

/* NULL: a bad escape, or a NUL. */
static char *decode(struct bytes text)
{
    struct buffer out;
    char *decoded = NULL;

    buffer_init(&out, URL_BYTES_MAX + 1);
    if (text.len == 0)
        decoded = mem_strdup("");
    else if (uri_decode(text, false, &out) == STATUS_OK && !memchr(out.data, '\0', out.len))
        decoded = mem_strndup(out.data, out.len);
    buffer_release(&out);
    return decoded;
}

static enum status read_scheme(struct bytes *text, struct notify_url *url, struct buffer *error)
{
    struct bytes scheme = take_until(text, ":/?#");

    if (scheme.len == 0 || !bytes_starts_with(*text, BYTES("://")))
        return refuse(error, "a URL begins with SCHEME://");
    *text = bytes_of(text->data + 3, text->len - 3);
    url->scheme = copy(scheme);
    for (char *c = url->scheme; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789+.-", *c))
            return refuse(error, "the URL's scheme has a character that none has");
    }
    for (size_t i = 0; i < sizeof(tls_schemes) / sizeof(tls_schemes[0]); i++)
        url->tls |= strcmp(url->scheme, tls_schemes[i]) == 0;
    return STATUS_OK;
}

static enum status read_user(struct bytes user, struct notify_url *url, struct buffer *error)
{
    struct bytes name = take_until(&user, ":");

    free(url->user);
    free(url->password);
    url->user = decode(name);
    url->password = decode(user.len > 0 ? bytes_of(user.data + 1, user.len - 1) : user);
    return url->user && url->password ? STATUS_OK : refuse(error, "the URL's user is not well percent-encoded");
}

static enum status read_host(struct bytes text, struct notify_url *url, struct buffer *error)
{
    bool bracketed = bytes_starts_with(text, BYTES("["));
    uint64_t port = 0;

    if (bracketed)
        text = bytes_of(text.data + 1, text.len - 1);
    struct bytes host = take_until(&text, bracketed ? "]" : ":");
    if (bracketed) {
        if (text.len == 0)
            return refuse(error, "the URL's address has no ]");
        text = bytes_of(text.data + 1, text.len - 1);
    }
    free(url->host);
    url->host = copy(host);
    if (host.len == 0 || strspn(url->host, bracketed ? "0123456789abcdefABCDEF:."
                                                     : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                       ".-_") != host.len)
        return refuse(error, "the URL has no host, or one with a character that none has");
    if (text.len == 0)
        return STATUS_OK;
    if (text.data[0] != ':' || bytes_parse_u64(bytes_of(text.data + 1, text.len - 1), UINT16_MAX, &port) || port == 0)
        return refuse(error, "the URL's port is a number from 1 to 65535");
    url->port = (uint16_t)port;
    return STATUS_OK;
}

static enum status read_authority(struct bytes text, struct notify_url *url, struct buffer *error)
{
    size_t at = text.len;

    while (at > 0 && text.data[at - 1] != '@')
        at--;
    if (at > 0 && read_user(bytes_of(text.data, at - 1), url, error))
        return STATUS_INVALID;
    return read_host(bytes_of(text.data + at, text.len - at), url, error);
}

static enum status read_password(const char *path, struct notify_url *url, struct buffer *error)
{
    const char *why = "";

    free(url->password);
    url->password = mem_zalloc(NOTIFY_SECRET_MAX);
    if (secret_file_read(path, url->password, NOTIFY_SECRET_MAX, &why)) {
        STATUS_IGNORE(buffer_printf(error, "password-file %s: %s", path, why), "a longer text is left out");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* Takes what is read here out of the query; the rest is the kind's. */
static enum status read_query(struct bytes text, struct notify_url *url, struct buffer *error)
{
    struct buffer rest;
    enum status status = STATUS_OK;

    buffer_init(&rest, URL_BYTES_MAX + 1);
    while (!status && text.len > 0) {
        text = bytes_of(text.data + 1, text.len - 1);
        struct bytes piece = take_until(&text, "&"), value = piece, name = take_until(&value, "=");
        char *said = value.len > 0 ? decode(bytes_of(value.data + 1, value.len - 1)) : mem_strdup("");
        if (!said) {
            status = refuse(error, "the URL's query is not well percent-encoded");
        } else if (bytes_equal_str(name, "ca-file")) {
            free((char *)url->ca_file);
            url->ca_file = mem_strdup(said);
        } else if (bytes_equal_str(name, "password-file")) {
            status = read_password(said, url, error);
        } else if (piece.len > 0) {
            CHECK((rest.len == 0 || buffer_append_char(&rest, '&') == STATUS_OK) &&
                  buffer_append_bytes(&rest, piece) == STATUS_OK);
        }
        free(said);
    }
    free(url->query);
    url->query = copy(buffer_bytes(&rest));
    buffer_release(&rest);
    return status;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    return true;
}

enum status notify_url_parse(struct bytes text, struct notify_url *url, struct buffer *error)
{
    *url = (struct notify_url){.user = mem_strdup(""),
                               .password = mem_strdup(""),
                               .host = mem_strdup(""),
                               .path = mem_strdup(""),
                               .query = mem_strdup(""),
                               .ca_file = mem_strdup("")};
    enum status status = STATUS_OK;
    if (text.len > URL_BYTES_MAX || !is_printable(text))
        status = refuse(error, "a URL has at most 4096 printable ASCII characters and no space");
    if (!status)
        status = read_scheme(&text, url, error);
    if (!status)
        status = read_authority(take_until(&text, "/?#"), url, error);
    if (!status) {
        free(url->path);
        url->path = copy(take_until(&text, "?#"));
        if (memchr(text.len > 0 ? text.data : "", '#', text.len))
            status = refuse(error, "a URL of a target has no fragment");
    }
    if (!status)
        status = read_query(text, url, error);
    if (status)
        notify_url_release(url);
    return status;
}

void notify_url_release(struct notify_url *url)
{
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->scheme);
    free(url->user);
    free(url->password);
    free(url->host);
    free(url->path);
    free(url->query);
    free((char *)url->ca_file);
    *url = (struct notify_url){0};
}

char *notify_url_parameter(const struct notify_url *url, const char *name)
{
    struct bytes text = bytes_from_str(url->query);

    while (text.len > 0) {
        struct bytes value = take_until(&text, "&"), said = take_until(&value, "=");
        if (text.len > 0)
            text = bytes_of(text.data + 1, text.len - 1);
        if (bytes_equal_str(said, name))
            return value.len > 0 ? decode(bytes_of(value.data + 1, value.len - 1)) : mem_strdup("");
    }
    return NULL;
}
