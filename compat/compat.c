/* Process-wide preparation of this folder's libraries. */
#include "compat/compat.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>

static void ignore_libxml2_message(void *context, const char *message, ...)
{
    (void)context;
    (void)message;
}

void compat_init(void)
{
    xmlInitParser();
    xmlSetGenericErrorFunc(NULL, ignore_libxml2_message);
}
