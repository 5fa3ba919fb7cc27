/* Shared elements of response documents. */
#include "compat/response_elements.h"

void response_element_optional(struct xml_writer *writer, const char *name, struct bytes text)
{
    if (text.data)
        xml_writer_element(writer, name, text);
}

void response_element_etag(struct xml_writer *writer, const struct etag *etag)
{
    char text[ETAG_TEXT_MAX];

    etag_text(etag, text);
    xml_writer_element_str(writer, "ETag", text);
}

void response_element_owner(struct xml_writer *writer, const char *name, const struct response_owner *owner)
{
    xml_writer_open(writer, name);
    xml_writer_element(writer, "ID", owner->id);
    xml_writer_element(writer, "DisplayName", owner->display_name);
    xml_writer_close(writer);
}

void response_element_algorithm(struct xml_writer *writer, enum checksum_algorithm algorithm, bool full_object)
{
    if (algorithm == CHECKSUM_NONE)
        return;
    xml_writer_element_str(writer, "ChecksumAlgorithm", checksum_name(algorithm));
    xml_writer_element_str(writer, "ChecksumType", checksum_type_name(full_object));
}

void response_element_checksum(struct xml_writer *writer, const struct checksum_value *value, uint32_t composite_parts)
{
    char text[CHECKSUM_TEXT_MAX];

    if (value->algorithm == CHECKSUM_NONE)
        return;
    checksum_text(value, composite_parts, text);
    xml_writer_element_str(writer, checksum_element_name(value->algorithm), text);
}

void response_element_part(struct xml_writer *writer, const struct response_part *part)
{
    xml_writer_open(writer, "Part");
    xml_writer_element_u64(writer, "PartNumber", part->number);
    xml_writer_element_time(writer, "LastModified", part->modified_ms);
    response_element_etag(writer, &part->etag);
    xml_writer_element_u64(writer, "Size", part->size);
    response_element_checksum(writer, &part->checksum, 0);
    xml_writer_close(writer);
}
