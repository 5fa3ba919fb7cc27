/* Access control lists; see the header. */
#include "compat/acl.h"

#include <string.h>
#include <strings.h>

#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    unsigned permission;
    const char *name;
} permissions[] = {
    {ACL_READ, "READ"},
    {ACL_WRITE, "WRITE"},
    {ACL_READ_ACP, "READ_ACP"},
    {ACL_WRITE_ACP, "WRITE_ACP"},
    {ACL_FULL_CONTROL, "FULL_CONTROL"},
};

static const char *const group_uris[ACL_GRANTEE_COUNT] = {
    [ACL_ALL_USERS] = "http://acs.amazonaws.com/groups/global/AllUsers",
    [ACL_AUTHENTICATED_USERS] = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    [ACL_LOG_DELIVERY] = "http://acs.amazonaws.com/groups/s3/LogDelivery",
};

static const char *permission_name(unsigned permission)
{
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (permissions[i].permission == permission)
            return permissions[i].name;
    return "";
}

static unsigned permission_of(struct bytes name)
{
    for (size_t i = 0; i < COUNT(permissions); i++)
        if (bytes_equal_str(name, permissions[i].name))
            return permissions[i].permission;
    return 0;
}

static bool set_id(char out[ACL_ID_LEN + 1], struct bytes id)
{
    bool good = id.len == ACL_ID_LEN;

    for (size_t i = 0; good && i < id.len; i++)
        good = (id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f');
    if (good)
        memcpy(out, id.data, ACL_ID_LEN);
    out[good ? ACL_ID_LEN : 0] = '\0';
    return good;
}

static enum status add(struct acl *acl, enum acl_grantee grantee, const char *id, unsigned permission)
{
    if (acl->count == ACL_GRANTS_MAX)
        return STATUS_LIMIT;
    struct acl_grant *grant = &acl->grants[acl->count++];
    *grant = (struct acl_grant){.grantee = grantee, .permission = permission};
    strcpy(grant->id, id);
    return STATUS_OK;
}

void acl_init(struct acl *acl, struct bytes owner)
{
    acl->count = 0;
    set_id(acl->owner, owner);
    STATUS_IGNORE(add(acl, ACL_USER, acl->owner, ACL_FULL_CONTROL), "there is room for the first");
}

bool acl_is_private(const struct acl *acl)
{
    const struct acl_grant *first = &acl->grants[0];

    return acl->count == 1 && first->grantee == ACL_USER && first->permission == ACL_FULL_CONTROL &&
           strcmp(first->id, acl->owner) == 0;
}

/* ---- as a request gives it ------------------------------------------------------------------------------------ */

static const struct canned {
    const char *name;
    bool of_bucket, of_object;
    enum acl_grantee grantee;
    unsigned permissions[2]; /* 0: none */
    unsigned to_bucket_owner;
} canned[] = {
    {"private", true, true, ACL_USER, {0}, 0},
    {"public-read", true, true, ACL_ALL_USERS, {ACL_READ}, 0},
    {"public-read-write", true, true, ACL_ALL_USERS, {ACL_READ, ACL_WRITE}, 0},
    {"authenticated-read", true, true, ACL_AUTHENTICATED_USERS, {ACL_READ}, 0},
    {"aws-exec-read", true, true, ACL_USER, {0}, 0}, /* to a service that there is not here */
    {"bucket-owner-read", false, true, ACL_USER, {0}, ACL_READ},
    {"bucket-owner-full-control", false, true, ACL_USER, {0}, ACL_FULL_CONTROL},
    {"log-delivery-write", true, false, ACL_LOG_DELIVERY, {ACL_WRITE, ACL_READ_ACP}, 0},
};

bool acl_add_canned(struct acl *acl, struct bytes name, struct bytes bucket_owner)
{
    char id[ACL_ID_LEN + 1];

    for (size_t i = 0; i < COUNT(canned); i++) {
        const struct canned *row = &canned[i];
        if (!bytes_equal_str(name, row->name))
            continue;
        for (size_t j = 0; j < COUNT(row->permissions) && row->permissions[j]; j++)
            STATUS_IGNORE(add(acl, row->grantee, "", row->permissions[j]), "there is room for three");
        /* of a bucket it says nothing more */
        if (row->to_bucket_owner && set_id(id, bucket_owner) && strcmp(id, acl->owner) != 0)
            STATUS_IGNORE(add(acl, ACL_USER, id, row->to_bucket_owner), "there is room for three");
        return true;
    }
    return false;
}

const char *acl_group_uri(enum acl_grantee grantee)
{
    return group_uris[grantee];
}

static enum acl_grantee group_of(struct bytes uri)
{
    for (int i = ACL_ALL_USERS; i < ACL_GRANTEE_COUNT; i++)
        if (bytes_equal_str(uri, group_uris[i]))
            return (enum acl_grantee)i;
    return ACL_USER;
}

static enum status refuse(struct s3_error_details *error, const char *name, struct bytes value, const char *message)
{
    s3_error_argument(error, bytes_from_str(name), value, "%s", message);
    return STATUS_DENIED;
}

static enum status too_many(struct s3_error_details *error)
{
    s3_error_setf(error, S3_MALFORMED_ACL, "There are more than %d grants.", ACL_GRANTS_MAX);
    return STATUS_DENIED;
}

static enum status add_grantee(struct acl *acl, unsigned permission, struct bytes kind, struct bytes value,
                               struct s3_error_details *error)
{
    enum acl_grantee group = ACL_USER;
    char id[ACL_ID_LEN + 1] = "";

    if (bytes_equal_nocase(kind, "emailAddress")) {
        s3_error_setf(error, S3_METHOD_NOT_ALLOWED, "Grantees cannot be named by their e-mail addresses.");
        return STATUS_DENIED;
    }
    if (bytes_equal_nocase(kind, "uri"))
        group = group_of(value);
    else if (!bytes_equal_nocase(kind, "id"))
        return refuse(error, "x-amz-grant", kind, "Argument format not recognized");
    else if (!set_id(id, value))
        return refuse(error, "id", value, "Invalid id");
    if (group == ACL_USER && id[0] == '\0')
        return refuse(error, "uri", value, "Invalid group uri");
    return add(acl, group, id, permission) ? too_many(error) : STATUS_OK;
}

static struct bytes unquoted(struct bytes text)
{
    text = bytes_trim(text);
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        return bytes_of(text.data + 1, text.len - 2);
    return text;
}

enum status acl_add_grants(struct acl *acl, unsigned permission, struct bytes text, struct s3_error_details *error)
{
    enum status status = STATUS_OK;

    while (!status && text.len > 0) {
        const char *comma = memchr(text.data, ',', text.len);
        struct bytes item = comma ? bytes_of(text.data, (size_t)(comma - text.data)) : text;
        const char *equals = item.len > 0 ? memchr(item.data, '=', item.len) : NULL;

        text = comma ? bytes_of(comma + 1, text.len - item.len - 1) : (struct bytes){0};
        if (!equals)
            return refuse(error, "x-amz-grant", item, "Argument format not recognized");
        size_t len = (size_t)(equals - item.data);
        status = add_grantee(acl, permission, bytes_trim(bytes_of(item.data, len)),
                             unquoted(bytes_of(equals + 1, item.len - len - 1)), error);
    }
    return status;
}

struct document {
    struct acl *acl;
    struct s3_error_details *error;
    bool has_list, has_grantee;
    struct acl_grant grant; /* that is open */
    enum status status;     /* of a grantee that is well-formed and cannot be had */
};

static enum status document_open(void *arg, unsigned depth, const char *name)
{
    struct document *document = arg;

    if (depth == 1 && strcmp(name, "AccessControlList") == 0)
        document->has_list = true;
    if (depth == 2 && strcmp(name, "Grant") == 0) {
        document->grant = (struct acl_grant){.permission = 0};
        document->has_grantee = false;
    }
    return depth <= 4 ? STATUS_OK : STATUS_INVALID;
}

static enum status document_grantee(struct document *document, const char *name, struct bytes text)
{
    struct acl one = {.count = 0};

    if (strcmp(name, "DisplayName") == 0)
        return STATUS_OK;
    if (document->has_grantee)
        return STATUS_INVALID;
    document->has_grantee = true;
    if (document->status)
        return STATUS_OK;
    document->status = add_grantee(&one, 0, bytes_from_str(name), bytes_trim(text), document->error);
    document->grant.grantee = one.grants[0].grantee;
    memcpy(document->grant.id, one.grants[0].id, sizeof(document->grant.id));
    return STATUS_OK;
}

static enum status document_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct document *document = arg;

    if (depth == 4)
        return document_grantee(document, name, text);
    if (depth == 3 && strcmp(name, "Permission") == 0) {
        document->grant.permission = permission_of(bytes_trim(text));
        return document->grant.permission ? STATUS_OK : STATUS_INVALID;
    }
    if (depth == 2 && !document->has_list && strcmp(name, "ID") == 0)
        return set_id(document->acl->owner, bytes_trim(text)) ? STATUS_OK : STATUS_INVALID;
    if (depth == 2 && strcmp(name, "Grant") == 0) {
        if (!document->has_grantee || !document->grant.permission)
            return STATUS_INVALID;
        return add(document->acl, document->grant.grantee, document->grant.id, document->grant.permission);
    }
    return STATUS_OK;
}

