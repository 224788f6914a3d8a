/* base: what every room stands on: errors, memory, ids, time, logs, settings, metrics, crypto.
 *
 * Knows nothing of orders. libsodium stays behind this door. */
#ifndef ZAPORA_BASE_H
#define ZAPORA_BASE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#define ZP_MUST_CHECK __attribute__((warn_unused_result))
#define ZP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ZP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- errors ------------------------------------------------------------------------------- */

/* What the worker does with the command when this is its outcome. */
enum zp_after {
    AFTER_ACK,   /* settled: the outcome is written, the offset moves on */
    AFTER_RETRY, /* not the command's fault: roll back, back off, take over again */
    AFTER_PARK,  /* the record's own fault: dead letter */
};

/* One row per outcome: name, HTTP status, what the worker does next, problem type, title. */
#define ZP_ERRORS(X) \
    X(OK,          200, AFTER_ACK,   "about:blank",                "done") \
    X(MALFORMED,   400, AFTER_PARK,  "/problems/malformed",        "The request cannot be read") \
    X(UNAUTHORIZED,401, AFTER_ACK,   "/problems/unauthorized",     "A valid access token is required") \
    X(FORBIDDEN,   403, AFTER_ACK,   "/problems/forbidden",        "Your role does not allow this") \
    X(NOT_FOUND,   404, AFTER_ACK,   "/problems/not-found",        "There is no such thing, or not for you") \
    X(NOT_ALLOWED, 405, AFTER_ACK,   "/problems/method-not-allowed", "This path does not take this method") \
    X(CONFLICT,    409, AFTER_ACK,   "/problems/conflict",         "The order's state does not allow this") \
    X(STALE,       412, AFTER_ACK,   "/problems/stale",            "The version in If-Match is not the current one") \
    X(TOO_LARGE,   413, AFTER_PARK,  "/problems/too-large",        "The request is too large") \
    X(UNSUPPORTED, 415, AFTER_ACK,   "/problems/unsupported-media-type", "The body must be application/json") \
    X(INVALID,     422, AFTER_ACK,   "/problems/validation",       "The request failed validation") \
    X(KEY_REUSED,  422, AFTER_ACK,   "/problems/idempotency-key-reused", \
      "The Idempotency-Key was used for another request") \
    X(PARKED,      500, AFTER_PARK,  "/problems/parked", "The command could not be processed and was set aside") \
    X(ORDER_PARKED,409, AFTER_ACK,   "/problems/order-parked",     "The order's placement was set aside") \
    X(LIMITED,     429, AFTER_ACK,   "/problems/rate-limited",     "Too many requests") \
    X(INTERNAL,    500, AFTER_RETRY, "/problems/internal",         "An unexpected error") \
    X(NO_MEMORY,   503, AFTER_RETRY, "/problems/unavailable",      "Not enough memory for this request") \
    X(BUSY,        503, AFTER_RETRY, "/problems/unavailable",      "A backing service is unavailable") \
    X(CATCHING_UP, 503, AFTER_RETRY, "/problems/catching-up",      "The answer is not known yet") \
    X(UNKNOWN,     504, AFTER_RETRY, "/problems/outcome-unknown",  "The outcome is not known in time") \
    X(FENCED,      503, AFTER_RETRY, "/problems/unavailable",      "Another worker owns the partition")

enum zp_err {
#define X(name, status, after, type, title) ZP_##name,
    ZP_ERRORS(X)
#undef X
    ZP_ERR_COUNT
};

/* Facts about an error, from the table above; never fail. Names are "OK", "CONFLICT", … */
const char *zp_err_name(enum zp_err err);
int zp_err_http_status(enum zp_err err);
enum zp_after zp_err_after(enum zp_err err);
const char *zp_err_problem_type(enum zp_err err);
const char *zp_err_title(enum zp_err err);
/* The error with that name, or ZP_INTERNAL for an unknown name. */
enum zp_err zp_err_from_name(const char *name);

/* Ends the process with a message: a broken invariant of ours, on in release builds too. Never for wire data. */
_Noreturn void zp_panic(const char *file, int line, const char *what);
#define ZP_ASSERT(cond) ((cond) ? (void)0 : zp_panic(__FILE__, __LINE__, #cond))

/* ---- memory ------------------------------------------------------------------------------- */

