/* test_verify.c: a log is folded and held against a database, and whatever is wrong with either is told: once, at its
 * place, and nothing else. */
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 16
#define AT INT64_C(1767366245678000)
#define P 3

/* A history of one location, as the log and as the journal have it. */
struct told {
    struct event event;
    struct event_meta meta;
    struct record record;
    struct batch_event row;
};

static struct {
    struct arena arena;
    struct zp_id location_id, first, second;
    struct order orders[2]; /* as the last event of each left it */
    struct told told[EVENTS_MAX];
    size_t count;
    struct location location; /* as all of it makes it */
    struct audit audit;
    struct differences differences;
    char *text;
    size_t text_len;
    FILE *out;
    struct order row;       /* what order_get gives; version 0: nothing */
    struct outcome outcome; /* what outcome_get gives; partition 0: nothing */
} w;

static struct zp_id id_of(unsigned number)
{
    struct zp_id id = { .bytes = { 0x11, [6] = 0x80, [8] = 0x80 } };
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

static enum zp_err order_get(void *arg, const struct zp_id *id, struct arena *arena, struct order *ret_order)
{
    (void)arg, (void)id, (void)arena;
    *ret_order = w.row;
    return w.row.version == 0 ? ZP_NOT_FOUND : ZP_OK;
}

static enum zp_err outcome_get(void *arg, int32_t partition, int64_t offset, struct arena *arena,
                               struct outcome *ret_outcome)
{
    (void)arg, (void)arena;
    *ret_outcome = w.outcome;
    return w.outcome.partition == partition && w.outcome.offset == offset ? ZP_OK : ZP_NOT_FOUND;
}

static void tell_event(struct event *event)
{
    struct told *told = &w.told[w.count];
    struct buffer value;
    buffer_init(&value, MESSAGE_VALUE_BYTES_MAX);
    event->seq = (int64_t)w.count + 1;
    event->at = AT + event->seq;
    event->location_id = w.location_id;
    event->command_id = id_of(1000 + (unsigned)w.count);
    event->by = "kitchen";
    event->order.seq = event->seq;
    message_event_encode(event, &value);
    assert_int_equal(value.err, ZP_OK);
    const void *bytes = arena_strndup(&w.arena, value.data, value.len);
    const struct order *before = NULL;
    struct order *now = NULL;
    if (event->type <= EV_ORDER_EXPIRED) {
        now = &w.orders[id_equal(&event->order.id, &w.second)];
        before = event->order.version > 1 ? now : NULL;
    }
    assert_int_equal(evolve(&w.location, before, event), ZP_OK);
    if (now != NULL) {
        *now = event->order;
    }
    location_chain(w.location.hash, event->seq, event->type, event->at, bytes, value.len);
    told->event = *event;
    told->meta = (struct event_meta){ .command_offset = 10 * event->seq, .user_id = id_of(7),
                                      .command_type = CMD_ORDER_PLACE };
    memcpy(told->meta.hash, w.location.hash, HASH_SIZE);
    told->row = (struct batch_event){ .location_id = w.location_id, .order_id = event->order_id,
                                      .command_id = event->command_id, .seq = event->seq, .type = event->type,
                                      .at = event->at, .command_offset = told->meta.command_offset, .value = bytes,
                                      .value_len = value.len };
    memcpy(told->row.hash, w.location.hash, HASH_SIZE);
    assert_int_equal(message_event_write(&told->event, &told->meta, P, bytes, value.len, &w.arena, &told->record),
                     ZP_OK);
    told->record.offset = (int64_t)w.count++;
    buffer_finish(&value);
}

static void tell_order(enum event_type type, const struct zp_id *id, enum order_state status, int64_t version)
{
    static struct order_line lines[2];
    for (int i = 0; i < 2; i++) {
        lines[i] = (struct order_line){ .line = i + 1, .item_id = "burger", .name = "Burger", .quantity = 1,
                                        .unit_price = 900, .total = 900, .status = LINE_NEW };
    }
    struct event event = {
        .type = type, .order_id = *id,
        .order = { .id = *id, .location_id = w.location_id, .owner = id_of(7), .number = id_equal(id, &w.second) + 1,
                   .status = status, .version = version, .currency = "EUR", .subtotal = 1800, .total = 1800,
                   .lines = lines, .line_count = 2, .placed_at = AT, .updated_at = AT, .fingerprint = { 1 } },
    };
    tell_event(&event);
}

static struct outcome outcome_of(size_t i)
{
    return message_event_outcome(&w.told[i].event, &w.told[i].meta, P);
}

/* The database has an outcome for each event, but one: that one is another (NULL: missing). */
static void believe_outcomes_but(size_t which, const struct outcome *other)
{
    w.audit.kept_since = AT;
    for (size_t i = 0; i < w.count; i++) {
        const struct outcome own = outcome_of(i);
        const struct outcome *outcome = i == which ? other : &own;
        if (outcome != NULL) {
            assert_int_equal(audit_take_outcome(&w.audit, outcome), ZP_OK);
        }
    }
}

/* What the database would say, were nothing wrong; its outcomes may have been purged. */
static void believe(void)
{
    struct audit_place *place = audit_place(&w.audit, &w.location_id, P);
    assert_non_null(place);
    place->has_row = true;
    place->seq = w.location.seq;
    place->last_number = w.location.last_number;
    place->open_count = w.location.open_count;
    place->open_hash = w.location.open_hash;
    memcpy(place->hash, w.location.hash, HASH_SIZE);
    place->settings = audit_digest_settings(&w.audit, &w.location);
    place->menu = audit_digest_menu(&w.audit, &w.location);
    place->journal_seq = place->published_seq = w.location.seq;
    for (size_t i = 0; i < w.count; i++) {
        place->ids += audit_ids(&w.told[i].row);
    }
    for (int i = 0; i < 2; i++) {
        struct audit_order_state *state = audit_order(&w.audit, &w.orders[i].id, 0);
        assert_non_null(state);
        state->in_database = true;
        state->version = w.orders[i].version;
        state->seq = w.orders[i].seq;
        state->digest = audit_digest_order(&w.audit, &w.orders[i]);
    }
    w.audit.cuts[P] = (struct audit_cut){ .next_offset = 1000, .published_offset = 1000 };
}

static int open_history(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    arena_init(&w.arena, 16 << 20);
    w.location_id = id_of(1);
    w.first = id_of(2);
    w.second = id_of(3);
    location_init(&w.location, &w.location_id);
    struct event settings = { .type = EV_LOCATION_SET, .settings = { .name = "Here", .currency = "EUR" } };
    tell_event(&settings);
    tell_order(EV_ORDER_PLACED, &w.first, ORDER_ACCEPTED, 1);
    tell_order(EV_ORDER_PLACED, &w.second, ORDER_ACCEPTED, 1);
    tell_order(EV_ORDER_STARTED, &w.first, ORDER_PREPARING, 2);
    w.out = open_memstream(&w.text, &w.text_len);
    differences_init(&w.differences, w.out, false, 100);
    audit_init(&w.audit, &w.differences);
    w.audit.order_get = order_get;
    w.audit.outcome_get = outcome_get;
    w.audit.kept_since = INT64_MAX;
    believe();
    return 0;
}

static int close_history(void **state)
{
    (void)state;
    audit_finish(&w.audit);
    differences_finish(&w.differences);
    fclose(w.out);
    free(w.text);
    location_finish(&w.location);
    arena_finish(&w.arena);
    return 0;
}

static void fold_told(size_t i)
{
    assert_int_equal(audit_fold(&w.audit, &w.told[i].record), ZP_OK);
}

static void fold_all(void)
{
    for (size_t i = 0; i < w.count; i++) {
        fold_told(i);
    }
}

/* So many differences, the first one's line with this in it. */
static void expect(int64_t count, const char *part)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        differences_print(&w.differences, p);
    }
    fflush(w.out);
    if (w.differences.count != count || (part != NULL && strstr(w.text, part) == NULL)) {
        fail_msg("%lld differences, not %lld with \"%s\":\n%s", (long long)w.differences.count, (long long)count,
                 part == NULL ? "" : part, w.text);
    }
}

