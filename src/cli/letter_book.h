/* letter_book: the dead letters as people see them: each once, with what was done about it. */
#ifndef ZAPORA_CLI_LETTER_BOOK_H
#define ZAPORA_CLI_LETTER_BOOK_H

#include "zapora/bus.h"

#define LETTER_STATES(X) X(OPEN, "open") X(REDRIVEN, "redriven") X(DISCARDED, "discarded")
#define X(name, wire) LETTER_##name,
enum letter_state { LETTER_STATES(X) LETTER_STATE_COUNT };
#undef X
extern const struct words LETTER_STATE_WORDS;

struct letter_entry {
    struct letter letter;
    struct zp_id location_id;     /* as far as key or headers tell; ID_NONE: they don't */
    int64_t letter_offset;        /* in the dead letters, in the partition of its command */
    enum letter_state state;
    struct settlement settlement; /* when it is not open */
};

struct letter_book {
    struct arena arena;
    struct letter_entry *entries; /* oldest first; owned */
    size_t count, room;
    struct settlement *settlements; /* owned; while reading */
    size_t settlement_count, settlement_room;
    size_t strangers;             /* records of the topic that are neither a letter nor a settlement */
};

/* Reads the whole topic, up to the end found at the start. ZP_OK, ZP_BUSY, ZP_NOT_FOUND, or ZP_NO_MEMORY when there
 * are more letters than a person could read; with a sentence. Finish in any case. */
enum zp_err letter_book_read(const char *kafka, struct letter_book *ret_book, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
void letter_book_finish(struct letter_book *book);
/* By a command id, or by PARTITION/OFFSET of the mailbox; NULL: no such letter. */
struct letter_entry *letter_book_find(const struct letter_book *book, const char *name);

/* The letter's own record, borrowed until letter_record_close. ZP_OK, or ZP_BUSY with a sentence. */
struct letter_record { struct bus_reader *reader; struct record *record; };
enum zp_err letter_record_open(const char *kafka, const struct letter_entry *entry, struct letter_record *ret_opened,
                               char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
void letter_record_close(struct letter_record *opened);

#endif