/* A capped bump allocator for what one request or one batch needs. Owned by whoever initialised it. */
struct arena {
    struct arena_block *blocks; /* owned, newest first */
    size_t used_bytes;          /* handed out since the last reset */
    size_t max_bytes;           /* ceiling, declared at birth */
    bool is_over;               /* the ceiling refused something since the last reset: the machine's memory did not */
};

void arena_init(struct arena *arena, size_t max_bytes);
/* Zeroed memory aligned for any type, valid until reset; NULL past the ceiling or without memory. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* The same for count × size, overflow-checked; a count of 0 gives a valid pointer. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A NUL-terminated copy of len bytes, or NULL. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
/* As strdup; NULL in gives NULL out. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) ZP_PRINTF(2, 3);
/* Forgets everything handed out; keeps one block for the next use. */
void arena_reset(struct arena *arena);
void arena_finish(struct arena *arena);

/* A growing byte buffer with a ceiling; it keeps its first error and then does nothing. */
struct buffer {
    char *data;       /* owned; always NUL-terminated after the first append */
    size_t len;       /* bytes used, without the NUL */
    size_t cap;       /* bytes allocated */
    size_t max_bytes; /* ceiling, declared at birth */
    enum zp_err err;  /* ZP_OK, ZP_NO_MEMORY or ZP_TOO_LARGE */
};

void buffer_init(struct buffer *buf, size_t max_bytes);
void buffer_append(struct buffer *buf, const void *data, size_t len);
void buffer_puts(struct buffer *buf, const char *text);
void buffer_putc(struct buffer *buf, char c);
void buffer_put_int(struct buffer *buf, int64_t value);
void buffer_printf(struct buffer *buf, const char *fmt, ...) ZP_PRINTF(2, 3);
/* Empties it and clears its error; keeps the memory. */
void buffer_reset(struct buffer *buf);
void buffer_finish(struct buffer *buf);

/* How much of what was freed malloc keeps for the next use: 1 MiB at the end of each thread's heap. Called
 * first of all, before there are threads. */
void heap_settle(void);
/* Gives back to the kernel what lies free in pages between what is in use, of all heaps: some 0.5 ms, during which each
 * heap in turn is locked. For a thread that waits for nobody, about once a second. */
void heap_trim(void);

/* ---- ids ---------------------------------------------------------------------------------- */

#define ID_TEXT_SIZE 37 /* 36 characters and the NUL */

struct zp_id { uint8_t bytes[16]; };

extern const struct zp_id ID_NONE; /* all zero: "no id" */

bool id_equal(const struct zp_id *a, const struct zp_id *b);
bool id_is_none(const struct zp_id *id);
/* Order of bytes, for sorting: <0, 0, >0. */
int id_compare(const struct zp_id *a, const struct zp_id *b);
/* Reads the 36-character form, upper or lower case; false for anything else. len is the text's length. */
bool id_parse(const char *text, size_t len, struct zp_id *ret_id);
/* Writes the lower-case 36-character form; returns text. */
char *id_format(const struct zp_id *id, char text[ID_TEXT_SIZE]);
/* A fresh UUIDv7 (RFC 9562): time-ordered, random. */
struct zp_id id_fresh(void);
/* The 48 bits of a location that its commands' ids start with: H(location_id). */
uint64_t id_location_prefix(const struct zp_id *location_id);
/* The 48 bits an id starts with. */
uint64_t id_prefix(const struct zp_id *id);
/* A UUIDv8 over a 16-byte digest, its first 48 bits taken from the location's prefix. */
struct zp_id id_for_location(const struct zp_id *location_id, const uint8_t digest[16]);

/* ---- time --------------------------------------------------------------------------------- */

#define TIME_TEXT_SIZE 25 /* "2026-01-02T03:04:05.678Z" and the NUL */

int64_t clock_wall_us(void); /* microseconds since 1970 UTC */
int64_t clock_mono_us(void); /* microseconds of a clock that never goes back */
/* RFC 3339 in UTC with milliseconds, cut off, not rounded; a moment outside of 1970 to 9999 is written as the nearest
 * one inside; returns text. */
char *time_format(int64_t wall_us, char text[TIME_TEXT_SIZE]);
/* Reads RFC 3339 with any offset and fraction; false for anything else. Years 1970 to 9999 in UTC; what follows the
 * microseconds is cut off; a leap second (23:59:60 UTC) is read as the microsecond before its end of day. */
bool time_parse(const char *text, size_t len, int64_t *ret_wall_us);

/* ---- logs: one JSON object a line on stderr ------------------------------------------------ */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_ID, LOG_KIND_BOOL } kind;
    const char *str;
    int64_t num;
    const struct zp_id *id;
};

