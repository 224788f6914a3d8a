/* message: commands and events as bytes: fields <-> msgpack <-> JSON, driven by one table of fields per thing.
 *
 * Fields are only ever added; golden byte vectors in the tests pin them. msgpack-c and jansson stay behind this
 * door. */
#ifndef ZAPORA_MESSAGE_H
#define ZAPORA_MESSAGE_H

#include "zapora/order.h"

#define TOPIC_COMMANDS "orders.commands.v1"
#define TOPIC_EVENTS "orders.events.v1"
#define TOPIC_DEAD_LETTERS "orders.dead-letters.v1"

#define MESSAGE_BODY_BYTES_MAX (256 * 1024)  /* of a request */
#define MESSAGE_VALUE_BYTES_MAX (960 * 1024) /* of a record: under the broker's 1 MiB */
#define MESSAGE_DEPTH_MAX 16

/* ---- records: what goes through the log ---------------------------------------------------------- */

struct header { const char *name; const void *value; size_t len; };

/* One Kafka record. Whoever hands it out says what its pointers are borrowed from. */
struct record {
    int32_t partition;    /* -1 when produced by key */
    int64_t offset;       /* -1 when produced */
    int64_t timestamp_us; /* log time, microseconds since 1970 UTC (the log keeps milliseconds) */
    const void *key;      /* the location id's 36-character text */
    size_t key_len;
    const void *value;
    size_t value_len;
    struct header *headers;
    size_t header_count;
};

/* The header of that name, or NULL. */
const struct header *record_header(const struct record *record, const char *name);

/* A command as a record, ready to produce: CloudEvents binary-mode headers (ce_id = command id, ce_type, ce_source,
 * ce_time, ce_specversion, ce_dataschema, partitionkey, traceparent when given, content-type; user_id when a user
 * asked; redrives and redrive_count of a redrive). All memory from arena. */
enum zp_err message_command_write(const struct command *command, const char *traceparent, struct arena *arena,
                                  struct record *ret_record) ZP_MUST_CHECK;
/* Reads a command; strings go to the arena. Checks everything: types, ranges, UTF-8, counts, no bytes left over, and
 * that the key is the location id. Gives ZP_OK, ZP_NO_MEMORY, or ZP_MALFORMED with a sentence in *ret_why (static or
 * arena). */
enum zp_err message_command_read(const struct record *record, struct arena *arena, struct command *ret_command,
                                 const char **ret_why) ZP_MUST_CHECK;
/* The id by which the log knows a record: the command's when its ce_id header is a UUID, else H(key, value) as a
 * UUIDv8. */
struct zp_id message_record_id(const struct record *record);
/* Who asked, by the header user_id alone, for a record that must not be or cannot be read; ID_NONE: it does not say. */
struct zp_id message_record_user(const struct record *record);
/* True when the record has the location it is for in its header partitionkey, and another key. */
bool message_key_is_foreign(const struct record *record);
/* The id of the command that redrives a parked one: the same each time, so that a letter is redriven once. */
struct zp_id message_redrive_id(const struct zp_id *location_id, const struct zp_id *parked_id);

/* What stands beside an event in the log: which command made it. */
struct event_meta {
    int64_t command_offset;
    uint8_t fingerprint[16];
    uint8_t hash[HASH_SIZE]; /* the location's chain after it; zero without a seq */
    struct zp_id user_id;    /* who asked: owner of the outcome */
    enum command_type command_type;
};

/* The value of an event: the bytes that are hashed, journalled and published. Appended to out. */
void message_event_encode(const struct event *event, struct buffer *out);
/* The opposite. Strings go to the arena. ZP_OK, ZP_NO_MEMORY, ZP_MALFORMED. */
enum zp_err message_event_decode(const void *value, size_t len, struct arena *arena, struct event *ret_event,
                                 const char **ret_why) ZP_MUST_CHECK;
/* A record around an encoded value (borrowed): key = location, headers as a command's plus `sequence` (decimal, when
 * seq), `command_id`, `command_offset`, `command_type`, `user_id`, `fingerprint` and `hash` (hex). ce_id = command
 * id, ce_source = /locations/{id}. partition = the command's. */
enum zp_err message_event_write(const struct event *event, const struct event_meta *meta, int32_t partition,
                                const void *value, size_t value_len, struct arena *arena,
                                struct record *ret_record) ZP_MUST_CHECK;
/* Reads a record of the events topic: value and headers. */
enum zp_err message_event_read(const struct record *record, struct arena *arena, struct event *ret_event,
                               struct event_meta *ret_meta, const char **ret_why) ZP_MUST_CHECK;

