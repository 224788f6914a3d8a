/* zapora dead-letters list|show|redrive|discard: what was parked, and what is done about it. */
#include "commands.h"
#include "letter_book.h"
#include "letter_print.h"
#include "letter_redrive.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 100
#define REASON_BYTES_MAX 500
#define ARENA_BYTES_MAX (64 << 20)

struct letters_settings {
    const char *from, *kafka, *location, *postgres, *reason, *state, *to, *who;
    bool all, dry_run, force, json, no_wait;
    int64_t limit, max, timeout_ms;
};

#define ROW(field) .name = #field, .offset = offsetof(struct letters_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(all), .kind = SETTING_BOOL, .fallback = "false",
      .help = "redrive: every open letter that location, from and to let through." },
    { ROW(dry_run), .kind = SETTING_BOOL, .fallback = "false",
      .help = "redrive, discard: only say what it would change." },
    { ROW(force), .kind = SETTING_BOOL, .fallback = "false",
      .help = "redrive: also what was discarded, would be refused, or was parked again 3 times." },
    { ROW(from), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 40,
      .help = "Parked at or after this time (RFC 3339)." },
    { ROW(json), .kind = SETTING_BOOL, .fallback = "false", .help = "One JSON object a line." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(limit), .kind = SETTING_INT, .fallback = "100", .min = 1, .max = 100000,
      .help = "list: how many, oldest first." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 36,
      .help = "One location's UUID; without it, all." },
    { ROW(max), .kind = SETTING_INT, .fallback = "10", .min = 1, .max = 100000,
      .help = "redrive --all: how many, oldest first." },
    { ROW(no_wait), .kind = SETTING_BOOL, .fallback = "false",
      .help = "redrive: do not wait for the worker's outcome." },
    { ROW(postgres), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 2000,
      .help = "redrive: PostgreSQL, as a postgresql:// URI: the state that it would meet." },
    { ROW(reason), .kind = SETTING_STR, .fallback = "", .min = 0, .max = REASON_BYTES_MAX,
      .help = "discard, redrive: why, for those who look later." },
    { ROW(state), .kind = SETTING_STR, .fallback = "open", .min = 1, .max = 20,
      .help = "list: open, redriven, discarded or all." },
    { ROW(timeout_ms), .kind = SETTING_INT, .fallback = "60000", .min = 100, .max = 3600000,
      .help = "redrive: how long to wait for each outcome, in milliseconds." },
    { ROW(to), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 40,
      .help = "Parked at or before this time." },
    { ROW(who), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 200,
      .help = "discard, redrive: who decides it; by default SUDO_USER or USER." },
};

/* What a call is about. */
struct call {
    const struct letters_settings *settings;
    const char **names; /* of letters, NULL-terminated */
    const char *who;
    struct zp_id location_id;
    int64_t from_us, to_us;
    int state;          /* LETTER_STATE_COUNT: all */
    struct letter_book book;
};

static bool passes(const struct call *call, const struct letter_entry *entry)
{
    int64_t at = entry->letter.parked_at;
    bool is_here = id_is_none(&call->location_id) || id_equal(&call->location_id, &entry->location_id);
    return is_here && at >= call->from_us && at <= call->to_us;
}

/* ---- list and show ------------------------------------------------------------------------------------------- */

static int list(struct call *call)
{
    int64_t shown = 0, more = 0;
    for (size_t i = 0; i < call->book.count; i++) {
        const struct letter_entry *entry = &call->book.entries[i];
        bool is_wanted = call->state == LETTER_STATE_COUNT || (int)entry->state == call->state;
        if (!is_wanted || !passes(call, entry)) {
            continue;
        }
        if (shown == call->settings->limit) {
            more++;
            continue;
        }
        letter_print_row(entry, call->settings->json);
        shown++;
    }
    if (more > 0) {
        fprintf(stderr, "%lld more; raise --limit, or narrow it by --from, --to and --location\n", (long long)more);
    }
    if (call->book.strangers > 0) {
        fprintf(stderr, "%zu records of " TOPIC_DEAD_LETTERS " are no letters of a worker's\n", call->book.strangers);
    }
    return 0;
}

