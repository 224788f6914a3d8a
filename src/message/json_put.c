/* json_put: single JSON values.
 *
 * Called by json_write and by whoever composes an answer by hand. Invariant: what is appended is valid JSON and valid
 * UTF-8, whatever the bytes were. */
#include "json.h"

#include "put.h"
#include "text.h"

#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Appends what stands for one character that is not plain; gives its bytes. */
static size_t put_special(struct buffer *out, const char *at, const char *end)
{
    static const char hex[] = "0123456789abcdef";
    static const char *const escapes[0x20] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
    };
    unsigned char c = (unsigned char)*at;

    if (c >= 0x80) {
        size_t step = utf8_step(at, end);
        put_bytes(out, step == 0 ? REPLACEMENT : at, step == 0 ? sizeof(REPLACEMENT) - 1 : step);
        return step == 0 ? 1 : step;
    }
    if (c == '"' || c == '\\') {
        put_bytes(out, (char[]){ '\\', *at }, 2);
    } else if (escapes[c] != NULL) {
        put_bytes(out, escapes[c], 2);
    } else {
        put_bytes(out, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
    }
    return 1;
}

void json_put_string(struct buffer *out, const char *text)
{
    if (text == NULL) {
        PUT(out, "null");
        return;
    }
    const char *end = text + strlen(text);
    PUT(out, "\"");
    while (text < end) {
        const char *run = text;
        while (text < end && is_plain(*text)) {
            text++;
        }
        put_bytes(out, run, (size_t)(text - run));
        if (text < end) {
            text += put_special(out, text, end);
        }
    }
    PUT(out, "\"");
}

void json_put_id(struct buffer *out, const struct zp_id *id)
{
    char text[ID_TEXT_SIZE + 2];

    if (id_is_none(id)) {
        PUT(out, "null");
        return;
    }
    text[0] = '"';
    id_format(id, text + 1);
    text[ID_TEXT_SIZE] = '"';
    put_bytes(out, text, ID_TEXT_SIZE + 1);
}

void json_put_order_links(struct buffer *out, const struct zp_id *order_id, const struct zp_id *command_id)
{
    char order[ID_TEXT_SIZE], command[ID_TEXT_SIZE];

    id_format(order_id, order);
    id_format(command_id, command);
    PUT(out, "\"links\":{\"self\":\"/orders/");
    put_bytes(out, order, ID_TEXT_SIZE - 1);
    PUT(out, "\",\"events\":\"/orders/");
    put_bytes(out, order, ID_TEXT_SIZE - 1);
    PUT(out, "/events\",\"command\":\"/commands/");
    put_bytes(out, command, ID_TEXT_SIZE - 1);
    PUT(out, "\"}");
}

void json_put_time(struct buffer *out, int64_t wall_us)
{
    char text[TIME_TEXT_SIZE + 2];

    if (wall_us == 0) {
        PUT(out, "null");
        return;
    }
    text[0] = '"';
    time_format(wall_us, text + 1);
    text[TIME_TEXT_SIZE] = '"';
    put_bytes(out, text, TIME_TEXT_SIZE + 1);
}

void json_put_count(struct buffer *out, int64_t value)
{
    if (value == 0) {
        PUT(out, "null");
    } else {
        buffer_put_int(out, value);
    }
}