#define L_STR(k, v)  { .key = (k), .kind = LOG_KIND_STR,  .str = (v) }
#define L_INT(k, v)  { .key = (k), .kind = LOG_KIND_INT,  .num = (int64_t)(v) }
#define L_ID(k, v)   { .key = (k), .kind = LOG_KIND_ID,   .id = (v) }
#define L_BOOL(k, v) { .key = (k), .kind = LOG_KIND_BOOL, .num = (v) }

/* Sets the least level written and the name of the role put into every line (borrowed for ever). */
void log_setup(enum log_level least, const char *role);
void log_write(enum log_level level, const char *message, const struct log_field *fields);
/* log_info("partition taken", L_INT("partition", 3), L_STR("topic", t)); the message alone is fine too. */
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__, { .key = NULL })
#define log_info(...)  LOG_AT(LOG_INFO,  __VA_ARGS__, { .key = NULL })
#define log_warn(...)  LOG_AT(LOG_WARN,  __VA_ARGS__, { .key = NULL })
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__, { .key = NULL })
#define LOG_AT(level, message, ...) log_write(level, message, (const struct log_field[]){ __VA_ARGS__ })
bool log_level_parse(const char *name, enum log_level *ret_level);

/* ---- settings: defaults < file < ZAPORA_* environment < flags ------------------------------- */

enum setting_kind { SETTING_STR, SETTING_INT, SETTING_BOOL, SETTING_FILE };

/* One row per setting of a role. Sorted by name. `flag` is --name with dashes, the environment ZAPORA_NAME. */
struct setting {
    const char *name;          /* lower case with underscores: "kafka", "ops_listen" */
    enum setting_kind kind;
    const char *fallback;      /* default as text; NULL: required; "" for a SETTING_FILE: none, not checked */
    int64_t min, max;          /* SETTING_INT: allowed range, inclusive; SETTING_STR: bytes, max 0: up to 4096 */
    size_t offset;             /* of the field in the role's struct: const char *, int64_t or bool */
    const char *help;          /* one sentence, with the unit */
};

/* Fills the struct at `target` from defaults, the file named by --config or ZAPORA_CONFIG ("name = value" lines,
 * # comments), the environment and the flags. Unknown flags, unknown names in the file, values out of range and
 * missing required ones are each written to `words`, with the name, where it came from, why, and what is allowed.
 * SETTING_FILE checks that the file can be read and keeps its path. Strings are kept for the life of the process.
 * Takes argv after the role's name; words that are not flags go to ret_args (borrowed from argv, NULL-terminated):
 * at most args_max, in args_max + 1 slots; with 0, ret_args may be NULL. A word too many is a fault.
 * `--help` writes the reference to stdout and sets *ret_help, and nothing else is done. The struct is written whole
 * or, on a fault, not at all. A flag's value that begins with -- is given as --name=value.
 * Gives ZP_OK, or ZP_INVALID after at least one line to words: the caller exits 2. */
enum zp_err config_load(const char *usage, const struct setting *rows, size_t count, int argc, char **argv,
                        void *target, FILE *words, char **ret_args, size_t args_max, bool *ret_help) ZP_MUST_CHECK;
/* Writes the reference of a table as text: flag, environment name, default, range, sentence. */
void config_print(const struct setting *rows, size_t count, FILE *out);

/* Reads a secret file of min..max bytes, exactly as it is. ret_key is owned by the caller (free); its bytes are never
 * logged. Gives ZP_INVALID with a sentence in why. */
enum zp_err config_read_key(const char *path, size_t min_bytes, size_t max_bytes, uint8_t **ret_key, size_t *ret_len,
                            char *why, size_t why_size) ZP_MUST_CHECK;

/* ---- metrics: Prometheus text format 0.0.4 --------------------------------------------------- */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS_MAX 16

/* One row per time series; rooms own static arrays of them and register them once at start. Values are updated from
 * any thread with the functions below, never directly. */
struct metric {
    const char *name;             /* zapora_…_total, _seconds, _bytes */
    const char *help;
    enum metric_kind kind;
    const char *labels;           /* rendered: `code="202"`; NULL for none; rows of one name stand together */
    const int64_t *bounds;        /* histogram: upper bounds in millionths of the unit, ascending */
    size_t bound_count;           /* at most METRIC_BUCKETS_MAX */
    _Atomic int64_t value;        /* counter, gauge */
    _Atomic int64_t buckets[METRIC_BUCKETS_MAX + 1];
    _Atomic int64_t sum;          /* millionths of the unit */
};

