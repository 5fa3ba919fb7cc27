/* Elements that several response documents share. For response_list.c and response_xml.c. */
#ifndef TERCET_COMPAT_RESPONSE_ELEMENTS_H
#define TERCET_COMPAT_RESPONSE_ELEMENTS_H

#include "compat/response_xml.h"

void response_element_optional(struct xml_writer *writer, const char *name, struct bytes text); /* none when absent */
void response_element_etag(struct xml_writer *writer, const struct etag *etag);                 /* quoted */
/* `name` is Owner or Initiator. */
void response_element_owner(struct xml_writer *writer, const char *name, const struct response_owner *owner);
/* ChecksumAlgorithm and ChecksumType; none for CHECKSUM_NONE. */
void response_element_algorithm(struct xml_writer *writer, enum checksum_algorithm algorithm, bool full_object);
/* ChecksumCRC32 and the like; none for CHECKSUM_NONE. */
void response_element_checksum(struct xml_writer *writer, const struct checksum_value *value, uint32_t composite_parts);
void response_element_part(struct xml_writer *writer, const struct response_part *part);

#endif
