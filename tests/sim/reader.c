/* reader.c: owns the fold of the events topic and the second opinion on every command; see reader.h. */
#include "reader.h"

#include "clients.h"
#include "sim.h"
#include "wraps.h"
#include "zapora/planted.h"

#include <stdlib.h>
#include <string.h>

#define FACTS_MAX 4096
#define ORDERS_MAX 2048
#define PLACES_MAX 32
#define KEPT_US (48 * SIM_HOUR_US)

WRAPPED(enum zp_err, decide, const struct location *loc, const struct order *order, const struct command *cmd,
        int64_t at, struct arena *arena, struct decision *ret_decision);

static struct {
    struct fact facts[FACTS_MAX];
    size_t fact_count;
    struct order orders[ORDERS_MAX];
    size_t order_count;
    struct told_place places[PLACES_MAX];
    size_t place_count;
    int64_t heard[BUS_PARTITIONS_MAX]; /* command offsets below are heard of */
    struct arena kept, scratch;
    struct buffer bytes;
} reader;

void reader_open(void)
{
    reader.fact_count = reader.order_count = reader.place_count = 0;
    memset(reader.heard, 0, sizeof reader.heard);
    arena_init(&reader.kept, 64u << 20);
    arena_init(&reader.scratch, 64u << 20);
    buffer_init(&reader.bytes, MESSAGE_VALUE_BYTES_MAX);
}

void reader_close(void)
{
    for (size_t i = 0; i < reader.place_count; i++) {
        location_finish(&reader.places[i].location);
        free(reader.places[i].events);
    }
    arena_finish(&reader.kept);
    arena_finish(&reader.scratch);
    buffer_finish(&reader.bytes);
}

/* ---- what is known --------------------------------------------------------------------------------------------- */

const struct fact *reader_fact(const struct zp_id *command_id)
{
    for (size_t i = reader.fact_count; i > 0; i--) {
        if (id_equal(&reader.facts[i - 1].command_id, command_id)) {
            return &reader.facts[i - 1];
        }
    }
    return NULL;
}

bool reader_has_outcome(const struct zp_id *command_id, enum zp_err err)
{
    for (size_t i = 0; i < reader.fact_count; i++) {
        if (reader.facts[i].err == err && id_equal(&reader.facts[i].command_id, command_id)) {
            return true;
        }
    }
    return false;
}

const struct fact *reader_fact_at(int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < reader.fact_count; i++) {
        if (reader.facts[i].partition == partition && reader.facts[i].offset == offset) {
            return &reader.facts[i];
        }
    }
    return NULL;
}

static struct told_place *place_of(const struct zp_id *location_id)
{
    for (size_t i = 0; i < reader.place_count; i++) {
        if (id_equal(&reader.places[i].location.id, location_id)) {
            return &reader.places[i];
        }
    }
    return NULL;
}

const struct told_place *reader_place(const struct zp_id *location_id)
{
    return place_of(location_id);
}

size_t reader_place_count(void)
{
    return reader.place_count;
}

const struct told_place *reader_place_number(size_t i)
{
    return &reader.places[i];
}

size_t reader_fact_count(void)
{
    return reader.fact_count;
}

const struct fact *reader_fact_number(size_t i)
{
    return &reader.facts[i];
}

const struct fact *reader_event(const struct zp_id *location_id, int64_t seq)
{
    const struct told_place *place = place_of(location_id);
    return place == NULL || seq < 1 || seq > (int64_t)place->event_count ? NULL : place->events[seq - 1];
}

static struct order *order_of(const struct zp_id *order_id)
{
    for (size_t i = 0; i < reader.order_count; i++) {
        if (id_equal(&reader.orders[i].id, order_id)) {
            return &reader.orders[i];
        }
    }
    return NULL;
}

const struct order *reader_order(const struct zp_id *order_id)
{
    return order_of(order_id);
}

const struct order *reader_order_number(size_t i)
{
    return i < reader.order_count ? &reader.orders[i] : NULL;
}

static struct told_place *claim_place(const struct zp_id *location_id)
{
    struct told_place *place = place_of(location_id);
    if (place == NULL) {
        ZP_ASSERT(reader.place_count < PLACES_MAX);
        place = &reader.places[reader.place_count++];
        *place = (struct told_place){ .event_count = 0 };
        location_init(&place->location, location_id);
    }
    return place;
}

