/* Watchers: who is told what, and that they may come and go in the middle of it. */
#include "support.h"

#include "hub.h"
#include "watchers.h"

#define ACTS_MAX 4

struct probe {
    struct live_watcher watcher; /* first */
    int notes, lives, losts, resets;
    struct live_watcher *unlinks[ACTS_MAX]; /* whom it unlinks when told something */
    struct live_watcher *links;             /* whom it links then */
    struct place *place;
};

static void act(struct probe *probe)
{
    for (size_t i = 0; i < ACTS_MAX; i++) {
        if (probe->unlinks[i] != NULL) {
            live_watcher_unlink(probe->unlinks[i]);
        }
    }
    if (probe->links != NULL && probe->links->link == NULL) {
        live_watcher_link(probe->links, probe->place);
    }
}

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    (void)note;
    ((struct probe *)watcher)->notes++;
    act((struct probe *)watcher);
}

static void on_live(struct live_watcher *watcher)
{
    ((struct probe *)watcher)->lives++;
    act((struct probe *)watcher);
}

static void on_lost(struct live_watcher *watcher)
{
    ((struct probe *)watcher)->losts++;
    act((struct probe *)watcher);
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    (void)head;
    ((struct probe *)watcher)->resets++;
    act((struct probe *)watcher);
}

static struct probe probe_of(struct zp_id only)
{
    return (struct probe){
        .watcher = { .on_note = on_note, .on_live = on_live, .on_lost = on_lost, .on_reset = on_reset, .only = only }
    };
}

struct scene {
    struct live_hub hub;
    struct place place, other;
};

static struct scene *scene_create(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    scene->place.hub = scene->other.hub = &scene->hub;
    return scene;
}

static void notes_reach_whom_they_concern(void **state)
{
    (void)state;
    const struct zp_id order = test_id(1), command = test_id(2), stranger = test_id(3);
    /* Ids that share a bucket: the last eight bytes are equal. */
    struct zp_id twin = order;
    twin.bytes[0] ^= 0xff;
    static const char *const names[] = { "all",        "of the order", "of the command",
                                         "of another", "of its twin",  "elsewhere" };
    static const struct {
        const char *name;
        bool event;
        int order, command; /* 1: given */
        int want[6];
    } rows[] = {
        { "an event of order and command", true, 1, 1, { 1, 1, 1, 0, 0, 0 } },
        { "an event of an order", true, 1, 0, { 1, 1, 0, 0, 0, 0 } },
        { "an event without either", true, 0, 0, { 1, 0, 0, 0, 0, 0 } },
        { "a word of order and command", false, 1, 1, { 0, 1, 1, 0, 0, 0 } },
        { "a word of a command", false, 0, 1, { 0, 0, 1, 0, 0, 0 } },
        { "a word of nothing", false, 0, 0, { 0, 0, 0, 0, 0, 0 } },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        struct scene *scene = scene_create();
        struct probe probes[] = { probe_of(ID_NONE),  probe_of(order), probe_of(command),
                                  probe_of(stranger), probe_of(twin),  probe_of(order) };
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            live_watcher_link(&probes[p].watcher, p == 5 ? &scene->other : &scene->place);
        }
        const struct live_note note = { .order_id = rows[i].order ? order : ID_NONE,
                                        .command_id = rows[i].command ? command : ID_NONE };
        (rows[i].event ? live_watchers_event : live_watchers_word)(&scene->place, &note);
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            print_message("%s: those %s\n", rows[i].name, names[p]);
            assert_int_equal(probes[p].notes, rows[i].want[p]);
        }
        free(scene);
    }
}

static void a_placement_is_told_once(void **state)
{
    (void)state;
    struct scene *scene = scene_create();
    const struct zp_id order = test_id(1);
    struct probe probe = probe_of(order);
    live_watcher_link(&probe.watcher, &scene->place);
    const struct live_note note = { .order_id = order, .command_id = order };
    live_watchers_event(&scene->place, &note);
    assert_int_equal(probe.notes, 1);
    live_watcher_unlink(&probe.watcher);
    live_watchers_event(&scene->place, &note);
    assert_int_equal(probe.notes, 1);
    live_watcher_unlink(&probe.watcher);
    free(scene);
}

