/* evolve.c: owns what an event does to its location.
 *
 * Called by the worker after every decision, when it folds the log, and by verify: the same function for all three.
 * Invariant: a location changes as a whole or not at all; open_count and open_hash always tell of the same tickets. */
#include "rules.h"

/* Gives the location other settings and another menu, in an arena of their own, so that edits never add up. Exactly one
 * of menu and item is what is new; the other is NULL. */
static enum zp_err rebuild(struct location *loc, const struct location_settings *settings, const struct menu *menu,
                           const struct menu_item *item)
{
    struct arena fresh;
    struct location_settings kept_settings;
    struct menu kept_menu;

    arena_init(&fresh, LOCATION_BYTES_MAX);
    enum zp_err err = location_settings_copy(settings, &fresh, &kept_settings);
    if (err == ZP_OK) {
        err = item == NULL ? menu_copy(menu, &fresh, &kept_menu) : menu_copy_with(menu, item, &fresh, &kept_menu);
    }
    if (err != ZP_OK) {
        arena_finish(&fresh);
        return err;
    }
    arena_finish(&loc->arena);
    loc->arena = fresh;
    loc->settings = kept_settings;
    loc->menu = kept_menu;
    return ZP_OK;
}

static enum zp_err apply_location_set(struct location *loc, const struct event *event)
{
    return rebuild(loc, &event->settings, &loc->menu, NULL);
}

static enum zp_err apply_menu_set(struct location *loc, const struct event *event)
{
    return rebuild(loc, &loc->settings, &event->menu, NULL);
}

static enum zp_err apply_menu_item_set(struct location *loc, const struct event *event)
{
    enum zp_err err = rebuild(loc, &loc->settings, &loc->menu, &event->item);

    if (err == ZP_OK) {
        loc->menu.version = event->menu_version;
    }
    return err;
}

/* What an event touches: the tickets, or the location itself. Outcomes without a seq have no row. */
static const struct effect {
    bool tickets;
    enum zp_err (*edit)(struct location *loc, const struct event *event);
} effects[EV_COUNT] = {
    [EV_ORDER_PLACED]    = { .tickets = true },
    [EV_ORDER_REJECTED]  = { .tickets = true },
    [EV_ORDER_ACCEPTED]  = { .tickets = true },
    [EV_ORDER_STARTED]   = { .tickets = true },
    [EV_ORDER_READIED]   = { .tickets = true },
    [EV_ORDER_COMPLETED] = { .tickets = true },
    [EV_ORDER_RECALLED]  = { .tickets = true },
    [EV_ORDER_CANCELLED] = { .tickets = true },
    [EV_ORDER_EXPIRED]   = { .tickets = true },
    [EV_LOCATION_SET]    = { .edit = apply_location_set },
    [EV_MENU_SET]        = { .edit = apply_menu_set },
    [EV_MENU_ITEM_SET]   = { .edit = apply_menu_item_set },
};

/* Counts a ticket in (by = 1) or out (by = -1); one that is not open is not on the board. */
static void count_ticket(struct location *loc, const struct order *order, int64_t by)
{
    if (order_is_open(order->status)) {
        loc->open_count += by;
        loc->open_hash ^= board_ticket_hash(&order->id, order->version);
    }
}

static void apply_order(struct location *loc, const struct order *before, const struct order *after)
{
    if (before != NULL) {
        count_ticket(loc, before, -1);
    }
    count_ticket(loc, after, 1);
    if (after->number > loc->last_number) {
        loc->last_number = after->number;
    }
}

/* True when `before` is the order of this event, one version earlier. */
static bool leads_to(const struct order *before, const struct order *after)
{
    if (before == NULL) {
        return after->version == 1;
    }
    return id_equal(&before->id, &after->id) && before->version + 1 == after->version;
}

enum zp_err evolve(struct location *loc, const struct order *before, const struct event *event)
{
    ZP_ASSERT((unsigned)event->type < EV_COUNT);
    const struct effect *effect = &effects[event->type];
    enum zp_err err = ZP_OK;

    if (event->seq != loc->seq + 1 || !id_equal(&event->location_id, &loc->id)) {
        return ZP_INTERNAL;
    }
    if (effect->edit != NULL) {
        err = effect->edit(loc, event);
    } else if (effect->tickets && leads_to(before, &event->order)) {
        apply_order(loc, before, &event->order);
    } else {
        err = ZP_INTERNAL;
    }
    if (err == ZP_OK) {
        loc->seq = event->seq;
    }
    return err;
}
