/* The payload of an S3 request: taken off the wire, freed of aws-chunked, and held against everything that
 * the client said about it (length, Content-MD5, x-amz-content-sha256, x-amz-checksum-*, chunk signatures,
 * trailer). Nothing that was received may become visible unless the receiving function returned STATUS_OK. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/pool.h"
#include "compat/aws_chunked.h"
#include "compat/utf8.h"
#include "gateway/s3/body.h"
#include "gateway/s3/reply.h"

#define WIRE_BYTES    65536 /* read at a time when the body has to be decoded */
#define DOCUMENT_STEP 4096

struct s3_body {
    struct exchange *exchange;
    uint64_t size; /* decoded, as announced */
    uint64_t size_max, received;
    bool has_md5;
    uint8_t md5[MD5_LEN];
    struct checksum_request claim;
    bool is_text;
    struct utf8_check text;
    bool chunked; /* aws-chunked */
    bool at_end;
    struct aws_chunked decoder;
    char *wire; /* undecoded bytes */
    size_t wire_len, wire_pos;
};

static bool is_streaming(enum payload_kind kind)
{
    switch (kind) {
    case PAYLOAD_UNSIGNED:
    case PAYLOAD_SHA256:
        return false;
    case PAYLOAD_STREAMING_SIGNED:
    case PAYLOAD_STREAMING_SIGNED_TRAILER:
    case PAYLOAD_STREAMING_UNSIGNED_TRAILER:
        return true;
    }
    return false;
}

static enum status open_decoder(struct s3_body *body)
{
    struct exchange *exchange = body->exchange;
    struct aws_chunked_keys keys = {
        .seed_signature = exchange->credentials.signature,
        .timestamp = bytes_from_str(exchange->credentials.timestamp),
        .scope = exchange->credentials.scope,
    };
    struct bytes length = http_request_header(exchange->http, "x-amz-decoded-content-length");

    if (!length.data)
        return s3_fail(exchange, S3_MISSING_CONTENT_LENGTH);
    if (bytes_parse_u64(length, INT64_MAX, &body->size))
        return s3_fail(exchange, S3_INVALID_ARGUMENT);
    memcpy(keys.signing_key, exchange->verification.signing_key, sizeof(keys.signing_key));
    bool is_signed = exchange->credentials.payload != PAYLOAD_STREAMING_UNSIGNED_TRAILER;
    body->chunked = true;
    if (aws_chunked_init(&body->decoder, exchange->credentials.payload, is_signed ? &keys : NULL,
                         http_request_header(exchange->http, "x-amz-trailer"), body->size))
        return s3_fail(exchange, S3_INVALID_REQUEST);
    body->wire = mem_alloc(WIRE_BYTES);
    return STATUS_OK;
}

static enum status open_length(struct s3_body *body)
{
    struct exchange *exchange = body->exchange;

    if (is_streaming(exchange->credentials.payload))
        return open_decoder(body);
    body->size = exchange->http->content_length;
    if (body->size == 0 && !http_request_header(exchange->http, "Content-Length").data &&
        bytes_equal_str(exchange->http->method, "PUT"))
        return s3_fail(exchange, S3_MISSING_CONTENT_LENGTH);
    return STATUS_OK;
}

static enum status too_large(struct s3_body *body)
{
    struct s3_error_details details = {0};

    s3_error_set(&details, S3_ENTITY_TOO_LARGE);
    if (body->size != HTTP_LENGTH_UNKNOWN)
        s3_error_add_u64(&details, "ProposedSize", body->size);
    s3_error_add_u64(&details, "MaxSizeAllowed", body->size_max);
    return s3_fail_details(body->exchange, &details);
}

enum status s3_body_open_unchecked(struct exchange *exchange, uint64_t size_max, struct s3_body **out)
{
    struct s3_error_details details = {0};
    struct s3_body *body = mem_zalloc(sizeof(*body));
    enum status status;

    body->exchange = exchange;
    body->size_max = size_max;
    status = open_length(body);
    if (!status && body->size != HTTP_LENGTH_UNKNOWN && body->size > size_max)
        status = too_large(body);
    if (!status && content_md5_parse(exchange_headers(exchange), &body->has_md5, body->md5, &details))
        status = s3_fail_details(exchange, &details);
    if (status)
        s3_body_close(body);
    else
        *out = body;
    return status;
}

