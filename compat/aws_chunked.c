/* The machine behind aws_chunked.h.
 *
 * A body is `size[;chunk-signature=hex] CRLF data CRLF`, again and again, then a chunk of size 0 without
 * data. After that comes either a bare CRLF (signed chunks), or the trailer: `name:value` lines, an empty
 * line, and in the signed form x-amz-trailer-signature. SDKs put that signature among the lines; minio-go
 * ends its lines with LF alone and puts the empty line before the signature, or, unsigned, two of them at the
 * end. Both are read. */
#include "compat/aws_chunked.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "compat/auth_text.h"
#include "compat/sigv4.h"
#include "compat/split.h"

#define SIGNATURE_NAME    "chunk-signature="
#define SIZE_DIGITS_MAX   15 /* hex; more would not be a size that anything holds */
#define EMPTY_SHA256_TEXT "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum {
    STATE_HEADER,   /* in a chunk header */
    STATE_DATA,     /* in a chunk's payload */
    STATE_DATA_END, /* in the CRLF after it */
    STATE_END,      /* in the CRLF that ends a body without a trailer */
    STATE_TRAILER,  /* in a trailer line */
    STATE_DONE,     /* complete, but after a trailer one more CRLF may come */
    STATE_OVER,     /* complete, nothing may come */
    STATE_FAILED,
};

void aws_chunked_error(enum aws_chunked_reason reason, struct s3_error_details *error)
{
    switch (reason) {
    case AWS_CHUNKED_NO_ERROR:
        CHECK(reason != AWS_CHUNKED_NO_ERROR);
        break;
    case AWS_CHUNKED_MALFORMED_CHUNK:
        s3_error_setf(error, S3_INVALID_REQUEST, "The request body is not well-formed aws-chunked data.");
        break;
    case AWS_CHUNKED_MALFORMED_TRAILER:
        s3_error_set(error, S3_MALFORMED_TRAILER);
        break;
    case AWS_CHUNKED_SIGNATURE_MISMATCH:
        s3_error_set(error, S3_SIGNATURE_DOES_NOT_MATCH);
        break;
    case AWS_CHUNKED_WRONG_LENGTH:
        s3_error_setf(error, S3_INCOMPLETE_BODY,
                      "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP "
                      "header");
        break;
    case AWS_CHUNKED_TRUNCATED:
        s3_error_setf(error, S3_INCOMPLETE_BODY, "The request body terminated unexpectedly");
        break;
    case AWS_CHUNKED_TRAILING_DATA:
        s3_error_setf(error, S3_INVALID_REQUEST, "The request body goes on after its last chunk.");
        break;
    }
}

static bool decoder_signs(const struct aws_chunked *decoder)
{
    return decoder->kind != PAYLOAD_STREAMING_UNSIGNED_TRAILER;
}

/* Copies to a NUL-terminated array. */
static enum status copy_text(struct bytes text, char *out, size_t capacity)
{
    if (text.len >= capacity)
        return STATUS_INVALID;
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return STATUS_OK;
}

static enum status take_keys(struct aws_chunked *decoder, const struct aws_chunked_keys *keys)
{
    if (!keys || keys->seed_signature.len != SIGV4_SIGNATURE_LEN)
        return STATUS_INVALID;
    memcpy(decoder->signing_key, keys->signing_key, SHA256_LEN);
    enum status status =
        copy_text(keys->seed_signature, decoder->previous_signature, sizeof decoder->previous_signature);
    if (!status)
        status = copy_text(keys->timestamp, decoder->timestamp, sizeof decoder->timestamp);
    return status ? status : copy_text(keys->scope, decoder->scope, sizeof decoder->scope);
}

enum status aws_chunked_init(struct aws_chunked *decoder, enum payload_kind kind, const struct aws_chunked_keys *keys,
                             struct bytes trailer_names, uint64_t decoded_length)
{
    struct bytes rest = trailer_names, name;
    size_t count = 0;

    *decoder = (struct aws_chunked){.kind = kind, .state = STATE_HEADER, .declared = decoded_length};
    buffer_init(&decoder->line, AWS_CHUNKED_TRAILER_BYTES_MAX);
    if (kind != PAYLOAD_STREAMING_SIGNED && kind != PAYLOAD_STREAMING_SIGNED_TRAILER &&
        kind != PAYLOAD_STREAMING_UNSIGNED_TRAILER)
        return STATUS_INVALID;
    while (split_next(&rest, ',', &name))
        if (++count > AWS_CHUNKED_TRAILERS_MAX)
            return STATUS_INVALID;
    if (trailer_names.len > sizeof decoder->names)
        return STATUS_INVALID;
    if (trailer_names.len)
        memcpy(decoder->names, trailer_names.data, trailer_names.len);
    decoder->names_len = trailer_names.len;
    return decoder_signs(decoder) ? take_keys(decoder, keys) : STATUS_OK;
}

