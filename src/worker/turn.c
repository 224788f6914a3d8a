/* Owns a turn's memory and its way in: records of the mailbox, facts of the log. Called by gather, fold and the
 * announcer.
 * Invariant: entries of one partition stand in the order of their offsets. */
#include "turn.h"

#include <stdlib.h>
#include <string.h>

struct turn *turn_create(size_t count_max)
{
    struct turn *turn = calloc(1, sizeof *turn);
    if (turn == NULL) {
        return NULL;
    }
    turn->count_max = count_max;
    turn->entries = calloc(count_max, sizeof *turn->entries);
    arena_init(&turn->arena, TURN_BYTES_MAX);
    buffer_init(&turn->scratch, MESSAGE_VALUE_BYTES_MAX);
    if (turn->entries == NULL) {
        turn_destroy(turn);
        return NULL;
    }
    return turn;
}

void turn_reset(struct turn *turn)
{
    arena_reset(&turn->arena);
    buffer_reset(&turn->scratch);
    turn->count = 0;
    turn->slice_count = 0;
    turn->are_facts = false;
    turn->lettered = 0;
    turn->letters_unacked = 0;
    turn->produced = 0;
    turn->unacked = 0;
    turn->waiting_since_us = 0;
    turn->failed = false;
    turn->next = NULL;
}

void turn_destroy(struct turn *turn)
{
    if (turn != NULL) {
        arena_finish(&turn->arena);
        buffer_finish(&turn->scratch);
        free(turn->entries);
        free(turn);
    }
}

static void *copy_bytes(struct arena *arena, const void *bytes, size_t len)
{
    return arena_strndup(arena, bytes == NULL ? "" : bytes, len);
}

struct record *turn_copy_record(struct arena *arena, const struct record *record)
{
    struct record *copy = arena_alloc(arena, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *record;
    copy->key = copy_bytes(arena, record->key, record->key_len);
    copy->value = copy_bytes(arena, record->value, record->value_len);
    copy->headers = arena_array(arena, record->header_count, sizeof *copy->headers);
    if (copy->key == NULL || copy->value == NULL || copy->headers == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < record->header_count; i++) {
        struct header *header = &copy->headers[i];
        header->name = arena_strdup(arena, record->headers[i].name);
        header->value = copy_bytes(arena, record->headers[i].value, record->headers[i].len);
        header->len = record->headers[i].len;
        if (header->name == NULL || header->value == NULL) {
            return NULL;
        }
    }
    return copy;
}

static struct entry *next_entry(struct turn *turn)
{
    ZP_ASSERT(turn->count < turn->count_max);
    struct entry *entry = &turn->entries[turn->count];
    *entry = (struct entry){ .turn = turn };
    return entry;
}

/* Keeps the record for the dead letters, and why. */
static enum zp_err mark_parked(struct turn *turn, struct entry *entry, const struct record *record,
                               const struct parking *parking)
{
    int64_t now = clock_wall_us();
    entry->park_why = arena_strdup(&turn->arena, parking->error);
    entry->dead = turn_copy_record(&turn->arena, record);
    entry->letter = (struct letter){
        .command_id = entry->outcome.command_id, .partition = record->partition, .offset = record->offset,
        .class = parking->class, .error = entry->park_why, .attempts = parking->attempts,
        .first_at = parking->first_at > 0 ? parking->first_at : record->timestamp_us, .last_at = now,
    };
    return entry->park_why == NULL || entry->dead == NULL ? ZP_NO_MEMORY : ZP_OK;
}

struct letter turn_letter(const struct entry *entry)
{
    if (entry->letter.error != NULL) {
        return entry->letter;
    }
    const struct outcome *outcome = &entry->outcome;
    int class = outcome->reason_count > 1 ? words_find(&LETTER_CLASS_WORDS, outcome->reasons[1].code) : -1;
    return (struct letter){
        .command_id = outcome->command_id, .partition = outcome->partition, .offset = outcome->offset,
        .class = class < 0 ? LETTER_CLASS_COUNT : (enum letter_class)class,
        .error = outcome->reason_count > 0 ? outcome->reasons[0].detail : "",
    };
}

/* What is known of a record that is not read: with luck the location it was meant for, and who asked. */
static void describe_unread(struct entry *entry, const struct record *record)
{
    entry->outcome.type = CMD_COUNT;
    entry->outcome.user_id = message_record_user(record);
    if (!id_parse(record->key, record->key_len, &entry->outcome.location_id)) {
        entry->outcome.location_id = ID_NONE;
    }
}

static void describe_command(struct entry *entry)
{
    const struct command *command = entry->command;
    entry->outcome.location_id = command->location_id;
    entry->outcome.order_id = command->order_id;
    entry->outcome.user_id = command->actor.user_id;
    entry->outcome.type = command->type;
    memcpy(entry->outcome.fingerprint, command->fingerprint, sizeof entry->outcome.fingerprint);
}

/* Decodes a command into its entry; *ret_parking is filled when it is none of ours. ZP_OK or ZP_NO_MEMORY. */
static enum zp_err read_command(struct turn *turn, struct entry *entry, const struct record *record,
                                struct parking *ret_parking)
{
    struct command *command = arena_alloc(&turn->arena, sizeof *command);
    if (command == NULL) {
        return ZP_NO_MEMORY;
    }
    const char *why = NULL;
    enum zp_err err = message_command_read(record, &turn->arena, command, &why);
    bool is_here = bus_partition_of(record->key, record->key_len, bus_partitions()) == record->partition;
    if (err == ZP_MALFORMED) {
        enum letter_class class = message_key_is_foreign(record) ? LETTER_MISPLACED : LETTER_UNDECODABLE;
        *ret_parking = (struct parking){ .class = class, .error = why, .attempts = 1, .first_at = clock_wall_us() };
        return ZP_OK;
    }
    if (err == ZP_OK && !is_here) {
        *ret_parking = (struct parking){ .class = LETTER_MISPLACED, .attempts = 1, .first_at = clock_wall_us(),
                                         .error = "the location does not belong to this partition" };
        return ZP_OK;
    }
    if (err == ZP_OK) {
        entry->command = command;
        describe_command(entry);
    }
    return err;
}

enum zp_err turn_add_record(struct turn *turn, const struct record *record, const struct parking *parking)
{
    struct entry *entry = next_entry(turn);
    entry->outcome.partition = record->partition;
    entry->outcome.offset = record->offset;
    entry->outcome.at = record->timestamp_us;
    entry->outcome.command_id = message_record_id(record);

