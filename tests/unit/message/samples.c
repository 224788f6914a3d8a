/* samples: one full example of each command and each event. The golden vectors are their bytes, so they never
 * change; a new field gets a new example. */
#include "support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define UUID(last) { { 0x01, 0x93, 0xf0, 0xa1, 0x5c, 0x3e, 0x87, 0x11, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, \
    last } }
#define ORDER_ID UUID(0x01)
#define LOCATION_ID UUID(0x02)
#define USER_ID UUID(0x03)
#define STEP_ID UUID(0x04)
#define FINGERPRINT { 0, 1, 2, 3, 4, 5, 6, 7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff }

/* ---- menus ------------------------------------------------------------------------------------------------- */

static struct menu_option toppings[] = {
    { .id = "extra-cheese", .name = "Extra cheese", .price = 150, .available = true },
    { .id = "no_onion", .name = "Ohne Zwiebeln 🧅", .price = -50, .available = false },
};
static struct menu_group groups[] = {
    { .id = "toppings", .name = "Toppings", .min = 0, .max = 2, .options = toppings,
      .option_count = COUNT_OF(toppings) },
};
static const char *allergens[] = { "gluten", "milk" };
static struct menu_item items[] = {
    { .id = "burger", .name = "Käse-Burger", .description = "With \"everything\"", .price = 1250, .tax_rate_bp = 1900,
      .available = true, .station = "grill", .allergens = allergens, .allergen_count = COUNT_OF(allergens),
      .groups = groups, .group_count = COUNT_OF(groups) },
    { .id = "water", .name = "Water", .price = 200, .tax_rate_bp = 700, .available = false },
};
#define SETTINGS { .name = "Zur Post", .currency = "EUR", .prices_include_tax = true, .auto_accept = true, \
                   .prep_minutes = 20, .delivery_fee = 350 }
#define MENU(its_version) { .version = its_version, .items = items, .item_count = COUNT_OF(items) }

/* ---- commands ------------------------------------------------------------------------------------------------- */

static struct placement_option wishes[] = { { "extra-cheese", 2 } };
static struct placement_line placement_lines[] = {
    { .item_id = "burger", .quantity = 2, .options = wishes, .option_count = COUNT_OF(wishes), .note = "well done" },
    { .item_id = "water", .quantity = 1 },
};
#define PLACEMENT { .type = ORDER_TYPE_DELIVERY, .lines = placement_lines, .line_count = COUNT_OF(placement_lines), \
    .customer = { .name = "Zoë", .phone = "+49 30 1234", .address = "Hauptstr. 1\n10115 Berlin" }, \
    .note = "ring twice", .tip = 100, .expected_total = 3950 }
#define ACTOR(its_role) { .user_id = USER_ID, .role = ROLE_##its_role, .locations = { LOCATION_ID, UUID(0x09) }, \
    .location_count = 2 }
#define COMMON(its_id, its_role) .id = its_id, .location_id = LOCATION_ID, .actor = ACTOR(its_role), \
    .fingerprint = FINGERPRINT, .submitted_at = SAMPLE_AT
#define STEP(name, its_role) [CMD_ORDER_##name] = { COMMON(STEP_ID, its_role), .type = CMD_ORDER_##name, \
    .order_id = ORDER_ID, .if_match = 3, .reason = "as asked by phone" }

static const struct command commands[CMD_COUNT] = {
    [CMD_ORDER_PLACE] = {
        .id = ORDER_ID, .location_id = LOCATION_ID, .order_id = ORDER_ID, .type = CMD_ORDER_PLACE,
        .actor = { .user_id = USER_ID, .role = ROLE_CUSTOMER }, .fingerprint = FINGERPRINT, .if_match = AMOUNT_ABSENT,
        .submitted_at = SAMPLE_AT, .placement = PLACEMENT,
    },
    STEP(CANCEL, CUSTOMER), STEP(ACCEPT, KITCHEN), STEP(REJECT, KITCHEN), STEP(START, KITCHEN), STEP(READY, KITCHEN),
    STEP(COMPLETE, KITCHEN), STEP(RECALL, MANAGER),
    [CMD_LOCATION_SET] = { COMMON(STEP_ID, ADMIN), .type = CMD_LOCATION_SET, .if_match = AMOUNT_ABSENT,
        .settings = SETTINGS },
    [CMD_MENU_SET] = { COMMON(STEP_ID, MANAGER), .type = CMD_MENU_SET, .if_match = 11, .menu = MENU(0) },
    [CMD_MENU_ITEM_SET] = {
        COMMON(STEP_ID, MANAGER), .type = CMD_MENU_ITEM_SET, .if_match = 0,
        .item = { .id = "soup", .name = "Soup", .price = 700, .tax_rate_bp = 700, .available = true },
    },
};

/* With the fields that came later. */
static const struct command redrive = {
    .id = STEP_ID, .location_id = LOCATION_ID, .order_id = ORDER_ID, .type = CMD_ORDER_PLACE,
    .actor = { .user_id = USER_ID, .role = ROLE_CUSTOMER }, .fingerprint = FINGERPRINT, .if_match = AMOUNT_ABSENT,
    .submitted_at = SAMPLE_AT, .redrives = ORDER_ID, .redrive_count = 2, .placement = PLACEMENT,
};