static int show_one(struct call *call, const struct letter_entry *entry)
{
    char why[BUS_WHY_SIZE] = "";
    const char *wrong = NULL;
    struct letter_record opened;
    if (letter_record_open(call->settings->kafka, entry, &opened, why) != ZP_OK) {
        return cli_fail("the letter cannot be read: %s", why);
    }
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct command *command = arena_alloc(&arena, sizeof *command);
    bool is_command = command != NULL && letter_command(opened.record, &arena, command, &wrong) == ZP_OK;
    letter_print_whole(entry, opened.record, is_command ? command : NULL, wrong == NULL ? "not enough memory" : wrong,
                       call->settings->json);
    arena_finish(&arena);
    letter_record_close(&opened);
    return 0;
}

/* Calls a function for each letter that the call names. */
static int each_named(struct call *call, int (*run)(struct call *call, const struct letter_entry *entry))
{
    int code = 0;
    for (const char **name = call->names; *name != NULL; name++) {
        const struct letter_entry *entry = letter_book_find(&call->book, *name);
        if (entry == NULL) {
            code = cli_fail("there is no such letter: %s", *name);
        } else if (run(call, entry) != 0) {
            code = 1;
        }
    }
    return code;
}

static int show(struct call *call)
{
    return each_named(call, show_one);
}

/* ---- discard --------------------------------------------------------------------------------------------------- */

static int publish_note(const struct call *call, const struct settlement *settlement)
{
    char why[BUS_WHY_SIZE] = "the brokers do not answer";
    struct bus_producer *producer = NULL;
    struct arena arena;
    struct record record;
    arena_init(&arena, ARENA_BYTES_MAX);
    enum zp_err err = cli_producer_create(call->settings->kafka, "zapora-dead-letters", &producer, why);
    if (err == ZP_OK) {
        err = message_settlement_write(settlement, &arena, &record);
    }
    if (err == ZP_OK) {
        err = cli_publish(producer, TOPIC_DEAD_LETTERS, &record);
    }
    bus_producer_destroy(producer, 0);
    arena_finish(&arena);
    return err == ZP_OK ? 0 : cli_fail("the dead letters do not take the note: %s; try again", why);
}

static int discard_one(struct call *call, const struct letter_entry *entry)
{
    char id[ID_TEXT_SIZE];
    id_format(&entry->letter.command_id, id);
    if (entry->state != LETTER_OPEN) {
        printf("%s was %s by %s before; nothing was changed\n", id, LETTER_STATE_WORDS.names[entry->state],
               entry->settlement.who);
        return 0;
    }
    const struct settlement settlement = { .kind = SETTLEMENT_DISCARDED, .partition = entry->letter.partition,
                                           .offset = entry->letter.offset, .who = call->who,
                                           .reason = call->settings->reason };
    if (!call->settings->dry_run && publish_note(call, &settlement) != 0) {
        return 1;
    }
    printf("%s %s\n", id, call->settings->dry_run ? "would be discarded" : "discarded");
    return 0;
}

static int discard(struct call *call)
{
    return each_named(call, discard_one);
}

/* ---- redrive --------------------------------------------------------------------------------------------------- */

/* What a redrive works with besides its letter. */
static struct redriving {
    struct redrive_settings settings;
    struct store *store;
    struct bus_producer *producer;
} redriving;

static int redrive_one(struct call *call, const struct letter_entry *entry)
{
    (void)call;
    return letter_redrive(&redriving.settings, entry, redriving.store, redriving.producer);
}

/* The oldest first, as they came. */
static int redrive_all(struct call *call)
{
    int64_t done = 0, left = 0;
    int code = 0;
    for (size_t i = 0; i < call->book.count; i++) {
        const struct letter_entry *entry = &call->book.entries[i];
        if (entry->state != LETTER_OPEN || !passes(call, entry)) {
            continue;
        }
        if (done == call->settings->max) {
            left++;
            continue;
        }
        code = redrive_one(call, entry) != 0 ? 1 : code;
        done++;
    }
    fprintf(stderr, "%lld letters looked at, %lld more are open\n", (long long)done, (long long)left);
    return code;
}

static int redrive(struct call *call)
{
    const struct letters_settings *settings = call->settings;
    const struct store_settings store = { .uri = settings->postgres, .application = "zapora dead-letters",
                                          .connect_timeout_ms = 5000 };
    char why[BUS_WHY_SIZE] = "";
    redriving.settings = (struct redrive_settings){
        .kafka = settings->kafka, .who = call->who, .reason = settings->reason[0] == '\0' ? NULL : settings->reason,
        .dry_run = settings->dry_run, .force = settings->force, .json = settings->json, .no_wait = settings->no_wait,
        .timeout_ms = settings->timeout_ms,
    };
    int code;
    if (store_create(&store, &redriving.store) != ZP_OK) {
        code = cli_fail("postgres is not a usable URI");
    } else if (cli_producer_create(settings->kafka, "zapora-dead-letters", &redriving.producer, why) != ZP_OK) {
        code = cli_fail("kafka: %s", why);
    } else {
        code = settings->all ? redrive_all(call) : each_named(call, redrive_one);
    }
    bus_producer_destroy(redriving.producer, 1000);
    store_destroy(redriving.store);
    return code;
}

