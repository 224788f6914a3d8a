/* Any bytes as the head of a request, and, line by line, as the values of the header fields that we read ourselves. */
#include "fuzz.h"

#include "fields.h"
#include "head.h"

static bool lies_within(struct text part, struct text whole)
{
    return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

static void must_be_visible(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        MUST(text.at[i] > ' ' && text.at[i] < 0x7f);
    }
}

static void judge_texts(struct text value)
{
    struct text part;
    if (field_idempotency_key(value, &part)) {
        MUST(lies_within(part, value) && part.len >= 1 && part.len <= IDEMPOTENCY_KEY_CHARS_MAX);
        must_be_visible(part);
    }
    if (field_bearer(value, &part)) {
        MUST(lies_within(part, value) && part.len >= 1);
        must_be_visible(part);
    }
    if (field_request_id_fits(value)) {
        MUST(value.len >= 1 && value.len <= REQUEST_ID_CHARS_MAX);
        must_be_visible(value);
    }
    if (field_traceparent_fits(value)) {
        MUST(value.len == 55);
        must_be_visible(value);
    }
    (void)field_is_json(value);
}

static void judge_numbers(struct text value)
{
    int64_t number = -1;
    MUST(!field_number(value, 1000, &number) || (number >= 0 && number <= 1000));
    MUST(!field_cursor(value, &number) || (number >= 0 && number < INT64_MAX));
    MUST(!field_if_match(value, &number) || number >= 0 || number == AMOUNT_ABSENT);
    MUST(!field_version(value, &number) || number >= 0);
    int64_t seconds = field_prefer_wait(value);
    MUST(seconds >= 0 && seconds <= WAIT_SECONDS_MAX);
    /* Whoever holds just this version is not sent it again. */
    if (field_version(value, &number)) {
        char etag[32];
        int64_t named = -1;
        MUST(snprintf(etag, sizeof(etag), "\"%lld\"", (long long)number) > 0);
        MUST(field_version((struct text){ etag, strlen(etag) }, &named) && named == number);
        MUST(field_none_match((struct text){ etag, strlen(etag) }, etag));
    }
    (void)field_none_match(value, "\"7\"");
}

/* A head that is let in has an end, and nothing in it that another server could take for a line's end. */
static void must_be_plain(struct text bytes)
{
    const char *end = memmem(bytes.at, bytes.len, "\r\n\r\n", 4);
    MUST(end != NULL);
    MUST(memchr(bytes.at, '\0', (size_t)(end - bytes.at)) == NULL);
    for (const char *at = bytes.at; at < end; at++) {
        MUST(*at != '\n' || (at > bytes.at && at[-1] == '\r'));
        MUST(*at != '\r' || at[1] == '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = { (const char *)data, size }, rest = bytes;
    const char *why = head_judge(bytes);
    if (why == NULL) {
        must_be_plain(bytes);
    } else {
        MUST(*why != '\0');
    }
    while (rest.at != NULL) {
        struct text line = text_cut(&rest, '\n');
        judge_texts(line);
        judge_numbers(line);
    }
    return 0;
}
