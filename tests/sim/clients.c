/* clients.c: owns what was sent and what was promised; see clients.h.
 * Invariant: one id stands for one key: a retry has the same id, with the same request or with another. */
#include "clients.h"

#include "bus.h"
#include "commands.h"
#include "reader.h"
#include "sim.h"

#include <string.h>

#define SENT_MAX 400
#define SHELF_MAX 64
#define RETRY_US_MAX (3 * SIM_SECOND_US)
#define ATTEMPTS_MAX 6

struct sent {
    struct command command;
    bool is_acked;
    int attempts;
    int64_t retry_at; /* 0: not */
};

static struct {
    struct zp_id locations[CLIENT_LOCATIONS_MAX];
    size_t location_count;
    struct sent sent[SENT_MAX];
    size_t sent_count;
    struct { struct zp_id id; enum shelf kind; } shelf[SHELF_MAX];
    size_t shelf_count;
    int64_t wanted;  /* more to send */
    int64_t pause_us, next_at;
    int odd_permille; /* of what is sent: what should not be there */
    struct arena arena;
} clients;

static struct zp_id fresh_id(const struct zp_id *location_id)
{
    uint8_t digest[16];
    for (size_t i = 0; i < sizeof digest; i++) {
        digest[i] = (uint8_t)chance_next(&sim.clients);
    }
    return id_for_location(location_id, digest);
}

static bool maybe(int permille)
{
    return chance_permille(&sim.clients, permille);
}

