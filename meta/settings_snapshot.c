/* Settings in memory; see the header. */
#include "meta/settings_snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"

struct setting {
    atomic_uint references;
    const struct meta_setting_kind *kind;
    char *document;
    size_t len;
    void *parsed;
    bool usable;
};

struct meta_settings {
    atomic_uint references;
    unsigned count;
    struct setting *list[]; /* by the kind's number */
};

const struct meta_setting_kind *setting_kind_find(const struct meta_setting_kinds *kinds, uint8_t number)
{
    for (size_t i = 0; i < kinds->count; i++)
        if (kinds->list[i].number == number)
            return &kinds->list[i];
    return NULL;
}

struct setting *setting_create_unusable(const struct meta_setting_kind *kind, struct bytes document)
{
    struct setting *setting = mem_zalloc(sizeof(*setting));
    atomic_init(&setting->references, 1);
    setting->kind = kind;
    setting->document = mem_strndup(document.len ? document.data : "", document.len);
    setting->len = document.len;
    return setting;
}

enum status setting_create(const struct meta_setting_kind *kind, struct bytes document, struct setting **out)
{
    struct setting *setting = setting_create_unusable(kind, document);
    enum status status = kind->parse(setting_document(setting), &setting->parsed);
    setting->usable = status == STATUS_OK;
    if (status)
        setting_release(setting);
    else
        *out = setting;
    return status;
}

static struct setting *setting_hold(struct setting *setting)
{
    atomic_fetch_add(&setting->references, 1);
    return setting;
}

void setting_release(struct setting *setting)
{
    if (!setting || atomic_fetch_sub(&setting->references, 1) > 1)
        return;
    if (setting->usable && setting->kind->free_parsed)
        setting->kind->free_parsed(setting->parsed);
    free(setting->document);
    free(setting);
}

struct bytes setting_document(const struct setting *setting)
{
    return bytes_of(setting->document, setting->len);
}

struct meta_settings *settings_with(const struct meta_settings *settings, uint8_t kind, struct setting *setting)
{
    unsigned before = settings ? settings->count : 0, i = 0;
    struct meta_settings *with = mem_alloc(sizeof(*with) + (before + 1) * sizeof(struct setting *));

    atomic_init(&with->references, 1);
    with->count = 0;
    for (; i < before && settings->list[i]->kind->number < kind; i++)
        with->list[with->count++] = setting_hold(settings->list[i]);
    if (setting)
        with->list[with->count++] = setting_hold(setting);
    if (i < before && settings->list[i]->kind->number == kind)
        i++;
    for (; i < before; i++)
        with->list[with->count++] = setting_hold(settings->list[i]);
    if (with->count > 0)
        return with;
    free(with);
    return NULL;
}

struct meta_settings *settings_hold(struct meta_settings *settings)
{
    if (settings)
        atomic_fetch_add(&settings->references, 1);
    return settings;
}

void meta_settings_release(struct meta_settings *settings)
{
    if (!settings || atomic_fetch_sub(&settings->references, 1) > 1)
        return;
    for (unsigned i = 0; i < settings->count; i++)
        setting_release(settings->list[i]);
    free(settings);
}

unsigned settings_kinds(const struct meta_settings *settings, uint8_t kinds[META_SETTING_KIND_MAX])
{
    unsigned count = settings ? settings->count : 0;
    for (unsigned i = 0; i < count; i++)
        kinds[i] = settings->list[i]->kind->number;
    return count;
}

enum status meta_setting_find(const struct meta_settings *settings, uint8_t kind, struct meta_setting *out)
{
    unsigned count = settings ? settings->count : 0;

    *out = (struct meta_setting){0};
    for (unsigned i = 0; i < count; i++) {
        const struct setting *setting = settings->list[i];
        if (setting->kind->number != kind)
            continue;
        if (!setting->usable)
            return STATUS_INTERNAL;
        *out = (struct meta_setting){.document = setting_document(setting), .parsed = setting->parsed};
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}
