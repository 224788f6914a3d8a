/* bus: the log. Publishes and consumes records, and keeps the topics as the files in topics/ say. librdkafka and
 * libyaml stay behind this door. */
#ifndef ZAPORA_BUS_H
#define ZAPORA_BUS_H

#include "zapora/message.h"

/* Of each topic: as many as the setting `partitions` says, fixed for the life of a topic version, for a location must
 * not move. A request to a broker holds the records of one partition (librdkafka 2.0.2), so few cost less, and each is
 * one worker's at a time, so there are never more workers at work than partitions. */
#define BUS_PARTITIONS_MAX 64
/* A role's row of the setting, for a struct with `int64_t partitions`. */
#define BUS_PARTITIONS_SETTING(type) \
    { .name = "partitions", .kind = SETTING_INT, .fallback = "64", .min = 1, .max = BUS_PARTITIONS_MAX, \
      .offset = offsetof(type, partitions), \
      .help = "Partitions of each topic, as they were made: the same for every role, and for ever." }

/* The process's number; BUS_PARTITIONS_MAX until it is set, once, before any thread asks. */
int32_t bus_partitions(void);
void bus_partitions_set(int64_t count);
/* How many lanes a producer of many partitions needs: with few of them, records gather in the requests of one. */
size_t bus_lanes(void);
#define BUS_WHY_SIZE 256

/* The partition of a key: murmur2 as Java's clients have it (KIP-480's DefaultPartitioner for keyed records). -1
 * without a key (NULL): Java would choose any. */
int32_t bus_partition_of(const void *key, size_t key_len, int32_t partition_count);
/* The partition of a location: its 36-character id is the key. */
int32_t bus_partition_of_location(const struct zp_id *location_id);

/* ---- publish ----------------------------------------------------------------------------------------- */

struct bus_producer;

enum bus_ack {
    BUS_ACKED,         /* all in-sync replicas have it, at its offset */
    BUS_NOT_PERSISTED, /* certainly not in the log */
    BUS_UNKNOWN,       /* perhaps in the log */
};

/* Where an acknowledged record stands: its offset, else -1; timestamp 0 when the topic does not say LogAppendTime. why:
 * NULL when acknowledged, else a static sentence. */
struct bus_delivery { enum bus_ack ack; int32_t partition; int64_t offset; int64_t timestamp_us; const char *why; };

struct bus_producer_settings {
    const char *brokers;       /* "host:port,…" */
    const char *client_id;
    int64_t timeout_ms;        /* of a message, queueing included; 0: never times out by itself */
    int64_t linger_us;
    /* A topic whose order says what is missing (borrowed as long as the producer lives), or NULL. A record that fails
     * for good breaks the producer, so that none of its partition's later ones is written; and a partition's first
     * record goes alone: until it is acknowledged, the next is ZP_BUSY. bus_produce is the polling thread's then. Not
     * for records that time out. */
    const char *gapless_topic;
    /* Connections to each broker, at most 16; 0: one. A broker works on one request of a connection at a time, and a
     * request holds one partition. A partition's records keep their order: they go through one of them. */
    size_t lanes;
    int64_t queue_bytes_max;   /* of the queue; a full one gives ZP_BUSY */
    int64_t queue_messages_max;
    /* Called once for each accepted record, only inside bus_producer_poll and bus_producer_destroy. */
    void (*on_delivery)(void *opaque, const struct bus_delivery *delivery);
};