static void live_and_lost_take_turns(void **state)
{
    (void)state;
    struct scene *scene = scene_create();
    struct probe early = probe_of(ID_NONE), late = probe_of(test_id(1));
    live_watcher_link(&early.watcher, &scene->place);
    live_watchers_lost(&scene->place);
    assert_int_equal(early.losts, 0);
    live_watchers_live(&scene->place);
    live_watcher_link(&late.watcher, &scene->place);
    live_watchers_live(&scene->place);
    assert_int_equal(early.lives, 1);
    assert_int_equal(late.lives, 1);
    live_watchers_lost(&scene->place);
    live_watchers_lost(&scene->place);
    live_watchers_reset(&scene->place, &(struct live_head){ .seq = 1 });
    live_watchers_live(&scene->place);
    assert_int_equal(early.losts + late.losts, 2);
    assert_int_equal(early.lives + late.lives, 4);
    assert_int_equal(early.resets + late.resets, 2);
    free(scene);
}

/* Five watchers, linked so that they are told in the order 4, 3, 2, 1, 0; the one at `actor` unlinks others. */
static void watchers_may_go_in_the_middle(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int actor, victims[ACTS_MAX], want[5];
    } rows[] = {
        { "itself", 2, { 2, -1, -1, -1 }, { 1, 1, 1, 1, 1 } },
        { "the next", 2, { 1, -1, -1, -1 }, { 1, 0, 1, 1, 1 } },
        { "the one before", 2, { 3, -1, -1, -1 }, { 1, 1, 1, 1, 1 } },
        { "the next two", 4, { 3, 2, -1, -1 }, { 1, 1, 0, 0, 1 } },
        { "the next but one", 4, { 2, -1, -1, -1 }, { 1, 1, 0, 1, 1 } },
        { "itself and the next", 4, { 4, 3, -1, -1 }, { 1, 1, 1, 0, 1 } },
        { "all others", 4, { 0, 1, 2, 3 }, { 0, 0, 0, 0, 1 } },
        { "the last by the last but one", 1, { 0, -1, -1, -1 }, { 0, 1, 1, 1, 1 } },
    };
    for (size_t i = 0; i < 2 * ZP_COUNT(rows); i++) {
        const bool waiters = i % 2 == 1; /* the same along a bucket */
        const size_t r = i / 2;
        struct scene *scene = scene_create();
        struct probe probes[5];
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            probes[p] = probe_of(waiters ? test_id(9) : ID_NONE);
            live_watcher_link(&probes[p].watcher, &scene->place);
        }
        for (size_t v = 0; v < ACTS_MAX; v++) {
            int victim = rows[r].victims[v];
            probes[rows[r].actor].unlinks[v] = victim < 0 ? NULL : &probes[victim].watcher;
        }
        print_message("%s, %s\n", rows[r].name, waiters ? "waiters" : "watchers");
        const struct live_note note = { .order_id = test_id(9) };
        live_watchers_event(&scene->place, &note);
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            assert_int_equal(probes[p].notes, rows[r].want[p]);
        }
        for (size_t p = 0; p < ZP_COUNT(probes); p++) {
            live_watcher_unlink(&probes[p].watcher);
        }
        assert_null(scene->place.watchers);
        assert_null(scene->place.waiters);
        assert_null(scene->hub.rounds);
        assert_int_equal(scene->hub.walking, 0);
        free(scene);
    }
}

static void watchers_may_come_in_the_middle(void **state)
{
    (void)state;
    struct scene *scene = scene_create();
    struct probe old = probe_of(ID_NONE), new = probe_of(ID_NONE);
    old.links = &new.watcher;
    old.place = &scene->place;
    live_watcher_link(&old.watcher, &scene->place);
    const struct live_note note = { .order_id = ID_NONE };
    live_watchers_event(&scene->place, &note);
    live_watchers_event(&scene->place, &note);
    assert_int_equal(old.notes, 2);
    assert_true(new.notes >= 1);
    free(scene);
}

static void callbacks_may_be_absent(void **state)
{
    (void)state;
    struct scene *scene = scene_create();
    struct live_watcher watcher = { .only = ID_NONE };
    live_watcher_link(&watcher, &scene->place);
    const struct live_note note = { .order_id = ID_NONE };
    live_watchers_event(&scene->place, &note);
    live_watchers_live(&scene->place);
    live_watchers_lost(&scene->place);
    live_watchers_reset(&scene->place, &(struct live_head){ .seq = 1 });
    live_hub_unwatch(&watcher);
    live_hub_unwatch(&watcher);
    free(scene);
}

int main(void)
{
    crypto_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_reach_whom_they_concern),
        cmocka_unit_test(a_placement_is_told_once),
        cmocka_unit_test(live_and_lost_take_turns),
        cmocka_unit_test(watchers_may_go_in_the_middle),
        cmocka_unit_test(watchers_may_come_in_the_middle),
        cmocka_unit_test(callbacks_may_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
