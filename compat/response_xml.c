/* The one-call documents of response_xml.h; the lists are in response_list.c. */
#include "compat/response_elements.h"
#include "compat/storage_class.h"

static enum status response_end(struct xml_writer *writer)
{
    xml_writer_close(writer);
    return xml_writer_finish(writer);
}

/* The parts that a checksum's text counts: none unless it is COMPOSITE. */
static uint32_t response_composite_parts(const struct checksum_value *checksum, const struct etag *etag)
{
    return checksum->full_object ? 0 : etag->parts;
}

static void response_checksum_and_type(struct xml_writer *writer, const struct checksum_value *checksum,
                                       uint32_t composite_parts)
{
    if (checksum->algorithm == CHECKSUM_NONE)
        return;
    response_element_checksum(writer, checksum, composite_parts);
    xml_writer_element_str(writer, "ChecksumType", checksum_type_name(checksum->full_object));
}

enum status response_location(struct buffer *out, struct bytes region)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "LocationConstraint");
    xml_writer_text(&writer, region);
    return response_end(&writer);
}

enum status response_initiate(struct buffer *out, struct bytes bucket, struct bytes key, struct bytes upload_id)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "InitiateMultipartUploadResult");
    xml_writer_element(&writer, "Bucket", bucket);
    xml_writer_element(&writer, "Key", key);
    xml_writer_element(&writer, "UploadId", upload_id);
    return response_end(&writer);
}

enum status response_annotation_put(struct buffer *out, struct bytes key, struct bytes name)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "PutObjectAnnotationOutput");
    xml_writer_element(&writer, "Key", key);
    xml_writer_element(&writer, "AnnotationName", name);
    return response_end(&writer);
}

enum status response_complete(struct buffer *out, const struct response_complete *complete)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "CompleteMultipartUploadResult");
    xml_writer_element(&writer, "Location", complete->location);
    xml_writer_element(&writer, "Bucket", complete->bucket);
    xml_writer_element(&writer, "Key", complete->key);
    response_element_etag(&writer, &complete->etag);
    response_checksum_and_type(&writer, &complete->checksum,
                               response_composite_parts(&complete->checksum, &complete->etag));
    return response_end(&writer);
}

enum status response_post(struct buffer *out, struct bytes location, struct bytes bucket, struct bytes key,
                          const struct etag *etag)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open(&writer, "PostResponse");
    xml_writer_element(&writer, "Location", location);
    xml_writer_element(&writer, "Bucket", bucket);
    xml_writer_element(&writer, "Key", key);
    response_element_etag(&writer, etag);
    return response_end(&writer);
}

enum status response_copy(struct buffer *out, const struct response_copy *copy)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, copy->part ? "CopyPartResult" : "CopyObjectResult");
    xml_writer_element_time(&writer, "LastModified", copy->modified_ms);
    response_element_etag(&writer, &copy->etag);
    if (copy->part)
        response_element_checksum(&writer, &copy->checksum, 0);
    else
        response_checksum_and_type(&writer, &copy->checksum, response_composite_parts(&copy->checksum, &copy->etag));
    return response_end(&writer);
}

enum status response_versioning(struct buffer *out, const char *status)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "VersioningConfiguration");
    if (status)
        xml_writer_element_str(&writer, "Status", status);
    return response_end(&writer);
}

enum status response_tagging(struct buffer *out, const struct tag *tags, size_t count)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "Tagging");
    xml_writer_open(&writer, "TagSet");
    for (size_t i = 0; i < count; i++) {
        xml_writer_open(&writer, "Tag");
        xml_writer_element(&writer, "Key", tags[i].key);
        xml_writer_element(&writer, "Value", tags[i].value);
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    return response_end(&writer);
}

static void cors_rule(struct xml_writer *writer, const struct cors_configuration *configuration,
                      const struct cors_rule *rule)
{
    static const struct {
        enum cors_list list;
        const char *name;
    } order[] = {{CORS_HEADER, "AllowedHeader"},
                 {CORS_METHOD, "AllowedMethod"},
                 {CORS_ORIGIN, "AllowedOrigin"},
                 {CORS_EXPOSED, "ExposeHeader"}};

    xml_writer_open(writer, "CORSRule");
    if (rule->id.data)
        xml_writer_element(writer, "ID", rule->id);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        for (size_t j = 0; j < rule->count; j++)
            if (configuration->items[rule->first + j].list == order[i].list)
                xml_writer_element(writer, order[i].name, configuration->items[rule->first + j].text);
    if (rule->has_max_age)
        xml_writer_element_u64(writer, "MaxAgeSeconds", rule->max_age_seconds);
    xml_writer_close(writer);
}

enum status response_cors(struct buffer *out, const struct cors_configuration *configuration)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "CORSConfiguration");
    for (size_t i = 0; i < configuration->count; i++)
        cors_rule(&writer, configuration, &configuration->rules[i]);
    return response_end(&writer);
}

static void attributes_parts(struct xml_writer *writer, const struct response_attributes *attributes)
{
    bool listed = attributes->checksum.algorithm != CHECKSUM_NONE && !attributes->checksum.full_object;

    xml_writer_open(writer, "ObjectParts");
    xml_writer_element_u64(writer, "PartsCount", attributes->parts_count);
    if (listed) {
        xml_writer_element_u64(writer, "PartNumberMarker", attributes->part_number_marker);
        xml_writer_element_u64(writer, "NextPartNumberMarker", attributes->next_part_number_marker);
        xml_writer_element_u64(writer, "MaxParts", attributes->max_parts);
        xml_writer_element_bool(writer, "IsTruncated", attributes->parts_truncated);
        for (size_t i = 0; i < attributes->parts_len; i++) {
            xml_writer_open(writer, "Part");
            xml_writer_element_u64(writer, "PartNumber", attributes->parts[i].number);
            xml_writer_element_u64(writer, "Size", attributes->parts[i].size);
            response_element_checksum(writer, &attributes->parts[i].checksum, 0);
            xml_writer_close(writer);
        }
    }
    xml_writer_close(writer);
}

enum status response_attributes(struct buffer *out, const struct response_attributes *attributes)
{
    struct xml_writer writer;
    char etag[ETAG_TEXT_MAX];

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "GetObjectAttributesResponse");
    if (attributes->with_etag) {
        etag_text_unquoted(&attributes->etag, etag);
        xml_writer_element_str(&writer, "ETag", etag);
    }
    if (attributes->with_checksum && attributes->checksum.algorithm != CHECKSUM_NONE) {
        xml_writer_open(&writer, "Checksum");
        response_checksum_and_type(&writer, &attributes->checksum, 0);
        xml_writer_close(&writer);
    }
    if (attributes->with_parts && attributes->parts_count > 0)
        attributes_parts(&writer, attributes);
    if (attributes->with_storage_class)
        xml_writer_element_str(&writer, "StorageClass", storage_class_name(attributes->storage_class));
    if (attributes->with_size)
        xml_writer_element_u64(&writer, "ObjectSize", attributes->size);
    return response_end(&writer);
}
