/* places: keeps the locations and their menus in memory, loaded from PostgreSQL by a thread of its own.
 *
 * Called by loops through their view. Invariants: a view never changes, a new load makes a new one; at most one load
 * runs at a time, and behind each there is a rest (places_rest_us), LOAD_REST_US_MAX at most; a load that fails leaves
 * the old view in place. */
#include "places.h"

#include "call.h"
#include "placeview.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define LOAD_REST_US_MIN INT64_C(250000)
#define LOAD_REST_US_MAX INT64_C(10000000) /* so long a location may be unknown though somebody asks for it */
#define LOAD_EVERY_US INT64_C(5000000)
#define LOAD_AGAIN_US INT64_C(500000) /* after a load that failed */
#define LOAD_SHARE 20 /* a load of d µs is followed by 20 d µs of rest, up to the longest rest */
#define BEAT_US INT64_C(1000000) /* a rest may be longer than the watchdog waits */
#define STATEMENT_TIMEOUT_MS 10000

struct places {
    struct gateway *gateway;
    struct store *store;            /* the thread's */
    bool runs;                      /* the main thread's */
    pthread_t thread;
    pthread_mutex_t lock;           /* guards what follows */
    pthread_cond_t asked;
    bool wanted, stopping;
    int64_t attempts;               /* begun */
    struct places_view *newest;     /* held; NULL before the first load */
    enum zp_err last_err;           /* of the last attempt that ended */
    char why[STORE_WHY_SIZE];
};

/* Tells a loop that an attempt has ended. */
struct news {
    struct post post;
    struct loop *loop;
    int64_t attempt;
    bool well;
};

static void drop_wait(struct place_wait *wait)
{
    call_release(wait->call);
    free(wait);
}

/* Runs the waits that the attempt settles. A retry may begin a new wait, which then stands in front of the list. */
static void settle_waits(struct loop *loop, const struct news *news)
{
    struct place_wait **link = &loop->place_waits;
    struct place_wait *settled = NULL;
    while (*link != NULL) {
        struct place_wait *wait = *link;
        if (wait->attempt <= news->attempt) {
            *link = wait->next;
            wait->next = settled;
            settled = wait;
        } else {
            link = &wait->next;
        }
    }
    while (settled != NULL) {
        struct place_wait *wait = settled;
        settled = wait->next;
        if (call_open(wait->call)) {
            wait->retry(wait->call, news->well);
        }
        drop_wait(wait);
    }
}

static void on_news(struct post *post)
{
    struct news *news = H2O_STRUCT_FROM_MEMBER(struct news, post, post);
    struct loop *loop = news->loop;
    const struct places_view *newest = places_newest(loop->gateway->places);
    places_view_release(loop->places);
    loop->places = (struct places_view *)newest;
    settle_waits(loop, news);
    free(news);
}

static void tell_loops(struct places *places, int64_t attempt, bool well)
{
    for (size_t i = 0; i < places->gateway->loop_count; i++) {
        struct news *news = malloc(sizeof(*news));
        if (news != NULL) {
            *news = (struct news){ .loop = places->gateway->loops[i], .attempt = attempt, .well = well };
            loop_post(news->loop, &news->post, on_news);
        }
    }
}

static enum zp_err load(struct places *places, int64_t attempt)
{
    struct places_view *view = NULL;
    enum zp_err err = placeview_load(places->store, attempt, places->newest, &view);
    pthread_mutex_lock(&places->lock);
    bool turned = err != places->last_err;
    struct places_view *old = places->newest;
    places->last_err = err;
    if (err == ZP_OK) {
        places->newest = view;
    } else {
        (void)snprintf(places->why, sizeof(places->why), "%s", store_trouble(places->store)->why);
    }
    pthread_mutex_unlock(&places->lock);
    metric_add(&gateway_metrics[err == ZP_OK ? METRIC_PLACES_LOADED : METRIC_PLACES_FAILED], 1);
    if (err == ZP_OK) {
        places_view_release(old);
    }
    if (turned && err != ZP_OK) {
        log_warn("locations cannot be loaded", L_STR("error", zp_err_name(err)),
                 L_STR("why", store_trouble(places->store)->why));
    } else if (turned) {
        log_info("locations loaded", L_INT("count", view->count));
    }
    tell_loops(places, attempt, err == ZP_OK);
    return err;
}

