/* The tags of objects in requests and in versions; see the header. */
#include "gateway/s3/object_tags.h"

#include "gateway/front/operation.h"
#include "gateway/s3/attributes.h"
#include "gateway/s3/handlers.h"
#include "gateway/s3/post_form.h"
#include "gateway/s3/reply.h"
#include "gateway/s3/request.h"

static struct bytes kept_tags(const struct meta_object *object)
{
    struct bytes document = {0};

    STATUS_IGNORE(meta_attribute_find(object->attributes, S3_ATTRIBUTE_TAGGING, &document), "it has none then");
    return document;
}

enum status object_tags_of(const struct meta_object *object, struct tag_set *set)
{
    return object_tags_read(kept_tags(object), set);
}

size_t object_tags_number(const struct meta_object *object)
{
    return object_tags_count(kept_tags(object));
}

bool object_tags_are_copied(const struct exchange *exchange)
{
    return exchange->operation->handle == s3_copy_object &&
           !bytes_equal_str(s3_header(exchange, "x-amz-tagging-directive"), "REPLACE");
}

enum status object_tags_of_request(const struct exchange *exchange, struct tag_set *set, struct s3_error_details *error)
{
    struct bytes document;

    *set = (struct tag_set){0};
    if (object_tags_are_copied(exchange))
        return STATUS_OK;
    if (!exchange->form)
        return tagging_header_parse(s3_header(exchange, "x-amz-tagging"), set, error);
    document = bytes_trim(post_fields_find(s3_form_fields(exchange->form), "tagging"));
    if (document.len == 0 || tagging_parse(document, set) == STATUS_OK)
        return STATUS_OK;
    s3_error_set(error, S3_MALFORMED_XML);
    return STATUS_INVALID;
}

enum status tags_of_new_object(struct exchange *exchange, const struct meta_object *copied, struct buffer *document)
{
    struct s3_error_details details = {0};
    struct tag_set set;
    enum status status;

    if (copied && object_tags_are_copied(exchange)) {
        status = buffer_append_bytes(document, kept_tags(copied));
        return status ? s3_fail_status(exchange, status) : STATUS_OK;
    }
    if (object_tags_of_request(exchange, &set, &details))
        return s3_fail_details(exchange, &details);
    status = tag_set_check_object(&set, &details);
    if (status)
        status = s3_fail_details(exchange, &details);
    else if (object_tags_write(document, &set))
        status = s3_fail(exchange, S3_METADATA_TOO_LARGE);
    tag_set_release(&set);
    return status;
}
