/* column_json: owns the kinds that are kept as JSON: reasons, a line's options, a location's settings and menu.
 *
 * The message room has the words for them. Invariant: an empty list or an unset document is NULL, so the usual row pays
 * nothing for it. */
#include "column_list.h"

#include "zapora/message.h"

/* A document that can't be what we wrote is told as any other column's value is: no client sent it. */
static enum zp_err as_ours(enum zp_err err)
{
    return err == ZP_OK || err == ZP_NO_MEMORY ? err : ZP_INTERNAL;
}

static void put_reasons(const struct row_types *types, const struct column *column, const void *field,
                        struct buffer *out)
{
    (void)types;
    size_t count;
    const struct reason *reasons = column_list_get(column, field, &count);
    if (count == 0) {
        wire_put_i32(out, WIRE_NULL);
        return;
    }
    size_t opened = wire_open(out);
    message_reasons_json(reasons, count, out);
    wire_close(out, opened);
}

static enum zp_err get_reasons(const struct reading *reading, const struct column *column, struct field value,
                               void *ret_field)
{
    struct reason *reasons;
    size_t count;
    enum zp_err err = message_reasons_parse(value.data, (size_t)value.len, reading->arena, &reasons, &count);
    if (err == ZP_OK) {
        column_list_set(column, ret_field, reasons, count);
    }
    return as_ours(err);
}

static void put_options(const struct row_types *types, const struct column *column, const void *field,
                        struct buffer *out)
{
    (void)types;
    size_t count;
    const struct order_option *options = column_list_get(column, field, &count);
    if (count == 0) {
        wire_put_i32(out, WIRE_NULL);
        return;
    }
    size_t opened = wire_open(out);
    message_options_json(options, count, out);
    wire_close(out, opened);
}

static enum zp_err get_options(const struct reading *reading, const struct column *column, struct field value,
                               void *ret_field)
{
    struct order_option *options;
    size_t count;
    enum zp_err err = message_options_parse(value.data, (size_t)value.len, reading->arena, &options, &count);
    if (err == ZP_OK) {
        column_list_set(column, ret_field, options, count);
    }
    return as_ours(err);
}

static void put_settings(const struct row_types *types, const struct column *column, const void *field,
                         struct buffer *out)
{
    (void)types, (void)column;
    const struct location_settings *settings = field;
    if (settings->currency == NULL) { /* every location that was set has one */
        wire_put_i32(out, WIRE_NULL);
        return;
    }
    size_t opened = wire_open(out);
    message_settings_json(settings, out);
    wire_close(out, opened);
}

static enum zp_err get_settings(const struct reading *reading, const struct column *column, struct field value,
                                void *ret_field)
{
    (void)column;
    return as_ours(message_settings_parse(value.data, (size_t)value.len, reading->arena, ret_field));
}

static void put_menu(const struct row_types *types, const struct column *column, const void *field, struct buffer *out)
{
    (void)types, (void)column;
    const struct menu *menu = field;
    if (menu->version == 0) {
        wire_put_i32(out, WIRE_NULL);
        return;
    }
    size_t opened = wire_open(out);
    message_menu_doc_json(menu, out);
    wire_close(out, opened);
}

static enum zp_err get_menu(const struct reading *reading, const struct column *column, struct field value,
                            void *ret_field)
{
    (void)column;
    return as_ours(message_menu_doc_parse(value.data, (size_t)value.len, reading->arena, ret_field));
}

const struct column_kind COLUMN_REASONS = { OID_JSON, put_reasons, get_reasons, NULL };
const struct column_kind COLUMN_OPTIONS = { OID_JSON, put_options, get_options, NULL };
const struct column_kind COLUMN_SETTINGS = { OID_JSON, put_settings, get_settings, NULL };
const struct column_kind COLUMN_MENU = { OID_JSON, put_menu, get_menu, NULL };
