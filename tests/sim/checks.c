/* checks.c: owns the comparison of everything with what the reader of the log has; see checks.h. */
#include "checks.h"

#include "bus.h"
#include "clients.h"
#include "database.h"
#include "fake_live.h"
#include "reader.h"
#include "screens.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* ---- rest ------------------------------------------------------------------------------------------------------ */

static const char *partition_unrest(int32_t number)
{
    static char why[200];
    if (!db.has_row[number] || db.partitions[number].next_offset != fake_log_end(FAKE_COMMANDS, number)) {
        snprintf(why, sizeof why, "partition %d: the database stands at offset %lld, the mailbox ends at %lld",
                 (int)number, (long long)db.partitions[number].next_offset,
                 (long long)fake_log_end(FAKE_COMMANDS, number));
        return why;
    }
    const char *owned = "nobody owns a partition";
    for (int i = 0; i < process_count; i++) {
        const struct worker *worker = processes[i].worker;
        if (worker == NULL) {
            continue;
        }
        if (worker->marks[number].announcing > 0) {
            return "outcomes are under way to the log";
        }
        if (worker->partitions[number].state == PARTITION_OWNED) {
            owned = NULL;
        } else if (worker->partitions[number].state == PARTITION_STOPPED) {
            return "a partition is stopped";
        }
    }
    return owned;
}

static bool cache_is_equal(const struct told_place *told)
{
    const struct fake_place *place = fake_cache_place(&told->location.id);
    return place != NULL && place->head.seq == told->location.seq;
}

const char *checks_unrest(const int32_t *partitions, size_t count)
{
    if (network_in_flight() > 0) {
        return "records are on their way";
    }
    for (size_t i = 0; i < count; i++) {
        const char *why = partition_unrest(partitions[i]);
        if (why != NULL || !reader_is_through(partitions[i], &why)) {
            return why;
        }
    }
    for (size_t i = 0; i < reader_place_count(); i++) {
        if (!cache_is_equal(reader_place_number(i))) {
            return "a cache is behind";
        }
    }
    return NULL;
}

/* ---- the database ---------------------------------------------------------------------------------------------- */

static bool same_json(struct buffer *a, struct buffer *b)
{
    bool same = a->err == ZP_OK && b->err == ZP_OK && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
    buffer_reset(a);
    buffer_reset(b);
    return same;
}

static void check_orders(void)
{
    struct buffer ours, theirs;
    buffer_init(&ours, 1 << 20);
    buffer_init(&theirs, 1 << 20);
    size_t count = 0;
    for (const struct order *told; (told = reader_order_number(count)) != NULL; count++) {
        const struct order *row = fake_order(&told->id);
        if (row == NULL) {
            sim_fail("database", "an order of the log is not in the database");
            break;
        }
        message_order_json(row, &ours);
        message_order_json(told, &theirs);
        if (!same_json(&ours, &theirs) || !id_equal(&row->owner, &told->owner)) {
            sim_fail("database", "an order of the database is not as the log makes it");
        }
    }
    if (count != db.order_count) {
        sim_fail("database", "the database has %zu orders, the log %zu", db.order_count, count);
    }
    buffer_finish(&ours);
    buffer_finish(&theirs);
}

static void check_location(const struct told_place *told)
{
    struct buffer ours, theirs;
    const struct location *want = &told->location, *row = fake_location(&want->id);
    if (row == NULL || row->seq != want->seq || memcmp(row->hash, want->hash, HASH_SIZE) != 0) {
        sim_fail("database", "a location's head is %lld and not %lld, or its hash differs",
                 row == NULL ? -1LL : (long long)row->seq, (long long)want->seq);
        return;
    }
    if (row->last_number != want->last_number || row->open_count != want->open_count ||
        row->open_hash != want->open_hash) {
        sim_fail("database", "a location's tickets are not as the log makes them");
    }
    buffer_init(&ours, 1 << 20);
    buffer_init(&theirs, 1 << 20);
    message_settings_json(&row->settings, &ours);
    message_settings_json(&want->settings, &theirs);
    message_menu_doc_json(&row->menu, &ours);
    message_menu_doc_json(&want->menu, &theirs);
    if (!same_json(&ours, &theirs)) {
        sim_fail("database", "a location's settings or menu are not as the log makes them");
    }
    buffer_finish(&ours);
    buffer_finish(&theirs);
}

