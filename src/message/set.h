/* set: putting a value that was read into the struct, once it has been judged. Private to this room. */
#ifndef MESSAGE_SET_H
#define MESSAGE_SET_H

#include "fault.h"

/* Each puts a value into `self` if the row wants this type and its bounds hold, else it says what is wrong and changes
 * nothing. Strings are copied to the arena. */
enum fault set_bool(const struct field *field, void *self, bool value);
enum fault set_int(const struct field *field, void *self, int64_t value);
enum fault set_text(const struct field *field, void *self, const char *text, size_t len, struct arena *arena);
enum fault set_bytes(const struct field *field, void *self, const void *bytes, size_t len);

/* Makes room for a list of `count` elements of `size` bytes and sets its length; *ret_elements is zeroed.
 * FAULT_TOO_FEW and FAULT_TOO_MANY when the count is out of bounds: nothing was set then. */
enum fault set_list(const struct field *field, void *self, size_t count, size_t size, struct arena *arena,
                    void **ret_elements);
/* The row of one element of a list, to be read into `size` bytes of its own, and that size. */
struct field list_element(const struct field *list, size_t *ret_size);
bool field_is_list(const struct field *field);

#endif
