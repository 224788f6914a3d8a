/* unpack: msgpack to rows, straight from the value's bytes into the struct and the arena.
 *
 * Called by commands and events, with whatever the log holds. Invariant: nothing is reserved that the bytes could not
 * pay for, and nothing of the value is believed before its row has judged it. */
#include "pack.h"

#include "mp.h"
#include "set.h"

#include <string.h>

#define STRANGERS_MAX 64 /* names that no row has, in a map and those around it: fields of a future, not thousands */

struct unpack {
    struct mp_cursor cursor;
    struct arena *arena;
    enum zp_err err;
    const char *why;
    struct name { const char *text; size_t len; } strangers[STRANGERS_MAX]; /* those of the outer maps first */
    size_t stranger_count;
};

/* One map while it is read. */
struct map_reading {
    const struct thing *thing;
    uint32_t variant;
    const struct path *path;
    size_t depth_left;   /* for what is in it */
    void *self;
    uint64_t seen, given; /* bits of rows */
    size_t next_row;     /* where the next name is looked for first */
    size_t first_stranger;
};

static bool unpack_thing(struct unpack *u, const struct mp_token *head, const struct thing *thing, uint32_t variant,
                         const struct path *path, size_t depth_left, void *self);

/* ---- faults ------------------------------------------------------------------------------------------------ */

static bool fail(struct unpack *u, const struct path *path, const char *detail)
{
    const char *pointer = path_pointer(path, u->arena);
    const char *why = pointer == NULL || detail == NULL ? NULL
        : arena_printf(u->arena, "%s%s%s", pointer, *pointer == '\0' ? "" : ": ", detail);

    u->err = why == NULL ? ZP_NO_MEMORY : ZP_MALFORMED;
    u->why = why;
    return false;
}

/* True when there is no fault. */
static bool fine(struct unpack *u, const struct path *path, const struct field *field, enum fault fault)
{
    if (fault == FAULT_NONE) {
        return true;
    }
    if (fault == FAULT_NO_MEMORY) {
        u->err = ZP_NO_MEMORY;
        return false;
    }
    return fail(u, path, fault_detail(fault, field, u->arena));
}

static bool take(struct unpack *u, const struct path *path, struct mp_token *ret_token)
{
    bool is_taken = mp_next(&u->cursor, ret_token);
    if (!is_taken) {
        fail(u, path, "this is not msgpack, or it is cut off");
    }
    return is_taken;
}

static bool skip(struct unpack *u, const struct path *path, size_t depth_left)
{
    bool is_skipped = mp_skip(&u->cursor, depth_left);
    if (!is_skipped) {
        fail(u, path, "this is not msgpack, or it is cut off, or nested too deeply");
    }
    return is_skipped;
}

/* ---- one value ------------------------------------------------------------------------------------------------ */

static bool unpack_value(struct unpack *u, const struct field *field, const struct path *path, size_t depth_left,
                         void *self, bool *ret_given);

static bool unpack_list(struct unpack *u, const struct field *field, const struct path *path, size_t depth_left,
                        size_t count, void *self)
{
    void *elements;
    size_t size;
    struct field element = list_element(field, &size);

    if (!fine(u, path, field, set_list(field, self, count, size, u->arena, &elements))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct path at = { .up = path, .index = i };
        bool is_given;
        if (!unpack_value(u, &element, &at, depth_left, (char *)elements + i * size, &is_given)) {
            return false;
        }
        if (!is_given) {
            return fine(u, &at, &element, FAULT_IS_REQUIRED);
        }
    }
    return true;
}

/* A value that is no list and no thing. */
static enum fault set_scalar(const struct field *field, void *self, const struct mp_token *token, struct arena *arena)
{
    switch (token->type) {
    case MP_BOOL:
        return set_bool(field, self, token->num != 0);
    case MP_INT:
        return set_int(field, self, token->num);
    case MP_HUGE:
        return field->kind == FIELD_INT || field->kind == FIELD_TIME ? FAULT_OUT_OF_RANGE : FAULT_WRONG_TYPE;
    case MP_TEXT:
        return set_text(field, self, token->data, token->len, arena);
    case MP_BYTES:
        return set_bytes(field, self, token->data, token->len);
    default:
        return FAULT_WRONG_TYPE;
    }
}

/* Reads the value of a row. *ret_given stays false for nil, which is as good as nothing. */
static bool unpack_value(struct unpack *u, const struct field *field, const struct path *path, size_t depth_left,
                         void *self, bool *ret_given)
{
    struct mp_token token;

    if (!take(u, path, &token)) {
        return false;
    }
    *ret_given = token.type != MP_NIL;
    if (!*ret_given) {
        return true;
    }
    if (field->kind == FIELD_THING) {
        return unpack_thing(u, &token, field->thing, VARIANT_ANY, path, depth_left, (char *)self + field->offset);
    }
    if (field_is_list(field) && token.type == MP_LIST) {
        ZP_ASSERT(depth_left > 0); /* our own rows end long before; what has no row is skipped, and bounded there */
        return unpack_list(u, field, path, depth_left - 1, token.len, self);
    }
    return fine(u, path, field, set_scalar(field, self, &token, u->arena));
}