static void check_journal(void)
{
    size_t told = 0;
    for (size_t i = 0; i < reader_fact_count(); i++) {
        told += reader_fact_number(i)->seq > 0;
    }
    if (told != db.event_count) {
        sim_fail("database", "the journal has %zu events, the log %zu", db.event_count, told);
    }
    for (size_t i = 0; i < db.event_count; i++) {
        const struct batch_event *row = &db.events[i].event;
        const struct fact *fact = reader_event(&row->location_id, row->seq);
        if (fact == NULL || row->value_len != fact->record->value_len ||
            memcmp(row->value, fact->record->value, row->value_len) != 0 || row->command_offset != fact->offset) {
            sim_fail("database", "seq %lld of the journal is not as the log has it", (long long)row->seq);
        }
    }
}

static void check_outcomes(void)
{
    for (size_t i = 0; i < db.outcome_count; i++) {
        const struct outcome *row = &db.outcomes[i];
        const struct fact *fact = reader_fact_at(row->partition, row->offset);
        if (fact == NULL || fact->err != row->err || fact->seq != row->seq || fact->type != row->type ||
            !id_equal(&fact->command_id, &row->command_id)) {
            sim_fail("database", "the outcome of offset %lld of partition %d is not as the log has it",
                     (long long)row->offset, (int)row->partition);
        }
    }
    bool is_purged = sim.struck[FAULT_DAYS_PASS] > 0;
    for (size_t i = 0; i < reader_fact_count() && !is_purged; i++) {
        if (fake_outcome(&reader_fact_number(i)->command_id) == NULL) {
            sim_fail("database", "an outcome of the log is not in the database");
        }
    }
}

/* ---- the cache and the dead letters ---------------------------------------------------------------------------- */

static bool has_ticket(const struct fake_place *place, const struct order *order)
{
    for (size_t i = 0; i < place->ticket_count; i++) {
        if (id_equal(&place->tickets[i].order_id, &order->id)) {
            return place->tickets[i].version == order->version;
        }
    }
    return false;
}

static void check_cache(const struct told_place *told)
{
    const struct location *want = &told->location;
    const struct fake_place *place = fake_cache_place(&want->id);
    if (place == NULL || place->head.seq != want->seq || memcmp(place->head.hash, want->hash, HASH_SIZE) != 0 ||
        place->head.board_hash != want->open_hash || place->head.open_count != want->open_count) {
        sim_fail("cache", "a location's head in the cache is not as the log makes it");
        return;
    }
    if (place->ticket_count != (size_t)want->open_count) {
        sim_fail("cache", "the cache has %zu open tickets and not %lld", place->ticket_count,
                 (long long)want->open_count);
    }
    const struct order *order;
    for (size_t i = 0; (order = reader_order_number(i)) != NULL; i++) {
        if (id_equal(&order->location_id, &want->id) && order_is_open(order->status) && !has_ticket(place, order)) {
            sim_fail("cache", "an open ticket is not in the cache, or not as it is now");
        }
    }
    for (size_t i = 0; i < place->event_count; i++) {
        int64_t seq = want->seq - (int64_t)(place->event_count - 1 - i);
        const struct fact *fact = reader_event(&want->id, seq);
        if (place->events[i].seq != seq || fact == NULL || memcmp(place->events[i].hash, fact->hash, HASH_SIZE) != 0) {
            sim_fail("cache", "the cache's stream is not as the log has it at seq %lld", (long long)seq);
        }
    }
}

static bool has_letter(const struct fact *fact)
{
    for (int64_t i = 0; i < fake_log_end(FAKE_DEAD_LETTERS, fact->partition); i++) {
        const struct header *origin =
            record_header(fake_log_get(FAKE_DEAD_LETTERS, fact->partition, i), "origin_offset");
        char text[24];
        int len = snprintf(text, sizeof text, "%lld", (long long)fact->offset);
        if (origin != NULL && origin->len == (size_t)len && memcmp(origin->value, text, origin->len) == 0) {
            return true;
        }
    }
    return false;
}

static void check_letters(void)
{
    for (size_t i = 0; i < reader_fact_count(); i++) {
        const struct fact *fact = reader_fact_number(i);
        if (fact->err == ZP_PARKED && !has_letter(fact)) {
            sim_fail("dead letter", "offset %lld of partition %d was parked and lies nowhere", (long long)fact->offset,
                     (int)fact->partition);
        }
    }
}

void checks_run(const int32_t *partitions, size_t count)
{
    const char *why = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!reader_is_through(partitions[i], &why)) {
            sim_fail("lost outcome", "%s", why);
        }
    }
    for (size_t i = 0; i < reader_place_count(); i++) {
        check_location(reader_place_number(i));
        check_cache(reader_place_number(i));
    }
    check_orders();
    check_journal();
    check_outcomes();
    check_letters();
    clients_check();
    screens_check();
}
