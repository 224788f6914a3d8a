/* text.h: a piece of a request: bytes that end where their length says, never by a NUL. */
#ifndef ZAPORA_GATEWAY_TEXT_H
#define ZAPORA_GATEWAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *at; /* borrowed; NULL: there is none */
    size_t len;
};

#define TEXT(literal) ((struct text){ (literal), sizeof(literal) - 1 })

static inline bool text_is(struct text text, const char *word)
{
    return text.at != NULL && strlen(word) == text.len && memcmp(text.at, word, text.len) == 0;
}

/* The same for what HTTP compares without case. */
static inline bool text_is_nocase(struct text text, const char *word)
{
    return text.at != NULL && strlen(word) == text.len && strncasecmp(text.at, word, text.len) == 0;
}

static inline bool text_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Without spaces and tabs at both ends. */
static inline struct text text_trim(struct text text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* Cuts off and gives the part before the first `mark`; the whole when there is none, and then nothing is left. */
static inline struct text text_cut(struct text *rest, char mark)
{
    const char *found = rest->len == 0 ? NULL : memchr(rest->at, mark, rest->len);
    struct text part = { rest->at, found == NULL ? rest->len : (size_t)(found - rest->at) };
    if (found == NULL) {
        *rest = (struct text){ NULL, 0 };
    } else {
        *rest = (struct text){ found + 1, rest->len - part.len - 1 };
    }
    return part;
}

#endif
