/* Owns a redrive: a new command that carries the parked one's order_id and names it. Called by the subcommand
 * dead-letters.
 * Invariants: a letter is redriven under one id, for ever the same, so that whatever is done twice is done once; that
 * it is redriven is noted before the command is sent, and a note whose outcome is too old to be known is never followed
 * by another command. */
#include "letter_redrive.h"

#include "commands.h"
#include "letter_print.h"

#include <poll.h>
#include <string.h>

#define REDRIVES_MAX 3 /* of one command, each parked again: then it is no accident */
#define ARENA_BYTES_MAX (64 << 20)
#define POLL_MS 50
#define NOTE_TRUSTED_US (24 * INT64_C(3600) * 1000000) /* outcomes are kept for 48 h */

struct redrive {
    const struct redrive_settings *settings;
    const struct letter_entry *entry;
    struct store *store;
    struct bus_producer *producer;
    struct letter_record opened;
    struct arena arena;
    struct command command;
};

enum zp_err letter_command(const struct record *record, struct arena *arena, struct command *ret_command,
                           const char **ret_why)
{
    struct record fitting = *record;
    if (message_key_is_foreign(record)) {
        const struct header *location = record_header(record, "partitionkey");
        fitting.key = location->value;
        fitting.key_len = location->len;
    }
    return message_command_read(&fitting, arena, ret_command, ret_why);
}

/* ---- what is sent -------------------------------------------------------------------------------------------- */

static void make_command(struct redrive *redrive)
{
    const struct letter *letter = &redrive->entry->letter;
    struct command *command = &redrive->command;
    command->redrives = letter->command_id;
    command->redrive_count = letter->redrive_count + 1;
    command->id = message_redrive_id(&command->location_id, &letter->command_id);
    command->submitted_at = clock_wall_us();
}

/* The command as a record of the mailbox, with the trace of the one it takes up. */
static enum zp_err write_record(struct redrive *redrive, struct record *ret_record)
{
    const struct header *trace = record_header(redrive->opened.record, "traceparent");
    const char *text = trace == NULL ? NULL : arena_strndup(&redrive->arena, trace->value, trace->len);
    return message_command_write(&redrive->command, text, &redrive->arena, ret_record);
}

static enum zp_err rehearse(struct redrive *redrive, struct record *record, struct worker_rehearsal *ret_rehearsal)
{
    struct record next = *record;
    next.partition = bus_partition_of_location(&redrive->command.location_id);
    next.offset = INT64_MAX;
    next.timestamp_us = clock_wall_us();
    return worker_rehearse(redrive->store, &next, ret_rehearsal);
}

/* ---- guards: why it is not sent, or NULL ----------------------------------------------------------------------- */

static const char *guard_letter(const struct redrive *redrive)
{
    const struct letter_entry *entry = redrive->entry;
    if (entry->state == LETTER_DISCARDED && !redrive->settings->force) {
        return "it was discarded; --force redrives it all the same";
    }
    if (entry->letter.redrive_count >= REDRIVES_MAX && !redrive->settings->force) {
        return "it has been redriven 3 times and was parked each time; mend the cause, then --force";
    }
    return NULL;
}

