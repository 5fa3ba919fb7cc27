/* The documented file API: upload, download, list, delete. One versioned bucket, which S3 sees too. */
#ifndef TERCET_GATEWAY_FILES_H
#define TERCET_GATEWAY_FILES_H

#include "gateway/front/exchange.h"

void files_upload(struct exchange *exchange);
void files_download(struct exchange *exchange);
void files_list(struct exchange *exchange);
void files_delete(struct exchange *exchange);

/* name.c: what the requests have in common. All answer errors themselves. */
/* The filename of `?filename=` or of the path behind /files/, decoded into exchange->key. */
enum status files_name(struct exchange *exchange);
/* `?version=`: an integer; absent or not positive means the latest (number 0). */
enum status files_version(struct exchange *exchange, struct meta_version *version);
/* Whether a name may be stored: a key of S3 without control characters. 400 otherwise. */
enum status files_check_name(struct exchange *exchange, struct bytes name);

#endif
