/* Request documents on top of xml_read. Each parse is a small state: the item that is open, and what it has
 * so far. Decoded text is never longer than its source (every reference is longer than its character), so the
 * texts that are kept share one allocation of the document's size and never move. */
#include "compat/request_xml.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/xml_reader.h"

/* Grows an item array for one more, zeroed; NULL beyond the maximum. */
static void *request_items_add(void **items, size_t *count, size_t count_max, size_t item_size)
{
    char *item;

    if (*count == count_max)
        return NULL;
    if ((*count & (*count - 1)) == 0)
        *items = mem_realloc(*items, (*count ? *count * 2 : 1) * item_size);
    item = (char *)*items + (*count)++ * item_size;
    memset(item, 0, item_size);
    return item;
}

/* ---- DeleteObjects ----------------------------------------------------------------------------------------------- */

struct delete_parse {
    struct delete_request *request;
    size_t storage_len;
    bool in_object;
};

static enum status delete_parse_open(void *arg, unsigned depth, const char *name)
{
    struct delete_parse *parse = arg;
    struct delete_request *request = parse->request;

    if (depth != 1)
        return STATUS_OK;
    parse->in_object = strcmp(name, "Object") == 0;
    if (!parse->in_object)
        return strcmp(name, "Quiet") == 0 ? STATUS_OK : STATUS_INVALID;
    if (!request_items_add((void **)&request->objects, &request->count, DELETE_OBJECTS_MAX, sizeof(*request->objects)))
        return STATUS_LIMIT;
    return STATUS_OK;
}

/* Keeps a text; an element that comes twice is malformed. */
static enum status delete_parse_keep(struct delete_parse *parse, struct bytes text, struct bytes *out)
{
    char *copy = parse->request->storage + parse->storage_len;

    if (out->data)
        return STATUS_INVALID;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    parse->storage_len += text.len;
    *out = bytes_of(copy, text.len);
    return STATUS_OK;
}

static enum status delete_parse_object_member(struct delete_parse *parse, const char *name, struct bytes text)
{
    struct delete_object *object = &parse->request->objects[parse->request->count - 1];

    if (strcmp(name, "Key") == 0)
        return delete_parse_keep(parse, text, &object->key);
    if (strcmp(name, "VersionId") == 0)
        return delete_parse_keep(parse, xml_text_trim(text), &object->version_id);
    if (strcmp(name, "ETag") == 0)
        return delete_parse_keep(parse, xml_text_trim(text), &object->etag);
    if (strcmp(name, "Size") == 0)
        return delete_parse_keep(parse, xml_text_trim(text), &object->size);
    if (strcmp(name, "LastModifiedTime") == 0)
        return delete_parse_keep(parse, xml_text_trim(text), &object->last_modified);
    return STATUS_INVALID; /* as on AWS: it may be a condition that is newer than this parser */
}

static enum status delete_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct delete_parse *parse = arg;
    struct delete_request *request = parse->request;

    if (depth == 2 && parse->in_object)
        return delete_parse_object_member(parse, name, text);
    if (depth == 1 && parse->in_object)
        return request->objects[request->count - 1].key.len > 0 ? STATUS_OK : STATUS_INVALID;
    if (depth == 1) { /* Quiet */
        text = xml_text_trim(text);
        request->quiet = bytes_equal_nocase(text, "true");
        return request->quiet || bytes_equal_nocase(text, "false") ? STATUS_OK : STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status delete_request_parse(struct bytes document, struct delete_request *request)
{
    static const struct xml_handler handler = {delete_parse_open, delete_parse_close};
    struct delete_parse parse = {.request = request};
    enum status status;

    memset(request, 0, sizeof(*request));
    if (document.len > REQUEST_XML_LARGE_BYTES_MAX)
        return STATUS_LIMIT;
    request->storage = mem_alloc(document.len + 1);
    status = xml_read(document, REQUEST_XML_LARGE_BYTES_MAX, "Delete", &handler, &parse);
    if (!status && request->count == 0)
        status = STATUS_INVALID;
    if (status)
        delete_request_release(request);
    return status;
}

void delete_request_release(struct delete_request *request)
{
    free(request->objects);
    free(request->storage);
    memset(request, 0, sizeof(*request));
}

/* ---- CompleteMultipartUpload ------------------------------------------------------------------------------------- */

struct complete_parse {
    struct complete_request *request;
    bool in_part, has_number, has_etag;
};

static enum status complete_parse_open(void *arg, unsigned depth, const char *name)
{
    struct complete_parse *parse = arg;
    struct complete_request *request = parse->request;

    if (depth != 1)
        return STATUS_OK;
    parse->in_part = strcmp(name, "Part") == 0;
    parse->has_number = parse->has_etag = false;
    if (parse->in_part &&
        !request_items_add((void **)&request->parts, &request->count, COMPLETE_PARTS_MAX, sizeof(*request->parts)))
        return STATUS_LIMIT;
    return STATUS_OK;
}

static enum status complete_parse_checksum(struct complete_part *part, const char *name, struct bytes text)
{
    for (enum checksum_algorithm i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHM_COUNT; i++) {
        if (strcmp(name, checksum_element_name(i)) != 0)
            continue;
        return part->checksum.algorithm ? STATUS_INVALID : checksum_parse(i, text, &part->checksum);
    }
    return STATUS_OK;
}

static enum status complete_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct complete_parse *parse = arg;
    struct complete_part *part;
    uint64_t number;

    if (!parse->in_part)
        return STATUS_OK;
    if (depth == 1)
        return parse->has_number && parse->has_etag ? STATUS_OK : STATUS_INVALID;
    if (depth != 2)
        return STATUS_OK;
    part = &parse->request->parts[parse->request->count - 1];
    text = xml_text_trim(text);
    if (strcmp(name, "PartNumber") == 0) {
        if (parse->has_number || bytes_parse_u64(text, UINT32_MAX, &number))
            return STATUS_INVALID;
        parse->has_number = true;
        part->number = (uint32_t)number;
        return STATUS_OK;
    }
    if (strcmp(name, "ETag") == 0) {
        if (parse->has_etag)
            return STATUS_INVALID;
        parse->has_etag = true;
        if (etag_parse(text, &part->etag))
            part->etag = ETAG_NONE;
        return STATUS_OK;
    }
    return complete_parse_checksum(part, name, text);
}

