/* Reading, checking and writing a website document; see the header. Decoded text is never longer than its source, so
 * all texts share one allocation of the document's size and never move. */
#include "compat/website.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

void website_release(struct website *website)
{
    free(website->rules);
    free(website->storage);
    *website = (struct website){0};
}

/* The element directly below the root that is open. */
enum website_part { PART_INDEX, PART_ERROR, PART_ALL, PART_RULES, PART_COUNT };
static const char *const part_names[PART_COUNT] = {"IndexDocument", "ErrorDocument", "RedirectAllRequestsTo",
                                                   "RoutingRules"};

struct website_parsing {
    struct website *website;
    size_t storage_len;
    enum website_part part;
    bool in_condition, has_redirect; /* of the rule that is open */
};

/* An element that comes twice is malformed. */
static enum status keep(struct website_parsing *parsing, struct bytes text, struct bytes *out)
{
    char *copy = parsing->website->storage + parsing->storage_len;

    if (out->data)
        return STATUS_INVALID;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    parsing->storage_len += text.len;
    *out = bytes_of(copy, text.len);
    return STATUS_OK;
}

static enum status open_part(struct website_parsing *parsing, const char *name)
{
    struct website *website = parsing->website;
    bool *const has[PART_COUNT] = {&website->has_index, &website->has_error, &website->has_all, &website->has_rules};

    for (size_t i = 0; i < PART_COUNT; i++) {
        if (strcmp(name, part_names[i]) != 0)
            continue;
        if (*has[i])
            return STATUS_INVALID;
        *has[i] = true;
        parsing->part = (enum website_part)i;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

/* The bound of rules is above AWS's, which is an error of its own. */
static enum status open_rule(struct website_parsing *parsing, const char *name)
{
    struct website *website = parsing->website;
    size_t count = website->rule_count;

    if (strcmp(name, "RoutingRule") != 0)
        return STATUS_INVALID;
    if ((count & (count - 1)) == 0)
        website->rules = mem_realloc(website->rules, (count ? count * 2 : 1) * sizeof(*website->rules));
    website->rules[website->rule_count++] = (struct website_rule){0};
    parsing->has_redirect = false;
    return STATUS_OK;
}

static enum status open_of_rule(struct website_parsing *parsing, const char *name)
{
    struct website_rule *rule = &parsing->website->rules[parsing->website->rule_count - 1];

    parsing->in_condition = strcmp(name, "Condition") == 0;
    bool *has = parsing->in_condition ? &rule->has_condition : &parsing->has_redirect;
    if (*has || (!parsing->in_condition && strcmp(name, "Redirect") != 0))
        return STATUS_INVALID;
    *has = true;
    return STATUS_OK;
}

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    struct website_parsing *parsing = arg;

    switch (depth) {
    case 0:
        return STATUS_OK;
    case 1:
        return open_part(parsing, name);
    case 2:
        return parsing->part == PART_RULES ? open_rule(parsing, name) : STATUS_OK;
    case 3:
        return parsing->part == PART_RULES ? open_of_rule(parsing, name) : STATUS_INVALID;
    case 4:
        return STATUS_OK;
    default:
        return STATUS_INVALID;
    }
}

static enum status read_redirect(struct website_parsing *parsing, struct website_redirect *redirect, const char *name,
                                 struct bytes text)
{
    if (strcmp(name, "HostName") == 0)
        return keep(parsing, xml_text_trim(text), &redirect->host);
    if (strcmp(name, "Protocol") == 0)
        return keep(parsing, xml_text_trim(text), &redirect->protocol);
    if (parsing->part == PART_ALL)
        return STATUS_INVALID;
    if (strcmp(name, "HttpRedirectCode") == 0)
        return keep(parsing, xml_text_trim(text), &redirect->code);
    if (strcmp(name, "ReplaceKeyPrefixWith") == 0)
        return keep(parsing, text, &redirect->replace_prefix);
    if (strcmp(name, "ReplaceKeyWith") == 0)
        return keep(parsing, text, &redirect->replace_key);
    return STATUS_INVALID;
}

static enum status read_member(struct website_parsing *parsing, const char *name, struct bytes text)
{
    struct website *website = parsing->website;

