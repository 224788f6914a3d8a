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

/* ---- ids -------------------------------------------------------------------------------------------------- */

struct zp_id location_in(int32_t partition, unsigned n)
{
    for (unsigned i = 0;; i++) {
        struct zp_id id = { { 0xa0 } };
        memcpy(&id.bytes[8], &i, sizeof i);
        if (bus_partition_of_location(&id) == partition && n-- == 0) {
            return id;
        }
    }
}

struct zp_id id_number(unsigned number)
{
    struct zp_id id = { { 0xc0 } };
    memcpy(&id.bytes[12], &number, sizeof number);
    return id;
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

static struct menu_item items[] = {
    { .id = "burger", .name = "Burger", .price = 1250, .tax_rate_bp = 1900, .available = true, .station = "grill" },
    { .id = "cola", .name = "Cola", .price = 300, .tax_rate_bp = 1900, .available = true },
};
static struct placement_line lines[] = { { .item_id = "burger", .quantity = 2 }, { .item_id = "cola", .quantity = 1 } };

static struct command command_of(enum command_type type, enum actor_role role, const struct zp_id *location_id,
                                 const struct zp_id *id)
{
    struct command command = { .id = *id, .location_id = *location_id, .type = type, .if_match = AMOUNT_ABSENT,
                               .submitted_at = 1 };
    command.actor.role = role;
    command.actor.user_id = id_number(9000 + (unsigned)role);
    command.actor.locations[0] = *location_id;
    command.actor.location_count = role == ROLE_CUSTOMER ? 0 : 1;
    memcpy(command.fingerprint, id->bytes, sizeof command.fingerprint);
    return command;
}

struct command place(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_ORDER_PLACE, ROLE_CUSTOMER, location_id, id);
    command.order_id = *id;
    command.placement = (struct placement){ .type = ORDER_TYPE_PICKUP, .lines = lines, .line_count = ZP_COUNT(lines),
                                            .expected_total = AMOUNT_ABSENT };
    return command;
}

struct command step(enum command_type type, const struct zp_id *location_id, const struct zp_id *order_id,
                    const struct zp_id *id)
{
    struct command command = command_of(type, ROLE_KITCHEN, location_id, id);
    command.order_id = *order_id;
    return command;
}

struct command open_restaurant(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_LOCATION_SET, ROLE_ADMIN, location_id, id);
    command.actor.role = ROLE_SYSTEM;
    command.settings = (struct location_settings){ .name = "Chez Test", .currency = "EUR", .prices_include_tax = true,
                                                   .auto_accept = true, .prep_minutes = 20 };
    return command;
}

struct command give_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    struct command command = command_of(CMD_MENU_SET, ROLE_MANAGER, location_id, id);
    command.menu = (struct menu){ .items = items, .item_count = ZP_COUNT(items) };
    return command;
}

struct command give_large_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    static struct menu_item many[1100];
    static char ids[ZP_COUNT(many)][16], description[301];
    static struct menu_option options[] = {
        { "o0", "Option", 150, true }, { "o1", "Option", 150, true }, { "o2", "Option", 150, true },
        { "o3", "Option", 150, true }, { "o4", "Option", 150, true }, { "o5", "Option", 150, true },
        { "o6", "Option", 150, true }, { "o7", "Option", 150, true }, { "o8", "Option", 150, true },
        { "o9", "Option", 150, true },
    };
    static struct menu_group group = { "extras", "Extras", 0, 2, options, ZP_COUNT(options) };
    memset(description, '"', sizeof description - 1); /* two bytes each in JSON */
    for (size_t i = 0; i < ZP_COUNT(many); i++) {
        snprintf(ids[i], sizeof ids[i], "item-%zu", i);
        many[i] = (struct menu_item){ .id = ids[i], .name = "Name", .description = description, .price = 1250,
                                      .tax_rate_bp = 1900, .available = true, .groups = &group, .group_count = 1 };
    }
    struct command command = give_menu(location_id, id);
    command.menu = (struct menu){ .items = many, .item_count = ZP_COUNT(many) };
    return command;
}

struct command give_wide_menu(const struct zp_id *location_id, const struct zp_id *id)
{
    static struct menu_item many[1750]; /* the most that a location may have */
    static char ids[ZP_COUNT(many)][16];
    static const char *allergens[MENU_ALLERGENS_MAX];
    static char names[MENU_ALLERGENS_MAX][4];
    for (size_t i = 0; i < ZP_COUNT(allergens); i++) {
        snprintf(names[i], sizeof names[i], "a%zu", i % 100);
        allergens[i] = names[i];
    }
    for (size_t i = 0; i < ZP_COUNT(many); i++) {
        snprintf(ids[i], sizeof ids[i], "i%zu", i);
        many[i] = (struct menu_item){ .id = ids[i], .name = "N", .price = 1, .available = true, .allergens = allergens,
                                      .allergen_count = ZP_COUNT(allergens) };
    }
    struct command command = give_menu(location_id, id);
    command.menu = (struct menu){ .items = many, .item_count = ZP_COUNT(many) };
    return command;
}

struct command give_item(const struct zp_id *location_id, const struct zp_id *id, const char *name, int64_t price)
{
    struct command command = command_of(CMD_MENU_ITEM_SET, ROLE_MANAGER, location_id, id);
    command.item = items[0];
    command.item.name = name;
    command.item.price = price;
    return command;
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
    for (int p = 0; p < BUS_PARTITIONS; p++) {
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
        for (int p = 0; p < BUS_PARTITIONS; p++) {
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
