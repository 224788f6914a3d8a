/* board: a location's open orders in one piece.
 *
 * Called by the gateway for GET /locations/{id}/board. Invariant: a board that is handed out is whole: as many tickets
 * as the head says, and, when all of them fit, with the hash that the head carries. Anything less is not found. */
#include "marks.h"
#include "question.h"
#include "scripts.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 4 /* a ticket may come or go between the two halves of an attempt */

static void ask(struct live_hub *hub, const struct question *from, const redisReply *ids);

static void not_found(struct question *question)
{
    question->cb.board(question->arg, ZP_NOT_FOUND, NULL);
}

/* Fills one ticket; the XOR of all tickets' hashes is the board's. */
static bool read_ticket(const redisReply *snapshot, const redisReply *id, const char **ret_json, size_t *ret_len,
                        uint64_t *hash)
{
    struct note_frame frame;
    struct zp_id order_id;
    if (snapshot->type != REDIS_REPLY_STRING || id->type != REDIS_REPLY_STRING ||
        !id_parse(id->str, id->len, &order_id) || !live_note_decode(snapshot->str, snapshot->len, &frame) ||
        frame.note.order_json == NULL || !id_equal(&frame.note.order_id, &order_id)) {
        return false;
    }
    *ret_json = frame.note.order_json;
    *ret_len = frame.note.order_json_len;
    *hash ^= board_ticket_hash(&order_id, frame.note.version);
    return true;
}

/* True when the tickets are the head's, all of them. */
static bool read_tickets(const redisReply *ids, const redisReply *snapshots, const struct live_head *head,
                         const char **orders, size_t *lens)
{
    uint64_t hash = 0;
    bool more = head->open_count > BOARD_TICKETS_MAX;
    if (snapshots->elements != ids->elements ||
        (int64_t)ids->elements != (more ? BOARD_TICKETS_MAX : head->open_count)) {
        return false;
    }
    for (size_t i = 0; i < ids->elements; i++) {
        if (!read_ticket(snapshots->element[i], ids->element[i], &orders[i], &lens[i], &hash)) {
            return false;
        }
    }
    return more || hash == head->board_hash;
}

static void give(struct question *question, const struct live_head *head, const redisReply *ids,
                 const redisReply *snapshots)
{
    const char *orders[BOARD_TICKETS_MAX];
    size_t lens[BOARD_TICKETS_MAX];
    if (!read_tickets(ids, snapshots, head, orders, lens)) {
        not_found(question);
        return;
    }
    const struct live_board board = {
        .head = *head,
        .orders = orders,
        .order_lens = lens,
        .order_count = ids->elements,
        .more = head->open_count > BOARD_TICKETS_MAX,
    };
    question->cb.board(question->arg, ZP_OK, &board);
}

static void answer(struct question *question, enum zp_err err)
{
    struct live_head head;
    if (err != ZP_OK) {
        question->cb.board(question->arg, err, NULL);
        return;
    }
    const redisReply *reply = question->replies[0];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[1]->elements > BOARD_TICKETS_MAX ||
        !live_head_parse(reply->element[0]->str, reply->element[0]->len, &head)) {
        not_found(question);
    } else if (reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_ARRAY) {
        give(question, &head, reply->element[1], reply->element[2]);
    } else if (question->attempts < ATTEMPTS_MAX) {
        ask(question->hub, question, reply->element[1]);
    } else {
        not_found(question);
    }
}

/* Asks with the snapshots of these ids as the expected ones. */
static void ask(struct live_hub *hub, const struct question *from, const redisReply *ids)
{
    struct question *question = live_question_create(hub, answer);
    size_t count = ids == NULL ? 0 : ids->elements;
    question->location_id = from->location_id;
    question->cb.board = from->cb.board;
    question->arg = from->arg;
    question->attempts = from->attempts + 1;
    struct buffer *out = live_question_begin(question, 1);
    live_request(out, 3 + 2 + count + 1);
    live_request_text(out, "EVAL");
    live_request_text(out, LIVE_SCRIPT_BOARD);
    live_request_int(out, (int64_t)(2 + count));
    live_request_key(out, live_key_head(&from->location_id));
    live_request_key(out, live_key_open(&from->location_id));
    for (size_t i = 0; i < count; i++) {
        struct zp_id order_id = ID_NONE;
        const redisReply *id = ids->element[i];
        bool known = id->type == REDIS_REPLY_STRING && id_parse(id->str, id->len, &order_id);
        (void)known; /* what is no id fits no key: the attempts end and nothing is found */
        live_request_key(out, live_key_order(&from->location_id, &order_id));
    }
    live_request_int(out, BOARD_TICKETS_MAX);
    live_question_send(question);
}

void live_hub_board_get(struct live_hub *hub, const struct zp_id *location_id, live_board_cb *cb, void *arg)
{
    const struct question from = { .location_id = *location_id, .cb.board = cb, .arg = arg };
    ask(hub, &from, NULL);
}
