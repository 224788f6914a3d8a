/* Owns the words and the JSON about letters. Called by the subcommand dead-letters.
 * Invariant: what a parked record holds may be anything, so none of its bytes reach a terminal unescaped. */
#include "letter_print.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX (16 << 20)
#define SHOWN_BYTES_MAX 256 /* of a value that cannot be decoded */

struct text { struct buffer out; };

static void text_drop(struct text *text)
{
    buffer_finish(&text->out);
}

#define TEXT __attribute__((cleanup(text_drop))) struct text

static void print_line(struct buffer *out)
{
    buffer_putc(out, '\n');
    if (out->err == ZP_OK) {
        fwrite(out->data, 1, out->len, stdout);
    } else {
        fprintf(stderr, "zapora: a line is larger than %d bytes\n", TEXT_BYTES_MAX);
    }
}

static const char *class_name(const struct letter *letter)
{
    return letter->class == LETTER_CLASS_COUNT ? "unknown" : LETTER_CLASS_WORDS.names[letter->class];
}

/* ---- pieces of JSON ------------------------------------------------------------------------------------------ */

static void put_id(struct buffer *out, const char *name, const struct zp_id *id)
{
    char text[ID_TEXT_SIZE];
    buffer_printf(out, ",\"%s\":", name);
    json_put_string(out, id_is_none(id) ? NULL : id_format(id, text));
}

static void put_time(struct buffer *out, const char *name, int64_t at)
{
    char text[TIME_TEXT_SIZE];
    buffer_printf(out, ",\"%s\":", name);
    json_put_string(out, at > 0 ? time_format(at, text) : NULL);
}

static void put_text(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, ",\"%s\":", name);
    json_put_string(out, text);
}

static void put_entry(struct buffer *out, const struct letter_entry *entry)
{
    const struct letter *letter = &entry->letter;
    char id[ID_TEXT_SIZE];
    buffer_printf(out, "{\"command_id\":\"%s\",\"state\":\"%s\",\"class\":\"%s\",\"partition\":%d,\"offset\":%lld",
                  id_format(&letter->command_id, id), LETTER_STATE_WORDS.names[entry->state], class_name(letter),
                  (int)letter->partition, (long long)letter->offset);
    put_id(out, "location_id", &entry->location_id);
    put_text(out, "error", letter->error);
    buffer_puts(out, ",\"attempts\":");
    if (letter->attempts > 0) {
        buffer_put_int(out, letter->attempts);
    } else {
        buffer_puts(out, "null");
    }
    put_time(out, "first_at", letter->first_at);
    put_time(out, "last_at", letter->last_at);
    put_time(out, "parked_at", letter->parked_at);
    put_id(out, "redrives", &letter->redrives);
    buffer_printf(out, ",\"redrive_count\":%lld,\"settled\":", (long long)letter->redrive_count);
    if (entry->state == LETTER_OPEN) {
        buffer_puts(out, "null");
        return;
    }
    buffer_puts(out, "{\"who\":");
    json_put_string(out, entry->settlement.who);
    put_text(out, "reason", entry->settlement.reason);
    put_time(out, "at", entry->settlement.at);
    put_id(out, "redrive_id", &entry->settlement.redrive_id);
    buffer_putc(out, '}');
}

/* ---- a letter ------------------------------------------------------------------------------------------------ */

/* Text of unknown origin for a terminal: as a JSON string without its quotes. */
static void put_safe(struct buffer *out, const char *text)
{
    size_t start = out->len;
    json_put_string(out, text == NULL ? "" : text);
    if (out->err == ZP_OK) {
        memmove(out->data + start, out->data + start + 1, out->len - start - 2);
        out->len -= 2;
    }
}

static void put_row(struct buffer *out, const struct letter_entry *entry)
{
    const struct letter *letter = &entry->letter;
    char id[ID_TEXT_SIZE], location[ID_TEXT_SIZE], at[TIME_TEXT_SIZE];
    buffer_printf(out, "%s  %s  %-9s  %-17s  %s  %d/%lld  ", id_format(&letter->command_id, id),
                  time_format(letter->parked_at, at), LETTER_STATE_WORDS.names[entry->state], class_name(letter),
                  id_is_none(&entry->location_id) ? "no location" : id_format(&entry->location_id, location),
                  (int)letter->partition, (long long)letter->offset);
    put_safe(out, letter->error);
    if (letter->redrive_count > 0) {
        buffer_printf(out, " (redriven %lld times before)", (long long)letter->redrive_count);
    }
}

