/* wraps_rdkafka: librdkafka, as far as a call of it may fail by itself, or tell that something else has failed. */
#include "wraps_rdkafka.h"

#include "wraps.h"

#include <librdkafka/rdkafka.h>

/* What the library would say next. */
static _Thread_local rd_kafka_resp_err_t last_error;

static void *fail_by(rd_kafka_resp_err_t err)
{
    last_error = err;
    return NULL;
}

rd_kafka_resp_err_t __real_rd_kafka_last_error(void);
rd_kafka_resp_err_t __wrap_rd_kafka_last_error(void);
rd_kafka_resp_err_t __wrap_rd_kafka_last_error(void)
{
    rd_kafka_resp_err_t err = last_error;
    last_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    return err != RD_KAFKA_RESP_ERR_NO_ERROR ? err : __real_rd_kafka_last_error();
}

/* ---- a client is made ---- */

WRAP(rd_kafka_conf_res_t, rd_kafka_conf_set, (rd_kafka_conf_t *conf, const char *name, const char *value, char *why,
                                              size_t why_size),
     (conf, name, value, why, why_size), (why[0] = '\0', RD_KAFKA_CONF_INVALID))
WRAP(rd_kafka_resp_err_t, rd_kafka_conf_interceptor_add_on_new,
     (rd_kafka_conf_t *conf, const char *name, rd_kafka_interceptor_f_on_new_t *made, void *opaque),
     (conf, name, made, opaque), RD_KAFKA_RESP_ERR__CONFLICT)
WRAP(rd_kafka_resp_err_t, rd_kafka_interceptor_add_on_request_sent,
     (rd_kafka_t *rk, const char *name, rd_kafka_interceptor_f_on_request_sent_t *sent, void *opaque),
     (rk, name, sent, opaque), RD_KAFKA_RESP_ERR__CONFLICT)

static rd_kafka_t *newest; /* of all clients */

rd_kafka_t *__real_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t why_size);
FITS(rd_kafka_new)
rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t why_size);
rd_kafka_t *__wrap_rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t why_size)
{
    if (TORTURE_FAILS("rd_kafka_new")) {
        why[0] = '\0';
        return fail_by(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE);
    }
    newest = __real_rd_kafka_new(type, conf, why, why_size);
    return newest;
}

WRAP(rd_kafka_topic_t *, rd_kafka_topic_new, (rd_kafka_t *rk, const char *topic, rd_kafka_topic_conf_t *conf),
     (rk, topic, conf), fail_by(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE))
WRAP(rd_kafka_resp_err_t, rd_kafka_poll_set_consumer, (rd_kafka_t *rk), (rk), RD_KAFKA_RESP_ERR__FAIL)

/* ---- questions ---- */

WRAP(rd_kafka_resp_err_t, rd_kafka_metadata, (rd_kafka_t *rk, int all, rd_kafka_topic_t *only,
                                              const struct rd_kafka_metadata **ret_found, int timeout_ms),
     (rk, all, only, ret_found, timeout_ms), RD_KAFKA_RESP_ERR__TRANSPORT)

/* A call that gives an error for each partition, and often no other: it fails as a whole, or for the first of them
 * alone. */
static rd_kafka_resp_err_t fail_first(rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t err)
{
    list->elems[0].err = err;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t __real_rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets,
                                                      int timeout_ms);
FITS(rd_kafka_offsets_for_times)
rd_kafka_resp_err_t __wrap_rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets,
                                                      int timeout_ms);
