/* check.c: owns the shape rules of single fields and the faults they lead to.
 *
 * Called by the checks of menus and settings, and by pricing. Invariant: memory is taken only for faults that are kept,
 * so however much is wrong, a check composes at most ORDER_REASONS_MAX pointers and details. */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void reason_add(struct reason_list *list, const char *code, const char *pointer, const char *detail)
{
    if (list->count < ORDER_REASONS_MAX) {
        list->items[list->count++] = (struct reason){ .code = code, .pointer = pointer, .detail = detail };
    }
}

void check_init(struct check *check, const char *pointer, struct arena *arena, struct reason_list *faults)
{
    *check = (struct check){ .draft = { .arena = arena }, .faults = faults };
    snprintf(check->path, sizeof(check->path), "%s", pointer);
}

size_t check_enter(struct check *check, const char *name, size_t index)
{
    size_t mark = strlen(check->path);

    snprintf(check->path + mark, sizeof(check->path) - mark, "/%s/%zu", name, index);
    return mark;
}

void check_leave(struct check *check, size_t mark)
{
    check->path[mark] = '\0';
}

void check_fault(struct check *check, const char *field, const char *code, const char *detail_fmt, ...)
{
    char pointer[CHECK_PATH_SIZE + 32], detail[CHECK_DETAIL_SIZE];

    if (check->faults->count == ORDER_REASONS_MAX) {
        return;
    }
    snprintf(pointer, sizeof(pointer), "%s%s", check->path, field);
    va_list args;
    va_start(args, detail_fmt);
    vsnprintf(detail, sizeof(detail), detail_fmt, args);
    va_end(args);
    const char *kept_pointer = draft_text(&check->draft, pointer);
    const char *kept_detail = draft_text(&check->draft, detail);
    if (check->draft.err == ZP_OK) {
        reason_add(check->faults, code, kept_pointer, kept_detail);
    }
}

static size_t count_chars(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += (*text & 0xC0) != 0x80; /* the bytes of a code point after its first are 10xxxxxx */
    }
    return count;
}

void check_text_optional(struct check *check, const char *field, const char *text, size_t chars_max)
{
    if (text != NULL && count_chars(text) > chars_max) {
        check_fault(check, field, "too_long", "at most %zu characters", chars_max);
    }
}

void check_text(struct check *check, const char *field, const char *text, size_t chars_max)
{
    if (text == NULL || *text == '\0') {
        check_fault(check, field, "required", "this must not be empty");
        return;
    }
    check_text_optional(check, field, text, chars_max);
}

void check_slug(struct check *check, const char *field, const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

    if (text == NULL || *text == '\0') {
        check_fault(check, field, "required", "this must not be empty");
    } else if (strlen(text) > SLUG_CHARS_MAX || text[strspn(text, allowed)] != '\0') {
        check_fault(check, field, "slug_invalid", "up to %d lower-case letters, digits, '-' and '_'", SLUG_CHARS_MAX);
    }
}

bool check_range(struct check *check, const char *field, int64_t value, int64_t min, int64_t max)
{
    bool fits = value >= min && value <= max;

    if (!fits) {
        check_fault(check, field, "out_of_range", "from %" PRId64 " to %" PRId64, min, max);
    }
    return fits;
}

bool check_count(struct check *check, const char *field, size_t count, size_t max)
{
    if (count > max) {
        check_fault(check, field, "too_many", "at most %zu", max);
    }
    return count <= max;
}