void letter_print_row(const struct letter_entry *entry, bool json)
{
    TEXT text;
    buffer_init(&text.out, TEXT_BYTES_MAX);
    if (json) {
        put_entry(&text.out, entry);
        buffer_putc(&text.out, '}');
    } else {
        put_row(&text.out, entry);
    }
    print_line(&text.out);
}

static void put_bytes(struct buffer *out, const struct record *record)
{
    char hex[2 * SHOWN_BYTES_MAX + 1];
    size_t len = record->value_len < SHOWN_BYTES_MAX ? record->value_len : SHOWN_BYTES_MAX;
    buffer_puts(out, crypto_hex(record->value, len, hex));
}

static void put_header_text(struct buffer *out, const struct header *header)
{
    char *copy = strndup(header->value == NULL ? "" : header->value, header->len);
    json_put_string(out, copy == NULL ? "" : copy);
    free(copy);
}

static void put_headers(struct buffer *out, const struct record *record)
{
    buffer_puts(out, ",\"headers\":[");
    for (size_t i = 0; i < record->header_count; i++) {
        buffer_puts(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        json_put_string(out, record->headers[i].name);
        buffer_puts(out, ",\"value\":");
        put_header_text(out, &record->headers[i]);
        buffer_putc(out, '}');
    }
    buffer_putc(out, ']');
}

static void put_whole(struct buffer *out, const struct letter_entry *entry, const struct record *record,
                      const struct command *command, const char *why)
{
    put_entry(out, entry);
    put_headers(out, record);
    buffer_printf(out, ",\"value_bytes\":%zu,\"command\":", record->value_len);
    if (command != NULL) {
        struct record origin = *record;
        origin.partition = entry->letter.partition;
        origin.offset = entry->letter.offset;
        message_replay_command_json(&origin, command, out);
    } else {
        buffer_puts(out, "null");
        put_text(out, "undecodable", why);
        buffer_puts(out, ",\"value_hex\":\"");
        put_bytes(out, record);
        buffer_putc(out, '"');
    }
    buffer_putc(out, '}');
}

static void put_fact(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "%-14s ", name);
    put_safe(out, text);
    buffer_putc(out, '\n');
}

static void put_whole_words(struct buffer *out, const struct letter_entry *entry, const struct record *record,
                            const struct command *command, const char *why)
{
    char text[TIME_TEXT_SIZE];
    put_row(out, entry);
    buffer_putc(out, '\n');
    buffer_printf(out, "%-14s %lld\n", "attempts", (long long)entry->letter.attempts);
    put_fact(out, "first at", entry->letter.first_at > 0 ? time_format(entry->letter.first_at, text) : "not known");
    put_fact(out, "last at", entry->letter.last_at > 0 ? time_format(entry->letter.last_at, text) : "not known");
    if (entry->state != LETTER_OPEN) {
        put_fact(out, LETTER_STATE_WORDS.names[entry->state], time_format(entry->settlement.at, text));
        put_fact(out, "by", entry->settlement.who);
        put_fact(out, "because", entry->settlement.reason);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        buffer_puts(out, "header         ");
        put_safe(out, record->headers[i].name);
        buffer_puts(out, ": ");
        put_header_text(out, &record->headers[i]);
        buffer_putc(out, '\n');
    }
    if (command != NULL) {
        buffer_puts(out, "command        ");
        message_replay_command_json(record, command, out);
    } else {
        put_fact(out, "no command", why);
        buffer_printf(out, "%-14s %zu bytes, they begin: ", "value", record->value_len);
        put_bytes(out, record);
    }
}

void letter_print_whole(const struct letter_entry *entry, const struct record *record, const struct command *command,
                        const char *why, bool json)
{
    TEXT text;
    buffer_init(&text.out, TEXT_BYTES_MAX);
    (json ? put_whole : put_whole_words)(&text.out, entry, record, command, why);
    print_line(&text.out);
}

/* ---- a redrive ----------------------------------------------------------------------------------------------- */

/* Indexed by the rehearsal's kind, then whether its answer is yes. */
static const struct { const char *wire, *words; } verdicts[][2] = {
    [REHEARSED_EVENT] = { { "reject", "would be rejected" }, { "apply", "would be applied" } },
    [REHEARSED_REFUSED] = { { "refuse", "would be refused" }, { "refuse", "would be refused" } },
    [REHEARSED_DUPLICATE] = { { "nothing", "was settled before; nothing would change" },
                              { "nothing", "was applied before; nothing would change" } },
    [REHEARSED_PARKED] = { { "park", "would be parked again" }, { "park", "would be parked again" } },
};

