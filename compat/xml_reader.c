/* The SAX driver. libxml2's default limits stay on (depth 256, names, text), a DOCTYPE ends the parse before
 * anything in it is read, and no callback of libxml2's own is kept, so that no tree, no entity and no message
 * comes to be. */
#include "compat/xml_reader.h"

#include <limits.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include "base/check.h"

struct xml_reading {
    xmlParserCtxtPtr parser;
    const struct xml_handler *handler;
    void *arg;
    const char *root;
    unsigned depth;        /* open elements that count */
    unsigned ignore_depth; /* open elements at and below a foreign one */
    struct buffer text;    /* of the innermost element, since its last child */
    enum status status;
};

static void xml_reading_fail(struct xml_reading *reading, enum status status)
{
    if (!reading->status)
        reading->status = status;
    xmlStopParser(reading->parser);
}

/* The scheme, the date and the final slash vary between clients. */
static bool xml_namespace_is_s3(const xmlChar *uri)
{
    struct bytes namespace = bytes_from_str((const char *)uri);

    return namespace.len == 0 || bytes_starts_with(namespace, BYTES("http://s3.amazonaws.com/doc/")) ||
           bytes_starts_with(namespace, BYTES("https://s3.amazonaws.com/doc/")) ||
           bytes_starts_with(namespace, BYTES("http://awss3control.amazonaws.com/doc/"));
}

static void xml_on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                         int namespace_count, const xmlChar **namespaces, int attribute_count, int default_count,
                         const xmlChar **attributes)
{
    struct xml_reading *reading = user;
    enum status status;

    (void)prefix, (void)namespace_count, (void)namespaces;
    (void)attribute_count, (void)default_count, (void)attributes;
    if (reading->status)
        return;
    if (reading->ignore_depth > 0 || (reading->depth > 0 && !xml_namespace_is_s3(uri))) {
        reading->ignore_depth++;
        return;
    }
    if (reading->depth == 0 && (strcmp((const char *)name, reading->root) != 0 || !xml_namespace_is_s3(uri))) {
        xml_reading_fail(reading, STATUS_INVALID);
        return;
    }
    buffer_clear(&reading->text);
    status = reading->handler->open(reading->arg, reading->depth++, (const char *)name);
    if (status)
        xml_reading_fail(reading, status);
}

static void xml_on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml_reading *reading = user;
    enum status status;

    (void)prefix, (void)uri;
    if (reading->status)
        return;
    if (reading->ignore_depth > 0) {
        reading->ignore_depth--;
        return;
    }
    CHECK(reading->depth > 0);
    status = reading->handler->close(reading->arg, --reading->depth, (const char *)name, buffer_bytes(&reading->text));
    buffer_clear(&reading->text);
    if (status)
        xml_reading_fail(reading, status);
}

static void xml_on_text(void *user, const xmlChar *text, int len)
{
    struct xml_reading *reading = user;

    if (reading->status || reading->ignore_depth > 0)
        return;
    if (buffer_append(&reading->text, text, (size_t)len))
        xml_reading_fail(reading, STATUS_LIMIT);
}

static void xml_on_doctype(void *user, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    xml_reading_fail(user, STATUS_INVALID);
}

static void xml_set_handler(xmlParserCtxtPtr parser, struct xml_reading *reading)
{
    xmlSAXHandler *sax = parser->sax;

    memset(sax, 0, sizeof(*sax));
    sax->initialized = XML_SAX2_MAGIC;
    sax->startElementNs = xml_on_start;
    sax->endElementNs = xml_on_end;
    sax->characters = xml_on_text;
    sax->ignorableWhitespace = xml_on_text;
    sax->cdataBlock = xml_on_text;
    sax->internalSubset = xml_on_doctype;
    parser->userData = reading;
}

enum status xml_read(struct bytes document, size_t size_max, const char *root, const struct xml_handler *handler,
                     void *arg)
{
    struct xml_reading reading = {.handler = handler, .arg = arg, .root = root};

    CHECK(size_max <= INT_MAX);
    if (document.len > size_max)
        return STATUS_LIMIT;
    if (document.len == 0)
        return STATUS_INVALID;
    reading.parser = xmlCreateMemoryParserCtxt(document.data, (int)document.len);
    if (!reading.parser)
        return STATUS_INTERNAL;
    buffer_init(&reading.text, document.len);
    xmlCtxtUseOptions(reading.parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC);
    xml_set_handler(reading.parser, &reading);
    if (xmlSwitchEncoding(reading.parser, XML_CHAR_ENCODING_UTF8) != 0 || xmlParseDocument(reading.parser) != 0 ||
        !reading.parser->wellFormed) {
        if (!reading.status)
            reading.status = STATUS_INVALID;
    }
    xmlFreeDoc(reading.parser->myDoc); /* libxml2 makes one for an entity's declaration, also after it was stopped */
    xmlFreeParserCtxt(reading.parser);
    buffer_release(&reading.text);
    return reading.status;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes xml_text_trim(struct bytes text)
{
    while (text.len > 0 && is_space(text.data[0]))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    return text;
}
