/* Owns what an audit knows of outcomes: how each command ended, as the table of commands has it, held against what the
 * log says. Called by the reading of the database, then by the fold.
 * Invariants: both sides come by command offset, so each row is met once; a row that the log knows nothing of is a
 * difference unless it is still to be published; a row that is missing is one unless it may have been purged. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#define OUTCOMES_MAX ((size_t)1 << 28)
#define FIRST_MAX 1024

/* ---- an outcome's digest, and its words ----------------------------------------------------------------------- */

static uint64_t digest(struct audit *audit, const struct outcome *outcome)
{
    const int64_t numbers[] = { outcome->type, outcome->partition, outcome->offset, outcome->at, outcome->err,
                                outcome->seq };
    const struct zp_id ids[] = { outcome->command_id, outcome->location_id, outcome->order_id, outcome->user_id };
    struct buffer *text = &audit->text;
    buffer_reset(text);
    buffer_append(text, numbers, sizeof numbers);
    buffer_append(text, ids, sizeof ids);
    buffer_append(text, outcome->fingerprint, sizeof outcome->fingerprint);
    if (outcome->reason_count > 0) {
        message_reasons_json(outcome->reasons, outcome->reason_count, text);
    }
    return audit_digest(audit);
}

static void put_id(struct buffer *out, const char *name, const struct zp_id *id)
{
    char text[ID_TEXT_SIZE];
    buffer_printf(out, "\"%s\":", name);
    json_put_string(out, id_is_none(id) ? NULL : id_format(id, text));
    buffer_putc(out, ',');
}

/* The columns as the table calls them. */
static void put_row(struct buffer *out, const struct outcome *outcome)
{
    char hex[2 * sizeof outcome->fingerprint + 1];
    buffer_reset(out);
    buffer_putc(out, '{');
    put_id(out, "command_id", &outcome->command_id);
    put_id(out, "location_id", &outcome->location_id);
    put_id(out, "order_id", &outcome->order_id);
    put_id(out, "user_id", &outcome->user_id);
    buffer_printf(out, "\"seq\":%lld,\"at\":%lld,\"type\":", (long long)outcome->seq, (long long)outcome->at);
    json_put_string(out, outcome->type == CMD_COUNT ? NULL : COMMAND_WORDS.names[outcome->type]);
    buffer_printf(out, ",\"err\":\"%s\",\"fingerprint\":\"%s\",\"reasons\":", zp_err_name(outcome->err),
                  crypto_hex(outcome->fingerprint, sizeof outcome->fingerprint, hex));
    message_reasons_json(outcome->reasons, outcome->reason_count, out);
    buffer_putc(out, '}');
}

/* ---- the database's ------------------------------------------------------------------------------------------- */

enum zp_err audit_take_outcome(struct audit *audit, const struct outcome *row)
{
    struct audit_outcomes *outcomes = &audit->outcomes[row->partition];
    if (!id_is_none(&audit->only) && !id_equal(&audit->only, &row->location_id)) {
        return ZP_OK;
    }
    if (outcomes->count == outcomes->max) {
        size_t wanted = outcomes->max == 0 ? FIRST_MAX : outcomes->max * 2;
        void *more = wanted > OUTCOMES_MAX ? NULL : realloc(outcomes->rows, wanted * sizeof *outcomes->rows);
        if (more == NULL) {
            return ZP_NO_MEMORY;
        }
        outcomes->rows = more;
        outcomes->max = wanted;
    }
    struct audit_outcome *outcome = &outcomes->rows[outcomes->count++];
    outcome->offset = row->offset;
    outcome->digest = digest(audit, row);
    return ZP_OK;
}

/* ---- held against the log's ----------------------------------------------------------------------------------- */

static struct difference about_outcome(const struct outcome *outcome)
{
    return (struct difference){
        .partition = outcome->partition, .command_id = &outcome->command_id, .seq = outcome->seq,
        .location_id = id_is_none(&outcome->location_id) ? NULL : &outcome->location_id,
        .order_id = id_is_none(&outcome->order_id) ? NULL : &outcome->order_id,
        .left = "log", .right = "database",
    };
}

/* The row as it is now; false when it cannot be read, or has gone meanwhile. */
static bool get_row(struct audit *audit, int32_t partition, int64_t offset, struct outcome *ret_row)
{
    return audit->outcome_get != NULL &&
           audit->outcome_get(audit->arg, partition, offset, &audit->arena, ret_row) == ZP_OK;
}

static void tell_other(struct audit *audit, const struct outcome *logged)
{
    struct difference about = about_outcome(logged);
    struct outcome row;
    size_t told = 0;
    if (get_row(audit, logged->partition, logged->offset, &row)) {
        put_row(&audit->text, logged);
        put_row(&audit->other_text, &row);
        told = difference_tell_json(audit->differences, &about, audit->text.data, audit->other_text.data,
                                    &audit->arena);
    }
    if (told == 0) {
        about.field = "outcome";
        about.left_value = "an outcome";
        about.right_value = "another one, which has changed meanwhile";
        difference_tell(audit->differences, &about);
    }
}

static void tell_missing(struct audit *audit, const struct outcome *logged)
{
    struct difference about = about_outcome(logged);
    about.field = "outcome";
    about.left_value = zp_err_name(logged->err);
    difference_tell(audit->differences, &about);
}

/* The database has an outcome which the log never told. */
static void tell_unheard(struct audit *audit, int32_t partition, int64_t offset)
{
    struct outcome row = { .partition = partition };
    struct difference about = { .partition = partition, .left = "log", .right = "database" };
    if (get_row(audit, partition, offset, &row)) {
        about = about_outcome(&row);
    }
    about.field = "outcome";
    about.right_value = zp_err_name(row.err);
    difference_tell(audit->differences, &about);
}

/* What is committed and not yet published is no difference; but nothing is applied at or beyond next_offset. */
static void pass_unheard(struct audit *audit, int32_t partition, int64_t before_offset)
{
    struct audit_outcomes *outcomes = &audit->outcomes[partition];
    const struct audit_cut *cut = &audit->cuts[partition];
    for (; outcomes->met < outcomes->count && outcomes->rows[outcomes->met].offset < before_offset; outcomes->met++) {
        int64_t offset = outcomes->rows[outcomes->met].offset;
        if (offset < cut->published_offset || offset >= cut->next_offset) {
            tell_unheard(audit, partition, offset);
        }
    }
}

void audit_compare_outcome(struct audit *audit, const struct outcome *logged)
{
    struct audit_outcomes *outcomes = &audit->outcomes[logged->partition];
    pass_unheard(audit, logged->partition, logged->offset);
    const struct audit_outcome *row = outcomes->met == outcomes->count ? NULL : &outcomes->rows[outcomes->met];
    if (row == NULL || row->offset != logged->offset) {
        if (logged->at >= audit->kept_since || logged->err == ZP_PARKED) {
            tell_missing(audit, logged);
        }
        return;
    }
    outcomes->met++;
    audit->outcomes_compared++;
    if (digest(audit, logged) != row->digest) {
        tell_other(audit, logged);
    }
}

void audit_settle_outcomes(struct audit *audit)
{
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        pass_unheard(audit, p, INT64_MAX);
    }
}
