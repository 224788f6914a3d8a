/* commands: ids, and commands of a small restaurant, for tests of the worker. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "zapora/order.h"

/* ---- ids -- */
/* The n-th location that lives in a partition. */
struct zp_id location_in(int32_t partition, unsigned n);
/* An id that stands for a command, a user or an order. */
struct zp_id id_number(unsigned number);

/* ---- commands: their strings live for ever -- */
struct command place(const struct zp_id *location_id, const struct zp_id *id);
struct command step(enum command_type type, const struct zp_id *location_id, const struct zp_id *order_id,
                    const struct zp_id *id);
struct command open_restaurant(const struct zp_id *location_id, const struct zp_id *id); /* location_set */
struct command give_menu(const struct zp_id *location_id, const struct zp_id *id);       /* menu_set: burger, cola */
struct command give_large_menu(const struct zp_id *location_id, const struct zp_id *id); /* nearly a record full */
struct command give_wide_menu(const struct zp_id *location_id,
                              const struct zp_id *id); /* five times larger when decoded */
struct command give_item(const struct zp_id *location_id, const struct zp_id *id, const char *name, int64_t price);

#endif
