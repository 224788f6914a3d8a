/* Owns the middle of a turn: from decoded commands to outcomes, events and changed state. Called by the main thread.
 * Invariants: an id that has an outcome gets no second one; a location's events get consecutive seqs and a fitting
 * chain; nothing here waits for anything. */
#include "judge.h"
#include "zapora/planted.h"

#include <stdlib.h>
#include <string.h>

/* ---- loading ---------------------------------------------------------------------------------- */

struct wishes { struct zp_id *locations, *commands, *orders; size_t location_count, command_count, order_count; };

static enum zp_err wish(struct wishes *wishes, struct turn *turn, struct actors *actors)
{
    wishes->locations = arena_array(&turn->arena, turn->count, sizeof(struct zp_id));
    wishes->commands = arena_array(&turn->arena, 3 * turn->count, sizeof(struct zp_id));
    wishes->orders = arena_array(&turn->arena, turn->count, sizeof(struct zp_id));
    if (wishes->locations == NULL || wishes->commands == NULL || wishes->orders == NULL) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < turn->count; i++) {
        const struct outcome *outcome = &turn->entries[i].outcome;
        if (!turn->are_facts) { /* a fact is no matter of how any command ended */
            wishes->commands[wishes->command_count++] = outcome->command_id;
        }
        if (!id_is_none(&outcome->order_id)) {
            wishes->orders[wishes->order_count++] = outcome->order_id;
            if (!turn->are_facts && outcome->type != CMD_ORDER_PLACE) { /* the placement's outcome: was it parked? */
                wishes->commands[wishes->command_count++] = outcome->order_id;
            }
        }
        const struct entry *entry = &turn->entries[i];
        if (entry->command != NULL && !id_is_none(&entry->command->redrives)) {
            wishes->commands[wishes->command_count++] = entry->command->redrives;
        }
        bool is_nothing = entry->command == NULL && (entry->event == NULL || entry->event->seq == 0);
        if (is_nothing || id_is_none(&outcome->location_id)) {
            continue; /* what could not be read may lie in any partition */
        }
        bool is_new = actors_find(actors, &outcome->location_id) == NULL;
        struct actor_slot *slot = actors_claim(actors, &outcome->location_id, outcome->partition);
        if (slot == NULL) {
            return ZP_NO_MEMORY;
        }
        if (is_new || slot->location == NULL) {
            wishes->locations[wishes->location_count++] = outcome->location_id;
        }
    }
    return ZP_OK;
}

static void adopt_locations(struct actors *actors, const struct store_found *found)
{
    for (size_t i = 0; i < found->location_count; i++) {
        struct location *location = found->locations[i];
        struct actor_slot *slot = actors_find(actors, &location->id);
        if (slot != NULL && slot->location == NULL) {
            slot->location = location;
        } else { /* asked for twice in one turn */
            location_finish(location);
            free(location);
        }
    }
}

/* A location that the database does not know may be created by this very turn. */
static enum zp_err fill_unknown_locations(struct actors *actors, const struct wishes *wishes)
{
    for (size_t i = 0; i < wishes->location_count; i++) {
        struct actor_slot *slot = actors_find(actors, &wishes->locations[i]);
        if (slot != NULL && slot->location == NULL) {
            slot->location = malloc(sizeof *slot->location);
            if (slot->location == NULL) {
                return ZP_NO_MEMORY;
            }
            location_init(slot->location, &slot->id);
        }
    }
    return ZP_OK;
}

static enum zp_err index_found(struct turn *turn, const struct store_found *found)
{
    if (idmap_init(&turn->outcomes, turn->count + found->outcome_count, &turn->arena) != ZP_OK ||
        idmap_init(&turn->orders, turn->count + found->order_count, &turn->arena) != ZP_OK) {
        return ZP_NO_MEMORY;
    }
    for (size_t i = 0; i < found->outcome_count && !PLANTED(DEDUPE_FORGETS_STORED); i++) {
        idmap_put(&turn->outcomes, &found->outcomes[i].command_id, &found->outcomes[i]);
    }
    for (size_t i = 0; i < found->order_count; i++) {
        struct turn_order *slot = arena_alloc(&turn->arena, sizeof *slot);
        if (slot == NULL) {
            return ZP_NO_MEMORY;
        }
        slot->now = &found->orders[i];
        idmap_put(&turn->orders, &found->orders[i].id, slot);
    }
    return ZP_OK;
}

