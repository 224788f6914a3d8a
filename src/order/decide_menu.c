/* decide_menu.c: owns what may be done to a location itself: its settings, its menu, one item of it.
 *
 * Called by decide. Invariant: whatever these let in has passed its check and fits into the location's arena, so evolve
 * can always keep it; a currency never changes, for orders were taken in it. */
#include "rules.h"

#include <string.h>

/* A refusal with all faults, when there are any. True: refused. */
static bool has_faults(struct decision *decision)
{
    if (decision->reasons.count == 0) {
        return false;
    }
    decision->err = ZP_INVALID;
    return true;
}

enum zp_err decide_location_set(const struct question *q, struct decision *decision)
{
    const struct location_settings *wish = &q->cmd->settings;

    if (!question_is_allowed(q)) {
        return decision_refuse_role(q, decision);
    }
    enum zp_err err = location_settings_check(wish, "", q->arena, &decision->reasons);
    if (err != ZP_OK || has_faults(decision)) {
        return err;
    }
    if (q->loc->seq > 0 && strcmp(wish->currency, q->loc->settings.currency) != 0) {
        return decision_refuse(decision, ZP_CONFLICT, "currency_fixed", "/currency",
                               arena_printf(q->arena, "the location takes %s for ever", q->loc->settings.currency));
    }
    decision_event(q, q->event, question_by(q), decision)->settings = *wish;
    return ZP_OK;
}

/* What both edits of a menu ask first. *ret_goes_on: nothing stands in the way so far. */
static enum zp_err may_edit_menu(const struct question *q, struct decision *decision, bool *ret_goes_on)
{
    int64_t version = q->loc->menu.version;

    *ret_goes_on = false;
    if (q->loc->seq == 0) {
        return decision_refuse_location(decision, ZP_NOT_FOUND, NULL);
    }
    if (!question_is_allowed(q)) {
        return decision_refuse_role(q, decision);
    }
    if (q->cmd->if_match != AMOUNT_ABSENT && q->cmd->if_match != version) {
        return decision_refuse_version(q, version, decision);
    }
    *ret_goes_on = true;
    return ZP_OK;
}

enum zp_err decide_menu_set(const struct question *q, struct decision *decision)
{
    bool goes_on;

    enum zp_err err = may_edit_menu(q, decision, &goes_on);
    if (err != ZP_OK || !goes_on) {
        return err;
    }
    err = menu_check(&q->cmd->menu, "", q->arena, &decision->reasons);
    if (err != ZP_OK || has_faults(decision)) {
        return err;
    }
    struct event *event = decision_event(q, q->event, question_by(q), decision);
    event->menu = q->cmd->menu;
    event->menu.version = q->loc->menu.version + 1;
    return ZP_OK;
}

/* An item that is already there is weighed twice: a menu may not be full to the last byte. */
static bool has_room_for(const struct menu *menu, const struct menu_item *item)
{
    return (menu->item_count < MENU_ITEMS_MAX || menu_find(menu, item->id) != NULL) &&
           menu_bytes(menu) + menu_item_bytes(item) <= MENU_BYTES_MAX;
}

enum zp_err decide_menu_item_set(const struct question *q, struct decision *decision)
{
    const struct menu_item *item = &q->cmd->item;
    bool goes_on;

    enum zp_err err = may_edit_menu(q, decision, &goes_on);
    if (err != ZP_OK || !goes_on) {
        return err;
    }
    err = menu_item_check(item, "", q->arena, &decision->reasons);
    if (err != ZP_OK || has_faults(decision)) {
        return err;
    }
    if (!has_room_for(&q->loc->menu, item)) {
        return decision_refuse(decision, ZP_INVALID, "menu_full", "", "the menu has no room for another item");
    }
    struct event *event = decision_event(q, q->event, question_by(q), decision);
    event->item = *item;
    event->menu_version = q->loc->menu.version + 1;
    return ZP_OK;
}