void aws_chunked_release(struct aws_chunked *decoder)
{
    digest_release(&decoder->digest);
    buffer_release(&decoder->line);
    OPENSSL_cleanse(decoder->signing_key, sizeof decoder->signing_key);
}

static enum status decoder_fail(struct aws_chunked *decoder, enum aws_chunked_reason reason)
{
    decoder->state = STATE_FAILED;
    decoder->reason = reason;
    return reason == AWS_CHUNKED_SIGNATURE_MISMATCH ? STATUS_MISMATCH : STATUS_INVALID;
}

/* Checks one link of the chain of signatures; the link becomes what the next one builds on. */
static enum status check_signature(struct aws_chunked *decoder, const char *algorithm, const char *empty_hash,
                                   const uint8_t hash[SHA256_LEN], const char claimed[65])
{
    char text[512], hash_text[2 * SHA256_LEN + 1], signature[SIGV4_SIGNATURE_LEN + 1];

    hex_encode(hash, SHA256_LEN, hash_text);
    int len = snprintf(text, sizeof text, "%s\n%s\n%s\n%s\n%s%s", algorithm, decoder->timestamp, decoder->scope,
                       decoder->previous_signature, empty_hash, hash_text);
    sigv4_sign(decoder->signing_key, bytes_of(text, (size_t)len), signature);
    if (!bytes_equal_constant_time(bytes_of(signature, SIGV4_SIGNATURE_LEN), bytes_of(claimed, SIGV4_SIGNATURE_LEN)))
        return decoder_fail(decoder, AWS_CHUNKED_SIGNATURE_MISMATCH);
    memcpy(decoder->previous_signature, signature, sizeof signature);
    return STATUS_OK;
}

static enum status finish_chunk_data(struct aws_chunked *decoder)
{
    uint8_t hash[SHA256_LEN];

    if (!decoder_signs(decoder))
        return STATUS_OK;
    digest_final(&decoder->digest, hash);
    return check_signature(decoder, "AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256_TEXT "\n", hash, decoder->chunk_signature);
}

static enum status parse_size(struct bytes text, uint64_t *size)
{
    uint64_t value = 0;

    if (!text.len || text.len > SIZE_DIGITS_MAX)
        return STATUS_INVALID;
    for (size_t i = 0; i < text.len; ++i) {
        char c = text.data[i];
        unsigned lower = (unsigned char)c | 0x20;
        if (c >= '0' && c <= '9')
            value = value << 4 | (unsigned)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (lower - 'a' + 10);
        else
            return STATUS_INVALID;
    }
    *size = value;
    return STATUS_OK;
}

/* `size` or `size;chunk-signature=hex`, without the line end. */
static enum status parse_chunk_header(struct aws_chunked *decoder, struct bytes line, uint64_t *size)
{
    struct bytes rest = line, digits;

    if (!split_next(&rest, ';', &digits) || parse_size(digits, size))
        return STATUS_INVALID;
    if (!decoder_signs(decoder))
        return digits.len == line.len ? STATUS_OK : STATUS_INVALID;
    if (!bytes_starts_with(rest, BYTES(SIGNATURE_NAME)))
        return STATUS_INVALID;
    rest = bytes_of(rest.data + sizeof SIGNATURE_NAME - 1, rest.len - (sizeof SIGNATURE_NAME - 1));
    if (rest.len != SIGV4_SIGNATURE_LEN)
        return STATUS_INVALID;
    return copy_text(rest, decoder->chunk_signature, sizeof decoder->chunk_signature);
}

/* After the chunk of size 0. */
static enum status begin_end(struct aws_chunked *decoder)
{
    enum status status = finish_chunk_data(decoder);

    if (status)
        return status;
    if (decoder->declared != AWS_CHUNKED_LENGTH_UNKNOWN && decoder->decoded != decoder->declared)
        return decoder_fail(decoder, AWS_CHUNKED_WRONG_LENGTH);
    decoder->state = decoder->kind == PAYLOAD_STREAMING_SIGNED ? STATE_END : STATE_TRAILER;
    /* All at once, so that the trailers' spans stay where they are. */
    buffer_reserve(&decoder->line, AWS_CHUNKED_TRAILER_BYTES_MAX);
    return STATUS_OK;
}

static enum status begin_chunk(struct aws_chunked *decoder, struct bytes line)
{
    uint64_t size;

