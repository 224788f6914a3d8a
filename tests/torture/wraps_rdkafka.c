/* wraps_rdkafka: librdkafka, as far as a call of it may fail by itself. */
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

WRAP(rd_kafka_conf_res_t, rd_kafka_conf_set, (rd_kafka_conf_t *conf, const char *name, const char *value, char *why,
                                              size_t why_size),
     (conf, name, value, why, why_size), (why[0] = '\0', RD_KAFKA_CONF_INVALID))
WRAP(rd_kafka_t *, rd_kafka_new, (rd_kafka_type_t type, rd_kafka_conf_t *conf, char *why, size_t why_size),
     (type, conf, why, why_size), (why[0] = '\0', fail_by(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)))
WRAP(rd_kafka_topic_t *, rd_kafka_topic_new, (rd_kafka_t *rk, const char *topic, rd_kafka_topic_conf_t *conf),
     (rk, topic, conf), fail_by(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE))
WRAP(rd_kafka_resp_err_t, rd_kafka_metadata, (rd_kafka_t *rk, int all, rd_kafka_topic_t *only,
                                              const struct rd_kafka_metadata **ret_found, int timeout_ms),
     (rk, all, only, ret_found, timeout_ms), RD_KAFKA_RESP_ERR__TRANSPORT)
WRAP(rd_kafka_resp_err_t, rd_kafka_offsets_for_times, (rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets,
                                                       int timeout_ms),
     (rk, offsets, timeout_ms), RD_KAFKA_RESP_ERR__TIMED_OUT)
WRAP(rd_kafka_resp_err_t, rd_kafka_poll_set_consumer, (rd_kafka_t *rk), (rk), RD_KAFKA_RESP_ERR__FAIL)
WRAP(rd_kafka_resp_err_t, rd_kafka_assign, (rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions),
     (rk, partitions), RD_KAFKA_RESP_ERR__FAIL)
WRAP(rd_kafka_resp_err_t, rd_kafka_subscribe, (rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics),
     (rk, topics), RD_KAFKA_RESP_ERR__FAIL)