static const struct zp_id *some_location(void)
{
    return &clients.locations[chance_between(&sim.clients, 0, (int64_t)clients.location_count - 1)];
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void send_again(struct sent *sent)
{
    struct record record;
    ZP_ASSERT(message_command_write(&sent->command, NULL, &clients.arena, &record) == ZP_OK);
    record.partition = bus_partition_of_location(&sent->command.location_id);
    sent->attempts++;
    sent->retry_at = sim.now_us + chance_between(&sim.clients, SIM_SECOND_US, RETRY_US_MAX);
    network_send(NULL, FAKE_COMMANDS, &record, sent);
    arena_reset(&clients.arena);
}

static struct sent *send(const struct command *command)
{
    ZP_ASSERT(clients.sent_count < SENT_MAX);
    struct sent *sent = &clients.sent[clients.sent_count++];
    *sent = (struct sent){ .command = *command };
    send_again(sent);
    return sent;
}

void client_answered(void *opaque, enum bus_ack ack)
{
    struct sent *sent = opaque;
    if (sent == NULL) {
        return;
    }
    if (ack == BUS_ACKED) {
        sent->is_acked = true;
        sent->retry_at = 0;
    }
}

/* ---- what they send -------------------------------------------------------------------------------------------- */

static struct placement_line lines[][2] = {
    { { .item_id = "burger", .quantity = 2 }, { .item_id = "cola", .quantity = 1 } },
    { { .item_id = "cola", .quantity = 3 } },
    { { .item_id = "unicorn", .quantity = 1 } },
};
static const size_t line_counts[ZP_COUNT(lines)] = { 2, 1, 1 };

static struct command some_placement(const struct zp_id *location_id)
{
    struct zp_id id = fresh_id(location_id);
    struct command command = place(location_id, &id);
    size_t kind = maybe(80) ? 2 : (size_t)chance_between(&sim.clients, 0, 1);
    command.placement.lines = lines[kind];
    command.placement.line_count = line_counts[kind];
    command.placement.tip = chance_between(&sim.clients, 0, 3) * 50;
    command.placement.expected_total = maybe(100) ? chance_between(&sim.clients, 2, 4) * 700 : AMOUNT_ABSENT;
    command.actor.user_id = id_number((unsigned)chance_between(&sim.clients, 100, 105));
    return command;
}

/* An earlier placement, or NULL. */
static const struct sent *some_order(void)
{
    for (int tries = 0; tries < 8 && clients.sent_count > 0; tries++) {
        const struct sent *sent = &clients.sent[chance_between(&sim.clients, 0, (int64_t)clients.sent_count - 1)];
        if (sent->command.type == CMD_ORDER_PLACE) {
            return sent;
        }
    }
    return NULL;
}

static void send_step(void)
{
    static const enum command_type steps[] = { CMD_ORDER_CANCEL, CMD_ORDER_ACCEPT, CMD_ORDER_REJECT, CMD_ORDER_START,
                                               CMD_ORDER_START, CMD_ORDER_READY, CMD_ORDER_READY, CMD_ORDER_COMPLETE,
                                               CMD_ORDER_RECALL };
    const struct sent *order = some_order();
    if (order == NULL) {
        return;
    }
    enum command_type type = steps[chance_between(&sim.clients, 0, (int64_t)ZP_COUNT(steps) - 1)];
    struct zp_id id = fresh_id(&order->command.location_id);
    struct command command = step(type, &order->command.location_id, &order->command.id, &id);
    if (type == CMD_ORDER_CANCEL && maybe(700)) { /* by who placed it, or by a stranger */
        command.actor.role = ROLE_CUSTOMER;
        command.actor.location_count = 0;
        command.actor.user_id = maybe(900) ? order->command.actor.user_id : id_number(99);
    }
    command.if_match = maybe(100) ? chance_between(&sim.clients, 1, 4) : AMOUNT_ABSENT;
    (void)send(&command);
}

static void send_settings(void)
{
    const struct zp_id *location_id = some_location();
    struct zp_id id = fresh_id(location_id);
    struct command command;
    if (maybe(600)) {
        command = give_item(location_id, &id, "Burger", 1000 + 50 * chance_between(&sim.clients, 0, 20));
    } else if (maybe(500)) {
        command = open_restaurant(location_id, &id);
        command.settings.auto_accept = maybe(500);
        command.settings.prep_minutes = chance_between(&sim.clients, 5, 30);
    } else {
        command = give_menu(location_id, &id);
    }
    (void)send(&command);
}

/* The same key once more: the same request, or another one under it. */
static void send_retry(void)
{
    struct sent *sent = &clients.sent[chance_between(&sim.clients, 0, (int64_t)clients.sent_count - 1)];
    if (client_sent_for_the_shelf(&sent->command.id)) {
        return;
    }
    if (maybe(200)) {
        struct command command = sent->command;
        command.fingerprint[0] ^= 0xff;
        command.placement.tip += 1;
        (void)send(&command);
    } else {
        send_again(sent);
    }
}

/* ---- what should not be there ---------------------------------------------------------------------------------- */

static void send_garbage(void)
{
    char key[ID_TEXT_SIZE], value[32];
    struct record record = { .key = id_format(some_location(), key), .key_len = 36, .value = value };
    record.partition = bus_partition_of(record.key, record.key_len, BUS_PARTITIONS_MAX);
    record.value_len = (size_t)snprintf(value, sizeof value, "%llx", (unsigned long long)chance_next(&sim.clients));
    network_send(NULL, FAKE_COMMANDS, &record, NULL);
}

/* A good command in a partition that is not its location's. */
static void send_foreign(void)
{
    const struct zp_id *here = some_location(), *there = some_location();
    int32_t partition = bus_partition_of_location(there);
    struct command command = some_placement(here);
    struct record record;
    if (partition == bus_partition_of_location(here)) {
        return;
    }
    ZP_ASSERT(message_command_write(&command, NULL, &clients.arena, &record) == ZP_OK);
    record.partition = partition;
    network_send(NULL, FAKE_COMMANDS, &record, NULL);
    arena_reset(&clients.arena);
}

static void send_for_the_shelf(void)
{
    struct command command = some_placement(some_location());
    if (clients.shelf_count == SHELF_MAX) {
        return;
    }
    clients.shelf[clients.shelf_count].id = command.id;
    clients.shelf[clients.shelf_count++].kind = (enum shelf)chance_between(&sim.clients, 0, SHELF_COUNT - 1);
    (void)send(&command);
}

static void send_odd(void)
{
    static void (*const kinds[])(void) = { send_garbage, send_foreign, send_for_the_shelf };
    kinds[chance_between(&sim.clients, 0, (int64_t)ZP_COUNT(kinds) - 1)]();
}

static void send_something(void)
{
    int64_t what = chance_between(&sim.clients, 0, 999);
    if (what < clients.odd_permille) {
        send_odd();
    } else if (what < 400) {
        struct command command = some_placement(some_location());
        (void)send(&command);
    } else if (what < 780) {
        send_step();
    } else if (what < 850) {
        send_settings();
    } else {
        send_retry();
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

void clients_open(const struct zp_id *locations, size_t count)
{
    memset(&clients, 0, sizeof clients);
    arena_init(&clients.arena, 4 << 20);
    memcpy(clients.locations, locations, count * sizeof *locations);
    clients.location_count = count;
    clients.wanted = chance_between(&sim.clients, 20, 110);
    clients.pause_us = chance_between(&sim.clients, 1000, 400000);
    clients.odd_permille = maybe(400) ? (int)chance_between(&sim.clients, 10, 60) : 0;
    for (size_t i = 0; i < count; i++) {
        struct zp_id id = fresh_id(&locations[i]);
        struct command command = open_restaurant(&locations[i], &id);
        (void)send(&command);
        id = fresh_id(&locations[i]);
        command = give_menu(&locations[i], &id);
        (void)send(&command);
    }
}

void clients_close(void)
{
    arena_finish(&clients.arena);
}

bool client_some_acknowledged(struct zp_id *ret_id, int32_t *ret_partition)
{
    for (size_t i = clients.sent_count, newest = 3; i > 0 && newest > 0; i--) {
        const struct sent *sent = &clients.sent[i - 1];
        if (sent->is_acked && sent->command.type == CMD_ORDER_PLACE && (--newest == 0 || maybe(500))) {
            *ret_id = sent->command.id;
            *ret_partition = bus_partition_of_location(&sent->command.location_id);
            return true;
        }
    }
    return false;
}

void clients_nudge(void)
{
    for (size_t i = 0; i < clients.location_count; i++) {
        struct zp_id id = fresh_id(&clients.locations[i]);
        struct command command = give_item(&clients.locations[i], &id, "Burger", 1000);
        (void)send(&command);
    }
}

bool clients_are_done(void)
{
    return clients.wanted == 0;
}

int64_t clients_due(void)
{
    int64_t next = SIM_NEVER;
    if (clients.wanted > 0 && clients.next_at <= sim.now_us) {
        clients.wanted--;
        int64_t burst = maybe(150) ? chance_between(&sim.clients, 2, 12) : 1;
        for (; burst > 0 && clients.sent_count + 16 < SENT_MAX; burst--) {
            send_something();
        }
        clients.next_at = sim.now_us + chance_between(&sim.clients, 0, 2 * clients.pause_us);
    }
    next = clients.wanted > 0 ? clients.next_at : next;
    for (size_t i = 0; i < clients.sent_count; i++) {
        struct sent *sent = &clients.sent[i];
        if (sent->retry_at > 0 && sent->retry_at <= sim.now_us) {
            sent->retry_at = 0;
            if (sent->attempts < ATTEMPTS_MAX && !client_sent_for_the_shelf(&sent->command.id)) {
                send_again(sent);
            }
        }
        if (sent->retry_at > 0 && sent->retry_at < next) {
            next = sent->retry_at;
        }
    }
    return next;
}

bool client_sent(enum shelf kind, const struct zp_id *command_id)
{
    for (size_t i = 0; i < clients.shelf_count; i++) {
        if (clients.shelf[i].kind == kind && id_equal(&clients.shelf[i].id, command_id)) {
            return true;
        }
    }
    return false;
}

bool client_sent_for_the_shelf(const struct zp_id *command_id)
{
    bool sent = false;
    for (int kind = 0; kind < SHELF_COUNT; kind++) {
        sent = sent || client_sent((enum shelf)kind, command_id);
    }
    return sent;
}

void clients_check(void)
{
    for (size_t i = 0; i < clients.sent_count; i++) {
        if (clients.sent[i].is_acked && reader_fact(&clients.sent[i].command.id) == NULL) {
            sim_fail("acknowledged", "an acknowledged command has no outcome");
        }
    }
}
