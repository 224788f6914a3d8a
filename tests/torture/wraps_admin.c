/* wraps_admin: librdkafka's requests about topics. An answer fails by not coming, as a whole, or for its one topic. */
#include "wraps.h"

#include <stdio.h>

#include <librdkafka/rdkafka.h>

#define WORDS "torture"

/* ---- the question ---- */

WRAP(rd_kafka_AdminOptions_t *, rd_kafka_AdminOptions_new, (rd_kafka_t *rk, rd_kafka_admin_op_t op), (rk, op), NULL)

#define WRAP_OPTION(name) \
    WRAP(rd_kafka_resp_err_t, name, (rd_kafka_AdminOptions_t *options, int value, char *why, size_t why_size), \
         (options, value, why, why_size), ((void)snprintf(why, why_size, WORDS), RD_KAFKA_RESP_ERR__INVALID_ARG))

WRAP_OPTION(rd_kafka_AdminOptions_set_request_timeout)
WRAP_OPTION(rd_kafka_AdminOptions_set_operation_timeout)
WRAP_OPTION(rd_kafka_AdminOptions_set_validate_only)
WRAP(rd_kafka_ConfigResource_t *, rd_kafka_ConfigResource_new, (rd_kafka_ResourceType_t type, const char *name),
     (type, name), NULL)
WRAP(rd_kafka_resp_err_t, rd_kafka_ConfigResource_set_config,
     (rd_kafka_ConfigResource_t *resource, const char *name, const char *value), (resource, name, value),
     RD_KAFKA_RESP_ERR__INVALID_ARG)
WRAP(rd_kafka_NewTopic_t *, rd_kafka_NewTopic_new, (const char *name, int partitions, int replicas, char *why,
                                                    size_t why_size),
     (name, partitions, replicas, why, why_size), ((void)snprintf(why, why_size, WORDS), NULL))
WRAP(rd_kafka_resp_err_t, rd_kafka_NewTopic_set_config, (rd_kafka_NewTopic_t *topic, const char *name,
                                                         const char *value),
     (topic, name, value), RD_KAFKA_RESP_ERR__INVALID_ARG)

/* ---- its answer ---- */

WRAP(rd_kafka_event_t *, rd_kafka_queue_poll, (rd_kafka_queue_t *queue, int timeout_ms), (queue, timeout_ms), NULL)
WRAP(rd_kafka_resp_err_t, rd_kafka_event_error, (rd_kafka_event_t *event), (event), RD_KAFKA_RESP_ERR__TRANSPORT)
WRAP(rd_kafka_resp_err_t, rd_kafka_topic_result_error, (const rd_kafka_topic_result_t *result), (result),
     RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
WRAP(rd_kafka_resp_err_t, rd_kafka_ConfigResource_error, (const rd_kafka_ConfigResource_t *resource), (resource),
     RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