/* ---- one map --------------------------------------------------------------------------------------------------- */

/* The row of a name, or NULL. Writers go through their rows in order, so the search starts where the last ended. */
static const struct field *find_row(struct map_reading *map, const struct mp_token *name)
{
    const struct thing *thing = map->thing;

    for (size_t step = 0; step < thing->count; step++) {
        const struct field *field = &thing->fields[(map->next_row + step) % thing->count];
        if (field->name_len == name->len && memcmp(field->name, name->data, name->len) == 0 &&
            field_applies(field, map->variant)) {
            map->next_row = (size_t)(field - thing->fields) + 1;
            return field;
        }
    }
    return NULL;
}

/* Notes a name that no row has. False when it stood there before, or when there are too many. */
static bool note_stranger(struct unpack *u, const struct map_reading *map, const struct mp_token *name)
{
    for (size_t i = map->first_stranger; i < u->stranger_count; i++) {
        if (u->strangers[i].len == name->len && memcmp(u->strangers[i].text, name->data, name->len) == 0) {
            return false;
        }
    }
    if (u->stranger_count == STRANGERS_MAX) {
        return false;
    }
    u->strangers[u->stranger_count++] = (struct name){ name->data, name->len };
    return true;
}

static bool unpack_pair(struct unpack *u, struct map_reading *map)
{
    struct mp_token name;
    bool is_given;

    if (!take(u, map->path, &name)) {
        return false;
    }
    if (name.type != MP_TEXT) {
        return fail(u, map->path, "names must be strings");
    }
    struct path at = { .up = map->path, .name = name.data, .name_len = name.len };
    const struct field *field = find_row(map, &name);
    if (field == NULL) {
        return note_stranger(u, map, &name) ? skip(u, &at, map->depth_left)
            : fail(u, &at, "no field has this name, and it stands here twice or is one of too many");
    }
    uint64_t bit = UINT64_C(1) << (field - map->thing->fields);
    if (map->seen & bit) {
        return fine(u, &at, field, FAULT_DUPLICATE_KEY);
    }
    map->seen |= bit;
    if (!unpack_value(u, field, &at, map->depth_left, map->self, &is_given)) {
        return false;
    }
    map->given |= is_given ? bit : 0;
    return true;
}

/* Sets what was not given, unless it had to be. */
static bool fill_gaps(struct unpack *u, const struct map_reading *map)
{
    for (size_t i = 0; i < map->thing->count; i++) {
        const struct field *field = &map->thing->fields[i];
        if ((map->given >> i & 1) || !field_applies(field, map->variant)) {
            continue;
        }
        if (field->flags & REQUIRED) {
            struct path at = { .up = map->path, .name = field->name, .name_len = field->name_len };
            return fine(u, &at, field, FAULT_IS_REQUIRED);
        }
        field_set_fallback(field, map->self);
    }
    return true;
}

static bool unpack_thing(struct unpack *u, const struct mp_token *head, const struct thing *thing, uint32_t variant,
                         const struct path *path, size_t depth_left, void *self)
{
    struct map_reading map = {
        .thing = thing, .variant = variant, .path = path, .self = self, .first_stranger = u->stranger_count,
    };

    if (head->type != MP_MAP) {
        return fail(u, path, "must be a map");
    }
    ZP_ASSERT(depth_left > 0);
    map.depth_left = depth_left - 1;
    for (size_t left = head->len; left > 0; left--) {
        if (!unpack_pair(u, &map)) {
            return false;
        }
    }
    u->stranger_count = map.first_stranger;
    return fill_gaps(u, &map);
}

enum zp_err thing_unpack(const struct thing *thing, uint32_t variant, const void *value, size_t len,
                         struct arena *arena, void *self, const char **ret_why)
{
    const uint8_t *bytes = value;
    struct unpack u = { .cursor = { bytes, bytes + len }, .arena = arena };
    struct mp_token head;

    if (take(&u, &PATH_ROOT, &head) && unpack_thing(&u, &head, thing, variant, &PATH_ROOT, MESSAGE_DEPTH_MAX, self) &&
        u.cursor.at != u.cursor.end) {
        fail(&u, &PATH_ROOT, "bytes are left over behind the value");
    }
    if (u.err == ZP_MALFORMED) {
        *ret_why = u.why;
    }
    return u.err;
}

bool map_find_text(const void *value, size_t len, const char *name, const char **ret_text, size_t *ret_len)
{
    const uint8_t *bytes = value;
    struct mp_cursor cursor = { bytes, bytes + len };
    struct mp_token map, key, text;

    if (!mp_next(&cursor, &map) || map.type != MP_MAP) {
        return false;
    }
    for (size_t pair = 0; pair < map.len; pair++) {
        if (!mp_next(&cursor, &key) || key.type != MP_TEXT) {
            return false;
        }
        if (key.len != strlen(name) || memcmp(key.data, name, key.len) != 0) {
            if (!mp_skip(&cursor, MESSAGE_DEPTH_MAX)) {
                return false;
            }
            continue;
        }
        if (!mp_next(&cursor, &text) || text.type != MP_TEXT) {
            return false;
        }
        *ret_text = text.data;
        *ret_len = text.len;
        return true;
    }
    return false;
}
