/* fake_announce.c: owns the turns that are handed over; see fake_announce.h. */
#include "fake_announce.h"
#include "fake_bus.h"

#include <stdlib.h>

struct announcer {
    struct marks *marks;
    struct turn *pool;
    struct turn *handed, **handed_end;
    bool compared[BUS_PARTITIONS_MAX];
};

struct announcer *fake_announcer(struct marks *marks, size_t turns, size_t records_max)
{
    struct announcer *a = calloc(1, sizeof *a);
    ZP_ASSERT(a != NULL);
    a->marks = marks;
    a->handed_end = &a->handed;
    for (size_t i = 0; i < turns; i++) {
        struct turn *turn = turn_create(records_max);
        ZP_ASSERT(turn != NULL);
        announcer_return(a, turn);
    }
    return a;
}

static struct turn *take_first(struct announcer *a)
{
    struct turn *turn = a->handed;
    a->handed = turn->next;
    a->handed_end = a->handed == NULL ? &a->handed : a->handed_end;
    return turn;
}

void fake_announcer_free(struct announcer *a)
{
    fake_announcer_lose(a);
    while (a->pool != NULL) {
        struct turn *turn = a->pool;
        a->pool = turn->next;
        turn_destroy(turn);
    }
    free(a);
}

const struct entry *fake_announcer_entry(const struct announcer *a, size_t i)
{
    for (const struct turn *turn = a->handed; turn != NULL; turn = turn->next) {
        if (i < turn->count) {
            return &turn->entries[i];
        }
        i -= turn->count;
    }
    return NULL;
}

size_t fake_announcer_entries(const struct announcer *a)
{
    size_t count = 0;
    while (fake_announcer_entry(a, count) != NULL) {
        count++;
    }
    return count;
}

static void let_go(struct announcer *a, struct turn *turn)
{
    for (size_t i = 0; i < turn->slice_count; i++) {
        a->marks[turn->slices[i].partition].announcing--;
    }
    announcer_return(a, turn);
}

void fake_announcer_lose(struct announcer *a)
{
    while (a->handed != NULL) {
        let_go(a, take_first(a));
    }
}

static void publish_turn(struct announcer *a, struct turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        const struct entry *entry = &turn->entries[i];
        if (entry->kind == ENTRY_DUPLICATE) {
            continue;
        }
        struct record record;
        int32_t partition = entry->outcome.partition;
        ZP_ASSERT(message_event_write(entry->event, &entry->meta, partition, entry->value, entry->value_len,
                                      &turn->arena, &record) == ZP_OK);
        a->marks[partition].events_offset = fake_log_append(FAKE_EVENTS, partition, &record) + 1;
        if (entry->dead != NULL) {
            (void)fake_log_append(FAKE_DEAD_LETTERS, partition, entry->dead);
        }
    }
    for (size_t i = 0; i < turn->slice_count; i++) {
        a->marks[turn->slices[i].partition].published_offset = turn->slices[i].next_offset;
    }
}

void fake_announcer_publish(struct announcer *a)
{
    while (a->handed != NULL) {
        struct turn *turn = take_first(a);
        publish_turn(a, turn);
        let_go(a, turn);
    }
}

bool fake_announcer_compared(struct announcer *a, int32_t partition)
{
    bool compared = a->compared[partition];
    a->compared[partition] = false;
    return compared;
}

/* ---- the door -------------------------------------------------------------------------------------------- */

struct turn *announcer_turn(struct announcer *a, int timeout_ms)
{
    (void)timeout_ms;
    struct turn *turn = a->pool;
    if (turn != NULL) {
        a->pool = turn->next;
        turn->next = NULL;
    }
    return turn;
}

void announcer_return(struct announcer *a, struct turn *turn)
{
    turn_reset(turn);
    turn->next = a->pool;
    a->pool = turn;
}

void announcer_hand(struct announcer *a, struct turn *turn)
{
    for (size_t i = 0; i < turn->slice_count; i++) {
        a->marks[turn->slices[i].partition].announcing++;
    }
    *a->handed_end = turn;
    a->handed_end = &turn->next;
}

void announcer_compare(struct announcer *a, int32_t partition)
{
    a->compared[partition] = true;
}

bool announcer_drain(struct announcer *a, int timeout_ms)
{
    (void)timeout_ms;
    return a->handed == NULL;
}