static struct audit_order_state *second(void)
{
    return audit_order(&w.audit, &w.second, 0);
}

/* ---- nothing is wrong ----------------------------------------------------------------------------------------- */

static void an_honest_log_and_database_are_equal(void **state)
{
    (void)state;
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.events, 4);
    assert_int_equal(w.audit.orders_compared, 2);
}

static void what_is_told_twice_is_dropped(void **state)
{
    (void)state;
    fold_told(0);
    fold_told(1);
    fold_told(0);
    fold_told(1);
    fold_told(2);
    fold_told(3);
    audit_settle(&w.audit);
    expect(0, NULL);
}

static void what_is_newer_than_the_snapshot_is_no_difference(void **state)
{
    (void)state;
    fold_all();
    tell_order(EV_ORDER_STARTED, &w.second, ORDER_PREPARING, 2);
    w.audit.cuts[P].next_offset = w.told[w.count - 1].meta.command_offset;
    fold_told(w.count - 1);
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.newer, 1);
}

static void what_is_not_yet_published_is_no_difference(void **state)
{
    (void)state;
    struct audit_place *place = audit_place_find(&w.audit, &w.location_id);
    place->published_seq = 3;
    fold_told(0);
    fold_told(1);
    fold_told(2);
    assert_true(audit_is_unpublished(&w.audit, P));
    assert_false(audit_is_unpublished(&w.audit, P + 1));
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.unpublished, 1);
}

