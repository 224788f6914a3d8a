/* fake_store.c: owns the tables in memory; see fake_store.h. Calls are serialised, so that several threads may have
 * connections of their own. */
#include "fake_store.h"
#include "zapora/planted.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DB_BYTES_MAX (256u << 20)
#define TAKEOVERS_WHEN_TRYING 3

struct store { struct store_trouble trouble; };

struct fake_db db;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void unlock(int *held)
{
    (void)held;
    pthread_mutex_unlock(&lock);
}

#define LOCKED __attribute__((cleanup(unlock), unused)) int held = pthread_mutex_lock(&lock)

static enum zp_err fail(struct store *store, enum zp_err err, const char *sqlstate, const char *why)
{
    snprintf(store->trouble.sqlstate, sizeof store->trouble.sqlstate, "%s", sqlstate == NULL ? "" : sqlstate);
    snprintf(store->trouble.why, sizeof store->trouble.why, "%s", why);
    return err;
}

static enum zp_err begin(struct store *store, struct fake_failure *script)
{
    if (script->times == 0 || script->applied) {
        return fail(store, ZP_OK, "", "");
    }
    script->times--;
    return fail(store, script->err, script->sqlstate, "scripted");
}

/* ---- life ---------------------------------------------------------------------------------------------- */

void fake_db_open(void)
{
    memset(&db, 0, sizeof db);
    arena_init(&db.arena, DB_BYTES_MAX);
}

static void copy_edits(const struct location *from, struct location *to)
{
    arena_reset(&to->arena); /* of what it was before */
    ZP_ASSERT(location_settings_copy(&from->settings, &to->arena, &to->settings) == ZP_OK);
    ZP_ASSERT(menu_copy(&from->menu, &to->arena, &to->menu) == ZP_OK);
}

/* As a row of its own, with an arena of its own. */
static void location_copy(const struct location *from, struct location *to)
{
    location_init(to, &from->id);
    struct arena arena = to->arena;
    *to = *from;
    to->arena = arena;
    copy_edits(from, to);
}

static void locations_free(void)
{
    for (size_t i = 0; i < db.location_count; i++) {
        location_finish(&db.locations[i].location);
    }
}

void fake_db_clear(void)
{
    locations_free();
    arena_reset(&db.arena);
    memset(db.has_row, 0, sizeof db.has_row);
    db.outcome_count = db.event_count = db.order_count = db.location_count = 0;
}

struct fake_db *fake_db_save(void)
{
    struct fake_db *copy = malloc(sizeof *copy);
    ZP_ASSERT(copy != NULL);
    *copy = db; /* rows lie in an arena that only grows, apart from the locations, which own theirs */
    for (size_t i = 0; i < db.location_count; i++) {
        location_copy(&db.locations[i].location, &copy->locations[i].location);
    }
    return copy;
}

void fake_db_restore(struct fake_db *copy)
{
    locations_free();
    struct arena rows = db.arena;
    db = *copy;
    db.arena = rows;
    free(copy);
}

void fake_db_forget(struct fake_db *copy)
{
    for (size_t i = 0; copy != NULL && i < copy->location_count; i++) {
        location_finish(&copy->locations[i].location);
    }
    free(copy);
}

void fake_db_close(void)
{
    locations_free();
    arena_finish(&db.arena);
}

enum zp_err store_create(const struct store_settings *settings, struct store **ret_store)
{
    (void)settings;
    *ret_store = calloc(1, sizeof **ret_store);
    return *ret_store == NULL ? ZP_NO_MEMORY : ZP_OK;
}

void store_destroy(struct store *store)
{
    free(store);
}

const struct store_trouble *store_trouble(const struct store *store)
{
    return &store->trouble;
}

