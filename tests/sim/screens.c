/* screens.c: owns what screens saw; see screens.h.
 * Invariant: a screen's cursor goes up by one with each event that it sees, or it is told to begin anew. */
#include "screens.h"

#include "reader.h"
#include "sim.h"
#include "zapora/planted.h"

#include <string.h>

#define SCREENS_MAX 16

static struct screen {
    struct zp_id location_id;
    int64_t cursor;
    uint8_t hash[HASH_SIZE]; /* of the event at the cursor */
    int64_t away_until;
    int resets;
} screens[SCREENS_MAX];
static size_t screen_count;

static bool is_here(const struct screen *screen)
{
    return screen->away_until == 0;
}

static void see(struct screen *screen, int64_t seq, const uint8_t *hash)
{
    const struct fact *fact = reader_event(&screen->location_id, seq);
    if (seq != screen->cursor + 1) {
        sim_fail("screen", "a screen went from seq %lld to %lld", (long long)screen->cursor, (long long)seq);
    } else if (fact == NULL || memcmp(fact->hash, hash, HASH_SIZE) != 0) {
        sim_fail("screen", "a screen saw seq %lld, which the log has not", (long long)seq);
    }
    screen->cursor = seq;
    memcpy(screen->hash, hash, HASH_SIZE);
}

static void begin_anew(struct screen *screen, const struct live_head *head)
{
    sim_trace("a screen begins anew: from %lld to %lld", (long long)screen->cursor, (long long)head->seq);
    screen->resets++;
    screen->cursor = head->seq;
    memcpy(screen->hash, head->hash, HASH_SIZE);
}

/* As a stream with a cursor is served: what follows it, or a reset where that is not known. */
static void resume(struct screen *screen, const struct fake_place *place)
{
    if (place == NULL) {
        return;
    }
    bool at_head = screen->cursor == place->head.seq;
    if (screen->cursor > place->head.seq ||
        (at_head && screen->cursor > 0 && memcmp(screen->hash, place->head.hash, HASH_SIZE) != 0)) {
        begin_anew(screen, &place->head);
        return;
    }
    for (size_t i = 0; i < place->event_count; i++) {
        const struct fake_stream_row *row = &place->events[i];
        if (row->seq == screen->cursor && memcmp(row->hash, screen->hash, HASH_SIZE) != 0) {
            begin_anew(screen, &place->head);
            return;
        }
        if (row->seq > screen->cursor) {
            see(screen, row->seq, row->hash);
        }
    }
}

static void hear(struct screen *screen, const struct fake_place *place, const struct live_note *note)
{
    if (note->seq <= screen->cursor) {
        return;
    }
    if (note->seq == screen->cursor + 1 || PLANTED(SCREEN_TAKES_GAPS)) {
        see(screen, note->seq, note->head.hash);
    } else {
        resume(screen, place);
    }
}

/* What is told must be in the log. */
static void check_note(const struct live_note *note)
{
    if (note->seq > 0) {
        const struct fact *fact = reader_event(&note->location_id, note->seq);
        if (fact == NULL || memcmp(fact->hash, note->head.hash, HASH_SIZE) != 0) {
            sim_fail("shown too early", "the cache shows seq %lld, which the log has not", (long long)note->seq);
        }
        return;
    }
    if (!reader_has_outcome(&note->command_id, note->err)) {
        sim_fail("shown too early", "the cache tells an outcome that the log has not: %s", zp_err_name(note->err));
    }
}

static void on_note(const struct fake_place *place, const struct live_note *note)
{
    sim_observe_int(note->seq);
    sim_observe(note->json, note->json_len);
    check_note(note);
    for (size_t i = 0; note->seq > 0 && i < screen_count; i++) {
        if (is_here(&screens[i]) && id_equal(&screens[i].location_id, &note->location_id)) {
            hear(&screens[i], place, note);
        }
    }
}

static void check_place(const struct fake_place *place)
{
    const struct fact *fact = reader_event(&place->location_id, place->head.seq);
    if (place->head.seq > 0 && (fact == NULL || memcmp(fact->hash, place->head.hash, HASH_SIZE) != 0)) {
        sim_fail("shown too early", "the cache was filled up to seq %lld, which the log has not",
                 (long long)place->head.seq);
    }
}

static void on_refill(const struct fake_place *place, bool is_reset)
{
    sim_observe_int(place->head.seq);
    sim_trace("refilled up to seq %lld%s", (long long)place->head.seq, is_reset ? ": reset" : "");
    check_place(place);
    for (size_t i = 0; i < screen_count; i++) {
        struct screen *screen = &screens[i];
        if (!is_here(screen) || !id_equal(&screen->location_id, &place->location_id) ||
            PLANTED(SCREEN_TAKES_GAPS)) {
            continue;
        }
        if (is_reset) {
            begin_anew(screen, &place->head);
        } else {
            resume(screen, place);
        }
    }
}

void screens_open(const struct zp_id *locations, size_t count)
{
    memset(screens, 0, sizeof screens);
    screen_count = 0;
    for (size_t i = 0; i < 2 * count && i < SCREENS_MAX; i++) {
        screens[screen_count++].location_id = locations[i / 2];
    }
    cache.on_note = on_note;
    cache.on_refill = on_refill;
}

void screens_leave(int64_t until_us)
{
    struct screen *screen = &screens[chance_between(&sim.faults, 0, (int64_t)screen_count - 1)];
    screen->away_until = until_us;
}

void screens_come_back(void)
{
    for (size_t i = 0; i < screen_count; i++) {
        screens[i].away_until = is_here(&screens[i]) ? 0 : sim.now_us;
    }
}

int64_t screens_due(void)
{
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < screen_count; i++) {
        struct screen *screen = &screens[i];
        if (screen->away_until > 0 && screen->away_until <= sim.now_us) {
            screen->away_until = 0;
            resume(screen, fake_cache_place(&screen->location_id));
        } else if (screen->away_until > 0 && screen->away_until < next) {
            next = screen->away_until;
        }
    }
    return next;
}

void screens_reconnect(void)
{
    for (size_t i = 0; i < screen_count; i++) {
        if (is_here(&screens[i])) {
            resume(&screens[i], fake_cache_place(&screens[i].location_id));
        }
    }
}

void screens_check(void)
{
    for (size_t i = 0; i < screen_count; i++) {
        struct screen *screen = &screens[i];
        const struct told_place *place = reader_place(&screen->location_id);
        int64_t head = place == NULL ? 0 : place->location.seq;
        if (screen->cursor != head) {
            sim_fail("screen", "a screen stands at seq %lld and not at %lld", (long long)screen->cursor,
                     (long long)head);
        }
        bool was_lost = sim.struck[FAULT_CACHE_FLUSHED] + sim.struck[FAULT_CACHE_CUT] + sim.struck[FAULT_FAILOVER] > 0;
        if (screen->resets > 0 && !was_lost) {
            sim_fail("screen", "a screen had to begin anew though the cache lost nothing");
        }
    }
}
