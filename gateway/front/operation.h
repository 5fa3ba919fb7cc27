/* The one table of operations: what a request may ask for, who may ask, and who answers. */
#ifndef TERCET_GATEWAY_OPERATION_H
#define TERCET_GATEWAY_OPERATION_H

#include "compat/notification.h"
#include "gateway/front/admission.h"
#include "gateway/front/exchange.h"
#include "gateway/iam/subject.h"

/* A row. Those of S3 are in s3/operations.c; no two rows answer the same request, so their order means nothing. */
struct operation {
    const char *action; /* the name in log and metrics; S3: as in AWS's model */
    const char *method;
    const char *path;           /* of the documented API and system endpoints: exact, or a prefix that ends in '/' */
    enum s3_level level;        /* of S3, when path is NULL */
    const char *selector;       /* S3: the sub-resource, or NULL */
    const char *with, *without; /* S3: a parameter that tells rows of one selector apart, where it is or is not there */
    bool copies;                /* S3: with x-amz-copy-source, which says where the bytes come from */
    /* What authorize() is asked. */
    const char *right;         /* the action: IAM's for S3, tercet:... for the rest */
    const char *version_right; /* the same when a versionId is given; NULL: no other */
    enum resource_kind resource;
    bool names_bucket;     /* of a path that ends in '/': what follows is the bucket that it is about */
    bool unsigned_always;  /* whatever credentials it carries, they are not looked at */
    bool signed_is_enough; /* whose signature is right may, whatever policies say */
    bool form;             /* an upload form: who asks, and for which key, stands in its fields. See read_form() */
    bool bucket_may_be_absent;
    bool refused; /* S3: by the handler, as a whole */
    /* S3: the x-amz-* headers whose wish the handler fulfils, each list with a NULL at its end, or NULL for none; a
     * name that ends in '-' stands for all that begin so. A request with any other is refused before the handler runs,
     * see s3_refuse_unhonoured(). Headers that ask for nothing are in a common list there. Of an upload form: its
     * fields, while a header that asks for something is refused. */
    const char *const *headers;
    /* S3, PUT, POST and DELETE: the query parameters that the handler reads, beside the selector. Of the Query API: all
     * that it reads. */
    const char *const *parameters;
    enum notification_event event; /* what those who are told of changes of objects are told; NONE: nothing */
    enum iam_subject subject;      /* of the Query API, whose rows are in iam/operations.c: what it is done to */
    void (*handle)(struct exchange *exchange);
    /* Adds data: refused while the gateway's own disk is full. Settings of a bucket are not data: they are bounded, a
     * new one takes the place of the old, and some of them make room. */
    bool grows;
    enum operation_class class;
};

extern const struct operation s3_operations[];
extern const size_t s3_operation_count;
/* OPTIONS of S3: looked at for CORS, whatever else the request says. A browser asks it before a page of another site
 * may go on, and signs nothing. */
extern const struct operation s3_preflight_operation;
/* Of a host that is a website, by the method. */
const struct operation *s3_website_operation(struct bytes method);
/* What has no row: refused when the caller is one who may do everything. */
extern const struct operation s3_unknown_operation;
extern const struct operation path_operations[];
extern const size_t path_operation_count;

/* The operation of a documented or system path. *path_known says whether the path exists with another method.
 */
const struct operation *operation_by_path(const struct http_request *http, bool *path_known);
/* The S3 operation for the exchange's level, method, query and headers; s3_unknown_operation for one that does not
 * exist here. Then *words is what the query asks for; empty when nothing in the query is at fault. */
const struct operation *operation_by_s3(const struct exchange *exchange, struct operation_words *words);
/* What authorize() is to be asked, for the current version or for one that is named. */
const char *operation_right(const struct operation *operation, bool by_version);
/* Of the list that the row carries. */
bool operation_reads_parameter(const struct operation *operation, struct bytes name);
/* Whether a request with this method may change something: all but GET and HEAD. */
bool operation_changes(struct bytes method);

#endif
