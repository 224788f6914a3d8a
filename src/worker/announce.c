/* Owns the announcer: the thread between a commit and everybody who hears of it; its producer, its Redis connection
 * and its own connection to the database for refills. The main thread hands turns over; the thread returns them to
 * the pool.
 * Invariants: outcomes of a partition are produced in the order of their command offsets; nothing is pushed that the
 * log has not acknowledged; a turn is either in the pool, being filled, handed over, or in the line. */
#include "announce.h"

#include "metrics.h"
#include "refill.h"
#include "tell.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ACK_DEADLINE_US 10000000     /* what is unacknowledged for 10 s is purged */
#define LINGER_US 0                  /* a request of librdkafka 2.0.2 holds one partition: waiting gathers nothing */
#define LANES 2                      /* a turn is many requests: they go out side by side */
#define ACKS_AWAITED 4               /* partitions are acknowledged one by one: no wake-up for each of many */
#define ACKS_NAP_MS 1
#define WARM_MS 500
#define PRODUCER_QUEUE_BYTES_MAX (32 << 20)
#define DATABASE_TIMEOUT_MS 5000
#define REDIS_TIMEOUT_MS 1000

struct announcer {
    const struct worker_settings *settings;
    struct marks *marks;
    struct bus_producer *producer;
    struct live_push *push;
    struct store *store;
    struct refiller refiller;
    int wake_fd;
    pthread_t thread;

    pthread_mutex_t lock;            /* the fields below, up to the blank line */
    pthread_cond_t changed;
    struct turn *pool;
    struct turn *handed, **handed_end;
    size_t under_way;                /* handed or in the line */
    bool stopping, renewing;

    _Atomic bool failed;
    struct turn *line, **line_end;   /* the thread's: oldest first */
    struct turn *producing;          /* first turn in the line not wholly produced */
};

/* ---- the producer ---------------------------------------------------------------------------------- */

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    const struct told *told = opaque;
    struct turn *turn = told->entry->turn;
    turn->unacked--;
    if (delivery->ack != BUS_ACKED) {
        turn->failed = true;
        return;
    }
    metric_add(&worker_metrics[WM_ANNOUNCED], !told->is_dead_letter);
    told->entry->log_offset = told->is_dead_letter ? told->entry->log_offset : delivery->offset;
}

static enum zp_err make_producer(struct announcer *a, char why[BUS_WHY_SIZE])
{
    const struct bus_producer_settings settings = {
        .brokers = a->settings->kafka, .client_id = a->settings->worker_id, .timeout_ms = 0, .linger_us = LINGER_US,
        .lanes = LANES,
        .queue_bytes_max = PRODUCER_QUEUE_BYTES_MAX, .queue_messages_max = 100000, .on_delivery = on_delivery,
    };
    char cold[BUS_WHY_SIZE];
    enum zp_err err = bus_producer_create(&settings, &a->producer, why);
    if (err != ZP_OK) {
        return err;
    }
    if (bus_producer_warm(a->producer, TOPIC_EVENTS, WARM_MS, cold) != ZP_OK) { /* the first outcome will wait */
        log_info("the leaders of the events topic are not known yet", L_STR("why", cold));
    }
    bus_producer_notify(a->producer, a->wake_fd);
    return ZP_OK;
}

static struct header text_header(const char *name, const char *text)
{
    return (struct header){ name, text, strlen(text) };
}

/* The record as it came, with where it came from and why it lies here. */
static enum zp_err produce_dead_letter(struct announcer *a, struct turn *turn, struct entry *entry)
{
    const struct record *dead = entry->dead;
    struct record letter = *dead;
    letter.headers = arena_array(&turn->arena, dead->header_count + 4, sizeof *letter.headers);
    const char *partition = arena_printf(&turn->arena, "%d", (int)dead->partition);
    const char *offset = arena_printf(&turn->arena, "%lld", (long long)dead->offset);
    if (letter.headers == NULL || partition == NULL || offset == NULL) {
        return ZP_NO_MEMORY;
    }
    memcpy(letter.headers, dead->headers, dead->header_count * sizeof *letter.headers);
    struct header *more = letter.headers + dead->header_count;
    more[0] = text_header("origin_topic", TOPIC_COMMANDS);
    more[1] = text_header("origin_partition", partition);
    more[2] = text_header("origin_offset", offset);
    more[3] = text_header("error", entry->outcome.reason_count > 0 ? entry->outcome.reasons[0].detail : "");
    letter.header_count = dead->header_count + 4;
    entry->as_dead_letter = (struct told){ entry, true };
    return bus_produce(a->producer, TOPIC_DEAD_LETTERS, &letter, &entry->as_dead_letter);
}