enum zp_err judge_load(struct turn *turn, struct actors *actors, struct store *store)
{
    struct wishes wishes = { 0 };
    enum zp_err err = wish(&wishes, turn, actors);
    if (err != ZP_OK) {
        return err;
    }
    const struct store_wanted wanted = {
        .location_ids = wishes.locations, .location_count = wishes.location_count,
        .command_ids = wishes.commands, .command_count = wishes.command_count,
        .order_ids = wishes.orders, .order_count = wishes.order_count,
    };
    struct store_found found = { 0 };
    err = store_batch_load(store, &wanted, &turn->arena, &found);
    if (err != ZP_OK) {
        return err;
    }
    adopt_locations(actors, &found);
    err = fill_unknown_locations(actors, &wishes);
    return err != ZP_OK ? err : index_found(turn, &found);
}

/* ---- applying an event ------------------------------------------------------------------------------ */

static struct turn_order *order_slot(struct turn *turn, const struct zp_id *order_id)
{
    struct turn_order *slot = idmap_get(&turn->orders, order_id);
    if (slot == NULL) {
        slot = arena_alloc(&turn->arena, sizeof *slot);
        if (slot != NULL) {
            idmap_put(&turn->orders, order_id, slot);
        }
    }
    return slot;
}

/* Remembers the order as the event leaves it; an event borrows from its turn only, never from the menu. */
static void keep_order(struct turn_order *slot, struct entry *entry)
{
    slot->is_new |= slot->now == NULL;
    slot->is_changed = true;
    slot->now = &entry->event->order;
    entry->order = slot->now;
}

static bool is_order_event(enum event_type type)
{
    return type <= EV_ORDER_EXPIRED;
}

/* Lets an encoded event happen to its location and order: state, chain, outcome. */
static enum zp_err apply_event(struct turn *turn, struct actor_slot *actor, struct entry *entry)
{
    struct event *event = entry->event;
    struct location *location = actor->location;
    struct turn_order *slot = NULL;
    if (is_order_event(event->type)) {
        slot = order_slot(turn, &event->order_id);
        if (slot == NULL) {
            return ZP_NO_MEMORY;
        }
    }
    enum zp_err err = evolve(location, slot == NULL ? NULL : slot->now, event);
    if (err != ZP_OK) {
        return err;
    }
    if (slot != NULL) {
        keep_order(slot, entry);
    }
    memcpy(entry->before_hash, location->hash, HASH_SIZE);
    location_chain(location->hash, event->seq, event->type, event->at, entry->value, entry->value_len);
    memcpy(entry->meta.hash, location->hash, HASH_SIZE);
    entry->kind = ENTRY_EVENT;
    entry->outcome.seq = event->seq;
    actor->touched = true;
    actor->edited |= !is_order_event(event->type);
    return ZP_OK;
}

static void note_head(struct entry *entry, const struct location *location)
{
    entry->head = (struct live_head){ .seq = location->seq, .board_hash = location->open_hash,
                                      .open_count = location->open_count, .at = entry->outcome.at };
    memcpy(entry->head.hash, location->hash, HASH_SIZE);
}

/* ---- judging commands --------------------------------------------------------------------------------- */

static enum zp_err encode(struct turn *turn, struct entry *entry)
{
    buffer_reset(&turn->scratch);
    message_event_encode(entry->event, &turn->scratch);
    if (turn->scratch.err != ZP_OK) {
        return turn->scratch.err;
    }
    entry->value = arena_strndup(&turn->arena, turn->scratch.data, turn->scratch.len);
    entry->value_len = turn->scratch.len;
    return entry->value == NULL ? ZP_NO_MEMORY : ZP_OK;
}

static enum zp_err copy_reasons(struct turn *turn, struct entry *entry, const struct reason_list *reasons)
{
    struct reason *copy = arena_array(&turn->arena, reasons->count, sizeof *copy);
    if (copy == NULL) {
        return ZP_NO_MEMORY;
    }
    memcpy(copy, reasons->items, reasons->count * sizeof *copy);
    entry->outcome.reasons = copy;
    entry->outcome.reason_count = reasons->count;
    return ZP_OK;
}

enum zp_err judge_announcement(struct turn *turn, struct entry *entry)
{
    const struct outcome *outcome = &entry->outcome;
    entry->event = arena_alloc(&turn->arena, sizeof *entry->event);
    if (entry->event == NULL) {
        return ZP_NO_MEMORY;
    }
    *entry->event = (struct event){
        .type = outcome->err == ZP_PARKED ? EV_COMMAND_PARKED : EV_COMMAND_REFUSED, .at = outcome->at,
        .location_id = outcome->location_id, .order_id = outcome->order_id, .command_id = outcome->command_id,
        .by = "actor", .err = outcome->err, .reasons = (struct reason *)outcome->reasons,
        .reason_count = outcome->reason_count,
    };
    return encode(turn, entry);
}