rd_kafka_resp_err_t __wrap_rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets,
                                                      int timeout_ms)
{
    if (TORTURE_FAILS("rd_kafka_offsets_for_times")) {
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    if (TORTURE_FAILS("rd_kafka_offsets_for_times, a partition")) {
        return fail_first(offsets, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    }
    return __real_rd_kafka_offsets_for_times(rk, offsets, timeout_ms);
}

/* ---- publishing ---- */

#define NEXT_TAG_IS(tag) ZP_ASSERT(va_arg(args, int) == RD_KAFKA_VTYPE_##tag)

/* What it is given has no end that could be handed on, so it is read, in the one order in which ours gives it. */
rd_kafka_resp_err_t __real_rd_kafka_producev(rd_kafka_t *rk, ...);
rd_kafka_resp_err_t __wrap_rd_kafka_producev(rd_kafka_t *rk, ...);
rd_kafka_resp_err_t __wrap_rd_kafka_producev(rd_kafka_t *rk, ...)
{
    if (TORTURE_FAILS("rd_kafka_producev, the queue is full")) {
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }
    if (TORTURE_FAILS("rd_kafka_producev, the producer broke")) {
        (void)rd_kafka_test_fatal_error(rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "torture");
    }
    va_list args;
    va_start(args, rk);
    NEXT_TAG_IS(TOPIC);
    const char *topic = va_arg(args, const char *);
    NEXT_TAG_IS(PARTITION);
    int32_t partition = va_arg(args, int32_t);
    NEXT_TAG_IS(MSGFLAGS);
    int flags = va_arg(args, int);
    NEXT_TAG_IS(KEY);
    const void *key = va_arg(args, const void *);
    size_t key_len = va_arg(args, size_t);
    NEXT_TAG_IS(VALUE);
    void *value = va_arg(args, void *);
    size_t value_len = va_arg(args, size_t);
    NEXT_TAG_IS(HEADERS);
    rd_kafka_headers_t *headers = va_arg(args, rd_kafka_headers_t *);
    NEXT_TAG_IS(OPAQUE);
    void *opaque = va_arg(args, void *);
    NEXT_TAG_IS(END);
    va_end(args);
    return __real_rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                    RD_KAFKA_V_MSGFLAGS(flags), RD_KAFKA_V_KEY(key, key_len),
                                    RD_KAFKA_V_VALUE(value, value_len), RD_KAFKA_V_HEADERS(headers),
                                    RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

WRAP(rd_kafka_resp_err_t, rd_kafka_flush, (rd_kafka_t *rk, int timeout_ms), (rk, timeout_ms),
     RD_KAFKA_RESP_ERR__TIMED_OUT)
WRAP(rd_kafka_resp_err_t, rd_kafka_purge, (rd_kafka_t *rk, int flags), (rk, flags), RD_KAFKA_RESP_ERR__FAIL)

/* ---- partitions ---- */

void __real_rd_kafka_message_destroy(rd_kafka_message_t *message);

static rd_kafka_message_t *held_back; /* came, and comes out a call later */

/* What was fetched before does not come out any more. */
static void held_back_is_old(void)
{
    if (held_back != NULL) {
        __real_rd_kafka_message_destroy(held_back);
        held_back = NULL;
    }
}

rd_kafka_resp_err_t __real_rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions);
FITS(rd_kafka_assign)
rd_kafka_resp_err_t __wrap_rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions);
rd_kafka_resp_err_t __wrap_rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions)
{
    if (TORTURE_FAILS("rd_kafka_assign")) {
        return RD_KAFKA_RESP_ERR__FAIL;
    }
    held_back_is_old();
    return __real_rd_kafka_assign(rk, partitions);
}

WRAP(rd_kafka_resp_err_t, rd_kafka_assignment, (rd_kafka_t *rk, rd_kafka_topic_partition_list_t **ret_list),
     (rk, ret_list), RD_KAFKA_RESP_ERR__DESTROY)
WRAP(rd_kafka_resp_err_t, rd_kafka_pause_partitions, (rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list),
     (rk, list), fail_first(list, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION))
WRAP(rd_kafka_resp_err_t, rd_kafka_resume_partitions, (rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list),
     (rk, list), fail_first(list, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION))
WRAP(rd_kafka_resp_err_t, rd_kafka_commit, (rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int async),
     (rk, offsets, async), RD_KAFKA_RESP_ERR__WAIT_COORD)

rd_kafka_error_t *__real_rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                                  int timeout_ms);
FITS(rd_kafka_seek_partitions)
rd_kafka_error_t *__wrap_rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                                  int timeout_ms);
rd_kafka_error_t *__wrap_rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                                  int timeout_ms)
{
    if (TORTURE_FAILS("rd_kafka_seek_partitions")) {
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__DESTROY, "torture");
    }
    if (TORTURE_FAILS("rd_kafka_seek_partitions, not yet")) {
        (void)fail_first(list, RD_KAFKA_RESP_ERR__TIMED_OUT);
        return NULL;
    }
    if (TORTURE_FAILS("rd_kafka_seek_partitions, a partition")) {
        (void)fail_first(list, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
        return NULL;
    }
    held_back_is_old();
    return __real_rd_kafka_seek_partitions(rk, list, timeout_ms);
}

