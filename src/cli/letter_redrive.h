/* letter_redrive: parked commands taken up again. */
#ifndef ZAPORA_CLI_LETTER_REDRIVE_H
#define ZAPORA_CLI_LETTER_REDRIVE_H

#include "letter_book.h"
#include "zapora/store.h"

struct redrive_settings {
    const char *kafka, *who, *reason; /* reason may be NULL */
    bool dry_run, force, json, no_wait;
    int64_t timeout_ms;               /* for each outcome */
};

/* Reads the command in a letter: of a record with a foreign key, the one that its writer must have meant. ZP_OK,
 * ZP_NO_MEMORY, or ZP_MALFORMED with a sentence. */
enum zp_err letter_command(const struct record *record, struct arena *arena, struct command *ret_command,
                           const char **ret_why) ZP_MUST_CHECK;

/* Redrives one letter, or says what that would do. 0: done, or there was nothing to do; 1: it was not redriven or came
 * to nothing, as was said. */
int letter_redrive(const struct redrive_settings *settings, const struct letter_entry *entry, struct store *store,
                   struct bus_producer *producer);

#endif
