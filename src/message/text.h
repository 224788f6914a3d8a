/* text: what a string from outside must be like. Private to this room. */
#ifndef MESSAGE_TEXT_H
#define MESSAGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 sequence that starts at `at`, 1 to 4; 0 when there is none (RFC 3629: no surrogates, nothing
 * overlong, nothing above U+10FFFF). at < end. */
size_t utf8_step(const char *at, const char *end);

/* The same for characters that a text may hold: 0 also for a control character. */
size_t text_step(const char *at, const char *end);

/* What was found in a text. */
struct text_view {
    size_t chars;     /* code points */
    bool is_utf8;     /* false: the count stopped there */
    bool has_nul;
    bool has_control; /* other than \n and \t: C0, DEL and C1 */
};

struct text_view text_look(const char *text, size_t len);
/* Copies at most chars_max characters to `to`, which has room for 4 bytes of each, or for len: what text_look would
 * object to becomes '?'. Gives the bytes written. */
size_t text_repair(const char *text, size_t len, size_t chars_max, char *to);
/* One or more of a–z, 0–9, '-' and '_'. */
bool text_is_slug(const char *text, size_t len);

#endif
