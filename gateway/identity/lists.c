/* Lists of names and texts; see the header. They are short: a user has ten groups at most. */
#include "gateway/identity/lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static size_t find_name(const struct identity_names *list, struct bytes name)
{
    size_t i = 0;

    while (i < list->count && !bytes_equal_nocase(name, list->names[i]))
        i++;
    return i;
}

bool identity_names_have(const struct identity_names *list, struct bytes name)
{
    return find_name(list, name) < list->count;
}

bool identity_names_add(struct identity_names *list, struct bytes name)
{
    if (identity_names_have(list, name))
        return false;
    list->names = mem_realloc(list->names, (list->count + 1) * sizeof(*list->names));
    list->names[list->count++] = mem_strndup(name.data, name.len);
    return true;
}

bool identity_names_remove(struct identity_names *list, struct bytes name)
{
    size_t i = find_name(list, name);

    if (i == list->count)
        return false;
    free(list->names[i]);
    memmove(list->names + i, list->names + i + 1, (--list->count - i) * sizeof(*list->names));
    return true;
}

void identity_names_release(struct identity_names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct identity_names){0};
}

static size_t find_text(const struct identity_texts *list, struct bytes name)
{
    size_t i = 0;

    while (i < list->count && !bytes_equal_nocase(name, list->items[i].name))
        i++;
    return i;
}

const char *identity_texts_find(const struct identity_texts *list, struct bytes name)
{
    size_t i = find_text(list, name);
    return i < list->count ? list->items[i].text : NULL;
}

void identity_texts_set(struct identity_texts *list, struct bytes name, struct bytes text)
{
    size_t i = find_text(list, name);
    struct identity_text item = {mem_strndup(name.data, name.len), mem_strndup(text.data, text.len)};

    if (i == list->count) {
        list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
        list->count++;
    } else {
        free(list->items[i].name);
        free(list->items[i].text);
    }
    list->items[i] = item;
}

bool identity_texts_remove(struct identity_texts *list, struct bytes name)
{
    size_t i = find_text(list, name);

    if (i == list->count)
        return false;
    free(list->items[i].name);
    free(list->items[i].text);
    memmove(list->items + i, list->items + i + 1, (--list->count - i) * sizeof(*list->items));
    return true;
}

void identity_texts_release(struct identity_texts *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (struct identity_texts){0};
}
