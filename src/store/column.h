/* column: how one field of our structs and one column of the database turn into each other.
 *
 * Called by row, for each attribute of a row. The kinds are the whole list of types that this room speaks. */
#ifndef STORE_COLUMN_H
#define STORE_COLUMN_H

#include "wire.h"

#include <libpq-fe.h>

struct row_types; /* row.h: what the database says its rows look like; needed by rows within rows */

struct column {
    const char *name;
    const struct column_kind *kind;
    size_t offset;               /* of the field in the struct */
    size_t count_offset;         /* of its size_t count: lists and bytes of any length */
    size_t size;                 /* bytes of a fixed length */
    const struct words *words;   /* enums */
    bool nullable;               /* `empty` is NULL in the database */
    int64_t empty;               /* integers and times: the value that means "none" */
};

/* What a value is read into: strings and arrays go to the arena. */
struct reading {
    const struct row_types *types;
    struct arena *arena;
};

struct column_kind {
    Oid type; /* InvalidOid: a type of our own, whose oid differs from database to database */
    /* Appends the field's value with its length before it. */
    void (*put)(const struct row_types *types, const struct column *column, const void *field, struct buffer *out);
    /* Reads a value that is not NULL. ZP_OK, ZP_NO_MEMORY, or ZP_INTERNAL for what the column can't hold. */
    enum zp_err (*get)(const struct reading *reading, const struct column *column, struct field value, void *ret_field);
    /* Makes the field say "none"; NULL where a zeroed struct says that. */
    void (*clear)(const struct column *column, void *ret_field);
};

extern const struct column_kind COLUMN_ID;       /* struct zp_id          uuid        nullable: ID_NONE */
extern const struct column_kind COLUMN_I64;      /* int64_t, uint64_t     int8        nullable: empty */
extern const struct column_kind COLUMN_I32;      /* int32_t               int4 */
extern const struct column_kind COLUMN_I64_AS_I32; /* int64_t             int4 */
extern const struct column_kind COLUMN_BOOL;     /* bool                  bool */
extern const struct column_kind COLUMN_TIME;     /* int64_t               timestamptz nullable: empty */
extern const struct column_kind COLUMN_TEXT;     /* const char *          text        nullable: NULL */
extern const struct column_kind COLUMN_WORD;     /* enum with words       text        nullable: words->count */
extern const struct column_kind COLUMN_ERR;      /* enum zp_err           text, its name */
extern const struct column_kind COLUMN_BYTES;    /* uint8_t[size]         bytea */
extern const struct column_kind COLUMN_BLOB;     /* const void *, size_t  bytea */
extern const struct column_kind COLUMN_IDS;      /* struct zp_id *, count uuid[] */
extern const struct column_kind COLUMN_IS_OPEN;  /* enum order_state      bool: written, never read back */
extern const struct column_kind COLUMN_REASONS;  /* struct reason *, count         json, nullable: none */
extern const struct column_kind COLUMN_OPTIONS;  /* struct order_option *, count   json, nullable: none */
extern const struct column_kind COLUMN_LINES;    /* struct order_line *, count     order_line[] */
extern const struct column_kind COLUMN_SETTINGS; /* struct location_settings       json, nullable: unset */
extern const struct column_kind COLUMN_MENU;     /* struct menu                    json, nullable: unset */

/* pg_type.dat: these numbers are for ever. */
#define OID_BOOL ((Oid)16)
#define OID_BYTEA ((Oid)17)
#define OID_INT8 ((Oid)20)
#define OID_INT4 ((Oid)23)
#define OID_TEXT ((Oid)25)
#define OID_OID ((Oid)26)
#define OID_JSON ((Oid)114)
#define OID_TIMESTAMPTZ ((Oid)1184)
#define OID_UUID ((Oid)2950)
#define OID_INT4_ARRAY ((Oid)1007)
#define OID_TEXT_ARRAY ((Oid)1009)
#define OID_INT8_ARRAY ((Oid)1016)
#define OID_UUID_ARRAY ((Oid)2951)

#endif
