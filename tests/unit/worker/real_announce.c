/* real_announce.c: the door of fake_announce over the real announcer and its thread, so that a world can have
 * either. */
#include "fake_announce.h"

#include "world.h"

#define LET_OUT_MS 10000

struct announcer *fake_announcer(struct marks *marks, size_t turns, size_t records_max)
{
    static struct worker_settings settings = { .worker_id = "worker-test", .kafka = "fake", .postgres = "fake",
                                               .redis = "fake" };
    struct announcer *announcer = NULL;
    char why[BUS_WHY_SIZE] = "";
    (void)turns;
    settings.batch_records_max = (int64_t)records_max;
    if (announcer_start(&settings, marks, &announcer, why) != ZP_OK) {
        fail_msg("%s", why);
    }
    return announcer;
}

void fake_announcer_free(struct announcer *announcer)
{
    announcer_stop(announcer);
}

void fake_announcer_publish(struct announcer *announcer)
{
    assert_true(announcer_drain(announcer, LET_OUT_MS));
}
