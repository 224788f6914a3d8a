/* history_fill: makes a long history fast: what workers would have written to the events topic over months.
 *
 * usage: history_fill BROKERS EVENTS LOCATIONS
 *
 * Each location gets its settings and a menu, then orders, one after the other, from placed to completed. Events are
 * decided, evolved, encoded and chained by the functions that the worker uses, so `zapora verify` must find the log
 * right. Only the mailbox is left out: there is no command behind these outcomes, and no worker may be started on such
 * a log. Their offsets begin far behind those of a demo's commands. */
#include "floor.h"
#include "zapora/bus.h"

#include <string.h>

#define LOCATIONS_MAX 10000
#define ITEMS 8
#define FIRST_OFFSET 1000000
#define APART_US 1000 /* from one event to the next */
#define ARENA_BYTES_MAX ((size_t)16 << 20)
#define QUEUE_BYTES_MAX (64 << 20)
#define QUEUE_MESSAGES_MAX 100000
#define TIMEOUT_MS 120000

static struct {
    struct bus_producer *producer;
    struct location *locations;
    int64_t offsets[BUS_PARTITIONS_MAX]; /* of the next command */
    int64_t at, told, acked;
    struct arena arena;              /* of one order's life */
    struct buffer value;
    struct order order;
    bool has_order;
} w;

static void on_delivery(void *opaque, const struct bus_delivery *delivery)
{
    (void)opaque;
    FLOOR_CHECK(delivery->ack == BUS_ACKED, "%s", delivery->why == NULL ? "not acknowledged" : delivery->why);
    w.acked++;
}

static struct bus_producer *open_producer(const char *brokers)
{
    const struct bus_producer_settings settings = {
        .brokers = brokers, .client_id = "history_fill", .timeout_ms = TIMEOUT_MS, .linger_us = 20000,
        .queue_bytes_max = QUEUE_BYTES_MAX, .queue_messages_max = QUEUE_MESSAGES_MAX, .on_delivery = on_delivery,
    };
    char why[BUS_WHY_SIZE] = "";
    struct bus_producer *producer = NULL;
    FLOOR_CHECK(bus_producer_create(&settings, &producer, why) == ZP_OK, "%s", why);
    FLOOR_CHECK(bus_producer_warm(producer, TOPIC_EVENTS, TIMEOUT_MS, why) == ZP_OK, "%s", why);
    return producer;
}

/* ---- one event ------------------------------------------------------------------------------------------------ */

static void produce(const struct record *record)
{
    enum zp_err err = bus_produce(w.producer, TOPIC_EVENTS, record, NULL);
    while (err == ZP_BUSY && !bus_producer_broken(w.producer)) { /* the queue is full */
        bus_producer_poll(w.producer, 100);
        err = bus_produce(w.producer, TOPIC_EVENTS, record, NULL);
    }
    FLOOR_CHECK(err == ZP_OK, "%s", zp_err_name(err));
    w.told++;
}

static void publish(struct location *location, const struct command *command, const struct event *event)
{
    int32_t partition = bus_partition_of_location(&location->id);
    struct event_meta meta = { .command_offset = w.offsets[partition]++, .user_id = command->actor.user_id,
                               .command_type = command->type };
    struct record record;
    memcpy(meta.fingerprint, command->fingerprint, sizeof meta.fingerprint);
    memcpy(meta.hash, location->hash, HASH_SIZE);
    enum zp_err err = message_event_write(event, &meta, partition, w.value.data, w.value.len, &w.arena, &record);
    FLOOR_CHECK(err == ZP_OK, "%s", zp_err_name(err));
    produce(&record);
}

/* What a worker does with a command, but for the database. */
static void carry_out(struct location *location, struct command *command)
{
    struct decision decision;
    w.at += APART_US;
    command->location_id = location->id;
    command->if_match = AMOUNT_ABSENT;
    enum zp_err err = decide(location, w.has_order ? &w.order : NULL, command, w.at, &w.arena, &decision);
    FLOOR_CHECK(err == ZP_OK && decision.err == ZP_OK, "%s was refused: %s", COMMAND_WORDS.names[command->type],
                decision.reasons.count > 0 ? decision.reasons.items[0].detail : "");
    struct event *event = &decision.event;
    buffer_reset(&w.value);
    message_event_encode(event, &w.value);
    FLOOR_CHECK(w.value.err == ZP_OK, "an event is too large");
    err = evolve(location, w.has_order ? &w.order : NULL, event);
    FLOOR_CHECK(err == ZP_OK, "%s", zp_err_name(err));
    location_chain(location->hash, event->seq, event->type, event->at, w.value.data, w.value.len);
    publish(location, command, event);
    if (event->type <= EV_ORDER_EXPIRED) {
        w.order = event->order;
        w.has_order = true;
    }
}

