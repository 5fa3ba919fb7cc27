/* Encryption at rest for S3; see the header. A client's own key is read from headers alone, never from a URL, and is in
 * no log, no answer and no record. */
#include "gateway/s3/encryption.h"

#include <stdio.h>
#include <string.h>

#include "compat/encryption_header.h"
#include "gateway/object/default_encryption.h"
#include "gateway/object/rewrap.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

/* ---- what requests say ------------------------------------------------------------------------------------------ */

static struct header_list said(const struct exchange *exchange, struct http_header storage[POST_FIELDS_MAX])
{
    static const char *const names[] = {SSE_NAMES};

    if (!exchange->form)
        return s3_named_headers(exchange, names, sizeof(names) / sizeof(names[0]), storage);
    return s3_form_as_headers(exchange, storage);
}

/* A URL is kept in histories and logs, so AWS's clients never put the key there either. */
static enum status check_not_in_query(struct exchange *exchange)
{
    static const char *const names[] = {SSE_CUSTOMER_NAMES, SSE_COPY_SOURCE_NAMES};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (uri_query_find_nocase(&exchange->query, names[i]))
            return s3_fail_argument(exchange, names[i], (struct bytes){0},
                                    "Customer provided keys have to be sent in headers.");
    return STATUS_OK;
}

static enum status read_customer(struct exchange *exchange, enum sse_customer_use use, struct sse_customer *customer)
{
    struct http_header storage[POST_FIELDS_MAX];
    struct header_list headers = exchange->form ? s3_form_as_headers(exchange, storage) : exchange_headers(exchange);
    struct s3_error_details details = {0};

    *customer = (struct sse_customer){0};
    if (check_not_in_query(exchange))
        return STATUS_DENIED;
    if (sse_customer_parse(headers, use, customer, &details))
        return s3_fail_details(exchange, &details);
    if (!customer->given || exchange->http->tls || exchange->gateway->options.allow_ssec_over_http)
        return STATUS_OK;
    explicit_bzero(&customer->key, sizeof(customer->key));
    s3_error_setf(&details, S3_INVALID_REQUEST,
                  "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure "
                  "connection.");
    return s3_fail_details(exchange, &details);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static enum status no_keys(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_NOT_IMPLEMENTED, "This server has no keys to encrypt objects with: see -keyring.");
    s3_error_add(&details, "Header", BYTES(SSE_PREFIX));
    return s3_fail_details(exchange, &details);
}

static void key_arn(const struct exchange *exchange, struct bytes name, char out[256])
{
    const struct gateway_options *options = &exchange->gateway->options;

    snprintf(out, 256, "arn:aws:kms:%s:%s:key/%.*s", options->region, options->account_id, (int)name.len, name.data);
}

static enum status keys_away(struct exchange *exchange)
{
    struct s3_error_details details = {0};

    s3_error_setf(&details, S3_SERVICE_UNAVAILABLE,
                  "The service that has the encryption keys does not answer. Please try again.");
    return s3_fail_details(exchange, &details);
}

enum status s3_key_of_id(struct exchange *exchange, struct bytes key_id, char name[KEY_NAME_MAX + 1])
{
    struct s3_error_details details = {0};

    if (!exchange->gateway->keys)
        return no_keys(exchange);
    exchange_begin_writing(exchange);
    enum status status = encryption_key_name(exchange->gateway->keys, key_id, name);
    if (!status)
        return STATUS_OK;
    if (status == STATUS_UNAVAILABLE)
        return keys_away(exchange);
    if (status == STATUS_DENIED)
        s3_error_setf(&details, S3_KMS_DISABLED, "%.*s is disabled.", (int)key_id.len, key_id.data);
    else if (status == STATUS_INVALID)
        s3_error_setf(&details, S3_KMS_NOT_FOUND, "Invalid arn %s", exchange->gateway->options.region);
    else if (bytes_starts_with(key_id, BYTES("arn:")))
        s3_error_setf(&details, S3_KMS_NOT_FOUND, "Key '%.*s' does not exist", (int)key_id.len, key_id.data);
    else
        s3_error_setf(&details, S3_KMS_NOT_FOUND, "Invalid keyId '%.*s'", (int)key_id.len, key_id.data);
    return s3_fail_details(exchange, &details);
}