enum status acl_parse_document(struct bytes text, struct acl *acl, struct s3_error_details *error)
{
    static const struct xml_handler handler = {document_open, document_close};
    struct document document = {.acl = acl, .error = error};
    enum status status;

    acl->count = 0;
    acl->owner[0] = '\0';
    status = xml_read(text, ACL_XML_BYTES_MAX, "AccessControlPolicy", &handler, &document);
    if (!status && document.status)
        return document.status; /* the error says it */
    if (!status && document.has_list)
        return STATUS_OK;
    s3_error_set(error, S3_MALFORMED_ACL);
    return STATUS_DENIED;
}

/* ---- as it is kept -------------------------------------------------------------------------------------------- */

/* The owner, then for each grant a letter for whom, a letter for what, and an id. */
enum status acl_write(struct buffer *out, const struct acl *acl)
{
    enum status status = buffer_printf(out, "1%s", acl->owner);

    for (size_t i = 0; !status && i < acl->count; i++)
        status = buffer_printf(out, "\n%c%c%s", 'a' + (int)acl->grants[i].grantee, 'a' + (int)acl->grants[i].permission,
                               acl->grants[i].id);
    return status;
}

static struct bytes next_line(struct bytes *text)
{
    const char *end = text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
    struct bytes line = end ? bytes_of(text->data, (size_t)(end - text->data)) : *text;

