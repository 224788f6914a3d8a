/* Being told: in order, without a gap, whatever the channel loses. */
#include "watching.h"

#include "catch_up.h"
#include "hub.h"

struct scene {
    redisContext *client;
    struct live_push *push;
    struct history *history;
    struct ears *ears;
};

static struct scene *scene_create(const struct live_hub_settings *settings)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->client = client_open(shared_uri());
    scene->push = push_open(shared_uri(), 5000);
    scene->history = history_create(0);
    scene->ears = ears_open(shared_uri(), settings);
    return scene;
}

static void scene_destroy(struct scene *scene)
{
    ears_close(scene->ears);
    history_destroy(scene->history);
    live_push_destroy(scene->push);
    redisFree(scene->client);
    free(scene);
}

static void push_more(struct scene *scene, size_t count)
{
    const int64_t first = (int64_t)scene->history->count + 1;
    history_grow(scene->history, count);
    assert_int_equal(push_events(scene->push, scene->history, first, (int64_t)scene->history->count), LIVE_PUSHED);
}

static void watchers_hear_what_is_pushed(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct watching early, late;
    push_more(scene, 5);
    watching_begin(&early, scene->ears, &scene->history->location_id, ID_NONE); /* before there is a connection */
    WAIT_FOR(scene->ears, early.live);
    assert_true(live_hub_is_live(scene->ears->hub, &scene->history->location_id));
    assert_int_equal(early.notes, 0);
    push_more(scene, 3);
    WAIT_FOR(scene->ears, early.notes == 3);
    watching_begin(&late, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, late.live);
    push_more(scene, 80);
    WAIT_FOR(scene->ears, early.notes == 83 && late.notes == 80);
    assert_int_equal(early.last_seq, 88);
    assert_int_equal(early.skipped + early.repeated + late.skipped + late.repeated, 0);
    assert_true(live_head_same(&early.last.head, &scene->history->notes[87].head));
    assert_true(id_equal(&early.last.owner, &scene->history->notes[87].owner));
    live_hub_unwatch(&late.watcher);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, early.notes == 84);
    assert_int_equal(late.notes, 80);
    assert_int_equal(early.lives + late.lives, 2);
    assert_int_equal(early.losts + late.losts + early.resets + late.resets, 0);
    scene_destroy(scene);
    assert_int_equal(early.losts, 0);
    live_hub_unwatch(&early.watcher);
}

static void a_location_without_events_is_live_too(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct watching watching;
    watching_begin(&watching, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, watching.live);
    push_more(scene, 2);
    WAIT_FOR(scene->ears, watching.notes == 2);
    assert_int_equal(watching.resets, 0);
    scene_destroy(scene);
}

/* Who was live before Redis knew the location begins again when it does: it may have missed what was refilled. */
static void a_location_that_is_refilled_later_is_a_reset(void **state)
{
    (void)state;
    NEEDS_REDIS();
    for (int word_lost = 0; word_lost < 2; word_lost++) {
        struct scene *scene = scene_create(&hub_settings);
        struct watching early, late;
        watching_begin(&early, scene->ears, &scene->history->location_id, ID_NONE);
        WAIT_FOR(scene->ears, early.live);
        history_grow(scene->history, 4);
        if (word_lost) {
            for (int64_t seq = 1; seq <= 4; seq++) {
                push_silently(scene->client, scene->history, seq);
            }
        } else {
            refill_all(scene->push, scene->history);
        }
        WAIT_FOR(scene->ears, early.resets == 1);
        assert_int_equal(early.reset_head.seq, 4);
        watching_begin(&late, scene->ears, &scene->history->location_id, ID_NONE);
        WAIT_FOR(scene->ears, late.live);
        push_more(scene, 1);
        WAIT_FOR(scene->ears, early.notes == 1 && late.notes == 1);
        assert_int_equal(early.resets, 1);
        assert_int_equal(late.resets, 0);
        scene_destroy(scene);
    }
}

