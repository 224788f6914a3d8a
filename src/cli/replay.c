/* zapora replay: what an analyst gets. Prints a piece of a topic, one object a line or CSV, in each location's
 * order, nothing twice, up to the end found at the start.
 * Invariants: a partition is one lane's, from its beginning to its end, so the order within it stands; what a lane
 * writes at a time are whole lines. */
#include "commands.h"
#include "replay_seen.h"
#include "zapora/bus.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (32 << 20)
#define LINE_BYTES_MAX (16 << 20)
#define PIECE_BYTES (256 << 10) /* is written at once */
#define LANES 2
#define BROKER_TIMEOUT_MS 10000
#define QUIET_US 30000000 /* the brokers say nothing for so long: give up */

struct replay_settings { const char *format, *from, *kafka, *location, *to, *topic; };

#define ROW(field) .name = #field, .offset = offsetof(struct replay_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(format), .kind = SETTING_STR, .fallback = "ndjson", .min = 1, .max = 10, .help = "ndjson or csv." },
    { ROW(from), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 40,
      .help = "First time (RFC 3339) or, with --location, first seq." },
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(location), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 36,
      .help = "One location's UUID; without it, all." },
    { ROW(to), .kind = SETTING_STR, .fallback = "", .min = 0, .max = 40,
      .help = "Last time or, with --location, last seq; both are included." },
    { ROW(topic), .kind = SETTING_STR, .fallback = TOPIC_EVENTS, .min = 1, .max = 249,
      .help = TOPIC_EVENTS " or " TOPIC_COMMANDS "." },
};

/* One end of the wanted piece. */
struct bound { enum { BOUND_NONE, BOUND_TIME, BOUND_SEQ } kind; int64_t value; };

/* Reads its partitions, one record after the other. */
struct lane {
    struct replay *replay;
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    size_t range_count;
    int64_t record_count;          /* in its ranges */
    int64_t told[BUS_PARTITIONS_MAX]; /* command offset told last, by partition: what is published again is dropped */
    struct replay_seen seen;       /* commands: ids of retries, which lie in the partition of the first */
    struct arena arena;            /* of one record */
    struct buffer line, csv, piece;
    pthread_t thread;
    int code;
};

struct replay {
    const struct replay_settings *settings;
    bool is_events, is_csv, has_location;
    struct zp_id location_id;
    struct bound from, to;
    struct lane lanes[LANES];
    pthread_mutex_t lock;          /* of stdout and what follows, while lanes run */
    bool has_failed;
};

static bool parse_bound(const char *text, struct bound *ret_bound)
{
    if (text[0] == '\0') {
        *ret_bound = (struct bound){ BOUND_NONE, 0 };
        return true;
    }
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) < 19) {
        *ret_bound = (struct bound){ BOUND_SEQ, strtoll(text, NULL, 10) };
        return true;
    }
    ret_bound->kind = BOUND_TIME;
    return time_parse(text, strlen(text), &ret_bound->value);
}

static const char *check_settings(const struct replay_settings *settings, struct replay *replay)
{
    replay->is_events = strcmp(settings->topic, TOPIC_EVENTS) == 0;
    replay->is_csv = strcmp(settings->format, "csv") == 0;
    replay->has_location = settings->location[0] != '\0';
    if (!replay->is_events && strcmp(settings->topic, TOPIC_COMMANDS) != 0) {
        return "topic may be " TOPIC_EVENTS " or " TOPIC_COMMANDS;
    }
    if (!replay->is_csv && strcmp(settings->format, "ndjson") != 0) {
        return "format may be ndjson or csv";
    }
    if (replay->has_location && !id_parse(settings->location, strlen(settings->location), &replay->location_id)) {
        return "location is not a UUID";
    }
    if (!parse_bound(settings->from, &replay->from) || !parse_bound(settings->to, &replay->to)) {
        return "from and to are times like 2026-01-31T18:00:00Z, or numbers: a location's seq";
    }
    if ((replay->from.kind == BOUND_SEQ || replay->to.kind == BOUND_SEQ) &&
        !(replay->has_location && replay->is_events)) {
        return "a seq is a location's: it needs --location and " TOPIC_EVENTS;
    }
    return NULL;
}

/* ---- where to read --------------------------------------------------------------------------------------- */

/* To the lane that has less to do so far. */
static void give_range(struct replay *replay, const struct bus_range *range)
{
    struct lane *lane = &replay->lanes[0];
    for (size_t i = 1; i < LANES; i++) {
        lane = replay->lanes[i].record_count < lane->record_count ? &replay->lanes[i] : lane;
    }
    lane->ranges[lane->range_count++] = *range;
    lane->record_count += range->to > range->from ? range->to - range->from : 0;
}

