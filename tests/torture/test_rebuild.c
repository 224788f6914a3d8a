/* A database made anew from the log, over fakes, with each call failing once: of its memory, its threads, and the doors
 * of the rooms beneath. A rebuild that fails says why and has left the live tables alone, and the next one works. With
 * real tables it is tried in tests/integration/worker. */
#include "torture.h"

#include "fake_shadow.h"
#include "world.h"

#define TROUBLE (ERR(BUSY) | ERR(NO_MEMORY))
#define P 5

static struct zp_id here;
static struct fake_db *live; /* as the worker left it */
static char why[WORKER_WHY_SIZE];

/* In one turn. */
static void work(const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        post(&commands[i]);
    }
    assert_int_equal(come_round(), count);
}

static void open_history(void)
{
    (void)world_open(NULL);
    fake_shadow_open();
    here = location_in(P, 0);
    post_restaurant(&here, 1);
    own_partition(P);
    assert_int_equal(come_round(), 2);
    const struct zp_id ids[] = { id_number(10), id_number(11), id_number(12), id_number(13) };
    const struct command commands[] = {
        place(&here, &ids[0]), step(CMD_ORDER_START, &here, &ids[0], &ids[1]),
        step(CMD_ORDER_COMPLETE, &here, &ids[0], &ids[2]), /* refused */
        give_item(&here, &ids[3], "Bigger burger", 2000),
    };
    work(commands, ZP_COUNT(commands));
    fake_announcer_publish(world->announcer);
    live = fake_db_save();
}

static void publish_the_rest(void)
{
    fake_announcer_publish(world->announcer);
}

/* What the worker does next reaches the log when the swap has already been refused for it. */
static void open_unpublished(void)
{
    open_history();
    const struct zp_id id = id_number(20);
    const struct command last = place(&here, &id);
    work(&last, 1);
    fake_db_forget(live);
    live = fake_db_save();
    shadow.on_uncovered = publish_the_rest;
}

static void close_history(void)
{
    fake_shadow_drop();
    fake_db_forget(live);
    (void)world_close(NULL);
}

static enum zp_err a_database_is_rebuilt(void)
{
    const struct worker_rebuild wanted = { .kafka = "fake", .postgres = "fake", .migrations_dir = "fake",
                                           .swaps = true };
    struct worker_rebuilt rebuilt = { .records = 0 };
    why[0] = '\0';
    torture_follow(true);
    enum zp_err err = worker_rebuild_database(&wanted, &rebuilt, why);
    torture_follow(false);
    return err;
}

static bool are_equal(const struct fake_db *a, const struct fake_db *b)
{
    return fake_db_lacks(a, b) == 0 && fake_db_lacks(b, a) == 0;
}

static bool all_or_nothing(enum zp_err err)
{
    const struct fake_db *now = shadow.live != NULL ? shadow.live : &db;
    return are_equal(now, live) && shadow.swaps == (err == ZP_OK) && (err == ZP_OK || why[0] != '\0');
}

static const struct torture rows[] = {
    { "a database is rebuilt", open_history, a_database_is_rebuilt, all_or_nothing, close_history, TROUBLE, ZP_OK },
    { "a database is rebuilt while its worker goes on", open_unpublished, a_database_is_rebuilt, all_or_nothing,
      close_history, TROUBLE, ZP_OK },
};

int main(void)
{
    return torture_main("a rebuild", rows, ZP_COUNT(rows));
}