static void fresh_id(const struct location *location, struct command *command)
{
    uint8_t digest[16];
    crypto_random(digest, sizeof digest);
    command->id = id_for_location(&location->id, digest);
    memcpy(command->fingerprint, digest, sizeof command->fingerprint);
}

/* ---- a location, an order ------------------------------------------------------------------------------------- */

static void forget_order(void)
{
    arena_reset(&w.arena);
    w.has_order = false;
}

static void open_location(struct location *location)
{
    static const char *const names[ITEMS] = { "margherita", "caesar-salad", "burger", "fries", "lentil-soup",
                                              "tiramisu", "lemonade", "espresso" };
    struct menu_item items[ITEMS];
    struct zp_id id = id_fresh();
    location_init(location, &id);
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (struct menu_item){ .id = names[i], .name = names[i], .description = "As on the board.",
                                       .price = 350 + 100 * (int64_t)i, .tax_rate_bp = 1900, .available = true,
                                       .station = i % 2 == 0 ? "grill" : "cold" };
    }
    struct command settings = {
        .type = CMD_LOCATION_SET, .actor.role = ROLE_SYSTEM,
        .settings = { .name = "History", .currency = "EUR", .prices_include_tax = true, .prep_minutes = 15 },
    };
    struct command menu = { .type = CMD_MENU_SET, .actor.role = ROLE_SYSTEM,
                            .menu = { .items = items, .item_count = ITEMS } };
    forget_order();
    fresh_id(location, &settings);
    carry_out(location, &settings);
    fresh_id(location, &menu);
    carry_out(location, &menu);
}

static void place(struct location *location, const struct zp_id *customer)
{
    struct placement_line lines[4];
    size_t count = 3 + (size_t)(location->seq % 2);
    for (size_t i = 0; i < count; i++) {
        const struct menu_item *item = &location->menu.items[((size_t)location->last_number + i) % ITEMS];
        lines[i] = (struct placement_line){ .item_id = item->id, .quantity = 1 + (int64_t)(i == 0) };
    }
    struct command command = {
        .type = CMD_ORDER_PLACE, .actor = { .user_id = *customer, .role = ROLE_CUSTOMER },
        .placement = { .type = ORDER_TYPE_PICKUP, .lines = lines, .line_count = count, .expected_total = AMOUNT_ABSENT,
                       .customer = { .name = "Bench", .phone = "555 0100" } },
    };
    forget_order();
    fresh_id(location, &command);
    command.order_id = command.id;
    carry_out(location, &command);
}

static void live_through(struct location *location, const struct zp_id *customer, int64_t events)
{
    static const enum command_type steps[] = { CMD_ORDER_ACCEPT, CMD_ORDER_START, CMD_ORDER_READY, CMD_ORDER_COMPLETE };
    place(location, customer);
    for (size_t i = 0; i < ZP_COUNT(steps) && w.told < events; i++) {
        struct command command = { .type = steps[i], .order_id = w.order.id, .actor.role = ROLE_SYSTEM };
        fresh_id(location, &command);
        carry_out(location, &command);
    }
}

int main(int argc, char **argv)
{
    int64_t events = argc == 4 ? atoll(argv[2]) : 0, locations = argc == 4 ? atoll(argv[3]) : 0;
    if (events <= 0 || locations <= 0 || locations > LOCATIONS_MAX) {
        fprintf(stderr, "usage: history_fill BROKERS EVENTS LOCATIONS\n");
        return 2;
    }
    arena_init(&w.arena, ARENA_BYTES_MAX);
    buffer_init(&w.value, MESSAGE_VALUE_BYTES_MAX);
    char why[BUS_WHY_SIZE] = "";
    FLOOR_CHECK(bus_partitions_learn(argv[1], TOPIC_EVENTS, why) == ZP_OK, "%s", why);
    w.producer = open_producer(argv[1]);
    w.locations = calloc((size_t)locations, sizeof *w.locations);
    FLOOR_CHECK(w.locations != NULL, "not enough memory");
    w.at = clock_wall_us() - events * APART_US;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        w.offsets[p] = FIRST_OFFSET;
    }
    const struct zp_id customer = id_fresh();
    struct floor_clock began = floor_now();
    for (int64_t i = 0; w.told < events; i++) {
        struct location *location = &w.locations[i % locations];
        if (i < locations) {
            open_location(location);
        }
        live_through(location, &customer, events);
    }
    while (w.acked < w.told) {
        bus_producer_poll(w.producer, 100);
    }
    floor_report(began, (long)w.told);
    bus_producer_destroy(w.producer, TIMEOUT_MS);
    for (int64_t i = 0; i < locations; i++) {
        location_finish(&w.locations[i]);
    }
    free(w.locations);
    arena_finish(&w.arena);
    buffer_finish(&w.value);
    return 0;
}