static enum zp_err find_ranges(struct replay *replay, char why[BUS_WHY_SIZE])
{
    const struct replay_settings *settings = replay->settings;
    int32_t numbers[BUS_PARTITIONS_MAX];
    int64_t first[BUS_PARTITIONS_MAX], end[BUS_PARTITIONS_MAX];
    size_t count = 0;
    if (replay->has_location) {
        numbers[count++] = bus_partition_of_location(&replay->location_id);
    }
    for (int32_t p = 0; p < bus_partitions() && !replay->has_location; p++) {
        numbers[count++] = p;
    }
    enum zp_err err = bus_offsets(settings->kafka, settings->topic, numbers, count, BROKER_TIMEOUT_MS, first, end, why);
    if (err == ZP_OK && replay->from.kind == BOUND_TIME) { /* a record's log time is never before what it tells */
        struct bus_watch *watch = NULL;
        err = bus_watch_create(settings->kafka, "zapora-replay", &watch, why);
        if (err == ZP_OK) {
            err = bus_watch_offset_at(watch, settings->topic, numbers, count, replay->from.value, BROKER_TIMEOUT_MS,
                                      first);
        }
        bus_watch_destroy(watch);
    }
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        give_range(replay, &(struct bus_range){ numbers[i], first[i], end[i] });
    }
    return err;
}

/* ---- what to print ------------------------------------------------------------------------------------------ */

static bool is_wanted(const struct replay *replay, const struct zp_id *location_id, int64_t seq, int64_t at)
{
    if (replay->has_location && !id_equal(location_id, &replay->location_id)) {
        return false;
    }
    const struct bound *from = &replay->from, *to = &replay->to;
    return !(from->kind == BOUND_TIME && at < from->value) && !(from->kind == BOUND_SEQ && seq < from->value) &&
           !(to->kind == BOUND_TIME && at > to->value) && !(to->kind == BOUND_SEQ && (seq > to->value || seq == 0));
}

/* Renders an event; false: not wanted, told before, or not readable (said on stderr). */
static bool render_event(struct lane *lane, const struct record *record)
{
    struct event event;
    struct event_meta meta;
    const char *why = "not enough memory";
    if (message_event_read(record, &lane->arena, &event, &meta, &why) != ZP_OK) {
        fprintf(stderr, "zapora: %s partition %d offset %lld cannot be read: %s\n", TOPIC_EVENTS,
                (int)record->partition, (long long)record->offset, why);
        return false;
    }
    if (meta.command_offset <= lane->told[record->partition]) {
        return false;
    }
    lane->told[record->partition] = meta.command_offset;
    if (!is_wanted(lane->replay, &event.location_id, event.seq, event.at)) {
        return false;
    }
    message_replay_event_json(record, &event, &lane->line);
    return true;
}

static bool render_command(struct lane *lane, const struct record *record)
{
    struct command *command = arena_alloc(&lane->arena, sizeof *command);
    const char *why = "not enough memory";
    if (command == NULL || message_command_read(record, &lane->arena, command, &why) != ZP_OK) {
        fprintf(stderr, "zapora: %s partition %d offset %lld cannot be read: %s\n", TOPIC_COMMANDS,
                (int)record->partition, (long long)record->offset, why);
        return false;
    }
    if (!is_wanted(lane->replay, &command->location_id, 0, record->timestamp_us) ||
        replay_seen_before(&lane->seen, &command->id)) {
        return false;
    }
    message_replay_command_json(record, command, &lane->line);
    return true;
}

/* ---- a lane ------------------------------------------------------------------------------------------------- */

/* Writes the lines that the lane has kept. False when they could not be written, or another lane has failed: then
 * nobody waits for this one. */
static bool write_piece(struct lane *lane)
{
    struct replay *replay = lane->replay;
    const struct buffer *piece = &lane->piece;
    pthread_mutex_lock(&replay->lock);
    bool good = !replay->has_failed;
    if (good && piece->len > 0 && fwrite(piece->data, 1, piece->len, stdout) != piece->len) {
        lane->code = cli_fail("cannot write: %s", strerror(errno));
        good = false;
        replay->has_failed = true;
    }
    pthread_mutex_unlock(&replay->lock);
    buffer_reset(&lane->piece);
    return good;
}

static bool print_line(struct lane *lane)
{
    const struct buffer *line = &lane->line;
    if (lane->replay->is_csv) {
        buffer_reset(&lane->csv);
        replay_csv_line(line->data, line->len, &lane->csv);
        line = &lane->csv;
    }
    if (lane->line.err != ZP_OK || line->err != ZP_OK) {
        lane->code = cli_fail("a line is larger than %d bytes", LINE_BYTES_MAX);
        return false;
    }
    buffer_append(&lane->piece, line->data, line->len);
    buffer_putc(&lane->piece, '\n');
    if (lane->piece.err != ZP_OK) { /* it holds a part of the line, perhaps: nothing of it is written */
        lane->code = cli_fail("not enough memory for the lines to be written");
        buffer_reset(&lane->piece);
        return false;
    }
    return lane->piece.len < PIECE_BYTES || write_piece(lane);
}