enum zp_err store_schema_version(struct store *store, int64_t *ret_version)
{
    (void)store;
    *ret_version = STORE_SCHEMA_VERSION;
    return ZP_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

static struct outcome *outcome_row(const struct zp_id *command_id)
{
    for (size_t i = 0; i < db.outcome_count; i++) {
        if (id_equal(&db.outcomes[i].command_id, command_id)) {
            return &db.outcomes[i];
        }
    }
    return NULL;
}

static struct order *order_row(const struct zp_id *order_id)
{
    for (size_t i = 0; i < db.order_count; i++) {
        if (id_equal(&db.orders[i].id, order_id)) {
            return &db.orders[i];
        }
    }
    return NULL;
}

static struct fake_location_row *location_row(const struct zp_id *location_id)
{
    for (size_t i = 0; i < db.location_count; i++) {
        if (id_equal(&db.locations[i].location.id, location_id)) {
            return &db.locations[i];
        }
    }
    return NULL;
}

void fake_db_add_location(const struct zp_id *location_id, int32_t partition, int64_t seq)
{
    LOCKED;
    ZP_ASSERT(db.location_count < FAKE_ROWS_MAX);
    struct fake_location_row *row = &db.locations[db.location_count++];
    location_init(&row->location, location_id);
    row->location.seq = seq;
    row->partition = partition;
}

const struct outcome *fake_outcome(const struct zp_id *command_id)
{
    LOCKED;
    return outcome_row(command_id);
}

const struct order *fake_order(const struct zp_id *order_id)
{
    LOCKED;
    return order_row(order_id);
}

const struct location *fake_location(const struct zp_id *location_id)
{
    LOCKED;
    const struct fake_location_row *row = location_row(location_id);
    return row == NULL ? NULL : &row->location;
}

static struct outcome outcome_copy(const struct outcome *from, struct arena *arena)
{
    struct outcome to = *from;
    struct reason *reasons = arena_array(arena, from->reason_count, sizeof *reasons);
    ZP_ASSERT(reasons != NULL);
    for (size_t i = 0; i < from->reason_count; i++) {
        reasons[i].code = arena_strdup(arena, from->reasons[i].code);
        reasons[i].pointer = arena_strdup(arena, from->reasons[i].pointer);
        reasons[i].detail = arena_strdup(arena, from->reasons[i].detail);
    }
    to.reasons = reasons;
    return to;
}

/* Into the caller's arena, which may be too small. */
static enum zp_err event_copy(const struct batch_event *from, struct arena *arena, struct batch_event *ret_event)
{
    *ret_event = *from;
    ret_event->value = arena_strndup(arena, from->value, from->value_len);
    return ret_event->value == NULL ? ZP_NO_MEMORY : ZP_OK;
}

/* What stands in a row that was taken since it was named: -2 - offset. */
static int64_t named(const struct store_partition *row)
{
    return row->trying_offset < -1 ? -2 - row->trying_offset : row->trying_offset;
}

/* ---- partitions -------------------------------------------------------------------------------------------- */

enum zp_err store_partition_take(struct store *store, int32_t partition, const struct zp_id *was,
                                 const struct zp_id *owner, struct store_partition *ret_partition)
{
    LOCKED;
    enum zp_err err = begin(store, &db.on_take);
    if (err != ZP_OK) {
        return err;
    }
    struct store_partition *row = &db.partitions[partition];
    if (!db.has_row[partition]) {
        *row = (struct store_partition){ .partition = partition, .owner = *was, .trying_offset = -1,
                                          .takeovers = 1 };
        db.has_row[partition] = true;
    }
    row->takeovers += !id_equal(&row->owner, was) && row->trying_offset >= -1;
    row->owner = *owner;
    row->trying_offset = row->trying_offset >= 0 ? -2 - row->trying_offset : row->trying_offset;
    db.takes++;
    *ret_partition = *row;
    ret_partition->trying_offset = named(row);
    return ZP_OK;
}

static struct store_partition *owned_row(struct store *store, int32_t partition, const struct zp_id *owner)
{
    struct store_partition *row = &db.partitions[partition];
    if (db.has_row[partition] && id_equal(&row->owner, owner)) {
        return row;
    }
    (void)fail(store, ZP_FENCED, "", "another owner");
    return NULL;
}

static void raise(int64_t *offset, int64_t to)
{
    *offset = *offset < to ? to : *offset;
}

enum zp_err store_partition_release(struct store *store, const struct store_partition *partition)
{
    LOCKED;
    struct store_partition *row = owned_row(store, partition->partition, &partition->owner);
    if (row == NULL || (row->next_offset < partition->published_offset && !PLANTED(RELEASE_UNFENCED))) {
        return ZP_FENCED;
    }
    row->takeovers = 0;
    row->trying_offset = -1;
    raise(&row->published_offset, partition->published_offset);
    raise(&row->events_offset, partition->events_offset);
    return ZP_OK;
}

enum zp_err store_partition_try(struct store *store, int32_t partition, const struct zp_id *owner, int64_t offset)
{
    LOCKED;
    enum zp_err err = begin(store, &db.on_try);
    struct store_partition *row = err != ZP_OK ? NULL : owned_row(store, partition, owner);
    if (row == NULL) {
        return err != ZP_OK ? err : ZP_FENCED;
    }
    if (offset >= 0 && offset != named(row)) {
        row->takeovers = TAKEOVERS_WHEN_TRYING;
    }
    row->trying_offset = offset;
    return ZP_OK;
}

/* ---- the batch ----------------------------------------------------------------------------------------------- */

static bool passes_fence(const struct batch *batch)
{
    for (size_t i = 0; i < batch->partition_count; i++) {
        const struct batch_partition *slice = &batch->partitions[i];
        const struct store_partition *row = &db.partitions[slice->partition];
        ZP_ASSERT(i == 0 || slice->partition > slice[-1].partition);
        bool is_owner = id_equal(&row->owner, &slice->owner) || PLANTED(FENCE_WITHOUT_OWNER);
        bool is_next = row->next_offset == slice->from_offset || PLANTED(FENCE_WITHOUT_OFFSET);
        if (!db.has_row[slice->partition] ||
            ((!is_owner || !is_next) && !PLANTED(FENCE_OPEN))) {
            return false;
        }
    }
    return true;
}

static bool is_event_known(const struct batch_event *event)
{
    for (size_t i = 0; i < db.event_count; i++) {
        if (db.events[i].event.seq == event->seq && id_equal(&db.events[i].event.location_id, &event->location_id)) {
            return true;
        }
    }
    return false;
}

/* Twice in one batch is once too often, too. */
static bool is_batch_twice(const struct batch *batch)
{
    for (size_t i = 0; i < batch->outcome_count; i++) {
        for (size_t k = i + 1; k < batch->outcome_count; k++) {
            if (id_equal(&batch->outcomes[i].command_id, &batch->outcomes[k].command_id)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_offset_known(const struct outcome *outcome)
{
    for (size_t i = 0; i < db.outcome_count; i++) {
        if (db.outcomes[i].partition == outcome->partition && db.outcomes[i].offset == outcome->offset) {
            return true;
        }
    }
    return false;
}

/* What the database's own rules would refuse: the SQLSTATE, or NULL. */
static const char *judge_rows(const struct batch *batch)
{
    if (is_batch_twice(batch)) {
        return "23505";
    }
    for (size_t i = 0; i < batch->outcome_count; i++) {
        if (!id_is_none(&db.poison) && id_equal(&batch->outcomes[i].command_id, &db.poison) &&
            batch->outcomes[i].err != ZP_PARKED) {
            return "22P05";
        }
        bool is_known = outcome_row(&batch->outcomes[i].command_id) != NULL && !batch->are_facts;
        if (is_known || is_offset_known(&batch->outcomes[i])) {
            return "23505";
        }
    }
    for (size_t i = 0; i < batch->new_order_count; i++) {
        if (order_row(&batch->new_orders[i]->id) != NULL) {
            return "23505";
        }
    }
    for (size_t i = 0; i < batch->changed_order_count; i++) {
        const struct order *row = order_row(&batch->changed_orders[i]->id);
        if (row == NULL || row->version >= batch->changed_orders[i]->version) {
            return "ZC001";
        }
    }
    for (size_t i = 0; i < batch->event_count; i++) {
        if (is_event_known(&batch->events[i])) {
            return "23505";
        }
    }
    return NULL;
}

static void write_partitions(const struct batch *batch)
{
    for (size_t i = 0; i < batch->partition_count; i++) {
        const struct batch_partition *slice = &batch->partitions[i];
        struct store_partition *row = &db.partitions[slice->partition];
        row->next_offset = slice->next_offset;
        row->last_command_id = slice->last_command_id;
        raise(&row->published_offset, slice->published_offset);
        raise(&row->events_offset, slice->events_offset);
        row->takeovers = 0;
        row->trying_offset = -1;
    }
}

static void write_orders(const struct batch *batch)
{
    for (size_t i = 0; i < batch->new_order_count; i++) {
        ZP_ASSERT(db.order_count < FAKE_ROWS_MAX);
        ZP_ASSERT(order_copy(batch->new_orders[i], &db.arena, &db.orders[db.order_count++]) == ZP_OK);
    }
    for (size_t i = 0; i < batch->changed_order_count; i++) {
        ZP_ASSERT(order_copy(batch->changed_orders[i], &db.arena, order_row(&batch->changed_orders[i]->id)) == ZP_OK);
    }
}

/* As the store does it, an event stands in the place of its command, which its outcome knows. */
static void write_events(const struct batch *batch)
{
    for (size_t i = 0; i < batch->event_count; i++) {
        const struct outcome *outcome = outcome_row(&batch->events[i].command_id);
        ZP_ASSERT(outcome != NULL && db.event_count < FAKE_ROWS_MAX);
        struct fake_event_row *row = &db.events[db.event_count++];
        row->partition = outcome->partition;
        ZP_ASSERT(event_copy(&batch->events[i], &db.arena, &row->event) == ZP_OK);
        row->event.command_offset = outcome->offset;
    }
}

static void write_locations(const struct batch *batch)
{
    for (size_t i = 0; i < batch->location_count; i++) {
        const struct location *from = batch->locations[i];
        struct fake_location_row *row = location_row(&from->id);
        if (row == NULL) {
            ZP_ASSERT(db.location_count < FAKE_ROWS_MAX);
            row = &db.locations[db.location_count++];
            location_init(&row->location, &from->id);
            row->partition = batch->location_partitions[i];
        }
        row->location.seq = from->seq;
        memcpy(row->location.hash, from->hash, HASH_SIZE);
        row->location.last_number = from->last_number;
        row->location.open_count = from->open_count;
        row->location.open_hash = from->open_hash;
    }
    for (size_t i = 0; i < batch->edited_location_count; i++) {
        copy_edits(batch->edited_locations[i], &location_row(&batch->edited_locations[i]->id)->location);
    }
}

static void delete_outcome(const struct outcome *row)
{
    size_t i = (size_t)(row - db.outcomes);
    db.outcome_count--;
    memmove(&db.outcomes[i], &db.outcomes[i + 1], (db.outcome_count - i) * sizeof *db.outcomes);
    memmove(&db.written_at[i], &db.written_at[i + 1], (db.outcome_count - i) * sizeof *db.written_at);
}

void fake_db_write_rows(const struct batch *batch)
{
    for (size_t i = 0; i < batch->outcome_count; i++) {
        const struct outcome *earlier = batch->are_facts ? outcome_row(&batch->outcomes[i].command_id) : NULL;
        if (earlier != NULL) {
            delete_outcome(earlier);
        }
        ZP_ASSERT(db.outcome_count < FAKE_ROWS_MAX);
        db.written_at[db.outcome_count] = clock_wall_us();
        db.outcomes[db.outcome_count++] = outcome_copy(&batch->outcomes[i], &db.arena);
    }
    write_orders(batch);
    write_events(batch);
    write_locations(batch);
    db.commits++;
}

enum zp_err store_batch_commit(struct store *store, const struct batch *batch)
{
    LOCKED;
    db.last.partitions = batch->partition_count;
    db.last.new_orders = batch->new_order_count;
    db.last.changed_orders = batch->changed_order_count;
    db.last.events = batch->event_count;
    db.last.outcomes = batch->outcome_count;
    db.last.locations = batch->location_count;
    db.last.edited = batch->edited_location_count;
    enum zp_err err = begin(store, &db.on_commit);
    if (err != ZP_OK) {
        return err;
    }
    if (!passes_fence(batch)) {
        return fail(store, ZP_FENCED, "ZF001", "owner or offset differ");
    }
    const char *sqlstate = judge_rows(batch);
    if (sqlstate != NULL) {
        return fail(store, ZP_INTERNAL, sqlstate, "refused by the database");
    }
    write_partitions(batch);
    fake_db_write_rows(batch);
    if (db.on_commit.times > 0) {
        db.on_commit.times--;
        return fail(store, db.on_commit.err, db.on_commit.sqlstate, "the word of the commit was lost");
    }
    return ZP_OK;
}

static struct location *location_load(const struct location *row)
{
    struct location *location = malloc(sizeof *location);
    ZP_ASSERT(location != NULL);
    location_copy(row, location);
    return location;
}

static void load_locations(const struct store_wanted *wanted, struct arena *arena, struct store_found *found)
{
    found->locations = arena_array(arena, wanted->location_count, sizeof(struct location *));
    for (size_t i = 0; i < db.location_count; i++) { /* each row once, however often it is asked for */
        for (size_t k = 0; k < wanted->location_count; k++) {
            if (id_equal(&db.locations[i].location.id, &wanted->location_ids[k])) {
                found->locations[found->location_count++] = location_load(&db.locations[i].location);
                break;
            }
        }
    }
}

static void load_orders(const struct store_wanted *wanted, struct arena *arena, struct store_found *found)
{
    found->orders = arena_array(arena, wanted->order_count, sizeof *found->orders);
    for (size_t i = 0; i < db.order_count; i++) {
        for (size_t k = 0; k < wanted->order_count; k++) {
            if (id_equal(&db.orders[i].id, &wanted->order_ids[k])) {
                ZP_ASSERT(order_copy(&db.orders[i], arena, &found->orders[found->order_count++]) == ZP_OK);
                break;
            }
        }
    }
}

static void load_outcomes(const struct store_wanted *wanted, struct arena *arena, struct store_found *found)
{
    found->outcomes = arena_array(arena, wanted->command_count, sizeof *found->outcomes);
    for (size_t i = 0; i < db.outcome_count; i++) {
        for (size_t k = 0; k < wanted->command_count; k++) {
            if (id_equal(&db.outcomes[i].command_id, &wanted->command_ids[k])) {
                found->outcomes[found->outcome_count++] = outcome_copy(&db.outcomes[i], arena);
                break;
            }
        }
    }
}

enum zp_err store_batch_load(struct store *store, const struct store_wanted *wanted, struct arena *arena,
                             struct store_found *ret_found)
{
    LOCKED;
    enum zp_err err = begin(store, &db.on_load);
    if (err != ZP_OK) {
        return err;
    }
    load_locations(wanted, arena, ret_found);
    load_orders(wanted, arena, ret_found);
    load_outcomes(wanted, arena, ret_found);
    return ZP_OK;
}

/* ---- what is read back ------------------------------------------------------------------------------------------ */

static const struct batch_event *event_of(const struct outcome *outcome)
{
    for (size_t i = 0; i < db.event_count; i++) {
        const struct batch_event *event = &db.events[i].event;
        if (outcome->seq != 0 && event->seq == outcome->seq && id_equal(&event->location_id, &outcome->location_id)) {
            return event;
        }
    }
    return NULL;
}

static const struct outcome *first_outcome_from(int32_t partition, int64_t offset)
{
    const struct outcome *first = NULL;
    for (size_t i = 0; i < db.outcome_count; i++) {
        const struct outcome *row = &db.outcomes[i];
        if (row->partition == partition && row->offset >= offset && (first == NULL || row->offset < first->offset)) {
            first = row;
        }
    }
    return first;
}

enum zp_err store_outcomes_from(struct store *store, int32_t partition, int64_t offset, size_t limit,
                                struct arena *arena, struct journal_entry **ret_entries, size_t *ret_count)
{
    LOCKED;
    enum zp_err err = begin(store, &db.on_outcomes);
    if (err != ZP_OK) {
        return err;
    }
    *ret_entries = arena_array(arena, limit, sizeof **ret_entries);
    *ret_count = 0;
    const struct outcome *row;
    while (*ret_count < limit && (row = first_outcome_from(partition, offset)) != NULL) {
        struct journal_entry *entry = &(*ret_entries)[(*ret_count)++];
        const struct batch_event *event = event_of(row);
        entry->outcome = outcome_copy(row, arena);
        if (event != NULL && event_copy(event, arena, &entry->event) != ZP_OK) {
            return fail(store, ZP_NO_MEMORY, "", "an event does not fit");
        }
        offset = row->offset + 1;
    }
    return ZP_OK;
}

/* The next outcome of a partition that may go at all, from an offset on; NULL: there is none. */
static const struct outcome *next_purgeable(int32_t partition, int64_t offset)
{
    const struct outcome *found = NULL;
    for (size_t i = 0; i < db.outcome_count; i++) {
        const struct outcome *row = &db.outcomes[i];
        if (row->partition == partition && row->offset >= offset && row->err != ZP_PARKED &&
            (found == NULL || row->offset < found->offset)) {
            found = row;
        }
    }
    return found;
}

enum zp_err store_outcomes_purge(struct store *store, int32_t partition, int64_t before_us, int64_t limit,
                                 int64_t *ret_deleted)
{
    LOCKED;
    (void)fail(store, ZP_OK, "", "");
    *ret_deleted = 0;
    const struct outcome *first = next_purgeable(partition, 0);
    if (first == NULL || first->at >= before_us) {
        return ZP_OK;
    }
    int64_t offset = 0;
    for (int64_t looked_at = 0; looked_at < limit; looked_at++) {
        const struct outcome *row = next_purgeable(partition, offset);
        if (row == NULL || row->offset >= db.partitions[partition].published_offset) {
            break;
        }
        offset = row->offset + 1;
        if (row->at < before_us && db.written_at[row - db.outcomes] < before_us) {
            delete_outcome(row);
            (*ret_deleted)++;
        }
    }
    return ZP_OK;
}

static struct store_head head_of(const struct fake_location_row *row)
{
    const struct location *location = &row->location;
    struct store_head head = { .location_id = location->id, .seq = location->seq, .open_count = location->open_count,
                               .open_hash = location->open_hash, .updated_at = row->updated_at };
    memcpy(head.hash, location->hash, HASH_SIZE);
    return head;
}

enum zp_err store_heads(struct store *store, const int32_t *partitions, size_t partition_count, struct arena *arena,
                        struct store_head **ret_heads, size_t *ret_count)
{
    LOCKED;
    (void)fail(store, ZP_OK, "", "");
    *ret_heads = arena_array(arena, db.location_count, sizeof **ret_heads);
    *ret_count = 0;
    for (size_t i = 0; i < db.location_count; i++) {
        for (size_t k = 0; k < partition_count; k++) {
            if (db.locations[i].partition == partitions[k]) {
                (*ret_heads)[(*ret_count)++] = head_of(&db.locations[i]);
            }
        }
    }
    return *ret_heads == NULL ? ZP_NO_MEMORY : ZP_OK;
}

enum zp_err store_refill_get(struct store *store, const struct zp_id *location_id, int64_t open_max,
                             int64_t event_limit, struct arena *arena, struct store_refill *ret_refill)
{
    LOCKED;
    open_max = db.whole_max > 0 ? db.whole_max : open_max;
    enum zp_err err = begin(store, &db.on_refill);
    const struct fake_location_row *row = location_row(location_id);
    if (!id_is_none(&db.unreadable) && id_equal(&db.unreadable, location_id)) {
        return fail(store, ZP_NO_MEMORY, "", "scripted");
    }
    if (err != ZP_OK || row == NULL) {
        return err != ZP_OK ? err : ZP_NOT_FOUND;
    }
    struct store_refill refill = { .board = { .head = head_of(row) } };
    refill.events = arena_array(arena, db.event_count, sizeof *refill.events);
    refill.board.orders = arena_array(arena, db.order_count, sizeof *refill.board.orders);
    refill.tickets = arena_array(arena, db.order_count, sizeof *refill.tickets);
    for (size_t i = 0; i < db.event_count; i++) { /* they were written in the order of their seqs */
        const struct batch_event *event = &db.events[i].event;
        if (id_equal(&event->location_id, location_id) && event->seq > row->location.seq - event_limit) {
            if (event_copy(event, arena, &refill.events[refill.event_count++]) != ZP_OK) {
                return fail(store, ZP_NO_MEMORY, "", "an event does not fit");
            }
        }
    }
    for (size_t i = 0; i < db.order_count; i++) {
        if (id_equal(&db.orders[i].location_id, location_id) && order_is_open(db.orders[i].status)) {
            refill.tickets[refill.ticket_count++] = (struct store_ticket){ db.orders[i].id, db.orders[i].number };
            refill.board.more = (int64_t)refill.board.order_count == open_max;
            ZP_ASSERT(refill.board.more || order_copy(&db.orders[i], arena,
                                                      &refill.board.orders[refill.board.order_count++]) == ZP_OK);
        }
    }
    *ret_refill = refill;
    return ZP_OK;
}
