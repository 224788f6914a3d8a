/* timers: a hashed wheel: a slot for each 16 ms, about eight seconds around.
 *
 * Called by loop.c each round, used by everything with a deadline. Invariants: a timer is in at most one list;
 * starting and stopping cost the same however many there are; what lies more than one turn ahead just stays in its
 * slot. */
#include "timers.h"

#define SLOT_SHIFT 14 /* 16,384 µs */

static size_t slot_of(int64_t at_us)
{
    return (size_t)(at_us >> SLOT_SHIFT) % TIMER_SLOTS;
}

void timers_init(struct timers *timers, int64_t now_us)
{
    *timers = (struct timers){ .done_us = now_us };
}

bool timer_runs(const struct timer *timer)
{
    return timer->link != NULL;
}

void timer_stop(struct timer *timer)
{
    if (timer->link == NULL) {
        return;
    }
    *timer->link = timer->next;
    if (timer->next != NULL) {
        timer->next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
}

static void put(struct timers *timers, struct timer *timer)
{
    struct timer **head = &timers->slots[slot_of(timer->due_us)];
    timer->next = *head;
    timer->link = head;
    if (*head != NULL) {
        (*head)->link = &timer->next;
    }
    *head = timer;
}

void timer_start(struct timers *timers, struct timer *timer, int64_t due_us, void (*fire)(struct timer *timer))
{
    timer_stop(timer);
    timer->fire = fire;
    timer->due_us = due_us > timers->done_us ? due_us : timers->done_us; /* the past is never visited again */
    put(timers, timer);
}

/* Empties one slot; what is not due goes back. Timers that are started meanwhile land behind the ones being looked
 * at. */
static void run_slot(struct timers *timers, size_t slot, int64_t now_us)
{
    struct timer *visited = timers->slots[slot];
    timers->slots[slot] = NULL;
    if (visited != NULL) {
        visited->link = &visited;
    }
    while (visited != NULL) {
        struct timer *timer = visited;
        timer_stop(timer);
        if (timer->due_us <= now_us) {
            timer->fire(timer);
        } else {
            put(timers, timer);
        }
    }
}

void timers_run(struct timers *timers, int64_t now_us)
{
    int64_t first = timers->done_us >> SLOT_SHIFT;
    int64_t last = now_us >> SLOT_SHIFT;
    if (last - first >= TIMER_SLOTS) {
        first = last - TIMER_SLOTS + 1; /* after a long stop: each slot once */
    }
    timers->done_us = now_us > timers->done_us ? now_us : timers->done_us;
    for (int64_t slot = first; slot <= last; slot++) {
        run_slot(timers, (size_t)(slot % TIMER_SLOTS), now_us);
    }
}