/* ---- the second opinion ---------------------------------------------------------------------------------------- */

/* True when the record in the mailbox is one that has to be parked, whatever the rules. */
static bool must_park(const struct record *record, struct command *ret_command)
{
    struct zp_id id = message_record_id(record);
    const char *why = NULL;
    if (client_sent_for_the_shelf(&id)) {
        return true;
    }
    return message_command_read(record, &reader.scratch, ret_command, &why) != ZP_OK ||
           bus_partition_of(record->key, record->key_len, BUS_PARTITIONS_MAX) != record->partition;
}

/* What was decided once is not decided again, unless it was forgotten after two days. */
static bool is_repetition(const struct record *record)
{
    struct zp_id id = message_record_id(record);
    const struct fact *earlier = reader_fact(&id);
    return earlier != NULL && earlier->offset < record->offset;
}

static bool may_be_forgotten(const struct record *record)
{
    struct zp_id id = message_record_id(record);
    const struct fact *earlier = reader_fact(&id);
    return sim.struck[FAULT_DAYS_PASS] > 0 && record->timestamp_us - earlier->at >= KEPT_US &&
           earlier->err != ZP_PARKED;
}

static bool is_parked_order(const struct command *command)
{
    const struct fact *placement = id_is_none(&command->order_id) ? NULL : reader_fact(&command->order_id);
    return placement != NULL && placement->err == ZP_PARKED && command->type != CMD_ORDER_PLACE &&
           order_of(&command->order_id) == NULL;
}

static bool fits(const struct command *command, const struct record *mail, const struct event *event,
                 const struct record *told, int rules)
{
    struct told_place *place = claim_place(&command->location_id);
    struct decision *decision = arena_alloc(&reader.scratch, sizeof *decision);
    struct location as_if = place->location;
    as_if.settings.auto_accept ^= rules == 1;
    ZP_ASSERT(decision != NULL);
    ZP_ASSERT(__real_decide(&as_if, order_of(&command->order_id), command, mail->timestamp_us, &reader.scratch,
                            decision) == ZP_OK);
    if (!decision->has_event) {
        return event->type == EV_COMMAND_REFUSED && event->err == decision->err;
    }
    buffer_reset(&reader.bytes);
    message_event_encode(&decision->event, &reader.bytes);
    return reader.bytes.len == told->value_len && memcmp(reader.bytes.data, told->value, told->value_len) == 0;
}

/* Judges the command of an outcome as if nothing had ever failed. */
static void judge_again(const struct record *told, const struct event *event, const struct event_meta *meta)
{
    const struct record *mail = fake_log_get(FAKE_COMMANDS, told->partition, meta->command_offset);
    struct command command;
    if (mail == NULL) {
        sim_fail("outcome", "partition %d has an outcome for offset %lld, which the mailbox has not",
                 (int)told->partition, (long long)meta->command_offset);
        return;
    }
    struct zp_id id = message_record_id(mail);
    bool parks = must_park(mail, &command);
    if (!id_equal(&id, &event->command_id)) {
        sim_fail("outcome", "offset %lld of partition %d is another command", (long long)mail->offset,
                 (int)mail->partition);
    } else if (is_repetition(mail) && !may_be_forgotten(mail)) {
        sim_fail("one outcome", "the command at offset %lld of partition %d was settled before",
                 (long long)mail->offset, (int)mail->partition);
    } else if (parks != (event->type == EV_COMMAND_PARKED)) {
        sim_fail("parking", "offset %lld of partition %d %s parked", (long long)mail->offset, (int)mail->partition,
                 parks ? "was not" : "was wrongly");
    } else if (parks) {
        return;
    } else if (is_parked_order(&command)) {
        if (event->err != ZP_ORDER_PARKED) {
            sim_fail("decision", "a step of a parked order was not refused as such");
        }
    } else if (memcmp(command.fingerprint, meta->fingerprint, sizeof meta->fingerprint) != 0) {
        sim_fail("decision", "offset %lld of partition %d has another's fingerprint", (long long)mail->offset,
                 (int)mail->partition);
    } else if (!fits(&command, mail, event, told, 0) &&
               (sim.struck[FAULT_RULES_CHANGE] == 0 || !fits(&command, mail, event, told, 1))) {
        sim_fail("decision", "the outcome of offset %lld of partition %d (%s) is not what the rules say",
                 (long long)mail->offset, (int)mail->partition, EVENT_WORDS.names[event->type]);
    }
}

