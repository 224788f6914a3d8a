/* Owns the way of a turn from its commit to everybody who hears of it: produced, acknowledged, pushed. Called by the
 * announcer, whose thread it is; the tests' simulation calls the same steps without one.
 * Invariants: outcomes of a partition are produced in the order of their command offsets, and a parked one after its
 * dead letter is acknowledged: a database that fell back folds what the log has, and writes no letter for it. Nothing
 * is pushed that the log has not acknowledged; a turn in the line is owned by it and leaves it through on_done. */
#include "line.h"

#include "metrics.h"
#include "publish.h"
#include "zapora/planted.h"

#include <poll.h>

#define ACK_DEADLINE_US 10000000     /* what is unacknowledged for 10 s is purged */
#define LINGER_US 0                  /* a request of librdkafka 2.0.2 holds one partition: waiting gathers nothing */
#define WARM_MS 500
#define PRODUCER_QUEUE_BYTES_MAX (32 << 20)
#define DATABASE_TIMEOUT_MS 5000
#define REDIS_TIMEOUT_MS 1000
#define BUSY_WAIT_MS 20   /* with turns in the line: overdue ones are noticed */
#define IDLE_WAIT_MS 200
#define TELL_EVERY_US 10000000 /* that Redis takes nothing */

/* ---- the producer ---------------------------------------------------------------------------------- */

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    const struct told *told = opaque;
    struct turn *turn = told->entry->turn;
    *(told->is_dead_letter ? &turn->letters_unacked : &turn->unacked) -= 1;
    if (delivery->ack != BUS_ACKED) {
        turn->failed = true;
        return;
    }
    metric_add(&worker_metrics[WM_ANNOUNCED], !told->is_dead_letter);
    told->entry->log_offset = told->is_dead_letter ? told->entry->log_offset : delivery->offset;
}

static enum zp_err make_producer(struct line *line, char why[BUS_WHY_SIZE])
{
    const struct bus_producer_settings settings = {
        .brokers = line->settings->kafka, .client_id = line->settings->worker_id,
        .timeout_ms = 0, .linger_us = LINGER_US,
        .lanes = bus_lanes(), .gapless_topic = TOPIC_EVENTS,
        .queue_bytes_max = PRODUCER_QUEUE_BYTES_MAX, .queue_messages_max = 100000, .on_delivery = on_delivery,
    };
    char cold[BUS_WHY_SIZE];
    enum zp_err err = bus_producer_create(&settings, &line->producer, why);
    if (err != ZP_OK) {
        return err;
    }
    if (bus_producer_warm(line->producer, TOPIC_EVENTS, WARM_MS, cold) != ZP_OK) { /* the first outcome will wait */
        log_info("the leaders of the events topic are not known yet", L_STR("why", cold));
    }
    if (line->wake_fd >= 0) {
        bus_producer_notify(line->producer, line->wake_fd);
    }
    return ZP_OK;
}

/* ---- the turns ------------------------------------------------------------------------------------------ */

static void turn_away(struct line *line, struct turn *turn)
{
    for (size_t i = 0; i < turn->slice_count; i++) {
        line->marks[turn->slices[i].partition].announcing--;
    }
    turn_reset(turn);
    line->on_done(line->arg, turn);
}

static void raise_mark(_Atomic int64_t *mark, int64_t to)
{
    if (*mark < to) {
        *mark = to;
    }
}

static void move_marks(struct line *line, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct entry *entry = &turn->entries[i];
        if (entry->kind != ENTRY_DUPLICATE) {
            raise_mark(&line->marks[entry->outcome.partition].events_offset, entry->log_offset + 1);
        }
    }
    for (size_t i = 0; i < turn->slice_count; i++) {
        raise_mark(&line->marks[turn->slices[i].partition].published_offset, turn->slices[i].next_offset);
    }
}

static void wish_refill(void *arg, int32_t partition, const struct zp_id *location_id)
{
    struct line *line = arg;
    refiller_wish(&line->refiller, partition, location_id);
}

/* At once, then every 10 s at most while it lasts. */
static void tell_trouble(struct line *line, const char *what, const char *why)
{
    int64_t now = clock_mono_us();
    if (now >= line->tell_at_us) {
        log_warn(what, L_STR("why", why));
        line->tell_at_us = now + TELL_EVERY_US;
    }
}

/* The heads will differ: whatever is missing is refilled when Redis takes it again. */
static void push_failed(struct line *line, const struct turn *turn, enum zp_err err)
{
    metric_add(&worker_metrics[WM_PUSH_FAILURES], 1);
    tell_trouble(line, "a push to Redis failed; what it lacks is filled in when it is back",
                 err == ZP_NO_MEMORY ? "not enough memory" : live_push_trouble(line->push));
    for (size_t i = 0; i < turn->slice_count; i++) {
        line->refiller.compare_wanted[turn->slices[i].partition] = true;
    }
}

static void push_turn(struct line *line, struct turn *turn)
{
    enum zp_err err = tell_turn(line->push, turn, &line->scratch, wish_refill, line);
    arena_reset(&line->scratch.arena);
    bool is_full = live_push_is_full(line->push);
    metric_set(&worker_metrics[WM_CACHE_FULL], is_full);
    if (err != ZP_OK) {
        push_failed(line, turn, err);
    } else if (is_full) {
        tell_trouble(line, "Redis is full: it gets open orders and events only, the rest is read from the database",
                     live_push_trouble(line->push));
    }
}

typedef enum zp_err publish_fn(struct bus_producer *producer, struct turn *turn, struct entry *entry,
                               struct arena *scratch);