enum status s3_body_open(struct exchange *exchange, uint64_t size_max, struct s3_body **out)
{
    struct s3_error_details details = {0};
    enum status status = s3_body_open_unchecked(exchange, size_max, out);

    if (!status && checksum_request_parse(exchange_headers(exchange), false, &(*out)->claim, &details)) {
        status = s3_fail_details(exchange, &details);
        s3_body_close(*out);
        *out = NULL;
    }
    return status;
}

void s3_body_close(struct s3_body *body)
{
    if (body->chunked)
        aws_chunked_release(&body->decoder);
    free(body->wire);
    free(body);
}

uint64_t s3_body_size(const struct s3_body *body)
{
    return body->size;
}

bool s3_body_wants_sha256(const struct s3_body *body)
{
    return body->exchange->credentials.payload == PAYLOAD_SHA256;
}

enum checksum_algorithm s3_body_algorithm(const struct s3_body *body)
{
    return body->claim.algorithm;
}

/* An MD5 or a checksum came with it. */
bool s3_body_has_digest(const struct s3_body *body)
{
    return body->has_md5 || body->claim.algorithm != CHECKSUM_NONE;
}

void s3_body_expect_text(struct s3_body *body)
{
    body->is_text = true;
}

bool s3_body_was_text(const struct s3_body *body)
{
    return utf8_check_end(&body->text);
}

static enum status chunked_error(struct s3_body *body)
{
    struct s3_error_details details = {0};

    aws_chunked_error(body->decoder.reason, &details);
    return s3_fail_details(body->exchange, &details);
}

/* Puts the next payload bytes at `space`. *len 0: the end. */
static enum status next_decoded(struct s3_body *body, char *space, size_t capacity, size_t *len)
{
    *len = 0;
    while (*len == 0 && !body->at_end) {
        struct bytes payload;
        size_t consumed;
        if (body->wire_pos == body->wire_len) {
            enum status status = http_body_read(body->exchange->http, body->wire, WIRE_BYTES, &body->wire_len);
            if (status)
                return s3_fail_status(body->exchange, status);
            body->wire_pos = 0;
            body->at_end = body->wire_len == 0;
            if (body->at_end && aws_chunked_finish(&body->decoder))
                return chunked_error(body);
            continue;
        }
        struct bytes in = bytes_of(body->wire + body->wire_pos, body->wire_len - body->wire_pos);
        if (in.len > capacity)
            in.len = capacity; /* the payload is never longer than its coding */
        if (aws_chunked_decode(&body->decoder, in, &consumed, &payload))
            return chunked_error(body);
        memcpy(space, payload.data ? payload.data : "", payload.len);
        body->wire_pos += consumed;
        *len = payload.len;
    }
    return STATUS_OK;
}

static enum status next_plain(struct s3_body *body, char *space, size_t capacity, size_t *len)
{
    enum status status = http_body_read(body->exchange->http, space, capacity, len);
    return status ? s3_fail_status(body->exchange, status) : STATUS_OK;
}

static enum status next(struct s3_body *body, char *space, size_t capacity, size_t *len)
{
    enum status status =
        body->chunked ? next_decoded(body, space, capacity, len) : next_plain(body, space, capacity, len);
    if (status)
        return status;
    body->received += *len;
    if (body->is_text)
        utf8_check_add(&body->text, bytes_of(space, *len));
    return body->received > body->size_max ? too_large(body) : STATUS_OK;
}

static enum status compare_sha256(struct s3_body *body, const uint8_t sha256[SHA256_LEN])
{
    struct s3_error_details details = {0};
    char client[2 * SHA256_LEN + 1], server[2 * SHA256_LEN + 1];

    if (memcmp(sha256, body->exchange->credentials.payload_sha256, SHA256_LEN) == 0)
        return STATUS_OK;
    hex_encode(body->exchange->credentials.payload_sha256, SHA256_LEN, client);
    hex_encode(sha256, SHA256_LEN, server);
    s3_error_set(&details, S3_X_AMZ_CONTENT_SHA256_MISMATCH);
    s3_error_add(&details, "ClientComputedContentSHA256", bytes_from_str(client));
    s3_error_add(&details, "S3ComputedContentSHA256", bytes_from_str(server));
    return s3_fail_details(body->exchange, &details);
}

enum status s3_compare_md5(struct exchange *exchange, const uint8_t said[MD5_LEN], const uint8_t md5[MD5_LEN])
{
    struct s3_error_details details = {0};
    char expected[32], calculated[32];

