/* Reads an identity from the directory, whole, as of one moment; see the header. */
#include "gateway/identity/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "gateway/identity/cache.h"
#include "gateway/identity/group.h"
#include "gateway/identity/managed_policy.h"
#include "gateway/identity/role.h"
#include "gateway/identity/user.h"

#define COST_OF_IDENTITY 2048 /* about, without what grows */
#define COST_OF_NAME     64
#define ROLE_MARK        "\nrole/" /* in front of a role's name, as the cache has it */

static void identity_free(struct identity *identity)
{
    free(identity->cached_as);
    free(identity->name);
    free(identity->path);
    free(identity->id);
    free(identity->arn);
    free(identity->canonical_id);
    identity_texts_release(&identity->tags);
    free(identity->tag_list);
    for (size_t i = 0; i < identity->policy_count; i++) {
        pooled_policy_release(identity->pooled[i]);
        free(identity->policy_names[i]);
    }
    free(identity->policies);
    free(identity->pooled);
    free(identity->policy_names);
    pooled_policy_release(identity->boundary);
    explicit_bzero(identity->secret, sizeof(identity->secret));
    free(identity);
}

void identity_release(struct identity *identity)
{
    if (identity && atomic_fetch_sub(&identity->references, 1) == 1)
        identity_free(identity);
}

/* ---- policies ------------------------------------------------------------------------------------------------- */

/* What stands for a policy of which nobody knows what it says. */
#define POLICY_OF_NOTHING                                                                                              \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}"

/* document NULL: it could not be read. */
static struct pooled_policy *parse(const struct identity_source *source, const struct identity *identity,
                                   const char *name, enum policy_kind kind, const char *document)
{
    struct policy_pool *pool = identity_cache_policies(source->cache);
    struct policy_problem problem = {"it is not there"};
    struct pooled_policy *policy;

    if (document && !policy_pool_take(pool, bytes_from_str(document), kind, &policy, &problem))
        return policy;
    log_error("a policy cannot be used: it denies everything to those who have it", LOG_STR("policy", name),
              LOG_STR("of", identity->name), LOG_STR("problem", problem.text));
    enum status status = policy_pool_take(pool, BYTES(POLICY_OF_NOTHING), kind, &policy, &problem);
    CHECK(status == STATUS_OK);
    return policy;
}

static void add_policy(const struct identity_source *source, struct identity *identity, char *take_name,
                       const char *document)
{
    size_t i = identity->policy_count++;

    identity->policies = mem_realloc(identity->policies, (i + 1) * sizeof(*identity->policies));
    identity->pooled = mem_realloc(identity->pooled, (i + 1) * sizeof(*identity->pooled));
    identity->policy_names = mem_realloc(identity->policy_names, (i + 1) * sizeof(*identity->policy_names));
    identity->pooled[i] = parse(source, identity, take_name, POLICY_IDENTITY, document);
    identity->policies[i] = pooled_policy_get(identity->pooled[i]);
    identity->policy_names[i] = take_name;
    identity->cost += COST_OF_NAME + strlen(take_name);
}

static void add_inline(const struct identity_source *source, struct identity *identity, const char *kind,
                       const char *owner, const struct identity_texts *policies)
{
    for (size_t i = 0; i < policies->count; i++) {
        struct buffer name;
        buffer_init(&name, META_IDENTITY_DOCUMENT_MAX);
        enum status status = buffer_printf(&name, "%s/%s/%s", kind, owner, policies->items[i].name);
        CHECK(status == STATUS_OK);
        add_policy(source, identity, name.data, policies->items[i].text);
    }
}

/* An identity that is being read, in the pool. */
struct identity_reading {
    const struct identity_source *source;
    const struct meta_identity_view *view;
    struct bytes name; /* the access key, or the role */
    struct identity *identity;
};

/* The document of the default version. NULL: there is none, or it cannot be read: then the policy denies. */
static enum status load_document(const struct identity_reading *reading, const char *arn, char **document)
{
    struct identity_managed_policy policy;

    *document = NULL;
    enum status status =
        identity_managed_policy_view_arn(reading->view, reading->source->account, bytes_from_str(arn), &policy);
    if (status == STATUS_NOT_FOUND || status == STATUS_INVALID || status == STATUS_CORRUPT)
        return STATUS_OK;
    if (status)
        return status;
    *document = mem_strdup(identity_managed_policy_version(&policy, policy.default_version)->document);
    identity_managed_policy_release(&policy);
    return STATUS_OK;
}

