/* Principals: who is named, and as whom a caller is. No wildcards within an ARN, only a `*` for everybody; an account's
 * id and its root's ARN are the same. Case counts. */
#include <string.h>

#include "base/check.h"
#include "compat/names.h"
#include "compat/policy_internal.h"

/* Cuts the front off the text when it is that. */
static bool cut(struct bytes *text, struct bytes front)
{
    if (!bytes_starts_with(*text, front))
        return false;
    *text = bytes_of(text->data + front.len, text->len - front.len);
    return true;
}

/* AIDA..., AROA...: what AWS shows in the place of somebody who was deleted. */
static bool is_unique_id(struct bytes text)
{
    bool is_id = text.len >= 16 && text.len <= 128 &&
                 (bytes_starts_with(text, BYTES("AIDA")) || bytes_starts_with(text, BYTES("AROA")));

    for (size_t i = 0; is_id && i < text.len; i++)
        is_id = (text.data[i] >= 'A' && text.data[i] <= 'Z') || (text.data[i] >= '0' && text.data[i] <= '9');
    return is_id;
}

static bool has_wildcard(struct bytes text)
{
    return memchr(text.data, '*', text.len) || memchr(text.data, '?', text.len);
}

/* Accounts, users, roles and their sessions; no groups. */
static bool read_arn(struct bytes text, struct policy_principal *principal)
{
    static const struct {
        struct bytes front;
        bool of_sts;
    } kinds[] = {
        {{"user/", 5}, false}, {{"role/", 5}, false}, {{"assumed-role/", 13}, true}, {{"federated-user/", 15}, true}};
    struct bytes rest = text;

    if (!cut(&rest, BYTES("arn:aws:")))
        return false;
    bool of_sts = cut(&rest, BYTES("sts::"));
    if (!of_sts && !cut(&rest, BYTES("iam::")))
        return false;
    struct bytes account = bytes_of(rest.data, rest.len < ACCOUNT_ID_LEN ? rest.len : ACCOUNT_ID_LEN);
    if (!account_id_is_valid(account) || !cut(&rest, account) || !cut(&rest, BYTES(":")) || has_wildcard(rest))
        return false;
    if (!of_sts && bytes_equal_str(rest, "root")) {
        *principal = (struct policy_principal){POLICY_PRINCIPAL_ACCOUNT, account};
        return true;
    }
    *principal = (struct policy_principal){POLICY_PRINCIPAL_ARN, text};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].of_sts == of_sts && bytes_starts_with(rest, kinds[i].front))
            return rest.len > kinds[i].front.len;
    return false;
}

static bool read_aws(struct bytes text, struct policy_principal *principal)
{
    *principal = (struct policy_principal){POLICY_PRINCIPAL_EVERYBODY, text};
    if (bytes_equal_str(text, "*"))
        return true;
    principal->kind = POLICY_PRINCIPAL_ACCOUNT;
    if (account_id_is_valid(text))
        return true;
    principal->kind = POLICY_PRINCIPAL_NOBODY;
    return is_unique_id(text) || read_arn(text, principal);
}

struct principal_reader {
    struct policy_statement *statement;
    bool of_aws;
    enum policy_principal_kind kind; /* of others */
};

static enum status read_principal(struct policy_parser *parser, void *arg, size_t index, struct bytes text)
{
    struct principal_reader *reader = arg;
    struct policy_principal *principal = &reader->statement->principals[reader->statement->principal_count++];
    bool good = text.len > 0 && !has_wildcard(text);
    char quoted[POLICY_QUOTE_MAX + 1];

    (void)index;
    *principal = (struct policy_principal){reader->kind, text};
    if (reader->of_aws)
        good = text.len > 0 && read_aws(text, principal);
    if (!good)
        return policy_fail(parser, "Invalid principal in policy: %s", policy_quote(text, quoted));
    return STATUS_OK;
}

static enum status read_kind(struct policy_parser *parser, const char *name, json_t *value,
                             struct policy_statement *statement)
{
    static const struct {
        const char *name;
        enum policy_principal_kind kind;
    } kinds[] = {
        {"Federated", POLICY_PRINCIPAL_PROVIDER},
        {"CanonicalUser", POLICY_PRINCIPAL_CANONICAL},
        {"Service", POLICY_PRINCIPAL_SERVICE},
    };
    struct principal_reader reader = {.statement = statement, .of_aws = strcmp(name, "AWS") == 0};
    bool known = reader.of_aws;
    char quoted[POLICY_QUOTE_MAX + 1];