static void other_locations_are_left_out_when_one_is_asked_for(void **state)
{
    (void)state;
    audit_reset(&w.audit);
    w.audit.only = id_of(99);
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.place_count, 0);
}

/* ---- the log is wrong ----------------------------------------------------------------------------------------- */

static void a_gap_is_told_and_held_at(void **state)
{
    (void)state;
    fold_told(0);
    fold_told(2);
    fold_told(3);
    audit_settle(&w.audit);
    expect(1, "seq 3 seq: expected has 2, log has 3");
    assert_int_equal(w.audit.held, 1);
}

static void an_event_that_is_missing_at_the_end_is_told(void **state)
{
    (void)state;
    fold_told(0);
    fold_told(1);
    fold_told(2);
    audit_settle(&w.audit);
    /* the location's head, and the order that the event stepped */
    expect(3, "seq: log has 3, database has 4");
}

static void a_wrong_hash_is_told_once_whichever_it_is(void **state)
{
    (void)state;
    w.told[2].meta.hash[5] ^= 1;
    assert_int_equal(message_event_write(&w.told[2].event, &w.told[2].meta, P, w.told[2].row.value,
                                         w.told[2].row.value_len, &w.arena, &w.told[2].record), ZP_OK);
    fold_all();
    audit_settle(&w.audit);
    expect(1, "seq 3 hash: expected has");
}

static void an_event_that_was_changed_is_told_once(void **state)
{
    (void)state;
    struct event *event = &w.told[2].event;
    struct buffer value;
    buffer_init(&value, MESSAGE_VALUE_BYTES_MAX);
    event->order.note = "changed afterwards";
    message_event_encode(event, &value);
    w.told[2].record.value = value.data;
    w.told[2].record.value_len = value.len;
    fold_all();
    audit_settle(&w.audit);
    expect(2, "seq 3 hash: expected has"); /* and the order differs from its row */
    buffer_finish(&value);
}

static void an_event_that_does_not_lead_on_is_told(void **state)
{
    (void)state;
    struct event *event = &w.told[3].event;
    struct buffer value;
    buffer_init(&value, MESSAGE_VALUE_BYTES_MAX);
    event->order.version = 5;
    message_event_encode(event, &value);
    w.told[3].record.value = value.data;
    w.told[3].record.value_len = value.len;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "event: expected has one that leads on from its order, log has order_started");
    buffer_finish(&value);
}

static void a_foreign_record_is_counted_and_skipped(void **state)
{
    (void)state;
    const struct record foreign = { .partition = P, .value = "?", .value_len = 1 };
    assert_int_equal(audit_fold(&w.audit, &foreign), ZP_OK);
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.unreadable, 1);
}

