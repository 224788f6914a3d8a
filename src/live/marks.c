/* marks: heads and ticks as text; cursors, which are held against them.
 *
 * Called by both sides. Invariant: a head's line begins with its seq and its chain hash, so that a script compares both
 * by comparing a beginning. */
#include "marks.h"

#include "scan.h"
#include "zapora/planted.h"

#include <inttypes.h>
#include <string.h>

size_t live_head_print_start(int64_t seq, const uint8_t hash[HASH_SIZE], char text[HEAD_TEXT_SIZE])
{
    char hex[2 * HASH_SIZE + 1];
    return (size_t)snprintf(text, HEAD_TEXT_SIZE, "%" PRId64 " %s ", seq, crypto_hex(hash, HASH_SIZE, hex));
}

size_t live_head_print(const struct live_head *head, char text[HEAD_TEXT_SIZE])
{
    size_t len = live_head_print_start(head->seq, head->hash, text);
    return len + (size_t)snprintf(text + len, HEAD_TEXT_SIZE - len, "%016" PRIx64 " %" PRId64 " %" PRId64,
                                  head->board_hash, head->open_count, head->at);
}

bool live_head_parse(const char *text, size_t len, struct live_head *ret_head)
{
    struct live_head head = { .seq = 0 };
    uint8_t board_hash[8] = { 0 };
    struct scan scan;
    live_scan_init(&scan, text, len);
    head.seq = live_scan_int(&scan, 0, INT64_MAX);
    live_scan_hex(&scan, head.hash, sizeof(head.hash));
    live_scan_hex(&scan, board_hash, sizeof(board_hash));
    head.open_count = live_scan_int(&scan, 0, INT64_MAX);
    head.at = live_scan_int(&scan, 0, INT64_MAX);
    if (!live_scan_done(&scan)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(board_hash); i++) {
        head.board_hash = head.board_hash << 8 | board_hash[i];
    }
    *ret_head = head;
    return true;
}

size_t live_tick_print(const struct live_tick *tick, char text[TICK_TEXT_SIZE])
{
    return (size_t)snprintf(text, TICK_TEXT_SIZE, "%" PRId64 " %" PRId64 " %" PRId64, tick->next, tick->end,
                            tick->asked_at);
}

bool live_tick_parse(int32_t partition, const char *text, size_t len, struct live_tick *ret_tick)
{
    struct live_tick tick = { .partition = partition };
    struct scan scan;
    live_scan_init(&scan, text, len);
    tick.next = live_scan_int(&scan, 0, INT64_MAX);
    tick.end = live_scan_int(&scan, 0, INT64_MAX);
    tick.asked_at = live_scan_int(&scan, 1, INT64_MAX);
    if (!live_scan_done(&scan)) {
        return false;
    }
    *ret_tick = tick;
    return true;
}

bool live_tick_proves(const struct live_tick *tick, int64_t arrived_at)
{
    bool is_later = tick->asked_at > arrived_at || PLANTED(ABSENCE_BY_OLD_TICK);
    return is_later && (tick->next >= tick->end || PLANTED(ABSENCE_DESPITE_LAG));
}

int64_t live_hash_mark(const uint8_t hash[HASH_SIZE])
{
    uint64_t mark = 0;
    for (size_t i = 0; i < sizeof(mark); i++) {
        mark = mark << 8 | hash[i];
    }
    return (int64_t)(mark & INT64_MAX);
}

struct live_cursor live_cursor_at(const struct live_head *head)
{
    struct live_cursor cursor = { .seq = head->seq, .hash_known = true };
    memcpy(cursor.hash, head->hash, HASH_SIZE);
    return cursor;
}

bool live_cursor_has(const struct live_cursor *cursor, const uint8_t hash[HASH_SIZE])
{
    return cursor->seq == 0 || !cursor->hash_known || memcmp(cursor->hash, hash, HASH_SIZE) == 0;
}

bool live_cursor_fits(const struct live_cursor *cursor, const struct live_note *note)
{
    bool known = cursor->seq > 0 && cursor->hash_known && note->before != 0;
    return note->seq == cursor->seq + 1 && (!known || note->before == live_hash_mark(cursor->hash));
}

bool live_head_same(const struct live_head *a, const struct live_head *b)
{
    return a->seq == b->seq && memcmp(a->hash, b->hash, HASH_SIZE) == 0;
}
