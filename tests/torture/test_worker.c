/* A worker over its fakes while, at each point of its life once, a call fails: the database is away, the word of a
 * commit is lost, the log's reader breaks, there is no memory. Whatever it is, the worker gets up again by itself, and
 * every command has exactly one outcome, told at least once; nothing is parked, no seq is missing.
 *
 * Two programs are made of this: one with the announcer's line, which goes on to the log and the cache (WITH_LINE), and
 * one with a fake in its place. */
#include "torture.h"
#include "world.h"

#ifdef WITH_LINE
#include "fake_live.h"
#endif

#define P 5
#define Q 9

static struct zp_id here, there;
static size_t expected; /* commands in the mailboxes */

static struct command place_at(const struct zp_id *location_id, unsigned number)
{
    struct zp_id id = id_number(number);
    return place(location_id, &id);
}

/* Two restaurants, and orders with all that can become of them: applied, refused, repeated, garbage. */
static void open_mailboxes(void)
{
#ifdef WITH_LINE
    fake_cache_open();
#endif
    (void)world_open(NULL);
    here = location_in(P, 0);
    there = location_in(Q, 0);
    post_restaurant(&here, 1);
    post_restaurant(&there, 3);
    struct command first = place_at(&here, 10), second = place_at(&there, 11), third = place_at(&here, 12);
    struct zp_id ids[] = { id_number(13), id_number(14), id_number(15) };
    struct command start = step(CMD_ORDER_START, &here, &first.id, &ids[0]);
    struct command again = step(CMD_ORDER_START, &here, &first.id, &ids[1]);
    struct command item = give_item(&there, &ids[2], "Bigger burger", 2000);
    post(&first);
    post(&start);
    post(&again); /* refused */
    post(&second);
    post(&item);
    post(&first); /* repeated */
    post(&third);
    expected = 10;
}

static void close_mailboxes(void)
{
    (void)world_close(NULL);
#ifdef WITH_LINE
    fake_cache_close();
#endif
}

#ifdef WITH_LINE
/* A step of the announcer's thread, and what the main thread does when it has failed. */
static void publish(void)
{
    fake_announcer_publish(world->announcer);
    if (!announcer_failed(world->announcer)) {
        return;
    }
    announcer_renew(world->announcer);
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (world->partitions[p].state == PARTITION_OWNED) {
            worker_retake(world, p, 0);
        }
    }
}

static bool shows(const struct zp_id *location_id)
{
    struct live_head head;
    const struct location *location = fake_location(location_id);
    return location != NULL && fake_cache_head(location_id, &head) && head.seq == location->seq &&
           memcmp(head.hash, location->hash, HASH_SIZE) == 0 && head.board_hash == location->open_hash &&
           head.open_count == location->open_count;
}

/* The cache shows what the database has; after a failure the refiller waits for its time. */
static bool is_shown(void)
{
    return shows(&here) && shows(&there);
}
#else
static void publish(void)
{
    torture_pause();
    fake_announcer_publish(world->announcer);
    torture_resume();
}

static bool is_shown(void)
{
    return true;
}
#endif

static bool owns_both(void)
{
    return world->partitions[P].state == PARTITION_OWNED && world->partitions[Q].state == PARTITION_OWNED;
}

/* Takeovers and turns until there is nothing left to do. One round without records is no proof: the consumer may have
 * failed in it. */
static enum zp_err live_on(void)
{
    int idle = 0;
    int64_t until_us = clock_mono_us() + 10000000;
    while (clock_mono_us() < until_us && (idle < 3 || !is_shown())) {
        world->partitions[P].retry_at_us = world->partitions[Q].retry_at_us = 0;
        takeover_due(world);
        idle = come_round() == 0 && owns_both() ? idle + 1 : 0;
        publish();
    }
    return idle >= 3 && is_shown() ? ZP_OK : ZP_BUSY;
}