/* ---- the database is wrong ------------------------------------------------------------------------------------ */

static void head_seq(struct audit_place *place) { place->seq--; }
static void head_hash(struct audit_place *place) { place->hash[0] ^= 1; }
static void head_number(struct audit_place *place) { place->last_number = 9; }
static void head_open_count(struct audit_place *place) { place->open_count = 9; }
static void head_open_hash(struct audit_place *place) { place->open_hash ^= 1; }
static void head_settings(struct audit_place *place) { place->settings ^= 1; }
static void head_menu(struct audit_place *place) { place->menu ^= 1; }
static void head_ids(struct audit_place *place) { place->ids++; }
static void head_gone(struct audit_place *place) { place->has_row = false; }

static const struct { void (*spoil)(struct audit_place *place); const char *told; } heads[] = {
    { head_seq, "seq: log has 4, database has 3" },
    { head_hash, "hash: log has" },
    { head_number, "last_number: log has 2, database has 9" },
    { head_open_count, "open_count: log has 2, database has 9" },
    { head_open_hash, "open_hash: log has" },
    { head_settings, "settings: log has what its events say" },
    { head_menu, "menu: log has what its events say" },
    { head_ids, "journal's command_id" },
    { head_gone, "location: log has a location, database has nothing" },
};

static void a_head_that_is_wrong_is_told(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(heads); i++) {
        close_history(state);
        open_history(state);
        heads[i].spoil(audit_place_find(&w.audit, &w.location_id));
        fold_all();
        audit_settle(&w.audit);
        expect(1, heads[i].told);
    }
}

static void an_order_that_is_missing_is_told(void **state)
{
    (void)state;
    second()->in_database = false;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "order: log has an order, database has nothing");
}

static void an_order_that_the_log_never_had_is_told(void **state)
{
    (void)state;
    struct zp_id extra = id_of(50);
    audit_order(&w.audit, &extra, 0)->in_database = true;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "order: log has nothing, database has an order");
}

static void an_order_with_another_seq_is_told(void **state)
{
    (void)state;
    second()->seq = 77;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "seq: log has 3, database has 77");
}

/* What a row may say otherwise, field by field. */
static struct order spoilt;
static struct order_line spoilt_lines[2];

static void row_total(void) { spoilt.total = 1; }
static void row_line_total(void) { spoilt_lines[1].total = 1; }
static void row_line_missing(void) { spoilt.line_count = 1; }
static void row_status(void) { spoilt.status = ORDER_READY; }
static void row_note(void) { spoilt.note = "an \"escaped\\\" note, with a comma"; }
static void row_owner(void) { spoilt.owner = id_of(8); }
static void row_fingerprint(void) { spoilt.fingerprint[3] = 9; }
static void row_number(void) { spoilt.number = 100; }
static void row_promised(void) { spoilt.promised_at = AT; }

static const struct { void (*spoil)(void); const char *told; } spoils[] = {
    { row_total, "/total: log has 1800, database has 1\n" },
    { row_line_total, "/lines/1/total: log has 900, database has 1\n" },
    { row_line_missing, "/lines/1: log has {" },
    { row_status, "/status: log has \"accepted\", database has \"ready\"\n" },
    { row_note, "/note: log has" },
    { row_owner, "owner: log has" },
    { row_fingerprint, "row: log has an order, database has another one" },
    { row_number, "/number: log has 2, database has 100\n" },
    { row_promised, "/promised_at: log has" },
};

static void a_row_that_is_wrong_is_told_by_field(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(spoils); i++) {
        close_history(state);
        open_history(state);
        spoilt = w.orders[1];
        memcpy(spoilt_lines, spoilt.lines, sizeof spoilt_lines);
        spoilt.lines = spoilt_lines;
        spoils[i].spoil();
        w.row = spoilt;
        second()->digest = audit_digest_order(&w.audit, &spoilt);
        fold_all();
        audit_settle(&w.audit);
        expect(1, spoils[i].told);
    }
}

