/* W3C Trace Context: taking part in the traces of those who call us. We start none of our own, and keep no spans. */
#ifndef TERCET_BASE_TRACE_H
#define TERCET_BASE_TRACE_H

#include <stdbool.h>

#include "base/bytes.h"

#define TRACE_PARENT_LEN 55 /* 00-TRACE-SPAN-FLAGS */
#define TRACE_ID_AT      3
#define TRACE_ID_LEN     32

/* Makes from a received traceparent the one to pass on: the same trace and flags, a span id of ours. False, and out
 * empty, when there is none or it is malformed (it is then ignored, as section 3.2.2 of the specification wants). */
bool trace_continue(struct bytes traceparent, char out[TRACE_PARENT_LEN + 1]);

#endif