    switch (parsing->part) {
    case PART_INDEX:
        return strcmp(name, "Suffix") == 0 ? keep(parsing, xml_text_trim(text), &website->index_suffix)
                                           : STATUS_INVALID;
    case PART_ERROR:
        return strcmp(name, "Key") == 0 ? keep(parsing, xml_text_trim(text), &website->error_key) : STATUS_INVALID;
    case PART_ALL:
        return read_redirect(parsing, &website->all, name, text);
    case PART_RULES:
    case PART_COUNT:
        break;
    }
    return parsing->has_redirect ? STATUS_OK : STATUS_INVALID; /* the end of a rule */
}

static enum status read_of_rule(struct website_parsing *parsing, const char *name, struct bytes text)
{
    struct website_rule *rule = &parsing->website->rules[parsing->website->rule_count - 1];

    if (!parsing->in_condition)
        return read_redirect(parsing, &rule->redirect, name, text);
    if (strcmp(name, "KeyPrefixEquals") == 0)
        return keep(parsing, text, &rule->key_prefix);
    if (strcmp(name, "HttpErrorCodeReturnedEquals") == 0)
        return keep(parsing, xml_text_trim(text), &rule->error_code);
    return STATUS_INVALID;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    if (depth == 2)
        return read_member(arg, name, text);
    return depth == 4 ? read_of_rule(arg, name, text) : STATUS_OK;
}

enum status website_parse(struct bytes document, struct website *website)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct website_parsing parsing = {.website = website};
    enum status status;

    *website = (struct website){0};
    if (document.len > WEBSITE_KEPT_BYTES_MAX)
        return STATUS_LIMIT;
    website->storage = mem_alloc(document.len + 1);
    status = xml_read(document, WEBSITE_KEPT_BYTES_MAX, "WebsiteConfiguration", &handler, &parsing);
    if (status)
        website_release(website);
    return status;
}

static enum status malformed(struct s3_error_details *error)
{
    s3_error_set(error, S3_MALFORMED_XML);
    return STATUS_INVALID;
}

static enum status invalid_request(struct s3_error_details *error, const char *message)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "%s", message);
    return STATUS_INVALID;
}

/* A host, with a port or the beginning of a path behind it: printable, and nothing that ends a URL in a page. */
static bool is_host(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr("\"<>\\^`{|}@", text.data[i]))
            return false;
    return text.len > 0;
}

static bool is_code(struct bytes text, char first_min, char first_max)
{
    return text.len == 3 && text.data[0] >= first_min && text.data[0] <= first_max && text.data[1] >= '0' &&
           text.data[1] <= '9' && text.data[2] >= '0' && text.data[2] <= '9';
}

static enum status check_redirect(const struct website_redirect *redirect, struct s3_error_details *error)
{
    struct bytes code = redirect->code;
    int shown = (int)(code.len < 16 ? code.len : 16);

    if (redirect->protocol.data && !bytes_equal_str(redirect->protocol, "http") &&
        !bytes_equal_str(redirect->protocol, "https"))
        return invalid_request(error, "Invalid protocol, protocol can be http or https. If not defined the protocol "
                                      "will be selected automatically.");
    if (redirect->host.data && !is_host(redirect->host))
        return invalid_request(error, "The HostName of a redirect must be a host name.");
    if (redirect->replace_key.data && redirect->replace_prefix.data)
        return invalid_request(error, "You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
    if (!code.data || (is_code(code, '3', '3') && !bytes_equal_str(code, "300")))
        return STATUS_OK;
    s3_error_setf(error, S3_INVALID_REQUEST,
                  "The provided HTTP redirect code (%.*s) is not valid. Valid codes are 3XX except 300.", shown,
                  code.data);
    return STATUS_INVALID;
}

static enum status check_rule(const struct website_rule *rule, struct s3_error_details *error)
{
    struct bytes code = rule->error_code;
    int shown = (int)(code.len < 16 ? code.len : 16);

