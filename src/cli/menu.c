/* zapora menu apply FILE: a restaurant's settings and menu, by the commands that a real one uses, never by SQL. */
#include "commands.h"
#include "zapora/bus.h"
#include "zapora/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (4 << 20)
#define ARENA_BYTES_MAX (64 << 20)
#define POLL_MS 50

struct menu_settings { const char *kafka, *location, *postgres; bool no_wait; int64_t timeout_ms; };

#define ROW(field) .name = #field, .offset = offsetof(struct menu_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 36,
      .help = "The location's UUID, when the file has no location_id." },
    { ROW(no_wait), .kind = SETTING_BOOL, .fallback = "false", .help = "Do not wait for the worker's outcome." },
    { ROW(postgres), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 2000,
      .help = "PostgreSQL, as a postgresql:// URI: where the outcome is read." },
    { ROW(timeout_ms), .kind = SETTING_INT, .fallback = "60000", .min = 100, .max = 3600000,
      .help = "How long to wait for the outcome, in milliseconds." },
};

static void print_faults(const struct reason_list *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct reason *fault = &faults->items[i];
        fprintf(stderr, "  %s: %s\n",
                fault->pointer == NULL || fault->pointer[0] == '\0' ? "(the file)" : fault->pointer, fault->detail);
    }
}

/* ---- publishing ------------------------------------------------------------------------------------------ */

static enum zp_err publish(struct bus_producer *producer, const struct command *command, struct arena *arena)
{
    struct record record;
    enum zp_err err = message_command_write(command, NULL, arena, &record);
    return err != ZP_OK ? err : cli_publish(producer, TOPIC_COMMANDS, &record);
}

/* ---- waiting for the outcome ---------------------------------------------------------------------------------- */

static int report(const struct command *command, const struct outcome *outcome)
{
    const char *name = COMMAND_WORDS.names[command->type];
    if (outcome->err == ZP_OK) {
        printf("%s applied, seq %lld\n", name, (long long)outcome->seq);
        return 0;
    }
    struct reason_list faults = { .count = 0 };
    for (size_t i = 0; i < outcome->reason_count; i++) {
        reason_add(&faults, outcome->reasons[i].code, outcome->reasons[i].pointer, outcome->reasons[i].detail);
    }
    cli_fail("%s was refused: %s", name, zp_err_title(outcome->err));
    print_faults(&faults);
    return 1;
}

static int wait_for(struct store *store, const struct command *command, int64_t timeout_ms, struct arena *arena)
{
    int64_t until_us = clock_mono_us() + timeout_ms * 1000;
    for (;;) {
        struct outcome outcome;
        enum zp_err err = store_outcome_get(store, &command->id, arena, &outcome);
        if (err == ZP_OK) {
            return report(command, &outcome);
        }
        if (err != ZP_NOT_FOUND && err != ZP_BUSY) {
            return cli_fail("the outcome cannot be read: %s", store_trouble(store)->why);
        }
        if (clock_mono_us() > until_us) {
            return cli_fail("%s is in the log, but no worker has applied it within %lld ms%s%s",
                            COMMAND_WORDS.names[command->type], (long long)timeout_ms, err == ZP_BUSY ? ": " : "",
                            err == ZP_BUSY ? store_trouble(store)->why : "");
        }
        poll(NULL, 0, POLL_MS);
    }
}

/* ---- the two commands -------------------------------------------------------------------------------------------- */

static void fill_command(struct command *command, enum command_type type, const struct zp_id *location_id)
{
    uint8_t digest[16];
    crypto_random(digest, sizeof digest);
    command->id = id_for_location(location_id, digest);
    command->location_id = *location_id;
    command->type = type;
    command->actor.role = ROLE_SYSTEM;
    command->if_match = AMOUNT_ABSENT;
    command->submitted_at = clock_wall_us();
    memcpy(command->fingerprint, digest, sizeof digest);
}

