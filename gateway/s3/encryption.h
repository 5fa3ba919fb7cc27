/* Encryption at rest, as S3 requests ask for it: what a new object is encrypted with, the key that a request may read
 * or write an object's bytes with, and what answers say of it. */
#ifndef TERCET_GATEWAY_S3_ENCRYPTION_H
#define TERCET_GATEWAY_S3_ENCRYPTION_H

#include "gateway/front/exchange.h"
#include "gateway/object/encryption.h"

/* An attribute's row (attributes.c): by the request's headers or fields, else by what the bucket or the gateway says of
 * all objects. The copy of a sealed object is sealed in any case, by SSE-S3 when nothing is said. */
enum status s3_encryption_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                        struct buffer *document);

/* The key for the addressed object's bytes, by the attributes that it has, or is to be written with, and by the
 * request's headers. Errors are answered here. The key is to be wiped in any case. */
enum status s3_key_to_write(struct exchange *exchange, struct bytes attributes, struct object_key *key);
enum status s3_key_to_read(struct exchange *exchange, struct bytes attributes, struct object_key *key);
/* Of the next part of an upload with these attributes. */
enum status s3_key_of_part(struct exchange *exchange, struct bytes attributes, struct object_key *key);
/* Of an object that is appended to, whose request may say what it is encrypted by, and has to where a client has the
 * key: EncryptionTypeMismatch otherwise. *key is its own. An empty one gets another key, whose description is appended
 * to `sealed`. Errors are answered here. */
enum status s3_key_to_append(struct exchange *exchange, const struct meta_object *object, struct object_key *key,
                             struct buffer *sealed);
/* A client's key that is sent where it is not needed (completing an upload, listing its parts) has to be the right one.
 */
enum status s3_check_key(struct exchange *exchange, struct bytes attributes);
/* Of the source of a copy. */
enum status s3_key_of_source(struct exchange *exchange, const struct encryption_place *place, struct bytes attributes,
                             struct object_key *key);
/* How the addressed key's object is to be described, which was at `from` until now: the same key of its own and the
 * same stream, bound to the new place. Nothing is appended when it is not sealed. One that a client's key seals needs
 * that key, as a read does. Errors are answered here. */
enum status s3_reseal(struct exchange *exchange, const struct encryption_place *from, struct bytes attributes,
                      struct buffer *description);

/* The name of the key that an id, an ARN or an alias means, and the description of an object whose key is sealed anew
 * (object/rewrap.h). Errors are answered here. */
enum status s3_key_of_id(struct exchange *exchange, struct bytes key_id, char name[KEY_NAME_MAX + 1]);
enum status s3_key_rewrap(struct exchange *exchange, const struct encryption *from, const struct encryption *to,
                          const struct encryption_place *place, struct buffer *description);

/* The bucket's setting needs keys, so a gateway must have some to take it. Errors are answered here. */
enum status s3_encryption_agrees(struct exchange *exchange, struct bytes kept);
/* How the object is encrypted; nothing when it is not. created: with what is told only once. */
void s3_reply_encryption(struct exchange *exchange, struct bytes attributes, bool created);

#endif