static enum status lost(struct exchange *exchange, const struct encryption *encryption)
{
    struct s3_error_details details = {0};
    char arn[256];

    key_arn(exchange, encryption->key_name, arn);
    s3_error_setf(&details, S3_KMS_NOT_FOUND, "Key '%s' does not exist", arn);
    return s3_fail_details(exchange, &details);
}

static enum status fail_seal(struct exchange *exchange, const struct encryption *encryption, enum status status)
{
    if (status == STATUS_NOT_FOUND)
        return lost(exchange, encryption);
    return status == STATUS_UNAVAILABLE ? keys_away(exchange) : s3_fail_status(exchange, status);
}

static enum status fail_open(struct exchange *exchange, const struct encryption *encryption, bool part,
                             enum status status)
{
    struct s3_error_details details = {0};

    if (status == STATUS_NOT_FOUND)
        return lost(exchange, encryption);
    if (status == STATUS_UNAVAILABLE)
        return keys_away(exchange);
    if (status == STATUS_DENIED && part)
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "The provided encryption parameters did not match the ones used originally.");
    else if (status == STATUS_DENIED)
        s3_error_setf(&details, S3_ACCESS_DENIED,
                      "Requests specifying Server Side Encryption with Customer provided keys must provide the correct "
                      "secret key.");
    else
        s3_error_setf(&details, S3_INTERNAL_ERROR, "The object's key cannot be opened: see the server's log.");
    return s3_fail_details(exchange, &details);
}

static enum status check_block(struct exchange *exchange)
{
    struct bucket_encryption encryption;
    enum status status = default_encryption(exchange->gateway, exchange->settings, &encryption);

    if (status)
        return s3_fail_status(exchange, status);
    return encryption.blocks_customer ? s3_fail(exchange, S3_ACCESS_DENIED) : STATUS_OK;
}

/* The client's key has to come where it is needed, and only there. */
static enum status check_presence(struct exchange *exchange, bool needed, bool given, bool part)
{
    struct s3_error_details details = {0};

    if (needed == given)
        return STATUS_OK;
    if (!needed)
        s3_error_setf(&details, S3_INVALID_REQUEST, "The encryption parameters are not applicable to this object.");
    else if (part)
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "The multipart upload initiate requested encryption. Subsequent part requests must include the "
                      "appropriate encryption parameters.");
    else
        s3_error_setf(&details, S3_INVALID_REQUEST,
                      "The object was stored using a form of Server Side Encryption. The correct parameters must be "
                      "provided to retrieve the object.");
    return s3_fail_details(exchange, &details);
}

static enum status open_key(struct exchange *exchange, const struct encryption_place *place, struct bytes attributes,
                            enum sse_customer_use use, bool part, struct object_key *key)
{
    struct sse_customer customer;
    struct encryption encryption;
    enum status found = encryption_read(attributes, &encryption);

    *key = (struct object_key){0};
    if (found == STATUS_CORRUPT)
        return fail_open(exchange, &encryption, part, found);
    enum status status = read_customer(exchange, use, &customer);
    if (!status)
        status = check_presence(exchange, encryption.kind == ENCRYPTION_CUSTOMER, customer.given, part);
    if (!status && part && customer.given)
        status = check_block(exchange);
    if (!status && found == STATUS_OK) {
        status = encryption_open(exchange->gateway->keys, &customer.key, &encryption, place, key);
        if (status)
            status = fail_open(exchange, &encryption, part, status);
    }
    explicit_bzero(&customer.key, sizeof(customer.key));
    return status;
}

static enum status open_own(struct exchange *exchange, struct bytes attributes, enum sse_customer_use use, bool part,
                            struct object_key *key)
{
    const struct encryption_place place = {exchange->bucket_name, exchange->key};

