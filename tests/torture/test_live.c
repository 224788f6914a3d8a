/* Notes, receipts and requests to Redis with each call failing once. */
#include "torture.h"

#include "lookup.h"
#include "reader.h"
#include "receipt.h"
#include "request.h"
#include "ring.h"

#include <poll.h>

static const char json[] = "{\"seq\":5,\"order\":{\"id\":1}}";
static const struct note_frame frame = {
    .kind = NOTE_EVENT,
    .note = { .location_id = { { 1 } }, .order_id = { { 2 } }, .command_id = { { 3 } }, .type = EV_ORDER_PLACED,
              .seq = 5, .version = 1, .head = { .seq = 5 }, .json = json, .json_len = sizeof(json) - 1,
              .order_json = json + 17, .order_json_len = 8 },
};

static struct buffer out;
static struct buffer bytes;
static struct live_shared *shared;
static struct ring ring;

static void open_buffers(void)
{
    buffer_init(&out, NOTE_BYTES_MAX);
    buffer_init(&bytes, NOTE_BYTES_MAX);
    live_note_encode(&frame, &bytes);
    assert_int_equal(bytes.err, ZP_OK);
}

static void close_buffers(void)
{
    live_shared_release(shared);
    shared = NULL;
    buffer_finish(&out);
    buffer_finish(&bytes);
}

static enum zp_err a_note_is_written(void)
{
    buffer_reset(&out);
    live_request(&out, 3);
    live_request_text(&out, "SPUBLISH");
    live_request_key(&out, live_key_channel(&frame.note.location_id));
    live_request_note(&out, &frame);
    live_request_get(&out, live_key_head(&frame.note.location_id));
    return out.err;
}

static enum zp_err a_note_is_heard(void)
{
    live_shared_release(shared);
    shared = live_shared_read(bytes.data, bytes.len);
    return shared == NULL ? ZP_NO_MEMORY : ZP_OK;
}

static enum zp_err a_receipt_is_printed(void)
{
    static const struct reason reason = { "item_unknown", "/lines/0", "no such item" };
    const struct outcome outcome = { .err = ZP_INVALID, .reasons = &reason, .reason_count = 1 };
    struct buffer reasons;
    buffer_init(&reasons, RECEIPT_BYTES_MAX);
    const struct live_receipt receipt = live_receipt_of_outcome(&outcome, &reasons);
    enum zp_err err = reasons.err;
    buffer_reset(&out);
    if (err == ZP_OK) {
        live_receipt_print(&receipt, &out);
        err = out.err;
    }
    buffer_finish(&reasons);
    return err;
}

static enum zp_err a_ring_is_made(void)
{
    enum zp_err err = live_ring_init(&ring, 16, 4096);
    if (err == ZP_OK) {
        live_ring_finish(&ring);
    }
    return err;
}

/* What hiredis' functions are is learnt once, by whoever can. */
static enum zp_err a_reader_is_made(void)
{
    redisReader *reader = live_reader_create();
    if (reader == NULL) {
        return ZP_NO_MEMORY;
    }
    redisReaderFree(reader);
    return ZP_OK;
}

/* A name, so on a thread of its own. */
static enum zp_err a_host_is_looked_up(void)
{
    const struct addrinfo *addresses = NULL;
    const char *why = "";
    torture_follow(true);
    struct lookup *lookup = live_lookup_start("localhost", "6379");
    torture_follow(false);
    if (lookup == NULL) {
        return ZP_NO_MEMORY;
    }
    torture_pause();
    while (live_lookup_poll(lookup, &addresses, &why) == LOOKUP_WAITING) {
        (void)poll(NULL, 0, 1);
    }
    bool is_found = live_lookup_poll(lookup, &addresses, &why) == LOOKUP_DONE && addresses != NULL;
    live_lookup_drop(lookup);
    torture_resume();
    return is_found ? ZP_OK : why[0] != '\0' ? ZP_BUSY : ZP_INTERNAL;
}

static const struct torture rows[] = {
    { "a note is written", open_buffers, a_note_is_written, NULL, close_buffers, 0, ZP_OK },
    { "a note is heard", open_buffers, a_note_is_heard, NULL, close_buffers, 0, ZP_OK },
    { "a receipt is printed", open_buffers, a_receipt_is_printed, NULL, close_buffers, 0, ZP_OK },
    { "a reader is made", NULL, a_reader_is_made, NULL, NULL, 0, ZP_OK },
    { "a reader is made by functions that are known", NULL, a_reader_is_made, NULL, NULL, 0, ZP_OK },
    { "a host is looked up", NULL, a_host_is_looked_up, NULL, NULL, ERR(NO_MEMORY) | ERR(BUSY), ZP_OK },
    { "a ring is made", NULL, a_ring_is_made, NULL, NULL, 0, ZP_OK },
};

int main(void)
{
    return torture_main("live", rows, ZP_COUNT(rows));
}