static enum zp_err produce_event(struct announcer *a, struct turn *turn, struct entry *entry)
{
    struct record record;
    enum zp_err err = message_event_write(entry->event, &entry->meta, entry->outcome.partition, entry->value,
                                          entry->value_len, &turn->arena, &record);
    if (err != ZP_OK) {
        return err;
    }
    entry->as_event = (struct told){ entry, false };
    return bus_produce(a->producer, TOPIC_EVENTS, &record, &entry->as_event);
}

static enum zp_err produce_entry(struct announcer *a, struct turn *turn, struct entry *entry)
{
    if (entry->kind == ENTRY_DUPLICATE) {
        return ZP_OK; /* repeated to waiters only */
    }
    if (entry->dead != NULL && !entry->dead_sent) {
        enum zp_err err = produce_dead_letter(a, turn, entry);
        if (err != ZP_OK) {
            return err;
        }
        entry->dead_sent = true;
        turn->unacked++;
    }
    enum zp_err err = produce_event(a, turn, entry);
    turn->unacked += err == ZP_OK;
    return err;
}

/* Produces as far as the queue takes it. */
static void produce_line(struct announcer *a)
{
    while (a->producing != NULL) {
        struct turn *turn = a->producing;
        while (turn->produced < turn->count) {
            enum zp_err err = produce_entry(a, turn, &turn->entries[turn->produced]);
            if (err == ZP_BUSY) {
                return;
            }
            if (err != ZP_OK) {
                turn->failed = true;
                return;
            }
            turn->produced++;
        }
        a->producing = turn->next;
    }
}

/* ---- the line ------------------------------------------------------------------------------------------ */

static void turn_away(struct announcer *a, struct turn *turn)
{
    for (size_t i = 0; i < turn->slice_count; i++) {
        a->marks[turn->slices[i].partition].announcing--;
    }
    turn_reset(turn);
    pthread_mutex_lock(&a->lock);
    turn->next = a->pool;
    a->pool = turn;
    a->under_way--;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void raise_mark(_Atomic int64_t *mark, int64_t to)
{
    if (*mark < to) {
        *mark = to;
    }
}

static void move_marks(struct announcer *a, const struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct entry *entry = &turn->entries[i];
        if (entry->kind != ENTRY_DUPLICATE) {
            raise_mark(&a->marks[entry->outcome.partition].events_offset, entry->log_offset + 1);
        }
    }
    for (size_t i = 0; i < turn->slice_count; i++) {
        raise_mark(&a->marks[turn->slices[i].partition].published_offset, turn->slices[i].next_offset);
    }
}

static void wish_refill(void *arg, int32_t partition, const struct zp_id *location_id)
{
    struct announcer *a = arg;
    refiller_wish(&a->refiller, partition, location_id);
}

