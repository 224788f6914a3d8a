/* group.c: owns the group of workers and their consumers: who has which partition, who believes so, and what comes out.
 * Invariant: what a consumer gives rises from where its partition was started, unless a fault says otherwise. */
#include "bus.h"
#include "memory.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define SESSION_US (6 * SIM_SECOND_US)
#define POLL_US (10 * SIM_SECOND_US)
#define LOOK_EVERY_US 250000
#define SKIPS_MAX 2 /* of one record: the worker asks for it again, and stops a partition that goes on skipping */

struct part {
    bool is_assigned;    /* the consumer believes so */
    bool is_started;
    int64_t next;
    int64_t assign_at, revoke_at; /* when it hears of it; 0: nothing to hear */
    bool is_lost;        /* what it will hear of was long ago */
    int64_t skipped;     /* this record, so often */
    int skips;
};

struct bus_consumer {
    struct process *process;
    struct bus_consumer_settings settings;
    struct part parts[BUS_PARTITIONS_MAX];
    int64_t polled_at;
    bool is_broken;
};

static struct {
    int32_t partitions[BUS_PARTITIONS_MAX];
    size_t count;
    struct process *owner[BUS_PARTITIONS_MAX];
    struct process *coming[BUS_PARTITIONS_MAX]; /* gets it when the owner has let go */
    int64_t looked_at;
} group;

void group_open(const int32_t *partitions, size_t count)
{
    memset(&group, 0, sizeof group);
    memcpy(group.partitions, partitions, count * sizeof *partitions);
    group.count = count;
}

/* ---- who has what ---------------------------------------------------------------------------------------------- */

static void give(int32_t number, struct process *process)
{
    group.owner[number] = process;
    group.coming[number] = NULL;
    if (process != NULL && process->consumer != NULL) {
        struct part *part = &process->consumer->parts[number];
        part->assign_at = sim.now_us + chance_between(&sim.pace, 100, 50000);
        sim_trace("group: partition %d goes to %s", (int)number, process->id);
        fiber_poke(process->main);
    }
}

/* The owner will hear of it, or not: it is dead, stopped, or cut off. */
static void take_back(int32_t number, bool is_lost)
{
    struct process *owner = group.owner[number];
    group.owner[number] = NULL;
    if (owner == NULL || owner->consumer == NULL) {
        return;
    }
    struct part *part = &owner->consumer->parts[number];
    int64_t hears_at = owner->cut_until > owner->frozen_until ? owner->cut_until : owner->frozen_until;
    hears_at = hears_at > sim.now_us ? hears_at : sim.now_us;
    part->assign_at = 0;
    if (part->is_assigned) {
        part->revoke_at = hears_at + chance_between(&sim.pace, 100, is_lost ? 600000 : 20000);
        part->is_lost = is_lost;
    }
}

static struct process *somebody(const struct process *but)
{
    struct process *well[PROCESSES_MAX];
    int64_t count = 0;
    for (int i = 0; i < process_count; i++) {
        if (process_is_well(&processes[i]) && &processes[i] != but) {
            well[count++] = &processes[i];
        }
    }
    return count == 0 ? NULL : well[chance_between(&sim.pace, 0, count - 1)];
}

static bool is_out(const struct process *process)
{
    if (!process->is_running) {
        return sim.now_us - process->died_at > SESSION_US;
    }
    if (process_is_frozen(process)) {
        return sim.now_us - process->frozen_at > SESSION_US;
    }
    return process->consumer != NULL && sim.now_us - process->consumer->polled_at > POLL_US;
}

void group_rebalance(void)
{
    for (size_t i = 0; i < group.count; i++) {
        int32_t number = group.partitions[i];
        struct process *owner = group.owner[number];
        if (owner == NULL || !process_is_well(owner) || !owner->consumer->parts[number].is_assigned ||
            chance_permille(&sim.pace, 300)) {
            continue;
        }
        struct process *next = chance_permille(&sim.pace, 300) ? owner : somebody(owner);
        if (next != NULL) {
            take_back(number, false);
            group.owner[number] = owner; /* until it has let go */
            group.coming[number] = next;
        }
    }
}

void group_cut(struct process *process)
{
    for (size_t i = 0; i < group.count; i++) {
        int32_t number = group.partitions[i];
        if (group.owner[number] == process && group.coming[number] == NULL) {
            take_back(number, true);
            give(number, somebody(process));
        }
    }
}