    if (parse_chunk_header(decoder, line, &size))
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_CHUNK);
    buffer_clear(&decoder->line);
    if (decoder_signs(decoder))
        digest_init(&decoder->digest, DIGEST_SHA256);
    if (!size)
        return begin_end(decoder);
    if (size > decoder->declared - decoder->decoded)
        return decoder_fail(decoder, AWS_CHUNKED_WRONG_LENGTH);
    decoder->chunk_left = size;
    decoder->state = STATE_DATA;
    return STATUS_OK;
}

/* Moves bytes up to and with the next LF from `in` to the line. *whole: the LF came. */
static enum status collect_line(struct aws_chunked *decoder, struct bytes in, size_t line_max, size_t *taken,
                                bool *whole)
{
    const char *end = memchr(in.data, '\n', in.len);

    *taken = end ? (size_t)(end - in.data) + 1 : in.len;
    *whole = end != NULL;
    if (*taken > line_max - (decoder->line.len - decoder->line_start))
        return STATUS_LIMIT;
    return buffer_append(&decoder->line, in.data, *taken);
}

static enum status decode_header(struct aws_chunked *decoder, struct bytes in, size_t *taken)
{
    bool whole;

    if (collect_line(decoder, in, AWS_CHUNKED_HEADER_BYTES_MAX, taken, &whole))
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_CHUNK);
    if (!whole)
        return STATUS_OK;
    struct bytes line = buffer_bytes(&decoder->line);
    if (line.len < 2 || line.data[line.len - 2] != '\r')
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_CHUNK);
    return begin_chunk(decoder, bytes_of(line.data, line.len - 2));
}

static enum status decode_data(struct aws_chunked *decoder, struct bytes in, size_t *taken)
{
    *taken = in.len < decoder->chunk_left ? in.len : (size_t)decoder->chunk_left;
    if (decoder_signs(decoder))
        digest_update(&decoder->digest, in.data, *taken);
    decoder->chunk_left -= *taken;
    decoder->decoded += *taken;
    if (decoder->chunk_left)
        return STATUS_OK;
    decoder->state = STATE_DATA_END;
    return finish_chunk_data(decoder);
}

/* One byte of a CRLF, after which the machine goes on with `next`. */
static enum status decode_crlf(struct aws_chunked *decoder, char c, int next, enum aws_chunked_reason reason)
{
    if (c != (decoder->cr_seen ? '\n' : '\r'))
        return decoder_fail(decoder, reason);
    if (decoder->cr_seen)
        decoder->state = next;
    decoder->cr_seen = !decoder->cr_seen;
    return STATUS_OK;
}

static bool trailer_came(const struct aws_chunked *decoder, struct bytes name)
{
    for (size_t i = 0; i < decoder->trailer_count; ++i)
        if (auth_same_name(decoder->trailers[i].name, name))
            return true;
    return false;
}

static bool trailer_announced(const struct aws_chunked *decoder, struct bytes name)
{
    struct bytes rest = bytes_of(decoder->names, decoder->names_len), announced;

    while (split_next(&rest, ',', &announced))
        if (auth_same_name(bytes_trim(announced), name))
            return true;
    return false;
}

static enum status check_trailer_signature(struct aws_chunked *decoder, struct bytes claimed)
{
    uint8_t hash[SHA256_LEN];
    char signature[SIGV4_SIGNATURE_LEN + 1];
    struct buffer signed_text;
    struct auth_text text = {&signed_text, STATUS_OK};
    enum status status;

    buffer_init(&signed_text, AWS_CHUNKED_TRAILER_BYTES_MAX);
    for (size_t i = 0; i < decoder->trailer_count; ++i) {
        auth_text_add_lower(&text, decoder->trailers[i].name);
        auth_text_add_char(&text, ':');
        auth_text_add(&text, decoder->trailers[i].value);
        auth_text_add_char(&text, '\n');
    }
    sha256_of(signed_text.data, signed_text.len, hash);
    if (text.status || claimed.len != SIGV4_SIGNATURE_LEN || copy_text(claimed, signature, sizeof signature))
        status = decoder_fail(decoder, AWS_CHUNKED_MALFORMED_TRAILER);
    else
        status = check_signature(decoder, "AWS4-HMAC-SHA256-TRAILER", "", hash, signature);
    decoder->trailer_signed = !status;
    buffer_release(&signed_text);
    return status;
}

