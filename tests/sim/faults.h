/* faults: what may go wrong, one row each. Whether a run knows a fault, and how often it strikes, the seed decides. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

/* Struck at a call: name, permille of the calls at most. */
#define FAULTS_OF_CALLS(X) \
    X(COMMIT_FAILS,       60, "a commit fails before anything is written") \
    X(COMMIT_UNKNOWN,     60, "a commit is written and its word is lost") \
    X(COMMIT_HICCUP,      30, "a commit fails once by an error that looks like the record's own") \
    X(LOAD_FAILS,         40, "what a turn needs cannot be read") \
    X(TAKE_FAILS,         60, "a partition cannot be taken") \
    X(TAKE_UNKNOWN,       60, "a partition is taken and the word of it is lost") \
    X(TRY_FAILS,          60, "a suspect cannot be named") \
    X(RELEASE_FAILS,     200, "a partition cannot be released") \
    X(READ_FAILS,         60, "outcomes, heads or a snapshot cannot be read") \
    X(ACK_LATE,           40, "an acknowledgement takes seconds") \
    X(ACK_REPEATED,       60, "an attempt's answer is lost and its repetition is acknowledged, without an offset") \
    X(WRITTEN_TWICE,      60, "a record is written twice") \
    X(NOT_PERSISTED,      15, "a record is reported as not persisted, and is not") \
    X(ACK_LOST,           15, "a record is written and nobody hears of it") \
    X(QUEUE_FULL,         60, "the producer's queue is full") \
    X(PRODUCER_BREAKS,     5, "the producer turns fatal") \
    X(OFFSETS_FAIL,       60, "the brokers do not tell their offsets") \
    X(READER_FAILS,       60, "a piece of the log cannot be read, or only in part") \
    X(START_FAILS,        60, "the consumer cannot be moved") \
    X(RECORD_SKIPPED,     40, "the consumer skips a record") \
    X(RECORD_REPEATED,    40, "the consumer gives a record again") \
    X(CONSUMER_BREAKS,     1, "the consumer turns fatal") \
    X(PUSH_FAILS,         60, "the cache does not take a push") \
    X(PUSH_UNKNOWN,       60, "the cache takes a push and its word is lost") \
    X(TICK_FAILS,        200, "a tick cannot be asked for or written") \
    X(SLOW,               30, "a call takes up to a second")

/* Struck at a moment: name, times in a run at most. */
#define FAULTS_OF_MOMENTS(X) \
    X(CRASH,               6, "a process is killed between two effects") \
    X(FREEZE,              5, "a process is stopped, and goes on later where it stood") \
    X(CUT,                 5, "a process is not told that the group gave its partitions away") \
    X(REBALANCE,           6, "partitions move in order") \
    X(STOP,                3, "a process ends in order and comes back") \
    X(DATABASE_DOWN,       3, "the database is away") \
    X(BROKERS_DOWN,        3, "the brokers are away") \
    X(CACHE_DOWN,          3, "the cache is away") \
    X(CACHE_FLUSHED,       3, "the cache forgets everything") \
    X(CACHE_CUT,           3, "the cache forgets its newest part") \
    X(SCREEN_LEAVES,       6, "a screen goes away and resumes by its cursor") \
    X(RESTORE,             1, "the database goes back to a backup") \
    X(FAILOVER,            3, "the database loses its newest commits while its workers live, none of them a takeover") \
    X(RULES_CHANGE,        1, "other rules are deployed, with all workers ended in order") \
    X(DAYS_PASS,           1, "two days pass")

#define X(name, most, help) FAULT_##name,
enum fault { FAULTS_OF_CALLS(X) FAULT_CALLS_END, FAULT_MOMENTS_BEGIN = FAULT_CALLS_END - 1,
             FAULTS_OF_MOMENTS(X) FAULT_COUNT };
#undef X

extern const char *const FAULT_NAMES[FAULT_COUNT + 1];

/* Draws, for this seed, which faults there are and how often they strike; and plans the moments. */
void faults_draw(void);
/* Strikes what is due; gives when the next is. */
long faults_due(void);
/* None any more, but for what is under way; it is over when faults_are_over. */
void faults_calm(void);
_Bool faults_are_over(void);
_Bool faults_are_ahead(void);
void faults_end(void);

#endif