/* Waits until a load is due: rest_us from now when somebody asks, else idle_us; false when the thread shall end. */
static bool wait_for_turn(struct places *places, struct watch *watch, int64_t rest_us, int64_t idle_us,
                          int64_t *ret_attempt)
{
    int64_t now = clock_wall_us();
    int64_t earliest = now + rest_us;
    int64_t latest = now + (idle_us > rest_us ? idle_us : rest_us);
    pthread_mutex_lock(&places->lock);
    while (!places->stopping && (now = clock_wall_us()) < (places->wanted ? earliest : latest)) {
        int64_t until = places->wanted ? earliest : latest;
        until = until < now + BEAT_US ? until : now + BEAT_US;
        watchdog_beat(watch);
        const struct timespec at = { .tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000 };
        (void)pthread_cond_timedwait(&places->asked, &places->lock, &at);
    }
    bool goes_on = !places->stopping;
    places->wanted = false;
    *ret_attempt = ++places->attempts;
    pthread_mutex_unlock(&places->lock);
    return goes_on;
}

int64_t places_rest_us(enum zp_err err, int64_t took_us)
{
    if (err != ZP_OK) {
        return LOAD_AGAIN_US; /* how long it waited in vain says nothing about what a load costs */
    }
    int64_t rest_us = took_us < LOAD_REST_US_MAX / LOAD_SHARE ? took_us * LOAD_SHARE : LOAD_REST_US_MAX;
    return rest_us > LOAD_REST_US_MIN ? rest_us : LOAD_REST_US_MIN;
}

static void *run(void *arg)
{
    struct places *places = arg;
    struct watch *watch = watchdog_watch("places", -1);
    int64_t rest_us = 0, idle_us = 0, attempt;
    while (wait_for_turn(places, watch, rest_us, idle_us, &attempt)) {
        watchdog_beat(watch);
        int64_t began_us = clock_mono_us();
        enum zp_err err = load(places, attempt);
        idle_us = err == ZP_OK ? LOAD_EVERY_US : LOAD_AGAIN_US;
        rest_us = places_rest_us(err, clock_mono_us() - began_us);
    }
    watchdog_unwatch(watch);
    return NULL;
}

enum zp_err places_create(struct gateway *gateway, struct places **ret_places)
{
    const struct store_settings settings =
        gateway_store_settings(gateway->settings, "zapora-gateway-places", STATEMENT_TIMEOUT_MS);
    struct places *places = calloc(1, sizeof(*places));
    if (places == NULL) {
        return ZP_NO_MEMORY;
    }
    places->gateway = gateway;
    places->last_err = ZP_ERR_COUNT; /* no attempt has ended yet */
    (void)snprintf(places->why, sizeof(places->why), "not loaded yet");
    enum zp_err err = store_create(&settings, &places->store);
    if (err != ZP_OK) {
        free(places);
        return err;
    }
    pthread_mutex_init(&places->lock, NULL);
    pthread_cond_init(&places->asked, NULL);
    *ret_places = places;
    return ZP_OK;
}

enum zp_err places_run(struct places *places)
{
    places->runs = pthread_create(&places->thread, NULL, run, places) == 0;
    return places->runs ? ZP_OK : ZP_BUSY;
}

void places_stop(struct places *places)
{
    if (places == NULL || !places->runs) {
        return;
    }
    pthread_mutex_lock(&places->lock);
    places->stopping = true;
    pthread_cond_signal(&places->asked);
    pthread_mutex_unlock(&places->lock);
    (void)pthread_join(places->thread, NULL);
    places->runs = false;
}

void places_destroy(struct places *places)
{
    if (places == NULL) {
        return;
    }
    store_destroy(places->store);
    places_view_release(places->newest);
    pthread_cond_destroy(&places->asked);
    pthread_mutex_destroy(&places->lock);
    free(places);
}

const struct places_view *places_newest(struct places *places)
{
    pthread_mutex_lock(&places->lock);
    const struct places_view *view = places->newest;
    if (view != NULL) {
        places_view_hold(view);
    }
    pthread_mutex_unlock(&places->lock);
    return view;
}

int64_t places_ask(struct places *places)
{
    pthread_mutex_lock(&places->lock);
    places->wanted = true;
    int64_t attempt = places->attempts + 1; /* the one that runs may have read before now */
    pthread_cond_signal(&places->asked);
    pthread_mutex_unlock(&places->lock);
    return attempt;
}

bool places_well(struct places *places, char *why, size_t why_size)
{
    pthread_mutex_lock(&places->lock);
    bool well = places->newest != NULL;
    if (!well) {
        (void)snprintf(why, why_size, "%s", places->why);
    }
    pthread_mutex_unlock(&places->lock);
    return well;
}

bool places_wait(struct call *call, void (*retry)(struct call *call, bool known))
{
    struct place_wait *wait = malloc(sizeof(*wait));
    if (wait == NULL) {
        return false;
    }
    *wait = (struct place_wait){ .next = call->loop->place_waits, .call = call, .retry = retry };
    call_hold(call);
    call->loop->place_waits = wait;
    wait->attempt = places_ask(call->loop->gateway->places);
    return true;
}

void places_forget(struct loop *loop)
{
    while (loop->place_waits != NULL) {
        struct place_wait *wait = loop->place_waits;
        loop->place_waits = wait->next;
        drop_wait(wait);
    }
}