static void waiters_hear_only_their_own(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    const struct zp_id order = test_id(3), command = id_fresh(), stranger = test_id(4000);
    struct watching of_order, of_command, of_stranger, all;
    watching_begin(&of_order, scene->ears, &scene->history->location_id, order);
    watching_begin(&of_command, scene->ears, &scene->history->location_id, command);
    watching_begin(&of_stranger, scene->ears, &scene->history->location_id, stranger);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, of_order.live && of_command.live && of_stranger.live && all.live);
    push_more(scene, 5);
    WAIT_FOR(scene->ears, all.notes == 5);
    assert_int_equal(of_order.notes, 1);
    assert_int_equal(of_order.last_seq, 3);

    const struct live_note refusal = {
        .location_id = scene->history->location_id, .order_id = order, .command_id = command, .owner = test_id(77),
        .type = EV_COMMAND_REFUSED, .err = ZP_STALE, .head = scene->history->notes[4].head,
        .reasons_json = "[]", .reasons_json_len = 2,
    };
    assert_int_equal(live_push_items(scene->push, NULL, 0, &refusal, 1, NULL, 0), ZP_OK);
    WAIT_FOR(scene->ears, of_command.words == 1);
    assert_int_equal(of_command.last.err, ZP_STALE);
    assert_int_equal(of_order.words, 1);

    /* A duplicate's outcome, said once more: to those who wait, and it moves nothing. */
    struct live_note again = scene->history->notes[2];
    assert_int_equal(live_push_items(scene->push, NULL, 0, &again, 1, NULL, 0), ZP_OK);
    WAIT_FOR(scene->ears, of_order.notes == 2);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, all.notes == 6);
    assert_int_equal(all.words + all.repeated + all.skipped, 0);
    assert_int_equal(of_stranger.words + of_stranger.notes, 0);
    scene_destroy(scene);
}