static enum status take_trailer(struct aws_chunked *decoder, struct bytes line)
{
    struct bytes value = line, name;

    if (!memchr(line.data, ':', line.len) || !split_next(&value, ':', &name) || !name.len || decoder->trailer_signed)
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_TRAILER);
    value = bytes_trim(value);
    if (decoder_signs(decoder) && bytes_equal_nocase(name, "x-amz-trailer-signature"))
        return check_trailer_signature(decoder, value);
    if (decoder->trailer_count == AWS_CHUNKED_TRAILERS_MAX || !trailer_announced(decoder, name) ||
        trailer_came(decoder, name))
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_TRAILER);
    decoder->trailers[decoder->trailer_count++] = (struct aws_chunked_trailer){name, value};
    return STATUS_OK;
}

/* An empty line ends the trailer, but not between minio-go's trailers and their signature. */
static enum status take_empty_line(struct aws_chunked *decoder)
{
    struct bytes rest = bytes_of(decoder->names, decoder->names_len), announced;

    if (decoder_signs(decoder) && decoder->trailer_count && !decoder->trailer_signed)
        return STATUS_OK;
    while (split_next(&rest, ',', &announced)) {
        announced = bytes_trim(announced);
        if (announced.len && !trailer_came(decoder, announced))
            return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_TRAILER);
    }
    decoder->state = STATE_DONE;
    return STATUS_OK;
}

static enum status decode_trailer(struct aws_chunked *decoder, struct bytes in, size_t *taken)
{
    bool whole;

    if (collect_line(decoder, in, AWS_CHUNKED_TRAILER_BYTES_MAX, taken, &whole))
        return decoder_fail(decoder, AWS_CHUNKED_MALFORMED_TRAILER);
    if (!whole)
        return STATUS_OK;
    size_t start = decoder->line_start;
    struct bytes line = bytes_of(decoder->line.data + start, decoder->line.len - start - 1);
    decoder->line_start = decoder->line.len;
    if (line.len && line.data[line.len - 1] == '\r')
        --line.len;
    return line.len ? take_trailer(decoder, line) : take_empty_line(decoder);
}

enum status aws_chunked_decode(struct aws_chunked *decoder, struct bytes in, size_t *consumed, struct bytes *payload)
{
    enum status status = decoder->state == STATE_FAILED ? decoder_fail(decoder, decoder->reason) : STATUS_OK;
    size_t at = 0;

    *payload = bytes_of(in.data, 0);
    while (at < in.len && !payload->len && !status) {
        struct bytes rest = bytes_of(in.data + at, in.len - at);
        size_t taken = 1;
        switch (decoder->state) {
        case STATE_HEADER:
            status = decode_header(decoder, rest, &taken);
            break;
        case STATE_DATA:
            status = decode_data(decoder, rest, &taken);
            *payload = bytes_of(rest.data, taken);
            break;
        case STATE_DATA_END:
            status = decode_crlf(decoder, rest.data[0], STATE_HEADER, AWS_CHUNKED_MALFORMED_CHUNK);
            break;
        case STATE_END:
            status = decode_crlf(decoder, rest.data[0], STATE_OVER, AWS_CHUNKED_MALFORMED_CHUNK);
            break;
        case STATE_TRAILER:
            status = decode_trailer(decoder, rest, &taken);
            break;
        case STATE_DONE:
            status = decode_crlf(decoder, rest.data[0], STATE_OVER, AWS_CHUNKED_TRAILING_DATA);
            break;
        default:
            status = decoder_fail(decoder, AWS_CHUNKED_TRAILING_DATA);
            break;
        }
        at += taken;
    }
    if (status)
        *payload = bytes_of(in.data, 0);
    *consumed = at;
    return status;
}

bool aws_chunked_finished(const struct aws_chunked *decoder)
{
    return (decoder->state == STATE_DONE && !decoder->cr_seen) || decoder->state == STATE_OVER;
}

enum status aws_chunked_finish(struct aws_chunked *decoder)
{
    if (decoder->state == STATE_FAILED)
        return decoder_fail(decoder, decoder->reason);
    return aws_chunked_finished(decoder) ? STATUS_OK : decoder_fail(decoder, AWS_CHUNKED_TRUNCATED);
}

struct bytes aws_chunked_trailer(const struct aws_chunked *decoder, const char *name)
{
    for (size_t i = 0; i < decoder->trailer_count; ++i)
        if (bytes_equal_nocase(decoder->trailers[i].name, name))
            return decoder->trailers[i].value;
    return bytes_of(NULL, 0);
}