    return open_key(exchange, &place, attributes, use, part, key);
}

enum status s3_key_to_write(struct exchange *exchange, struct bytes attributes, struct object_key *key)
{
    return open_own(exchange, attributes, SSE_WRITES, false, key);
}

enum status s3_key_to_read(struct exchange *exchange, struct bytes attributes, struct object_key *key)
{
    return open_own(exchange, attributes, SSE_READS, false, key);
}

enum status s3_key_of_part(struct exchange *exchange, struct bytes attributes, struct object_key *key)
{
    enum status status = open_own(exchange, attributes, SSE_WRITES, true, key);

    if (!status && key->sealed)
        block_seal_id_create(&key->id);
    return status;
}

/* What the request says of encryption has to be what the object has. */
static enum status check_same(struct exchange *exchange, const struct encryption *encryption)
{
    struct http_header storage[POST_FIELDS_MAX];
    struct s3_error_details details = {0};
    struct sse_request request;
    char name[KEY_NAME_MAX + 1];

    if (sse_request_parse(said(exchange, storage), &request, &details))
        return s3_fail_details(exchange, &details);
    bool own = s3_header(exchange, SSE_PREFIX "-customer-key").data != NULL;
    if (own != (encryption->kind == ENCRYPTION_CUSTOMER) ||
        (request.method != SSE_NONE && encryption_kind_of(request.method) != encryption->kind))
        return s3_fail(exchange, S3_ENCRYPTION_TYPE_MISMATCH);
    if (request.key_id.len == 0)
        return STATUS_OK;
    enum status status = s3_key_of_id(exchange, request.key_id, name);
    if (!status && !bytes_equal_str(encryption->key_name, name))
        status = s3_fail(exchange, S3_ENCRYPTION_TYPE_MISMATCH);
    return status;
}

/* Nothing is sealed again with a key that the rotation (jobs/rekey.c) takes what is sealed away from: the object may go
 * to where it has been already. */
static void take_key_in_use(struct key_provider *keys, struct encryption *encryption, char name[KEY_NAME_MAX + 1])
{
    if (encryption->kind == ENCRYPTION_CUSTOMER ||
        (encryption->kind != ENCRYPTION_S3 && key_provider_find(keys, encryption->key_name) != STATUS_DENIED))
        return;
    key_provider_current(keys, name);
    encryption->key_name = bytes_from_str(name);
}

/* Nothing is sealed twice by one key under one identity, be it by two who append to an empty object at once. The key
 * stays, since the object's annotations are sealed by it. */
static enum status seal_anew(struct exchange *exchange, struct encryption *encryption, struct object_key *key,
                             struct buffer *sealed)
{
    const struct encryption_place place = {exchange->bucket_name, exchange->key};
    char name[KEY_NAME_MAX + 1];
    struct sse_customer customer;
    enum status status = read_customer(exchange, SSE_WRITES, &customer);

    if (status)
        return status;
    take_key_in_use(exchange->gateway->keys, encryption, name);
    block_seal_id_create(&key->id);
    status = encryption_write(exchange->gateway->keys, &customer.key, encryption, &place, key, sealed);
    explicit_bzero(&customer.key, sizeof(customer.key));
    return status ? fail_seal(exchange, encryption, status) : STATUS_OK;
}

enum status s3_key_to_append(struct exchange *exchange, const struct meta_object *object, struct object_key *key,
                             struct buffer *sealed)
{
    struct encryption encryption;
    enum status found = encryption_read(object->attributes, &encryption);
    enum status status = check_same(exchange, &encryption);

    *key = (struct object_key){0};
    if (!status && found != STATUS_NOT_FOUND)
        status = s3_key_to_write(exchange, object->attributes, key);
    if (!status && key->sealed && object->size == 0)
        status = seal_anew(exchange, &encryption, key, sealed);
    return status;
}

