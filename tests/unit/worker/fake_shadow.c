/* fake_shadow.c: owns the live tables while a shadow is filled; see fake_shadow.h. Called by the thread that rebuilds,
 * while it has no others. */
#include "fake_shadow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_shadow shadow;

/* ---- rows --------------------------------------------------------------------------------------------------- */

static bool has_outcome(const struct fake_db *in, const struct outcome *row)
{
    for (size_t i = 0; i < in->outcome_count; i++) {
        const struct outcome *other = &in->outcomes[i];
        if (id_equal(&other->command_id, &row->command_id)) {
            return other->err == row->err && other->seq == row->seq && other->offset == row->offset &&
                   other->partition == row->partition && other->at == row->at && other->type == row->type;
        }
    }
    return false;
}

static bool has_order(const struct fake_db *in, const struct order *row)
{
    for (size_t i = 0; i < in->order_count; i++) {
        const struct order *other = &in->orders[i];
        if (id_equal(&other->id, &row->id)) {
            return other->version == row->version && other->status == row->status && other->seq == row->seq &&
                   other->number == row->number && other->total == row->total;
        }
    }
    return false;
}

static bool has_location(const struct fake_db *in, const struct location *row)
{
    for (size_t i = 0; i < in->location_count; i++) {
        const struct location *other = &in->locations[i].location;
        if (id_equal(&other->id, &row->id)) {
            return other->seq == row->seq && memcmp(other->hash, row->hash, HASH_SIZE) == 0 &&
                   other->open_hash == row->open_hash && other->last_number == row->last_number &&
                   other->menu.version == row->menu.version;
        }
    }
    return false;
}

int64_t fake_db_lacks(const struct fake_db *lacking, const struct fake_db *wanted)
{
    int64_t count = 0;
    for (size_t i = 0; i < wanted->outcome_count; i++) {
        count += !has_outcome(lacking, &wanted->outcomes[i]);
    }
    for (size_t i = 0; i < wanted->order_count; i++) {
        count += !has_order(lacking, &wanted->orders[i]);
    }
    for (size_t i = 0; i < wanted->location_count; i++) {
        count += !has_location(lacking, &wanted->locations[i].location);
    }
    return count;
}

/* ---- the door ------------------------------------------------------------------------------------------------- */

/* Any call of the fake store takes its words away again; this one gives it some. */
static enum zp_err fail(struct store *store, const struct fake_failure *script)
{
    struct store_trouble *trouble = (struct store_trouble *)(uintptr_t)store_trouble(store);
    snprintf(trouble->why, sizeof trouble->why, "scripted");
    return script->err;
}

/* True when it fails this time. */
static bool is_scripted(struct fake_failure *script)
{
    bool fails = script->times > 0;
    script->times -= fails;
    return fails;
}

void fake_shadow_open(void)
{
    memset(&shadow, 0, sizeof shadow);
}

void fake_shadow_drop(void)
{
    if (shadow.live != NULL) {
        fake_db_restore(shadow.live);
        shadow.live = NULL;
    }
}

/* Rows of the copy may lie in the arena: it is not reset. */
static void empty_tables(void)
{
    for (size_t i = 0; i < db.location_count; i++) {
        location_finish(&db.locations[i].location);
    }
    memset(db.has_row, 0, sizeof db.has_row);
    db.outcome_count = db.event_count = db.order_count = db.location_count = 0;
}

enum zp_err store_shadow_begin(struct store *store)
{
    if (is_scripted(&shadow.on_begin)) {
        return fail(store, &shadow.on_begin);
    }
    shadow.live = shadow.live != NULL ? shadow.live : fake_db_save();
    empty_tables();
    shadow.begins++;
    return ZP_OK;
}

enum zp_err store_migrate(struct store *store, const char *dir, bool dry, FILE *words)
{
    (void)dir, (void)dry, (void)words;
    return is_scripted(&shadow.on_migrate) ? fail(store, &shadow.on_migrate) : ZP_OK;
}

enum zp_err store_shadow_compare(struct store *store, struct store_shadow_table ret_tables[STORE_SHADOW_TABLES_MAX],
                                 size_t *ret_count)
{
    if (is_scripted(&shadow.on_compare)) {
        return fail(store, &shadow.on_compare);
    }
    ZP_ASSERT(shadow.live != NULL);
    ret_tables[0] = (struct store_shadow_table){ .name = "all", .only_live = fake_db_lacks(&db, shadow.live),
                                                 .only_shadow = fake_db_lacks(shadow.live, &db) };
    *ret_count = 1;
    return ZP_OK;
}

static bool is_covered(void)
{
    for (size_t i = 0; i < shadow.live->outcome_count; i++) {
        const struct outcome *row = &shadow.live->outcomes[i];
        if (!db.has_row[row->partition] || row->offset >= db.partitions[row->partition].next_offset) {
            return false;
        }
    }
    return true;
}

/* Asked again after it was done, it says so. */
enum zp_err store_shadow_swap(struct store *store)
{
    bool fails = is_scripted(&shadow.on_swap);
    if (fails && !shadow.on_swap.applied) {
        return fail(store, &shadow.on_swap);
    }
    if (shadow.live != NULL && !is_covered()) {
        void (*on_uncovered)(void) = shadow.on_uncovered;
        shadow.on_uncovered = NULL;
        if (on_uncovered != NULL) {
            on_uncovered();
        }
        return ZP_CATCHING_UP;
    }
    if (shadow.live != NULL) {
        fake_db_forget(shadow.live);
        shadow.live = NULL;
        shadow.swaps++;
    }
    return fails ? fail(store, &shadow.on_swap) : ZP_OK;
}