enum status complete_request_parse(struct bytes document, struct complete_request *request)
{
    static const struct xml_handler handler = {complete_parse_open, complete_parse_close};
    struct complete_parse parse = {.request = request};
    enum status status;

    memset(request, 0, sizeof(*request));
    status = xml_read(document, REQUEST_XML_LARGE_BYTES_MAX, "CompleteMultipartUpload", &handler, &parse);
    if (!status && request->count == 0)
        status = STATUS_INVALID;
    if (status)
        complete_request_release(request);
    return status;
}

void complete_request_release(struct complete_request *request)
{
    free(request->parts);
    memset(request, 0, sizeof(*request));
}

/* ---- bucket configurations --------------------------------------------------------------------------------------- */

/* One element directly below the root. */
struct single_parse {
    const char *element;
    char *out;
    size_t capacity; /* of out, with the NUL */
    bool found;
};

static enum status single_parse_open(void *arg, unsigned depth, const char *name)
{
    (void)arg, (void)depth, (void)name;
    return STATUS_OK;
}

static enum status single_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct single_parse *parse = arg;

    if (depth != 1 || strcmp(name, parse->element) != 0)
        return STATUS_OK;
    text = xml_text_trim(text);
    if (parse->found)
        return STATUS_INVALID;
    if (text.len >= parse->capacity)
        return STATUS_LIMIT;
    parse->found = true;
    if (text.len > 0)
        memcpy(parse->out, text.data, text.len);
    parse->out[text.len] = '\0';
    return STATUS_OK;
}

struct create_bucket_parse {
    struct single_parse region;
    struct tag_set_reader tags;
    struct create_bucket_request *request;
    bool in_tags, has_tags;
    bool has_children; /* the element directly below the root that is open */
};

static enum status create_bucket_parse_open(void *arg, unsigned depth, const char *name)
{
    struct create_bucket_parse *parse = arg;

    parse->has_children = depth > 1;
    if (depth > 1)
        return parse->in_tags ? tag_set_reader_open(&parse->tags, depth - 1, name) : STATUS_OK;
    parse->in_tags = depth == 1 && strcmp(name, "Tags") == 0;
    if (parse->in_tags && parse->has_tags)
        return STATUS_INVALID;
    parse->has_tags |= parse->in_tags;
    return STATUS_OK;
}

static enum status create_bucket_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct create_bucket_parse *parse = arg;

    if (depth > 1)
        return parse->in_tags ? tag_set_reader_close(&parse->tags, depth - 1, name, text) : STATUS_OK;
    if (depth == 0 || parse->in_tags)
        return STATUS_OK;
    if (strcmp(name, parse->region.element) == 0)
        return single_parse_close(&parse->region, depth, name, text);
    if (parse->has_children || xml_text_trim(text).len > 0)
        parse->request->has_others = true;
    return STATUS_OK;
}

enum status create_bucket_request_parse(struct bytes document, struct create_bucket_request *request)
{
    static const struct xml_handler handler = {create_bucket_parse_open, create_bucket_parse_close};
    struct create_bucket_parse parse = {
        .region = {"LocationConstraint", request->region, sizeof(request->region), false}, .request = request};
    enum status status;

    *request = (struct create_bucket_request){0};
    if (document.len == 0)
        return STATUS_OK;
    if (document.len > REQUEST_XML_BYTES_MAX)
        return STATUS_LIMIT;
    tag_set_reader_init(&parse.tags, &request->tags, document);
    status = xml_read(document, REQUEST_XML_BYTES_MAX, "CreateBucketConfiguration", &handler, &parse);
    if (status)
        create_bucket_request_release(request);
    return status;
}

void create_bucket_request_release(struct create_bucket_request *request)
{
    tag_set_release(&request->tags);
}

struct versioning_parse {
    struct single_parse status, mfa_delete;
};

static enum status versioning_parse_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct versioning_parse *parse = arg;
    enum status status = single_parse_close(&parse->status, depth, name, text);

    return status ? status : single_parse_close(&parse->mfa_delete, depth, name, text);
}

enum status versioning_configuration_parse(struct bytes document, struct versioning_configuration *configuration)
{
    static const struct xml_handler handler = {single_parse_open, versioning_parse_close};
    char text[16] = "", mfa_delete[16] = "";
    struct versioning_parse parse = {{"Status", text, sizeof(text), false},
                                     {"MfaDelete", mfa_delete, sizeof(mfa_delete), false}};
    enum status status = xml_read(document, REQUEST_XML_BYTES_MAX, "VersioningConfiguration", &handler, &parse);

    *configuration = (struct versioning_configuration){0};
    if (status)
        return status;
    if (strcmp(text, "Enabled") == 0)
        configuration->status = VERSIONING_ENABLED;
    else if (strcmp(text, "Suspended") == 0)
        configuration->status = VERSIONING_SUSPENDED;
    else if (parse.status.found)
        return STATUS_INVALID;
    configuration->mfa_delete = strcmp(mfa_delete, "Enabled") == 0;
    if (parse.mfa_delete.found && !configuration->mfa_delete && strcmp(mfa_delete, "Disabled") != 0)
        return STATUS_INVALID;
    return STATUS_OK;
}