enum status s3_check_key(struct exchange *exchange, struct bytes attributes)
{
    static const char *const names[] = {SSE_CUSTOMER_NAMES};
    enum status status = STATUS_OK;
    bool given = false;
    struct object_key key;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        given = given || s3_header(exchange, names[i]).data;
    if (given) {
        status = open_own(exchange, attributes, SSE_WRITES, true, &key);
        explicit_bzero(&key, sizeof(key));
    }
    return status;
}

enum status s3_key_of_source(struct exchange *exchange, const struct encryption_place *place, struct bytes attributes,
                             struct object_key *key)
{
    return open_key(exchange, place, attributes, SSE_READS_SOURCE, false, key);
}

enum status s3_key_rewrap(struct exchange *exchange, const struct encryption *from, const struct encryption *to,
                          const struct encryption_place *place, struct buffer *description)
{
    bool opened;
    enum status status = encryption_rewrap(exchange->gateway->keys, from, to, place, description, &opened);

    if (status == STATUS_NOT_FOUND)
        return lost(exchange, opened ? to : from);
    return status ? fail_open(exchange, from, false, status) : STATUS_OK;
}

enum status s3_reseal(struct exchange *exchange, const struct encryption_place *from, struct bytes attributes,
                      struct buffer *description)
{
    const struct encryption_place to = {exchange->bucket_name, exchange->key};
    char name[KEY_NAME_MAX + 1];
    struct sse_customer customer;
    struct encryption encryption;
    struct object_key key;
    enum status status = encryption_read(attributes, &encryption);

    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_OK : fail_open(exchange, &encryption, false, status);
    exchange_begin_writing(exchange);
    status = open_key(exchange, from, attributes, SSE_READS, false, &key);
    if (!status)
        status = read_customer(exchange, SSE_READS, &customer);
    if (!status)
        take_key_in_use(exchange->gateway->keys, &encryption, name);
    if (status) {
        explicit_bzero(&key, sizeof(key));
        return status;
    }
    status = encryption_write(exchange->gateway->keys, &customer.key, &encryption, &to, &key, description);
    explicit_bzero(&key, sizeof(key));
    explicit_bzero(&customer.key, sizeof(customer.key));
    return status ? fail_seal(exchange, &encryption, status) : STATUS_OK;
}

/* ---- new objects ------------------------------------------------------------------------------------------------ */

static bool is_sealed(const struct meta_object *object)
{
    struct bytes description;

    return meta_attribute_find(object->attributes, META_ATTRIBUTE_SEALED, &description) != STATUS_NOT_FOUND;
}

/* What is not said is as the bucket has it. What was sealed is never plain because nobody said anything: the nodes are
 * not to see it. On AWS the same comes from every bucket's having SSE-S3 at least. copied: the source of a copy, or
 * NULL. */
static void take_default(struct sse_request *request, const struct bucket_encryption *standard,
                         const struct meta_object *copied)
{
    if (request->method == SSE_NONE) {
        request->method = standard->method;
        request->key_id = bytes_from_str(standard->key_id);
    }
    if (request->method == SSE_NONE && copied && is_sealed(copied))
        request->method = SSE_AES256;
    if (!request->has_bucket_key)
        request->bucket_key = standard->bucket_key;
    if (request->method != SSE_KMS)
        request->bucket_key = false;
}

static enum status describe(struct exchange *exchange, const struct sse_customer *customer,
                            const struct encryption *encryption, struct buffer *document)
{
    const struct encryption_place place = {exchange->bucket_name, exchange->key};
    struct object_key key;

    encryption_key_create(encryption->kind, &key);
    enum status status = encryption_write(exchange->gateway->keys, &customer->key, encryption, &place, &key, document);
    explicit_bzero(&key, sizeof(key));
    return status ? fail_seal(exchange, encryption, status) : STATUS_OK;
}

static enum status by_server(struct exchange *exchange, const struct sse_request *request, struct buffer *document)
{
    static const struct sse_customer none;
    char name[KEY_NAME_MAX + 1];
    enum status status;