/* Publishes one side of a turn's entries, from *done on, as far as the queue takes it. */
static bool produce_all(struct line *line, struct turn *turn, publish_fn *publish, size_t *done)
{
    for (; *done < turn->count; ++*done) {
        enum zp_err err = publish(line->producer, turn, &turn->entries[*done], &line->scratch.arena);
        arena_reset(&line->scratch.arena); /* the producer has its own copy */
        if (err != ZP_OK) {
            turn->failed |= err != ZP_BUSY;
            return false;
        }
    }
    return true;
}

static bool letters_are_safe(const struct turn *turn)
{
    return !turn->failed && turn->letters_unacked == 0;
}

/* Produces as far as the queue takes it, and no outcome of a turn before its letters are acknowledged. */
static void produce(struct line *line)
{
    while (line->producing != NULL) {
        struct turn *turn = line->producing;
        if (!produce_all(line, turn, publish_letter, &turn->lettered) || !letters_are_safe(turn) ||
            !produce_all(line, turn, publish_outcome, &turn->produced)) {
            return;
        }
        if (PLANTED(MARK_BEFORE_ACK)) {
            move_marks(line, turn);
        }
        if (PLANTED(PUSH_BEFORE_ACK)) {
            push_turn(line, turn);
        }
        line->producing = turn->next;
    }
}

/* Counted from when the thread first looked: time that it spent with the cache or the database is not the log's. */
static bool is_overdue(struct turn *turn)
{
    int64_t now = clock_mono_us();
    if (turn->waiting_since_us == 0) {
        turn->waiting_since_us = now;
    }
    return now - turn->waiting_since_us > ACK_DEADLINE_US;
}

/* Settles acknowledged turns from the oldest on; notices a failed or late one. */
static void settle_turns(struct line *line)
{
    while (line->first != NULL) {
        struct turn *turn = line->first;
        bool is_settled = !turn->failed && turn->produced == turn->count &&
                          turn->unacked + turn->letters_unacked == 0;
        if (!is_settled) {
            line->failed = turn->failed || is_overdue(turn) || bus_producer_broken(line->producer);
            return;
        }
        move_marks(line, turn);
        push_turn(line, turn);
        metric_observe(&worker_metrics[WM_ANNOUNCE_SECONDS], clock_mono_us() - turn->handed_at_us);
        line->first = turn->next;
        if (line->first == NULL) {
            line->end = &line->first;
        }
        turn_away(line, turn);
    }
}

void line_owe(struct line *line, struct turn *turn)
{
    turn->handed_at_us = clock_mono_us();
    for (size_t i = 0; i < turn->slice_count; i++) {
        line->marks[turn->slices[i].partition].announcing++;
    }
    for (size_t i = 0; i < turn->count; i++) {
        turn->entries[i].turn = turn;
    }
}

void line_add(struct line *line, struct turn *turns)
{
    *line->end = turns;
    while (*line->end != NULL) {
        line->end = &(*line->end)->next;
    }
    if (line->producing == NULL) {
        line->producing = turns;
    }
}

void line_compare(struct line *line, int32_t partition)
{
    line->refiller.compare_wanted[partition] = true;
}

static void drop_turns(struct line *line)
{
    while (line->first != NULL) {
        struct turn *turn = line->first;
        line->first = turn->next;
        turn_away(line, turn);
    }
    line->end = &line->first;
    line->producing = NULL;
}

/* A producer that owes an acknowledgement cannot be trusted to keep the order: everything starts anew. Its destruction
 * reports every record, so the turns it points to go after it. */
void line_renew(struct line *line)
{
    char why[BUS_WHY_SIZE];
    bus_producer_destroy(line->producer, 0);
    line->producer = NULL;
    drop_turns(line);
    while (make_producer(line, why) != ZP_OK) {
        log_error("the announcer's producer cannot be made", L_STR("why", why));
        poll(NULL, 0, 1000);
    }
    metric_add(&worker_metrics[WM_ANNOUNCE_FAILURES], 1);
    line->failed = false;
}

void line_step(struct line *line)
{
    if (!line->failed) {
        bus_producer_poll(line->producer, 0);
        produce(line);
        settle_turns(line);
    }
    refiller_step(&line->refiller);
}

int line_wait_ms(const struct line *line)
{
    return refiller_wait_ms(&line->refiller, line->first != NULL ? BUSY_WAIT_MS : IDLE_WAIT_MS);
}

/* ---- its life ------------------------------------------------------------------------------------------- */

enum zp_err line_open(struct line *line, char why[BUS_WHY_SIZE])
{
    const struct live_settings live = { .uri = line->settings->redis, .timeout_ms = REDIS_TIMEOUT_MS,
                                        .closed_order_ttl_s = line->settings->closed_order_ttl_s,
                                        .receipt_ttl_s = line->settings->receipt_ttl_s };
    const struct store_settings store = { .uri = line->settings->postgres, .application = "zapora worker refill",
                                          .connect_timeout_ms = 2000, .statement_timeout_ms = DATABASE_TIMEOUT_MS };
    line->end = &line->first;
    arena_init(&line->scratch.arena, TURN_BYTES_MAX);
    buffer_init(&line->scratch.json, TURN_JSON_BYTES_MAX);
    enum zp_err err = live_push_create(&live, &line->push, why);
    if (err == ZP_OK && (err = store_create(&store, &line->store)) != ZP_OK) {
        snprintf(why, BUS_WHY_SIZE, "the database's address is not usable");
    }
    if (err == ZP_OK) {
        err = make_producer(line, why);
    }
    refiller_init(&line->refiller, line->push, line->store, line->marks);
    return err;
}

void line_close(struct line *line)
{
    bus_producer_destroy(line->producer, 0);
    line->producer = NULL;
    drop_turns(line);
    refiller_finish(&line->refiller);
    store_destroy(line->store);
    live_push_destroy(line->push);
    arena_finish(&line->scratch.arena);
    buffer_finish(&line->scratch.json);
}
