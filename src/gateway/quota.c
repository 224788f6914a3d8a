/* quota: counts the event streams of the whole gateway, of each user and of each location.
 *
 * Called by stream.c on any loop. A table with open addressing, twice as large as it can ever be full: each stream adds
 * at most two counts. Invariants: a count of zero is no entry; what was taken is given exactly once; no stream is
 * counted that was refused. */
#include "quota.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_FREE, KIND_USER, KIND_LOCATION };

struct count {
    enum kind kind;
    struct zp_id id;
    int64_t streams;
};

struct quota {
    struct quota_limits limits;
    pthread_mutex_t lock; /* guards what follows */
    int64_t streams;
    size_t mask;          /* places are a power of two */
    struct count counts[];
};

static size_t home(const struct quota *quota, enum kind kind, const struct zp_id *id)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)id + sizeof(*id) - sizeof(word), sizeof(word)); /* ids are random at their end */
    return (size_t)((word ^ kind) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & quota->mask;
}

/* The entry, or the free place where it belongs. */
static struct count *find(struct quota *quota, enum kind kind, const struct zp_id *id)
{
    size_t at = home(quota, kind, id);
    while (quota->counts[at].kind != KIND_FREE &&
           (quota->counts[at].kind != kind || !id_equal(&quota->counts[at].id, id))) {
        at = (at + 1) & quota->mask;
    }
    return &quota->counts[at];
}

static void add(struct quota *quota, enum kind kind, const struct zp_id *id)
{
    struct count *count = find(quota, kind, id);
    *count = (struct count){ kind, *id, count->streams + 1 };
}

/* Those behind a freed place move up, so that each is found from its home on without a gap. */
static void close_gap(struct quota *quota, size_t gap)
{
    for (size_t at = (gap + 1) & quota->mask; quota->counts[at].kind != KIND_FREE; at = (at + 1) & quota->mask) {
        size_t wanted = home(quota, quota->counts[at].kind, &quota->counts[at].id);
        if (((at - wanted) & quota->mask) >= ((at - gap) & quota->mask)) {
            quota->counts[gap] = quota->counts[at];
            quota->counts[at] = (struct count){ .kind = KIND_FREE };
            gap = at;
        }
    }
}

static void subtract(struct quota *quota, enum kind kind, const struct zp_id *id)
{
    struct count *count = find(quota, kind, id);
    ZP_ASSERT(count->streams > 0);
    if (--count->streams == 0) {
        *count = (struct count){ .kind = KIND_FREE };
        close_gap(quota, (size_t)(count - quota->counts));
    }
}

enum zp_err quota_create(const struct quota_limits *limits, struct quota **ret_quota)
{
    size_t places = 16;
    while (places < (size_t)limits->streams * 4) {
        places *= 2;
    }
    struct quota *quota = calloc(1, sizeof(*quota) + places * sizeof(quota->counts[0]));
    if (quota == NULL) {
        return ZP_NO_MEMORY;
    }
    quota->limits = *limits;
    quota->mask = places - 1;
    pthread_mutex_init(&quota->lock, NULL);
    *ret_quota = quota;
    return ZP_OK;
}

void quota_destroy(struct quota *quota)
{
    if (quota != NULL) {
        pthread_mutex_destroy(&quota->lock);
        free(quota);
    }
}

static enum zp_err judge(struct quota *quota, const struct zp_id *user_id, const struct zp_id *location_id)
{
    if (find(quota, KIND_USER, user_id)->streams >= quota->limits.user_streams) {
        return ZP_LIMITED;
    }
    bool full = quota->streams >= quota->limits.streams ||
                find(quota, KIND_LOCATION, location_id)->streams >= quota->limits.location_streams;
    return full ? ZP_BUSY : ZP_OK;
}

enum zp_err quota_take(struct quota *quota, const struct zp_id *user_id, const struct zp_id *location_id)
{
    pthread_mutex_lock(&quota->lock);
    enum zp_err err = judge(quota, user_id, location_id);
    if (err == ZP_OK) {
        quota->streams++;
        add(quota, KIND_USER, user_id);
        add(quota, KIND_LOCATION, location_id);
    }
    pthread_mutex_unlock(&quota->lock);
    return err;
}

void quota_give(struct quota *quota, const struct zp_id *user_id, const struct zp_id *location_id)
{
    pthread_mutex_lock(&quota->lock);
    ZP_ASSERT(quota->streams > 0);
    quota->streams--;
    subtract(quota, KIND_USER, user_id);
    subtract(quota, KIND_LOCATION, location_id);
    pthread_mutex_unlock(&quota->lock);
}
