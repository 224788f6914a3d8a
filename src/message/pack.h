/* pack: things as msgpack and back. Private to this room. */
#ifndef MESSAGE_PACK_H
#define MESSAGE_PACK_H

#include "fields.h"

/* Appends a thing as one map, in the order of its rows. */
void thing_pack(const struct thing *thing, const void *self, uint32_t variant, struct buffer *out);

/* Reads one map into `self`, a zeroed struct of the thing's, of no use after a failure. Names that no row of the
 * variant has are skipped, fields may only be added; a row's field twice, a missing required one, a wrong type or
 * range, bytes left over and lists or maps more than MESSAGE_DEPTH_MAX deep are faults. ZP_OK, ZP_NO_MEMORY, or
 * ZP_MALFORMED with *ret_why: "/lines/0/quantity: must be …". */
enum zp_err thing_unpack(const struct thing *thing, uint32_t variant, const void *value, size_t len,
                         struct arena *arena, void *self, const char **ret_why) ZP_MUST_CHECK;

/* Finds the string of that name in a map, wherever it stands. False when the value is no such map. *ret_text is
 * borrowed from the value and not NUL-terminated. */
bool map_find_text(const void *value, size_t len, const char *name, const char **ret_text, size_t *ret_len);

#endif
