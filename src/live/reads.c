/* reads: the hub's small questions: an order, a receipt, a tick, a head; and the one thing a gateway writes.
 *
 * Called by the gateway's requests. Invariant: what can't be understood is not found, so that the database is asked;
 * only an answer that never came is ZP_BUSY. */
#include "marks.h"
#include "question.h"
#include "receipt.h"

/* The tick in a reply; asked_at 0 when there is none. */
static struct live_tick tick_in(const struct question *question, size_t index)
{
    struct live_tick tick = { .partition = question->partition };
    size_t len;
    const char *text = live_question_text(question, index, &len);
    if (text == NULL || !live_tick_parse(question->partition, text, len, &tick)) {
        tick = (struct live_tick){ .partition = question->partition };
    }
    return tick;
}

/* ---- an order --------------------------------------------------------------------------------------------------- */

static void order_read(struct question *question, enum zp_err err)
{
    struct live_snapshot snapshot = { .version = 0 };
    struct note_frame frame;
    if (err != ZP_OK) {
        question->cb.snapshot(question->arg, err, NULL);
        return;
    }
    size_t len;
    const char *bytes = live_question_text(question, 0, &len);
    snapshot.tick = tick_in(question, 1);
    if (bytes == NULL || !live_note_decode(bytes, len, &frame) || frame.note.order_json == NULL ||
        !id_equal(&frame.note.order_id, &question->id)) {
        question->cb.snapshot(question->arg, ZP_NOT_FOUND, &snapshot);
        return;
    }
    snapshot.version = frame.note.version;
    snapshot.owner = frame.note.owner;
    snapshot.json = frame.note.order_json;
    snapshot.json_len = frame.note.order_json_len;
    question->cb.snapshot(question->arg, ZP_OK, &snapshot);
}

void live_hub_order_get(struct live_hub *hub, const struct zp_id *location_id, int32_t partition,
                        const struct zp_id *order_id, live_snapshot_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, order_read);
    question->cb.snapshot = cb;
    question->arg = arg;
    question->id = *order_id;
    question->partition = partition;
    struct buffer *out = live_question_begin(question, 2);
    live_request_get(out, live_key_order(location_id, order_id));
    live_request_get(out, live_key_tick(partition));
    live_question_send(question);
}

/* ---- a receipt -------------------------------------------------------------------------------------------------- */

static void receipt_read(struct question *question, enum zp_err err)
{
    struct live_receipt receipt;
    size_t len;
    const char *text = err == ZP_OK ? live_question_text(question, 0, &len) : NULL;
    if (err == ZP_OK && (text == NULL || !live_receipt_parse(text, len, &receipt))) {
        err = ZP_NOT_FOUND;
    }
    question->cb.receipt(question->arg, err, err == ZP_OK ? &receipt : NULL);
}

void live_hub_receipt_get(struct live_hub *hub, const struct zp_id *command_id, live_receipt_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, receipt_read);
    question->cb.receipt = cb;
    question->arg = arg;
    live_request_get(live_question_begin(question, 1), live_key_receipt(command_id));
    live_question_send(question);
}

/* ---- a tick, a head --------------------------------------------------------------------------------------------- */

static void tick_read(struct question *question, enum zp_err err)
{
    struct live_tick tick = { .asked_at = 0 };
    if (err == ZP_OK) {
        tick = tick_in(question, 0);
        err = tick.asked_at == 0 ? ZP_NOT_FOUND : ZP_OK;
    }
    question->cb.tick(question->arg, err, err == ZP_OK ? &tick : NULL);
}

void live_hub_tick_get(struct live_hub *hub, int32_t partition, live_tick_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, tick_read);
    question->cb.tick = cb;
    question->arg = arg;
    question->partition = partition;
    live_request_get(live_question_begin(question, 1), live_key_tick(partition));
    live_question_send(question);
}

static void head_read(struct question *question, enum zp_err err)
{
    struct live_head head;
    size_t len;
    if (err != ZP_OK) {
        question->cb.head(question->arg, err, NULL, NULL);
        return;
    }
    const struct live_tick tick = tick_in(question, 1);
    const char *text = live_question_text(question, 0, &len);
    bool known = text != NULL && live_head_parse(text, len, &head);
    question->cb.head(question->arg, known ? ZP_OK : ZP_NOT_FOUND, known ? &head : NULL, &tick);
}

void live_hub_head_get(struct live_hub *hub, const struct zp_id *location_id, int32_t partition, live_head_cb *cb,
                       void *arg)
{
    struct question *question = live_question_create(hub, head_read);
    question->cb.head = cb;
    question->arg = arg;
    question->partition = partition;
    struct buffer *out = live_question_begin(question, 2);
    live_request_get(out, live_key_head(location_id));
    live_request_get(out, live_key_tick(partition));
    live_question_send(question);
}

/* ---- what was submitted ----------------------------------------------------------------------------------------- */

static void submitted(struct question *question, enum zp_err err)
{
    if (question->cb.done != NULL) {
        question->cb.done(question->arg, err);
    }
}

static void put_receipt(struct buffer *out, const struct live_submission *submission, int64_t ttl_s)
{
    const struct live_receipt receipt = live_receipt_of_submission(submission);
    struct buffer text;
    buffer_init(&text, RECEIPT_BYTES_MAX);
    live_receipt_print(&receipt, &text);
    live_request(out, 6);
    live_request_text(out, "SET");
    live_request_key(out, live_key_receipt(&submission->command->id));
    live_request_bytes(out, text.data, text.len);
    live_request_text(out, "EX");
    live_request_int(out, ttl_s);
    live_request_text(out, "NX"); /* what is settled stays so */
    out->err = out->err == ZP_OK ? text.err : out->err; /* half a receipt would stay for good */
    buffer_finish(&text);
}

void live_hub_submitted(struct live_hub *hub, const struct live_submission *submission, live_done_cb *cb, void *arg)
{
    struct question *question = live_question_create(hub, submitted);
    question->cb.done = cb;
    question->arg = arg;
    put_receipt(live_question_begin(question, 1), submission, hub->settings.receipt_ttl_s);
    live_question_send(question);
}
