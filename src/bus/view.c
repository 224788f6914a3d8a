/* view: owns the records that consumer and reader hand out: each is a view of one of librdkafka's messages, which it
 * keeps alive until bus_record_release. Views are used again, so that a record costs no allocation of ours.
 *
 * Invariant: a view is either on its pool's idle list without a message, or out with one; `out` counts the latter. */
#include "view.h"

#include <stdlib.h>

#define HEADERS_INLINE 24 /* more than our own records have; others get an array of their own */
#define VIEWS_MAX (1 << 20)

struct bus_view {
    struct record record;              /* first: a record handed out is its view */
    struct header inlined[HEADERS_INLINE];
    struct header *many;               /* owned; NULL while the inlined ones suffice */
    rd_kafka_message_t *message;       /* owned while out */
    struct bus_views *pool;            /* borrowed */
    struct bus_view *next;             /* on the idle list */
};

static struct bus_view *view_idle(struct bus_views *views)
{
    struct bus_view *view = views->idle;
    if (view != NULL) {
        views->idle = view->next;
        return view;
    }
    ZP_ASSERT(views->out < VIEWS_MAX); /* nobody releases */
    view = malloc(sizeof(*view));
    if (view != NULL) {
        view->pool = views;
        view->many = NULL;
    }
    return view;
}

/* Headers that cannot be parsed count as none: a record without ce_id and ce_type is refused further up. */
static bool view_headers(struct bus_view *view)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(view->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true;
    }
    size_t count = rd_kafka_header_cnt(headers);
    if (count > HEADERS_INLINE) {
        view->many = calloc(count, sizeof(*view->many));
        if (view->many == NULL) {
            return false;
        }
    }
    struct header *into = view->many != NULL ? view->many : view->inlined;
    for (size_t i = 0; i < count; i++) {
        rd_kafka_header_get_all(headers, i, &into[i].name, &into[i].value, &into[i].len);
        into[i].len = into[i].value != NULL ? into[i].len : 0;
    }
    view->record.headers = into;
    view->record.header_count = count;
    return true;
}

struct record *bus_view_take(struct bus_views *views, rd_kafka_message_t *message)
{
    struct bus_view *view = view_idle(views);
    if (view == NULL) {
        rd_kafka_message_destroy(message);
        return NULL;
    }
    int64_t logged_ms = rd_kafka_message_timestamp(message, NULL);
    views->out++;
    view->message = message;
    view->record = (struct record){
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_us = logged_ms > 0 ? logged_ms * 1000 : 0,
        .key = message->key,
        .key_len = message->key_len,
        .value = message->payload,
        .value_len = message->len,
        .headers = view->inlined,
    };
    if (!view_headers(view)) {
        bus_record_release(&view->record);
        return NULL;
    }
    return &view->record;
}

void bus_record_release(struct record *record)
{
    if (record == NULL) {
        return;
    }
    struct bus_view *view = (struct bus_view *)record;
    ZP_ASSERT(view->message != NULL); /* else it is released twice */
    rd_kafka_message_destroy(view->message);
    free(view->many);
    view->message = NULL;
    view->many = NULL;
    view->next = view->pool->idle;
    view->pool->idle = view;
    view->pool->out--;
}

void bus_views_finish(struct bus_views *views)
{
    ZP_ASSERT(views->out == 0);
    while (views->idle != NULL) {
        struct bus_view *view = views->idle;
        views->idle = view->next;
        free(view);
    }
}