static const char *guard_verdict(const struct redrive *redrive, const struct worker_rehearsal *rehearsal)
{
    bool is_noted = redrive->entry->state == LETTER_REDRIVEN;
    if (is_noted && clock_wall_us() - redrive->entry->settlement.at > NOTE_TRUSTED_US) {
        return "it was redriven before, so long ago that nobody knows how that ended; look at the order";
    }
    if (rehearsal->outcome->err != ZP_OK && !redrive->settings->force) {
        return "it would be refused, and that would be final; mend the cause, or --force";
    }
    return NULL;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static enum zp_err note_redriven(struct redrive *redrive)
{
    const struct settlement settlement = {
        .kind = SETTLEMENT_REDRIVEN, .partition = redrive->entry->letter.partition,
        .offset = redrive->entry->letter.offset, .redrive_id = redrive->command.id, .who = redrive->settings->who,
        .reason = redrive->settings->reason,
    };
    struct record record;
    enum zp_err err = message_settlement_write(&settlement, &redrive->arena, &record);
    return err != ZP_OK ? err : cli_publish(redrive->producer, TOPIC_DEAD_LETTERS, &record);
}

static int wait_for_outcome(struct redrive *redrive)
{
    int64_t until_us = clock_mono_us() + redrive->settings->timeout_ms * 1000;
    for (;;) {
        struct outcome outcome;
        enum zp_err err = store_outcome_get(redrive->store, &redrive->command.id, &redrive->arena, &outcome);
        if (err == ZP_OK) {
            letter_print_outcome(redrive->entry, &outcome, redrive->settings->json);
            return outcome.err == ZP_OK ? 0 : 1;
        }
        if (err != ZP_NOT_FOUND && err != ZP_BUSY) {
            return cli_fail("the outcome cannot be read: %s", store_trouble(redrive->store)->why);
        }
        if (clock_mono_us() > until_us) {
            return cli_fail("the redrive is in the log, but no worker has applied it within %lld ms; the same call "
                            "again tells the outcome", (long long)redrive->settings->timeout_ms);
        }
        poll(NULL, 0, POLL_MS);
    }
}

static int send(struct redrive *redrive, const struct record *record)
{
    if (redrive->entry->state != LETTER_REDRIVEN && note_redriven(redrive) != ZP_OK) {
        return cli_fail("the dead letters do not take the note; nothing was redriven, try again");
    }
    if (cli_publish(redrive->producer, TOPIC_COMMANDS, record) != ZP_OK) {
        return cli_fail("the redrive could not be published; the same call again is safe");
    }
    return redrive->settings->no_wait ? 0 : wait_for_outcome(redrive);
}

/* ---- one letter -------------------------------------------------------------------------------------------------- */

static int refuse(const struct redrive *redrive, const char *why)
{
    char id[ID_TEXT_SIZE];
    return cli_fail("%s is not redriven: %s", id_format(&redrive->entry->letter.command_id, id), why);
}

static int rehearse_and_send(struct redrive *redrive)
{
    struct record record;
    struct worker_rehearsal rehearsal;
    if (write_record(redrive, &record) != ZP_OK) {
        return cli_fail("not enough memory for the command");
    }
    enum zp_err err = rehearse(redrive, &record, &rehearsal);
    if (err != ZP_OK) {
        return cli_fail("the state that it would meet cannot be read: %s", store_trouble(redrive->store)->why);
    }
    bool is_done = rehearsal.kind == REHEARSED_DUPLICATE;
    if (is_done || redrive->settings->dry_run) {
        letter_print_plan(redrive->entry, &redrive->command, &rehearsal, NULL, redrive->settings->json);
    }
    const char *why = is_done ? NULL : guard_verdict(redrive, &rehearsal);
    int code = why != NULL ? refuse(redrive, why) : 0;
    worker_rehearsal_finish(&rehearsal);
    return code != 0 || is_done || redrive->settings->dry_run ? code : send(redrive, &record);
}

static int redrive_opened(struct redrive *redrive)
{
    const char *why = "not enough memory";
    if (letter_command(redrive->opened.record, &redrive->arena, &redrive->command, &why) != ZP_OK) {
        letter_print_plan(redrive->entry, NULL, NULL, why, redrive->settings->json);
        return 1;
    }
    make_command(redrive);
    why = guard_letter(redrive);
    return why != NULL ? refuse(redrive, why) : rehearse_and_send(redrive);
}

int letter_redrive(const struct redrive_settings *settings, const struct letter_entry *entry, struct store *store,
                   struct bus_producer *producer)
{
    struct redrive redrive = { .settings = settings, .entry = entry, .store = store, .producer = producer };
    char why[BUS_WHY_SIZE] = "";
    if (letter_record_open(settings->kafka, entry, &redrive.opened, why) != ZP_OK) {
        return cli_fail("the letter cannot be read: %s", why);
    }
    arena_init(&redrive.arena, ARENA_BYTES_MAX);
    int code = redrive_opened(&redrive);
    arena_finish(&redrive.arena);
    letter_record_close(&redrive.opened);
    return code;
}
