/* line_announce: the announcer's door over the real line, stepped by the test instead of a thread of its own. */
#include "fake_announce.h"

#include "line.h"
#include "torture.h"

struct announcer {
    struct worker_settings settings;
    struct line line;
    struct turn *pool;
};

static void on_done(void *arg, struct turn *turn)
{
    announcer_return(arg, turn);
}

struct announcer *fake_announcer(struct marks *marks, size_t turns, size_t records_max)
{
    char why[BUS_WHY_SIZE];
    struct announcer *a = calloc(1, sizeof *a);
    ZP_ASSERT(a != NULL);
    a->settings = (struct worker_settings){ .worker_id = "worker-test", .kafka = "fake", .postgres = "fake",
                                            .redis = "fake" };
    a->line = (struct line){ .settings = &a->settings, .marks = marks, .wake_fd = -1, .on_done = on_done, .arg = a };
    ZP_ASSERT(line_open(&a->line, why) == ZP_OK);
    for (size_t i = 0; i < turns; i++) {
        struct turn *turn = turn_create(records_max);
        ZP_ASSERT(turn != NULL);
        announcer_return(a, turn);
    }
    return a;
}

void fake_announcer_free(struct announcer *a)
{
    line_close(&a->line);
    while (a->pool != NULL) {
        struct turn *turn = a->pool;
        a->pool = turn->next;
        turn_destroy(turn);
    }
    free(a);
}

/* What its thread would do when it is woken. */
void fake_announcer_publish(struct announcer *a)
{
    line_step(&a->line);
}

struct turn *announcer_turn(struct announcer *a, int timeout_ms)
{
    (void)timeout_ms;
    struct turn *turn = a->pool;
    if (turn != NULL) {
        a->pool = turn->next;
        turn->next = NULL;
    }
    return turn;
}

void announcer_return(struct announcer *a, struct turn *turn)
{
    turn_reset(turn);
    turn->next = a->pool;
    a->pool = turn;
}

void announcer_hand(struct announcer *a, struct turn *turn)
{
    line_owe(&a->line, turn);
    turn->next = NULL;
    line_add(&a->line, turn);
}

void announcer_compare(struct announcer *a, int32_t partition)
{
    line_compare(&a->line, partition);
}

bool announcer_failed(const struct announcer *a)
{
    return a->line.failed;
}

void announcer_renew(struct announcer *a)
{
    line_renew(&a->line);
}

bool announcer_drain(struct announcer *a, int timeout_ms)
{
    (void)timeout_ms;
    return a->line.first == NULL;
}
