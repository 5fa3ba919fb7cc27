/* The x-amz-checksum-* family and Content-MD5: what a client says about its bytes, computing the same, and the
 * checksum of a multipart object from those of its parts. Numbers of algorithms are stored: they never change. */
#ifndef TERCET_COMPAT_CHECKSUM_HEADER_H
#define TERCET_COMPAT_CHECKSUM_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/status.h"
#include "base/xxhash.h"
#include "compat/error.h"
#include "compat/headers.h"

enum checksum_algorithm {
    CHECKSUM_NONE = 0,
    CHECKSUM_CRC32 = 1,
    CHECKSUM_CRC32C = 2,
    CHECKSUM_CRC64NVME = 3,
    CHECKSUM_SHA1 = 4,
    CHECKSUM_SHA256 = 5,
    CHECKSUM_SHA512 = 6,
    CHECKSUM_MD5 = 7,
    CHECKSUM_XXHASH64 = 8,
    CHECKSUM_XXHASH3 = 9,
    CHECKSUM_XXHASH128 = 10,
    CHECKSUM_ALGORITHM_COUNT
};

#define CHECKSUM_BYTES_MAX SHA512_LEN

/* A checksum's raw (big-endian) bytes. full_object matters for multipart objects: false is COMPOSITE. */
struct checksum_value {
    enum checksum_algorithm algorithm;
    bool full_object;
    uint8_t len;
    uint8_t value[CHECKSUM_BYTES_MAX];
};

size_t checksum_length(enum checksum_algorithm algorithm);            /* 0 for CHECKSUM_NONE */
const char *checksum_name(enum checksum_algorithm algorithm);         /* CRC32 */
const char *checksum_header_name(enum checksum_algorithm algorithm);  /* x-amz-checksum-crc32 */
const char *checksum_short_name(enum checksum_algorithm algorithm);   /* crc32 */
const char *checksum_element_name(enum checksum_algorithm algorithm); /* ChecksumCRC32 */
const char *checksum_type_name(bool full_object);                     /* FULL_OBJECT or COMPOSITE */
/* One that takes as long as the MD5 of the bytes, or longer; the others cost little. */
bool checksum_is_digest(enum checksum_algorithm algorithm);
/* By name in either case; CHECKSUM_NONE when there is no such. */
enum checksum_algorithm checksum_algorithm_parse(struct bytes name);

#define CHECKSUM_TEXT_MAX 128
/* base64, or base64-N when composite_parts is not 0; NUL-terminated. */
void checksum_text(const struct checksum_value *value, uint32_t composite_parts, char out[CHECKSUM_TEXT_MAX]);
/* STATUS_INVALID unless it is strict base64 of the algorithm's length. full_object becomes true. */
enum status checksum_parse(enum checksum_algorithm algorithm, struct bytes text, struct checksum_value *value);
bool checksum_equal(const struct checksum_value *a, const struct checksum_value *b); /* algorithm and bytes */

/* ---- what a request says ---------------------------------------------------------------------------------------- */
struct checksum_request {
    enum checksum_algorithm algorithm; /* NONE: the client names none */
    bool in_trailer;                   /* the value is to come: checksum_request_trailer */
    struct checksum_value value;       /* algorithm NONE as long as it is not known */
    uint32_t composite_parts;          /* N of `base64-N` (CompleteMultipartUpload), else 0 */
};

/* Reads x-amz-checksum-*, x-amz-trailer and x-amz-sdk-checksum-algorithm or x-amz-checksum-algorithm, which name the
 * algorithm. InvalidRequest: more than one checksum, bad base64 or length, an algorithm announced that is unknown or
 * does not come, `base64-N` unless allow_composite. */
enum status checksum_request_parse(struct header_list headers, bool allow_composite, struct checksum_request *request,
                                   struct s3_error_details *error);
/* Takes the announced value from the trailer, when in_trailer. MalformedTrailerError when it is not there, or another
 * is; InvalidRequest for a bad value. */
enum status checksum_request_trailer(struct checksum_request *request, struct header_list trailer,
                                     struct s3_error_details *error);

/* x-amz-checksum-algorithm and x-amz-checksum-type of CreateMultipartUpload and CopyObject. *algorithm is NONE and
 * *full_object false when not named (AWS then keeps CRC64NVME, FULL_OBJECT); an algorithm without a type is COMPOSITE,
 * but CRC64NVME FULL_OBJECT. Only a CRC can be one of the whole object. InvalidRequest: a type without an algorithm, a
 * combination that does not exist. */
enum status checksum_creation_parse(struct header_list headers, enum checksum_algorithm *algorithm, bool *full_object,
                                    struct s3_error_details *error);
/* x-amz-checksum-type of CompleteMultipartUpload, when there: must be the upload's. */
enum status checksum_type_check(struct header_list headers, enum checksum_algorithm algorithm, bool full_object,
                                struct s3_error_details *error);

/* BadDigest, as AWS words it for that algorithm. */
void checksum_mismatch(enum checksum_algorithm algorithm, struct s3_error_details *error);

/* Content-MD5. *present false when absent. InvalidDigest (with the value) unless it is base64 of 16 bytes. */
enum status content_md5_parse(struct header_list headers, bool *present, uint8_t md5[MD5_LEN],
                              struct s3_error_details *error);

/* ---- computing --------------------------------------------------------------------------------------------------- */
/* A running checksum. CHECKSUM_NONE is allowed and costs nothing. release is idempotent. */
struct checksum_state {
    enum checksum_algorithm algorithm;
    uint64_t crc;
    struct digest digest;
    struct xxhash xxhash;
};
void checksum_state_init(struct checksum_state *state, enum checksum_algorithm algorithm);
void checksum_state_update(struct checksum_state *state, const void *data, size_t len);
void checksum_state_final(struct checksum_state *state, struct checksum_value *value); /* full_object true */
void checksum_state_release(struct checksum_state *state);

/* The checksum of an object from its parts' in order: COMPOSITE hashes their raw bytes, FULL_OBJECT combines CRCs. */
struct checksum_combiner {
    struct checksum_state composite;
    enum checksum_algorithm algorithm;
    bool full_object;
    uint64_t crc;
};
/* CHECKs that the combination exists (FULL_OBJECT of CRCs alone). */
void checksum_combiner_init(struct checksum_combiner *combiner, enum checksum_algorithm algorithm, bool full_object);
/* STATUS_INVALID when the part's algorithm is another. */
enum status checksum_combiner_add(struct checksum_combiner *combiner, const struct checksum_value *part,
                                  uint64_t part_bytes);
void checksum_combiner_final(struct checksum_combiner *combiner, struct checksum_value *value);
void checksum_combiner_release(struct checksum_combiner *combiner);

#endif
