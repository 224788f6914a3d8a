/* Owns the rehearsal: one record judged as a worker would, with a turn and a cache of its own, and nothing written.
 * Called by the command line. Invariant: it goes through the very functions that a real turn goes through, up to the
 * commit and not into it. */
#include "judge.h"
#include "zapora/worker.h"

#include <stdlib.h>

struct worker_rehearsal_parts {
    struct turn *turn;
    struct actors actors;
    struct order before;
};

static void parts_destroy(struct worker_rehearsal_parts *parts)
{
    if (parts != NULL) {
        actors_finish(&parts->actors);
        turn_destroy(parts->turn);
        free(parts);
    }
}

/* The order as it is before anything is judged; a copy, for the judging replaces it. */
static enum zp_err keep_before(struct worker_rehearsal_parts *parts, const struct order **ret_before)
{
    struct turn *turn = parts->turn;
    const struct zp_id *order_id = &turn->entries[0].outcome.order_id;
    const struct turn_order *slot = id_is_none(order_id) ? NULL : idmap_get(&turn->orders, order_id);
    if (slot == NULL || slot->now == NULL) {
        return ZP_OK;
    }
    enum zp_err err = order_copy(slot->now, &turn->arena, &parts->before);
    *ret_before = err == ZP_OK ? &parts->before : NULL;
    return err;
}

static enum zp_err judge(struct worker_rehearsal_parts *parts, struct store *store, const struct record *record,
                         const struct order **ret_before)
{
    enum zp_err err = turn_add_record(parts->turn, record, NULL);
    if (err == ZP_OK) {
        err = judge_load(parts->turn, &parts->actors, store);
    }
    if (err == ZP_OK) {
        err = keep_before(parts, ret_before);
    }
    return err != ZP_OK ? err : judge_commands(parts->turn, &parts->actors);
}

enum zp_err worker_rehearse(struct store *store, const struct record *record, struct worker_rehearsal *ret_rehearsal)
{
    struct worker_rehearsal rehearsal = { .kind = REHEARSED_PARKED, .parts = calloc(1, sizeof *rehearsal.parts) };
    if (rehearsal.parts == NULL) {
        return ZP_NO_MEMORY;
    }
    actors_init(&rehearsal.parts->actors, 1);
    rehearsal.parts->turn = turn_create(1);
    enum zp_err err = rehearsal.parts->turn == NULL ? ZP_NO_MEMORY
                                                    : judge(rehearsal.parts, store, record, &rehearsal.before);
    if (err != ZP_OK) {
        parts_destroy(rehearsal.parts);
        return err;
    }
    const struct entry *entry = &rehearsal.parts->turn->entries[0];
    rehearsal.kind = entry->kind == ENTRY_EVENT       ? REHEARSED_EVENT
                     : entry->kind == ENTRY_DUPLICATE ? REHEARSED_DUPLICATE
                     : entry->kind == ENTRY_REFUSED   ? REHEARSED_REFUSED
                                                      : REHEARSED_PARKED;
    rehearsal.outcome = &entry->outcome;
    rehearsal.event = entry->kind == ENTRY_EVENT ? entry->event : NULL;
    *ret_rehearsal = rehearsal;
    return ZP_OK;
}

void worker_rehearsal_finish(struct worker_rehearsal *rehearsal)
{
    parts_destroy(rehearsal->parts);
    rehearsal->parts = NULL;
}
