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
 * ce_time, ce_specversion, ce_dataschema, partitionkey, traceparent when given, content-type). All memory from
 * arena. */
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
