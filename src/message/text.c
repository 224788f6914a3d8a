/* text: UTF-8, control characters and slugs.
 *
 * Called by the readers and writers of both forms. Invariant: what text_look lets through can be written as
 * JSON and as a C string and come back the same. */
#include "text.h"

#include <string.h>

static bool follows(const char *at)
{
    return ((unsigned char)*at & 0xC0) == 0x80;
}

size_t utf8_step(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)at[0];
    size_t left = (size_t)(end - at);

    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4 || left < 2 || !follows(at + 1)) {
        return 0;
    }
    if (lead < 0xE0) {
        return 2;
    }
    unsigned char second = (unsigned char)at[1];
    if (left < 3 || !follows(at + 2) || (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) {
        return 0;
    }
    if (lead < 0xF0) {
        return 3;
    }
    if (left < 4 || !follows(at + 3) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
        return 0;
    }
    return 4;
}

/* C1 is U+0080 to U+009F: C2 80 to C2 9F. */
static bool is_control(const char *at)
{
    unsigned char lead = (unsigned char)at[0];
    return (lead < 0x20 && lead != '\n' && lead != '\t') || lead == 0x7F ||
           (lead == 0xC2 && (unsigned char)at[1] < 0xA0);
}

size_t text_step(const char *at, const char *end)
{
    size_t step = utf8_step(at, end);
    return step > 0 && is_control(at) ? 0 : step;
}

struct text_view text_look(const char *text, size_t len)
{
    struct text_view view = { .is_utf8 = true };
    const char *end = text + len;

    for (const char *at = text; at < end; view.chars++) {
        size_t step = utf8_step(at, end);
        if (step == 0) {
            view.is_utf8 = false;
            break;
        }
        view.has_nul |= *at == '\0';
        view.has_control |= is_control(at);
        at += step;
    }
    return view;
}

size_t text_repair(const char *text, size_t len, size_t chars_max, char *to)
{
    const char *end = text + len;
    size_t written = 0;

    for (size_t chars = 0; text < end && chars < chars_max; chars++) {
        size_t step = utf8_step(text, end);
        bool is_text = step > 0 && !is_control(text);
        memcpy(to + written, is_text ? text : "?", is_text ? step : 1);
        written += is_text ? step : 1;
        text += step == 0 ? 1 : step;
    }
    return written;
}

bool text_is_slug(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return len > 0;
}
