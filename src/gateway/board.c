/* board: GET /locations/{id}/board: the open tickets with the head they belong to, in one piece.
 *
 * Called through the table of routes. Redis' head and the partition's tick are asked for first. A young tick vouches
 * for Redis, and PostgreSQL stands in when that fails; without one Redis may have been refusing all that was pushed
 * since (MISCONF, NOREPLICAS), so PostgreSQL comes first, and Redis stands in. Invariant: a board comes whole from one
 * read, Redis' script or one PostgreSQL snapshot, so its hash fits its tickets; and PostgreSQL's is shown only when it
 * is not behind the head that Redis knew before. */
#include "errand.h"
#include "handlers.h"
#include "lag.h"
#include "places.h"
#include "zapora/message.h"

/* In the call's arena, as its state. */
struct asking {
    struct zp_id location_id;
    int32_t partition;
    int64_t known_head; /* Redis' seq before PostgreSQL was asked; 0: it knew none */
    bool table_first;   /* no tick vouches for Redis */
};

static void put_start(struct buffer *out, const struct zp_id *location_id, int64_t seq, uint64_t hash)
{
    char location[ID_TEXT_SIZE], now[TIME_TEXT_SIZE];
    buffer_printf(
        out, "{\"location_id\":\"%s\",\"head\":%lld,\"hash\":\"%016llx\",\"server_time\":\"%s\",\"tickets\":[",
        id_format(location_id, location), (long long)seq, (unsigned long long)hash, time_format(clock_wall_us(), now));
}

static void put_end(struct buffer *out, bool more)
{
    buffer_printf(out, "],\"more\":%s}", more ? "true" : "false");
}

static void show(struct call *call)
{
    call_header(call, "cache-control", "no-store");
    call_answer_out(call, 200);
}

/* ---- PostgreSQL ---- */

static void look_in_table(struct errand *errand, struct store *store)
{
    const struct zp_id *location_id = errand->question;
    struct store_board *board = arena_alloc(&errand->arena, sizeof(*board));
    errand->err = board == NULL ? ZP_NO_MEMORY : store_board_get(store, location_id, &errand->arena, board);
    if (errand->err != ZP_OK) {
        return;
    }
    errand->found = board;
    put_start(&errand->out, location_id, board->head.seq, board->head.open_hash);
    for (size_t i = 0; i < board->order_count; i++) {
        if (i > 0) {
            buffer_putc(&errand->out, ',');
        }
        message_order_json(&board->orders[i], &errand->out);
    }
    put_end(&errand->out, board->more);
}

static void ask_cache(struct call *call);

static void on_table(struct call *call, struct errand *errand)
{
    const struct asking *asking = call->state;
    const struct store_board *board = errand->found;
    if (errand->err != ZP_OK && asking->table_first && asking->known_head > 0) {
        ask_cache(call);
    } else if (errand->err != ZP_OK) {
        errand_unavailable(call);
    } else if (board->head.seq < asking->known_head) {
        errand_behind(call);
    } else {
        buffer_reset(&call->out);
        buffer_append(&call->out, errand->out.data, errand->out.len);
        show(call);
    }
}

static void ask_table(struct call *call)
{
    const struct asking *asking = call->state;
    (void)errand_start(call, JOB_READ, &asking->location_id, sizeof(asking->location_id), look_in_table, on_table);
}

/* ---- Redis ---- */

static void on_board(void *arg, enum zp_err err, const struct live_board *board)
{
    struct call *call = arg;
    const struct asking *asking = call->state;
    if (call_open(call) && err != ZP_OK && asking->table_first) {
        errand_unavailable(call);
    } else if (call_open(call) && err != ZP_OK) {
        ask_table(call);
    } else if (call_open(call)) {
        put_start(&call->out, &asking->location_id, board->head.seq, board->head.board_hash);
        for (size_t i = 0; i < board->order_count; i++) {
            if (i > 0) {
                buffer_putc(&call->out, ',');
            }
            buffer_append(&call->out, board->orders[i], board->order_lens[i]);
        }
        put_end(&call->out, board->more);
        show(call);
    }
    call_release(call);
}

static void ask_cache(struct call *call)
{
    const struct asking *asking = call->state;
    call_hold(call);
    live_hub_board_get(call->loop->hub, &asking->location_id, on_board, call);
}

/* What was pushed before was committed before: PostgreSQL must have it, too. */
static void on_head(void *arg, enum zp_err err, const struct live_head *head, const struct live_tick *tick)
{
    struct call *call = arg;
    struct asking *asking = call->state;
    bool answers = err == ZP_OK || err == ZP_NOT_FOUND;
    if (call_open(call)) {
        asking->known_head = err == ZP_OK ? head->seq : 0;
        asking->table_first = !answers || !lag_tick_vouches(tick, clock_wall_us());
        if (asking->table_first) {
            ask_table(call);
        } else {
            ask_cache(call);
        }
    }
    call_release(call);
}

static void begin(struct call *call, const struct place *place)
{
    struct asking *asking = arena_alloc(&call->arena, sizeof(*asking));
    if (asking == NULL) {
        call_problem(call, ZP_NO_MEMORY, NULL);
        return;
    }
    call->state = asking;
    asking->location_id = place->location->id;
    asking->partition = place->partition;
    call_hold(call);
    live_hub_head_get(call->loop->hub, &asking->location_id, asking->partition, on_head, call);
}

static void place_again(struct call *call, bool known)
{
    const struct place *place = places_find(call->loop->places, &call->id);
    if (place != NULL) {
        begin(call, place);
    } else if (known) {
        call_problem(call, ZP_NOT_FOUND, NULL);
    } else {
        call_unavailable(call, METRIC_BACKING, "The locations are not known yet; try again.");
    }
}

void board_get(struct call *call)
{
    const struct place *place = places_find(call->loop->places, &call->id);
    if (!actor_is_staff_of(&call->actor, &call->id)) {
        call_problem(call, ZP_NOT_FOUND, NULL); /* staff of elsewhere learns nothing */
    } else if (place != NULL) {
        begin(call, place);
    } else if (!places_wait(call, place_again)) {
        call_problem(call, ZP_NO_MEMORY, NULL);
    }
}
