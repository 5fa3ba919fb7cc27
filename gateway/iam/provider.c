/* OpenID Connect providers. */
#include "gateway/iam/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "compat/iam_names.h"
#include "gateway/iam/elements.h"
#include "gateway/iam/handlers.h"
#include "gateway/iam/page.h"
#include "gateway/identity/oidc_keys.h"

#define URL_MAX         255
#define CLIENT_ID_MAX   255
#define CLIENTS_MAX     100
#define THUMBPRINTS_MAX 5
#define THUMBPRINT_LEN  40

static void write_arn(struct xml_writer *xml, const struct exchange *exchange, const char *element, const char *url)
{
    char *arn = iam_arn_of(exchange, "oidc-provider", "/", url);

    xml_writer_element_str(xml, element, arn);
    free(arn);
}

static enum status refuse_absent(struct exchange *exchange, struct bytes arn)
{
    return iam_fail(exchange, IAM_NO_SUCH_ENTITY, "OpenIDConnect Provider not found for arn %.*s",
                    (int)(arn.len < IAM_ARN_MAX ? arn.len : IAM_ARN_MAX), arn.data ? arn.data : "");
}

enum status iam_provider_load(struct exchange *exchange, struct identity_provider *provider)
{
    struct bytes arn = iam_value(exchange, "OpenIDConnectProviderArn");
    char prefix[64];

    *provider = (struct identity_provider){0};
    snprintf(prefix, sizeof(prefix), "arn:aws:iam::%s:oidc-provider/", exchange->gateway->options.account_id);
    if (!bytes_starts_with(arn, bytes_from_str(prefix)))
        return refuse_absent(exchange, arn);
    struct bytes url = bytes_of(arn.data + strlen(prefix), arn.len - strlen(prefix));
    enum status status = identity_provider_load(exchange->gateway->meta, url, provider);
    if (!status && !bytes_equal_str(url, provider->url)) { /* what was authorized is what is looked up */
        identity_provider_release(provider);
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_NOT_FOUND)
        return refuse_absent(exchange, arn);
    return status ? iam_fail_status(exchange, status) : STATUS_OK;
}

/* What the url of a provider on this host begins with, as far as there may be one with a port; "": there may be none.
 */
static const char *loopback_scheme(const struct exchange *exchange)
{
    const char *scheme = exchange->gateway->options.oidc_loopback;

    return !scheme || !scheme[0] ? "" : strcmp(scheme, "http") == 0 ? "http://" : "https://";
}

/* https://host/path without port, query, fragment and user. *url: host and path, without a slash at the end. */
static enum status read_url(struct exchange *exchange, struct bytes *url)
{
    struct bytes text = iam_value(exchange, "Url");
    struct bytes trial = bytes_from_str(loopback_scheme(exchange)), https = BYTES("https://");
    bool on_host = trial.len > 0 && bytes_starts_with(text, trial) &&
                   oidc_url_is_loopback(bytes_of(text.data + trial.len, text.len - trial.len));
    struct bytes scheme = on_host ? trial : https;
    bool good = text.len <= URL_MAX && bytes_starts_with(text, scheme);

    *url = good ? bytes_of(text.data + scheme.len, text.len - scheme.len) : text;
    while (good && url->len > 0 && url->data[url->len - 1] == '/')
        url->len--;
    good = good && url->len > 0 && url->data[0] != '/';
    for (size_t i = 0; good && i < url->len; i++)
        good =
            url->data[i] > ' ' && url->data[i] <= '~' && !strchr(on_host ? "?#@\\\"<>*" : ":?#@\\\"<>*", url->data[i]);
    return good ? STATUS_OK
                : iam_fail(exchange, IAM_VALIDATION_ERROR,
                           "Invalid Open ID Connect Provider URL: https://, a host, and a path if there is one");
}