static enum status add_attached(const struct identity_reading *reading, const struct identity_names *attached)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < attached->count && !status; i++) {
        char *document;
        status = load_document(reading, attached->names[i], &document);
        if (!status)
            add_policy(reading->source, reading->identity, mem_strdup(attached->names[i]), document);
        free(document);
    }
    return status;
}

static enum status load_group(const struct identity_reading *reading, const char *name, struct identity_group *group)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_view(reading->view, IDENTITY_GROUPS, bytes_from_str(name), &document);
    if (!status)
        status = identity_group_read(buffer_bytes(&document), group);
    buffer_release(&document);
    return status;
}

static enum status add_group(const struct identity_reading *reading, const char *name)
{
    struct identity_group group;

    enum status status = load_group(reading, name, &group);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) {
        add_policy(reading->source, reading->identity, mem_strdup(name), NULL); /* it may have denied something */
        return STATUS_OK;
    }
    if (status)
        return status;
    add_inline(reading->source, reading->identity, "group", group.name, &group.policies);
    status = add_attached(reading, &group.attached);
    identity_group_release(&group);
    return status;
}

static enum status set_boundary(const struct identity_reading *reading, const char *arn)
{
    char *document;

    enum status status = load_document(reading, arn, &document);
    if (!status)
        reading->identity->boundary = parse(reading->source, reading->identity, arn, POLICY_BOUNDARY, document);
    free(document);
    return status;
}

/* ---- the identity --------------------------------------------------------------------------------------------- */

static void take_tags(struct identity *identity, struct identity_texts *tags)
{
    identity->tags = *tags;
    *tags = (struct identity_texts){0};
    identity->tag_list = mem_zalloc((identity->tags.count + 1) * sizeof(*identity->tag_list));
    for (size_t i = 0; i < identity->tags.count; i++) {
        const struct identity_text *tag = &identity->tags.items[i];
        identity->tag_list[i] = (struct tag){bytes_from_str(tag->name), bytes_from_str(tag->text)};
        identity->cost += 64 + strlen(tag->name) + strlen(tag->text);
    }
}

static void take_user(struct identity *identity, struct identity_user *user, const char *account)
{
    identity->kind = POLICY_USER;
    identity->name = mem_strdup(user->name);
    identity->path = mem_strdup(user->path);
    identity->id = mem_strdup(user->id);
    identity->canonical_id = mem_strdup(user->canonical_id);
    identity->arn = identity_arn(account, "user", user->path, user->name);
    take_tags(identity, &user->tags);
}

static enum status load_user(const struct identity_reading *reading, const char *name, struct identity_user *user)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_view(reading->view, IDENTITY_USERS, bytes_from_str(name), &document);
    if (!status)
        status = identity_user_read(buffer_bytes(&document), user);
    buffer_release(&document);
    return status;
}

static enum status add_user(const struct identity_reading *reading, const char *name)
{
    struct identity *identity = reading->identity;
    struct identity_user user;

    enum status status = load_user(reading, name, &user);
    if (status)
        return status;
    take_user(identity, &user, reading->source->account);
    add_inline(reading->source, identity, "user", user.name, &user.policies);
    status = add_attached(reading, &user.attached);
    for (size_t i = 0; i < user.groups.count && !status; i++)
        status = add_group(reading, user.groups.names[i]);
    if (!status && user.boundary)
        status = set_boundary(reading, user.boundary);
    identity_user_release(&user);
    return status;
}

/* A row that is wrong opens nothing. */
static enum status refuse_row(struct bytes name, const char *what, enum status status)
{
    log_error(what, LOG_BYTES("name", name), LOG_STATUS(status));
    return STATUS_CORRUPT;
}

static enum status load_key(const struct identity_reading *reading, struct identity_access_key *key)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_view(reading->view, IDENTITY_KEYS, reading->name, &document);
    if (!status)
        status = identity_access_key_read(buffer_bytes(&document), key);
    buffer_release(&document);
    return status;
}

static enum status read_identity(const struct meta_identity_view *view, void *arg)
{
    struct identity_reading *reading = arg;
    struct identity *identity = reading->identity;
    struct bytes access_key = reading->name;
    struct identity_access_key key;