const struct command *sample_redrive(void)
{
    return &redrive;
}

const struct command *sample_command(enum command_type type)
{
    return &commands[type];
}

/* ---- events --------------------------------------------------------------------------------------------------- */

static struct order_option chosen[] = { { .option_id = "extra-cheese", .name = "Extra cheese", .price = 150,
    .quantity = 2 } };
static struct order_line lines[] = {
    { .line = 1, .item_id = "burger", .name = "Käse-Burger", .quantity = 2, .unit_price = 1250, .options = chosen,
      .option_count = COUNT_OF(chosen), .total = 3100, .tax_rate_bp = 1900, .station = "grill", .status = LINE_NEW,
      .note = "well done" },
    { .line = 2, .item_id = "water", .name = "Water", .quantity = 1, .unit_price = 200, .total = 200,
      .tax_rate_bp = 700,
      .status = LINE_COOKING },
};
static struct reason reasons[] = {
    { .code = "item_unknown", .pointer = "/lines/0/item_id", .detail = "the menu has no such item" },
    { .code = "closed", .detail = "the kitchen is closed" },
};
#define ORDER(its_status, its_number, its_reasons) { .id = ORDER_ID, .location_id = LOCATION_ID, .owner = USER_ID, \
    .number = its_number, .status = ORDER_##its_status, .version = 4, .seq = 124, .type = ORDER_TYPE_DELIVERY, \
    .currency = "EUR", .subtotal = 3300, .discount = 0, .tax = 508, .fee = 350, .tip = 100, .total = 3750, \
    .lines = lines, .line_count = COUNT_OF(lines), \
    .customer = { .name = "Zoë", .phone = "+49 30 1234", .address = "Hauptstr. 1" }, \
    .note = "ring twice", .placed_at = SAMPLE_AT, .promised_at = SAMPLE_AT + 1200000000, \
    .updated_at = SAMPLE_AT + 1000, \
    .reasons = reasons, .reason_count = its_reasons, .fingerprint = FINGERPRINT }
#define ABOUT(its_type) .type = EV_##its_type, .seq = 124, .at = SAMPLE_AT, .location_id = LOCATION_ID, \
    .command_id = STEP_ID
#define ORDER_EVENT(name, its_status, its_by, its_number, its_reasons) \
    [EV_ORDER_##name] = { ABOUT(ORDER_##name), .order_id = ORDER_ID, .by = its_by, \
                          .order = ORDER(its_status, its_number, its_reasons) }

static const struct event events[EV_COUNT] = {
    ORDER_EVENT(PLACED, ACCEPTED, "customer", 17, 0),
    ORDER_EVENT(REJECTED, REJECTED, "actor", 0, 2),
    ORDER_EVENT(ACCEPTED, ACCEPTED, "kitchen", 17, 0),
    ORDER_EVENT(STARTED, PREPARING, "kitchen", 17, 0),
    ORDER_EVENT(READIED, READY, "kitchen", 17, 0),
    ORDER_EVENT(COMPLETED, COMPLETED, "manager", 17, 0),
    ORDER_EVENT(RECALLED, PREPARING, "kitchen", 17, 0),
    ORDER_EVENT(CANCELLED, CANCELLED, "customer", 17, 1),
    ORDER_EVENT(EXPIRED, EXPIRED, "system", 17, 0),
    [EV_LOCATION_SET] = { ABOUT(LOCATION_SET), .by = "admin", .settings = SETTINGS },
    [EV_MENU_SET] = { ABOUT(MENU_SET), .by = "manager", .menu = MENU(12) },
    [EV_MENU_ITEM_SET] = {
        ABOUT(MENU_ITEM_SET), .by = "manager", .menu_version = 13,
        .item = { .id = "soup", .name = "Soup", .price = 700, .tax_rate_bp = 700, .available = true },
    },
    [EV_COMMAND_REFUSED] = {
        .type = EV_COMMAND_REFUSED, .at = SAMPLE_AT, .location_id = LOCATION_ID, .order_id = ORDER_ID,
        .command_id = STEP_ID,
        .by = "actor", .err = ZP_CONFLICT, .reasons = reasons, .reason_count = COUNT_OF(reasons),
    },
    [EV_COMMAND_PARKED] = {
        .type = EV_COMMAND_PARKED, .at = SAMPLE_AT, .command_id = STEP_ID, .err = ZP_PARKED, .reasons = reasons + 1,
        .reason_count = 1,
    },
};

const struct event *sample_event(enum event_type type)
{
    return &events[type];
}

const struct event_meta *sample_meta(void)
{
    static const struct event_meta meta = {
        .command_offset = 4711, .fingerprint = FINGERPRINT, .hash = { 0xde, 0xad, 0xbe, 0xef }, .user_id = USER_ID,
        .command_type = CMD_ORDER_START,
    };
    return &meta;
}

void sample_event_bytes(enum event_type type, struct buffer *out)
{
    buffer_init(out, MESSAGE_VALUE_BYTES_MAX);
    message_event_encode(sample_event(type), out);
    assert_int_equal(out->err, ZP_OK);
}