static enum zp_err settle_without_event(struct turn *turn, struct entry *entry, enum zp_err err,
                                        const struct reason_list *reasons)
{
    entry->kind = err == ZP_PARKED ? ENTRY_PARKED : ENTRY_REFUSED;
    entry->outcome.err = err;
    enum zp_err failed = copy_reasons(turn, entry, reasons);
    return failed != ZP_OK ? failed : judge_announcement(turn, entry);
}

static enum zp_err park(struct turn *turn, struct entry *entry)
{
    struct reason_list reasons = { .count = 0 };
    enum letter_class class = entry->letter.class;
    reason_add(&reasons, "parked", NULL, "the command could not be processed and was set aside");
    reason_add(&reasons, LETTER_CLASS_WORDS.names[class], NULL, message_letter_detail(class));
    return settle_without_event(turn, entry, ZP_PARKED, &reasons);
}

static enum zp_err refuse_parked_order(struct turn *turn, struct entry *entry)
{
    struct reason_list reasons = { .count = 0 };
    reason_add(&reasons, "order_parked", NULL, "the placement of this order could not be processed and was set aside");
    return settle_without_event(turn, entry, ZP_ORDER_PARKED, &reasons);
}

static enum zp_err refuse_redrive(struct turn *turn, struct entry *entry)
{
    struct reason_list reasons = { .count = 0 };
    reason_add(&reasons, "not_parked", NULL, "it redrives a command that was never set aside");
    return settle_without_event(turn, entry, ZP_CONFLICT, &reasons);
}

static enum zp_err refuse_large(struct turn *turn, struct entry *entry)
{
    struct reason_list reasons = { .count = 0 };
    reason_add(&reasons, "too_large", NULL,
               "with the names and prices of the menu this is larger than a record of the log may be");
    return settle_without_event(turn, entry, ZP_INVALID, &reasons);
}

/* Settled earlier: the first outcome stays and is told again. */
static void repeat(struct entry *entry, const struct outcome *earlier, const struct turn_order *slot)
{
    entry->kind = ENTRY_DUPLICATE;
    entry->order = slot == NULL ? NULL : slot->now;
    entry->outcome.type = earlier->type;
    entry->outcome.err = earlier->err;
    entry->outcome.seq = earlier->seq;
    entry->outcome.reasons = earlier->reasons;
    entry->outcome.reason_count = earlier->reason_count;
    memcpy(entry->outcome.fingerprint, earlier->fingerprint, sizeof entry->outcome.fingerprint);
}

/* A placement whose order row outlived its outcome's row: a duplicate at any age. */
static void repeat_placement(struct entry *entry, const struct turn_order *slot)
{
    const struct order *order = slot->now;
    entry->kind = ENTRY_DUPLICATE;
    entry->order = order;
    entry->outcome.seq = order->seq;
    if (order->number == 0) { /* refused by the actor; one that the kitchen rejected later had a ticket */
        entry->outcome.err = ZP_INVALID;
        entry->outcome.reasons = order->reasons;
        entry->outcome.reason_count = order->reason_count;
    }
    memcpy(entry->outcome.fingerprint, order->fingerprint, sizeof entry->outcome.fingerprint);
}

static void fill_meta(struct entry *entry)
{
    struct event_meta *meta = &entry->meta;
    meta->command_offset = entry->outcome.offset;
    meta->user_id = entry->outcome.user_id;
    meta->command_type = entry->outcome.type;
    memcpy(meta->fingerprint, entry->outcome.fingerprint, sizeof meta->fingerprint);
}

static enum zp_err judge_fresh(struct turn *turn, struct actor_slot *actor, struct entry *entry,
                               struct turn_order *slot)
{
    struct decision decision; /* its list of reasons is three quarters of it: only what there is of it is kept */
    const struct order *order = slot == NULL ? NULL : slot->now;
    int64_t at = PLANTED(CLOCK_IN_DECIDE) ? clock_wall_us() : entry->outcome.at;
    enum zp_err err = decide(actor->location, order, entry->command, at, &turn->arena, &decision);
    if (err != ZP_OK) {
        return err;
    }
    entry->outcome.err = decision.err;
    if (!decision.has_event) {
        return settle_without_event(turn, entry, decision.err, &decision.reasons);
    }
    entry->event = arena_alloc(&turn->arena, sizeof *entry->event);
    if (entry->event == NULL) {
        return ZP_NO_MEMORY;
    }
    *entry->event = decision.event;
    err = copy_reasons(turn, entry, &decision.reasons);
    if (err == ZP_OK) {
        err = encode(turn, entry);
    }
    if (err == ZP_TOO_LARGE) { /* names from the menu made it larger than a record may be */
        return refuse_large(turn, entry);
    }
    return err != ZP_OK ? err : apply_event(turn, actor, entry);
}