static enum zp_err from_the_first_takeover(void)
{
    if (world->partitions[P].state != PARTITION_OWNED) {
        torture_pause();
        assign(P);
        assign(Q);
        torture_resume();
    }
    return live_on();
}

static bool is_told(int32_t partition, const struct zp_id *command_id)
{
    struct arena arena;
    bool told = false;
    arena_init(&arena, 1 << 20);
    for (int64_t offset = 0; offset < fake_log_end(FAKE_EVENTS, partition) && !told; offset++) {
        struct event event;
        struct event_meta meta;
        const char *why;
        if (message_event_read(fake_log_get(FAKE_EVENTS, partition, offset), &arena, &event, &meta, &why) != ZP_OK) {
            break;
        }
        told = id_equal(&event.command_id, command_id);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    return told;
}

static bool outcomes_hold(void)
{
    static const struct { unsigned number; int32_t partition; enum zp_err err; } wanted[] = {
        { 1, P, ZP_OK }, { 2, P, ZP_OK }, { 3, Q, ZP_OK }, { 4, Q, ZP_OK }, { 10, P, ZP_OK }, { 11, Q, ZP_OK },
        { 12, P, ZP_OK }, { 13, P, ZP_OK }, { 14, P, ZP_CONFLICT }, { 15, Q, ZP_OK },
    };
    for (size_t i = 0; i < ZP_COUNT(wanted); i++) {
        struct zp_id id = id_number(wanted[i].number);
        const struct outcome *outcome = fake_outcome(&id);
        if (outcome == NULL || outcome->err != wanted[i].err || !is_told(wanted[i].partition, &id)) {
            print_message("command %u has the wrong outcome or was never told\n", wanted[i].number);
            return false;
        }
    }
    return db.outcome_count == expected;
}

/* Everything once, nothing parked, no gap. */
static bool nothing_is_lost(enum zp_err err)
{
    (void)err;
    bool dense = fake_location(&here) != NULL && fake_location(&here)->seq == 5 && fake_location(&there)->seq == 4;
    return outcomes_hold() && dense && db.order_count == 3 && db.event_count == 9 &&
           fake_log_end(FAKE_DEAD_LETTERS, P) + fake_log_end(FAKE_DEAD_LETTERS, Q) == 0 &&
           db.partitions[P].next_offset == 7 && db.partitions[Q].next_offset == 4;
}

/* ---- a restored database: the log knows everything, the database nothing ------------------------------------- */

static void open_restored(void)
{
    open_mailboxes();
    assign(P);
    assign(Q);
    (void)live_on();
    fake_db_clear();
}

static enum zp_err after_a_restore(void)
{
    if (db.outcome_count == 0) {
        torture_pause();
        assign(P);
        assign(Q);
        torture_resume();
    }
    return live_on();
}

#ifndef WITH_LINE
/* ---- a worker that dies with everything still to be told ------------------------------------------------------- */

static void open_untold(void)
{
    open_mailboxes();
    assign(P);
    assign(Q);
    for (int i = 0; i < 5; i++) {
        take_over();
        (void)come_round();
    }
    fake_announcer_lose(world->announcer);
    assign(P);
    assign(Q);
}
#endif

static const struct torture rows[] = {
    { "two partitions are taken and their mailboxes worked off", open_mailboxes, from_the_first_takeover,
      nothing_is_lost, close_mailboxes, 0, ZP_OK },
    { "a restored database folds the log", open_restored, after_a_restore, nothing_is_lost, close_mailboxes, 0, ZP_OK },
#ifndef WITH_LINE
    { "what was never told is told after a takeover", open_untold, live_on, nothing_is_lost, close_mailboxes, 0,
      ZP_OK },
#endif
};

int main(void)
{
#ifdef WITH_LINE
    return torture_main("worker and its line", rows, ZP_COUNT(rows));
#else
    return torture_main("worker", rows, ZP_COUNT(rows));
#endif
}