/* ---- the group ---- */

typedef void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque);

static on_rebalance *rebalanced; /* of the newest consumer */

void __real_rd_kafka_conf_set_rebalance_cb(rd_kafka_conf_t *conf, on_rebalance *callback);
FITS(rd_kafka_conf_set_rebalance_cb)
void __wrap_rd_kafka_conf_set_rebalance_cb(rd_kafka_conf_t *conf, on_rebalance *callback);
void __wrap_rd_kafka_conf_set_rebalance_cb(rd_kafka_conf_t *conf, on_rebalance *callback)
{
    rebalanced = callback;
    __real_rd_kafka_conf_set_rebalance_cb(conf, callback);
}

static void share_anew(rd_kafka_resp_err_t how, const char *topic, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    rebalanced(newest, how, list, rd_kafka_opaque(newest));
    rd_kafka_topic_partition_list_destroy(list);
}

void torture_assign(const char *topic, int32_t partition)
{
    share_anew(RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, topic, partition);
}

void torture_revoke(const char *topic, int32_t partition)
{
    share_anew(RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, topic, partition);
}

bool torture_holds_partitions(void)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    bool holds = __real_rd_kafka_assignment(newest, &list) == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0;
    if (list != NULL) {
        rd_kafka_topic_partition_list_destroy(list);
    }
    return holds;
}

bool torture_is_alone;

rd_kafka_resp_err_t __real_rd_kafka_subscribe(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics);
FITS(rd_kafka_subscribe)
rd_kafka_resp_err_t __wrap_rd_kafka_subscribe(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics);
rd_kafka_resp_err_t __wrap_rd_kafka_subscribe(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics)
{
    if (TORTURE_FAILS("rd_kafka_subscribe")) {
        return RD_KAFKA_RESP_ERR__FAIL;
    }
    return torture_is_alone ? RD_KAFKA_RESP_ERR_NO_ERROR : __real_rd_kafka_subscribe(rk, topics);
}

/* ---- records ---- */

#define NEXT_MS 200

static rd_kafka_message_t broken; /* an error, which is not the library's to free */

rd_kafka_message_t *__real_rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms);

/* The library says once that a record is rotten, and goes on with the next; when there is none, it fetches again. */
static rd_kafka_message_t *rot(rd_kafka_t *rk, rd_kafka_message_t *message)
{
    broken = (rd_kafka_message_t){ .err = RD_KAFKA_RESP_ERR__BAD_MSG, .rkt = message->rkt,
                                   .partition = message->partition, .offset = message->offset };
    rd_kafka_message_t *after = __real_rd_kafka_consumer_poll(rk, NEXT_MS);
    bool is_record = after != NULL && after->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    held_back = is_record ? after : message;
    rd_kafka_message_t *gone = is_record ? message : after;
    if (gone != NULL) {
        __real_rd_kafka_message_destroy(gone);
    }
    return &broken;
}

/* A failure counts where there is something to take, for how often nothing is there is chance. */
FITS(rd_kafka_consumer_poll)
rd_kafka_message_t *__wrap_rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms);
rd_kafka_message_t *__wrap_rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_message_t *message = held_back;
    held_back = NULL;
    message = message != NULL ? message : __real_rd_kafka_consumer_poll(rk, timeout_ms);
    if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return message;
    }
    if (TORTURE_FAILS("rd_kafka_consumer_poll, too late")) {
        held_back = message;
        return NULL;
    }
    if (TORTURE_FAILS("rd_kafka_consumer_poll, no broker")) {
        held_back = message;
        broken = (rd_kafka_message_t){ .err = RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN };
        return &broken;
    }
    return TORTURE_FAILS("rd_kafka_consumer_poll, rotten") ? rot(rk, message) : message;
}

FITS(rd_kafka_message_destroy)
void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message);
void __wrap_rd_kafka_message_destroy(rd_kafka_message_t *message)
{
    if (message != &broken) {
        __real_rd_kafka_message_destroy(message);
    }
}
