/* fixture: a small restaurant, the people around it, and how to compare what is said about them. */
#ifndef TEST_ORDER_FIXTURE_H
#define TEST_ORDER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "zapora/order.h"

#define ARENA_BYTES ((size_t)16 * 1024 * 1024)
#define AT INT64_C(1700000000000000) /* log time of commands where it does not matter */

/* Lists in rows of cases: LINES({ "cola", 2, OPTIONS({ "ice", 1 }) }, …). */
#define LINES(...) \
    .lines = (struct placement_line[]){ __VA_ARGS__ }, \
    .line_count = sizeof((struct placement_line[]){ __VA_ARGS__ }) / sizeof(struct placement_line)
#define OPTIONS(...) \
    .options = (struct placement_option[]){ __VA_ARGS__ }, \
    .option_count = sizeof((struct placement_option[]){ __VA_ARGS__ }) / sizeof(struct placement_option)

/* A fault as rows expect it; a NULL code ends the list. */
struct expected { const char *code, *pointer; };

/* Every legal move, written down here a second time on purpose: not taken from the code. */
struct move { enum order_state from; enum event_type event; enum order_state to; };
extern const struct move LEGAL_MOVES[];
extern const size_t LEGAL_MOVE_COUNT;
enum order_state move_expected(enum order_state from, enum event_type event);

extern const struct zp_id HERE, ELSEWHERE;
extern const struct zp_id ANNA, BERT; /* customers */

/* burger (1250, 19 %): extras 0–2 of cheese 150, bacon 200, no-onion -50, truffle 900 (sold out); side 1–1 of fries 0,
 * salad 100. cola (300, 19 %). soup (700, 7 %, sold out). bread (333, 7 %): spread 0–9 of butter -400. */
extern const struct menu MENU;
extern const struct location_settings SETTINGS; /* EUR, prices include tax, 20 minutes, delivery 350, no auto-accept */

struct zp_id id_of(uint32_t number);
/* Staff of that location; NULL: of none. */
struct actor actor_of(enum actor_role role, const struct zp_id *user, const struct zp_id *location);

/* A command with an id of its own, sent by that actor to HERE. */
struct command command_of(enum command_type type, struct actor actor);
struct command place_command(struct actor actor, const struct placement *placement);
/* One cola. */
struct placement small_placement(void);

/* HERE with SETTINGS and MENU, as commands of the system make it: seq is 2. */
void restaurant_open(struct location *loc);
/* HERE with these settings and this menu, set directly: for what no command lets in. */
void restaurant_force(struct location *loc, const struct location_settings *settings, const struct menu *menu);

/* decide, which must find memory. */
struct decision decide_ok(const struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                          struct arena *arena);
/* decide and evolve of a command that must be applied; gives its event. */
struct event apply_ok(struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                      struct arena *arena);

void expect_reasons(const char *name, const struct reason *reasons, size_t count, const struct expected *expected);
/* A refusal without an event, for this one reason. */
void expect_refusal(const char *name, const struct decision *decision, enum zp_err err, const char *code);
void expect_same_event(const struct event *a, const struct event *b);
void expect_same_order(const struct order *a, const struct order *b);
void expect_same_menu(const struct menu *a, const struct menu *b);

#endif
