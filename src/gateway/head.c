/* head: refuses requests that two servers in a row may read differently (request smuggling).
 *
 * Called by guard.c for each request. Pure. h2o 2.2.5 answers 200 to two Content-Lengths, to Content-Length beside
 * Transfer-Encoding, to Transfer-Encoding on HTTP/1.0, to folded lines and to two or no Hosts; and it hides these
 * very fields from handlers: so the raw bytes are read again here. */
#include "head.h"

#include "zapora/base.h"

#define CONTENT_LENGTH_DIGITS_MAX 15

/* How often the fields came that decide where a request ends and whom it is for. */
struct counts {
    int hosts, content_lengths, transfer_encodings;
    bool http_1_0;
};

/* The next line without its CRLF. False when it ends otherwise, or not at all. */
static bool next_line(struct text *rest, struct text *ret_line)
{
    struct text line = text_cut(rest, '\n');
    if (rest->at == NULL || line.len == 0 || line.at[line.len - 1] != '\r') {
        return false;
    }
    line.len--;
    *ret_line = line;
    return true;
}

static bool is_token(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static const char *judge_request_line(struct text line, struct counts *counts)
{
    struct text rest = line;
    struct text method = text_cut(&rest, ' ');
    struct text target = text_cut(&rest, ' ');
    counts->http_1_0 = text_is(rest, "HTTP/1.0");
    if (!is_token(method) || has_control(line) || (!text_is(rest, "HTTP/1.1") && !counts->http_1_0)) {
        return "The request line is not METHOD /path HTTP/1.1.";
    }
    if (target.len == 0 || target.at[0] != '/') {
        return "The request's target must be a path that starts with a slash.";
    }
    return NULL;
}

static const char *judge_content_length(struct text value, struct counts *counts)
{
    if (value.len == 0 || value.len > CONTENT_LENGTH_DIGITS_MAX) {
        return "Content-Length is not a plausible number.";
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return "Content-Length is not a number.";
        }
    }
    return ++counts->content_lengths > 1 ? "There is more than one Content-Length." : NULL;
}

static const char *judge_transfer_encoding(struct text value, struct counts *counts)
{
    if (!text_is_nocase(value, "chunked")) {
        return "Transfer-Encoding may only be chunked.";
    }
    return ++counts->transfer_encodings > 1 ? "There is more than one Transfer-Encoding." : NULL;
}

static const char *judge_host(struct text value, struct counts *counts)
{
    if (value.len == 0) {
        return "Host is empty.";
    }
    return ++counts->hosts > 1 ? "There is more than one Host." : NULL;
}

static const char *judge_field(struct text line, struct counts *counts)
{
    static const struct {
        const char *name;
        const char *(*judge)(struct text value, struct counts *counts);
    } rows[] = {
        { "content-length", judge_content_length },
        { "host", judge_host },
        { "transfer-encoding", judge_transfer_encoding },
    };
    if (line.at[0] == ' ' || line.at[0] == '\t') {
        return "A header field is folded over two lines.";
    }
    struct text value = line;
    struct text name = text_cut(&value, ':');
    if (value.at == NULL || !is_token(name)) {
        return "A header field's name is not a token, or no colon follows it at once.";
    }
    if (has_control(value)) {
        return "A header field holds a control character.";
    }
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        if (text_is_nocase(name, rows[i].name)) {
            return rows[i].judge(text_trim(value), counts);
        }
    }
    return NULL;
}

static const char *judge_counts(const struct counts *counts)
{
    if (counts->hosts == 0) {
        return "Host is missing.";
    }
    if (counts->transfer_encodings > 0 && counts->content_lengths > 0) {
        return "Content-Length and Transfer-Encoding stand together.";
    }
    if (counts->transfer_encodings > 0 && counts->http_1_0) {
        return "HTTP/1.0 knows no Transfer-Encoding.";
    }
    return NULL;
}

/* An empty line before a request is allowed by RFC 9112 and passed over by h2o. */
static void skip_empty_line(struct text *rest)
{
    if (rest->len >= 2 && memcmp(rest->at, "\r\n", 2) == 0) {
        *rest = (struct text){ rest->at + 2, rest->len - 2 };
    }
}

const char *head_judge(struct text bytes)
{
    static const char line_end[] = "A line of the head does not end with CR LF.";
    struct counts counts = { 0 };
    struct text rest = bytes, line;
    skip_empty_line(&rest);
    if (!next_line(&rest, &line)) {
        return line_end;
    }
    const char *why = judge_request_line(line, &counts);
    while (why == NULL) {
        if (!next_line(&rest, &line)) {
            return line_end;
        }
        if (line.len == 0) {
            return judge_counts(&counts);
        }
        why = judge_field(line, &counts);
    }
    return why;
}
