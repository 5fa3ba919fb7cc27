/* What meta keeps of a version among its attributes; see the header. A form byte, then fixed fields. */
#include "meta/own_attribute.h"

#include "meta/record_io.h"

enum { OWN_FORM = 1, OWN_BYTES_MAX = 64 };

static bool says_nothing(const struct own_attribute *own)
{
    return !own->has_id && own->committed == 0 && own->sum.count == 0 && own->sum.changed == 0;
}

enum status own_attribute_read(struct bytes attributes, struct own_attribute *own)
{
    struct bytes document;

    *own = (struct own_attribute){0};
    if (attributes.len == 0 || meta_attribute_find(attributes, META_ATTRIBUTE_OWN, &document))
        return STATUS_OK;
    struct record_reader reader = record_reader_open(document, OWN_FORM);
    own->has_id = record_read_bool(&reader);
    own->committed = record_read_u64(&reader);
    record_read_into(&reader, own->set.bytes, ANNOTATION_SET_BYTES);
    own->sum.count = record_read_u32(&reader);
    own->sum.bytes = record_read_u64(&reader);
    own->sum.changed = record_read_u64(&reader);
    if (own->sum.count > META_ANNOTATIONS_MAX || says_nothing(own))
        reader.bad = true;
    return record_reader_close(&reader);
}

enum status own_attribute_write(struct bytes attributes, const struct own_attribute *own, struct buffer *out)
{
    struct meta_attribute change = {.kind = META_ATTRIBUTE_OWN};
    struct buffer document;

    buffer_init(&document, OWN_BYTES_MAX);
    if (!says_nothing(own)) {
        record_put_u8(&document, OWN_FORM);
        record_put_u8(&document, own->has_id);
        record_put_u64(&document, own->committed);
        record_put(&document, own->set.bytes, ANNOTATION_SET_BYTES);
        record_put_u32(&document, own->sum.count);
        record_put_u64(&document, own->sum.bytes);
        record_put_u64(&document, own->sum.changed);
        change.document = buffer_bytes(&document);
    }
    enum status status = meta_attributes_pack(attributes, &change, 1, out);
    buffer_release(&document);
    return status;
}