/* ---- dead letters: what was parked, and what people did about it ------------------------------------- */

/* Why a record was set aside: C name, wire name, what is said to whoever sent it. Wire names are for ever. */
#define LETTER_CLASSES(X) \
    X(UNDECODABLE, "undecodable",       "its bytes are no command") \
    X(MISPLACED,   "misplaced",         "its key or its partition is not its location's") \
    X(FAILED,      "failed_by_itself",  "it failed again, alone and with fresh caches") \
    X(KILLED,      "killed_its_worker", "workers died over it again and again")

#define X(name, wire, detail) LETTER_##name,
enum letter_class { LETTER_CLASSES(X) LETTER_CLASS_COUNT };
#undef X
extern const struct words LETTER_CLASS_WORDS;
/* What is said of a class, one that is known. Lives for ever. */
const char *message_letter_detail(enum letter_class class);

/* What the dead letters say of a parked record. Strings are the arena's. */
struct letter {
    struct zp_id command_id;  /* by which the log knows the record, see message_record_id */
    int32_t partition;        /* where it stood in the mailbox */
    int64_t offset;
    enum letter_class class;  /* LETTER_CLASS_COUNT: not known */
    const char *error;        /* a sentence for operators; "" once read, or NULL when written: not known */
    int64_t attempts;         /* 0: not known, for its worker died before it could say */
    int64_t first_at, last_at;/* first and last attempt, of the worker's clock; 0: not known */
    int64_t parked_at;        /* log time of the letter; 0 when written */
    struct zp_id redrives;    /* when the record is a redrive: of which command, and the how manieth */
    int64_t redrive_count;
};

/* The parked record as it came, for the same partition, with headers before its own: origin_topic, origin_partition,
 * origin_offset, letter_id, error_class, error, attempts, first_at, last_at. All of them always, empty when not known:
 * of two headers of a name the first is read, and it must be ours. Borrows from dead and letter. */
enum zp_err message_letter_write(const struct letter *letter, const struct record *dead, struct arena *arena,
                                 struct record *ret_record) ZP_MUST_CHECK;
/* Reads what stands around a letter; its value and other headers may be anything, so its strings are text up to their
 * first NUL but perhaps not UTF-8. ZP_OK, ZP_NO_MEMORY, or ZP_MALFORMED: it is no letter. */
enum zp_err message_letter_read(const struct record *record, struct arena *arena,
                                struct letter *ret_letter) ZP_MUST_CHECK;

/* What was done about a letter: a record behind it in its partition, so that it lives exactly as long as the letter. */
#define SETTLEMENT_KINDS(X) X(REDRIVEN, "redriven") X(DISCARDED, "discarded")
#define X(name, wire) SETTLEMENT_##name,
enum settlement_kind { SETTLEMENT_KINDS(X) SETTLEMENT_KIND_COUNT };
#undef X
extern const struct words SETTLEMENT_WORDS;

struct settlement {
    enum settlement_kind kind;
    int32_t partition;        /* of the letter's record in the mailbox */
    int64_t offset;
    struct zp_id redrive_id;  /* the command that redrives it; ID_NONE: discarded */
    const char *who, *reason; /* reason may be NULL */
    int64_t at;               /* log time; 0 when written */
};

enum zp_err message_settlement_write(const struct settlement *settlement, struct arena *arena,
                                     struct record *ret_record) ZP_MUST_CHECK;
/* ZP_OK, ZP_NO_MEMORY, or ZP_MALFORMED: it is none. */
enum zp_err message_settlement_read(const struct record *record, struct arena *arena,
                                    struct settlement *ret_settlement) ZP_MUST_CHECK;

/* ---- outcomes: how a command ended ------------------------------------------------------------------ */

struct outcome {
    struct zp_id command_id, location_id, order_id, user_id;
    enum command_type type;   /* CMD_COUNT when the record could not be decoded */
    uint8_t fingerprint[16];
    int32_t partition;
    int64_t offset;           /* of the command */
    int64_t at;
    enum zp_err err;          /* ZP_OK applied; ZP_PARKED parked; else refused */
    int64_t seq;              /* of its event, 0 for none */
    const struct reason *reasons; /* borrowed */
    size_t reason_count;
};

/* The outcome that an event of a partition tells of; a placement that the actor rejected is refused. Its reasons are
 * the event's, or its order's. */