static bool is_yes(const struct worker_rehearsal *rehearsal)
{
    return rehearsal->outcome->err == ZP_OK;
}

static void put_plan(struct buffer *out, const struct letter_entry *entry, const struct command *redrive,
                     const struct worker_rehearsal *rehearsal, const char *nothing_why)
{
    char id[ID_TEXT_SIZE];
    buffer_printf(out, "{\"command_id\":\"%s\"", id_format(&entry->letter.command_id, id));
    if (rehearsal == NULL) {
        buffer_puts(out, ",\"redrive_id\":null,\"would\":\"nothing\"");
        put_text(out, "why", nothing_why);
        buffer_putc(out, '}');
        return;
    }
    put_id(out, "redrive_id", &redrive->id);
    put_text(out, "type", COMMAND_WORDS.names[redrive->type]);
    put_id(out, "order_id", &redrive->order_id);
    put_text(out, "would", verdicts[rehearsal->kind][is_yes(rehearsal)].wire);
    buffer_puts(out, ",\"order_now\":");
    if (rehearsal->before != NULL) {
        message_order_json(rehearsal->before, out);
    } else {
        buffer_puts(out, "null");
    }
    buffer_puts(out, ",\"event\":");
    if (rehearsal->event != NULL) {
        message_event_json(rehearsal->event, out, NULL);
    } else {
        buffer_puts(out, "null");
    }
    buffer_puts(out, ",\"reasons\":");
    message_reasons_json(rehearsal->outcome->reasons, rehearsal->outcome->reason_count, out);
    buffer_putc(out, '}');
}

static void put_reasons(struct buffer *out, const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->reason_count; i++) {
        buffer_puts(out, "\n  ");
        put_safe(out, outcome->reasons[i].code);
        buffer_puts(out, ": ");
        put_safe(out, outcome->reasons[i].detail);
    }
}

static void put_order_words(struct buffer *out, const char *when, const struct order *order)
{
    if (order == NULL) {
        buffer_printf(out, "\n  order %s: there is none", when);
        return;
    }
    buffer_printf(out, "\n  order %s: %s, number %lld, version %lld, %zu lines, total %lld %s", when,
                  ORDER_STATE_WORDS.names[order->status], (long long)order->number, (long long)order->version,
                  order->line_count, (long long)order->total, order->currency == NULL ? "" : order->currency);
}

static void put_plan_words(struct buffer *out, const struct letter_entry *entry, const struct command *redrive,
                           const struct worker_rehearsal *rehearsal, const char *nothing_why)
{
    char id[ID_TEXT_SIZE], redrive_id[ID_TEXT_SIZE];
    id_format(&entry->letter.command_id, id);
    if (rehearsal == NULL) {
        buffer_printf(out, "%s: cannot be redriven: ", id);
        put_safe(out, nothing_why);
        return;
    }
    buffer_printf(out, "%s: %s, as %s, %s", id, COMMAND_WORDS.names[redrive->type],
                  id_format(&redrive->id, redrive_id), verdicts[rehearsal->kind][is_yes(rehearsal)].words);
    if (!id_is_none(&redrive->order_id)) {
        put_order_words(out, "now", rehearsal->before);
        if (rehearsal->event != NULL) {
            put_order_words(out, "then", &rehearsal->event->order);
        }
    }
    put_reasons(out, rehearsal->outcome);
}

void letter_print_plan(const struct letter_entry *entry, const struct command *redrive,
                       const struct worker_rehearsal *rehearsal, const char *nothing_why, bool json)
{
    TEXT text;
    buffer_init(&text.out, TEXT_BYTES_MAX);
    (json ? put_plan : put_plan_words)(&text.out, entry, redrive, rehearsal, nothing_why);
    print_line(&text.out);
}

void letter_print_outcome(const struct letter_entry *entry, const struct outcome *outcome, bool json)
{
    TEXT text;
    char id[ID_TEXT_SIZE], redrive_id[ID_TEXT_SIZE];
    buffer_init(&text.out, TEXT_BYTES_MAX);
    id_format(&entry->letter.command_id, id);
    if (json) {
        buffer_printf(&text.out, "{\"command_id\":\"%s\",\"outcome\":", id);
        message_outcome_json(outcome, &text.out);
        buffer_putc(&text.out, '}');
    } else {
        buffer_printf(&text.out, "%s: redriven as %s: %s", id, id_format(&outcome->command_id, redrive_id),
                      outcome->err == ZP_OK       ? "applied"
                      : outcome->err == ZP_PARKED ? "parked again"
                                                  : "refused");
        put_reasons(&text.out, outcome);
    }
    print_line(&text.out);
}