extern const int64_t METRIC_LATENCY_BOUNDS_US[]; /* 0.5 ms … 10 s */
extern const size_t METRIC_LATENCY_BOUND_COUNT;

/* Adds rows to what metrics_print shows; at most 64 tables, rows must live for ever. The same table again is ignored;
 * a name in two tables is our bug and ends the process. Called by one thread. */
void metrics_register(struct metric *rows, size_t count);
void metric_add(struct metric *metric, int64_t by);
void metric_set(struct metric *metric, int64_t value);
/* Counts one observation in millionths of the unit (microseconds for _seconds). */
void metric_observe(struct metric *metric, int64_t millionths);
int64_t metric_value(const struct metric *metric);
/* All registered series, with HELP and TYPE once for each name, and process_* of this process (resident memory, CPU
 * seconds, open descriptors, start time). */
void metrics_print(struct buffer *out);

/* ---- watchdog: threads that must come round --------------------------------------------------- */

struct watch;

/* Watches the calling thread from now on; the name is copied, a number below 0 is left out. Never NULL. At most 256 at
 * a time: more is our bug and ends the process. */
struct watch *watchdog_watch(const char *name, int number);
/* Called each time the thread comes round; costs an addition. NULL is fine: nobody watches. */
void watchdog_beat(struct watch *watch);
/* Before the thread ends, or does what may rightly last. */
void watchdog_unwatch(struct watch *watch);
/* Starts the watchdog's own thread: a watch that is silent for half of limit_ms is told of (log, metric,
 * watchdog_well), one that is silent for all of it ends the process by abort(), its name logged. ZP_BUSY: no thread. */
enum zp_err watchdog_start(int64_t limit_ms) ZP_MUST_CHECK;
/* From now on the process has limit_ms to end, or what an earlier call left it if that is less; after that the
 * watchdog, if it still runs, ends it with this exit code, whatever its threads wait for. Counted in its ticks, too. */
void watchdog_end_within(int64_t limit_ms, int code);
/* The same, with exit code 1, from the moment a signal waits in a signalfd, whose owner may be slow to read it.
 * Borrowed until watchdog_stop. After watchdog_start. */
void watchdog_end_on(int signal_fd, int64_t limit_ms);
void watchdog_stop(void); /* fine when it does not run */
/* False, with a sentence in why, while a watch is told of: a check for /livez. The argument is not used. */
bool watchdog_well(void *arg, char *why, size_t why_size);

/* ---- crypto ---------------------------------------------------------------------------------- */

#define HASH_SIZE 32

/* Must be called once before anything else of this room; ends the process when the library cannot start. */
void crypto_start(void);
/* BLAKE2b (RFC 7693) of the parts in order, with an optional key of 16–64 bytes; size 16–64 bytes. */
struct crypto_part { const void *data; size_t len; };
void crypto_blake2b(uint8_t *ret_digest, size_t size, const uint8_t *key, size_t key_len,
                    const struct crypto_part *parts, size_t part_count);
#define CRYPTO_SHORT_KEY_SIZE 16
/* 64 bits of SipHash-2-4, several times as fast as the digests: for what is compared within one run, under a key of
 * its own. Never for what is kept. */
uint64_t crypto_short(const uint8_t key[CRYPTO_SHORT_KEY_SIZE], const void *data, size_t len);
void crypto_sha256(uint8_t ret_digest[32], const void *data, size_t len);
void crypto_random(void *bytes, size_t len);
/* Equal in constant time. */
bool crypto_equal(const void *a, const void *b, size_t len);
void crypto_wipe(void *bytes, size_t len);
/* Lower-case hex of len bytes; text needs 2 × len + 1 bytes; returns text. */
char *crypto_hex(const void *bytes, size_t len, char *text);
bool crypto_unhex(const char *text, size_t text_len, void *ret_bytes, size_t len);

#define PASSWORD_HASH_SIZE 128 /* libsodium's crypto_pwhash_STRBYTES */
/* Argon2id, 19 MiB, t=2 (OWASP's floor), in the PHC text form. Slow by design: never on an event loop. */
enum zp_err crypto_password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE]) ZP_MUST_CHECK;
/* True when the password fits. Against a NULL hash it takes as long and gives false. */
bool crypto_password_verify(const char *hash, const char *password);

#endif
