/* BucketLoggingStatus; see the header. */
#include "compat/bucket_logging.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

struct logging_parse {
    struct bucket_logging *logging;
    struct s3_error_details *error;
    enum status refused; /* of what is well-formed and cannot be had */
    bool has_target, has_prefix, has_grantee;
    unsigned permission;
    char grantee[256]; /* of the grant that is open, as a header would name it */
};

/* What may stand where; the name of what is open around it is known by the depth. */
static bool is_known(unsigned depth, const char *name)
{
    static const struct {
        unsigned depth;
        const char *name;
    } names[] = {
        {0, "BucketLoggingStatus"},
        {1, "LoggingEnabled"},
        {2, "TargetBucket"},
        {2, "TargetPrefix"},
        {2, "TargetGrants"},
        {2, "TargetObjectKeyFormat"},
        {3, "Grant"},
        {3, "SimplePrefix"},
        {3, "PartitionedPrefix"},
        {4, "Grantee"},
        {4, "Permission"},
        {4, "PartitionDateSource"},
        {5, "ID"},
        {5, "DisplayName"},
        {5, "EmailAddress"},
        {5, "URI"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].depth == depth && strcmp(name, names[i].name) == 0)
            return true;
    return false;
}

static enum status open_format(struct bucket_logging *logging, enum bucketlog_key_format format)
{
    if (logging->has_format)
        return STATUS_INVALID;
    logging->has_format = true;
    logging->format = format;
    return STATUS_OK;
}

static enum status logging_open(void *arg, unsigned depth, const char *name)
{
    struct logging_parse *parse = arg;

    if (!is_known(depth, name))
        return STATUS_INVALID;
    if (depth == 1) {
        if (parse->logging->enabled)
            return STATUS_INVALID;
        parse->logging->enabled = true;
    }
    if (depth == 3 && strcmp(name, "Grant") == 0) {
        parse->permission = 0;
        parse->has_grantee = false;
    }
    if (depth == 3 && strcmp(name, "SimplePrefix") == 0)
        return open_format(parse->logging, BUCKETLOG_KEY_SIMPLE);
    if (depth == 3 && strcmp(name, "PartitionedPrefix") == 0)
        return open_format(parse->logging, BUCKETLOG_KEY_BY_DELIVERY_TIME);
    return STATUS_OK;
}

static enum status take_text(struct bytes text, char *out, size_t max, bool *has)
{
    if (*has || text.len > max)
        return STATUS_INVALID;
    *has = true;
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return STATUS_OK;
}

/* As text of x-amz-grant-*, so that both are read by one. */
static enum status take_grantee(struct logging_parse *parse, const char *name, struct bytes value)
{
    if (strcmp(name, "DisplayName") == 0)
        return STATUS_OK;
    if (parse->has_grantee || value.len == 0 || value.len > 200 || memchr(value.data, '"', value.len) ||
        memchr(value.data, ',', value.len))
        return STATUS_INVALID;
    parse->has_grantee = true;
    snprintf(parse->grantee, sizeof(parse->grantee), "%s=\"%.*s\"",
             strcmp(name, "ID") == 0    ? "id"
             : strcmp(name, "URI") == 0 ? "uri"
                                        : "emailAddress",
             (int)value.len, value.data);
    return STATUS_OK;
}

static enum status take_permission(struct logging_parse *parse, struct bytes value)
{
    parse->permission = bytes_equal_str(value, "FULL_CONTROL") ? ACL_FULL_CONTROL
                        : bytes_equal_str(value, "READ")       ? ACL_READ
                        : bytes_equal_str(value, "WRITE")      ? ACL_WRITE
                                                               : 0;
    return parse->permission ? STATUS_OK : STATUS_INVALID;
}

static enum status take_source(struct bucket_logging *logging, struct bytes value)
{
    if (bytes_equal_str(value, "EventTime"))
        logging->format = BUCKETLOG_KEY_BY_EVENT_TIME;
    else if (!bytes_equal_str(value, "DeliveryTime"))
        return STATUS_INVALID;
    return STATUS_OK;
}

static enum status end_grant(struct logging_parse *parse)
{
    if (!parse->has_grantee || !parse->permission)
        return STATUS_INVALID;
    if (!parse->refused)
        parse->refused =
            acl_add_grants(&parse->logging->grants, parse->permission, bytes_from_str(parse->grantee), parse->error);
    return STATUS_OK;
}

