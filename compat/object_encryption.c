/* ObjectEncryption; see the header. AWS: UpdateObjectEncryption, whose page has the texts of the errors. */
#include "compat/object_encryption.h"

#include <string.h>

#include "compat/xml_reader.h"

#define ROOT "ObjectEncryption"

struct encryption_reading {
    struct object_encryption *encryption;
    unsigned types, keys, switches;
    bool other_type, key_fits, switch_fits;
};

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    struct encryption_reading *reading = arg;

    if (depth == 1) {
        reading->types++;
        reading->other_type = strcmp(name, "SSE-KMS") != 0;
    }
    return depth == 2 && !reading->other_type && strcmp(name, "KMSKeyArn") != 0 && strcmp(name, "BucketKeyEnabled") != 0
               ? STATUS_INVALID
               : STATUS_OK;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct encryption_reading *reading = arg;
    struct object_encryption *encryption = reading->encryption;

    text = xml_text_trim(text);
    if (depth != 2 || reading->other_type)
        return STATUS_OK;
    if (strcmp(name, "BucketKeyEnabled") == 0) {
        reading->switches++;
        encryption->bucket_key = bytes_equal_str(text, "true");
        reading->switch_fits = encryption->bucket_key || bytes_equal_str(text, "false");
        return STATUS_OK;
    }
    reading->keys += text.len > 0;
    reading->key_fits = text.len <= OBJECT_ENCRYPTION_ARN_MAX;
    if (!reading->key_fits)
        return STATUS_OK;
    memcpy(encryption->key_arn, text.data ? text.data : "", text.len);
    encryption->key_arn[text.len] = '\0';
    return STATUS_OK;
}

static size_t span(struct bytes text, const char *allowed)
{
    size_t len = 0;

    while (len < text.len && text.data[len] && strchr(allowed, text.data[len]))
        len++;
    return len;
}

static bool skip(struct bytes *text, size_t len, const char *next)
{
    struct bytes rest = bytes_of(text->data + len, text->len - len);

    if (!bytes_starts_with(rest, bytes_from_str(next)))
        return false;
    *text = bytes_of(rest.data + strlen(next), rest.len - strlen(next));
    return true;
}

/* arn:aws[-a-z0-9]*:kms:[-a-z0-9]*:[0-9]{12}:key/.+ */
static bool is_key_arn(struct bytes arn, struct bytes *account)
{
    static const char digits[] = "0123456789", name[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if (!skip(&arn, 0, "arn:aws") || !skip(&arn, span(arn, name), ":kms:") || !skip(&arn, span(arn, name), ":"))
        return false;
    size_t len = span(arn, digits);
    *account = bytes_of(arn.data, len);
    return len == 12 && skip(&arn, len, ":key/") && arn.len > 0;
}

static enum status wrong(struct s3_error_details *error, const char *text)
{
    s3_error_setf(error, S3_INVALID_REQUEST, "%s", text);
    return STATUS_INVALID;
}

static enum status check(const struct encryption_reading *reading, const char *account_id,
                         struct s3_error_details *error)
{
    struct bytes account;

    if (reading->types == 0)
        return wrong(error, "Requests that modify an object encryption configuration require a valid new encryption "
                            "type. Valid values are SSEKMS. Modify the request to specify SSE-KMS for the updated "
                            "encryption type, and then try again.");
    if (reading->other_type)
        return wrong(error, "The UpdateObjectEncryption operation doesn't support updating the encryption type to "
                            "DSSE-KMS or SSE-C. Modify the request to specify SSE-KMS for the updated encryption type, "
                            "and then try again.");
    if (reading->keys == 0)
        return wrong(error, "Requests that modify an object's encryption type to SSE-KMS require an Amazon Web "
                            "Services KMS key Amazon Resource Name (ARN). Modify the request to specify a KMS key ARN, "
                            "and then try again.");
    if (!reading->key_fits || !is_key_arn(bytes_from_str(reading->encryption->key_arn), &account))
        return wrong(error, "Requests that modify an object's encryption type to SSE-KMS require a valid Amazon Web "
                            "Services KMS key Amazon Resource Name (ARN). Confirm that you have a correctly formatted "
                            "KMS key ARN in your request, and then try again.");
    if (reading->switches > 0 && !reading->switch_fits)
        return wrong(error, "The BucketKeyEnabled value isn't valid. Valid values are true or false. Modify the "
                            "request to specify a valid value, and then try again.");
    if (bytes_equal_str(account, account_id))
        return STATUS_OK;
    s3_error_setf(error, S3_ACCESS_DENIED,
                  "The Amazon Web Services KMS key in the request must be owned by the same account as the bucket. "
                  "Modify the request to specify a KMS key from the same account, and then try again.");
    return STATUS_DENIED;
}

enum status object_encryption_parse(struct bytes document, const char *account_id, struct object_encryption *encryption,
                                    struct s3_error_details *error)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct encryption_reading reading = {.encryption = encryption};

    *encryption = (struct object_encryption){0};
    if (xml_read(document, OBJECT_ENCRYPTION_XML_BYTES_MAX, ROOT, &handler, &reading) || reading.types > 1 ||
        reading.keys > 1 || reading.switches > 1) {
        s3_error_set(error, S3_MALFORMED_XML);
        return STATUS_INVALID;
    }
    return check(&reading, account_id, error);
}