/* What lies between two outcomes are repetitions of what was settled before. */
static bool are_repetitions(int32_t partition, int64_t from, int64_t to)
{
    for (int64_t offset = from; offset < to; offset++) {
        const struct record *mail = fake_log_get(FAKE_COMMANDS, partition, offset);
        struct zp_id id = mail == NULL ? ID_NONE : message_record_id(mail);
        if (mail == NULL || reader_fact(&id) == NULL) {
            return false;
        }
    }
    return true;
}

bool reader_is_through(int32_t partition, const char **ret_why)
{
    int64_t end = fake_log_end(FAKE_COMMANDS, partition);
    if (!are_repetitions(partition, reader.heard[partition], end)) {
        *ret_why = "a command has no outcome in the log";
        return false;
    }
    return true;
}

/* ---- the fold -------------------------------------------------------------------------------------------------- */

static void keep_order(const struct event *event)
{
    struct order *order = order_of(&event->order.id);
    if (order == NULL) {
        ZP_ASSERT(reader.order_count < ORDERS_MAX);
        order = &reader.orders[reader.order_count++];
    }
    ZP_ASSERT(order_copy(&event->order, &reader.kept, order) == ZP_OK);
}

static void keep_event(struct told_place *place, const struct fact *fact)
{
    if (place->event_count == place->event_room) {
        place->event_room = place->event_room == 0 ? 64 : place->event_room * 2;
        place->events = realloc(place->events, place->event_room * sizeof(struct fact *));
        ZP_ASSERT(place->events != NULL);
    }
    place->events[place->event_count++] = fact;
}

static void fold_event(const struct record *told, const struct event *event, const struct event_meta *meta,
                       const struct fact *fact)
{
    struct told_place *place = claim_place(&event->location_id);
    if (event->seq != place->location.seq + 1) {
        sim_fail("gap", "the log goes from seq %lld to %lld", (long long)place->location.seq, (long long)event->seq);
        return;
    }
    const struct order *before = event->type <= EV_ORDER_EXPIRED ? order_of(&event->order_id) : NULL;
    if (evolve(&place->location, before, event) != ZP_OK) {
        sim_fail("fold", "seq %lld does not lead on", (long long)event->seq);
        return;
    }
    location_chain(place->location.hash, event->seq, event->type, event->at, told->value, told->value_len);
    if (memcmp(place->location.hash, meta->hash, HASH_SIZE) != 0) {
        sim_fail("chain", "the hash of seq %lld does not fit", (long long)event->seq);
    }
    if (event->type <= EV_ORDER_EXPIRED) {
        keep_order(event);
    }
    keep_event(place, fact);
}

static enum zp_err outcome_err(const struct event *event)
{
    bool is_refused = event->type == EV_ORDER_REJECTED && strcmp(event->by, "actor") == 0;
    return is_refused ? ZP_INVALID : event->err;
}

void reader_hear(const struct record *record)
{
    struct event event;
    struct event_meta meta;
    const char *why = NULL;
    arena_reset(&reader.scratch);
    if (message_event_read(record, &reader.scratch, &event, &meta, &why) != ZP_OK) {
        sim_fail("event", "a record of the events topic cannot be read: %s", why);
        return;
    }
    int64_t *heard = &reader.heard[record->partition];
    if (meta.command_offset < *heard && !PLANTED(READER_KEEPS_DUPLICATES)) {
        return;
    }
    if (!are_repetitions(record->partition, *heard, meta.command_offset)) {
        sim_fail("lost outcome", "the log of partition %d goes on with the outcome of offset %lld; before it, from "
                 "%lld on, one is missing", (int)record->partition, (long long)meta.command_offset, (long long)*heard);
        return;
    }
    judge_again(record, &event, &meta);
    *heard = meta.command_offset + 1;
    ZP_ASSERT(reader.fact_count < FACTS_MAX);
    struct fact *fact = &reader.facts[reader.fact_count++];
    *fact = (struct fact){ .command_id = event.command_id, .location_id = event.location_id,
                           .partition = record->partition, .offset = meta.command_offset, .at = event.at,
                           .seq = event.seq, .type = meta.command_type, .err = outcome_err(&event),
                           .record = record };
    memcpy(fact->hash, meta.hash, HASH_SIZE);
    if (event.seq > 0) {
        fold_event(record, &event, &meta, fact);
    }
}
