/* ServerSideEncryptionConfiguration; see the header. */
#include "compat/bucket_encryption.h"

#include <string.h>

#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

#define DOCUMENT_BYTES_MAX 16384
#define ROOT               "ServerSideEncryptionConfiguration"

struct rule_reading {
    struct bucket_encryption *encryption;
    unsigned rules, defaults, methods, keys, switches;
    const char *within; /* of the elements of a rule */
};

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

static enum status on_open(void *arg, unsigned depth, const char *name)
{
    static const char *const of_rule[] = {"ApplyServerSideEncryptionByDefault", "BucketKeyEnabled",
                                          "BlockedEncryptionTypes"};
    struct rule_reading *reading = arg;

    if (depth == 1 && strcmp(name, "Rule") == 0) {
        reading->rules++;
        return STATUS_OK;
    }
    for (size_t i = 0; depth == 2 && i < sizeof(of_rule) / sizeof(of_rule[0]); i++) {
        if (strcmp(name, of_rule[i]) != 0)
            continue;
        reading->within = of_rule[i];
        reading->defaults += i == 0;
        return STATUS_OK;
    }
    return depth == 0 || depth == 3 ? STATUS_OK : STATUS_INVALID;
}

static enum status take_blocked(struct rule_reading *reading, struct bytes text)
{
    reading->encryption->names_blocked = true;
    if (bytes_equal_str(text, "SSE-C"))
        reading->encryption->blocks_customer = true;
    return bytes_equal_str(text, "SSE-C") || bytes_equal_str(text, "NONE") ? STATUS_OK : STATUS_INVALID;
}

static enum status on_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct rule_reading *reading = arg;
    struct bucket_encryption *encryption = reading->encryption;

    text = trim(text);
    if (depth == 2 && strcmp(name, "BucketKeyEnabled") == 0) {
        reading->switches++;
        encryption->bucket_key = bytes_equal_str(text, "true");
        return encryption->bucket_key || bytes_equal_str(text, "false") ? STATUS_OK : STATUS_INVALID;
    }
    if (depth != 3)
        return STATUS_OK;
    if (strcmp(reading->within, "BlockedEncryptionTypes") == 0 && strcmp(name, "EncryptionType") == 0)
        return take_blocked(reading, text);
    if (strcmp(reading->within, "ApplyServerSideEncryptionByDefault") != 0)
        return STATUS_INVALID;
    if (strcmp(name, "SSEAlgorithm") == 0) {
        reading->methods++;
        return sse_method_parse(text, &encryption->method);
    }
    if (strcmp(name, "KMSMasterKeyID") != 0 || text.len > BUCKET_ENCRYPTION_KEY_ID_MAX)
        return STATUS_INVALID;
    reading->keys++;
    memcpy(encryption->key_id, text.data ? text.data : "", text.len);
    encryption->key_id[text.len] = '\0';
    return STATUS_OK;
}

enum status bucket_encryption_parse(struct bytes document, struct bucket_encryption *encryption)
{
    static const struct xml_handler handler = {on_open, on_close};
    struct rule_reading reading = {.encryption = encryption, .within = ""};

    *encryption = (struct bucket_encryption){0};
    enum status status = xml_read(document, DOCUMENT_BYTES_MAX, ROOT, &handler, &reading);
    if (status)
        return status;
    bool once = reading.defaults <= 1 && reading.methods <= 1 && reading.keys <= 1 && reading.switches <= 1;
    bool named = reading.methods == reading.defaults;
    return reading.rules == 1 && once && named ? STATUS_OK : STATUS_INVALID;
}

enum status bucket_encryption_check(const struct bucket_encryption *encryption, struct s3_error_details *error)
{
    bool kms = encryption->method == SSE_KMS || encryption->method == SSE_DSSE;

    if (!encryption->key_id[0] || kms)
        return STATUS_OK;
    s3_error_argument(error, BYTES("ApplyServerSideEncryptionByDefault"), bytes_from_str("Not applicable"), "%s",
                      "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse");
    return STATUS_INVALID;
}

enum status bucket_encryption_write(struct buffer *out, const struct bucket_encryption *encryption)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, ROOT);
    xml_writer_open(&writer, "Rule");
    if (encryption->method != SSE_NONE) {
        xml_writer_open(&writer, "ApplyServerSideEncryptionByDefault");
        xml_writer_element_str(&writer, "SSEAlgorithm", sse_method_name(encryption->method));
        if (encryption->key_id[0])
            xml_writer_element_str(&writer, "KMSMasterKeyID", encryption->key_id);
        xml_writer_close(&writer);
    }
    xml_writer_element_bool(&writer, "BucketKeyEnabled", encryption->bucket_key);
    if (encryption->names_blocked) {
        xml_writer_open(&writer, "BlockedEncryptionTypes");
        xml_writer_element_str(&writer, "EncryptionType", encryption->blocks_customer ? "SSE-C" : "NONE");
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
