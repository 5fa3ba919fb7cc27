/* The key that an object's bytes are sealed with, while a request has it. Wiped by who got it. */
#ifndef TERCET_GATEWAY_OBJECT_KEY_H
#define TERCET_GATEWAY_OBJECT_KEY_H

#include "base/block_seal.h"

struct object_key {
    bool sealed;    /* false: the bytes are as they are, and the rest is of no meaning */
    bool hides_md5; /* the ETag is not the MD5 of what came in */
    struct seal_key key;
    struct block_seal_id id; /* of the whole object, or to be of the next part */
};

#endif
