/* The document of an OpenID Connect provider; see the header. */
#include "gateway/identity/oidc.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/identity/document.h"

void identity_provider_create(struct identity_provider *provider, struct bytes url)
{
    *provider = (struct identity_provider){.url = mem_strndup(url.data, url.len), .created_ms = clock_wall_ms()};
}

enum status identity_provider_read(struct bytes document, struct identity_provider *provider)
{
    struct document_reader reader;

    *provider = (struct identity_provider){0};
    document_open(&reader, document);
    provider->url = document_take_text(&reader, "url");
    provider->created_ms = document_take_integer(&reader, "created");
    document_take_names(&reader, "clients", &provider->clients);
    document_take_names(&reader, "thumbprints", &provider->thumbprints);
    document_take_texts(&reader, "tags", &provider->tags);
    enum status status = document_close(&reader);
    if (status)
        identity_provider_release(provider);
    return status;
}

enum status identity_provider_load(struct meta *meta, struct bytes url, struct identity_provider *provider)
{
    struct buffer document;

    *provider = (struct identity_provider){0};
    buffer_init(&document, META_IDENTITY_DOCUMENT_MAX);
    enum status status = identity_row_load(meta, IDENTITY_PROVIDERS, url, &document);
    if (!status)
        status = identity_provider_read(buffer_bytes(&document), provider);
    buffer_release(&document);
    return status;
}

void identity_provider_release(struct identity_provider *provider)
{
    free(provider->url);
    identity_names_release(&provider->clients);
    identity_names_release(&provider->thumbprints);
    identity_texts_release(&provider->tags);
    *provider = (struct identity_provider){0};
}

void identity_provider_put(struct identity_changes *changes, const struct identity_provider *provider)
{
    struct document_writer writer;

    document_begin(&writer);
    document_write_text(&writer, "url", provider->url);
    document_write_integer(&writer, "created", provider->created_ms);
    document_write_names(&writer, "clients", &provider->clients);
    document_write_names(&writer, "thumbprints", &provider->thumbprints);
    document_write_texts(&writer, "tags", &provider->tags);
    identity_changes_put(changes, IDENTITY_PROVIDERS, provider->url, &writer);
}

void identity_provider_remove(struct identity_changes *changes, const char *url)
{
    identity_changes_add(changes, IDENTITY_PROVIDERS, "", url, NULL);
}
