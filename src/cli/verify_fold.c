/* Owns the fold of the log: the same `evolve` as the worker's, by readers' rules, and what it is held against. Called
 * by verify with one record after the other.
 * Invariants: a fact at or beyond the database's next_offset is newer than the snapshot and not looked at; behind a gap
 * of the log nothing of its location is folded, and nothing of it compared, but the gap is a difference. */
#include "verify.h"

#include <string.h>

static struct difference about_place(const struct audit_place *place)
{
    return (struct difference){ .partition = place->partition, .location_id = &place->id, .left = "log",
                                .right = "database" };
}

/* The log itself is wrong here, whatever the database has. */
static void tell_log(struct audit *audit, const struct audit_place *place, const struct event *event,
                     const char *field, const char *expected, const char *found)
{
    struct difference difference = about_place(place);
    difference.order_id = id_is_none(&event->order_id) ? NULL : &event->order_id;
    difference.seq = event->seq;
    difference.field = field;
    difference.left = "expected";
    difference.left_value = expected;
    difference.right = "log";
    difference.right_value = found;
    difference_tell(audit->differences, &difference);
}

static void hold(struct audit *audit, struct audit_place *place, const struct event *event, const char *field,
                 const char *expected, const char *found)
{
    tell_log(audit, place, event, field, expected, found);
    place->is_held = true;
    audit->held++;
}

/* ---- the chain ------------------------------------------------------------------------------------------------ */

static bool chain(uint8_t hash[HASH_SIZE], const struct event *event, const struct event_meta *meta,
                  const struct record *record)
{
    location_chain(hash, event->seq, event->type, event->at, record->value, record->value_len);
    return memcmp(hash, meta->hash, HASH_SIZE) == 0;
}

/* After an event that did not fit, the next one tells which was wrong: its hash or what was hashed. */
static bool follow_chain(struct audit *audit, struct audit_place *place, const struct event *event,
                         const struct event_meta *meta, const struct record *record)
{
    uint8_t other[HASH_SIZE];
    bool had_other = place->has_other_hash;
    memcpy(other, place->other_hash, HASH_SIZE);
    place->has_other_hash = false;
    if (chain(place->folded.hash, event, meta, record)) {
        return true;
    }
    if (had_other && chain(other, event, meta, record)) {
        memcpy(place->folded.hash, other, HASH_SIZE);
        return true;
    }
    char expected[2 * HASH_SIZE + 1], found[2 * HASH_SIZE + 1];
    tell_log(audit, place, event, "hash", crypto_hex(place->folded.hash, HASH_SIZE, expected),
             crypto_hex(meta->hash, HASH_SIZE, found));
    memcpy(place->other_hash, meta->hash, HASH_SIZE);
    place->has_other_hash = true;
    return false;
}

/* ---- one event ------------------------------------------------------------------------------------------------ */

/* What the row says in another way than the event that made it. */
static void tell_order(struct audit *audit, const struct audit_place *place, const struct order *logged,
                       const struct audit_order_state *state)
{
    struct difference about = about_place(place);
    struct order *row = arena_alloc(&audit->arena, sizeof *row);
    about.order_id = &state->id;
    about.seq = logged->seq;
    size_t told = 0;
    if (row != NULL && audit->order_get != NULL &&
        audit->order_get(audit->arg, &state->id, &audit->arena, row) == ZP_OK && row->version == state->version &&
        row->seq == state->seq) {
        buffer_reset(&audit->text);
        buffer_reset(&audit->other_text);
        message_order_json(logged, &audit->text);
        message_order_json(row, &audit->other_text);
        told = difference_tell_json(audit->differences, &about, audit->text.data, audit->other_text.data,
                                    &audit->arena);
        char owner[ID_TEXT_SIZE], row_owner[ID_TEXT_SIZE];
        if (!id_equal(&logged->owner, &row->owner)) {
            about.field = "owner";
            about.left_value = id_format(&logged->owner, owner);
            about.right_value = id_format(&row->owner, row_owner);
            difference_tell(audit->differences, &about);
            told++;
        }
    }
    if (told == 0) { /* the fingerprint, which is nobody's to see; or it has been written meanwhile */
        about.field = "row";
        about.left_value = "an order";
        about.right_value = "another one at the same version, in a field that is not shown";
        difference_tell(audit->differences, &about);
    }
}