int64_t group_due(void)
{
    if (sim.now_us - group.looked_at < LOOK_EVERY_US) {
        return group.looked_at + LOOK_EVERY_US;
    }
    group.looked_at = sim.now_us;
    for (size_t i = 0; i < group.count; i++) {
        int32_t number = group.partitions[i];
        struct process *owner = group.owner[number];
        if (owner != NULL && is_out(owner)) {
            struct process *coming = group.coming[number];
            group.coming[number] = NULL;
            take_back(number, true);
            give(number, coming != NULL && process_is_well(coming) ? coming : NULL);
        }
        if (group.owner[number] == NULL) {
            give(number, somebody(NULL));
        }
    }
    return group.looked_at + LOOK_EVERY_US;
}

void group_member_gone(struct process *process)
{
    for (size_t i = 0; i < group.count; i++) {
        if (group.coming[group.partitions[i]] == process) {
            group.coming[group.partitions[i]] = NULL;
        }
    }
    if (process->consumer != NULL) {
        SIM_MEMORY;
        free(process->consumer);
        process->consumer = NULL;
    }
}

void group_wake(void)
{
    for (int i = 0; i < process_count; i++) {
        fiber_poke(processes[i].main);
    }
}

/* ---- what a consumer hears ------------------------------------------------------------------------------------- */

static void let_go(struct bus_consumer *consumer, const int32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct part *part = &consumer->parts[numbers[i]];
        part->is_assigned = part->is_started = false;
        struct process *coming = group.coming[numbers[i]];
        if (group.owner[numbers[i]] == consumer->process) {
            give(numbers[i], coming != NULL && process_is_well(coming) ? coming : NULL);
        }
    }
}

static bool hear_of_revocation(struct bus_consumer *consumer, bool is_lost)
{
    int32_t numbers[BUS_PARTITIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < group.count; i++) {
        struct part *part = &consumer->parts[group.partitions[i]];
        if (part->revoke_at > 0 && part->revoke_at <= sim.now_us && part->is_lost == is_lost) {
            part->revoke_at = 0;
            numbers[count++] = group.partitions[i];
        }
    }
    if (count == 0) {
        return false;
    }
    point("group: revoked");
    consumer->settings.on_revoke(consumer->settings.arg, numbers, count, is_lost);
    let_go(consumer, numbers, count);
    point("group: let go");
    return true;
}

static bool hear_of_assignment(struct bus_consumer *consumer)
{
    int32_t numbers[BUS_PARTITIONS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < group.count; i++) {
        struct part *part = &consumer->parts[group.partitions[i]];
        if (part->assign_at > 0 && part->assign_at <= sim.now_us && part->revoke_at == 0) {
            part->assign_at = 0;
            if (!part->is_assigned) {
                part->is_assigned = true;
                numbers[count++] = group.partitions[i];
            }
        }
    }
    if (count > 0) {
        consumer->settings.on_assign(consumer->settings.arg, numbers, count);
    }
    return count > 0;
}

/* ---- the door: consume ----------------------------------------------------------------------------------------- */

enum zp_err bus_consumer_create(const struct bus_consumer_settings *settings, struct bus_consumer **ret_consumer,
                                char why[BUS_WHY_SIZE])
{
    (void)why;
    point("consumer: create");
    SIM_MEMORY;
    struct bus_consumer *consumer = calloc(1, sizeof *consumer);
    ZP_ASSERT(consumer != NULL);
    consumer->process = process_now();
    consumer->settings = *settings;
    consumer->polled_at = sim.now_us;
    consumer->process->consumer = consumer;
    for (size_t i = 0; i < group.count; i++) { /* static membership: it finds its partitions again */
        if (group.owner[group.partitions[i]] == consumer->process) {
            give(group.partitions[i], consumer->process);
        }
    }
    *ret_consumer = consumer;
    return ZP_OK;
}

void bus_consumer_destroy(struct bus_consumer *consumer)
{
    if (consumer == NULL) {
        return;
    }
    point("consumer: destroy");
    int32_t numbers[BUS_PARTITIONS_MAX];
    size_t count = 0;
    for (int32_t p = 0; p < BUS_PARTITIONS_MAX; p++) {
        if (consumer->parts[p].is_assigned) {
            numbers[count++] = p;
        }
    }
    if (count > 0) {
        consumer->settings.on_revoke(consumer->settings.arg, numbers, count, false);
    }
    group_member_gone(consumer->process);
}

