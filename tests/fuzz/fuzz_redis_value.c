/* Any bytes as each of the short values that Redis hands us, as the name of a channel, and as where a Redis is. What is
 * read is what we would have written. */
#include "fuzz.h"

#include "keys.h"
#include "marks.h"
#include "receipt.h"
#include "uri.h"

static void judge_marks(const char *text, size_t len)
{
    struct live_head head;
    struct live_tick tick;
    char head_text[HEAD_TEXT_SIZE], tick_text[TICK_TEXT_SIZE];
    if (live_head_parse(text, len, &head)) {
        MUST(live_head_print(&head, head_text) == len && strncasecmp(head_text, text, len) == 0);
    }
    if (live_tick_parse(3, text, len, &tick)) {
        MUST(live_tick_print(&tick, tick_text) == len && memcmp(tick_text, text, len) == 0);
    }
}

static void judge_receipt(const char *text, size_t len)
{
    struct live_receipt receipt;
    struct buffer out;
    buffer_init(&out, 2 * RECEIPT_BYTES_MAX);
    if (live_receipt_parse(text, len, &receipt)) {
        live_receipt_print(&receipt, &out);
        MUST(out.err == ZP_OK && out.len == len && strncasecmp(out.data, text, len) == 0);
    }
    buffer_finish(&out);
}

static void judge_channel(const char *text, size_t len)
{
    struct zp_id location;
    if (live_key_channel_parse(text, len, &location)) {
        struct key key = live_key_channel(&location);
        MUST(key.len == len && strncasecmp(key.text, text, len) == 0);
    }
}

static void judge_uri(const char *text, size_t len)
{
    struct live_uri uri;
    char why[LIVE_WHY_SIZE] = "", *copy = malloc(len + 1);
    MUST(copy != NULL);
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (live_uri_parse(copy, &uri, why) == ZP_OK) {
        MUST(uri.host[0] != '\0' && uri.port[0] != '\0' && uri.db >= 0);
    } else {
        MUST(why[0] != '\0');
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    judge_marks((const char *)data, size);
    judge_receipt((const char *)data, size);
    judge_channel((const char *)data, size);
    judge_uri((const char *)data, size);
    return 0;
}
