/* clients: apps and kitchens that send commands, retry them with their key, and remember what they were promised; and
 * those who publish what should not be there. */
#ifndef SIM_CLIENTS_H
#define SIM_CLIENTS_H

#include "zapora/bus.h"

#define CLIENT_LOCATIONS_MAX 8

void clients_open(const struct zp_id *locations, size_t count);
void clients_close(void);
/* Sends what is due; gives when the next is. */
int64_t clients_due(void);
/* An order whose placement was acknowledged, one of the newest; false: there is none. */
bool client_some_acknowledged(struct zp_id *ret_id, int32_t *ret_partition);
/* Sends one more command to each location. */
void clients_nudge(void);
/* They have sent all they want to send. */
bool clients_are_done(void);
/* The log has answered, or will never. */
void client_answered(void *opaque, enum bus_ack ack);
/* Records that can be read and have to be parked. */
enum shelf {
    SHELF_KILLER,   /* ends whoever reads it */
    SHELF_POISON,   /* the database refuses it by an error of its own */
    SHELF_STARVING, /* deciding it takes more memory than there is */
    SHELF_COUNT
};
bool client_sent(enum shelf kind, const struct zp_id *command_id);
bool client_sent_for_the_shelf(const struct zp_id *command_id);
/* At rest: whatever was acknowledged has an outcome. */
void clients_check(void);

#endif
