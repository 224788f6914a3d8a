/* receipt: what became of a command, as text.
 *
 * Called by the worker's side for settled ones and by the hub for pending ones and to read. Invariant: errors go by
 * name, so that a gateway and a worker of different versions understand each other. */
#include "receipt.h"

#include "scan.h"

#include <string.h>

static const char *const stages[] = { "pending", "settled" };

void live_receipt_print(const struct live_receipt *receipt, struct buffer *out)
{
    char fingerprint[2 * sizeof(receipt->fingerprint) + 1];
    char user[ID_TEXT_SIZE], order[ID_TEXT_SIZE], location[ID_TEXT_SIZE];
    buffer_puts(out, stages[receipt->settled]);
    const char *words[] = {
        crypto_hex(receipt->fingerprint, sizeof(receipt->fingerprint), fingerprint),
        id_format(&receipt->user_id, user),
        id_format(&receipt->order_id, order),
        id_format(&receipt->location_id, location),
    };
    for (size_t i = 0; i < ZP_COUNT(words); i++) {
        buffer_putc(out, ' ');
        buffer_puts(out, words[i]);
    }
    buffer_putc(out, ' ');
    buffer_put_int(out, receipt->submitted_at);
    buffer_putc(out, ' ');
    buffer_puts(out, zp_err_name(receipt->err));
    const int64_t numbers[] = { receipt->seq, receipt->offset, receipt->partition };
    for (size_t i = 0; i < ZP_COUNT(numbers); i++) {
        buffer_putc(out, ' ');
        buffer_put_int(out, numbers[i]);
    }
    if (receipt->reasons_json_len > 0) {
        buffer_putc(out, ' ');
        buffer_append(out, receipt->reasons_json, receipt->reasons_json_len);
    }
}

static bool scan_stage(struct scan *scan)
{
    size_t len;
    const char *word = live_scan_word(scan, &len);
    for (size_t i = 0; i < ZP_COUNT(stages); i++) {
        if (len == strlen(stages[i]) && memcmp(word, stages[i], len) == 0) {
            return i == 1;
        }
    }
    scan->broken = true;
    return false;
}

static enum zp_err scan_err(struct scan *scan)
{
    size_t len;
    const char *word = live_scan_word(scan, &len);
    for (int err = 0; err < ZP_ERR_COUNT; err++) {
        const char *name = zp_err_name((enum zp_err)err);
        if (len == strlen(name) && memcmp(word, name, len) == 0) {
            return (enum zp_err)err;
        }
    }
    scan->broken = true;
    return ZP_INTERNAL;
}

bool live_receipt_parse(const char *text, size_t len, struct live_receipt *ret_receipt)
{
    struct live_receipt receipt = { .settled = false };
    struct scan scan;
    live_scan_init(&scan, text, len);
    receipt.settled = scan_stage(&scan);
    live_scan_hex(&scan, receipt.fingerprint, sizeof(receipt.fingerprint));
    live_scan_id(&scan, &receipt.user_id);
    live_scan_id(&scan, &receipt.order_id);
    live_scan_id(&scan, &receipt.location_id);
    receipt.submitted_at = live_scan_int(&scan, 0, INT64_MAX);
    receipt.err = scan_err(&scan);
    receipt.seq = live_scan_int(&scan, 0, INT64_MAX);
    receipt.offset = live_scan_int(&scan, -1, INT64_MAX);
    receipt.partition = (int32_t)live_scan_int(&scan, -1, INT32_MAX);
    receipt.reasons_json = live_scan_rest(&scan, &receipt.reasons_json_len);
    if (!live_scan_done(&scan)) {
        return false;
    }
    *ret_receipt = receipt;
    return true;
}

struct live_receipt live_receipt_of_outcome(const struct outcome *outcome, struct buffer *reasons)
{
    struct live_receipt receipt = {
        .settled = true,
        .user_id = outcome->user_id,
        .order_id = outcome->order_id,
        .location_id = outcome->location_id,
        .submitted_at = outcome->at,
        .err = outcome->err,
        .seq = outcome->seq,
        .offset = outcome->offset,
        .partition = outcome->partition,
    };
    memcpy(receipt.fingerprint, outcome->fingerprint, sizeof(receipt.fingerprint));
    buffer_reset(reasons);
    if (outcome->reason_count > 0) {
        message_reasons_json(outcome->reasons, outcome->reason_count, reasons);
    }
    if (reasons->err == ZP_OK && reasons->len > 0) {
        receipt.reasons_json = reasons->data;
        receipt.reasons_json_len = reasons->len;
    }
    return receipt;
}

struct live_receipt live_receipt_of_submission(const struct live_submission *submission)
{
    const struct command *command = submission->command;
    struct live_receipt receipt = {
        .settled = false,
        .user_id = command->actor.user_id,
        .order_id = command->order_id,
        .location_id = command->location_id,
        .submitted_at = command->submitted_at,
        .err = ZP_OK,
        .offset = submission->offset,
        .partition = submission->partition,
    };
    memcpy(receipt.fingerprint, command->fingerprint, sizeof(receipt.fingerprint));
    return receipt;
}