static bool skips(struct part *part)
{
    if (part->skipped == part->next && part->skips >= SKIPS_MAX) {
        return false;
    }
    if (!fault_strikes(FAULT_RECORD_SKIPPED)) {
        return false;
    }
    part->skips = part->skipped == part->next ? part->skips + 1 : 1;
    part->skipped = part->next;
    return true;
}

static struct record *next_of(struct bus_consumer *consumer, int32_t number)
{
    MEMORY_SPARED; /* the record is librdkafka's */
    struct part *part = &consumer->parts[number];
    int64_t end = fake_log_end(FAKE_COMMANDS, number);
    if (part->next > end) {
        part->is_started = false;
        if (consumer->settings.on_out_of_range != NULL) {
            consumer->settings.on_out_of_range(consumer->settings.arg, number);
        }
        return NULL;
    }
    if (part->next + 1 < end && skips(part)) {
        part->next++;
    }
    if (part->next > 0 && fault_strikes(FAULT_RECORD_REPEATED)) {
        part->next -= chance_between(&sim.faults, 1, part->next < 3 ? part->next : 3);
    }
    const struct record *record = fake_log_get(FAKE_COMMANDS, number, part->next);
    part->next += record != NULL;
    return record == NULL ? NULL : fake_log_lend(record);
}

static struct record *next_record(struct bus_consumer *consumer)
{
    size_t first = (size_t)chance_between(&sim.pace, 0, (int64_t)group.count - 1);
    for (size_t i = 0; i < group.count && !bus_is_down(); i++) {
        int32_t number = group.partitions[(first + i) % group.count];
        if (consumer->parts[number].is_assigned && consumer->parts[number].is_started) {
            struct record *record = next_of(consumer, number);
            if (record != NULL) {
                return record;
            }
        }
    }
    return NULL;
}

struct record *bus_consume(struct bus_consumer *consumer, int timeout_ms)
{
    consumer->polled_at = sim.now_us;
    if (hear_of_revocation(consumer, true) || hear_of_revocation(consumer, false) || hear_of_assignment(consumer)) {
        return NULL;
    }
    struct record *record = next_record(consumer);
    if (record == NULL && timeout_ms > 0) {
        fiber_rest_until(sim.now_us + timeout_ms * (int64_t)1000);
        record = next_record(consumer);
    }
    point(record == NULL ? "nothing consumed" : "consumed");
    return record;
}

enum zp_err bus_consumer_start(struct bus_consumer *consumer, int32_t partition, int64_t offset)
{
    point("consumer: start");
    struct part *part = &consumer->parts[partition];
    if (!part->is_assigned) {
        return ZP_NOT_FOUND;
    }
    if (fault_strikes(FAULT_START_FAILS)) {
        return ZP_BUSY;
    }
    part->is_started = true;
    part->next = offset;
    return ZP_OK;
}

enum zp_err bus_consumer_pause(struct bus_consumer *consumer, int32_t partition)
{
    struct part *part = &consumer->parts[partition];
    part->is_started = false;
    return part->is_assigned ? ZP_OK : ZP_NOT_FOUND;
}

void bus_consumer_hint(struct bus_consumer *consumer, const int32_t *partitions, const int64_t *next_offsets,
                       size_t count)
{
    (void)consumer, (void)partitions, (void)next_offsets, (void)count; /* for lag tools */
}

const char *bus_consumer_trouble(struct bus_consumer *consumer, bool *ret_fatal)
{
    (void)consumer;
    *ret_fatal = fault_strikes(FAULT_CONSUMER_BREAKS);
    return *ret_fatal ? "fatal" : NULL;
}

/* ---- the whole bus --------------------------------------------------------------------------------------------- */

static int64_t brokers_clock(void)
{
    return sim.now_us / 1000 * 1000; /* the log keeps milliseconds */
}

void bus_open(void)
{
    fake_bus_open();
    bus.clock = brokers_clock;
}

void bus_close(void)
{
    network_forget();
    fake_bus_close();
}

void bus_process_gone(struct process *process)
{
    producers_of_process_gone(process);
    group_member_gone(process);
}

void bus_process_frozen(struct process *process)
{
    producers_of_process_frozen(process);
}