    if (memcmp(md5, said, MD5_LEN) == 0)
        return STATUS_OK;
    base64_encode(said, MD5_LEN, expected);
    base64_encode(md5, MD5_LEN, calculated);
    s3_error_set(&details, S3_BAD_DIGEST);
    s3_error_add(&details, "ExpectedDigest", bytes_from_str(expected));
    s3_error_add(&details, "CalculatedDigest", bytes_from_str(calculated));
    return s3_fail_details(exchange, &details);
}

static enum status compare_md5(struct s3_body *body, const uint8_t md5[MD5_LEN])
{
    return body->has_md5 ? s3_compare_md5(body->exchange, body->md5, md5) : STATUS_OK;
}

static enum status compare_checksum(struct s3_body *body, const struct checksum_value *computed)
{
    struct s3_error_details details = {0};
    struct http_header trailer[AWS_CHUNKED_TRAILERS_MAX];

    if (body->claim.in_trailer) {
        for (size_t i = 0; i < body->decoder.trailer_count; i++)
            trailer[i] = (struct http_header){body->decoder.trailers[i].name, body->decoder.trailers[i].value};
        const struct header_list list = {trailer, body->chunked ? body->decoder.trailer_count : 0};
        if (checksum_request_trailer(&body->claim, list, &details))
            return s3_fail_details(body->exchange, &details);
    }
    if (body->claim.value.algorithm == CHECKSUM_NONE || checksum_equal(&body->claim.value, computed))
        return STATUS_OK;
    checksum_mismatch(body->claim.algorithm, &details);
    return s3_fail_details(body->exchange, &details);
}

enum status s3_body_to_ingest(struct s3_body *body, struct ingest *ingest)
{
    enum status status;
    char *space;
    size_t capacity, len;

    do {
        status = ingest_space(ingest, &space, &capacity);
        if (status)
            return s3_fail_status(body->exchange, status);
        status = next(body, space, capacity, &len);
        if (status)
            return status;
        ingest_commit(ingest, len);
    } while (len > 0);
    ingest_seal(ingest);
    if (s3_body_wants_sha256(body))
        status = compare_sha256(body, ingest->sha256_value);
    if (!status)
        status = compare_md5(body, ingest->md5_value);
    return status ? status : compare_checksum(body, &ingest->checksum_value);
}

struct document_hash {
    struct s3_body *body;
    struct bytes data;
    uint8_t md5[MD5_LEN], sha256[SHA256_LEN];
    struct checksum_value checksum;
};

static void hash_document(void *arg)
{
    struct document_hash *hash = arg;
    struct checksum_state state;

    md5_of(hash->data.data, hash->data.len, hash->md5);
    sha256_of(hash->data.data, hash->data.len, hash->sha256);
    checksum_state_init(&state, hash->body->claim.algorithm);
    checksum_state_update(&state, hash->data.data, hash->data.len);
    checksum_state_final(&state, &hash->checksum);
    checksum_state_release(&state);
}

enum status s3_body_to_buffer(struct s3_body *body, struct buffer *out)
{
    struct document_hash hash = {.body = body};
    enum status status;
    size_t len;

    do {
        char *space = buffer_reserve(out, DOCUMENT_STEP);
        if (!space)
            return s3_fail(body->exchange, S3_MAX_MESSAGE_LENGTH_EXCEEDED);
        status = next(body, space, DOCUMENT_STEP, &len);
        if (status)
            return status;
        out->len += len;
    } while (len > 0);
    hash.data = buffer_bytes(out);
    pool_run(body->exchange->gateway->pool, hash_document, &hash);
    if (s3_body_wants_sha256(body))
        status = compare_sha256(body, hash.sha256);
    if (!status)
        status = compare_md5(body, hash.md5);
    return status ? status : compare_checksum(body, &hash.checksum);
}

enum status s3_read_document(struct exchange *exchange, size_t bytes_max, bool needs_digest, struct buffer *document)
{
    struct s3_error_details details = {0};
    struct s3_body *body;
    enum status status = s3_body_open(exchange, bytes_max, &body);

    buffer_init(document, bytes_max + DOCUMENT_STEP);
    if (status)
        return status;
    if (needs_digest && !s3_body_has_digest(body) && !s3_body_wants_sha256(body)) {
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
        status = s3_fail_details(exchange, &details);
    }
    if (!status)
        status = s3_body_to_buffer(body, document);
    s3_body_close(body);
    return status;
}