    *text = end ? bytes_of(end + 1, text->len - line.len - 1) : (struct bytes){0};
    return line;
}

enum status acl_read(struct bytes text, struct acl *acl)
{
    struct bytes line = next_line(&text);

    acl->count = 0;
    if (line.len != ACL_ID_LEN + 1 || line.data[0] != '1' || !set_id(acl->owner, bytes_of(line.data + 1, line.len - 1)))
        return STATUS_INVALID;
    while (text.len > 0) {
        char id[ACL_ID_LEN + 1] = "";
        line = next_line(&text);
        if (line.len < 2)
            return STATUS_INVALID;
        unsigned grantee = (unsigned char)line.data[0] - 'a', permission = (unsigned char)line.data[1] - 'a';
        bool good = grantee == ACL_USER ? set_id(id, bytes_of(line.data + 2, line.len - 2)) : line.len == 2;
        if (!good || grantee >= ACL_GRANTEE_COUNT || permission_name(permission)[0] == '\0' ||
            add(acl, (enum acl_grantee)grantee, id, permission))
            return STATUS_INVALID;
    }
    return STATUS_OK;
}

static void respond_grantee(struct xml_writer *writer, const struct acl_grant *grant, const struct acl *acl,
                            struct bytes owner_name)
{
#define SCHEMA "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    bool user = grant->grantee == ACL_USER;

    xml_writer_open_with(writer, "Grantee", user ? SCHEMA "xsi:type=\"CanonicalUser\"" : SCHEMA "xsi:type=\"Group\"");
    if (user) {
        xml_writer_element_str(writer, "ID", grant->id);
        if (strcmp(grant->id, acl->owner) == 0)
            xml_writer_element(writer, "DisplayName", owner_name);
    } else {
        xml_writer_element_str(writer, "URI", group_uris[grant->grantee]);
    }
    xml_writer_close(writer);
#undef SCHEMA
}

enum status acl_respond(struct buffer *out, const struct acl *acl, struct bytes owner_name)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "AccessControlPolicy");
    xml_writer_open(&writer, "Owner");
    xml_writer_element_str(&writer, "ID", acl->owner);
    xml_writer_element(&writer, "DisplayName", owner_name);
    xml_writer_close(&writer);
    xml_writer_open(&writer, "AccessControlList");
    for (size_t i = 0; i < acl->count; i++) {
        xml_writer_open(&writer, "Grant");
        respond_grantee(&writer, &acl->grants[i], acl, owner_name);
        xml_writer_element_str(&writer, "Permission", permission_name(acl->grants[i].permission));
        xml_writer_close(&writer);
    }
    xml_writer_close(&writer);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

/* ---- what it gives -------------------------------------------------------------------------------------------- */

static bool is_public(const struct acl_grant *grant)
{
    return grant->grantee == ACL_ALL_USERS || grant->grantee == ACL_AUTHENTICATED_USERS;
}

bool acl_is_public(const struct acl *acl)
{
    for (size_t i = 0; i < acl->count; i++)
        if (is_public(&acl->grants[i]))
            return true;
    return false;
}

unsigned acl_permissions(const struct acl *acl, struct bytes canonical_id, bool without_groups)
{
    unsigned given = 0;

    for (size_t i = 0; i < acl->count; i++) {
        const struct acl_grant *grant = &acl->grants[i];
        bool to_user = grant->grantee == ACL_USER && grant->id[0] && bytes_equal_str(canonical_id, grant->id);
        bool to_group =
            grant->grantee == ACL_ALL_USERS || (grant->grantee == ACL_AUTHENTICATED_USERS && canonical_id.data);
        if (to_user || (to_group && !without_groups))
            given |= grant->permission;
    }
    return given;
}