static void a_row_that_was_stepped_meanwhile_is_told_as_a_whole(void **state)
{
    (void)state;
    w.row = w.orders[1];
    w.row.version = 9;
    second()->digest ^= 1;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "row: log has an order");
}

/* ---- outcomes ------------------------------------------------------------------------------------------------- */

static struct outcome spoilt_outcome;

static void outcome_command(void) { spoilt_outcome.command_id = id_of(8); }
static void outcome_location(void) { spoilt_outcome.location_id = ID_NONE; }
static void outcome_order(void) { spoilt_outcome.order_id = id_of(8); }
static void outcome_user(void) { spoilt_outcome.user_id = id_of(8); }
static void outcome_seq(void) { spoilt_outcome.seq = 9; }
static void outcome_at(void) { spoilt_outcome.at++; }
static void outcome_type(void) { spoilt_outcome.type = CMD_ORDER_CANCEL; }
static void outcome_err(void) { spoilt_outcome.err = ZP_CONFLICT; }
static void outcome_fingerprint(void) { spoilt_outcome.fingerprint[3] = 9; }
static void outcome_reasons(void)
{
    static const struct reason reason = { .code = "late", .detail = "Too late." };
    spoilt_outcome.reasons = &reason;
    spoilt_outcome.reason_count = 1;
}

static const struct { void (*spoil)(void); const char *told; } outcomes[] = {
    { outcome_command, "/command_id: log has \"11000000-0000-8000-8000-0000000003ea\"" },
    { outcome_location, "/location_id: log has \"11000000-0000-8000-8000-000000000001\", database has null" },
    { outcome_order, "/order_id: log has" },
    { outcome_user, "/user_id: log has" },
    { outcome_seq, "/seq: log has 3, database has 9" },
    { outcome_at, "/at: log has 1767366245678003, database has 1767366245678004" },
    { outcome_type, "/type: log has \"order_place\", database has \"order_cancel\"" },
    { outcome_err, "/err: log has \"OK\", database has \"CONFLICT\"" },
    { outcome_fingerprint, "/fingerprint: log has" },
    { outcome_reasons, "/reasons/0: log has nothing, database has {\"code\":\"late\"" },
};

static void outcomes_as_the_log_tells_them_are_equal(void **state)
{
    (void)state;
    believe_outcomes_but(SIZE_MAX, NULL);
    fold_all();
    fold_told(2);
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.outcomes_compared, 4);
}

static void an_outcome_that_is_wrong_is_told_by_field(void **state)
{
    for (size_t i = 0; i < ZP_COUNT(outcomes); i++) {
        close_history(state);
        open_history(state);
        spoilt_outcome = outcome_of(2);
        outcomes[i].spoil();
        w.outcome = spoilt_outcome;
        believe_outcomes_but(2, &spoilt_outcome);
        fold_all();
        audit_settle(&w.audit);
        expect(1, outcomes[i].told);
        expect(1, "command 11000000-0000-8000-8000-0000000003ea");
    }
}

static void an_outcome_that_was_replaced_meanwhile_is_told_as_a_whole(void **state)
{
    (void)state;
    spoilt_outcome = outcome_of(2);
    spoilt_outcome.seq = 9;
    believe_outcomes_but(2, &spoilt_outcome);
    fold_all();
    audit_settle(&w.audit);
    expect(1, "outcome: log has an outcome, database has another one");
}

static void a_young_outcome_that_is_missing_is_told(void **state)
{
    (void)state;
    believe_outcomes_but(1, NULL);
    fold_all();
    audit_settle(&w.audit);
    expect(1, "seq 2 outcome: log has OK, database has nothing");
}

static void an_outcome_that_may_have_been_purged_is_no_difference(void **state)
{
    (void)state;
    believe_outcomes_but(1, NULL);
    w.audit.kept_since = AT + 3; /* the second one is a moment older */
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
}