/* An idempotent producer with acks=all, lz4. ZP_INVALID or ZP_BUSY with a sentence in why. */
enum zp_err bus_producer_create(const struct bus_producer_settings *settings, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Asks for a topic's leaders and keeps them known: the first record to a topic that was not warmed may wait a second
 * for them. At most 8 topics; before the first bus_produce. ZP_NOT_FOUND: no such topic; ZP_BUSY: no answer within
 * timeout_ms. */
enum zp_err bus_producer_warm(struct bus_producer *producer, const char *topic, int timeout_ms,
                              char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Queues a copy of the record; partition -1 chooses by key. ZP_OK: on_delivery will be called with `opaque`, once.
 * ZP_BUSY: the queue is full, the producer is broken, the topic lacks that partition, or a gapless one's first record
 * is under way; ZP_TOO_LARGE; nothing was queued then. Thread-safe, without a gapless topic. */
enum zp_err bus_produce(struct bus_producer *producer, const char *topic, const struct record *record,
                        void *opaque) ZP_MUST_CHECK;
/* Serves delivery reports, waiting up to timeout_ms for the first. One thread only. */
void bus_producer_poll(struct bus_producer *producer, int timeout_ms);
/* Makes the producer write 8 bytes (value 1: an eventfd's increment) to fd when reports begin to wait: poll once
 * after this call, then after each wake-up, with timeout_ms 0. The descriptor should not block. */
void bus_producer_notify(struct bus_producer *producer, int fd);
/* True after a fatal error: destroy it and make it anew. Thread-safe. */
bool bus_producer_broken(struct bus_producer *producer);
/* The last error since the call before, or NULL; borrowed until the next call. On the thread that polls. */
const char *bus_producer_trouble(struct bus_producer *producer);
/* Waits up to flush_ms for what is queued, then purges the rest (reported as UNKNOWN or NOT_PERSISTED). On the
 * thread that polls, when no other can call bus_produce any more. NULL is fine. */
void bus_producer_destroy(struct bus_producer *producer, int flush_ms);

/* ---- consume: the mailbox, as a member of the worker group ------------------------------------------------ */

struct bus_consumer;

struct bus_consumer_settings {
    const char *brokers, *client_id;
    const char *group;        /* "zapora-workers" */
    const char *instance_id;  /* static membership: a stable id per worker */
    const char *topic;
    int64_t queue_bytes_max;  /* fetched ahead, all partitions */
    /* Called inside bus_consume and bus_consumer_destroy only. Assigned partitions are paused: after its takeover
     * the worker calls bus_consumer_start. Revoked ones are gone when this returns. lost: without warning, perhaps
     * long ago. An assignment of nothing is told, too: there are more workers than partitions. */
    void (*on_assign)(void *arg, const int32_t *partitions, size_t count);
    void (*on_revoke)(void *arg, const int32_t *partitions, size_t count, bool lost);
    /* The log has no such offset for a partition that was started (its start has passed it, or its end is before
     * it): it is paused until it is started again; the trouble names the offset. Inside bus_consume only. May be
     * NULL. */
    void (*on_out_of_range)(void *arg, int32_t partition);
    void *arg;
};

enum zp_err bus_consumer_create(const struct bus_consumer_settings *settings, struct bus_consumer **ret_consumer,
                                char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* The next record within timeout_ms, or NULL: nothing came, or something else than a record. Borrowed until
 * bus_record_release. Errors that pass by themselves are kept for bus_consumer_trouble. Must be called often, also
 * while all partitions are paused: max.poll.interval.ms is 10 s. One thread only, as all that follows. */
struct record *bus_consume(struct bus_consumer *consumer, int timeout_ms);
/* On the thread that the record came out on, and before its consumer or reader is destroyed. NULL is fine. */
void bus_record_release(struct record *record);
/* Starts or restarts delivery of a paused or running partition at that offset; nothing fetched before comes out any
 * more. May be called inside on_assign. ZP_NOT_FOUND: the partition is not assigned; ZP_BUSY: try again. */
enum zp_err bus_consumer_start(struct bus_consumer *consumer, int32_t partition, int64_t offset) ZP_MUST_CHECK;
/* Nothing comes out of the partition until it is started again. ZP_NOT_FOUND: it is not assigned. */
enum zp_err bus_consumer_pause(struct bus_consumer *consumer, int32_t partition) ZP_MUST_CHECK;
/* Stores offsets as the group's committed ones, asynchronously: a hint for lag tools, nothing else. Left out while
 * the one before is still on its way. */
void bus_consumer_hint(struct bus_consumer *consumer, const int32_t *partitions, const int64_t *next_offsets,
                       size_t count);
/* The last error since the call before, or NULL; borrowed until the next call. *ret_fatal: make the consumer anew. */
const char *bus_consumer_trouble(struct bus_consumer *consumer, bool *ret_fatal);
/* Calls on_revoke for what is still assigned; every record must be released by then. The group is not told: with
 * static membership it keeps the place, partitions and all, until the member is back or its session (6 s) times out.
 * NULL is fine. */
void bus_consumer_destroy(struct bus_consumer *consumer);

/* ---- read: a finite piece of a topic, without a group ---------------------------------------------------- */

struct bus_reader;

struct bus_range { int32_t partition; int64_t from; int64_t to; }; /* [from, to) */

/* First and next-to-be-written offsets of partitions, asked of the brokers now, by a short-lived connection. Arrays
 * of count. ZP_OK, ZP_NOT_FOUND (no such topic or partition) or ZP_BUSY. */
enum zp_err bus_offsets(const char *brokers, const char *topic, const int32_t *partitions, size_t count, int timeout_ms,
                        int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* The same with a kept connection, for callers that ask often: one request to each leader. A watch is used by one
 * thread at a time; different watches don't disturb each other. */
struct bus_watch;
enum zp_err bus_watch_create(const char *brokers, const char *client_id, struct bus_watch **ret_watch,
                             char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
enum zp_err bus_watch_ends(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                           int timeout_ms, int64_t *ret_end) ZP_MUST_CHECK;
enum zp_err bus_watch_firsts(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                             int timeout_ms, int64_t *ret_first) ZP_MUST_CHECK;
/* For each partition the offset of its first record whose log time is at or after wall_us; its end where there is
 * none. */
enum zp_err bus_watch_offset_at(struct bus_watch *watch, const char *topic, const int32_t *partitions, size_t count,
                                int64_t wall_us, int timeout_ms, int64_t *ret_offsets) ZP_MUST_CHECK;
/* Why the last question failed; borrowed until the next one. */
const char *bus_watch_why(const struct bus_watch *watch);
void bus_watch_destroy(struct bus_watch *watch); /* NULL is fine */

/* Reads each range once, records of one partition in order, partitions mixed. Ranges are copied; empty ones are fine, a
 * partition named twice is ZP_INVALID. */
enum zp_err bus_reader_create(const char *brokers, const char *topic, const struct bus_range *ranges, size_t count,
                              struct bus_reader **ret_reader, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* The next record within timeout_ms: ZP_OK with *ret_record set, or NULL when nothing came in time; *ret_done is
 * true once every range has been read, with the last record or after it. ZP_NOT_FOUND: a range starts before the log
 * or ends behind it; no call gives anything else from then on. ZP_BUSY: nothing came, and the brokers are in
 * trouble; the next call goes on. Release with bus_record_release. */
enum zp_err bus_reader_next(struct bus_reader *reader, int timeout_ms, struct record **ret_record,
                            bool *ret_done) ZP_MUST_CHECK;
/* The last error since the call before, or NULL; borrowed until the next call. */
const char *bus_reader_trouble(struct bus_reader *reader);
void bus_reader_destroy(struct bus_reader *reader); /* NULL is fine */

/* ---- topics as files: the form of a Strimzi KafkaTopic ----------------------------------------------------- */

#define BUS_TOPICS_MAX 16
#define BUS_TOPIC_SETTINGS_MAX 32

struct bus_topic {
    char name[250];
    int64_t partitions, replicas;
    struct { char name[128], value[128]; } settings[BUS_TOPIC_SETTINGS_MAX];
    size_t setting_count;
};

/* Reads every .yaml file in dir, sorted by name; ret_topics has room for BUS_TOPICS_MAX. ZP_INVALID with file, line and
 * reason in why; ret_topics may be written to then. */
enum zp_err bus_topics_read(const char *dir, struct bus_topic *ret_topics, size_t *ret_count,
                            char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Compares with the brokers and writes one line a difference to words (create, set, keep, refuse). apply: carries it
 * out, describing, merging and altering settings; never changes a number of partitions or replicas. *ret_changes
 * counts what was or would be changed. replicas > 0 overrides the files' replicas and caps min.insync.replicas, for
 * a one-broker stack. ZP_OK; ZP_CONFLICT when something must not be changed, and then nothing is; ZP_INVALID when
 * the brokers refuse a value; ZP_BUSY. */
enum zp_err bus_topics_apply(const char *brokers, const struct bus_topic *topics, size_t count, int64_t replicas,
                             bool apply, FILE *words, size_t *ret_changes, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Number of partitions of a topic; ZP_NOT_FOUND, ZP_BUSY. */
enum zp_err bus_topic_partitions(const char *brokers, const char *topic, int32_t *ret_count,
                                 char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
/* Asks the same and makes it the process's number (bus_partitions_set); ZP_CONFLICT: more than there may be, too. */
enum zp_err bus_partitions_learn(const char *brokers, const char *topic, char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;

#endif