static bool print_record(struct lane *lane, const struct record *record)
{
    arena_reset(&lane->arena);
    buffer_reset(&lane->line);
    bool is_rendered = lane->replay->is_events ? render_event(lane, record) : render_command(lane, record);
    return !is_rendered || print_line(lane);
}

static void print_ranges(struct lane *lane, struct bus_reader *reader)
{
    int64_t silent_since_us = 0;
    bool done = false, goes_on = true;
    while (!done && goes_on) {
        struct record *record = NULL;
        enum zp_err err = bus_reader_next(reader, 500, &record, &done);
        if (record == NULL && err == ZP_OK && !done) {
            silent_since_us = silent_since_us == 0 ? clock_mono_us() : silent_since_us;
            err = clock_mono_us() - silent_since_us > QUIET_US ? ZP_BUSY : ZP_OK;
        }
        if (err != ZP_OK) {
            const char *trouble = bus_reader_trouble(reader);
            lane->code = cli_fail("the brokers stopped answering: %s", trouble == NULL ? "silence" : trouble);
            return;
        }
        if (record == NULL) {
            goes_on = write_piece(lane);
            continue;
        }
        silent_since_us = 0;
        goes_on = print_record(lane, record);
        bus_record_release(record);
    }
}

static void *walk_ranges(void *arg)
{
    struct lane *lane = arg;
    struct replay *replay = lane->replay;
    char why[BUS_WHY_SIZE] = "";
    struct bus_reader *reader = NULL;
    if (bus_reader_create(replay->settings->kafka, replay->settings->topic, lane->ranges, lane->range_count, &reader,
                          why) == ZP_OK) {
        print_ranges(lane, reader);
        bus_reader_destroy(reader);
    } else {
        lane->code = cli_fail("%s cannot be read: %s", replay->settings->topic, why);
    }
    (void)write_piece(lane);
    pthread_mutex_lock(&replay->lock);
    replay->has_failed = replay->has_failed || lane->code != 0;
    pthread_mutex_unlock(&replay->lock);
    return NULL;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static int run(struct replay *replay)
{
    char why[BUS_WHY_SIZE] = "";
    if (find_ranges(replay, why) != ZP_OK) {
        return cli_fail("%s cannot be read: %s", replay->settings->topic, why);
    }
    if (replay->is_csv) {
        puts(REPLAY_CSV_HEADING);
    }
    int code = 0;
    size_t running = 0;
    while (code == 0 && running < LANES && replay->lanes[running].range_count > 0) {
        struct lane *lane = &replay->lanes[running];
        if (pthread_create(&lane->thread, NULL, walk_ranges, lane) != 0) {
            code = cli_fail("no thread could be made");
            break;
        }
        running++;
    }
    for (size_t i = 0; i < running; i++) {
        pthread_join(replay->lanes[i].thread, NULL);
        code = code == 0 ? replay->lanes[i].code : code;
    }
    return fflush(stdout) == 0 || code != 0 ? code : cli_fail("cannot write: %s", strerror(errno));
}

static void open_replay(struct replay *replay)
{
    pthread_mutex_init(&replay->lock, NULL);
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &replay->lanes[i];
        lane->replay = replay;
        memset(lane->told, -1, sizeof lane->told);
        arena_init(&lane->arena, ARENA_BYTES_MAX);
        buffer_init(&lane->line, LINE_BYTES_MAX);
        buffer_init(&lane->csv, LINE_BYTES_MAX);
        buffer_init(&lane->piece, LINE_BYTES_MAX + PIECE_BYTES);
    }
}

static void close_replay(struct replay *replay)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &replay->lanes[i];
        replay_seen_finish(&lane->seen);
        arena_finish(&lane->arena);
        buffer_finish(&lane->line);
        buffer_finish(&lane->csv);
        buffer_finish(&lane->piece);
    }
    pthread_mutex_destroy(&replay->lock);
}

int cli_replay(int argc, char **argv)
{
    struct replay_settings settings;
    static struct replay replay;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora replay --topic T [--location L] [--from TIME|SEQ] [--to TIME|SEQ]", rows, ZP_COUNT(rows),
                  argc, argv, &settings, words, 0, &code)) {
        return code;
    }
    replay.settings = &settings;
    const char *wrong = check_settings(&settings, &replay);
    if (wrong != NULL) {
        cli_fail("replay: %s", wrong);
        return 2;
    }
    if (!cli_learn_partitions(settings.kafka, settings.topic)) {
        return 1;
    }
    signal(SIGPIPE, SIG_DFL);
    open_replay(&replay);
    code = run(&replay);
    close_replay(&replay);
    return code;
}
