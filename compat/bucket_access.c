/* The documents of the settings about access; see the header. */
#include "compat/bucket_access.h"

#include <string.h>

#include "compat/xml_reader.h"
#include "compat/xml_writer.h"

#define DOCUMENT_BYTES_MAX 65536

#define SWITCHES 4
static const char *const switch_names[SWITCHES] = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                                                   "RestrictPublicBuckets"};

static const char *const ownership_names[OWNERSHIP_COUNT] = {
    [OWNERSHIP_OBJECT_WRITER] = "ObjectWriter",
    [OWNERSHIP_BUCKET_OWNER_PREFERRED] = "BucketOwnerPreferred",
    [OWNERSHIP_BUCKET_OWNER_ENFORCED] = "BucketOwnerEnforced",
};

/* Pretty printers break lines inside elements. */
static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && text.data[0] && strchr(" \t\r\n", text.data[0]))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

struct switches {
    bool on[SWITCHES], given[SWITCHES];
};

static enum status switches_open(void *arg, unsigned depth, const char *name)
{
    (void)arg;
    (void)name;
    return depth <= 1 ? STATUS_OK : STATUS_INVALID;
}

static enum status switches_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct switches *switches = arg;

    text = trim(text);
    if (depth == 0)
        return STATUS_OK;
    for (size_t i = 0; i < SWITCHES; i++) {
        if (strcmp(name, switch_names[i]) != 0)
            continue;
        switches->on[i] = bytes_equal_nocase(text, "true");
        if (switches->given[i] || (!switches->on[i] && !bytes_equal_nocase(text, "false")))
            return STATUS_INVALID;
        switches->given[i] = true;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status public_access_block_parse(struct bytes document, struct public_access_block *block, unsigned *given)
{
    static const struct xml_handler handler = {switches_open, switches_close};
    struct switches switches = {0};
    enum status status = xml_read(document, DOCUMENT_BYTES_MAX, "PublicAccessBlockConfiguration", &handler, &switches);

    *block = (struct public_access_block){switches.on[0], switches.on[1], switches.on[2], switches.on[3]};
    *given = 0;
    for (size_t i = 0; i < SWITCHES; i++)
        *given += switches.given[i];
    return status;
}

enum status public_access_block_write(struct buffer *out, const struct public_access_block *block)
{
    const bool on[SWITCHES] = {block->block_acls, block->ignore_acls, block->block_policy, block->restrict_buckets};
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "PublicAccessBlockConfiguration");
    for (size_t i = 0; i < SWITCHES; i++)
        xml_writer_element_bool(&writer, switch_names[i], on[i]);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

bool object_ownership_parse(struct bytes name, enum object_ownership *ownership)
{
    for (size_t i = 0; i < OWNERSHIP_COUNT; i++) {
        if (!bytes_equal_str(name, ownership_names[i]))
            continue;
        *ownership = (enum object_ownership)i;
        return true;
    }
    return false;
}

struct controls {
    unsigned rules, names;
    enum object_ownership ownership;
};

static enum status controls_open(void *arg, unsigned depth, const char *name)
{
    static const char *const elements[] = {"OwnershipControls", "Rule", "ObjectOwnership"};
    struct controls *controls = arg;

    if (depth > 2 || strcmp(name, elements[depth]) != 0)
        return STATUS_INVALID;
    controls->rules += depth == 1;
    return STATUS_OK;
}

static enum status controls_close(void *arg, unsigned depth, const char *name, struct bytes text)
{
    struct controls *controls = arg;

    (void)name;
    if (depth != 2)
        return STATUS_OK;
    controls->names++;
    return object_ownership_parse(trim(text), &controls->ownership) ? STATUS_OK : STATUS_INVALID;
}

enum status ownership_controls_parse(struct bytes document, enum object_ownership *ownership)
{
    static const struct xml_handler handler = {controls_open, controls_close};
    struct controls controls = {0};
    enum status status = xml_read(document, DOCUMENT_BYTES_MAX, "OwnershipControls", &handler, &controls);

    *ownership = controls.ownership;
    if (status)
        return status;
    return controls.rules == 1 && controls.names == 1 ? STATUS_OK : STATUS_INVALID;
}

enum status ownership_controls_write(struct buffer *out, enum object_ownership ownership)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "OwnershipControls");
    xml_writer_open(&writer, "Rule");
    xml_writer_element_str(&writer, "ObjectOwnership", ownership_names[ownership]);
    xml_writer_close(&writer);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}

enum status policy_status_write(struct buffer *out, bool is_public)
{
    struct xml_writer writer;

    xml_writer_init(&writer, out);
    xml_writer_open_root(&writer, "PolicyStatus");
    xml_writer_element_bool(&writer, "IsPublic", is_public);
    xml_writer_close(&writer);
    return xml_writer_finish(&writer);
}
