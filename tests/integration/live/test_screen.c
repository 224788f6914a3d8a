/* A kitchen's screen, as the gateway will build one upon the hub, through everything that can happen by chance:
 * whatever it shows follows from what it showed before, or it was told to begin again, and in the end it is up to
 * date. */
#include "support.h"

#define SEEDS 8
#define STEPS 60

struct screen {
    struct live_watcher watcher; /* first */
    struct ears *ears;
    const struct history *history; /* the database */
    struct live_cursor cursor;
    bool asking, ask_again;
    int64_t age;                   /* answers to questions that are older than a reset are dropped */
    int64_t shown, begun;
};

static void catch_up(struct screen *screen);

/* The database's answer: always the truth. */
static void begin_again(struct screen *screen)
{
    const struct live_head start = { .seq = 0 };
    const size_t count = screen->history->count;
    screen->cursor = live_cursor_at(count == 0 ? &start : &screen->history->notes[count - 1].head);
    screen->age++;
    screen->begun++;
}

static void show(struct screen *screen, const struct live_note *note)
{
    uint8_t hash[HASH_SIZE];
    static const char name[] = "\"salt\":";
    const char *digit = memmem(note->json, note->json_len, name, strlen(name)); /* no NUL ends a note's text */
    assert_non_null(digit);
    uint8_t salt = 0;
    for (digit += strlen(name); digit < note->json + note->json_len && *digit >= '0' && *digit <= '9'; digit++) {
        salt = (uint8_t)(salt * 10 + (*digit - '0'));
    }
    const struct crypto_part parts[] = { { screen->cursor.hash, screen->cursor.seq == 0 ? 0 : HASH_SIZE },
                                         { &note->seq, sizeof(note->seq) }, { &salt, 1 } };
    assert_int_equal(note->seq, screen->cursor.seq + 1);
    crypto_blake2b(hash, HASH_SIZE, NULL, 0, parts, ZP_COUNT(parts));
    assert_memory_equal(hash, note->head.hash, HASH_SIZE); /* it follows */
    screen->cursor = live_cursor_at(&note->head);
    screen->shown++;
}

struct asked {
    struct screen *screen;
    int64_t age;
};

static void on_events(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *notes,
                      size_t count)
{
    struct asked *asked = arg;
    struct screen *screen = asked->screen;
    bool stale = asked->age != screen->age;
    free(asked);
    screen->asking = false;
    for (size_t i = 0; !stale && i < count; i++) {
        if (notes[i].seq > screen->cursor.seq) {
            show(screen, &notes[i]);
        }
    }
    if (!stale && err == ZP_NOT_FOUND) {
        begin_again(screen);
    }
    bool behind = err == ZP_OK && head->seq > screen->cursor.seq;
    if (screen->ask_again || stale || behind) {
        catch_up(screen);
    }
}

static void catch_up(struct screen *screen)
{
    screen->ask_again = screen->asking;
    if (screen->asking) {
        return;
    }
    struct asked *asked = malloc(sizeof(*asked));
    assert_non_null(asked);
    *asked = (struct asked){ .screen = screen, .age = screen->age };
    screen->asking = true;
    live_hub_events_after(screen->ears->hub, &screen->history->location_id, &screen->cursor, 50, on_events, asked);
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct screen *screen = (struct screen *)watcher;
    if (live_cursor_fits(&screen->cursor, note) && !screen->asking) {
        show(screen, note);
    } else if (note->seq > screen->cursor.seq) {
        catch_up(screen);
    }
}

static void on_live(struct live_watcher *watcher)
{
    catch_up((struct screen *)watcher);
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    (void)head;
    begin_again((struct screen *)watcher);
}

static void screen_begin(struct screen *screen)
{
    screen->watcher = (struct live_watcher){ .on_note = on_note, .on_live = on_live, .on_reset = on_reset };
    assert_int_equal(live_hub_watch(screen->ears->hub, &screen->history->location_id, &screen->watcher), ZP_OK);
}

/* ---- what happens ----------------------------------------------------------------------------------------------- */

struct world {
    struct server server;
    struct ears *ears;
    struct live_push *push;
    struct history *history;
    redisContext *client;
    struct screen screen;
    uint64_t chance;
};

static unsigned draw(struct world *world, unsigned below)
{
    world->chance = world->chance * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(world->chance >> 33) % below;
}

/* The worker: pushes what is new, refills where it must, tries again when there is no connection. */
static void work(struct world *world, size_t count)
{
    const int64_t first = (int64_t)world->history->count + 1;
    history_grow(world->history, count);
    struct live_item item = history_item(world->history, first, (int64_t)world->history->count);
    const int64_t until_us = clock_mono_us() + 20000000;
    while (live_push_items(world->push, &item, 1, NULL, 0, NULL, 0) != ZP_OK) {
        assert_true(clock_mono_us() < until_us);
        ears_turn(world->ears);
    }
    if (item.result == LIVE_REFILL) {
        refill_all(world->push, world->history);
    }
}

static bool redis_is_up_to_date(struct world *world)
{
    const size_t count = world->history->count;
    char head[HEAD_TEXT_SIZE];
    if (count == 0) {
        return false;
    }
    (void)live_head_print(&world->history->notes[count - 1].head, head);
    redisReply *reply = client_ask(world->client, "GET %s", live_key_head(&world->history->location_id).text);
    bool same = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, head) == 0;
    freeReplyObject(reply);
    return same;
}

static void lose_words(struct world *world)
{
    if (redis_is_up_to_date(world) &&
        client_do(world->client, "XLEN %s", live_key_events(&world->history->location_id).text) > 0) {
        for (unsigned i = draw(world, 3); i < 3; i++) {
            history_grow(world->history, 1);
            push_silently(world->client, world->history, (int64_t)world->history->count);
        }
    }
}