/* A parking told at the log's end: what is parked is never purged. */
static void tell_parking(void)
{
    static const struct reason reason = { .code = "parked", .detail = "Set aside." };
    struct event event = { .type = EV_COMMAND_PARKED, .at = AT + 99, .location_id = w.location_id,
                           .command_id = id_of(70), .by = "actor", .err = ZP_PARKED,
                           .reasons = (struct reason *)&reason, .reason_count = 1 };
    struct told *told = &w.told[w.count];
    struct buffer value;
    buffer_init(&value, MESSAGE_VALUE_BYTES_MAX);
    message_event_encode(&event, &value);
    assert_int_equal(value.err, ZP_OK);
    told->event = event;
    told->meta = (struct event_meta){ .command_offset = 500, .user_id = id_of(7), .command_type = CMD_ORDER_PLACE };
    const void *bytes = arena_strndup(&w.arena, value.data, value.len);
    assert_int_equal(message_event_write(&event, &told->meta, P, bytes, value.len, &w.arena, &told->record), ZP_OK);
    told->record.offset = (int64_t)w.count++;
    buffer_finish(&value);
}

static void a_parking_that_is_missing_is_told_at_any_age(void **state)
{
    (void)state;
    tell_parking();
    believe_outcomes_but(4, NULL);
    w.audit.kept_since = INT64_MAX;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "command 11000000-0000-8000-8000-000000000046 outcome: log has PARKED, database has nothing");
}

static void a_parking_is_compared_as_it_was_told(void **state)
{
    (void)state;
    tell_parking();
    believe_outcomes_but(SIZE_MAX, NULL);
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.outcomes_compared, 5);
}

/* Told below what is published and beyond what is applied; not in between, for its fact may be on its way. */
static void an_outcome_that_the_log_never_told_is_told(void **state)
{
    static const struct { int64_t offset, told; } rows[] = { { 11, 1 }, { 45, 0 }, { 60, 1 } };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        close_history(state);
        open_history(state);
        spoilt_outcome = outcome_of(2);
        spoilt_outcome.offset = rows[i].offset;
        w.outcome = spoilt_outcome;
        w.audit.cuts[P] = (struct audit_cut){ .next_offset = 50, .published_offset = 41 };
        assert_int_equal(audit_take_outcome(&w.audit, &spoilt_outcome), ZP_OK);
        fold_all();
        audit_settle(&w.audit);
        expect(rows[i].told, rows[i].told == 0 ? NULL : "outcome: log has nothing, database has OK");
    }
}

static void outcomes_of_other_locations_are_left_out(void **state)
{
    (void)state;
    audit_reset(&w.audit);
    w.audit.only = id_of(99);
    believe_outcomes_but(0, NULL);
    fold_all();
    audit_settle(&w.audit);
    expect(0, NULL);
    assert_int_equal(w.audit.outcomes_compared, 0);
}

/* ---- the journal by itself ------------------------------------------------------------------------------------ */

static void check_rows(void)
{
    struct audit_place *place = audit_place_find(&w.audit, &w.location_id);
    struct journal_check check = { .place = place };
    for (size_t i = 0; i < w.count; i++) {
        if (w.told[i].row.seq > 0) {
            audit_check_journal(&w.audit, &check, &w.told[i].row);
        }
    }
}

static void a_sound_journal_is_sound(void **state)
{
    (void)state;
    check_rows();
    expect(0, NULL);
}

static void a_row_that_is_missing_is_told_and_the_rest_goes_on(void **state)
{
    (void)state;
    w.told[1].row.seq = 0;
    check_rows();
    expect(1, "seq 2 event: log has an event, database has nothing");
}

static void a_row_with_another_hash_is_told_once(void **state)
{
    (void)state;
    w.told[1].row.hash[0] ^= 1;
    check_rows();
    expect(1, "seq 2 hash: log has a chain");
}

static void a_row_with_another_value_is_told_once(void **state)
{
    (void)state;
    w.told[1].row.value_len--;
    check_rows();
    expect(1, "seq 2 value: log has a chain"); /* its hash is that of the true value: the chain goes on from it */
}

/* ---- the journal beside the log ------------------------------------------------------------------------------- */