/* ---- the call --------------------------------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    int (*run)(struct call *call);
    bool names, writes, needs_reason, needs_database;
} verbs[] = {
    /*            run      names  writes reason database */
    { "discard", discard, true,  true,  true,  false },
    { "list",    list,    false, false, false, false },
    { "redrive", redrive, true,  true,  false, true },
    { "show",    show,    true,  false, false, false },
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name != NULL && i < ZP_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static bool parse_time(const char *text, int64_t *ret_us)
{
    return text[0] == '\0' || time_parse(text, strlen(text), ret_us);
}

static int find_state(const char *name)
{
    return strcmp(name, "all") == 0 ? LETTER_STATE_COUNT : words_find(&LETTER_STATE_WORDS, name);
}

static const char *find_who(const struct letters_settings *settings)
{
    const char *sudo = getenv("SUDO_USER"), *user = getenv("USER");
    return settings->who[0] != '\0' ? settings->who : sudo != NULL ? sudo : user != NULL ? user : "";
}

static const char *check_verb(const struct verb *verb, const struct call *call)
{
    const struct letters_settings *settings = call->settings;
    bool takes_all = verb->needs_database;
    if (verb->names && call->names[0] == NULL && !(takes_all && settings->all)) {
        return takes_all ? "which letters? Name them by command id or PARTITION/OFFSET, or --all"
                         : "which letters? Name them by command id or PARTITION/OFFSET";
    }
    if (call->names[0] != NULL && (!verb->names || settings->all)) {
        return verb->names ? "name letters, or --all, not both" : "list takes no names: see show";
    }
    if (verb->needs_reason && settings->reason[0] == '\0') {
        return "a reason is needed: --reason";
    }
    if (verb->writes && call->who[0] == '\0') {
        return "who decides it? --who";
    }
    return verb->needs_database && settings->postgres[0] == '\0' ? "postgres is needed" : NULL;
}

static const char *check(const struct verb *verb, struct call *call)
{
    const struct letters_settings *settings = call->settings;
    call->to_us = INT64_MAX;
    if (verb == NULL) {
        return "what is to be done: list, show, redrive or discard?";
    }
    call->state = find_state(settings->state);
    if (call->state < 0) {
        return "state may be open, redriven, discarded or all";
    }
    const char *location = settings->location;
    if (location[0] != '\0' && !id_parse(location, strlen(location), &call->location_id)) {
        return "location is not a UUID";
    }
    if (!parse_time(settings->from, &call->from_us) || !parse_time(settings->to, &call->to_us)) {
        return "from and to are times like 2026-01-31T18:00:00Z";
    }
    call->who = find_who(settings);
    return check_verb(verb, call);
}

int cli_dead_letters(int argc, char **argv)
{
    struct letters_settings settings;
    char *words[NAMES_MAX + 2] = { 0 };
    int code = 0;
    if (!cli_load("zapora dead-letters list|show|redrive|discard [LETTER …]", rows, ZP_COUNT(rows), argc, argv,
                  &settings, words, NAMES_MAX + 1, &code)) {
        return code;
    }
    struct call call = { .settings = &settings, .names = (const char **)(words[0] == NULL ? words : words + 1) };
    const struct verb *verb = find_verb(words[0]);
    const char *wrong = check(verb, &call);
    if (wrong != NULL) {
        cli_fail("dead-letters: %s", wrong);
        return 2;
    }
    char why[BUS_WHY_SIZE] = "";
    signal(SIGPIPE, SIG_DFL);
    if (!cli_learn_partitions(settings.kafka, TOPIC_DEAD_LETTERS)) {
        return 1;
    }
    code = letter_book_read(settings.kafka, &call.book, why) == ZP_OK
        ? verb->run(&call) : cli_fail("%s cannot be read: %s", TOPIC_DEAD_LETTERS, why);
    letter_book_finish(&call.book);
    return fflush(stdout) == 0 ? code : cli_fail("the output cannot be written");
}
