/* world.c: owns the one worker of a test program, and the restaurant it serves. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define TURNS 6
#define ROUNDS_MAX 1000

static struct worker_settings settings = {
    .worker_id = "worker-test", .kafka = "fake", .postgres = "fake", .redis = "fake",
    .batch_records_max = WORLD_RECORDS_MAX, .batch_bytes_max = 8 << 20, .locations_max = 16,
};
static struct arena posted; /* records on their way into the log */

struct worker *world;

static void worker_make(void)
{
    world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->settings = &settings;
    world->records_limit = WORLD_RECORDS_MAX;
    world->database_ok = true;
    actors_init(&world->actors, (size_t)settings.locations_max);
    const struct store_settings store = { .uri = "fake" };
    assert_int_equal(store_create(&store, &world->store), ZP_OK);
    world->consumer = fake_consumer();
    world->announcer = fake_announcer(world->marks, TURNS, WORLD_RECORDS_MAX);
}

static void worker_unmake(void)
{
    bus_record_release(world->carried);
    fake_announcer_free(world->announcer);
    actors_finish(&world->actors);
    bus_consumer_destroy(world->consumer);
    store_destroy(world->store);
    free(world);
    world = NULL;
}

int world_open(void **state)
{
    (void)state;
    crypto_start();
    log_setup(LOG_ERROR, "test"); /* warnings are what these tests are about; a panic must be seen */
    arena_init(&posted, 64u << 20);
    fake_db_open();
    fake_bus_open();
    worker_make();
    return 0;
}

int world_close(void **state)
{
    (void)state;
    worker_unmake();
    fake_bus_close();
    fake_db_close();
    arena_finish(&posted);
    return 0;
}

/* ---- the mailbox ------------------------------------------------------------------------------------------------ */

int64_t post(const struct command *command)
{
    struct record record;
    assert_int_equal(message_command_write(command, NULL, &posted, &record), ZP_OK);
    int64_t offset = fake_log_append(FAKE_COMMANDS, bus_partition_of_location(&command->location_id), &record);
    arena_reset(&posted);
    return offset;
}

int64_t post_garbage(int32_t partition, const char *key, const char *value)
{
    const struct record record = { .key = key, .key_len = key == NULL ? 0 : strlen(key), .value = value,
                                   .value_len = strlen(value) };
    return fake_log_append(FAKE_COMMANDS, partition, &record);
}

void post_restaurant(const struct zp_id *location_id, unsigned number)
{
    struct zp_id id = id_number(number);
    struct command command = open_restaurant(location_id, &id);
    (void)post(&command);
    id = id_number(number + 1);
    command = give_menu(location_id, &id);
    (void)post(&command);
}

/* ---- life
 * --------------------------------------------------------------------------------------------------------- */

void assign(int32_t partition)
{
    world->partitions[partition] = (struct partition){ .state = PARTITION_TAKING, .failing_offset = -1,
                                                       .park_offset = -1 };
}

void take_over(void)
{
    for (int p = 0; p < BUS_PARTITIONS_MAX; p++) {
        world->partitions[p].retry_at_us = 0;
    }
    takeover_due(world);
}

void own_partition(int32_t partition)
{
    assign(partition);
    take_over();
    assert_int_equal(world->partitions[partition].state, PARTITION_OWNED);
}

size_t come_round(void)
{
    struct turn *turn = announcer_turn(world->announcer, 1000);
    assert_non_null(turn);
    gather(world, turn, 0);
    size_t count = turn->count;
    if (count > 0) {
        settle(world, turn);
    } else {
        announcer_return(world->announcer, turn);
    }
    actors_trim(&world->actors);
    return count;
}

void work_off(void)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        bool busy = come_round() > 0;
        fake_announcer_publish(world->announcer);
        for (int p = 0; p < BUS_PARTITIONS_MAX; p++) {
            busy |= world->partitions[p].state == PARTITION_TAKING;
        }
        take_over();
        if (!busy) {
            return;
        }
    }
    fail_msg("the worker does not come to an end");
}

void die_and_rise(int32_t partition)
{
    worker_unmake();
    worker_make();
    own_partition(partition);
}
