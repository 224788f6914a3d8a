/* json: things as JSON and back. Private to this room; json_put_string is in message.h. */
#ifndef MESSAGE_JSON_H
#define MESSAGE_JSON_H

#include "fault.h"

/* ---- out: an emitter of our own: it follows the rows, without a tree and with no memory but the buffer ---- */

void json_put_id(struct buffer *out, const struct zp_id *id);    /* ID_NONE gives null */
/* "links":{…}: where an order, its events and the command that placed it are found. */
void json_put_order_links(struct buffer *out, const struct zp_id *order_id, const struct zp_id *command_id);
void json_put_time(struct buffer *out, int64_t wall_us);         /* 0 gives null */
void json_put_count(struct buffer *out, int64_t value);          /* 0 gives null */

/* {"name":value,…}: the given fields of the variant but PRIVATE ones. A list of nothing is [], a thing of nothing
 * {}, and what is not given is left out; null stands only where a row says ZERO_IS_NULL. */
void thing_put_json(const struct thing *thing, const void *self, uint32_t variant, struct buffer *out);
/* The same without the braces, and without the fields that have one of the `hidden` flags. */
void thing_put_members(const struct thing *thing, const void *self, uint32_t variant, unsigned hidden,
                       struct buffer *out);
/* A list's row alone: [{…},…]. */
void list_put_json(const struct field *list, const void *self, struct buffer *out);

/* ---- in: straight from the bytes, or by way of jansson's tree, judged row by row ----------------------- */

/* Reads one JSON document into `self`, a zeroed struct that the row belongs to, of no use after a failure. Names
 * without a row are faults; null is as good as not given. ZP_OK, ZP_NO_MEMORY, or ZP_MALFORMED or ZP_INVALID with
 * every fault found added to `faults`. */
enum zp_err json_read(const struct field *root, const char *body, size_t len, struct arena *arena, void *self,
                      struct reason_list *faults) ZP_MUST_CHECK;

/* The two ways of json_read, first one, then the other. A plain document is read at once; ZP_INVALID: this is none, or
 * it has faults, and `self` is as good as it was, for what was put into it the tree puts there again. */
enum zp_err json_read_plain(const struct field *root, const char *body, size_t len, struct arena *arena,
                            void *self) ZP_MUST_CHECK;
enum zp_err json_read_tree(const struct field *root, const char *body, size_t len, struct arena *arena, void *self,
                           struct reason_list *faults) ZP_MUST_CHECK;

/* A row that reads a whole document as this thing. */
#define JSON_ROOT(a_thing) ((struct field){ .kind = FIELD_THING, .flags = REQUIRED, .thing = &(a_thing) })

/* ---- a look over the bytes, before and after jansson --------------------------------------------------- */

/* Where a byte of a document stands. Not to be copied: its frames point at one another. */
struct json_spot {
    struct path frames[MESSAGE_DEPTH_MAX + 1]; /* the root first; the others are places in what the one before holds */
    bool is_object[MESSAGE_DEPTH_MAX + 1], wants_name[MESSAGE_DEPTH_MAX + 1];
    size_t depth;
    const struct path *leaf;
};

/* The byte behind the string that starts at `at`, or end. */
const char *json_skip_string(const char *at, const char *end);
/* Walks over `len` bytes without judging their grammar. FAULT_NONE, FAULT_TOO_DEEP or FAULT_NUL, with *ret_spot
 * where it stopped. */
enum fault json_scan(const char *body, size_t len, struct json_spot *ret_spot);
/* Overwrites numbers that no int64_t or double can hold with ones that every row refuses: INT64_MAX, or a fraction. */
void json_tame_numbers(char *body);

#endif