static enum status check_client(struct exchange *exchange, struct bytes id)
{
    if (id.len > 0 && id.len <= CLIENT_ID_MAX)
        return STATUS_OK;
    return iam_fail(exchange, IAM_VALIDATION_ERROR, "A client id has 1 to %d characters.", CLIENT_ID_MAX);
}

static enum status check_thumbprint(struct exchange *exchange, struct bytes text)
{
    uint8_t digest[THUMBPRINT_LEN / 2];

    if (text.len == THUMBPRINT_LEN && hex_decode(text, digest, sizeof(digest)) == STATUS_OK)
        return STATUS_OK;
    return iam_fail(exchange, IAM_VALIDATION_ERROR, "A thumbprint has %d hexadecimal digits.", THUMBPRINT_LEN);
}

/* Adds what the list of the call has to the names. */
static enum status read_names(struct exchange *exchange, const char *parameter, size_t max,
                              enum status (*check)(struct exchange *, struct bytes), struct identity_names *names)
{
    struct bytes values[CLIENTS_MAX];
    struct iam_error error = {0};
    size_t count;

    if (iam_request_list(&exchange->call->request, parameter, max, values, &count, &error))
        return iam_fail_error(exchange, &error);
    for (size_t i = 0; i < count; i++) {
        enum status status = check(exchange, values[i]);
        if (status)
            return status;
        identity_names_add(names, values[i]);
    }
    return STATUS_OK;
}

static enum status check_room(struct exchange *exchange, struct bytes url)
{
    struct buffer document;
    size_t count;

    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(exchange->gateway->meta, IDENTITY_PROVIDERS, url, &document);
    buffer_release(&document);
    if (status == STATUS_OK)
        return iam_fail(exchange, IAM_ENTITY_ALREADY_EXISTS, "Provider with url https://%.*s already exists.",
                        (int)url.len, url.data);
    if (status == STATUS_NOT_FOUND)
        status = iam_rows_count(exchange, IDENTITY_PROVIDERS, "", &count);
    if (status)
        return iam_fail_status(exchange, status);
    if (count < IAM_PROVIDERS_MAX)
        return STATUS_OK;
    return iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d",
                    IAM_PROVIDERS_MAX);
}

struct create_provider {
    struct bytes url;
    struct tag tags[IAM_TAGS_MAX];
    size_t tag_count;
    struct identity_provider provider;
};

static enum status decide_create(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    struct create_provider *create = arg;
    struct identity_provider *provider = &create->provider;
    enum status status = check_room(exchange, create->url);

    identity_provider_release(provider);
    if (status)
        return status;
    identity_provider_create(provider, create->url);
    for (size_t i = 0; i < create->tag_count; i++)
        identity_texts_set(&provider->tags, create->tags[i].key, create->tags[i].value);
    status = read_names(exchange, "ClientIDList", CLIENTS_MAX, check_client, &provider->clients);
    if (!status)
        status = read_names(exchange, "ThumbprintList", THUMBPRINTS_MAX, check_thumbprint, &provider->thumbprints);
    if (!status)
        identity_provider_put(changes, provider);
    return status;
}

void iam_create_provider(struct exchange *exchange)
{
    struct create_provider create = {0};
    struct iam_error error = {0};
    struct iam_answer answer;

    if (read_url(exchange, &create.url))
        return;
    if (iam_request_tags(&exchange->call->request, create.tags, &create.tag_count, &error)) {
        HTTP_LAST_REPLY(iam_fail_error(exchange, &error));
        return;
    }
    if (!iam_change(exchange, decide_create, &create)) {
        iam_answer_begin(exchange, &answer);
        write_arn(answer.xml, exchange, "OpenIDConnectProviderArn", create.provider.url);
        iam_write_tags(answer.xml, &create.provider.tags);
        HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    }
    identity_provider_release(&create.provider);
}

static void write_names(struct xml_writer *xml, const char *element, const struct identity_names *names)
{
    xml_writer_open(xml, element);
    for (size_t i = 0; i < names->count; i++)
        xml_writer_element_str(xml, "member", names->names[i]);
    xml_writer_close(xml);
}

