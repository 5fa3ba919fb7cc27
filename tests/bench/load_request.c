/* The requests of the load generator, each kind as a real client would send it. S3 requests are signed with Signature
 * Version 4 and UNSIGNED-PAYLOAD, as the SDKs do over TLS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "tests/bench/load.h"

#define REQUEST_HEAD_MAX 8192
#define REQUEST_TAIL_MAX (2u << 20)
#define DELETE_KEYS      1000
#define FORM_BOUNDARY    "----------------------------load"

enum status load_source_init(struct load_source *source, const struct load_options *options)
{
    const char *error = NULL;

    source->options = options;
    source->pattern = mem_alloc(LOAD_PATTERN_BYTES);
    random_bytes(source->pattern, LOAD_PATTERN_BYTES);
    source->random = 0x9E3779B97F4A7C15u;
    sigv4_key_cache_init(&source->key_cache);
    if (options->kind != LOAD_NODE_PUT)
        return STATUS_OK;
    if (options->size == 0 || options->size > CHUNK_BYTES_MAX)
        error = "node-put: the size must be that of a chunk";
    else if (cluster_identity_load(&source->identity, options->cluster_id, options->cluster_secret_file, &error) ==
             STATUS_OK)
        error = NULL;
    if (error) {
        fprintf(stderr, "load: %s\n", error);
        return STATUS_INVALID;
    }
    for (uint64_t at = 0; at < options->size; at += LOAD_PATTERN_BYTES) {
        uint64_t len = options->size - at < LOAD_PATTERN_BYTES ? options->size - at : LOAD_PATTERN_BYTES;
        source->body_crc32c = crc32c_update(source->body_crc32c, source->pattern, len);
    }
    return STATUS_OK;
}

void load_source_release(struct load_source *source)
{
    sigv4_key_cache_release(&source->key_cache);
    free(source->pattern);
    source->pattern = NULL;
}

void load_request_init(struct load_request *request)
{
    buffer_init(&request->head, REQUEST_HEAD_MAX);
    buffer_init(&request->tail, REQUEST_TAIL_MAX);
}

void load_request_release(struct load_request *request)
{
    buffer_release(&request->head);
    buffer_release(&request->tail);
}

/* xorshift64: which key comes next must be cheap and the same in every run. */
static uint64_t random_key(struct load_source *source)
{
    source->random ^= source->random << 13;
    source->random ^= source->random >> 7;
    source->random ^= source->random << 17;
    return source->random % source->options->keys;
}

/* Writing goes through the keys in order, so that as many requests as keys make each of them once. */
static uint64_t next_key(struct load_source *source)
{
    const struct load_options *options = source->options;

    return (options->from + source->begun++ * options->step) % options->keys;
}

static uint64_t body_bytes(const struct load_options *options, uint64_t key)
{
    const uint64_t hash = key * 0x9E3779B97F4A7C15u >> 32;

    return options->size_min && options->size_min < options->size
               ? options->size_min + hash % (options->size - options->size_min + 1)
               : options->size;
}

static void begin(struct load_source *source, struct load_request *request, const char *method, const char *target)
{
    buffer_clear(&request->head);
    buffer_clear(&request->tail);
    (void)buffer_printf(&request->head, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n", method, target, source->options->host,
                        (unsigned)source->options->port);
}

static void sign_v4(struct load_source *source, struct load_request *request, const char *method, const char *path,
                    const char *query)
{
    const struct load_options *options = source->options;
    char canonical[2048], to_sign[512], timestamp[CLOCK_TEXT_MAX], hash[2 * SHA256_LEN + 1];
    char signature[SIGV4_SIGNATURE_LEN + 1];
    uint8_t key[SHA256_LEN], sum[SHA256_LEN];

    clock_format_basic(clock_wall_ms(), timestamp);
    int len = snprintf(canonical, sizeof(canonical),
                       "%s\n%s\n%s\nhost:%s:%u\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:%s\n\n"
                       "host;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
                       method, path, query, options->host, (unsigned)options->port, timestamp);
    sha256_of(canonical, (size_t)len, sum);
    hex_encode(sum, sizeof(sum), hash);
    len = snprintf(to_sign, sizeof(to_sign), "AWS4-HMAC-SHA256\n%s\n%.8s/us-east-1/s3/aws4_request\n%s", timestamp,
                   timestamp, hash);
    sigv4_signing_key(bytes_from_str(options->secret_key), bytes_of(timestamp, 8), BYTES("us-east-1"), BYTES("s3"),
                      &source->key_cache, key);
    sigv4_sign(key, bytes_of(to_sign, (size_t)len), signature);
    (void)buffer_printf(&request->head,
                        "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-date: %s\r\nAuthorization: AWS4-HMAC-SHA256 "
                        "Credential=%s/%.8s/us-east-1/s3/aws4_request, "
                        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%s\r\n",
                        timestamp, options->access_key, timestamp, signature);
}