static void compare_order(struct audit *audit, const struct audit_place *place, const struct order *logged,
                          const struct audit_order_state *state)
{
    audit->orders_compared++;
    if (audit_digest_order(audit, logged) != state->digest) {
        tell_order(audit, place, logged, state);
    }
}

/* Folds an event that is the location's next one. */
static enum zp_err fold_next(struct audit *audit, struct audit_place *place, const struct event *event,
                             const struct event_meta *meta, const struct record *record)
{
    struct audit_order_state *state = NULL;
    struct order before = { .version = 0 };
    bool is_order = event->type <= EV_ORDER_EXPIRED;
    if (is_order) {
        state = audit_order(audit, &event->order_id, (uint32_t)(place - audit->places));
        if (state == NULL) {
            return ZP_NO_MEMORY;
        }
        before.id = state->id;
        before.version = state->log_version;
        before.status = (enum order_state)state->log_status;
    }
    enum zp_err err = evolve(&place->folded, state == NULL || !state->in_log ? NULL : &before, event);
    if (err == ZP_INTERNAL) {
        hold(audit, place, event, "event", "one that leads on from its order", EVENT_WORDS.names[event->type]);
        return ZP_OK;
    }
    if (err != ZP_OK) {
        return err;
    }
    if (follow_chain(audit, place, event, meta, record)) {
        audit_meet_row(audit, place, event, meta, record);
    }
    audit->events++;
    place->folded_ids += audit_ids(&(struct batch_event){ .command_id = event->command_id, .order_id = event->order_id,
                                                          .command_offset = meta->command_offset, .seq = event->seq });
    if (state != NULL) {
        state->in_log = true;
        state->log_status = (uint8_t)event->order.status;
        state->log_version = event->order.version;
        state->log_seq = event->seq;
        if (state->in_database && state->seq == event->seq) {
            compare_order(audit, place, &event->order, state);
        }
    }
    return ZP_OK;
}

static enum zp_err fold_event(struct audit *audit, const struct event *event, const struct event_meta *meta,
                              const struct record *record)
{
    if (!id_is_none(&audit->only) && !id_equal(&audit->only, &event->location_id)) {
        return ZP_OK;
    }
    struct audit_place *place = audit_place(audit, &event->location_id, record->partition);
    if (place == NULL) {
        return ZP_NO_MEMORY;
    }
    if (place->is_held) {
        return ZP_OK;
    }
    if (event->seq != place->folded.seq + 1) {
        char expected[24], found[24];
        (void)snprintf(expected, sizeof expected, "%lld", (long long)place->folded.seq + 1);
        (void)snprintf(found, sizeof found, "%lld", (long long)event->seq);
        hold(audit, place, event, "seq", expected, found);
        return ZP_OK;
    }
    return fold_next(audit, place, event, meta, record);
}

enum zp_err audit_fold(struct audit *audit, const struct record *record)
{
    struct event *event = NULL;
    struct event_meta meta;
    const char *why = NULL;
    arena_reset(&audit->arena);
    event = arena_alloc(&audit->arena, sizeof *event);
    enum zp_err err =
        event == NULL ? ZP_NO_MEMORY : message_event_read(record, &audit->arena, event, &meta, &why);
    if (err == ZP_MALFORMED) { /* not ours: readers skip it; one of ours that is spoilt leaves a gap */
        audit->unreadable++;
        return ZP_OK;
    }
    if (err != ZP_OK) {
        return err;
    }
    audit->facts++;
    if (meta.command_offset <= audit->told[record->partition]) {
        return ZP_OK; /* told twice */
    }
    audit->told[record->partition] = meta.command_offset;
    if (meta.command_offset >= audit->cuts[record->partition].next_offset) {
        audit->newer++;
        return ZP_OK;
    }
    if (id_is_none(&audit->only) || id_equal(&audit->only, &event->location_id)) {
        const struct outcome outcome = message_event_outcome(event, &meta, record->partition);
        audit_compare_outcome(audit, &outcome);
    }
    return event->seq == 0 ? ZP_OK : fold_event(audit, event, &meta, record);
}

