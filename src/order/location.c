/* location.c: owns a location's birth and end, and what its settings may be.
 *
 * Called by whoever loads locations, and before settings are let in. Invariant: the arena belongs to the location and
 * holds nothing but its settings and its menu. */
#include "check.h"
#include "rules.h"

#include <string.h>

void location_init(struct location *loc, const struct zp_id *id)
{
    *loc = (struct location){ .id = *id };
    arena_init(&loc->arena, LOCATION_BYTES_MAX);
}

void location_finish(struct location *loc)
{
    if (loc != NULL) {
        arena_finish(&loc->arena);
    }
}

static bool is_currency(const char *text)
{
    return text != NULL && strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

enum zp_err location_settings_check(const struct location_settings *settings, const char *pointer, struct arena *arena,
                                    struct reason_list *faults)
{
    struct check check;

    check_init(&check, pointer, arena, faults);
    check_text(&check, "/name", settings->name, ORDER_TEXT_CHARS_MAX);
    if (!is_currency(settings->currency)) {
        check_fault(&check, "/currency", "currency_invalid", "three capital letters, as in ISO 4217");
    }
    check_range(&check, "/prep_minutes", settings->prep_minutes, 0, LOCATION_PREP_MINUTES_MAX);
    check_range(&check, "/delivery_fee", settings->delivery_fee, 0, ORDER_AMOUNT_MAX);
    return check.draft.err;
}
