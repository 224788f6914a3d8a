/* Owns what an audit reads of the database: digests of each outcome, of each order and of each event of the journal,
 * and each location's row. Called by verify.
 * Invariant: all of a group is of one snapshot; what is kept of an order or an event does not grow with its size. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_AT_ONCE 16 /* menus are large */
#define CLOCKS_APART_US (INT64_C(3600) * 1000000) /* ours and the workers', who purge */

/* ---- the journal ---------------------------------------------------------------------------------------------- */

static enum zp_err read_journal(struct audit *audit, struct store *store, struct audit_place *place)
{
    enum zp_err err = ZP_OK;
    for (size_t count = 1; err == ZP_OK && count > 0;) {
        struct batch_event *rows = NULL;
        arena_reset(&audit->arena);
        err = store_audit_events(store, &place->id, place->journal_seq, VERIFY_PIECE, VERIFY_PIECE_BYTES, &audit->arena,
                                 &rows, &count);
        for (size_t i = 0; err == ZP_OK && i < count; i++) {
            err = audit_take_row(audit, place, &rows[i]);
        }
    }
    return err;
}

/* ---- orders --------------------------------------------------------------------------------------------------- */

static enum zp_err take_order(struct audit *audit, uint32_t place_index, const struct audit_order *row)
{
    const struct order *order = &row->order;
    struct audit_order_state *state = audit_order(audit, &order->id, place_index);
    if (state == NULL) {
        return ZP_NO_MEMORY;
    }
    state->in_database = true;
    state->version = order->version;
    state->seq = order->seq;
    state->digest = audit_digest_order(audit, order);
    if (row->open != order_is_open(order->status)) {
        const struct audit_place *place = &audit->places[place_index];
        difference_tell(audit->differences, &(struct difference){
            .partition = place->partition, .location_id = &place->id, .order_id = &order->id, .field = "open",
            .left = "log", .left_value = row->open ? "false" : "true",
            .right = "database", .right_value = row->open ? "true" : "false" });
    }
    return ZP_OK;
}

static enum zp_err read_orders(struct audit *audit, struct store *store, uint32_t place_index)
{
    struct audit_order last = { .open = false };
    const struct audit_order *after = NULL;
    enum zp_err err = ZP_OK;
    for (size_t count = VERIFY_PIECE; err == ZP_OK && count == VERIFY_PIECE;) {
        struct audit_order *rows = NULL;
        const struct zp_id location_id = audit->places[place_index].id;
        arena_reset(&audit->arena);
        err = store_audit_orders(store, &location_id, after, VERIFY_PIECE, &audit->arena, &rows, &count);
        for (size_t i = 0; err == ZP_OK && i < count; i++) {
            err = take_order(audit, place_index, &rows[i]);
            last = rows[i]; /* its strings go with the piece; where it stood is all that counts */
        }
        after = &last;
    }
    return err;
}

/* ---- locations ------------------------------------------------------------------------------------------------ */

static void take_row(struct audit *audit, struct audit_place *place, const struct location *row)
{
    place->has_row = true;
    place->seq = row->seq;
    place->last_number = row->last_number;
    place->open_count = row->open_count;
    place->open_hash = row->open_hash;
    memcpy(place->hash, row->hash, HASH_SIZE);
    place->settings = audit_digest_settings(audit, row);
    place->menu = audit_digest_menu(audit, row);
}

static enum zp_err read_place(struct audit *audit, struct store *store, const struct zp_id *id, int32_t partition,
                              const struct location *row)
{
    if (!id_is_none(&audit->only) && !id_equal(&audit->only, id)) {
        return ZP_OK;
    }
    struct audit_place *place = audit_place(audit, id, partition);
    if (place == NULL) {
        return ZP_NO_MEMORY;
    }
    uint32_t index = (uint32_t)(place - audit->places);
    if (row != NULL) {
        take_row(audit, place, row);
        if (bus_partition_of_location(id) != partition) {
            difference_tell_int(audit->differences,
                                &(struct difference){ .partition = partition, .location_id = id, .left = "log",
                                                      .right = "database" },
                                "partition", bus_partition_of_location(id), partition);
        }
    }
    enum zp_err err = read_journal(audit, store, place);
    return err == ZP_OK ? read_orders(audit, store, index) : err;
}

/* ---- outcomes ------------------------------------------------------------------------------------------------- */

static enum zp_err read_outcomes(struct audit *audit, struct store *store, int32_t partition)
{
    int64_t after = -1;
    enum zp_err err = ZP_OK;
    for (size_t count = VERIFY_PIECE; err == ZP_OK && count == VERIFY_PIECE;) {
        struct outcome *rows = NULL;
        arena_reset(&audit->arena);
        err = store_audit_outcomes(store, partition, after, VERIFY_PIECE, &audit->arena, &rows, &count);
        for (size_t i = 0; err == ZP_OK && i < count; i++) {
            err = audit_take_outcome(audit, &rows[i]);
            after = rows[i].offset;
        }
    }
    return err;
}

/* ---- partitions ----------------------------------------------------------------------------------------------- */

static enum zp_err read_partition(struct audit *audit, struct store *store, int32_t partition)
{
    struct zp_id after = ID_NONE;
    size_t count = PLACES_AT_ONCE;
    enum zp_err err = read_outcomes(audit, store, partition);
    while (err == ZP_OK && count == PLACES_AT_ONCE) {
        struct location *rows[PLACES_AT_ONCE];
        err = store_audit_locations(store, partition, &after, PLACES_AT_ONCE, rows, &count);
        if (err != ZP_OK) {
            return err;
        }
        for (size_t i = 0; i < count; i++) {
            if (err == ZP_OK) {
                err = read_place(audit, store, &rows[i]->id, partition, rows[i]);
            }
            after = rows[i]->id;
            location_finish(rows[i]);
            free(rows[i]);
        }
    }
    return err;
}

static enum zp_err read_cuts(struct audit *audit, struct store *store)
{
    struct store_partition *rows = NULL;
    size_t count = 0;
    arena_reset(&audit->arena);
    enum zp_err err = store_audit_partitions(store, &audit->arena, &rows, &count);
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        if (rows[i].partition >= 0 && rows[i].partition < BUS_PARTITIONS_MAX) {
            audit->cuts[rows[i].partition] = (struct audit_cut){ rows[i].next_offset, rows[i].published_offset };
        }
    }
    return err;
}

enum zp_err audit_read_database(struct audit *audit, struct store *store, const int32_t *partitions, size_t count,
                                const struct zp_id *strays, size_t stray_count)
{
    audit->kept_since = clock_wall_us() - STORE_OUTCOMES_KEPT_US + CLOCKS_APART_US;
    enum zp_err err = store_audit_begin(store);
    if (err == ZP_OK) {
        err = read_cuts(audit, store);
    }
    for (size_t i = 0; err == ZP_OK && i < count; i++) {
        err = read_partition(audit, store, partitions[i]);
        for (size_t n = 0; err == ZP_OK && n < stray_count; n++) {
            if (bus_partition_of_location(&strays[n]) == partitions[i] && audit_place_find(audit, &strays[n]) == NULL) {
                err = read_place(audit, store, &strays[n], partitions[i], NULL);
            }
        }
    }
    store_audit_end(store);
    return err;
}
