/* zapora partitions list|accept: what stopped, why, and the way out of it. */
#include "commands.h"
#include "partition_accept.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (4 << 20)

struct partitions_settings { const char *kafka, *postgres; bool all, dry_run, json; };

#define ROW(field) .name = #field, .offset = offsetof(struct partitions_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(all), .kind = SETTING_BOOL, .fallback = "false",
      .help = "list: also those that fit; accept: every partition that does not fit." },
    { ROW(dry_run), .kind = SETTING_BOOL, .fallback = "false", .help = "accept: only say what it would do." },
    { ROW(json), .kind = SETTING_BOOL, .fallback = "false", .help = "One JSON object a line." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(postgres), .kind = SETTING_STR, .min = 1, .max = 2000, .help = "PostgreSQL, as a postgresql:// URI." },
};

struct call {
    const struct partitions_settings *settings;
    const char **numbers; /* as they were given, NULL-terminated */
    struct store *store;
    struct partition_view *views;
    size_t count;
};

/* ---- list ------------------------------------------------------------------------------------------------------ */

static void print_view(const struct partition_view *view, bool json)
{
    const struct store_partition *row = &view->row;
    const char *finding = PARTITION_FINDING_WORDS.names[view->finding];
    printf(json ? "{\"partition\":%d,\"finding\":\"%s\",\"next_offset\":%lld,\"mailbox\":[%lld,%lld],"
                  "\"events_offset\":%lld,\"events\":[%lld,%lld],\"published_offset\":%lld,\"takeovers\":%d,"
                  "\"trying_offset\":%lld,\"sentence\":\"%s\"}\n"
                : "%2d  %-12s  next %lld of %lld…%lld  events %lld of %lld…%lld  published %lld  takeovers %d  "
                  "trying %lld  %s\n",
           (int)row->partition, finding, (long long)row->next_offset, (long long)view->first, (long long)view->end,
           (long long)row->events_offset, (long long)view->events_first, (long long)view->events_end,
           (long long)row->published_offset, (int)row->takeovers, (long long)row->trying_offset,
           partition_finding_sentence(view->finding));
}

/* 1 when something does not fit: a check that can be run by a machine. */
static int list(struct call *call)
{
    int code = 0;
    for (size_t i = 0; i < call->count; i++) {
        bool fits = call->views[i].finding == FINDING_FITS;
        if (!fits || call->settings->all) {
            print_view(&call->views[i], call->settings->json);
        }
        code = fits ? code : 1;
    }
    return code;
}

/* ---- accept ------------------------------------------------------------------------------------------------------ */

static bool is_named(const struct call *call, int32_t partition)
{
    for (const char **number = call->numbers; *number != NULL; number++) {
        if (strtol(*number, NULL, 10) == partition) {
            return true;
        }
    }
    return call->settings->all;
}

static int accept_each(struct call *call, struct bus_producer *producer)
{
    int code = 0;
    size_t met = 0;
    for (size_t i = 0; i < call->count; i++) {
        const struct partition_view *view = &call->views[i];
        if (!is_named(call, view->row.partition)) {
            continue;
        }
        met++;
        if (view->finding == FINDING_FITS) {
            if (!call->settings->all) {
                fprintf(stderr, "partition %d fits; nothing was changed\n", (int)view->row.partition);
            }
            continue;
        }
        code |= partition_accept(call->settings->kafka, call->store, producer, view, call->settings->dry_run,
                                 call->settings->json);
    }
    return met > 0 ? code : cli_fail("the database knows no such partition");
}

static int accept(struct call *call)
{
    char why[BUS_WHY_SIZE] = "";
    struct bus_producer *producer = NULL;
    if (cli_producer_create(call->settings->kafka, "zapora-partitions", &producer, why) != ZP_OK) {
        return cli_fail("kafka: %s", why);
    }
    int code = accept_each(call, producer);
    bus_producer_destroy(producer, 1000);
    return code;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static const char *check(const struct partitions_settings *settings, char *const *words)
{
    bool lists = words[0] != NULL && strcmp(words[0], "list") == 0;
    bool accepts = words[0] != NULL && strcmp(words[0], "accept") == 0;
    if (!lists && !accepts) {
        return "what is to be done: list or accept?";
    }
    if (lists && words[1] != NULL) {
        return "list takes no numbers";
    }
    if (accepts && (words[1] == NULL) != settings->all) {
        return "accept which partitions? Name their numbers, or --all";
    }
    for (size_t i = 1; words[i] != NULL; i++) {
        size_t digits = strspn(words[i], "0123456789");
        bool is_number = digits == strlen(words[i]) && digits > 0 && digits <= 2;
        if (!is_number || strtol(words[i], NULL, 10) >= BUS_PARTITIONS_MAX) {
            return "a partition is a number from 0 to 63";
        }
    }
    return NULL;
}

static int run(struct call *call, bool accepts, struct arena *arena)
{
    char why[STORE_WHY_SIZE] = "";
    const struct store_settings store = { .uri = call->settings->postgres, .application = "zapora partitions",
                                          .connect_timeout_ms = 5000, .lock_timeout_ms = 5000 };
    if (store_create(&store, &call->store) != ZP_OK) {
        return cli_fail("postgres is not a usable URI");
    }
    if (partition_views_get(call->settings->kafka, call->store, arena, &call->views, &call->count, why) != ZP_OK) {
        return cli_fail("the partitions cannot be compared: %s", why);
    }
    return accepts ? accept(call) : list(call);
}

int cli_partitions(int argc, char **argv)
{
    struct partitions_settings settings;
    char *words[BUS_PARTITIONS_MAX + 2] = { 0 };
    int code = 0;
    if (!cli_load("zapora partitions list|accept [NUMBER …]", rows, ZP_COUNT(rows), argc, argv, &settings, words,
                  BUS_PARTITIONS_MAX + 1, &code)) {
        return code;
    }
    const char *wrong = check(&settings, words);
    if (wrong != NULL) {
        cli_fail("partitions: %s", wrong);
        return 2;
    }
    if (!cli_learn_partitions(settings.kafka, TOPIC_COMMANDS)) {
        return 1;
    }
    struct call call = { .settings = &settings, .numbers = (const char **)words + 1 };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    code = run(&call, strcmp(words[0], "accept") == 0, &arena);
    store_destroy(call.store);
    arena_finish(&arena);
    return fflush(stdout) == 0 ? code : cli_fail("the output cannot be written");
}
