/* fields_order: the rows of an order, in the order in which the API shows them.
 *
 * An order in the log may be a refused one: what its placement did not lead to (a name, a currency) is optional. */
#include "json.h"
#include "put.h"
#include "rows.h"

#define IN

#define REASON_CODE_CHARS_MAX 64
#define REASON_POINTER_CHARS_MAX 2000
#define PHONE_CHARS_MIN 3
#define PHONE_CHARS_MAX 40
#define ADDRESS_CHARS_MAX 500
#define CURRENCY_CHARS 3

#define OWNER struct reason
static const struct field reason_fields[] = {
    { TEXT(code, 1, REASON_CODE_CHARS_MAX, REQUIRED) },
    { TEXT(detail, 0, WORDED_CHARS_MAX, WORDED) },
    { TEXT(pointer, 0, REASON_POINTER_CHARS_MAX, OPTIONAL) },
};
THING(reason);
#undef OWNER

#define OWNER struct order_option
static const struct field order_option_fields[] = {
    { SLUG(option_id, REQUIRED) },
    { TEXT(name, 0, ORDER_TEXT_CHARS_MAX, OPTIONAL) },
    { AMOUNT(price) },
    { INT(quantity, 0, INT64_MAX, REQUIRED) },
};
THING(order_option);
#undef OWNER

#define OWNER struct order_line
static const struct field order_line_fields[] = {
    { INT(line, 1, INT64_MAX, REQUIRED) },
    { SLUG(item_id, REQUIRED) },
    { TEXT(name, 0, ORDER_TEXT_CHARS_MAX, OPTIONAL) },
    { INT(quantity, 0, INT64_MAX, REQUIRED) },
    { AMOUNT(unit_price) },
    { LIST(options, option_count, order_option, 0, ORDER_LINE_OPTIONS_MAX, OPTIONAL) },
    { AMOUNT(total) },
    { AMOUNT(tax_rate_bp) },
    { SLUG(station, OPTIONAL) },
    { WORD(status, LINE_STATE_WORDS, REQUIRED) },
    { TEXT(note, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL) },
};
THING(order_line);
#undef OWNER

#define OWNER struct contact
static const struct field contact_fields[] = {
    { TEXT(name, 0, ORDER_TEXT_CHARS_MAX, OPTIONAL) },
    { TEXT(phone, PHONE_CHARS_MIN, PHONE_CHARS_MAX, OPTIONAL) },
    { TEXT(address, 0, ADDRESS_CHARS_MAX, OPTIONAL) },
};
THING(contact);
#undef OWNER

#define OWNER struct order
static const struct field order_fields[] = {
    { ID(id, REQUIRED) },
    { ID(location_id, REQUIRED) },
    { INT(number, 0, INT64_MAX, ZERO_IS_NULL) },
    { WORD(status, ORDER_STATE_WORDS, REQUIRED) },
    { INT(version, 0, INT64_MAX, REQUIRED) },
    { INT(seq, 0, INT64_MAX, REQUIRED) },
    { WORD(type, ORDER_TYPE_WORDS, REQUIRED) },
    { TEXT(currency, CURRENCY_CHARS, CURRENCY_CHARS, OPTIONAL) },
    { AMOUNT(subtotal) },
    { AMOUNT(discount) },
    { AMOUNT(tax) },
    { AMOUNT(fee) },
    { AMOUNT(tip) },
    { AMOUNT(total) },
    { LIST(lines, line_count, order_line, 0, ORDER_LINES_MAX, REQUIRED) },
    { PART(customer, contact, OPTIONAL) },
    { TEXT(note, 0, ORDER_NOTE_CHARS_MAX, OPTIONAL) },
    { TIME(placed_at, OPTIONAL) },
    { TIME(promised_at, OPTIONAL) },
    { TIME(updated_at, OPTIONAL) },
    { LIST(reasons, reason_count, reason, 0, ORDER_REASONS_MAX, OPTIONAL) },
    { ID(owner, PRIVATE) },
    { BYTES(fingerprint, REQUIRED) },
};

/* The links hold nothing of their own, so they are made where an order is shown. */
static void put_links(const void *self, struct buffer *out)
{
    const struct order *order = self;

    PUT(out, ",");
    json_put_order_links(out, &order->id, &order->id); /* an order's id is its placement's */
}

_Static_assert(ZP_COUNT(order_fields) <= FIELDS_MAX, "more rows than bits");
const struct thing order_thing = {
    .size = sizeof(struct order), .fields = order_fields, .count = ZP_COUNT(order_fields), .put_tail = put_links,
};
#undef OWNER

/* ---- lists that stand alone: the database's columns --------------------------------------------------- */

#define OWNER struct reason_doc
const struct field reasons_field = { LIST(reasons, reason_count, reason, 0, ORDER_REASONS_MAX, REQUIRED) };
#undef OWNER

#define OWNER struct option_doc
const struct field options_field = { LIST(options, option_count, order_option, 0, ORDER_LINE_OPTIONS_MAX, REQUIRED) };
#undef OWNER