/* Events that nobody was told of. */
static void what_the_channel_lost_is_found(void **state)
{
    (void)state;
    NEEDS_REDIS();
    static const struct {
        const char *name;
        size_t lost, then; /* events without a word, then events with one */
    } rows[] = {
        { "one, and nothing after it", 1, 0 },
        { "one, and one after it", 1, 1 },
        { "many, and nothing after them", 450, 0 },
        { "many, and many after them", 300, 100 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create(&hub_settings);
        struct watching all, waiter;
        print_message("%s\n", rows[i].name);
        push_more(scene, 3);
        watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
        watching_begin(&waiter, scene->ears, &scene->history->location_id, test_id(5 + 1));
        WAIT_FOR(scene->ears, all.live && waiter.live);
        push_more(scene, 2);
        WAIT_FOR(scene->ears, all.notes == 2);
        history_grow(scene->history, rows[i].lost);
        for (size_t n = 0; n < rows[i].lost; n++) {
            push_silently(scene->client, scene->history, (int64_t)(6 + n));
        }
        if (rows[i].then > 0) {
            push_more(scene, rows[i].then);
        }
        WAIT_FOR(scene->ears, all.last_seq == (int64_t)scene->history->count);
        assert_int_equal(all.notes, 2 + rows[i].lost + rows[i].then);
        assert_int_equal(all.skipped + all.repeated + all.resets + all.losts, 0);
        assert_int_equal(waiter.notes, 1);
        scene_destroy(scene);
    }
}

/* The cache is refilled under those who watch. */
static void refills_are_resets_or_are_caught_up_with(void **state)
{
    (void)state;
    NEEDS_REDIS();
    static const struct {
        const char *name;
        size_t fork, gets;
        bool other, word_lost;
        int resets, notes;
    } rows[] = {
        { "it goes on", 5, 9, false, false, 0, 4 },
        { "it is the same", 5, 5, false, false, 0, 0 },
        { "it went back", 3, 3, false, false, 1, 0 },
        { "it is another one", 3, 9, true, false, 1, 0 },
        { "it is another one of the same length", 3, 5, true, false, 1, 0 },
        { "it goes on, and the word is lost", 5, 9, false, true, 0, 4 },
        { "it went back, and the word is lost", 3, 3, false, true, 1, 0 },
        { "it is another one, and the word is lost", 3, 9, true, true, 1, 0 },
        { "it is another one of the same length, and the word is lost", 3, 5, true, true, 1, 0 },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create(&hub_settings);
        struct history *next = history_create(0);
        struct watching all;
        print_message("%s\n", rows[i].name);
        next->location_id = scene->history->location_id;
        push_more(scene, 5);
        watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
        WAIT_FOR(scene->ears, all.live);
        all.last_seq = 5;
        history_grow(next, rows[i].fork);
        next->salt = rows[i].other;
        history_grow(next, rows[i].gets - rows[i].fork);
        if (rows[i].word_lost) { /* what a refill leaves behind, without its word */
            const struct key events = live_key_events(&next->location_id), head = live_key_head(&next->location_id);
            client_do(scene->client, "MULTI");
            client_do(scene->client, "DEL %s %s", head.text, events.text);
            for (int64_t seq = 1; seq <= (int64_t)next->count; seq++) {
                push_silently(scene->client, next, seq);
            }
            freeReplyObject(client_ask(scene->client, "EXEC"));
        } else {
            refill_all(scene->push, next);
        }
        WAIT_FOR(scene->ears,
                 all.last_seq == (int64_t)next->count && all.resets == rows[i].resets && all.notes == rows[i].notes);
        history_grow(next, 1);
        assert_int_equal(push_events(scene->push, next, (int64_t)next->count, (int64_t)next->count), LIVE_PUSHED);
        WAIT_FOR(scene->ears, all.notes == rows[i].notes + 1);
        assert_int_equal(all.resets, rows[i].resets);
        assert_int_equal(all.skipped + all.repeated + all.losts, 0);
        history_destroy(next);
        scene_destroy(scene);
    }
}

/* ---- the ring --------------------------------------------------------------------------------------------------- */

struct reading {
    int calls;
    enum zp_err err;
    int64_t head, first, last;
    struct live_note held;
};

static void publish_as(struct scene *scene, enum note_kind kind, const struct live_note *note)
{
    const struct note_frame frame = { .kind = kind, .note = *note };
    struct buffer bytes;
    buffer_init(&bytes, NOTE_BYTES_MAX);
    live_note_encode(&frame, &bytes);
    freeReplyObject(client_ask(scene->client, "SPUBLISH %s %b", live_key_channel(&note->location_id).text,
                               (void *)bytes.data, bytes.len));
    buffer_finish(&bytes);
}

static void publish(struct scene *scene, const struct live_note *note)
{
    publish_as(scene, NOTE_EVENT, note);
}

/* The channel is read later than the head, and the ring was continued from the stream meanwhile: a refill's word of a
 * head that has long been passed. Nothing went back. */
static void a_late_word_of_a_refill_is_no_reset(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct watching all;
    push_more(scene, 3);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    push_more(scene, 2);
    WAIT_FOR(scene->ears, all.notes == 2);
    const struct live_note word = { .location_id = scene->history->location_id, .type = EV_COUNT,
                                    .head = scene->history->notes[3].head };
    publish_as(scene, NOTE_HEAD, &word);
    push_more(scene, 4);
    WAIT_FOR(scene->ears, all.last_seq == 9);
    assert_int_equal(all.notes, 6);
    assert_int_equal(all.skipped + all.repeated + all.resets + all.losts, 0);
    scene_destroy(scene);
}

/* The channel is read later than the head: what it brings may be of a history that the ring has left already. */
static void a_late_event_of_a_lost_history_is_not_told(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct history *lost = history_create(9);
    struct watching all;
    lost->location_id = scene->history->location_id;
    history_grow(lost, 6);
    push_more(scene, 5);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    publish(scene, &lost->notes[5]);
    publish(scene, &lost->notes[4]);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, all.notes > 0);
    assert_true(live_head_same(&all.last.head, &scene->history->notes[5].head));
    push_more(scene, 4);
    WAIT_FOR(scene->ears, all.notes == 5);
    assert_true(live_head_same(&all.last.head, &scene->history->notes[9].head));
    assert_int_equal(all.skipped + all.repeated + all.resets, 0);
    history_destroy(lost);
    scene_destroy(scene);
}

static void on_events(void *arg, enum zp_err err, const struct live_head *head, const struct live_note *notes,
                      size_t count)
{
    struct reading *reading = arg;
    reading->calls++;
    reading->err = err;
    reading->head = head == NULL ? 0 : head->seq;
    reading->first = count == 0 ? 0 : notes[0].seq;
    reading->last = count == 0 ? 0 : notes[count - 1].seq;
    if (count > 0) {
        reading->held = notes[0];
        live_note_hold(&reading->held);
    }
}

