/* Owns the reading of the dead letters. Called by the subcommand dead-letters.
 * Invariant: a letter stands once in the book, for a takeover may publish it again; a settlement belongs to the letter
 * whose place in the mailbox it names, and the newest one counts. */
#include "letter_book.h"

#include <stdlib.h>
#include <string.h>

#define BROKER_TIMEOUT_MS 10000
#define QUIET_US 30000000 /* the brokers say nothing for so long: give up */
#define ENTRIES_MAX 100000
#define ARENA_BYTES_MAX (64 << 20)

#define X(name, wire) wire,
static const char *const states[] = { LETTER_STATES(X) };
#undef X
const struct words LETTER_STATE_WORDS = { states, ZP_COUNT(states) };

/* One more element in a growing array, zeroed; NULL past the ceiling or without memory. */
static void *one_more(void **array, size_t *count, size_t *room, size_t size)
{
    if (*count == *room) {
        size_t wanted = *room == 0 ? 64 : *room * 2;
        void *grown = wanted > ENTRIES_MAX * 2 ? NULL : reallocarray(*array, wanted, size);
        if (grown == NULL) {
            return NULL;
        }
        *array = grown;
        *room = wanted;
    }
    return memset((char *)*array + (*count)++ * size, 0, size);
}

static struct zp_id location_of(const struct record *record)
{
    struct zp_id id;
    const struct header *header = record_header(record, "partitionkey");
    if (header != NULL && id_parse(header->value, header->len, &id)) {
        return id;
    }
    return id_parse(record->key, record->key_len, &id) ? id : ID_NONE;
}

/* ZP_OK or ZP_NO_MEMORY. */
static enum zp_err take(struct letter_book *book, const struct record *record)
{
    struct letter letter;
    enum zp_err err = message_letter_read(record, &book->arena, &letter);
    if (err == ZP_OK) {
        struct letter_entry *entry =
            one_more((void **)&book->entries, &book->count, &book->room, sizeof *book->entries);
        if (entry == NULL) {
            return ZP_NO_MEMORY;
        }
        *entry = (struct letter_entry){ .letter = letter, .location_id = location_of(record),
                                        .letter_offset = record->offset };
        return ZP_OK;
    }
    struct settlement settlement;
    if (err == ZP_MALFORMED) {
        err = message_settlement_read(record, &book->arena, &settlement);
    }
    if (err == ZP_MALFORMED) {
        book->strangers++;
        return ZP_OK;
    }
    if (err == ZP_OK) {
        struct settlement *kept = one_more((void **)&book->settlements, &book->settlement_count,
                                           &book->settlement_room, sizeof *book->settlements);
        err = kept == NULL ? ZP_NO_MEMORY : ZP_OK;
        if (kept != NULL) {
            *kept = settlement;
        }
    }
    return err;
}

static enum zp_err read_all(const char *kafka, struct letter_book *book, char why[BUS_WHY_SIZE])
{
    int32_t numbers[BUS_PARTITIONS_MAX];
    int64_t first[BUS_PARTITIONS_MAX], end[BUS_PARTITIONS_MAX];
    struct bus_range ranges[BUS_PARTITIONS_MAX];
    size_t count = (size_t)bus_partitions();
    for (int32_t p = 0; p < bus_partitions(); p++) {
        numbers[p] = p;
    }
    enum zp_err err = bus_offsets(kafka, TOPIC_DEAD_LETTERS, numbers, count, BROKER_TIMEOUT_MS, first, end, why);
    for (int32_t p = 0; err == ZP_OK && p < bus_partitions(); p++) {
        ranges[p] = (struct bus_range){ p, first[p], end[p] };
    }
    struct bus_reader *reader = NULL;
    if (err == ZP_OK) {
        err = bus_reader_create(kafka, TOPIC_DEAD_LETTERS, ranges, count, &reader, why);
    }
    int64_t heard_us = clock_mono_us();
    bool done = false;
    while (err == ZP_OK && !done) {
        struct record *record = NULL;
        err = bus_reader_next(reader, 500, &record, &done);
        if (err == ZP_OK && record != NULL) {
            heard_us = clock_mono_us();
            err = take(book, record);
            if (err == ZP_NO_MEMORY) {
                snprintf(why, BUS_WHY_SIZE, "more than %d of them", ENTRIES_MAX);
            }
        } else if (err != ZP_OK || clock_mono_us() - heard_us > QUIET_US) {
            const char *trouble = bus_reader_trouble(reader);
            snprintf(why, BUS_WHY_SIZE, "%.200s", trouble == NULL ? "the brokers stopped answering" : trouble);
            err = err == ZP_OK ? ZP_BUSY : err;
        }
        bus_record_release(record);
    }
    bus_reader_destroy(reader);
    return err;
}