    reading->view = view;
    enum status status = load_key(reading, &key);
    if (status)
        return status == STATUS_CORRUPT ? refuse_row(access_key, "the row of an access key is damaged", status)
                                        : status;
    identity->active = key.active;
    status = add_user(reading, key.user);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        status = refuse_row(access_key, "the user of an access key is damaged or not there", status);
    if (!status) {
        status = identity_access_key_secret(&key, reading->source->seal, identity->secret);
        if (status)
            status = refuse_row(access_key, "the secret of an access key is damaged, or sealed by another key", status);
    }
    identity_access_key_release(&key);
    return status;
}

static enum status load_role(const struct identity_reading *reading, struct identity_role *role)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_view(reading->view, IDENTITY_ROLES, reading->name, &document);
    if (!status)
        status = identity_role_read(buffer_bytes(&document), role);
    buffer_release(&document);
    return status;
}

static enum status read_role(const struct meta_identity_view *view, void *arg)
{
    struct identity_reading *reading = arg;
    struct identity *identity = reading->identity;
    struct identity_role role;

    reading->view = view;
    enum status status = load_role(reading, &role);
    if (status)
        return status == STATUS_CORRUPT ? refuse_row(reading->name, "the row of a role is damaged", status) : status;
    identity->kind = POLICY_ROLE_SESSION;
    identity->name = mem_strdup(role.name);
    identity->path = mem_strdup(role.path);
    identity->id = mem_strdup(role.id);
    identity->canonical_id = mem_strdup("");
    identity->arn = identity_arn(reading->source->account, "role", role.path, role.name);
    identity->revoked_before_ms = role.revoked_before_ms;
    take_tags(identity, &role.tags);
    add_inline(reading->source, identity, "role", role.name, &role.policies);
    status = add_attached(reading, &role.attached);
    if (!status && role.boundary)
        status = set_boundary(reading, role.boundary);
    identity_role_release(&role);
    return status;
}

/* The generation is from before the moment that is read: if it moves between them, what is kept counts as old, and is
 * read again by the next request. This one is decided by what was there at that moment, which it had begun before. */
static enum status read_whole(struct identity_reading *reading, uint64_t generation, struct bytes cached_as,
                              enum status (*read)(const struct meta_identity_view *, void *), struct identity **found)
{
    const struct identity_source *source = reading->source;
    struct identity *identity = mem_zalloc(sizeof(*identity));

    identity->cached_as = mem_strndup(cached_as.data, cached_as.len);
    identity->generation = generation;
    identity->cost = COST_OF_IDENTITY;
    atomic_store(&identity->references, 1);
    reading->identity = identity;
    enum status status = meta_identity_read(source->meta, read, reading);
    if (status) {
        identity_release(identity);
        return status;
    }
    identity_cache_put(source->cache, identity);
    *found = identity;
    return STATUS_OK;
}

/* Anybody can claim any key, and reading as of one moment waits for a write that is under way, in a thread of the pool:
 * that is for keys that are there. */
static enum status key_look_up(const struct identity_source *source, struct bytes access_key)
{
    struct buffer document;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(source->meta, IDENTITY_KEYS, access_key, &document);
    buffer_release(&document);
    return status;
}

enum status identity_find(const struct identity_source *source, struct bytes access_key, struct identity **found)
{
    uint64_t generation = meta_identity_generation(source->meta);
    struct identity_reading reading = {.source = source, .name = access_key};

    *found = NULL;
    if (access_key.len == 0 || access_key.data[0] == ROLE_MARK[0]) /* no key: what roles are cached as */
        return STATUS_NOT_FOUND;
    *found = identity_cache_get(source->cache, access_key, generation);
    if (*found)
        return STATUS_OK;
    enum status status = key_look_up(source, access_key);
    return status ? status : read_whole(&reading, generation, access_key, read_identity, found);
}

enum status identity_find_role(const struct identity_source *source, struct bytes name, struct identity **found)
{
    uint64_t generation = meta_identity_generation(source->meta);
    struct identity_reading reading = {.source = source, .name = name};
    struct buffer cached_as;

    buffer_init(&cached_as, META_IDENTITY_KEY_MAX);
    if (buffer_append_str(&cached_as, ROLE_MARK) || buffer_append_bytes(&cached_as, name)) {
        buffer_release(&cached_as);
        return STATUS_NOT_FOUND;
    }
    *found = identity_cache_get(source->cache, buffer_bytes(&cached_as), generation);
    enum status status =
        *found ? STATUS_OK : read_whole(&reading, generation, buffer_bytes(&cached_as), read_role, found);
    buffer_release(&cached_as);
    return status;
}