static struct reading read_after(struct scene *scene, int64_t after_seq)
{
    struct reading reading = { .calls = 0 };
    const struct live_cursor cursor = { .seq = after_seq };
    live_hub_events_after(scene->ears->hub, &scene->history->location_id, &cursor, 100, on_events, &reading);
    assert_int_equal(reading.calls, 0);
    WAIT_FOR(scene->ears, reading.calls == 1);
    return reading;
}

/* What is no longer kept comes from Redis. */
static void many_locations_keep_less_of_each(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_hub_settings settings = hub_settings;
    settings.rings_bytes_max = 32 * 1024;
    struct scene *scene = scene_create(&settings);
    const struct key events = live_key_events(&scene->history->location_id);
    const struct zp_id elsewhere = id_fresh();
    struct watching all, other;
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    push_more(scene, 50);
    WAIT_FOR(scene->ears, all.notes == 50);
    client_do(scene->client, "DEL %s", events.text);
    struct reading alone = read_after(scene, 15);
    assert_int_equal(alone.err, ZP_OK);
    assert_int_equal(alone.first, 16);

    watching_begin(&other, scene->ears, &elsewhere, ID_NONE);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, all.notes == 51);
    client_do(scene->client, "DEL %s", events.text);
    struct reading gone = read_after(scene, 16);
    assert_int_equal(gone.err, ZP_NOT_FOUND);
    struct reading kept = read_after(scene, 46);
    assert_int_equal(kept.err, ZP_OK);
    assert_int_equal(kept.first, 47);
    assert_int_equal(kept.last, 51);
    live_note_release(&alone.held);
    live_note_release(&kept.held);
    scene_destroy(scene);
}

static void recent_events_come_from_the_ring(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_hub_settings settings = hub_settings;
    settings.ring_events_max = 8;
    struct scene *scene = scene_create(&settings);
    const struct key events = live_key_events(&scene->history->location_id);
    struct watching all;
    push_more(scene, 10);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    push_more(scene, 20);
    WAIT_FOR(scene->ears, all.notes == 20);

    struct reading old = read_after(scene, 5); /* still from Redis */
    assert_int_equal(old.err, ZP_OK);
    assert_int_equal(old.first, 6);
    assert_int_equal(old.last, 30);
    client_do(scene->client, "DEL %s", events.text);
    struct reading none = read_after(scene, 5);
    assert_int_equal(none.err, ZP_NOT_FOUND);
    struct reading edge = read_after(scene, 21);
    assert_int_equal(edge.err, ZP_NOT_FOUND);
    struct reading recent = read_after(scene, 22); /* from memory */
    assert_int_equal(recent.err, ZP_OK);
    assert_int_equal(recent.first, 23);
    assert_int_equal(recent.last, 30);
    assert_int_equal(recent.head, 30);
    struct reading at_head = read_after(scene, 30);
    assert_int_equal(at_head.err, ZP_OK);
    assert_int_equal(at_head.first, 0);

    /* What is held outlives its place, its ring and its hub. */
    scene_destroy(scene);
    assert_int_equal(old.held.seq, 6);
    assert_non_null(memmem(old.held.json, old.held.json_len, "\"seq\":6,", 8));
    assert_non_null(memmem(recent.held.json, recent.held.json_len, "\"seq\":23,", 9));
    live_note_release(&old.held);
    live_note_release(&recent.held);
}

/* More was lost than the stream keeps. The journal may have it: who watches is told to look, and that it was away; a
 * reset would say that the history is another one, and a screen would never see what was skipped. */
static void what_redis_does_not_keep_is_no_reset(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct watching all, waiter;
    push_more(scene, 3);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    watching_begin(&waiter, scene->ears, &scene->history->location_id, test_id(9));
    WAIT_FOR(scene->ears, all.live && waiter.live);
    history_grow(scene->history, 10);
    for (int64_t seq = 4; seq <= 13; seq++) {
        push_silently(scene->client, scene->history, seq);
    }
    client_do(scene->client, "XTRIM %s MAXLEN 5", live_key_events(&scene->history->location_id).text);
    WAIT_FOR(scene->ears, all.lives == 2 && waiter.lives == 2);
    assert_int_equal(all.losts, 1);
    assert_int_equal(waiter.losts, 1);
    assert_int_equal(all.notes, 0);
    assert_true(live_hub_is_live(scene->ears->hub, &scene->history->location_id));
    struct reading missed = read_after(scene, 3);
    assert_int_equal(missed.err, ZP_NOT_FOUND); /* ask the database */
    struct reading kept = read_after(scene, 9);
    assert_int_equal(kept.first, 10);
    assert_int_equal(kept.last, 13);
    live_note_release(&kept.held);
    push_more(scene, 4);
    WAIT_FOR(scene->ears, all.notes == 4);
    assert_int_equal(all.last_seq, 17);
    assert_int_equal(all.resets + waiter.resets, 0);
    assert_int_equal(all.lives, 2);
    scene_destroy(scene);
}

