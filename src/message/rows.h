/* rows: how a row of a field table is written. Included by the fields_….c files only.
 *
 * A file defines OWNER (the struct) and IN (the way from it to the members: empty, or `placement.`) before its rows.
 * A row takes its name from the member, and does not compile when the member has another type than the row says.
 * Each stands in braces, so that a row can say more: { ID(order_id, REQUIRED), .only = … }. */
#ifndef MESSAGE_ROWS_H
#define MESSAGE_ROWS_H

#include "fields.h"

/* Offset of a member that must have this type. */
#define OFFSET_OF(member, type) _Generic(((OWNER *)0)->IN member, type: offsetof(OWNER, IN member))
#define SIZE_OF(member) sizeof(((OWNER *)0)->IN member)

#define NAMED(text) .name = text, .name_len = sizeof(text) - 1, .json_key = ",\"" text "\":"

#define BOOL(member, fall_back, flag_bits) \
    NAMED(#member), .kind = FIELD_BOOL, .offset = OFFSET_OF(member, bool), .fallback = fall_back, .flags = flag_bits

#define INT_OR(member, least, most, fall_back, flag_bits) \
    NAMED(#member), .kind = FIELD_INT, .offset = OFFSET_OF(member, int64_t), .min = least, .max = most, \
    .fallback = fall_back, .flags = flag_bits
#define INT(member, least, most, flag_bits) INT_OR(member, least, most, 0, flag_bits)
/* An amount we reckoned: a bound could do nothing but make the log unreadable. */
#define AMOUNT(member) INT(member, -INT64_MAX, INT64_MAX, REQUIRED)

#define TIME_US_MAX INT64_C(253402300799999999) /* the end of the year 9999, the last that RFC 3339 can say */
#define TIME(member, flag_bits) \
    NAMED(#member), .kind = FIELD_TIME, .offset = OFFSET_OF(member, int64_t), .max = TIME_US_MAX, .flags = flag_bits

#define TEXT(member, least, most, flag_bits) \
    NAMED(#member), .kind = FIELD_TEXT, .offset = OFFSET_OF(member, const char *), .min = least, .max = most, \
    .flags = flag_bits
#define SLUG(member, flag_bits) \
    NAMED(#member), .kind = FIELD_SLUG, .offset = OFFSET_OF(member, const char *), .min = 1, .max = SLUG_CHARS_MAX, \
    .flags = flag_bits
#define ID(member, flag_bits) \
    NAMED(#member), .kind = FIELD_ID, .offset = OFFSET_OF(member, struct zp_id), .flags = flag_bits
#define BYTES(member, flag_bits) \
    NAMED(#member), .kind = FIELD_BYTES, .offset = OFFSET_OF(member, uint8_t *), .max = SIZE_OF(member), \
    .flags = PRIVATE | (flag_bits)
#define WORD(member, word_table, flag_bits) \
    NAMED(#member), .kind = FIELD_WORD, .offset = OFFSET_OF(member, unsigned), .words = &word_table, .flags = flag_bits

#define PART(member, tag, flag_bits) \
    NAMED(#member), .kind = FIELD_THING, .offset = OFFSET_OF(member, struct tag), .thing = &tag##_thing, \
    .flags = flag_bits
#define LIST_AS(text, member, count, tag, least, most, flag_bits) \
    NAMED(text), .kind = FIELD_THINGS, .offset = OFFSET_OF(member, struct tag *), \
    .count_at = OFFSET_OF(count, size_t), \
    .min = least, .max = most, .thing = &tag##_thing, .flags = flag_bits
#define LIST(member, count, tag, least, most, flag_bits) LIST_AS(#member, member, count, tag, least, most, flag_bits)
/* `most` is of the list; each text has 1 to SLUG_CHARS_MAX characters. */
#define TEXTS(member, count, most) \
    NAMED(#member), .kind = FIELD_TEXTS, .offset = OFFSET_OF(member, const char **), \
    .count_at = OFFSET_OF(count, size_t), .max = most
#define IDS(member, count) \
    NAMED(#member), .kind = FIELD_IDS, .offset = OFFSET_OF(member, struct zp_id *), \
    .count_at = OFFSET_OF(count, size_t), .max = SIZE_OF(member) / sizeof(struct zp_id)
#define REFUSED(text) NAMED(text), .kind = FIELD_REFUSED

#define THING(tag) \
    _Static_assert(ZP_COUNT(tag##_fields) <= FIELDS_MAX, "more rows than bits"); \
    const struct thing tag##_thing = { \
        .size = sizeof(struct tag), .fields = tag##_fields, .count = ZP_COUNT(tag##_fields), \
    }

#endif
