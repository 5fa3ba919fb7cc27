/* Reading tokens; see the header. Nothing is taken that could be read in two ways: a member that is there twice,
 * another type than the specification's, a text with a NUL or without end. Source: RFC 7515 sections 3.1, 4.1 and 5.2,
 * RFC 7519 section 4.1, OpenID Connect Core section 2. */
#include "compat/jwt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/json_nesting.h"
#include "compat/jwt_algorithm.h"

#define NESTING_MAX 16
#define TIME_MAX    ((int64_t)1 << 40)

struct memory {
    json_t *head, *claims;
};

static json_t *read_object(struct bytes text)
{
    char *decoded = mem_alloc(text.len + 4);
    size_t len = text.len + 4;
    json_t *value = NULL;

    if (base64url_decode(text, decoded, &len) == STATUS_OK && json_nesting(bytes_of(decoded, len)) <= NESTING_MAX)
        value = json_loadb(decoded, len, JSON_REJECT_DUPLICATES, NULL);
    free(decoded);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

/* A text of 1 to JWT_TEXT_MAX bytes, none of them a control character. */
static bool take_text(const json_t *value, struct bytes *text)
{
    *text = json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : (struct bytes){0};
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] < ' ' || text->data[i] == 0x7f)
            return false;
    return text->len > 0 && text->len <= JWT_TEXT_MAX;
}

/* A text, or a list of some. */
static bool take_list(const json_t *value, struct jwt_list *list)
{
    size_t i;
    json_t *item;

    if (json_is_string(value)) {
        list->count = 1;
        return take_text(value, &list->values[0]);
    }
    if (!json_is_array(value) || json_array_size(value) > JWT_VALUES_MAX)
        return false;
    json_array_foreach(value, i, item)
    {
        if (!take_text(item, &list->values[list->count++]))
            return false;
    }
    return list->count > 0;
}

static bool take_time(const json_t *value, int64_t *seconds)
{
    *seconds = json_is_integer(value) ? json_integer_value(value) : -1;
    return *seconds > 0 && *seconds < TIME_MAX;
}

static const char *read_head(struct jwt *jwt, const json_t *head)
{
    const json_t *key_id = json_object_get(head, "kid");
    struct bytes name;

    if (!take_text(json_object_get(head, "alg"), &name))
        return "the token does not say how it is signed";
    jwt->algorithm = jwt_algorithm_find(name);
    if (!jwt->algorithm)
        return "the token is not signed by RSA or ECDSA";
    if (json_object_get(head, "crit")) /* extensions that whoever does not know them must not pass over */
        return "the token has critical extensions";
    if (key_id && !take_text(key_id, &jwt->key_id))
        return "the token's key id is malformed";
    return NULL;
}

static bool has_claims_of_aws(const json_t *claims)
{
    static const char prefix[] = "https://aws.amazon.com/";
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)claims, name, value) {
        (void)value;
        if (strncmp(name, prefix, sizeof(prefix) - 1) == 0)
            return true;
    }
    return false;
}

static const char *read_claims(struct jwt *jwt, const json_t *claims)
{
    const json_t *party = json_object_get(claims, "azp"), *methods = json_object_get(claims, "amr");
    const json_t *not_before = json_object_get(claims, "nbf");

    if (!take_text(json_object_get(claims, "iss"), &jwt->issuer))
        return "the claim iss is missing or malformed";
    if (!take_text(json_object_get(claims, "sub"), &jwt->subject))
        return "the claim sub is missing or malformed";
    if (!take_list(json_object_get(claims, "aud"), &jwt->audience))
        return "the claim aud is missing or malformed";
    if (party && !take_text(party, &jwt->authorized_party))
        return "the claim azp is malformed";
    if (methods && !take_list(methods, &jwt->methods))
        return "the claim amr is malformed";
    if (!take_time(json_object_get(claims, "exp"), &jwt->expires_s))
        return "the claim exp is missing or no time";
    if (!take_time(json_object_get(claims, "iat"), &jwt->issued_s))
        return "the claim iat is missing or no time";
    if (not_before && !take_time(not_before, &jwt->not_before_s))
        return "the claim nbf is no time";
    jwt->carries_tags = has_claims_of_aws(claims);
    return NULL;
}

/* HEAD.CLAIMS.SIGNATURE */
static bool split(struct bytes text, struct bytes parts[3])
{
    for (size_t i = 0; i < 3; i++) {
        const char *dot = text.len ? memchr(text.data, '.', text.len) : NULL;
        if (!dot != (i == 2))
            return false;
        parts[i] = bytes_of(text.data, dot ? (size_t)(dot - text.data) : text.len);
        text = dot ? bytes_of(dot + 1, text.len - parts[i].len - 1) : (struct bytes){0};
        if (parts[i].len == 0)
            return false;
    }
    return true;
}

static const char *read_parts(struct jwt *jwt, struct bytes text)
{
    struct memory *memory = jwt->memory;
    struct bytes parts[3];

    if (text.len > JWT_BYTES_MAX || !split(text, parts))
        return "the token is not of three parts";
    jwt->signature_len = sizeof(jwt->signature);
    if (base64url_decode(parts[2], jwt->signature, &jwt->signature_len))
        return "the token's signature is malformed";
    jwt->signed_text = bytes_of(text.data, parts[0].len + 1 + parts[1].len);
    memory->head = read_object(parts[0]);
    memory->claims = read_object(parts[1]);
    if (!memory->head || !memory->claims)
        return "the token's parts are no JSON objects";
    const char *why = read_head(jwt, memory->head);
    return why ? why : read_claims(jwt, memory->claims);
}

enum status jwt_parse(struct bytes text, struct jwt *jwt, const char **why)
{
    *jwt = (struct jwt){.memory = mem_zalloc(sizeof(struct memory))};
    *why = read_parts(jwt, text);
    if (!*why)
        return STATUS_OK;
    jwt_release(jwt);
    return STATUS_INVALID;
}

void jwt_release(struct jwt *jwt)
{
    struct memory *memory = jwt->memory;

    if (memory) {
        json_decref(memory->head);
        json_decref(memory->claims);
        free(memory);
    }
    *jwt = (struct jwt){.memory = NULL};
}

/* At its end it is over; of what lies in the future so much is a clock's difference. */
enum jwt_time jwt_check_time(const struct jwt *jwt, int64_t now_s)
{
    if (jwt->expires_s <= now_s - JWT_SKEW_SECONDS)
        return JWT_EXPIRED;
    if (jwt->issued_s > now_s + JWT_SKEW_SECONDS || jwt->not_before_s > now_s + JWT_SKEW_SECONDS)
        return JWT_NOT_YET;
    return JWT_NOW;
}