static enum status logging_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct logging_parse *parse = arg;
    struct bytes value = xml_text_trim(text);

    if (depth == 2 && strcmp(name, "TargetBucket") == 0)
        return take_text(value, parse->logging->target, BUCKET_LOGGING_TARGET_MAX, &parse->has_target);
    if (depth == 2 && strcmp(name, "TargetPrefix") == 0) {
        if (text.len > BUCKET_LOGGING_PREFIX_MAX && !parse->refused) {
            s3_error_argument(parse->error, BYTES("TargetPrefix"), (struct bytes){0},
                              "The prefix is longer than %d bytes.", BUCKET_LOGGING_PREFIX_MAX);
            parse->refused = STATUS_DENIED;
            text.len = 0;
        }
        return take_text(text, parse->logging->prefix, BUCKET_LOGGING_PREFIX_MAX, &parse->has_prefix);
    }
    if (depth == 3 && strcmp(name, "Grant") == 0)
        return end_grant(parse);
    if (depth == 4 && strcmp(name, "Permission") == 0)
        return take_permission(parse, value);
    if (depth == 4 && strcmp(name, "PartitionDateSource") == 0)
        return take_source(parse->logging, value);
    return depth == 5 ? take_grantee(parse, name, value) : STATUS_OK;
}

enum status bucket_logging_parse(struct bytes document, struct bucket_logging *logging, struct s3_error_details *error)
{
    static const struct xml_handler handler = {logging_open, logging_close};
    struct logging_parse parse = {.logging = logging, .error = error};
    enum status status;

    logging->enabled = logging->has_format = false;
    logging->format = BUCKETLOG_KEY_SIMPLE;
    logging->target[0] = logging->prefix[0] = '\0';
    acl_init(&logging->grants, (struct bytes){0});
    logging->grants.count = 0;
    status = xml_read(document, BUCKET_LOGGING_XML_BYTES_MAX, "BucketLoggingStatus", &handler, &parse);
    if (!status && logging->enabled && (!parse.has_target || !parse.has_prefix || logging->target[0] == '\0'))
        status = STATUS_INVALID;
    if (status) {
        s3_error_set(error, S3_MALFORMED_XML);
        return status;
    }
    return parse.refused;
}

static void write_grant(struct xml_writer *writer, const struct acl_grant *grant)
{
#define SCHEMA "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    xml_writer_open(writer, "Grant");
    if (grant->grantee == ACL_USER) {
        xml_writer_open_with(writer, "Grantee", SCHEMA "xsi:type=\"CanonicalUser\"");
        xml_writer_element_str(writer, "ID", grant->id);
    } else {
        xml_writer_open_with(writer, "Grantee", SCHEMA "xsi:type=\"Group\"");
        xml_writer_element_str(writer, "URI", acl_group_uri(grant->grantee));
    }
    xml_writer_close(writer);
    xml_writer_element_str(writer, "Permission",
                           grant->permission == ACL_FULL_CONTROL ? "FULL_CONTROL"
                           : grant->permission == ACL_READ       ? "READ"
                                                                 : "WRITE");
    xml_writer_close(writer);
#undef SCHEMA
}

static void write_format(struct xml_writer *writer, enum bucketlog_key_format format)
{
    xml_writer_open(writer, "TargetObjectKeyFormat");
    xml_writer_open(writer, format == BUCKETLOG_KEY_SIMPLE ? "SimplePrefix" : "PartitionedPrefix");
    if (format != BUCKETLOG_KEY_SIMPLE)
        xml_writer_element_str(writer, "PartitionDateSource",
                               format == BUCKETLOG_KEY_BY_EVENT_TIME ? "EventTime" : "DeliveryTime");
    xml_writer_close(writer);
    xml_writer_close(writer);
}

enum status bucket_logging_write(struct buffer *out, const struct bucket_logging *logging)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "BucketLoggingStatus");
    if (logging->enabled) {
        xml_writer_open(&writer, "LoggingEnabled");
        xml_writer_element_str(&writer, "TargetBucket", logging->target);
        if (logging->grants.count > 0) {
            xml_writer_open(&writer, "TargetGrants");
            for (size_t i = 0; i < logging->grants.count; i++)
                write_grant(&writer, &logging->grants.grants[i]);
            xml_writer_close(&writer);
        }
        xml_writer_element_str(&writer, "TargetPrefix", logging->prefix);
        if (logging->has_format)
            write_format(&writer, logging->format);
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

enum status bucketlog_key_write(struct buffer *out, const struct bucketlog_key *key)
{
    bool by_event = key->format == BUCKETLOG_KEY_BY_EVENT_TIME;
    time_t seconds = (time_t)(key->time_ms / 1000);
    enum status status = buffer_append_bytes(out, key->prefix);
    char folders[16], time_text[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(folders, sizeof(folders), "%Y/%m/%d/", &tm);
    strftime(time_text, sizeof(time_text), by_event ? "%Y-%m-%d-00-00-00" : "%Y-%m-%d-%H-%M-%S", &tm);
    if (!status && key->format != BUCKETLOG_KEY_SIMPLE)
        status = buffer_printf(out, "%.*s/%.*s/%.*s/%s", (int)key->account.len, key->account.data, (int)key->region.len,
                               key->region.data, (int)key->bucket.len, key->bucket.data, folders);
    if (!status)
        status = buffer_printf(out, "%s-%016llX", time_text, (unsigned long long)key->unique);
    return status;
}