struct outcome message_event_outcome(const struct event *event, const struct event_meta *meta, int32_t partition);
/* {"id","status":"applied|refused","order_id","seq","reasons":[…]}, as GET /commands/{id} shows it. */
void message_outcome_json(const struct outcome *outcome, struct buffer *out);
/* [{"code","pointer","detail"}, …] and back (for the database and receipts). */
void message_reasons_json(const struct reason *reasons, size_t count, struct buffer *out);
enum zp_err message_reasons_parse(const char *json, size_t len, struct arena *arena, struct reason **ret_reasons,
                                  size_t *ret_count) ZP_MUST_CHECK;

/* ---- JSON out --------------------------------------------------------------------------------------- */

/* A JSON string with quotes, escaped; NULL gives null. Bytes that are not UTF-8 become U+FFFD. */
void json_put_string(struct buffer *out, const char *text);

/* An order as the API shows it, with links; without what stands beside it (owner, fingerprint). */
void message_order_json(const struct order *order, struct buffer *out);
/* The order before it is applied:
 * {"id","command_id","status":"submitted","version":0,"location_id","submitted_at","links"}. */
void message_submitted_json(const struct command *command, struct buffer *out);
/* An event as a stream shows it: {"seq","type","at","location_id","order_id","command_id","by","order":{…}} (or
 * "settings", "menu", "item", "reasons" in place of "order"). The order is the last member: ret_order_at (may be
 * NULL) is where its JSON starts in out, so that one text serves both; it ends one byte before the event's end. 0
 * when there is no order. */
void message_event_json(const struct event *event, struct buffer *out, size_t *ret_order_at);
/* One line of a replay without the newline: topic, partition, offset, seq, type, at, location_id, order_id,
 * command_id, data. */
void message_replay_event_json(const struct record *record, const struct event *event, struct buffer *out);
void message_replay_command_json(const struct record *record, const struct command *command, struct buffer *out);
/* {"location_id","currency","version","items":[…]} and one item, as GET /menu-items shows them. */
void message_menu_json(const struct zp_id *location_id, const struct location_settings *settings,
                       const struct menu *menu, struct buffer *out);
void message_menu_item_json(const struct menu_item *item, struct buffer *out);
/* {"version","items":[…]} and the settings object: the database's form; the parse functions below read them. */
void message_menu_doc_json(const struct menu *menu, struct buffer *out);
void message_settings_json(const struct location_settings *settings, struct buffer *out);
/* A line's options [{"option_id","name","price","quantity"}] and back. */
void message_options_json(const struct order_option *options, size_t count, struct buffer *out);
enum zp_err message_options_parse(const char *json, size_t len, struct arena *arena, struct order_option **ret_options,
                                  size_t *ret_count) ZP_MUST_CHECK;

/* ---- JSON in: requests, with every fault found -------------------------------------------------------- */
/* Each gives ZP_OK, ZP_NO_MEMORY, ZP_MALFORMED (400: not JSON, depth, duplicate key, bad UTF-8, NUL) or ZP_INVALID
 * (422: shape: unknown field, wrong type, out of range), with at least one fault added to faults (strings in the
 * arena). Body up to MESSAGE_BODY_BYTES_MAX is the caller's to check. */

enum zp_err message_place_parse(const char *body, size_t len, struct arena *arena, struct placement *ret_placement,
                                struct zp_id *ret_location_id, struct reason_list *faults) ZP_MUST_CHECK;
/* {} or empty or {"reason"}. */
enum zp_err message_step_parse(const char *body, size_t len, struct arena *arena, const char **ret_reason,
                               struct reason_list *faults) ZP_MUST_CHECK;
struct credentials { const char *email, *password; };
enum zp_err message_login_parse(const char *body, size_t len, struct arena *arena, struct credentials *ret_credentials,
                                struct reason_list *faults) ZP_MUST_CHECK;
/* A restaurant file: {"location":{settings, "location_id"?}, "menu":{"items":[…]}}; either part may be missing. */
struct restaurant {
    struct zp_id location_id; /* ID_NONE when not in the file */
    bool has_settings, has_menu;
    struct location_settings settings;
    struct menu menu;
};
enum zp_err message_restaurant_parse(const char *body, size_t len, struct arena *arena,
                                     struct restaurant *ret_restaurant, struct reason_list *faults) ZP_MUST_CHECK;
enum zp_err message_menu_doc_parse(const char *json, size_t len, struct arena *arena,
                                   struct menu *ret_menu) ZP_MUST_CHECK;
enum zp_err message_settings_parse(const char *json, size_t len, struct arena *arena,
                                   struct location_settings *ret_settings) ZP_MUST_CHECK;

#endif
