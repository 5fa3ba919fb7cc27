/* Reading and checking a bucket's CORS document; matching is cors_match.c. Decoded text is never longer than its
 * source, so all texts share one allocation of the document's size and never move. */
#include "compat/cors.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/utf8.h"
#include "compat/xml_reader.h"

static const char *const elements[] = {[CORS_ORIGIN] = "AllowedOrigin",
                                       [CORS_METHOD] = "AllowedMethod",
                                       [CORS_HEADER] = "AllowedHeader",
                                       [CORS_EXPOSED] = "ExposeHeader"};
#define LISTS (sizeof(elements) / sizeof(elements[0]))

void cors_release(struct cors_configuration *configuration)
{
    free(configuration->rules);
    free(configuration->items);
    free(configuration->storage);
    *configuration = (struct cors_configuration){0};
}

struct cors_parsing {
    struct cors_configuration *configuration;
    size_t storage_len;
    bool has[LISTS]; /* of the rule that is open */
};

static struct bytes keep(struct cors_parsing *parsing, struct bytes text)
{
    char *copy = parsing->configuration->storage + parsing->storage_len;

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    parsing->storage_len += text.len;
    return bytes_of(copy, text.len);
}

static bool is_power_of_two_or_zero(size_t count)
{
    return (count & (count - 1)) == 0;
}

static void add_rule(struct cors_parsing *parsing)
{
    struct cors_configuration *configuration = parsing->configuration;
    size_t count = configuration->count;

    if (is_power_of_two_or_zero(count))
        configuration->rules =
            mem_realloc(configuration->rules, (count ? count * 2 : 1) * sizeof(*configuration->rules));
    configuration->rules[configuration->count++] = (struct cors_rule){.first = configuration->item_count};
    memset(parsing->has, 0, sizeof(parsing->has));
}

static void add_item(struct cors_parsing *parsing, enum cors_list list, struct bytes text)
{
    struct cors_configuration *configuration = parsing->configuration;
    size_t count = configuration->item_count;

    if (is_power_of_two_or_zero(count))
        configuration->items =
            mem_realloc(configuration->items, (count ? count * 2 : 1) * sizeof(*configuration->items));
    configuration->items[configuration->item_count++] = (struct cors_item){list, keep(parsing, text)};
    configuration->rules[configuration->count - 1].count++;
    parsing->has[list] = true;
}

/* The root has depth 0, a rule 1. */
static enum status on_open(void *arg, unsigned depth, const char *name)
{
    if (depth == 0)
        return STATUS_OK;
    if (depth > 2 || (depth == 1 && strcmp(name, "CORSRule") != 0))
        return STATUS_INVALID;
    if (depth == 1)
        add_rule(arg);
    return STATUS_OK;
}

static enum status read_member(struct cors_parsing *parsing, const char *name, struct bytes text)
{
    struct cors_rule *rule = &parsing->configuration->rules[parsing->configuration->count - 1];
    uint64_t seconds;

    for (size_t i = 0; i < LISTS; i++) {
        if (strcmp(name, elements[i]) == 0) {
            add_item(parsing, (enum cors_list)i, xml_text_trim(text));
            return STATUS_OK;
        }
    }
    if (strcmp(name, "ID") == 0 && !rule->id.data) {
        rule->id = keep(parsing, text);
        return STATUS_OK;
    }
    if (strcmp(name, "MaxAgeSeconds") != 0 || rule->has_max_age ||
        bytes_parse_u64(xml_text_trim(text), INT32_MAX, &seconds))
        return STATUS_INVALID;
    rule->has_max_age = true;
    rule->max_age_seconds = (uint32_t)seconds;
    return STATUS_OK;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct cors_parsing *parsing = arg;

    if (depth == 2)
        return read_member(parsing, name, text);
    if (depth == 1)
        return parsing->has[CORS_ORIGIN] && parsing->has[CORS_METHOD] ? STATUS_OK : STATUS_INVALID;
    return parsing->configuration->count > 0 ? STATUS_OK : STATUS_INVALID;
}

enum status cors_parse(struct bytes document, struct cors_configuration *configuration)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct cors_parsing parsing = {.configuration = configuration};
    enum status status;

    *configuration = (struct cors_configuration){0};
    if (document.len > CORS_KEPT_BYTES_MAX)
        return STATUS_LIMIT;
    configuration->storage = mem_alloc(document.len + 1);
    status = xml_read(document, CORS_KEPT_BYTES_MAX, "CORSConfiguration", &handler, &parsing);
    if (status)
        cors_release(configuration);
    return status;
}

static bool is_method(struct bytes text)
{
    return bytes_equal_str(text, "GET") || bytes_equal_str(text, "PUT") || bytes_equal_str(text, "POST") ||
           bytes_equal_str(text, "DELETE") || bytes_equal_str(text, "HEAD");
}

static size_t count_wildcards(struct bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '*';
    return count;
}

/* Fit for a header, and not empty. */
static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len > 0;
}

static enum status check_item(const struct cors_item *item, struct s3_error_details *error)
{
    const char *name = elements[item->list];
    int len = (int)(item->text.len < S3_ERROR_MESSAGE_MAX ? item->text.len : S3_ERROR_MESSAGE_MAX);
    const char *text = item->text.data;

    if (item->list == CORS_METHOD && !is_method(item->text))
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "Found unsupported HTTP method in CORS config. Unsupported method is %.*s", len, text);
    else if (item->list == CORS_EXPOSED && count_wildcards(item->text) > 0)
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard for ExposeHeader.",
                      len, text);
    else if (count_wildcards(item->text) > 1)
        s3_error_setf(error, S3_INVALID_REQUEST, "%s \"%.*s\" can not have more than one wildcard.", name, len, text);
    else if (!is_word(item->text))
        s3_error_setf(error, S3_INVALID_REQUEST, "%s \"%.*s\" is not valid.", name, len, text);
    else
        return STATUS_OK;
    return STATUS_INVALID;
}

enum status cors_check(const struct cors_configuration *configuration, struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    if (configuration->count > CORS_RULES_MAX) {
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "The number of CORS rules should not exceed allowed limit of %d rules.", CORS_RULES_MAX);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < configuration->count; i++) {
        if (utf8_count(configuration->rules[i].id) > CORS_ID_CHARS_MAX) {
            s3_error_setf(error, S3_INVALID_REQUEST, "ID length should not exceed allowed limit of %d",
                          CORS_ID_CHARS_MAX);
            return STATUS_INVALID;
        }
    }
    for (size_t i = 0; i < configuration->item_count && !status; i++)
        status = check_item(&configuration->items[i], error);
    return status;
}
