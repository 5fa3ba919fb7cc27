/* The one table of operations: what a request may ask for, who may ask, and who answers. */
#ifndef TERCET_GATEWAY_OPERATION_H
#define TERCET_GATEWAY_OPERATION_H

#include "gateway/admission.h"
#include "gateway/gateway.h"

/* What a peer must show before the handler runs; gate.c is the only place that decides. */
enum permission {
    PERMIT_OPEN,  /* nothing: health checks */
    PERMIT_FILES, /* a loopback peer or the Bearer token: documented API, system state, metrics */
    PERMIT_S3,    /* a valid signature of the root credentials */
};

struct operation {
    const char *action; /* the name in log and metrics */
    const char *method;
    const char *path;     /* of the documented API and system endpoints: exact, or a prefix that ends in '/' */
    enum s3_level level;  /* of S3, when path is NULL */
    const char *selector; /* S3: the sub-resource, or NULL */
    const char *header;   /* S3: only with this header (or parameter, see s3_header), or NULL */
    enum permission permission;
    void (*handle)(struct exchange *exchange);
    bool grows; /* adds data: refused while the gateway's own disk is full */
    enum operation_class class;
};

/* The operation of a documented or system path. *path_known says whether the path exists with another method.
 */
const struct operation *operation_by_path(const struct http_request *http, bool *path_known);
/* The S3 operation for the exchange's level, method, query and headers; NULL for one that does not exist
 * here. */
const struct operation *operation_by_s3(const struct exchange *exchange);

#endif