static void push_turn(struct announcer *a, struct turn *turn)
{
    enum zp_err err = tell_turn(a->push, turn, wish_refill, a);
    if (err != ZP_OK) { /* the heads will differ: whatever is missing is refilled when Redis is back */
        metric_add(&worker_metrics[WM_PUSH_FAILURES], 1);
        for (size_t i = 0; i < turn->slice_count; i++) {
            a->refiller.compare_wanted[turn->slices[i].partition] = true;
        }
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
static void settle_line(struct announcer *a)
{
    while (a->line != NULL) {
        struct turn *turn = a->line;
        bool is_settled = !turn->failed && turn->produced == turn->count && turn->unacked == 0;
        if (!is_settled) {
            a->failed = turn->failed || is_overdue(turn) || bus_producer_broken(a->producer);
            return;
        }
        move_marks(a, turn);
        push_turn(a, turn);
        metric_observe(&worker_metrics[WM_ANNOUNCE_SECONDS], clock_mono_us() - turn->handed_at_us);
        a->line = turn->next;
        if (a->line == NULL) {
            a->line_end = &a->line;
        }
        turn_away(a, turn);
    }
}

static void take_handed(struct announcer *a)
{
    pthread_mutex_lock(&a->lock);
    struct turn *first = a->handed;
    a->handed = NULL;
    a->handed_end = &a->handed;
    pthread_mutex_unlock(&a->lock);
    if (first == NULL) {
        return;
    }
    *a->line_end = first;
    while (*a->line_end != NULL) {
        a->line_end = &(*a->line_end)->next;
    }
    if (a->producing == NULL) {
        a->producing = first;
    }
}

static void drop_line(struct announcer *a)
{
    while (a->line != NULL) {
        struct turn *turn = a->line;
        a->line = turn->next;
        turn_away(a, turn);
    }
    a->line_end = &a->line;
    a->producing = NULL;
}

/* A producer that owes an acknowledgement cannot be trusted to keep the order: everything starts anew. Its destruction
 * reports every record, so the turns it points to go after it. */
static void renew(struct announcer *a)
{
    char why[BUS_WHY_SIZE];
    bus_producer_destroy(a->producer, 0);
    a->producer = NULL;
    take_handed(a);
    drop_line(a);
    while (make_producer(a, why) != ZP_OK) {
        log_error("the announcer's producer cannot be made", L_STR("why", why));
        poll(NULL, 0, 1000);
    }
    metric_add(&worker_metrics[WM_ANNOUNCE_FAILURES], 1);
    pthread_mutex_lock(&a->lock);
    a->renewing = false;
    a->failed = false;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* ---- the thread ------------------------------------------------------------------------------------------- */

static void wait_for_work(struct announcer *a)
{
    if (a->line != NULL && a->line->unacked > ACKS_AWAITED) {
        poll(NULL, 0, ACKS_NAP_MS);
    }
    int timeout_ms = refiller_wait_ms(&a->refiller, a->line != NULL ? 20 : 200);
    struct pollfd fd = { .fd = a->wake_fd, .events = POLLIN };
    if (poll(&fd, 1, timeout_ms) > 0) {
        uint64_t count;
        if (read(a->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
            log_warn("the announcer's wake-up cannot be read", L_INT("errno", errno));
        }
    }
}

static void *announce(void *arg)
{
    struct announcer *a = arg;
    for (;;) {
        wait_for_work(a);
        pthread_mutex_lock(&a->lock);
        bool stopping = a->stopping, renewing = a->renewing;
        pthread_mutex_unlock(&a->lock);
        if (stopping) {
            return NULL;
        }
        if (renewing) {
            renew(a);
        }
        take_handed(a);
        if (!a->failed) {
            produce_line(a);
            bus_producer_poll(a->producer, 0);
            settle_line(a);
        }
        refiller_step(&a->refiller);
    }
}

static void wake(struct announcer *a)
{
    uint64_t one = 1;
    if (write(a->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        log_warn("the announcer cannot be woken", L_INT("errno", errno));
    }
}

/* ---- the main thread's side ------------------------------------------------------------------------------------ */

static enum zp_err open_parts(struct announcer *a, char why[BUS_WHY_SIZE])
{
    const struct live_settings live = { .uri = a->settings->redis, .timeout_ms = REDIS_TIMEOUT_MS,
                                        .closed_order_ttl_s = a->settings->closed_order_ttl_s,
                                        .receipt_ttl_s = a->settings->receipt_ttl_s };
    const struct store_settings store = { .uri = a->settings->postgres, .application = "zapora worker refill",
                                          .connect_timeout_ms = 2000, .statement_timeout_ms = DATABASE_TIMEOUT_MS };
    enum zp_err err = live_push_create(&live, &a->push, why);
    if (err == ZP_OK && (err = store_create(&store, &a->store)) != ZP_OK) {
        snprintf(why, BUS_WHY_SIZE, "the database's address is not usable");
    }
    return err != ZP_OK ? err : make_producer(a, why);
}

static bool fill_pool(struct announcer *a)
{
    for (int i = 0; i < ANNOUNCER_TURNS; i++) {
        struct turn *turn = turn_create((size_t)a->settings->batch_records_max);
        if (turn == NULL) {
            return false;
        }
        turn->next = a->pool;
        a->pool = turn;
    }
    return true;
}

static void announcer_free(struct announcer *a)
{
    while (a->pool != NULL) {
        struct turn *turn = a->pool;
        a->pool = turn->next;
        turn_destroy(turn);
    }
    refiller_finish(&a->refiller);
    store_destroy(a->store);
    live_push_destroy(a->push);
    close(a->wake_fd);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

enum zp_err announcer_start(const struct worker_settings *settings, struct marks *marks,
                            struct announcer **ret_announcer, char why[BUS_WHY_SIZE])
{
    struct announcer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        snprintf(why, BUS_WHY_SIZE, "not enough memory");
        return ZP_NO_MEMORY;
    }
    a->settings = settings;
    a->marks = marks;
    a->handed_end = &a->handed;
    a->line_end = &a->line;
    a->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    enum zp_err err = open_parts(a, why);
    refiller_init(&a->refiller, a->push, a->store, marks);
    if (err == ZP_OK && (!fill_pool(a) || pthread_create(&a->thread, NULL, announce, a) != 0)) {
        snprintf(why, BUS_WHY_SIZE, "not enough memory for the announcer");
        err = ZP_NO_MEMORY;
    }
    if (err != ZP_OK) {
        bus_producer_destroy(a->producer, 0);
        announcer_free(a);
        return err;
    }
    *ret_announcer = a;
    return ZP_OK;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return until;
}

struct turn *announcer_turn(struct announcer *a, int timeout_ms)
{
    struct timespec until = deadline_in(timeout_ms);
    pthread_mutex_lock(&a->lock);
    int rc = timeout_ms > 0 ? 0 : ETIMEDOUT;
    while (a->pool == NULL && rc == 0) {
        rc = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    struct turn *turn = a->pool;
    if (turn != NULL) {
        a->pool = turn->next;
        turn->next = NULL;
    }
    pthread_mutex_unlock(&a->lock);
    return turn;
}

void announcer_return(struct announcer *a, struct turn *turn)
{
    turn_reset(turn);
    pthread_mutex_lock(&a->lock);
    turn->next = a->pool;
    a->pool = turn;
    pthread_mutex_unlock(&a->lock);
}

void announcer_hand(struct announcer *a, struct turn *turn)
{
    turn->handed_at_us = clock_mono_us();
    for (size_t i = 0; i < turn->slice_count; i++) {
        a->marks[turn->slices[i].partition].announcing++;
    }
    for (size_t i = 0; i < turn->count; i++) {
        turn->entries[i].turn = turn;
    }
    pthread_mutex_lock(&a->lock);
    *a->handed_end = turn;
    a->handed_end = &turn->next;
    a->under_way++;
    pthread_mutex_unlock(&a->lock);
    wake(a);
}

void announcer_compare(struct announcer *a, int32_t partition)
{
    a->refiller.compare_wanted[partition] = true;
    wake(a);
}

bool announcer_failed(const struct announcer *a)
{
    return a->failed;
}

void announcer_renew(struct announcer *a)
{
    pthread_mutex_lock(&a->lock);
    a->renewing = true;
    wake(a);
    while (a->renewing) {
        pthread_cond_wait(&a->changed, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
}

bool announcer_drain(struct announcer *a, int timeout_ms)
{
    struct timespec until = deadline_in(timeout_ms);
    pthread_mutex_lock(&a->lock);
    int rc = 0;
    while (a->under_way > 0 && rc == 0) {
        rc = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    bool drained = a->under_way == 0;
    pthread_mutex_unlock(&a->lock);
    return drained;
}

void announcer_stop(struct announcer *a)
{
    if (a == NULL) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_mutex_unlock(&a->lock);
    wake(a);
    pthread_join(a->thread, NULL);
    bus_producer_destroy(a->producer, 0);
    a->producer = NULL;
    take_handed(a);
    drop_line(a);
    announcer_free(a);
}