static struct audit_place *take_rows(void)
{
    struct audit_place *place = audit_place_find(&w.audit, &w.location_id);
    for (size_t i = 0; i < w.count; i++) {
        if (w.told[i].row.seq > 0) {
            assert_int_equal(audit_take_row(&w.audit, place, &w.told[i].row), ZP_OK);
        }
    }
    return place;
}

/* So many rows, with the hash of the last one of them. */
static void expect_met(const struct audit_place *place, size_t count)
{
    static const uint8_t none[HASH_SIZE];
    assert_int_equal(place->rows.met, count);
    assert_memory_equal(place->rows.met_hash, count == 0 ? none : w.told[count - 1].meta.hash, HASH_SIZE);
}

static void rows_that_the_log_has_are_met(void **state)
{
    (void)state;
    w.audit.cuts[P].published_offset = 40;
    const struct audit_place *place = take_rows();
    fold_all();
    expect_met(place, 4);
    assert_int_equal(place->journal_seq, 4);
    assert_int_equal(place->published_seq, 3);
}

static void rows_that_the_log_has_not_yet_are_not_met(void **state)
{
    (void)state;
    const struct audit_place *place = take_rows();
    fold_told(0);
    fold_told(1);
    expect_met(place, 2);
}

static void row_missing(struct batch_event *row) { row->seq = 0; }
static void row_type(struct batch_event *row) { row->type = EV_ORDER_READIED; }
static void row_at(struct batch_event *row) { row->at++; }
static void row_hash(struct batch_event *row) { row->hash[HASH_SIZE - 1] ^= 1; }
static void row_shorter(struct batch_event *row) { row->value_len--; }
static void row_value(struct batch_event *row)
{
    char *other = arena_alloc(&w.arena, row->value_len);
    memcpy(other, row->value, row->value_len);
    other[row->value_len - 1] ^= 1;
    row->value = other;
}

static void a_row_that_is_not_the_logs_is_not_met_and_none_behind_it(void **state)
{
    static void (*const strangers[])(struct batch_event *row) = { row_missing, row_type, row_at, row_hash, row_shorter,
                                                                  row_value };
    for (size_t i = 0; i < ZP_COUNT(strangers); i++) {
        strangers[i](&w.told[2].row);
        const struct audit_place *place = take_rows();
        fold_all();
        expect_met(place, 2);
        assert_int_equal(close_history(state) + open_history(state), 0);
    }
}

static void behind_an_event_whose_hash_does_not_fit_no_row_is_met(void **state)
{
    (void)state;
    w.told[1].meta.hash[5] ^= 1;
    w.told[1].row.hash[5] ^= 1; /* as in the journal: equal, and wrong all the same */
    assert_int_equal(message_event_write(&w.told[1].event, &w.told[1].meta, P, w.told[1].row.value,
                                         w.told[1].row.value_len, &w.arena, &w.told[1].record), ZP_OK);
    const struct audit_place *place = take_rows();
    fold_all();
    expect_met(place, 1);
}

/* ---- telling -------------------------------------------------------------------------------------------------- */

static void a_difference_is_a_json_object_when_asked_for(void **state)
{
    (void)state;
    w.differences.is_json = true;
    second()->seq = 77;
    fold_all();
    audit_settle(&w.audit);
    expect(1, "{\"partition\":3,\"location_id\":\"11000000-0000-8000-8000-000000000001\","
              "\"order_id\":\"11000000-0000-8000-8000-000000000003\",\"command_id\":null,\"seq\":null,"
              "\"field\":\"seq\","
              "\"log\":\"3\",\"database\":\"77\"}\n");
}

static void more_than_asked_for_is_counted_and_not_shown(void **state)
{
    (void)state;
    w.differences.shown_max = 1;
    second()->seq = 77;
    audit_place_find(&w.audit, &w.location_id)->last_number = 9;
    fold_all();
    audit_settle(&w.audit);
    expect(2, "last_number");
    assert_null(strstr(w.text, "77"));
}

static void tell_of(int32_t partition, const char *field, const char *value)
{
    difference_tell(&w.differences, &(struct difference){ .partition = partition, .field = field, .left = "log",
                                                          .left_value = value, .right = "database" });
}

