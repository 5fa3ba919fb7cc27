/* The names of IAM; see the header. */
#include "compat/iam_names.h"

#include <string.h>

#include "compat/utf8.h"

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_+=,.@-", c));
}

static enum status refuse_value(const char *parameter, const char *constraint, struct iam_error *error)
{
    return iam_error_set(error, IAM_VALIDATION_ERROR,
                         "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must %s",
                         parameter, constraint);
}

static enum status refuse_length(const char *parameter, size_t max, struct iam_error *error)
{
    return iam_error_set(error, IAM_VALIDATION_ERROR,
                         "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have "
                         "length less than or equal to %zu",
                         parameter, max);
}

enum status iam_name_check(struct bytes name, const char *parameter, size_t chars_max, struct iam_error *error)
{
    if (!name.data)
        return refuse_value(parameter, "not be null", error);
    if (name.len == 0)
        return refuse_value(parameter, "have length greater than or equal to 1", error);
    if (name.len > chars_max)
        return refuse_length(parameter, chars_max, error);
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.data[i]))
            return iam_error_set(error, IAM_VALIDATION_ERROR,
                                 "The specified value for %s is invalid. It must contain only alphanumeric characters "
                                 "and/or the following: +=,.@_-",
                                 parameter);
    return STATUS_OK;
}

static bool are_path_chars(struct bytes path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] < '!' || path.data[i] > '~')
            return false;
    return true;
}

static bool are_policy_path_chars(struct bytes path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] != '/' && !is_name_char(path.data[i]))
            return false;
    return true;
}

enum status iam_path_check(struct bytes path, const char *parameter, bool of_policy, struct iam_error *error)
{
    if (path.len > IAM_PATH_MAX)
        return refuse_length(parameter, IAM_PATH_MAX, error);
    if (path.len == 0 || path.data[0] != '/' || path.data[path.len - 1] != '/' || !are_path_chars(path) ||
        (of_policy && !are_policy_path_chars(path)))
        return iam_error_set(error, IAM_VALIDATION_ERROR,
                             "The specified value for %s is invalid. It must begin and end with / and contain only "
                             "alphanumeric characters and/or / characters.",
                             parameter);
    return STATUS_OK;
}

enum status iam_prefix_check(struct bytes prefix, struct iam_error *error)
{
    if (prefix.len > IAM_PATH_MAX)
        return refuse_length("pathPrefix", IAM_PATH_MAX, error);
    if (prefix.len == 0 || prefix.data[0] != '/' || !are_path_chars(prefix))
        return iam_error_set(error, IAM_VALIDATION_ERROR,
                             "The specified value for pathPrefix is invalid. It must begin with / and contain only "
                             "alphanumeric characters and/or / characters.");
    return STATUS_OK;
}

/* Counts characters, all of which have to be of one of two ranges, or tab, LF, CR. */
static bool count_chars(struct bytes text, uint32_t first_end, uint32_t second, size_t *chars)
{
    *chars = 0;
    while (text.len > 0) {
        uint32_t c;
        size_t len = utf8_decode(text, &c);
        bool white = c == '\t' || c == '\n' || c == '\r';
        if (len == 0 || (!white && !(c >= 0x20 && c <= first_end) && !(c >= second && c <= 0xff)))
            return false;
        ++*chars;
        text = bytes_of(text.data + len, text.len - len);
    }
    return true;
}

enum status iam_document_check(struct bytes document, const char *parameter, struct iam_error *error)
{
    size_t chars;

    if (!document.data)
        return refuse_value(parameter, "not be null", error);
    if (document.len == 0)
        return refuse_value(parameter, "have length greater than or equal to 1", error);
    if (!count_chars(document, 0xff, 0x20, &chars))
        return refuse_value(parameter, "satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
                            error);
    return chars <= IAM_DOCUMENT_CHARS_MAX ? STATUS_OK : refuse_length(parameter, IAM_DOCUMENT_CHARS_MAX, error);
}

enum status iam_description_check(struct bytes description, struct iam_error *error)
{
    size_t chars;

    if (!count_chars(description, 0x7e, 0xa1, &chars))
        return refuse_value("description",
                            "satisfy regular expression pattern: "
                            "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
                            error);
    return chars <= IAM_DESCRIPTION_MAX ? STATUS_OK : refuse_length("description", IAM_DESCRIPTION_MAX, error);
}
