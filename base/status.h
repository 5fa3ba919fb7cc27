/* The outcomes that every function in Tercet reports. 0 is success, so `if (status)` reads as "it failed".
 * Foreign errors (errno, RocksDB, libcurl, libxml2) are translated at the wrapper that sees them; S3 error codes live
 * in compat/error.h and are chosen by the gateway, never in here. */
#ifndef TERCET_BASE_STATUS_H
#define TERCET_BASE_STATUS_H

/* No caller of a function that returns a status may drop it unseen: the compiler refuses that. One that has nothing to
 * do about a failure says so with STATUS_IGNORE. */
#ifdef __clang__
#define STATUS_IS_LOOKED_AT __attribute__((warn_unused_result))
#else
#define STATUS_IS_LOOKED_AT [[nodiscard]]
#endif

enum STATUS_IS_LOOKED_AT status {
    STATUS_OK = 0,
    STATUS_NOT_FOUND,    /* no such chunk, bucket, key, version, upload */
    STATUS_EXISTS,       /* it is there already and must not be replaced */
    STATUS_INVALID,      /* malformed input */
    STATUS_LIMIT,        /* a bound on size or count was reached */
    STATUS_DENIED,       /* authentication or permission failed */
    STATUS_CONFLICT,     /* the state changed under the operation */
    STATUS_PRECONDITION, /* a condition of the request does not hold */
    STATUS_NOT_EMPTY,    /* a bucket still holds something */
    STATUS_CORRUPT,      /* stored bytes do not match their checksum */
    STATUS_DAMAGED,      /* a database is damaged: more than the bytes that were asked for may be lost */
    STATUS_MISMATCH,     /* sent bytes do not match the sender's checksum */
    STATUS_IO,           /* the disk or the network failed */
    STATUS_NO_SPACE,     /* the disk is at its reserve */
    STATUS_QUOTA,        /* the quota of a bucket does not allow more */
    STATUS_UNAVAILABLE,  /* too few nodes, or shutting down */
    STATUS_TIMEOUT,      /* a deadline passed */
    STATUS_CLOSED,       /* the peer went away */
    STATUS_CANCELLED,    /* the caller gave up */
    STATUS_UNCERTAIN,    /* done, but not known to be safe yet: neither to be acknowledged nor to be undone */
    STATUS_INTERNAL,     /* a bug or an impossible state */
    STATUS_COUNT
};

/* For a call whose failure changes nothing for the caller; the text says why. */
#define STATUS_IGNORE(call, why) ((void)(call), (void)"" why)

/* A short lower-case English name, for logs. Never NULL. */
const char *status_name(enum status status);

/* The status for an errno value (ENOSPC -> NO_SPACE, ENOENT -> NOT_FOUND, ..., else IO). */
enum status status_from_errno(int error);

/* The status for an error text of RocksDB, whose C interface gives nothing else; NULL is OK. DAMAGED: what the files
 * hold is wrong, or a file is not there, which no repetition mends. UNAVAILABLE: a read in memory alone did not find
 * its answer there. NO_SPACE, else IO: the disk failed, or something that is not known. */
enum status status_from_rocksdb(const char *error);

#endif