    if (rule->has_condition && !rule->key_prefix.data && !code.data)
        return invalid_request(error, "Condition cannot be empty. To redirect all requests without a condition, the "
                                      "condition element shouldn't be present.");
    if (!code.data || is_code(code, '4', '5'))
        return check_redirect(&rule->redirect, error);
    s3_error_setf(error, S3_INVALID_REQUEST,
                  "The provided HTTP error code (%.*s) is not valid. Valid codes are 4XX or 5XX.", shown, code.data);
    return STATUS_INVALID;
}

static enum status check_all(const struct website *website, struct s3_error_details *error)
{
    if (website->has_index || website->has_error || website->has_rules) {
        s3_error_argument(error, BYTES("RedirectAllRequestsTo"), BYTES("not null"),
                          "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.");
        return STATUS_INVALID;
    }
    return website->all.host.data ? check_redirect(&website->all, error) : malformed(error);
}

enum status website_check(const struct website *website, struct s3_error_details *error)
{
    struct bytes suffix = website->index_suffix;
    enum status status = STATUS_OK;

    if (website->has_all)
        return check_all(website, error);
    if (!website->has_index) {
        s3_error_argument(error, BYTES("IndexDocument"), BYTES("null"),
                          "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty");
        return STATUS_INVALID;
    }
    if (suffix.len == 0 || memchr(suffix.data, '/', suffix.len)) {
        s3_error_argument(error, BYTES("IndexDocument"), suffix, "The IndexDocument Suffix is not well formed");
        return STATUS_INVALID;
    }
    if ((website->has_error && website->error_key.len == 0) || (website->has_rules && website->rule_count == 0))
        return malformed(error);
    if (website->rule_count > WEBSITE_RULES_MAX) {
        s3_error_setf(error, S3_INVALID_REQUEST,
                      "%zu routing rules provided, the number of routing rules in a website configuration is limited "
                      "to %d.",
                      website->rule_count, WEBSITE_RULES_MAX);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < website->rule_count && !status; i++)
        status = check_rule(&website->rules[i], error);
    return status;
}

static void write_text(struct xml_writer *writer, const char *name, struct bytes text)
{
    if (text.data)
        xml_writer_element(writer, name, text);
}

static void write_redirect(struct xml_writer *writer, const char *name, const struct website_redirect *redirect)
{
    xml_writer_open(writer, name);
    write_text(writer, "HostName", redirect->host);
    write_text(writer, "HttpRedirectCode", redirect->code);
    write_text(writer, "Protocol", redirect->protocol);
    write_text(writer, "ReplaceKeyPrefixWith", redirect->replace_prefix);
    write_text(writer, "ReplaceKeyWith", redirect->replace_key);
    xml_writer_close(writer);
}

static void write_rule(struct xml_writer *writer, const struct website_rule *rule)
{
    xml_writer_open(writer, "RoutingRule");
    if (rule->has_condition) {
        xml_writer_open(writer, "Condition");
        write_text(writer, "HttpErrorCodeReturnedEquals", rule->error_code);
        write_text(writer, "KeyPrefixEquals", rule->key_prefix);
        xml_writer_close(writer);
    }
    write_redirect(writer, "Redirect", &rule->redirect);
    xml_writer_close(writer);
}

static void write_document(struct xml_writer *writer, const char *name, const char *member, struct bytes text)
{
    xml_writer_open(writer, name);
    xml_writer_element(writer, member, text);
    xml_writer_close(writer);
}

enum status website_write(struct buffer *out, const struct website *website)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "WebsiteConfiguration");
    if (website->has_all)
        write_redirect(&writer, "RedirectAllRequestsTo", &website->all);
    if (website->has_index)
        write_document(&writer, "IndexDocument", "Suffix", website->index_suffix);
    if (website->has_error)
        write_document(&writer, "ErrorDocument", "Key", website->error_key);
    if (website->rule_count > 0) {
        xml_writer_open(&writer, "RoutingRules");
        for (size_t i = 0; i < website->rule_count; i++)
            write_rule(&writer, &website->rules[i]);
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