static int run_command(const struct menu_settings *settings, struct bus_producer *producer, struct store *store,
                       const struct command *command, struct arena *arena)
{
    if (publish(producer, command, arena) != ZP_OK) {
        return cli_fail("%s could not be published; it may be tried again", COMMAND_WORDS.names[command->type]);
    }
    if (store == NULL) {
        printf("%s published\n", COMMAND_WORDS.names[command->type]);
        return 0;
    }
    return wait_for(store, command, settings->timeout_ms, arena);
}

static int apply(const struct menu_settings *settings, const struct restaurant *restaurant, struct arena *arena)
{
    char why[BUS_WHY_SIZE] = "";
    const struct store_settings store_settings = { .uri = settings->postgres,
                                                   .application = "zapora menu",
                                                   .connect_timeout_ms = 5000 };
    struct bus_producer *producer = NULL;
    struct store *store = NULL;
    int code = 0;
    if (!cli_learn_partitions(settings->kafka, TOPIC_COMMANDS)) {
        return 1;
    }
    if (cli_producer_create(settings->kafka, "zapora-menu", &producer, why) != ZP_OK) {
        return cli_fail("kafka: %s", why);
    }
    if (!settings->no_wait && store_create(&store_settings, &store) != ZP_OK) {
        code = cli_fail("postgres is not a usable URI");
    }
    struct command *command = arena_alloc(arena, sizeof *command);
    if (code == 0 && restaurant->has_settings) {
        fill_command(command, CMD_LOCATION_SET, &restaurant->location_id);
        command->settings = restaurant->settings;
        code = run_command(settings, producer, store, command, arena);
    }
    if (code == 0 && restaurant->has_menu) {
        *command = (struct command){ 0 };
        fill_command(command, CMD_MENU_SET, &restaurant->location_id);
        command->menu = restaurant->menu;
        code = run_command(settings, producer, store, command, arena);
    }
    store_destroy(store);
    bus_producer_destroy(producer, 1000);
    return code;
}

static int read_restaurant(const struct menu_settings *settings, const char *path, struct arena *arena,
                           struct restaurant *ret_restaurant)
{
    size_t len = 0;
    char *text = cli_read_file(path, FILE_BYTES_MAX, &len);
    if (text == NULL) {
        return cli_fail("%s cannot be read: %s", path, strerror(errno));
    }
    struct reason_list faults = { .count = 0 };
    enum zp_err err = message_restaurant_parse(text, len, arena, ret_restaurant, &faults);
    free(text);
    if (err != ZP_OK) {
        cli_fail("%s is not a restaurant's file:", path);
        print_faults(&faults);
        return 2;
    }
    if (settings->location[0] != '\0' &&
        !id_parse(settings->location, strlen(settings->location), &ret_restaurant->location_id)) {
        cli_fail("location is not a UUID: %s", settings->location);
        return 2;
    }
    if (id_is_none(&ret_restaurant->location_id)) {
        cli_fail("which location? Name it by --location, or by location.location_id in the file");
        return 2;
    }
    return 0;
}

int cli_menu(int argc, char **argv)
{
    struct menu_settings settings;
    char *words[3] = { 0 };
    int code = 0;
    if (!cli_load("zapora menu apply FILE", rows, ZP_COUNT(rows), argc, argv, &settings, words, 2, &code)) {
        return code;
    }
    if (words[0] == NULL || strcmp(words[0], "apply") != 0 || words[1] == NULL) {
        cli_fail("menu: apply which FILE?");
        return 2;
    }
    if (!settings.no_wait && settings.postgres[0] == '\0') {
        cli_fail("menu: postgres is needed to wait for the outcome, or --no-wait");
        return 2;
    }
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct restaurant restaurant;
    code = read_restaurant(&settings, words[1], &arena, &restaurant);
    if (code == 0) {
        code = apply(&settings, &restaurant, &arena);
    }
    arena_finish(&arena);
    return code;
}