static const char *printed(void)
{
    expect(w.differences.count, NULL);
    return w.text;
}

static void differences_stand_in_the_order_of_partitions_whoever_was_first(void **state)
{
    (void)state;
    tell_of(5, "a", "1");
    tell_of(3, "b", "1");
    tell_of(5, "c", "1");
    assert_string_equal(printed(), "partition 3 b: log has 1, database has nothing\n"
                                   "partition 5 a: log has 1, database has nothing\n"
                                   "partition 5 c: log has 1, database has nothing\n");
}

static void the_first_of_all_partitions_are_shown(void **state)
{
    (void)state;
    w.differences.shown_max = 2;
    tell_of(5, "a", "1");
    tell_of(5, "b", "1");
    tell_of(3, "c", "1");
    assert_string_equal(printed(), "partition 3 c: log has 1, database has nothing\n"
                                   "partition 5 a: log has 1, database has nothing\n");
    assert_int_equal(w.differences.count, 3);
    assert_int_equal(w.differences.shown, 2);
}

static void behind_a_difference_too_large_to_keep_none_is_shown(void **state)
{
    (void)state;
    size_t len = (size_t)17 << 20;
    char *value = malloc(len + 1);
    assert_non_null(value);
    memset(value, 'x', len);
    value[len] = '\0';
    tell_of(3, "a", "1");
    tell_of(3, "b", value);
    tell_of(3, "c", "1");
    tell_of(5, "d", "1");
    free(value);
    assert_string_equal(printed(), "partition 3 a: log has 1, database has nothing\n");
    assert_int_equal(w.differences.count, 4);
    assert_int_equal(w.differences.shown, 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, open_history, close_history)

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        test(an_honest_log_and_database_are_equal),
        test(what_is_told_twice_is_dropped),
        test(what_is_newer_than_the_snapshot_is_no_difference),
        test(what_is_not_yet_published_is_no_difference),
        test(other_locations_are_left_out_when_one_is_asked_for),
        test(a_gap_is_told_and_held_at),
        test(an_event_that_is_missing_at_the_end_is_told),
        test(a_wrong_hash_is_told_once_whichever_it_is),
        test(an_event_that_was_changed_is_told_once),
        test(an_event_that_does_not_lead_on_is_told),
        test(a_foreign_record_is_counted_and_skipped),
        test(a_head_that_is_wrong_is_told),
        test(an_order_that_is_missing_is_told),
        test(an_order_that_the_log_never_had_is_told),
        test(an_order_with_another_seq_is_told),
        test(a_row_that_is_wrong_is_told_by_field),
        test(a_row_that_was_stepped_meanwhile_is_told_as_a_whole),
        test(outcomes_as_the_log_tells_them_are_equal),
        test(an_outcome_that_is_wrong_is_told_by_field),
        test(an_outcome_that_was_replaced_meanwhile_is_told_as_a_whole),
        test(a_young_outcome_that_is_missing_is_told),
        test(an_outcome_that_may_have_been_purged_is_no_difference),
        test(a_parking_that_is_missing_is_told_at_any_age),
        test(a_parking_is_compared_as_it_was_told),
        test(an_outcome_that_the_log_never_told_is_told),
        test(outcomes_of_other_locations_are_left_out),
        test(a_sound_journal_is_sound),
        test(a_row_that_is_missing_is_told_and_the_rest_goes_on),
        test(a_row_with_another_hash_is_told_once),
        test(a_row_with_another_value_is_told_once),
        test(rows_that_the_log_has_are_met),
        test(rows_that_the_log_has_not_yet_are_not_met),
        test(a_row_that_is_not_the_logs_is_not_met_and_none_behind_it),
        test(behind_an_event_whose_hash_does_not_fit_no_row_is_met),
        test(a_difference_is_a_json_object_when_asked_for),
        test(more_than_asked_for_is_counted_and_not_shown),
        test(differences_stand_in_the_order_of_partitions_whoever_was_first),
        test(the_first_of_all_partitions_are_shown),
        test(behind_a_difference_too_large_to_keep_none_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
