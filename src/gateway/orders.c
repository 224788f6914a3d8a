/* orders: GET /orders/{id}, at once or, with ?wait=N, when its version has passed the one in If-None-Match.
 *
 * Called through the table of routes. Invariants: what the caller may not see is answered exactly as what does not
 * exist; a wait ends in time with what there is. */
#include "orders.h"

#include "absence.h"
#include "errand.h"
#include "handlers.h"
#include "places.h"
#include "query.h"

#define READ_AGAIN_US 1000000 /* while nothing can be heard */

/* In the call's arena, as its state. */
struct asking {
    int32_t partition;
    struct zp_id location_id;
    int64_t wait_s;
    int64_t known_version; /* If-None-Match's; -1: none */
    bool looked_again;     /* what is missing now stays missing */
    bool listens;          /* the wait has begun */
    bool over;             /* and is over: show what there is */
    bool reading;
};

static void read_order(struct call *call);

/* ---- showing ---- */

static void show_body(struct call *call, const char *json, size_t len)
{
    buffer_reset(&call->out);
    buffer_append(&call->out, json, len);
    call_answer_out(call, 200);
}

static void show(struct call *call, int64_t version, const char *json, size_t len)
{
    call_header(call, "cache-control", "private, no-cache");
    if (!call_not_modified(call, arena_printf(&call->arena, "\"%lld\"", (long long)version))) {
        show_body(call, json, len);
    }
}

/* A parked order has no entity tag: redriven, it begins at the version that it is shown with now. */
static void show_parked(struct call *call, const char *json, size_t len)
{
    call_header(call, "cache-control", "private, no-cache");
    show_body(call, json, len);
}

/* The version that a wait must pass: that of If-None-Match, or the submitted one. */
static int64_t version_to_pass(const struct asking *asking)
{
    return asking->known_version > 0 ? asking->known_version : 0;
}

/* ---- waiting ---- */

static void on_note(struct live_watcher *watcher, const struct live_note *note)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, watcher, watcher);
    struct asking *asking = call->state;
    bool shows_order = note->order_json != NULL && id_equal(&note->order_id, &call->id);
    if (shows_order && note->version > version_to_pass(asking)) {
        show(call, note->version, note->order_json, note->order_json_len);
    }
}

static void on_live(struct live_watcher *watcher)
{
    read_order(H2O_STRUCT_FROM_MEMBER(struct call, watcher, watcher));
}

static void on_lost(struct live_watcher *watcher)
{
    (void)watcher; /* the timer reads */
}

static void on_reset(struct live_watcher *watcher, const struct live_head *head)
{
    (void)head;
    on_live(watcher);
}

static void on_timer(struct timer *timer)
{
    struct call *call = H2O_STRUCT_FROM_MEMBER(struct call, timer, timer);
    const struct asking *asking = call->state;
    if (live_hub_is_live(call->loop->hub, &asking->location_id)) {
        timer_start(&call->loop->timers, &call->timer, clock_mono_us() + READ_AGAIN_US, on_timer);
    } else {
        read_order(call);
    }
}

static void on_wait_over(struct call *call)
{
    struct asking *asking = call->state;
    asking->over = true;
    call->on_deadline = NULL;
    call_expect(call, clock_mono_us() + call_deadline_us(call), ZP_BUSY,
                "No answer came in time from behind the gateway; try again.");
    read_order(call);
}

static void listen_for_change(struct call *call)
{
    struct asking *asking = call->state;
    if (!asking->listens) {
        asking->listens = true;
        call->is_long = true;
        call->watcher = (struct live_watcher){
            .on_note = on_note, .on_live = on_live, .on_lost = on_lost, .on_reset = on_reset, .only = call->id,
        };
        enum zp_err err = live_hub_watch(call->loop->hub, &asking->location_id, &call->watcher);
        (void)err; /* too many locations are heard: then the timer alone reads */
        call->on_deadline = on_wait_over;
        call_expect(call, call->began_us + asking->wait_s * 1000000, ZP_BUSY, NULL);
    }
    timer_start(&call->loop->timers, &call->timer, clock_mono_us() + READ_AGAIN_US, on_timer);
}

/* ---- reading ---- */

static void look_again(struct call *call)
{
    struct asking *asking = call->state;
    asking->looked_again = true;
    read_order(call);
}

static void on_missing(struct call *call)
{
    struct asking *asking = call->state;
    if (asking->looked_again) {
        absence_conclude(call);
    } else {
        absence_prove(call, asking->partition, look_again);
    }
}

static void on_found(struct call *call, const struct order_found *found)
{
    struct asking *asking = call->state;
    asking->reading = false;
    if (found->err == ZP_NOT_FOUND) {
        on_missing(call);
    } else if (found->err == ZP_CATCHING_UP) {
        errand_behind(call);
    } else if (found->err != ZP_OK) {
        call_unavailable(call, METRIC_BACKING, "The order cannot be read at the moment; try again.");
    } else if (!order_may_be_seen(call, &asking->location_id, &found->owner)) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else if (found->version < asking->known_version) {
        call_problem(call, ZP_CATCHING_UP, "You have seen a newer version than can be read at the moment; try again.");
    } else if (asking->wait_s > 0 && !asking->over && found->version <= version_to_pass(asking)) {
        listen_for_change(call);
    } else if (found->may_revive) {
        show_parked(call, found->json, found->json_len);
    } else {
        show(call, found->version, found->json, found->json_len);
    }
}

static void read_order(struct call *call)
{
    struct asking *asking = call->state;
    if (!asking->reading) {
        asking->reading = true;
        order_read(call, &asking->location_id, asking->partition, &call->id, asking->known_version, on_found);
    }
}

/* ---- the request ---- */

static bool take_wait(struct call *call, struct asking *asking)
{
    struct query_slot slots[] = { { "wait", NULL } };
    struct reason_list faults = { .count = 0 };
    enum zp_err err = query_parse(call_query(call), slots, ZP_COUNT(slots), &call->arena, &faults);
    if (err != ZP_OK) {
        call_problem(call, err, NULL);
        return false;
    }
    if (slots[0].value != NULL && !field_number(query_text(&slots[0]), INT64_MAX, &asking->wait_s)) {
        reason_add(&faults, "not_a_number", "?wait", "A whole number of seconds; more than 30 counts as 30.");
    }
    if (faults.count > 0) {
        call_faults(call, ZP_INVALID, &faults);
        return false;
    }
    asking->wait_s = asking->wait_s < WAIT_SECONDS_MAX ? asking->wait_s : WAIT_SECONDS_MAX;
    return true;
}

static void begin(struct call *call, const struct place *place)
{
    struct asking *asking = call->state;
    asking->location_id = place->location->id;
    asking->partition = place->partition;
    read_order(call);
}

static void place_again(struct call *call, bool known)
{
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (place != NULL) {
        begin(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL); /* no location has orders with such ids */
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; try again.");
    }
}

void order_get(struct call *call)
{
    size_t count;
    struct asking *asking = arena_alloc(&call->arena, sizeof(*asking));
    const struct place *place = places_find_prefix(call->loop->places, id_prefix(&call->id));
    if (asking == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    call->state = asking;
    asking->known_version = -1;
    (void)field_version(call_field(call, "if-none-match", &count), &asking->known_version);
    if (!take_wait(call, asking)) {
        return;
    }
    if (place != NULL) {
        begin(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
