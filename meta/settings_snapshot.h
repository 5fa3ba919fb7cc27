/* The settings of a bucket as of one moment: an immutable, counted list of parsed documents. The next moment's list
 * shares what did not change. bucket_settings.h is what the layer above sees of it. */
#ifndef TERCET_META_SETTINGS_SNAPSHOT_H
#define TERCET_META_SETTINGS_SNAPSHOT_H

#include "meta/bucket_settings.h"

struct meta_setting_kinds {
    const struct meta_setting_kind *list;
    size_t count;
};
/* NULL: this build has no such kind. */
const struct meta_setting_kind *setting_kind_find(const struct meta_setting_kinds *kinds, uint8_t number);

/* A document and what its parser made of it. Counted. */
struct setting;
/* Takes a copy of the document. On failure, that of the parser, there is none. */
enum status setting_create(const struct meta_setting_kind *kind, struct bytes document, struct setting **setting);
/* One whose document cannot be parsed: it is set, and of no use. */
struct setting *setting_create_unusable(const struct meta_setting_kind *kind, struct bytes document);
void setting_release(struct setting *setting); /* NULL is fine */
struct bytes setting_document(const struct setting *setting);

/* The settings with one of them put in place, or removed (setting NULL); to be released. Holds all that is in it. */
struct meta_settings *settings_with(const struct meta_settings *settings, uint8_t kind, struct setting *setting);
struct meta_settings *settings_hold(struct meta_settings *settings);
/* The kinds that are set, ascending; returns how many. */
unsigned settings_kinds(const struct meta_settings *settings, uint8_t kinds[META_SETTING_KIND_MAX]);

#endif