    for (size_t i = 0; !known && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        known = strcmp(name, kinds[i].name) == 0;
        reader.kind = kinds[i].kind;
    }
    if (!known)
        return policy_fail(parser, "Invalid principal in policy: %s", policy_quote(bytes_from_str(name), quoted));
    return policy_texts(parser, value, read_principal, &reader);
}

enum status policy_principals_parse(struct policy_parser *parser, json_t *value, struct policy_statement *statement)
{
    struct principal_reader reader = {.statement = statement, .of_aws = true};
    const char *name, *text = json_string_value(value);
    json_t *object = value, *item;
    size_t count = text ? 1 : 0;

    json_object_foreach (object, name, item)
        count += policy_text_count(item);
    if (count == 0 || (text && strcmp(text, "*") != 0))
        return policy_fail(parser, "Invalid principal in policy");
    statement->principals = policy_alloc(parser->policy, count * sizeof(*statement->principals));
    if (text)
        return read_principal(parser, &reader, 0, policy_keep(parser->policy, BYTES("*")));
    json_object_foreach (object, name, item)
        if (read_kind(parser, name, item, statement))
            return STATUS_INVALID;
    return STATUS_OK;
}

static enum policy_named names(const struct policy_principal *principal, const struct policy_caller *caller)
{
    const struct bytes *same = NULL;

    switch (principal->kind) {
    case POLICY_PRINCIPAL_EVERYBODY:
        /* whom a Deny shuts out; who comes with a provider's token is let in by its provider's name alone */
        return caller->kind == POLICY_WEB_IDENTITY ? POLICY_NAMED_ACCOUNT : POLICY_NAMED_ITSELF;
    case POLICY_PRINCIPAL_ACCOUNT:
        same = &caller->account;
        break;
    case POLICY_PRINCIPAL_CANONICAL:
        same = &caller->canonical_id;
        break;
    case POLICY_PRINCIPAL_ARN:
        if (caller->kind == POLICY_USER || caller->kind == POLICY_ROLE_SESSION || caller->kind == POLICY_FEDERATED) {
            if (bytes_equal(principal->text, caller->arn))
                return POLICY_NAMED_ITSELF;
            return bytes_equal(principal->text, caller->issuer_arn) ? POLICY_NAMED_ISSUER : POLICY_NAMED_NOT;
        }
        return POLICY_NAMED_NOT;
    case POLICY_PRINCIPAL_PROVIDER:
        return caller->kind == POLICY_WEB_IDENTITY && bytes_equal(principal->text, caller->arn) ? POLICY_NAMED_ITSELF
                                                                                                : POLICY_NAMED_NOT;
    case POLICY_PRINCIPAL_SERVICE:
        return caller->kind == POLICY_SERVICE && bytes_equal(principal->text, caller->arn) ? POLICY_NAMED_ITSELF
                                                                                           : POLICY_NAMED_NOT;
    case POLICY_PRINCIPAL_NOBODY:
        return POLICY_NAMED_NOT;
    }
    return same && same->len > 0 && bytes_equal(principal->text, *same) ? POLICY_NAMED_ACCOUNT : POLICY_NAMED_NOT;
}

/* NotPrincipal spares whom it names in all of its ways: the account, the role, and the session; nobody with a
 * permissions boundary. */
static bool is_spared(const struct policy_statement *statement, const struct policy_caller *caller)
{
    bool account = caller->account.len == 0, issuer = caller->issuer_arn.len == 0;
    bool itself = caller->kind == POLICY_ROOT;

    for (size_t i = 0; i < statement->principal_count; i++) {
        if (statement->principals[i].kind == POLICY_PRINCIPAL_EVERYBODY)
            return true;
        enum policy_named named = names(&statement->principals[i], caller);
        account = account || named == POLICY_NAMED_ACCOUNT;
        issuer = issuer || named == POLICY_NAMED_ISSUER;
        itself = itself || named == POLICY_NAMED_ITSELF;
    }
    return account && issuer && itself && !caller->bounded;
}

enum policy_named policy_principals_name(const struct policy_statement *statement, const struct policy_caller *caller)
{
    enum policy_named best = POLICY_NAMED_NOT;

    if (statement->not_principal)
        return is_spared(statement, caller) ? POLICY_NAMED_NOT : POLICY_NAMED_ITSELF;
    for (size_t i = 0; i < statement->principal_count; i++) {
        enum policy_named named = names(&statement->principals[i], caller);
        best = named > best ? named : best;
    }
    return best;
}
