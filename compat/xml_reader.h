/* Reading a small XML document from a client, by libxml2's SAX interface: no tree is built, nothing is fetched, no
 * entity is declared (any DOCTYPE is refused), the encoding is UTF-8. Elements of foreign namespaces are skipped with
 * all they hold; an absent namespace and every S3 one are the same. */
#ifndef TERCET_COMPAT_XML_READER_H
#define TERCET_COMPAT_XML_READER_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/status.h"

/* The root has depth 0. A status other than OK ends the reading and is returned from xml_read. */
struct xml_handler {
    enum status (*open)(void *arg, unsigned depth, const char *name);
    /* text: the characters directly inside and behind the last child element, white space included; valid during
     * the call. */
    enum status (*close)(void *arg, unsigned depth, const char *name, struct bytes text);
};

/* STATUS_INVALID when it is not well-formed or its root is not `root`, STATUS_LIMIT when longer than size_max. */
enum status xml_read(struct bytes document, size_t size_max, const char *root, const struct xml_handler *handler,
                     void *arg);

/* Without XML white space at both ends: pretty printers break lines inside elements. */
struct bytes xml_text_trim(struct bytes text);

#endif