    status = s3_key_of_id(exchange, request->key_id, name);
    if (status)
        return status;
    const struct encryption encryption = {.kind = encryption_kind_of(request->method),
                                          .bucket_key = request->bucket_key,
                                          .key_name = bytes_from_str(name),
                                          .context = request->context};
    return describe(exchange, &none, &encryption, document);
}

static enum status by_customer(struct exchange *exchange, const struct sse_request *request,
                               const struct sse_customer *customer, struct buffer *document)
{
    struct http_header storage[POST_FIELDS_MAX];

    if (request->method != SSE_NONE)
        return s3_fail_argument(exchange, SSE_PREFIX, header_list_find(said(exchange, storage), SSE_PREFIX),
                                "Server Side Encryption with Customer provided key is incompatible with the encryption "
                                "method specified");
    const struct encryption encryption = {.kind = ENCRYPTION_CUSTOMER};
    enum status status = check_block(exchange);
    return status ? status : describe(exchange, customer, &encryption, document);
}

enum status s3_encryption_of_new_object(struct exchange *exchange, const struct meta_object *copied,
                                        struct buffer *document)
{
    struct http_header storage[POST_FIELDS_MAX];
    struct s3_error_details details = {0};
    struct bucket_encryption standard;
    struct sse_customer customer;
    struct sse_request request;
    enum status status;

    if (sse_request_parse(said(exchange, storage), &request, &details))
        return s3_fail_details(exchange, &details);
    status = read_customer(exchange, SSE_WRITES, &customer);
    if (status)
        return status;
    if (customer.given) {
        status = by_customer(exchange, &request, &customer, document);
        explicit_bzero(&customer.key, sizeof(customer.key));
        return status;
    }
    status = default_encryption(exchange->gateway, exchange->settings, &standard);
    if (status)
        return s3_fail_status(exchange, status);
    take_default(&request, &standard, copied);
    return request.method == SSE_NONE ? STATUS_OK : by_server(exchange, &request, document);
}

enum status s3_encryption_agrees(struct exchange *exchange, struct bytes kept)
{
    struct bucket_encryption encryption;

    if (bucket_encryption_parse(kept, &encryption))
        return s3_fail(exchange, S3_MALFORMED_XML);
    return encryption.method != SSE_NONE && !exchange->gateway->keys ? no_keys(exchange) : STATUS_OK;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void reply_customer(struct exchange *exchange)
{
    struct http_header storage[POST_FIELDS_MAX];
    struct header_list headers = exchange->form ? s3_form_as_headers(exchange, storage) : exchange_headers(exchange);
    struct bytes md5 = bytes_trim(header_list_find(headers, SSE_PREFIX "-customer-key-MD5"));

    if (md5.len == 0) /* where the key was not asked for */
        return;
    http_reply_header_str(exchange->http, SSE_PREFIX "-customer-algorithm", "AES256");
    http_reply_header(exchange->http, SSE_PREFIX "-customer-key-MD5", md5);
}

void s3_reply_encryption(struct exchange *exchange, struct bytes attributes, bool created)
{
    static const enum sse_method methods[] = {
        [ENCRYPTION_S3] = SSE_AES256, [ENCRYPTION_KMS] = SSE_KMS, [ENCRYPTION_DSSE] = SSE_DSSE};
    struct encryption encryption;
    char arn[256];

    if (encryption_read(attributes, &encryption))
        return;
    if (encryption.kind == ENCRYPTION_CUSTOMER) {
        reply_customer(exchange);
        return;
    }
    http_reply_header_str(exchange->http, SSE_PREFIX, sse_method_name(methods[encryption.kind]));
    if (encryption.kind == ENCRYPTION_S3)
        return;
    key_arn(exchange, encryption.key_name, arn);
    http_reply_header_str(exchange->http, SSE_PREFIX "-aws-kms-key-id", arn);
    if (encryption.bucket_key)
        http_reply_header_str(exchange->http, SSE_PREFIX "-bucket-key-enabled", "true");
    if (created && encryption.context.len > 0)
        http_reply_header(exchange->http, SSE_PREFIX "-context", encryption.context);
}
