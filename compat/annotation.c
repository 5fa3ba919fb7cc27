/* Names of annotations; see the header. */
#include "compat/annotation.h"

#include <string.h>

#include "compat/utf8.h"

static bool is_ascii_of_names(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
}

/* Beyond ASCII: what no script writes words with. */
static bool is_of_names(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } others[] = {
        {0x80, 0xa9},        /* C1 controls, no-break space, signs */
        {0x1680, 0x1680},    /* a space */
        {0x2000, 0x206f},    /* spaces, directions, punctuation */
        {0x2190, 0x2bff},    /* arrows, mathematics, boxes, dingbats */
        {0x3000, 0x3004},    /* ideographic space and punctuation */
        {0xd800, 0xf8ff},    /* surrogates, private use */
        {0xfeff, 0xfeff},    /* byte order mark */
        {0xfff0, 0xffff},    /* specials */
        {0xe0000, 0x10ffff}, /* tags, private use */
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (c >= others[i].first && c <= others[i].last)
            return false;
    return c >= 0x80;
}

static bool is_made_of_names(struct bytes text)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t c;
        len = utf8_decode(bytes_of(text.data + at, text.len - at), &c);
        if (len == 0 || (!is_ascii_of_names(c) && !is_of_names(c)))
            return false;
    }
    return true;
}

static bool begins_with(struct bytes name, const char *word)
{
    size_t len = strlen(word);

    return name.len >= len && bytes_equal_nocase(bytes_of(name.data, len), word);
}

enum status annotation_name_check(struct bytes name, struct s3_error_details *error)
{
    enum s3_error code = S3_ERROR_NONE;

    if (name.len > ANNOTATION_NAME_BYTES_MAX)
        code = S3_ANNOTATION_NAME_TOO_LONG;
    else if (name.len == 0 || !is_made_of_names(name) || begins_with(name, "aws") || begins_with(name, "s3"))
        code = S3_INVALID_ANNOTATION_NAME;
    if (code == S3_ERROR_NONE)
        return STATUS_OK;
    s3_error_set(error, code);
    return STATUS_INVALID;
}

enum status annotation_prefix_check(struct bytes prefix, struct s3_error_details *error)
{
    if (prefix.len <= ANNOTATION_NAME_BYTES_MAX && is_made_of_names(prefix))
        return STATUS_OK;
    s3_error_set(error, S3_INVALID_PREFIX);
    return STATUS_INVALID;
}
