/* Owns the check of a location's journal: dense, and its chain holds. Called by the reading of the database, by the
 * fold and, for what those two leave over, by verify.
 *
 * A row whose seq, type, time, hash and value are those of an event of the log, byte for byte, has the same chain
 * behind it as that event. So one chain is computed, the log's, and the row need only be equal: a digest of all of it
 * is kept, under the audit's own key. From the first row that the log has not, or has otherwise, or that stands behind
 * an event whose hash does not fit, the journal's chain is computed by itself, from the hash that both sides had last.
 * Invariant: what is found wrong with a journal does not depend on the way: each row is met, or its chain is
 * computed. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX ((size_t)1 << 28)
#define FIRST_MAX 64

/* ---- rows that the log has, too ------------------------------------------------------------------------------- */

static uint64_t digest(struct audit *audit, int64_t seq, enum event_type type, int64_t at, const uint8_t *hash,
                       const void *value, size_t value_len)
{
    const int64_t numbers[] = { seq, type, at };
    buffer_reset(&audit->text);
    buffer_append(&audit->text, numbers, sizeof numbers);
    buffer_append(&audit->text, hash, HASH_SIZE);
    buffer_append(&audit->text, value, value_len);
    return audit_digest(audit);
}

static enum zp_err keep_digest(struct audit_rows *rows, uint64_t digest)
{
    if (rows->count == rows->max) {
        size_t wanted = rows->max == 0 ? FIRST_MAX : rows->max * 2;
        void *more = wanted > ROWS_MAX ? NULL : realloc(rows->digests, wanted * sizeof *rows->digests);
        if (more == NULL) {
            return ZP_NO_MEMORY;
        }
        rows->digests = more;
        rows->max = wanted;
    }
    rows->digests[rows->count++] = digest;
    return ZP_OK;
}

enum zp_err audit_take_row(struct audit *audit, struct audit_place *place, const struct batch_event *row)
{
    place->journal_seq = row->seq;
    place->ids += audit_ids(row);
    if (row->command_offset < audit->cuts[place->partition].published_offset) {
        place->published_seq = row->seq;
    }
    uint64_t whole = digest(audit, row->seq, row->type, row->at, row->hash, row->value, row->value_len);
    return keep_digest(&place->rows, whole);
}

void audit_meet_row(struct audit *audit, struct audit_place *place, const struct event *event,
                    const struct event_meta *meta, const struct record *record)
{
    struct audit_rows *rows = &place->rows;
    if (event->seq == (int64_t)rows->met + 1 && rows->met < rows->count &&
        digest(audit, event->seq, event->type, event->at, meta->hash, record->value, record->value_len) ==
            rows->digests[rows->met]) {
        memcpy(rows->met_hash, meta->hash, HASH_SIZE);
        rows->met++;
    }
}

/* ---- the rest, by itself -------------------------------------------------------------------------------------- */

static void tell_missing(struct audit *audit, const struct journal_check *check, int64_t seq)
{
    difference_tell(audit->differences, &(struct difference){
        .partition = check->place->partition, .location_id = &check->place->id, .seq = seq, .field = "event",
        .left = "log", .left_value = "an event", .right = "database" });
}

static void tell_unfit(struct audit *audit, const struct journal_check *check, int64_t seq, const char *field)
{
    difference_tell(audit->differences, &(struct difference){
        .partition = check->place->partition, .location_id = &check->place->id, .seq = seq, .field = field,
        .left = "log", .left_value = "a chain", .right = "database",
        .right_value = "a row of the journal that does not fit it" });
}

static bool chain_fits(uint8_t hash[HASH_SIZE], const struct batch_event *row)
{
    location_chain(hash, row->seq, row->type, row->at, row->value, row->value_len);
    return memcmp(hash, row->hash, HASH_SIZE) == 0;
}

/* After a row that did not fit, the next one tells which was wrong: its hash or what was hashed. */
static bool row_fits(struct audit *audit, struct journal_check *check, const struct batch_event *row)
{
    uint8_t other[HASH_SIZE];
    memcpy(other, check->other_hash, HASH_SIZE);
    bool had_other = check->has_other_hash;
    check->has_other_hash = false;
    if (chain_fits(check->hash, row)) {
        if (had_other) {
            tell_unfit(audit, check, row->seq - 1, "hash");
        }
        return true;
    }
    if (had_other) {
        tell_unfit(audit, check, row->seq - 1, "value");
        if (chain_fits(other, row)) {
            memcpy(check->hash, other, HASH_SIZE);
            return true;
        }
    }
    return false;
}

void audit_check_journal(struct audit *audit, struct journal_check *check, const struct batch_event *row)
{
    bool is_next = row->seq == check->seq + 1;
    if (!is_next && check->has_other_hash) {
        tell_unfit(audit, check, check->seq, "value or hash");
        check->has_other_hash = false;
    }
    for (int64_t seq = check->seq + 1; seq < row->seq && seq <= check->seq + VERIFY_PIECE; seq++) {
        tell_missing(audit, check, seq);
    }
    if (!is_next) { /* nothing to begin with: the chain goes on from what the row says */
        memcpy(check->hash, row->hash, HASH_SIZE);
    } else if (!row_fits(audit, check, row)) {
        memcpy(check->other_hash, row->hash, HASH_SIZE);
        check->has_other_hash = true;
    }
    check->seq = row->seq;
}

static void check_end(struct audit *audit, const struct journal_check *check)
{
    const struct audit_place *place = check->place;
    const struct difference about = { .partition = place->partition, .location_id = &place->id, .left = "database",
                                      .right = "database" };
    if (check->has_other_hash) {
        tell_unfit(audit, check, check->seq, "value or hash");
    } else if (place->has_row && check->seq == place->seq && place->seq > 0) {
        difference_tell_hash(audit->differences, &about, "locations.hash, journal's hash", place->hash, check->hash);
    }
    for (int64_t seq = check->seq + 1; seq <= place->seq && seq <= check->seq + VERIFY_PIECE; seq++) {
        tell_missing(audit, check, seq);
    }
}

/* Behind the rows that were met, up to the last one of the snapshot. */
static enum zp_err check_rest(struct audit *audit, struct store *store, const struct audit_place *place)
{
    struct journal_check check = { .place = place, .seq = (int64_t)place->rows.met };
    memcpy(check.hash, place->rows.met_hash, HASH_SIZE);
    enum zp_err err = ZP_OK;
    for (size_t count = 1; err == ZP_OK && count > 0 && check.seq < place->journal_seq;) {
        struct batch_event *rows = NULL;
        arena_reset(&audit->arena);
        err = store_events_after(store, &place->id, check.seq, VERIFY_PIECE, VERIFY_PIECE_BYTES, &audit->arena, &rows,
                                 &count);
        for (size_t i = 0; err == ZP_OK && i < count && rows[i].seq <= place->journal_seq; i++) {
            audit_check_journal(audit, &check, &rows[i]);
        }
    }
    if (err == ZP_OK) {
        check_end(audit, &check);
    }
    return err;
}

enum zp_err audit_check_journals(struct audit *audit, struct store *store)
{
    enum zp_err err = ZP_OK;
    for (size_t i = 0; err == ZP_OK && i < audit->place_count; i++) {
        err = check_rest(audit, store, &audit->places[i]);
    }
    return err;
}