static int by_place(const void *a, const void *b)
{
    const struct letter_entry *left = a, *right = b;
    if (left->letter.partition != right->letter.partition) {
        return left->letter.partition < right->letter.partition ? -1 : 1;
    }
    if (left->letter.offset != right->letter.offset) {
        return left->letter.offset < right->letter.offset ? -1 : 1;
    }
    return left->letter_offset < right->letter_offset ? -1 : left->letter_offset > right->letter_offset;
}

static int by_time(const void *a, const void *b)
{
    const struct letter_entry *left = a, *right = b;
    if (left->letter.parked_at != right->letter.parked_at) {
        return left->letter.parked_at < right->letter.parked_at ? -1 : 1;
    }
    return by_place(a, b);
}

/* The same record parked twice, by a worker that died before it knew that the log had the letter, is one letter. */
static void drop_repeated(struct letter_book *book)
{
    size_t kept = 0;
    for (size_t i = 0; i < book->count; i++) {
        const struct letter *letter = &book->entries[i].letter;
        const struct letter *last = kept == 0 ? NULL : &book->entries[kept - 1].letter;
        if (last == NULL || last->partition != letter->partition || last->offset != letter->offset) {
            book->entries[kept++] = book->entries[i];
        }
    }
    book->count = kept;
}

static struct letter_entry *find_place(const struct letter_book *book, int32_t partition, int64_t offset)
{
    size_t low = 0, high = book->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct letter *letter = &book->entries[middle].letter;
        bool is_before = letter->partition < partition || (letter->partition == partition && letter->offset < offset);
        *(is_before ? &low : &high) = is_before ? middle + 1 : middle;
    }
    struct letter_entry *entry = &book->entries[low];
    return low < book->count && entry->letter.partition == partition && entry->letter.offset == offset ? entry : NULL;
}

enum zp_err letter_book_read(const char *kafka, struct letter_book *ret_book, char why[BUS_WHY_SIZE])
{
    *ret_book = (struct letter_book){ .count = 0 };
    arena_init(&ret_book->arena, ARENA_BYTES_MAX);
    enum zp_err err = read_all(kafka, ret_book, why);
    if (err != ZP_OK || ret_book->count == 0) {
        return err;
    }
    qsort(ret_book->entries, ret_book->count, sizeof *ret_book->entries, by_place);
    drop_repeated(ret_book);
    for (size_t i = 0; i < ret_book->settlement_count; i++) {
        const struct settlement *settlement = &ret_book->settlements[i];
        struct letter_entry *entry = find_place(ret_book, settlement->partition, settlement->offset);
        if (entry != NULL) { /* else retention took the letter first */
            entry->settlement = *settlement;
            entry->state = settlement->kind == SETTLEMENT_REDRIVEN ? LETTER_REDRIVEN : LETTER_DISCARDED;
        }
    }
    qsort(ret_book->entries, ret_book->count, sizeof *ret_book->entries, by_time);
    return ZP_OK;
}

void letter_book_finish(struct letter_book *book)
{
    free(book->entries);
    free(book->settlements);
    arena_finish(&book->arena);
}

struct letter_entry *letter_book_find(const struct letter_book *book, const char *name)
{
    char place[64], id[ID_TEXT_SIZE];
    for (size_t i = 0; i < book->count; i++) {
        const struct letter *letter = &book->entries[i].letter;
        snprintf(place, sizeof place, "%d/%lld", (int)letter->partition, (long long)letter->offset);
        if (strcmp(place, name) == 0 || strcasecmp(id_format(&letter->command_id, id), name) == 0) {
            return &book->entries[i];
        }
    }
    return NULL;
}

enum zp_err letter_record_open(const char *kafka, const struct letter_entry *entry, struct letter_record *ret_opened,
                               char why[BUS_WHY_SIZE])
{
    const struct bus_range range = { entry->letter.partition, entry->letter_offset, entry->letter_offset + 1 };
    struct letter_record opened = { NULL, NULL };
    enum zp_err err = bus_reader_create(kafka, TOPIC_DEAD_LETTERS, &range, 1, &opened.reader, why);
    int64_t until_us = clock_mono_us() + BROKER_TIMEOUT_MS * 1000;
    bool done = false;
    while (err == ZP_OK && opened.record == NULL && !done && clock_mono_us() < until_us) {
        err = bus_reader_next(opened.reader, 500, &opened.record, &done);
    }
    if (err == ZP_OK && opened.record == NULL) {
        err = ZP_BUSY;
        snprintf(why, BUS_WHY_SIZE, "the brokers did not give it in time");
    }
    if (err != ZP_OK) {
        letter_record_close(&opened);
        return err;
    }
    *ret_opened = opened;
    return ZP_OK;
}

void letter_record_close(struct letter_record *opened)
{
    bus_record_release(opened->record);
    bus_reader_destroy(opened->reader);
    *opened = (struct letter_record){ NULL, NULL };
}
