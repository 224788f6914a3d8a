/* letter_print: how letters, and what becomes of them, are shown: a line for people, an object a line for programs. */
#ifndef ZAPORA_CLI_LETTER_PRINT_H
#define ZAPORA_CLI_LETTER_PRINT_H

#include "letter_book.h"
#include "zapora/worker.h"

/* One line of a list to stdout. */
void letter_print_row(const struct letter_entry *entry, bool json);
/* Everything known of a letter, its record included; command NULL: it cannot be decoded, and why says why. */
void letter_print_whole(const struct letter_entry *entry, const struct record *record, const struct command *command,
                        const char *why, bool json);
/* What a redrive would do; nothing_why: nothing can be sent, and that is why. */
void letter_print_plan(const struct letter_entry *entry, const struct command *redrive,
                       const struct worker_rehearsal *rehearsal, const char *nothing_why, bool json);
/* What came of it. */
void letter_print_outcome(const struct letter_entry *entry, const struct outcome *outcome, bool json);

#endif