static void make_s3(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    const bool put = options->kind == LOAD_S3_PUT;
    const uint64_t key = put ? next_key(source) : random_key(source);
    char path[512];

    snprintf(path, sizeof(path), "/%s/%s%08u", options->bucket, options->prefix, (unsigned)key);
    begin(source, request, put ? "PUT" : "GET", path);
    sign_v4(source, request, put ? "PUT" : "GET", path, "");
    request->body_bytes = put ? body_bytes(options, key) : 0;
    if (put)
        (void)buffer_printf(&request->head, "Content-Length: %llu\r\n", (unsigned long long)request->body_bytes);
    (void)buffer_append_str(&request->head, "\r\n");
}

static void make_s3_list(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    char path[256], query[512], target[800];
    uint64_t start = options->keys > 1001 ? random_key(source) % (options->keys - 1001) : 0;

    snprintf(path, sizeof(path), "/%s", options->bucket);
    snprintf(query, sizeof(query), "list-type=2&max-keys=1000&start-after=%s%08u", options->prefix, (unsigned)start);
    snprintf(target, sizeof(target), "%s?%s", path, query);
    begin(source, request, "GET", target);
    sign_v4(source, request, "GET", path, query);
    (void)buffer_append_str(&request->head, "\r\n");
    request->body_bytes = 0;
}

/* The document is the request's tail: its body has no bytes of the pattern. */
static void make_s3_delete(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    char path[256], target[300], md5_text[4 * ((MD5_LEN + 2) / 3) + 1];
    uint8_t md5[MD5_LEN];

    snprintf(path, sizeof(path), "/%s", options->bucket);
    snprintf(target, sizeof(target), "%s?delete", path);
    begin(source, request, "POST", target);
    sign_v4(source, request, "POST", path, "delete=");
    (void)buffer_append_str(&request->tail, "<Delete><Quiet>true</Quiet>");
    for (unsigned i = 0; i < DELETE_KEYS; i++)
        (void)buffer_printf(&request->tail, "<Object><Key>%s%08u</Key></Object>", options->prefix,
                            (unsigned)next_key(source));
    (void)buffer_append_str(&request->tail, "</Delete>");
    md5_of(request->tail.data, request->tail.len, md5);
    base64_encode(md5, sizeof(md5), md5_text);
    (void)buffer_printf(&request->head, "Content-MD5: %s\r\nContent-Length: %llu\r\n\r\n", md5_text,
                        (unsigned long long)request->tail.len);
    request->body_bytes = 0;
}

/* As `curl -F file=@... -F filename=...` sends it. */
static void make_files_put(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    static const char intro[] = "--" FORM_BOUNDARY "\r\nContent-Disposition: form-data; name=\"file\"; "
                                "filename=\"body\"\r\nContent-Type: application/octet-stream\r\n\r\n";

    begin(source, request, "POST", "/upload");
    (void)buffer_printf(&request->tail,
                        "\r\n--" FORM_BOUNDARY
                        "\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n%s%08u\r\n--" FORM_BOUNDARY
                        "--\r\n",
                        options->prefix, (unsigned)next_key(source));
    (void)buffer_printf(&request->head,
                        "Content-Type: multipart/form-data; boundary=" FORM_BOUNDARY
                        "\r\nContent-Length: %llu\r\n\r\n%s",
                        (unsigned long long)(strlen(intro) + options->size + request->tail.len), intro);
    request->body_bytes = options->size;
}

static void make_get(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    char target[512];

    snprintf(target, sizeof(target), "%s%s%08u", options->kind == LOAD_FILES_GET ? "/download?filename=" : "/",
             options->prefix, (unsigned)random_key(source));
    begin(source, request, "GET", target);
    (void)buffer_append_str(&request->head, "\r\n");
    request->body_bytes = 0;
}

static void make_node_put(struct load_source *source, struct load_request *request)
{
    const struct load_options *options = source->options;
    struct chunk_id id;
    char text[CHUNK_ID_TEXT_LEN + 1], target[64], auth[PROTOCOL_AUTH_MAX];
    uint8_t footer[PROTOCOL_FOOTER_LEN];

    chunk_id_create(&id);
    chunk_id_format(&id, text);
    snprintf(target, sizeof(target), "/chunks/%s", text);
    begin(source, request, "PUT", target);
    protocol_sign(&source->identity, "PUT", bytes_from_str(target), clock_wall_ms(), "footer", auth);
    protocol_footer_make(&source->identity, bytes_from_str(auth), options->size, source->body_crc32c, footer);
    (void)buffer_append(&request->tail, footer, sizeof(footer));
    (void)buffer_printf(&request->head, "x-tercet-auth: %s\r\nContent-Length: %llu\r\n\r\n", auth,
                        (unsigned long long)(options->size + sizeof(footer)));
    request->body_bytes = options->size;
}

void load_request_next(struct load_source *source, struct load_request *request)
{
    static void (*const makers[LOAD_KIND_COUNT])(struct load_source *, struct load_request *) = {
        [LOAD_S3_PUT] = make_s3,           [LOAD_S3_GET] = make_s3,           [LOAD_S3_LIST] = make_s3_list,
        [LOAD_S3_DELETE] = make_s3_delete, [LOAD_FILES_PUT] = make_files_put, [LOAD_FILES_GET] = make_get,
        [LOAD_PLAIN_GET] = make_get,       [LOAD_NODE_PUT] = make_node_put,
    };
    makers[source->options->kind](source, request);
}
