/* bus: the simulated log as processes and clients see it: records on their way, the producers, the group. */
#ifndef SIM_BUS_H
#define SIM_BUS_H

#include "fake_bus.h"
#include "process.h"

void bus_open(void);
void bus_close(void);
/* A process was killed, or stopped: what happens to what it had under way. */
void bus_process_gone(struct process *process);
void bus_process_frozen(struct process *process);
/* The brokers are away until then. */
void bus_down_until(int64_t until_us);
bool bus_is_down(void);

/* ---- records on their way (network.c) -- */
struct flight;
/* Sends a record; it arrives and is acknowledged as the faults have it. producer NULL: a client's, acknowledged to
 * client_acked(opaque). */
void network_send(struct bus_producer *producer, enum fake_topic topic, const struct record *record, void *opaque);
/* Lets arrive and acknowledges what is due; gives when the next is. */
int64_t network_due(void);
size_t network_in_flight(void);
/* The producer is no more: what was not sent is not, the rest arrives unheard. Calls gone, unless NULL, for each whose
 * answer is still awaited. */
void network_abandon(struct bus_producer *producer,
                     void (*gone)(void *opaque, const struct bus_delivery *delivery));
void network_freeze(struct bus_producer *producer, int64_t until_us);
void network_forget(void);

/* ---- the producers (producer.c) -- */
void producer_report(struct bus_producer *producer, void *opaque, const struct bus_delivery *delivery);
/* A record was refused: breaks a producer that leaves no gaps; false: it goes on. */
bool producer_breaks_for_gap(struct bus_producer *producer);
void producers_of_process_gone(struct process *process);
void producers_of_process_frozen(struct process *process);

/* ---- the group (group.c) -- */
void group_open(const int32_t *partitions, size_t count);
int64_t group_due(void);
void group_member_gone(struct process *process);
/* Partitions move in order: each may go to somebody else. */
void group_rebalance(void);
/* The group gives a process's partitions away without its hearing of it before cut_until. */
void group_cut(struct process *process);
void group_wake(void);

#endif