/* Redis comes back without its newest events, as after a crash, and a worker refills them: nothing of what was told is
 * told again. */
static void a_redis_that_fell_back_is_no_reset(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    const struct zp_id *location_id = &scene->history->location_id;
    struct watching all;
    push_more(scene, 3);
    watching_begin(&all, scene->ears, location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    push_more(scene, 6);
    WAIT_FOR(scene->ears, all.notes == 6);
    client_do(scene->client, "MULTI");
    client_do(scene->client, "DEL %s %s", live_key_head(location_id).text, live_key_events(location_id).text);
    for (int64_t seq = 1; seq <= 5; seq++) {
        push_silently(scene->client, scene->history, seq);
    }
    freeReplyObject(client_ask(scene->client, "EXEC"));
    const struct place *place = live_place_find(scene->ears->hub, location_id);
    WAIT_FOR(scene->ears, place->lower_since_us > 0); /* it has looked */
    history_grow(scene->history, 2);
    refill_all(scene->push, scene->history);
    WAIT_FOR(scene->ears, all.notes == 8);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, all.notes == 9);
    assert_int_equal(all.skipped + all.repeated + all.resets + all.losts, 0);
    WAIT_FOR(scene->ears, place->lower_since_us == 0);
    scene_destroy(scene);
}

/* A look at the head is under way when the history is replaced: what it finds belongs to the old one. */
static void a_late_reply_is_dropped(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    struct watching all;
    push_more(scene, 5);
    watching_begin(&all, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, all.live);
    struct place *place = live_place_find(scene->ears->hub, &scene->history->location_id);
    WAIT_FOR(scene->ears, live_router_calls(&scene->ears->hub->commands) == 0);
    place->checked = false;
    live_catch_up(place);
    assert_int_not_equal(place->read_serial, 0);
    live_place_restart(place, &(struct live_head){ .seq = 3 }, false);
    while (live_router_calls(&scene->ears->hub->commands) > 0) {
        reactor_turn(&scene->ears->reactor, 1000);
    }
    assert_int_equal(place->ring.head.seq, 3);
    assert_int_equal(place->heard_seq, 3);
    assert_int_equal(all.resets, 0);
    WAIT_FOR(scene->ears, all.resets == 1); /* the next look finds out */
    assert_int_equal(all.reset_head.seq, 5);
    scene_destroy(scene);
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static void there_are_only_so_many_places(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_hub_settings settings = hub_settings;
    settings.watched_max = 3;
    struct scene *scene = scene_create(&settings);
    struct watching watchings[3];
    struct zp_id ids[5];
    for (size_t i = 0; i < 5; i++) {
        ids[i] = id_fresh();
    }
    for (size_t i = 0; i < 3; i++) {
        watching_begin(&watchings[i], scene->ears, &ids[i], ID_NONE);
    }
    struct live_watcher more = { .only = ID_NONE };
    assert_int_equal(live_hub_watch(scene->ears->hub, &ids[3], &more), ZP_BUSY);
    live_hub_unwatch(&more);
    assert_int_equal(live_hub_watch(scene->ears->hub, &ids[2], &more), ZP_OK);
    WAIT_FOR(scene->ears, watchings[0].live && watchings[1].live && watchings[2].live);

    /* An idle one makes room; the others go on. */
    live_hub_unwatch(&watchings[1].watcher);
    struct watching fourth;
    watching_begin(&fourth, scene->ears, &ids[3], ID_NONE);
    WAIT_FOR(scene->ears, fourth.live);
    assert_false(live_hub_is_live(scene->ears->hub, &ids[1]));
    assert_true(live_hub_is_live(scene->ears->hub, &ids[0]));
    struct live_watcher fifth = { .only = ID_NONE };
    assert_int_equal(live_hub_watch(scene->ears->hub, &ids[4], &fifth), ZP_BUSY);
    scene_destroy(scene);
}

static int64_t subscribers(struct scene *scene)
{
    redisReply *reply =
        client_ask(scene->client, "PUBSUB SHARDNUMSUB %s", live_key_channel(&scene->history->location_id).text);
    int64_t count = reply->element[1]->integer;
    freeReplyObject(reply);
    return count;
}

/* Makes the location idle for longer. */
static void age(struct scene *scene, int64_t seconds)
{
    live_place_find(scene->ears->hub, &scene->history->location_id)->idle_since_us -= seconds * 1000000;
}

static void idle_places_stay_for_a_minute(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct scene *scene = scene_create(&hub_settings);
    const struct zp_id *location = &scene->history->location_id;
    struct watching first, second;
    watching_begin(&first, scene->ears, location, ID_NONE);
    WAIT_FOR(scene->ears, first.live);
    assert_int_equal(subscribers(scene), 1);
    live_hub_unwatch(&first.watcher);
    age(scene, 50);
    ears_turn(scene->ears);
    assert_true(live_hub_is_live(scene->ears->hub, location));
    push_more(scene, 3); /* heard by nobody, but kept */
    watching_begin(&second, scene->ears, location, ID_NONE);
    WAIT_FOR(scene->ears, second.live);
    struct reading reading = read_after(scene, 0);
    assert_int_equal(reading.last, 3);
    live_note_release(&reading.held);
    live_hub_unwatch(&second.watcher);
    age(scene, 61);
    ears_turn(scene->ears);
    assert_false(live_hub_is_live(scene->ears->hub, location));
    WAIT_FOR(scene->ears, subscribers(scene) == 0);
    /* And back, while what was left behind is still under way. */
    watching_begin(&first, scene->ears, location, ID_NONE);
    WAIT_FOR(scene->ears, first.live);
    push_more(scene, 1);
    WAIT_FOR(scene->ears, first.notes == 1);
    scene_destroy(scene);
}

static void leaving_and_coming_back_loses_nothing(void **state)
{
    (void)state;
    NEEDS_REDIS();
    struct live_hub_settings settings = hub_settings;
    settings.watched_max = 1; /* so that each change unsubscribes at once */
    struct scene *scene = scene_create(&settings);
    const struct zp_id elsewhere = id_fresh();
    struct watching here, there;
    WAIT_FOR(scene->ears, live_hub_connected(scene->ears->hub));
    for (int i = 0; i < 50; i++) {
        watching_begin(&here, scene->ears, &scene->history->location_id, ID_NONE);
        if (i % 3 == 0) {
            ears_turn(scene->ears);
        }
        live_hub_unwatch(&here.watcher);
        watching_begin(&there, scene->ears, &elsewhere, ID_NONE);
        if (i % 5 == 0) {
            ears_turn(scene->ears);
        }
        live_hub_unwatch(&there.watcher);
    }
    watching_begin(&here, scene->ears, &scene->history->location_id, ID_NONE);
    WAIT_FOR(scene->ears, here.live);
    push_more(scene, 5);
    WAIT_FOR(scene->ears, here.notes == 5);
    assert_int_equal(here.skipped, 0);
    scene_destroy(scene);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watchers_hear_what_is_pushed),
        cmocka_unit_test(a_location_without_events_is_live_too),
        cmocka_unit_test(a_location_that_is_refilled_later_is_a_reset),
        cmocka_unit_test(waiters_hear_only_their_own),
        cmocka_unit_test(what_the_channel_lost_is_found),
        cmocka_unit_test(refills_are_resets_or_are_caught_up_with),
        cmocka_unit_test(a_late_word_of_a_refill_is_no_reset),
        cmocka_unit_test(a_late_event_of_a_lost_history_is_not_told),
        cmocka_unit_test(recent_events_come_from_the_ring),
        cmocka_unit_test(what_redis_does_not_keep_is_no_reset),
        cmocka_unit_test(a_redis_that_fell_back_is_no_reset),
        cmocka_unit_test(many_locations_keep_less_of_each),
        cmocka_unit_test(a_late_reply_is_dropped),
        cmocka_unit_test(there_are_only_so_many_places),
        cmocka_unit_test(idle_places_stay_for_a_minute),
        cmocka_unit_test(leaving_and_coming_back_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
