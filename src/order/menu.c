/* menu.c: owns looking things up in a menu, and how much room a menu takes.
 *
 * Called by pricing, copies and menu decisions. Invariant: what menu_bytes says is never less than what a copy of the
 * menu takes from an arena, so a menu that was let in always fits into its location. */
#include "rules.h"

#include <string.h>

#define ALLOCATION_ALIGN ((size_t)16)

const struct menu_item *menu_find(const struct menu *menu, const char *item_id)
{
    for (size_t i = 0; i < menu->item_count; i++) {
        if (strcmp(menu->items[i].id, item_id) == 0) {
            return &menu->items[i];
        }
    }
    return NULL;
}

/* One allocation, rounded up and one step more for whatever the arena keeps beside it. */
static size_t allocation(size_t bytes)
{
    return (bytes / ALLOCATION_ALIGN + 2) * ALLOCATION_ALIGN;
}

static size_t text_bytes(const char *text)
{
    return text == NULL ? 0 : allocation(strlen(text) + 1);
}

static size_t group_bytes(const struct menu_group *group)
{
    size_t bytes = text_bytes(group->id) + text_bytes(group->name);

    bytes += allocation(group->option_count * sizeof(*group->options));
    for (size_t i = 0; i < group->option_count; i++) {
        bytes += text_bytes(group->options[i].id) + text_bytes(group->options[i].name);
    }
    return bytes;
}

size_t menu_item_bytes(const struct menu_item *item)
{
    size_t bytes = sizeof(*item) + text_bytes(item->id) + text_bytes(item->name) + text_bytes(item->description) +
                   text_bytes(item->station);

    bytes += allocation(item->allergen_count * sizeof(*item->allergens));
    for (size_t i = 0; i < item->allergen_count; i++) {
        bytes += text_bytes(item->allergens[i]);
    }
    bytes += allocation(item->group_count * sizeof(*item->groups));
    for (size_t i = 0; i < item->group_count; i++) {
        bytes += group_bytes(&item->groups[i]);
    }
    return bytes;
}

size_t menu_bytes(const struct menu *menu)
{
    size_t bytes = allocation(0);

    for (size_t i = 0; i < menu->item_count; i++) {
        bytes += menu_item_bytes(&menu->items[i]);
    }
    return bytes;
}
