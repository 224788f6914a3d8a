/* fields: judges the values of header fields and query parameters.
 *
 * Called by intake.c, orders.c, stream.c and call.c. Pure. Invariant: what is returned lies within the value given. */
#include "fields.h"
#include "zapora/order.h"

static bool all_of(struct text text, bool (*fits)(char c))
{
    for (size_t i = 0; i < text.len; i++) {
        if (!fits(text.at[i])) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_visible_unquoted(char c)
{
    return c > ' ' && c < 0x7f && c != '"';
}

static bool is_visible_unescaped(char c)
{
    return is_visible_unquoted(c) && c != '\\';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_zero(char c)
{
    return c == '0';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_request_id_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
}

static bool is_token68_char(char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("-._~+/=", c) != NULL);
}

static bool is_quoted(struct text text)
{
    return text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"';
}

static struct text unquote(struct text text)
{
    return (struct text){ text.at + 1, text.len - 2 };
}

bool field_number(struct text value, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;
    if (!all_of(value, is_digit) || value.len > 19) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, value.at[i] - '0', &number)) {
            return false;
        }
    }
    if (number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool field_idempotency_key(struct text value, struct text *ret_key)
{
    struct text key = text_trim(value);
    bool fits;
    if (is_quoted(key)) {
        key = unquote(key);
        fits = all_of(key, is_visible_unescaped);
    } else {
        fits = all_of(key, is_visible_unquoted);
    }
    if (!fits || key.len > IDEMPOTENCY_KEY_CHARS_MAX) {
        return false;
    }
    *ret_key = key;
    return true;
}

/* One preference of the list: name, "=", value, and parameters that nobody here knows. */
static bool preference_is_wait(struct text preference, int64_t *ret_seconds)
{
    struct text value = text_cut(&preference, ';');
    struct text name = text_cut(&value, '=');
    value = text_trim(value);
    if (is_quoted(value)) {
        value = unquote(value);
    }
    return text_is_nocase(text_trim(name), "wait") && field_number(value, INT64_MAX, ret_seconds);
}

int64_t field_prefer_wait(struct text value)
{
    while (value.at != NULL) {
        int64_t seconds;
        if (preference_is_wait(text_cut(&value, ','), &seconds)) {
            return seconds < WAIT_SECONDS_MAX ? seconds : WAIT_SECONDS_MAX;
        }
    }
    return 0;
}

bool field_if_match(struct text value, int64_t *ret_version)
{
    struct text tag = text_trim(value);
    if (text_is(tag, "*")) {
        *ret_version = AMOUNT_ABSENT;
        return true;
    }
    return is_quoted(tag) && field_number(unquote(tag), INT64_MAX, ret_version);
}

static struct text without_weakness(struct text tag)
{
    bool weak = tag.len > 2 && tag.at[0] == 'W' && tag.at[1] == '/';
    return weak ? (struct text){ tag.at + 2, tag.len - 2 } : tag;
}

bool field_none_match(struct text value, const char *etag)
{
    while (value.at != NULL) {
        struct text tag = text_trim(text_cut(&value, ','));
        if (text_is(tag, "*") || text_is(without_weakness(tag), etag)) {
            return true;
        }
    }
    return false;
}

bool field_version(struct text value, int64_t *ret_version)
{
    struct text tag = without_weakness(text_trim(value));
    return is_quoted(tag) && field_number(unquote(tag), INT64_MAX, ret_version);
}

bool field_cursor(struct text value, int64_t *ret_seq)
{
    return field_number(text_trim(value), INT64_MAX - 1, ret_seq);
}

bool field_bearer(struct text value, struct text *ret_token)
{
    struct text rest = text_trim(value);
    struct text scheme = text_cut(&rest, ' ');
    struct text token = text_trim(rest);
    if (!text_is_nocase(scheme, "Bearer") || !all_of(token, is_token68_char)) {
        return false;
    }
    *ret_token = token;
    return true;
}

bool field_request_id_fits(struct text value)
{
    return value.len <= REQUEST_ID_CHARS_MAX && all_of(value, is_request_id_char);
}

bool field_is_json(struct text value)
{
    return text_is_nocase(text_trim(text_cut(&value, ';')), "application/json");
}

bool field_traceparent_fits(struct text value)
{
    static const size_t widths[] = { 2, 32, 16, 2 }; /* version, trace, parent, flags */
    struct text rest = value;
    for (size_t i = 0; i < ZP_COUNT(widths); i++) {
        struct text part = text_cut(&rest, '-');
        bool must_differ_from_zero = widths[i] > 2;
        if (part.len != widths[i] || !all_of(part, is_lower_hex) || (must_differ_from_zero && all_of(part, is_zero))) {
            return false;
        }
    }
    return rest.at == NULL && memcmp(value.at, "00-", 3) == 0;
}