static void cut_channel(struct world *world)
{
    client_do(world->client, "CLIENT KILL TYPE pubsub");
}

static void cut_all(struct world *world)
{
    client_do(world->client, "CLIENT KILL TYPE normal SKIPME yes");
    cut_channel(world);
}

static void forget(struct world *world)
{
    client_do(world->client, "FLUSHALL");
}

static void trim(struct world *world)
{
    client_do(world->client, "XTRIM %s MAXLEN %d", live_key_events(&world->history->location_id).text,
              (int)draw(world, 4));
}

/* The worker takes over, compares the head and refills; then it goes on with another history. */
static void restore_database(struct world *world)
{
    history_go_back(world->history, 1 + draw(world, 5));
    struct live_head head;
    bool known;
    const int64_t until_us = clock_mono_us() + 20000000;
    while (live_push_heads(world->push, &world->history->location_id, 1, &head, &known) != ZP_OK) {
        assert_true(clock_mono_us() < until_us);
        ears_turn(world->ears);
    }
    refill_all(world->push, world->history);
    if (draw(world, 2) == 0) {
        work(world, 1 + draw(world, 8));
    }
}

static void leave_and_return(struct world *world)
{
    live_hub_unwatch(&world->screen.watcher);
    for (unsigned i = draw(world, 4); i > 0; i--) {
        ears_turn(world->ears);
    }
    screen_begin(&world->screen);
}

static void push_some(struct world *world)
{
    work(world, 1 + draw(world, 6));
}

static void push_many(struct world *world)
{
    work(world, 100 + draw(world, 100));
}

/* Some twice: they happen more often. */
static void (*const acts[])(struct world *) = {
    push_some, push_some, push_some, push_some, push_many, lose_words, lose_words, cut_channel,
    cut_all,   forget,    trim,      restore_database, leave_and_return, leave_and_return,
};

static void world_begin(struct world *world, uint64_t seed)
{
    struct live_hub_settings settings = hub_settings;
    settings.ring_events_max = 16;
    settings.timeout_ms = 2000;
    world->chance = seed;
    world->history = history_create(0);
    world->ears = ears_open(world->server.uri, &settings);
    world->push = push_open(world->server.uri, 2000);
    world->client = client_open(world->server.uri);
    world->screen = (struct screen){ .ears = world->ears, .history = world->history };
    screen_begin(&world->screen);
}

static bool is_up_to_date(const struct world *world)
{
    return world->screen.cursor.seq == (int64_t)world->history->count && !world->screen.asking &&
           live_hub_is_live(world->ears->hub, &world->history->location_id);
}

static void world_end(struct world *world)
{
    ears_close(world->ears);
    live_push_destroy(world->push);
    redisFree(world->client);
    history_destroy(world->history);
}

/* ZAPORA_TEST_SEEDS: how many; those who look for what is rare take more. */
static uint64_t seeds(void)
{
    const char *text = getenv("ZAPORA_TEST_SEEDS");
    return text == NULL ? SEEDS : strtoull(text, NULL, 10);
}

static void whatever_happens_a_screen_is_right(void **state)
{
    (void)state;
    struct world world = { .chance = 0 };
    NEEDS_SERVER(&world.server);
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        print_message("seed %d\n", (int)seed);
        world_begin(&world, seed);
        for (int step = 0; step < STEPS && world.history->count < HISTORY_MAX - 300; step++) {
            acts[draw(&world, ZP_COUNT(acts))](&world);
            for (unsigned i = draw(&world, 4); i > 0; i--) {
                ears_turn(world.ears);
            }
        }
        work(&world, 1);
        WAIT_FOR(world.ears, is_up_to_date(&world));
        assert_memory_equal(world.screen.cursor.hash, world.history->notes[world.history->count - 1].head.hash,
                            HASH_SIZE);
        assert_true(world.screen.shown > 0);
        print_message("    %d events shown, begun again %d times\n", (int)world.screen.shown, (int)world.screen.begun);
        world_end(&world);
    }
    server_finish(&world.server);
}

/* The hub had heard of the reset before the screen came back, so nobody tells it: its cursor must. From the ring, then
 * from the stream. */
static void a_screen_that_missed_a_reset_begins_again(void **state)
{
    (void)state;
    struct world world = { .chance = 0 };
    NEEDS_SERVER(&world.server);
    static const struct { const char *name; size_t before, lost, after; } rows[] = {
        { "the new history is longer", 10, 3, 8 },
        { "as long", 10, 3, 3 },
        { "longer than the ring", 10, 3, 60 },
        { "all is lost", 4, 4, 9 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        world_begin(&world, 1);
        work(&world, rows[i].before);
        WAIT_FOR(world.ears, is_up_to_date(&world));
        live_hub_unwatch(&world.screen.watcher);
        struct screen other = { .ears = world.ears, .history = world.history };
        screen_begin(&other);
        WAIT_FOR(world.ears, other.watcher.live);
        history_go_back(world.history, rows[i].lost);
        refill_all(world.push, world.history);
        work(&world, rows[i].after);
        const int64_t begun = world.screen.begun;
        WAIT_FOR(world.ears, other.cursor.seq == (int64_t)world.history->count && !other.asking);
        live_hub_unwatch(&other.watcher);
        screen_begin(&world.screen);
        WAIT_FOR(world.ears, world.screen.begun > begun && is_up_to_date(&world));
        world_end(&world);
    }
    server_finish(&world.server);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_a_screen_is_right),
        cmocka_unit_test(a_screen_that_missed_a_reset_begins_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