/* ---- when all is folded --------------------------------------------------------------------------------------- */

/* The database is ahead by nothing but what it does not yet call published. */
static bool is_ahead(const struct audit_place *place)
{
    return place->journal_seq > place->folded.seq && place->folded.seq >= place->published_seq;
}

bool audit_is_unpublished(const struct audit *audit, int32_t partition)
{
    for (size_t i = 0; i < audit->place_count; i++) {
        const struct audit_place *place = &audit->places[i];
        if (place->partition == partition && !place->is_held && is_ahead(place)) {
            return true;
        }
    }
    return false;
}

static void compare_digests(struct audit *audit, const struct audit_place *place)
{
    struct difference about = about_place(place);
    about.left_value = "what its events say";
    about.right_value = "another";
    if (audit_digest_settings(audit, &place->folded) != place->settings) {
        about.field = "settings";
        difference_tell(audit->differences, &about);
    }
    if (audit_digest_menu(audit, &place->folded) != place->menu) {
        about.field = "menu";
        difference_tell(audit->differences, &about);
    }
    if (place->ids != place->folded_ids) {
        about.field = "journal's command_id, order_id or command_offset";
        difference_tell(audit->differences, &about);
    }
}

static void settle_place(struct audit *audit, const struct audit_place *place)
{
    const struct difference about = about_place(place);
    struct differences *differences = audit->differences;
    if (place->is_held) {
        return;
    }
    if (!place->has_row) {
        struct difference missing = about;
        missing.field = "location";
        missing.left_value = place->folded.seq > 0 ? "a location" : NULL;
        missing.right_value = place->folded.seq > 0 ? NULL : "orders, events or a menu of one";
        difference_tell(differences, &missing);
        return;
    }
    if (is_ahead(place)) {
        audit->unpublished += place->seq - place->folded.seq;
        return;
    }
    if (place->folded.seq != place->seq) { /* all else follows from it */
        difference_tell_int(differences, &about, "seq", place->folded.seq, place->seq);
        return;
    }
    difference_tell_hash(differences, &about, "hash", place->folded.hash, place->hash);
    difference_tell_int(differences, &about, "last_number", place->folded.last_number, place->last_number);
    difference_tell_int(differences, &about, "open_count", place->folded.open_count, place->open_count);
    difference_tell_int(differences, &about, "open_hash", (int64_t)place->folded.open_hash, (int64_t)place->open_hash);
    compare_digests(audit, place);
}

static void settle_order(struct audit *audit, const struct audit_order_state *order)
{
    const struct audit_place *place = &audit->places[order->place];
    bool is_unpublished = order->in_database && order->seq > place->folded.seq && is_ahead(place);
    if (place->is_held || is_unpublished) {
        return;
    }
    struct difference about = about_place(place);
    about.order_id = &order->id;
    if (order->in_log != order->in_database) {
        about.field = "order";
        about.left_value = order->in_log ? "an order" : NULL;
        about.right_value = order->in_log ? NULL : "an order";
        difference_tell(audit->differences, &about);
    } else if (order->log_seq != order->seq) { /* else it was compared when that event was folded */
        difference_tell_int(audit->differences, &about, "seq", order->log_seq, order->seq);
        difference_tell_int(audit->differences, &about, "version", order->log_version, order->version);
    }
}

void audit_settle(struct audit *audit)
{
    for (size_t i = 0; i < audit->place_count; i++) {
        settle_place(audit, &audit->places[i]);
    }
    for (size_t i = 0; i < audit->order_count; i++) {
        settle_order(audit, &audit->orders[i]);
    }
    audit_settle_outcomes(audit);
}
