/* shapes: owns which field of our structs is which column.
 *
 * Called through SHAPES by row and statements. Invariant: a column stands at most once in a shape; the texts of the
 * statements name the same columns, which a test checks. */
#include "row.h"

#define FIELD(name_, kind_, type, field, ...) \
    { .name = (name_), .kind = &COLUMN_##kind_, .offset = offsetof(type, field), __VA_ARGS__ }
#define NULLABLE .nullable = true
#define LIST(type, count) .count_offset = offsetof(type, count)
#define WORDS(table) .words = &table

static const struct column partition_columns[] = {
    FIELD("partition",        I32, struct store_partition, partition),
    FIELD("owner",            ID,  struct store_partition, owner),
    FIELD("next_offset",      I64, struct store_partition, next_offset),
    FIELD("last_command_id",  ID,  struct store_partition, last_command_id, NULLABLE),
    FIELD("published_offset", I64, struct store_partition, published_offset),
    FIELD("events_offset",    I64, struct store_partition, events_offset),
    FIELD("takeovers",        I32, struct store_partition, takeovers),
    FIELD("trying_offset",    I64, struct store_partition, trying_offset, NULLABLE, .empty = -1),
};

static const struct column location_columns[] = {
    FIELD("location_id", ID,    struct placed_location, location.id),
    FIELD("partition",   I32,   struct placed_location, partition),
    FIELD("seq",         I64,   struct placed_location, location.seq),
    FIELD("last_number", I64,   struct placed_location, location.last_number),
    FIELD("open_count",  I64,   struct placed_location, location.open_count),
    FIELD("open_hash",   I64,   struct placed_location, location.open_hash),
    FIELD("hash",        BYTES, struct placed_location, location.hash, .size = HASH_SIZE),
};

static const struct column head_columns[] = {
    FIELD("location_id", ID,    struct store_head, location_id),
    FIELD("seq",         I64,   struct store_head, seq),
    FIELD("open_count",  I64,   struct store_head, open_count),
    FIELD("open_hash",   I64,   struct store_head, open_hash),
    FIELD("updated_at",  TIME,  struct store_head, updated_at),
    FIELD("hash",        BYTES, struct store_head, hash, .size = HASH_SIZE),
};

static const struct column menu_columns[] = {
    FIELD("location_id",  ID,       struct location, id),
    FIELD("menu_version", I64,      struct location, menu.version),
    FIELD("settings",     SETTINGS, struct location, settings, NULLABLE),
    FIELD("menu",         MENU,     struct location, menu, NULLABLE),
};

static const struct column order_columns[] = {
    FIELD("order_id",         ID,      struct order, id),
    FIELD("location_id",      ID,      struct order, location_id),
    FIELD("owner",            ID,      struct order, owner, NULLABLE),
    FIELD("number",           I64,     struct order, number),
    FIELD("version",          I64,     struct order, version),
    FIELD("seq",              I64,     struct order, seq),
    FIELD("subtotal",         I64,     struct order, subtotal),
    FIELD("discount",         I64,     struct order, discount),
    FIELD("tax",              I64,     struct order, tax),
    FIELD("fee",              I64,     struct order, fee),
    FIELD("tip",              I64,     struct order, tip),
    FIELD("total",            I64,     struct order, total),
    FIELD("placed_at",        TIME,    struct order, placed_at),
    FIELD("promised_at",      TIME,    struct order, promised_at, NULLABLE),
    FIELD("updated_at",       TIME,    struct order, updated_at),
    FIELD("open",             IS_OPEN, struct order, status),
    FIELD("status",           WORD,    struct order, status, WORDS(ORDER_STATE_WORDS)),
    FIELD("type",             WORD,    struct order, type, WORDS(ORDER_TYPE_WORDS)),
    FIELD("currency",         TEXT,    struct order, currency, NULLABLE),
    FIELD("customer_name",    TEXT,    struct order, customer.name, NULLABLE),
    FIELD("customer_phone",   TEXT,    struct order, customer.phone, NULLABLE),
    FIELD("customer_address", TEXT,    struct order, customer.address, NULLABLE),
    FIELD("note",             TEXT,    struct order, note, NULLABLE),
    FIELD("reasons",          REASONS, struct order, reasons, LIST(struct order, reason_count), NULLABLE),
    FIELD("fingerprint",      BYTES,   struct order, fingerprint, .size = sizeof(((struct order *)0)->fingerprint)),
    FIELD("lines",            LINES,   struct order, lines, LIST(struct order, line_count)),
};

static const struct column order_step_columns[] = {
    FIELD("order_id",    ID,      struct order, id),
    FIELD("number",      I64,     struct order, number),
    FIELD("version",     I64,     struct order, version),
    FIELD("seq",         I64,     struct order, seq),
    FIELD("subtotal",    I64,     struct order, subtotal),
    FIELD("discount",    I64,     struct order, discount),
    FIELD("tax",         I64,     struct order, tax),
    FIELD("fee",         I64,     struct order, fee),
    FIELD("tip",         I64,     struct order, tip),
    FIELD("total",       I64,     struct order, total),
    FIELD("promised_at", TIME,    struct order, promised_at, NULLABLE),
    FIELD("updated_at",  TIME,    struct order, updated_at),
    FIELD("open",        IS_OPEN, struct order, status),
    FIELD("status",      WORD,    struct order, status, WORDS(ORDER_STATE_WORDS)),
    FIELD("reasons",     REASONS, struct order, reasons, LIST(struct order, reason_count), NULLABLE),
    FIELD("lines",       LINES,   struct order, lines, LIST(struct order, line_count)),
};

static const struct column line_columns[] = {
    FIELD("line",        I64_AS_I32, struct order_line, line),
    FIELD("quantity",    I64_AS_I32, struct order_line, quantity),
    FIELD("tax_rate_bp", I64_AS_I32, struct order_line, tax_rate_bp),
    FIELD("unit_price",  I64,        struct order_line, unit_price),
    FIELD("total",       I64,        struct order_line, total),
    FIELD("item_id",     TEXT,       struct order_line, item_id, NULLABLE),
    FIELD("name",        TEXT,       struct order_line, name, NULLABLE),
    FIELD("station",     TEXT,       struct order_line, station, NULLABLE),
    FIELD("status",      WORD,       struct order_line, status, WORDS(LINE_STATE_WORDS)),
    FIELD("note",        TEXT,       struct order_line, note, NULLABLE),
    FIELD("options",     OPTIONS,    struct order_line, options, LIST(struct order_line, option_count), NULLABLE),
};

static const struct column event_columns[] = {
    FIELD("location_id",    ID,    struct journal_row, event.location_id),
    FIELD("seq",            I64,   struct journal_row, event.seq),
    FIELD("command_offset", I64,   struct journal_row, event.command_offset),
    FIELD("at",             TIME,  struct journal_row, event.at),
    FIELD("partition",      I32,   struct journal_row, partition),
    FIELD("order_id",       ID,    struct journal_row, event.order_id, NULLABLE),
    FIELD("command_id",     ID,    struct journal_row, event.command_id),
    FIELD("type",           WORD,  struct journal_row, event.type, WORDS(EVENT_WORDS)),
    FIELD("hash",           BYTES, struct journal_row, event.hash, .size = HASH_SIZE),
    FIELD("value",          BLOB,  struct journal_row, event.value, LIST(struct journal_row, event.value_len)),
};

static const struct column outcome_columns[] = {
    FIELD("command_id",     ID,      struct outcome, command_id),
    FIELD("location_id",    ID,      struct outcome, location_id, NULLABLE),
    FIELD("order_id",       ID,      struct outcome, order_id, NULLABLE),
    FIELD("user_id",        ID,      struct outcome, user_id, NULLABLE),
    FIELD("command_offset", I64,     struct outcome, offset),
    FIELD("seq",            I64,     struct outcome, seq, NULLABLE),
    FIELD("at",             TIME,    struct outcome, at),
    FIELD("partition",      I32,     struct outcome, partition),
    FIELD("type",           WORD,    struct outcome, type, WORDS(COMMAND_WORDS), NULLABLE),
    FIELD("err",            ERR,     struct outcome, err),
    FIELD("fingerprint",    BYTES,   struct outcome, fingerprint, .size = sizeof(((struct outcome *)0)->fingerprint)),
    FIELD("reasons",        REASONS, struct outcome, reasons, LIST(struct outcome, reason_count), NULLABLE),
};

static const struct column account_columns[] = {
    FIELD("user_id",       ID,   struct account, id),
    FIELD("email",         TEXT, struct account, email),
    FIELD("name",          TEXT, struct account, name, NULLABLE),
    FIELD("role",          WORD, struct account, role, WORDS(ACTOR_ROLE_WORDS)),
    FIELD("password_hash", TEXT, struct account, password_hash, NULLABLE),
    FIELD("locations",     IDS,  struct account, locations, LIST(struct account, location_count)),
    FIELD("disabled",      BOOL, struct account, disabled),
};

#define SHAPE(table, type, columns) { table, sizeof(type), columns, ZP_COUNT(columns) }

const struct shape SHAPES[SHAPE_COUNT] = {
    [SHAPE_PARTITION]  = SHAPE("partitions",   struct store_partition, partition_columns),
    [SHAPE_LOCATION]   = SHAPE("locations",    struct placed_location, location_columns),
    [SHAPE_HEAD]       = SHAPE("locations",    struct store_head,      head_columns),
    [SHAPE_MENU]       = SHAPE("menus",        struct location,        menu_columns),
    [SHAPE_ORDER]      = SHAPE("orders",       struct order,           order_columns),
    [SHAPE_ORDER_STEP] = SHAPE("orders",       struct order,           order_step_columns),
    [SHAPE_LINE]       = SHAPE("order_line",   struct order_line,      line_columns),
    [SHAPE_EVENT]      = SHAPE("order_events", struct journal_row,     event_columns),
    [SHAPE_OUTCOME]    = SHAPE("commands",     struct outcome,         outcome_columns),
    [SHAPE_ACCOUNT]    = SHAPE("accounts",     struct account,         account_columns),
};
