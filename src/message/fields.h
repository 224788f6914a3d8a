/* fields: the tables that say what commands, events and requests are made of. Private to this room.
 *
 * One row is one field; pack, unpack, json_write and json_read do nothing but walk rows, so a new field is one new row.
 * Rows are only ever added and bounds only ever widened: what is in the log must stay readable for ever. */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H

#include "zapora/message.h"

#define FIELDS_MAX 64         /* rows of one thing: they are noted in the bits of an integer */
#define WORDED_CHARS_MAX 1000 /* of any WORDED text */

/* What a field is in the struct, in msgpack and in JSON. */
enum field_kind {
    FIELD_BOOL,    /* bool             true, false   true, false */
    FIELD_INT,     /* int64_t          int           integer */
    FIELD_TIME,    /* int64_t          int, µs       RFC 3339, written only: no request has a time yet */
    FIELD_TEXT,    /* const char *     str           string */
    FIELD_SLUG,    /* const char *     str           string */
    FIELD_ID,      /* struct zp_id     str of 36     string */
    FIELD_BYTES,   /* uint8_t[max]     bin           none: always PRIVATE */
    FIELD_WORD,    /* an enum          str           string */
    FIELD_THING,   /* a struct         map           object */
    FIELD_THINGS,  /* pointer, count   array         array */
    FIELD_TEXTS,   /* pointer, count   array of str  array of strings */
    FIELD_IDS,     /* array, count     array of str  array of strings */
    FIELD_REFUSED, /* nothing          none          a name that is known, but must not be given yet */
    FIELD_KIND_COUNT
};

enum field_flag {
    OPTIONAL = 0,
    REQUIRED = 1 << 0,     /* must be given; an id must not be ID_NONE then */
    PRIVATE = 1 << 1,      /* never in JSON */
    ENVELOPE = 1 << 2,     /* a replay's line shows it beside `data`, not in it */
    ANY_BYTES = 1 << 3,    /* text: min and max count bytes, and control characters are fine */
    APART = 1 << 4,        /* a stream's event shows it by hand, to know where it stands */
    WORDED = 1 << 5,       /* text: somebody else's words (a server's error message): made readable when it is packed */
    ZERO_IS_NULL = 1 << 6, /* int: 0 means none: not in msgpack, null in JSON */
};

struct thing;

struct field {
    const char *name;          /* in msgpack and JSON alike */
    const char *json_key;      /* the same as it is written: ,"name": */
    size_t name_len;
    enum field_kind kind;
    unsigned flags;
    size_t offset;             /* of the value in the struct */
    size_t count_at;           /* lists: offset of their size_t; a thing: of the bool that says it was given, 0: none */
    int64_t min, max;          /* int, time: value; text: characters; lists: elements; bytes: their number */
    int64_t fallback;          /* int, bool: what an optional field is when it is not given */
    const struct words *words; /* FIELD_WORD */
    const struct thing *thing; /* of FIELD_THING and of each of FIELD_THINGS */
    uint32_t only;             /* bits of the variants that have this field; 0: all */
};

struct thing {
    size_t size;
    const struct field *fields;
    size_t count;
    /* Adds what only JSON has, as ,"name":value; NULL: nothing. */
    void (*put_tail)(const void *self, struct buffer *out);
};

/* A variant is the bit of a command's or an event's type. Things without types are read and written as any. */
#define VARIANT(type) (UINT32_C(1) << (type))
#define VARIANT_ANY UINT32_MAX

static inline bool field_applies(const struct field *field, uint32_t variant)
{
    return field->only == 0 || (field->only & variant) != 0;
}

/* The bits of the rows whose fields stand in `self` and belong to the variant: what is written to msgpack. */
uint64_t thing_given(const struct thing *thing, const void *self, uint32_t variant);
/* Sets a field that was not given. */
void field_set_fallback(const struct field *field, void *self);

/* A request to place an order, and what else may stand in its body. */
struct place_request { struct zp_id location_id; struct placement placement; };
struct step_request { const char *reason; };
struct reason_doc { struct reason *reasons; size_t reason_count; };
struct option_doc { struct order_option *options; size_t option_count; };

extern const struct words ERR_WORDS; /* zp_err_name of each */

/* One thing per struct, named after it. */
extern const struct thing reason_thing, menu_option_thing, menu_group_thing, menu_item_thing, menu_thing,
    location_settings_thing, order_option_thing, order_line_thing, contact_thing, order_thing, actor_thing,
    placement_option_thing, placement_line_thing, placement_thing, command_thing, event_thing;
extern const struct thing place_request_thing, step_request_thing, credentials_thing, restaurant_thing;

/* Lists that stand alone: the database's columns. */
extern const struct field reasons_field, options_field;

#endif