/* Only what was parked is redriven, and only a redrive places an order under another id than its own. */
static bool is_stray_redrive(struct turn *turn, const struct command *command)
{
    if (id_is_none(&command->redrives)) {
        return command->type == CMD_ORDER_PLACE && !id_equal(&command->order_id, &command->id);
    }
    const struct outcome *parked = idmap_get(&turn->outcomes, &command->redrives);
    return parked == NULL || parked->err != ZP_PARKED;
}

static enum zp_err judge_entry(struct turn *turn, struct actors *actors, struct entry *entry)
{
    const struct outcome *earlier = idmap_get(&turn->outcomes, &entry->outcome.command_id);
    bool has_order = !id_is_none(&entry->outcome.order_id);
    struct turn_order *slot = has_order ? idmap_get(&turn->orders, &entry->outcome.order_id) : NULL;
    if (earlier != NULL) {
        repeat(entry, earlier, slot);
        return ZP_OK;
    }
    if (entry->park_why != NULL) {
        return park(turn, entry);
    }
    const struct command *command = entry->command;
    if (command->type == CMD_ORDER_PLACE && slot != NULL && slot->now != NULL) {
        repeat_placement(entry, slot);
        return ZP_OK;
    }
    if (is_stray_redrive(turn, command)) {
        return refuse_redrive(turn, entry);
    }
    const struct outcome *placement = has_order ? idmap_get(&turn->outcomes, &command->order_id) : NULL;
    bool is_parked = placement != NULL && placement->err == ZP_PARKED && (slot == NULL || slot->now == NULL);
    if (is_parked && command->type != CMD_ORDER_PLACE) { /* a placement under a parked one's id redrives it */
        return refuse_parked_order(turn, entry);
    }
    return judge_fresh(turn, actors_find(actors, &command->location_id), entry, slot);
}

enum zp_err judge_commands(struct turn *turn, struct actors *actors)
{
    for (size_t i = 0; i < turn->count; i++) {
        struct entry *entry = &turn->entries[i];
        enum zp_err err = judge_entry(turn, actors, entry);
        if (err != ZP_OK) {
            return err;
        }
        if (entry->kind != ENTRY_DUPLICATE) {
            fill_meta(entry);
        }
        if (entry->kind != ENTRY_DUPLICATE && !PLANTED(DEDUPE_FORGETS_BATCH)) {
            idmap_put(&turn->outcomes, &entry->outcome.command_id, &entry->outcome);
        }
        const struct actor_slot *actor = actors_find(actors, &entry->outcome.location_id);
        if (actor != NULL && actor->location != NULL) {
            note_head(entry, actor->location);
        }
    }
    return ZP_OK;
}

/* ---- judging facts --------------------------------------------------------------------------------------- */

static enum zp_err judge_fact(struct turn *turn, struct actors *actors, struct entry *entry, const char **ret_why)
{
    const struct event *event = entry->event;
    if (event->seq == 0) {
        entry->kind = event->type == EV_COMMAND_PARKED ? ENTRY_PARKED : ENTRY_REFUSED;
        return ZP_OK;
    }
    struct actor_slot *actor = actors_find(actors, &event->location_id);
    if (actor == NULL || event->seq != actor->location->seq + 1) {
        *ret_why = "an event of the log does not follow the location's last seq";
        return ZP_CONFLICT;
    }
    uint8_t logged[HASH_SIZE];
    memcpy(logged, entry->meta.hash, HASH_SIZE);
    enum zp_err err = apply_event(turn, actor, entry);
    if (err == ZP_INTERNAL) {
        *ret_why = "an event of the log does not lead on from its order";
        return ZP_CONFLICT;
    }
    if (err == ZP_OK && !crypto_equal(logged, actor->location->hash, HASH_SIZE)) {
        *ret_why = "an event of the log does not fit the location's hash chain";
        return ZP_CONFLICT;
    }
    return err;
}

enum zp_err judge_facts(struct turn *turn, struct actors *actors, const char **ret_why)
{
    for (size_t i = 0; i < turn->count; i++) {
        struct entry *entry = &turn->entries[i];
        enum zp_err err = judge_fact(turn, actors, entry, ret_why);
        if (err != ZP_OK) {
            return err;
        }
    }
    return ZP_OK;
}
