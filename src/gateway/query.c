/* query: takes a query string apart.
 *
 * Called by the handlers of reads. Invariant: a parameter that no route knows is never passed over in silence, since a
 * misspelt filter would otherwise answer with everything. */
#include "query.h"

#define NAME_SHOWN_MAX 40 /* of an unknown parameter, in the problem document */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Undoes percent-encoding and plus signs. False for a broken escape, a NUL or another control character. */
static bool decode(struct text in, char *out)
{
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i] == '+' ? ' ' : in.at[i];
        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_digit(in.at[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return false;
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}

/* The name as a fault shows it: what is not printable ASCII is a question mark. */
static const char *pointer_of(struct text name, struct arena *arena)
{
    size_t len = name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX;
    char *pointer = arena_alloc(arena, len + 2);
    if (pointer == NULL) {
        return "?";
    }
    pointer[0] = '?';
    for (size_t i = 0; i < len; i++) {
        pointer[1 + i] = name.at[i] > ' ' && name.at[i] < 0x7f ? name.at[i] : '?';
    }
    return pointer;
}

static struct query_slot *find(struct query_slot *slots, size_t count, struct text name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_is(name, slots[i].name)) {
            return &slots[i];
        }
    }
    return NULL;
}

static enum zp_err take(struct query_slot *slots, size_t count, struct text pair, struct arena *arena,
                        struct reason_list *faults)
{
    struct text name = text_cut(&pair, '=');
    struct query_slot *slot = find(slots, count, name);
    if (slot == NULL) {
        reason_add(faults, "unknown_parameter", pointer_of(name, arena), "This path does not take this parameter.");
        return ZP_OK;
    }
    if (slot->value != NULL) {
        reason_add(faults, "repeated_parameter", pointer_of(name, arena), "The parameter may be given once.");
        return ZP_OK;
    }
    char *value = arena_alloc(arena, pair.len + 1);
    if (value == NULL) {
        return ZP_NO_MEMORY;
    }
    slot->value = value;
    if (!decode(pair, value)) {
        reason_add(faults, "bad_encoding", pointer_of(name, arena), "The value is not well percent-encoded.");
    }
    return ZP_OK;
}

enum zp_err query_parse(struct text query, struct query_slot *slots, size_t count, struct arena *arena,
                        struct reason_list *faults)
{
    enum zp_err err = ZP_OK;
    if (query.len > QUERY_BYTES_MAX) {
        reason_add(faults, "query_too_long", "?", "A query has at most 2048 bytes.");
        return ZP_OK;
    }
    while (query.len > 0 && err == ZP_OK) {
        struct text pair = text_cut(&query, '&');
        if (pair.len > 0) {
            err = take(slots, count, pair, arena, faults);
        }
    }
    return err;
}

struct text query_text(const struct query_slot *slot)
{
    return (struct text){ slot->value, slot->value == NULL ? 0 : strlen(slot->value) };
}
