/* planted: bugs that are put into the code on purpose, one at a time, to show that the tests' simulation finds them.
 * Only a build with -Dplanted_bugs=true has them; elsewhere PLANTED(name) is false and costs nothing.
 *
 * A bug is a row here and a line where it lies: if (PLANTED(NAME)) … CONTRIBUTING.md says how to add one. */
#ifndef ZAPORA_PLANTED_H
#define ZAPORA_PLANTED_H

#include <stdbool.h>
#include <stdio.h>

/* Keep alphabetized. */
#define PLANTED_BUGS(X) \
    X(ABSENCE_BY_OLD_TICK,     "an order is called unknown by a tick from before it was asked for") \
    X(ABSENCE_DESPITE_LAG,     "an order is called unknown though commands before it are not applied") \
    X(CACHES_SURVIVE_TAKEOVER, "a takeover keeps what was known of the partition's locations") \
    X(CLOCK_IN_DECIDE,         "a decision looks at the clock and not at the record's log time") \
    X(DEAD_LETTER_ONCE,        "a takeover does not write the dead letters of parked records again") \
    X(DEDUPE_FORGETS_BATCH,    "a command is not looked for among those before it in its batch") \
    X(DEDUPE_FORGETS_STORED,   "a command is not looked for among the stored outcomes") \
    X(FACTS_LOSE,              "a takeover does not fold what the log has and the database has not") \
    X(FENCED_ANNOUNCED,        "a turn that was fenced off is told as if it had been committed") \
    X(FENCE_OPEN,              "the fence compares neither owner nor offset") \
    X(FENCE_WITHOUT_OFFSET,    "the fence does not compare the offset") \
    X(FENCE_WITHOUT_OWNER,     "the fence does not compare the owner") \
    X(FOLDED_TWICE,            "facts that the database has are folded again") \
    X(GAPS_TAKEN,              "a record is taken though one before it is missing") \
    X(HEADS_UNCOMPARED,        "a cache whose head is in doubt is not compared") \
    X(INNOCENT_PARKED,         "what failed once by itself is parked") \
    X(KILLER_UNNAMED,          "a suspect is not named before it is touched") \
    X(MARK_BEFORE_ACK,         "outcomes count as published when they are produced") \
    X(OFFSET_BEFORE_EFFECT,    "the offset moves in a transaction before the effect's") \
    X(OUTAGE_PARKS,            "an outage counts as the record's own error") \
    X(PURGE_AT_ONCE,           "outcomes are purged without waiting two days") \
    X(PUSH_BEFORE_ACK,         "the cache is told before the log has acknowledged") \
    X(PUSH_WITHOUT_HEAD,       "a push does not compare the head") \
    X(READER_KEEPS_DUPLICATES, "a reader does not drop by command offset") \
    X(REFILL_UNPUBLISHED,      "a refill shows what the log does not have yet") \
    X(REFILL_WITHOUT_HEAD,     "a refill does not compare the head that it saw") \
    X(RELEASE_AHEAD,           "an orderly release says that everything was published") \
    X(RELEASE_UNFENCED,        "an orderly release into a database that fell back skips what it lacks") \
    X(RENEWED_AND_FORGOTTEN,   "after a producer was made anew nothing is taken over again") \
    X(REPUBLISH_LOST,          "a takeover publishes nothing again") \
    X(SCREEN_TAKES_GAPS,       "a screen takes the next event whatever its seq") \
    X(TICK_AHEAD,              "a tick says that everything is applied") \
    X(TICK_DATED_LATE,         "a tick is dated after the mailbox's end was asked for") \
    X(UNKNOWN_BELIEVED,        "a commit whose word was lost is taken for done")

/* What only a failed allocation shows: torture finds it. Keep alphabetized. */
#define PLANTED_SHORTAGES(X) \
    X(SHORTAGE_SWALLOWED,      "a record that there is no memory for is passed over, and nobody asks for it again")

enum planted {
    PLANTED_NONE,
#define X(name, what) PLANTED_##name,
    PLANTED_BUGS(X)
    PLANTED_SHORTAGES(X)
#undef X
};

#ifdef ZAPORA_PLANTED_BUGS
extern enum planted planted_now;
#define PLANTED(name) (planted_now == PLANTED_##name)
#else
#define PLANTED(name) (false && PLANTED_##name != PLANTED_NONE)
#endif

/* Plants the bug of that name; false when the build has none of it. */
bool planted_choose(const char *name);
/* One line a bug: its name, how it is found ("seeds", "torture"), what it does. Nothing in a build without them. */
void planted_list(FILE *out);

#endif
