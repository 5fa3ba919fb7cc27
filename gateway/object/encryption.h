/* How an object is encrypted at rest: the description that is kept with it (META_ATTRIBUTE_SEALED), in which its own
 * random key is sealed by a key-encryption key or by the client's. docs/internals/encryption.md has the bytes. */
#ifndef TERCET_GATEWAY_ENCRYPTION_H
#define TERCET_GATEWAY_ENCRYPTION_H

#include "base/bytes.h"
#include "gateway/keys/key_provider.h"
#include "gateway/object/object_key.h"

/* Stored, so a number is never given to another one. */
enum encryption_kind {
    ENCRYPTION_NONE,
    ENCRYPTION_S3 = 1,       /* SSE-S3 */
    ENCRYPTION_KMS = 2,      /* SSE-KMS */
    ENCRYPTION_DSSE = 3,     /* the same by another name */
    ENCRYPTION_CUSTOMER = 4, /* SSE-C */
};

#define ENCRYPTION_CONTEXT_BYTES_MAX     8192
#define ENCRYPTION_DESCRIPTION_BYTES_MAX (ENCRYPTION_CONTEXT_BYTES_MAX + KEY_SEALED_BYTES_MAX + 512)

struct encryption {
    enum encryption_kind kind;
    bool bucket_key;
    struct bytes key_name; /* of the key-encryption key; empty with CUSTOMER */
    struct bytes context;  /* JSON, as the client gave it; empty: none */
    struct block_seal_id id;
    struct bytes front, sealed; /* as read: all of that, and the sealed key */
};

/* Where the object is: bound to its key, so that no description is good anywhere else. */
struct encryption_place {
    struct bytes bucket, key;
};

/* Spans point into the attributes. NOT_FOUND: it is not encrypted; CORRUPT. */
enum status encryption_read(struct bytes attributes, struct encryption *encryption);
/* The same of the attribute's document. CORRUPT. */
enum status encryption_read_document(struct bytes document, struct encryption *encryption);
/* Whether a service in the network has the key that it was sealed with (keys/key_provider.h). */
bool encryption_is_of_service(const struct encryption *encryption);
/* The name of the key that an id, an ARN or an alias means; empty, or AWS's own alias: the current one. NOT_FOUND:
 * there is none of that name; DENIED: it is retired; INVALID: it is no ARN of a key; UNAVAILABLE. Suspends, as all that
 * ask a provider. */
enum status encryption_key_name(struct key_provider *keys, struct bytes key_id, char name[KEY_NAME_MAX + 1]);
/* A new random key and identity. */
void encryption_key_create(enum encryption_kind kind, struct object_key *key);
/* Appends the description of an object with that key; encryption->id is not looked at. customer: the client's key, with
 * CUSTOMER. NOT_FOUND: there is no such key, or no provider (NULL); UNAVAILABLE; LIMIT. Suspends. */
enum status encryption_write(struct key_provider *keys, const struct seal_key *customer,
                             const struct encryption *encryption, const struct encryption_place *place,
                             const struct object_key *key, struct buffer *description);
/* The object's key; the caller wipes it. NOT_FOUND: the key that is needed is not there, which is logged; DENIED: it
 * is not the client's key that the object was written with; UNAVAILABLE; CORRUPT. Suspends. */
enum status encryption_open(struct key_provider *keys, const struct seal_key *customer,
                            const struct encryption *encryption, const struct encryption_place *place,
                            struct object_key *key);

/* The same by an object's attributes, for who has no client's key: DENIED when one is needed. An object that is not
 * encrypted has no key: OK. */
enum status encryption_open_kept(struct key_provider *keys, struct bytes attributes,
                                 const struct encryption_place *place, struct object_key *key);

#endif
