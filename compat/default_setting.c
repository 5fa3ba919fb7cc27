/* See the header. */
#include "compat/default_setting.h"

#include <string.h>

#include "compat/request_xml.h"
#include "compat/xml_reader.h"

struct default_parse {
    const struct default_setting *setting;
    unsigned children;
    bool is_default, is_more;
};

static enum status default_open(void *arg, unsigned depth, const char *name)
{
    struct default_parse *parse = arg;

    parse->children += depth == 1;
    if (depth == 1 && parse->setting->element && strcmp(name, parse->setting->element) != 0)
        return STATUS_INVALID;
    return STATUS_OK;
}

static enum status default_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct default_parse *parse = arg;
    struct bytes value = xml_text_trim(text);

    (void)name;
    if (depth == 1 && parse->setting->element) {
        parse->is_default = bytes_equal_str(value, parse->setting->value);
        parse->is_more = bytes_equal_str(value, parse->setting->more);
    }
    return STATUS_OK;
}

enum status default_setting_read(const struct default_setting *setting, struct bytes document, bool *is_default)
{
    static const struct xml_handler handler = {default_open, default_close};
    struct default_parse parse = {.setting = setting};
    enum status status = xml_read(document, REQUEST_XML_BYTES_MAX, setting->root, &handler, &parse);

    if (status)
        return status;
    if (setting->element && (parse.children != 1 || parse.is_default == parse.is_more))
        return STATUS_INVALID;
    *is_default = setting->element ? parse.is_default : parse.children == 0;
    return STATUS_OK;
}