    struct parking wanted = parking == NULL ? (struct parking){ .error = NULL } : *parking;
    if (!wanted.unread) {
        struct parking found = { .error = NULL };
        enum zp_err err = read_command(turn, entry, record, &found);
        if (err != ZP_OK) {
            return err;
        }
        wanted = wanted.error == NULL ? found : wanted;
    }
    if (entry->command == NULL) {
        describe_unread(entry, record);
    }
    if (wanted.error != NULL) {
        entry->command = NULL; /* it is known whose it was, and it is done with */
        if (mark_parked(turn, entry, record, &wanted) != ZP_OK) {
            return ZP_NO_MEMORY;
        }
    }
    turn->count++;
    return ZP_OK;
}

enum zp_err turn_add_fact(struct turn *turn, const struct record *record, const char **ret_why)
{
    struct entry *entry = next_entry(turn);
    entry->event = arena_alloc(&turn->arena, sizeof *entry->event);
    entry->value = copy_bytes(&turn->arena, record->value, record->value_len);
    entry->value_len = record->value_len;
    if (entry->event == NULL || entry->value == NULL) {
        return ZP_NO_MEMORY;
    }
    enum zp_err err = message_event_read(record, &turn->arena, entry->event, &entry->meta, ret_why);
    if (err != ZP_OK) {
        return err;
    }
    entry->outcome = message_event_outcome(entry->event, &entry->meta, record->partition);
    turn->are_facts = true;
    turn->count++;
    return ZP_OK;
}

void turn_drop_partition(struct turn *turn, int32_t partition)
{
    size_t kept = 0;
    for (size_t i = 0; i < turn->count; i++) {
        if (turn->entries[i].outcome.partition != partition) {
            turn->entries[kept++] = turn->entries[i];
        }
    }
    turn->count = kept;
}