void iam_get_provider(struct exchange *exchange)
{
    struct identity_provider provider;
    struct iam_answer answer;

    if (iam_provider_load(exchange, &provider))
        return;
    iam_answer_begin(exchange, &answer);
    xml_writer_element_str(answer.xml, "Url", provider.url);
    write_names(answer.xml, "ClientIDList", &provider.clients);
    write_names(answer.xml, "ThumbprintList", &provider.thumbprints);
    iam_element_time(answer.xml, "CreateDate", provider.created_ms);
    iam_write_tags(answer.xml, &provider.tags);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, STATUS_OK));
    identity_provider_release(&provider);
}

void iam_list_providers(struct exchange *exchange)
{
    const struct meta_identity_row *row;
    struct iam_answer answer;
    struct iam_rows rows;
    enum status status;

    iam_answer_begin(exchange, &answer);
    xml_writer_open(answer.xml, "OpenIDConnectProviderList");
    iam_rows_begin(&rows, IDENTITY_PROVIDERS, "", (struct bytes){0});
    while (!(status = iam_rows_next(exchange, &rows, &row)) && row) {
        struct identity_provider provider;
        status = identity_provider_read(row->document, &provider);
        if (status)
            break;
        xml_writer_open(answer.xml, "member");
        write_arn(answer.xml, exchange, "Arn", provider.url);
        xml_writer_close(answer.xml);
        identity_provider_release(&provider);
    }
    iam_rows_release(&rows);
    xml_writer_close(answer.xml);
    HTTP_LAST_REPLY(iam_answer_send(exchange, &answer, status));
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static enum status add_client(struct exchange *exchange, struct identity_provider *provider)
{
    struct bytes id = iam_value(exchange, "ClientID");
    enum status status = check_client(exchange, id);

    if (status || !identity_names_add(&provider->clients, id) || provider->clients.count <= CLIENTS_MAX)
        return status;
    return iam_fail(exchange, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
                    CLIENTS_MAX);
}

static enum status remove_client(struct exchange *exchange, struct identity_provider *provider)
{
    identity_names_remove(&provider->clients, iam_value(exchange, "ClientID")); /* that it is not there is no error */
    return STATUS_OK;
}

static enum status replace_thumbprints(struct exchange *exchange, struct identity_provider *provider)
{
    identity_names_release(&provider->thumbprints);
    return read_names(exchange, "ThumbprintList", THUMBPRINTS_MAX, check_thumbprint, &provider->thumbprints);
}

struct provider_change {
    enum status (*change)(struct exchange *exchange, struct identity_provider *provider); /* NULL: it goes */
};

static enum status decide(struct exchange *exchange, struct identity_changes *changes, void *arg)
{
    const struct provider_change *how = arg;
    struct identity_provider provider;
    enum status status = iam_provider_load(exchange, &provider);

    if (status)
        return status;
    if (!how->change) {
        identity_provider_remove(changes, provider.url);
    } else {
        status = how->change(exchange, &provider);
        if (!status)
            identity_provider_put(changes, &provider);
    }
    identity_provider_release(&provider);
    return status;
}

static void change_provider(struct exchange *exchange, struct provider_change how)
{
    if (!iam_change(exchange, decide, &how))
        HTTP_LAST_REPLY(iam_answer_empty(exchange));
}

void iam_add_client_id(struct exchange *exchange)
{
    change_provider(exchange, (struct provider_change){add_client});
}

void iam_remove_client_id(struct exchange *exchange)
{
    change_provider(exchange, (struct provider_change){remove_client});
}

void iam_update_thumbprints(struct exchange *exchange)
{
    change_provider(exchange, (struct provider_change){replace_thumbprints});
}

void iam_delete_provider(struct exchange *exchange)
{
    change_provider(exchange, (struct provider_change){NULL});
}
