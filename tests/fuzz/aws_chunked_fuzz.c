/* Any body through the aws-chunked decoder, twice: in one piece and in small ones. Both must come to the same end, with
 * the same payload, and never beyond the declared length. The first bytes choose the form, the piece length and the
 * declared length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/aws_chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHOICES 3
#define SEED    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"

struct outcome {
    enum status status;
    enum aws_chunked_reason reason;
    struct buffer payload;
};

static void init(struct aws_chunked *decoder, const uint8_t choices[CHOICES])
{
    static const enum payload_kind kinds[] = {PAYLOAD_STREAMING_UNSIGNED_TRAILER, PAYLOAD_STREAMING_SIGNED,
                                              PAYLOAD_STREAMING_SIGNED_TRAILER};
    struct aws_chunked_keys keys = {{0}, BYTES(SEED), BYTES("20130524T000000Z"), BYTES("20130524/r/s3/aws4_request")};
    uint64_t declared = choices[2] == 255 ? AWS_CHUNKED_LENGTH_UNKNOWN : choices[2];

    CHECK(aws_chunked_init(decoder, kinds[choices[0] % 3], &keys, BYTES("x-amz-checksum-crc32, x-amz-a"), declared) ==
          STATUS_OK);
}

static void decode(const uint8_t choices[CHOICES], struct bytes body, size_t piece_len, struct outcome *outcome)
{
    struct aws_chunked decoder;
    size_t at = 0;

    init(&decoder, choices);
    buffer_init(&outcome->payload, body.len);
    outcome->status = STATUS_OK;
    while (at < body.len && !outcome->status) {
        size_t len = body.len - at < piece_len ? body.len - at : piece_len, consumed;
        struct bytes payload;
        outcome->status = aws_chunked_decode(&decoder, bytes_of(body.data + at, len), &consumed, &payload);
        CHECK(consumed <= len);
        CHECK(consumed > 0 || outcome->status);
        CHECK(buffer_append_bytes(&outcome->payload, payload) == STATUS_OK);
        at += consumed;
    }
    if (!outcome->status)
        outcome->status = aws_chunked_finish(&decoder);
    CHECK(aws_chunked_finished(&decoder) == !outcome->status);
    CHECK(decoder.decoded <= decoder.declared);
    CHECK(outcome->status || decoder.decoded == outcome->payload.len);
    outcome->reason = decoder.reason;
    aws_chunked_release(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;

    if (size < CHOICES)
        return 0;
    struct bytes body = bytes_of(data + CHOICES, size - CHOICES);
    decode(data, body, SIZE_MAX, &whole);
    decode(data, body, 1 + data[1] % 16, &pieces);
    CHECK(whole.status == pieces.status);
    CHECK(whole.reason == pieces.reason);
    if (!whole.status)
        CHECK(bytes_equal(buffer_bytes(&whole.payload), buffer_bytes(&pieces.payload)));
    buffer_release(&whole.payload);
    buffer_release(&pieces.payload);
    return 0;
}
