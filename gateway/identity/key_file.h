/* The file with the key that the secrets of access keys are sealed with. It is beside the database and not in it, so
 * that whoever gets hold of a copy of the metadata, a node's for example, has no secret. Whoever restores a gateway
 * needs both. */
#ifndef TERCET_GATEWAY_IDENTITY_KEY_FILE_H
#define TERCET_GATEWAY_IDENTITY_KEY_FILE_H

#include "base/seal.h"
#include "meta/identity.h"

/* Reads the key. When there is no file and no access key that needs it, makes one, durably, readable by its owner only.
 * NOT_FOUND: access keys need the file, and it is not there; DENIED: they were sealed by another key, or the file is
 * open to others; INVALID: it holds no key; IO. *error is a static text that explains. Blocks. */
enum status identity_key_file_open(const char *path, struct meta *meta, struct seal_key *key, const char **error);
/* The same when the file is lost for good: makes a key when there is no file, and then removes the access keys that it
 * does not open; *forgotten: how many. Their users stay. */
enum status identity_key_file_open_lost(const char *path, struct meta *meta, struct seal_key *key, uint64_t *forgotten,
                                        const char **error);

#endif
