/* order: what a restaurant's order is and what may happen to it. Pure: no I/O, no clock, no random, no library but
 * base.
 *
 * A location is an actor: `decide` looks at its state and one command and says what happens, at most one event;
 * `evolve` applies an event. The same state and command always give the same event. */
#ifndef ZAPORA_ORDER_H
#define ZAPORA_ORDER_H

#include "zapora/base.h"

/* ---- limits of the API (DESIGN.md, "Requests") ------------------------------------------------ */

#define ORDER_LINES_MAX 100
#define ORDER_LINE_OPTIONS_MAX 50
#define ORDER_QUANTITY_MAX 999
#define ORDER_NOTE_CHARS_MAX 500
#define ORDER_TEXT_CHARS_MAX 200
#define ORDER_REASONS_MAX 64
#define ORDER_AMOUNT_MAX INT64_C(100000000000) /* 10^11 minor units: sums of 100 lines × 999 stay far from overflow */
#define MENU_ITEMS_MAX 2000
#define MENU_GROUPS_MAX 30
#define MENU_OPTIONS_MAX 100
#define MENU_ALLERGENS_MAX 50
#define MENU_DESCRIPTION_CHARS_MAX 1000
#define MENU_TAX_RATE_BP_MAX 10000                /* 100 % */
#define MENU_BYTES_MAX ((size_t)4 * 1024 * 1024)  /* of one location's menu in memory: a record's worth, decoded */
#define LOCATION_BYTES_MAX (2 * MENU_BYTES_MAX)   /* a location's arena: any menu that was let in, and settings */
#define LOCATION_PREP_MINUTES_MAX 1440
#define SLUG_CHARS_MAX 64
#define ACTOR_LOCATIONS_MAX 64
#define BOARD_TICKETS_MAX 500
#define AMOUNT_ABSENT INT64_MIN /* an optional integer that was not given */

/* ---- words ------------------------------------------------------------------------------------ */

/* Every word of the field stands once in a table here: C name, wire name. Wire names are for ever. */
#define ORDER_TYPES(X) X(PICKUP, "pickup") X(DINE_IN, "dine_in") X(DELIVERY, "delivery")

#define ORDER_STATES(X) \
    X(NONE, "none") X(SUBMITTED, "submitted") X(REJECTED, "rejected") X(SCHEDULED, "scheduled") X(PLACED, "placed") \
    X(ACCEPTED, "accepted") X(PREPARING, "preparing") X(READY, "ready") X(COMPLETED, "completed") \
    X(CANCELLED, "cancelled") X(EXPIRED, "expired")

#define LINE_STATES(X) \
    X(NEW, "new") X(HELD, "held") X(FIRED, "fired") X(COOKING, "cooking") X(READY, "ready") X(SERVED, "served") \
    X(VOIDED, "voided")

#define ACTOR_ROLES(X) /* ascending: each may do what those before it may */ \
    X(CUSTOMER, "customer") X(KITCHEN, "kitchen") X(MANAGER, "manager") X(ADMIN, "admin") X(SYSTEM, "system")

/* Commands are imperative; one row per command: C name, wire name, least role. */
#define COMMAND_TYPES(X) \
    X(ORDER_PLACE,    "order_place",    ROLE_CUSTOMER) \
    X(ORDER_CANCEL,   "order_cancel",   ROLE_CUSTOMER) \
    X(ORDER_ACCEPT,   "order_accept",   ROLE_KITCHEN) \
    X(ORDER_REJECT,   "order_reject",   ROLE_KITCHEN) \
    X(ORDER_START,    "order_start",    ROLE_KITCHEN) \
    X(ORDER_READY,    "order_ready",    ROLE_KITCHEN) \
    X(ORDER_COMPLETE, "order_complete", ROLE_KITCHEN) \
    X(ORDER_RECALL,   "order_recall",   ROLE_KITCHEN) \
    X(LOCATION_SET,   "location_set",   ROLE_ADMIN) \
    X(MENU_SET,       "menu_set",       ROLE_MANAGER) \
    X(MENU_ITEM_SET,  "menu_item_set",  ROLE_MANAGER)

/* Events are past tense. The last two are outcomes without a seq: in the log, not in the journal. */
#define EVENT_TYPES(X) \
    X(ORDER_PLACED,    "order_placed") \
    X(ORDER_REJECTED,  "order_rejected") \
    X(ORDER_ACCEPTED,  "order_accepted") \
    X(ORDER_STARTED,   "order_started") \
    X(ORDER_READIED,   "order_readied") \
    X(ORDER_COMPLETED, "order_completed") \
    X(ORDER_RECALLED,  "order_recalled") \
    X(ORDER_CANCELLED, "order_cancelled") \
    X(ORDER_EXPIRED,   "order_expired") \
    X(LOCATION_SET,    "location_set") \
    X(MENU_SET,        "menu_set") \
    X(MENU_ITEM_SET,   "menu_item_set") \
    X(COMMAND_REFUSED, "command_refused") \
    X(COMMAND_PARKED,  "command_parked")

#define X(name, wire) ORDER_TYPE_##name,
enum order_type { ORDER_TYPES(X) ORDER_TYPE_COUNT };
#undef X
#define X(name, wire) ORDER_##name,
enum order_state { ORDER_STATES(X) ORDER_STATE_COUNT };
#undef X
#define X(name, wire) LINE_##name,
enum line_state { LINE_STATES(X) LINE_STATE_COUNT };
#undef X
#define X(name, wire) ROLE_##name,
enum actor_role { ACTOR_ROLES(X) ROLE_COUNT };
#undef X
#define X(name, wire, role) CMD_##name,
enum command_type { COMMAND_TYPES(X) CMD_COUNT };
#undef X
#define X(name, wire) EV_##name,
enum event_type { EVENT_TYPES(X) EV_COUNT };
#undef X

/* A table of wire names by enum value, for codecs and printing. */
struct words { const char *const *names; size_t count; };
extern const struct words ORDER_TYPE_WORDS, ORDER_STATE_WORDS, LINE_STATE_WORDS, ACTOR_ROLE_WORDS, COMMAND_WORDS,
    EVENT_WORDS;
/* The value of a wire name, or -1. */
int words_find(const struct words *words, const char *name);

/* ---- the things themselves ---------------------------------------------------------------------- */
/* Strings are NUL-terminated UTF-8, borrowed from the arena of the request, batch or location that holds the struct;
 * an optional string that was not given is NULL. Amounts are in the currency's minor unit, times in microseconds since
 * 1970 UTC, 0 for "not yet". */

struct reason {
    const char *code;    /* stable snake_case word: "item_unknown" */
    const char *pointer; /* JSON pointer into the request, or NULL */
    const char *detail;  /* a sentence for a person */
};

struct reason_list {
    struct reason items[ORDER_REASONS_MAX]; /* later ones are dropped */
    size_t count;
};

struct menu_option { const char *id, *name; int64_t price; bool available; };

struct menu_group {
    const char *id, *name;
    int64_t min, max; /* of the sum of option quantities in this group, for one unit of the item */
    struct menu_option *options;
    size_t option_count;
};

struct menu_item {
    const char *id, *name, *description;
    int64_t price, tax_rate_bp; /* basis points: 1900 is 19 % */
    bool available;
    const char *station;
    const char **allergens;
    size_t allergen_count;
    struct menu_group *groups; /* "option_groups" on the wire */
    size_t group_count;
};

struct menu { int64_t version; struct menu_item *items; size_t item_count; };

struct location_settings {
    const char *name, *currency; /* ISO 4217 code */
    bool prices_include_tax, auto_accept;
    int64_t prep_minutes;        /* promised_at = placed_at + this */
    int64_t delivery_fee;
};

/* An actor's state, as the journal up to `seq` makes it. */
struct location {
    struct zp_id id;
    int64_t seq;                 /* of the last event; 0: the location does not exist yet */
    uint8_t hash[HASH_SIZE];     /* chain up to seq; zero at 0 */
    int64_t last_number;         /* last ticket number given */
    int64_t open_count;          /* tickets on the board */
    uint64_t open_hash;          /* XOR over the open tickets, see board_ticket_hash */
    struct location_settings settings;
    struct menu menu;
    struct arena arena;          /* owns the strings and arrays of settings and menu */
};

struct order_option { const char *option_id, *name; int64_t price, quantity; };

struct order_line {
    int64_t line; /* from 1 */
    const char *item_id, *name;
    int64_t quantity, unit_price;
    struct order_option *options;
    size_t option_count;
    int64_t total, tax_rate_bp;
    const char *station;
    enum line_state status;
    const char *note;
};

struct contact { const char *name, *phone, *address; };

struct order {
    struct zp_id id, location_id;
    struct zp_id owner;          /* user id of who placed it; beside the order, never shown */
    int64_t number;              /* ticket number; 0 for a refused placement */
    enum order_state status;
    int64_t version;             /* 1 after placement, +1 with each event */
    int64_t seq;                 /* of its last event */
    enum order_type type;
    const char *currency;
    int64_t subtotal, discount, tax, fee, tip, total;
    struct order_line *lines;
    size_t line_count;
    struct contact customer;
    const char *note;
    int64_t placed_at, promised_at, updated_at;
    struct reason *reasons;      /* why it was rejected or cancelled */
    size_t reason_count;
    uint8_t fingerprint[16];     /* of the request that placed it; beside the order, never shown */
};

struct actor {
    struct zp_id user_id;
    enum actor_role role;
    struct zp_id locations[ACTOR_LOCATIONS_MAX]; /* where it is staff */
    size_t location_count;
};

struct placement_option { const char *option_id; int64_t quantity; };

struct placement_line {
    const char *item_id;
    int64_t quantity;
    struct placement_option *options;
    size_t option_count;
    const char *note;
};

/* What a client asks for; prices are the actor's knowledge. */
struct placement {
    enum order_type type;
    struct placement_line *lines;
    size_t line_count;
    struct contact customer;
    const char *note;
    int64_t tip;
    int64_t expected_total; /* AMOUNT_ABSENT when not sent */
};

struct command {
    struct zp_id id, location_id;
    struct zp_id order_id;            /* a placement's is its id, unless it redrives one; ID_NONE: menu, location */
    enum command_type type;
    struct actor actor;
    uint8_t fingerprint[16];
    int64_t if_match;                 /* version the client saw; AMOUNT_ABSENT: not asked */
    int64_t submitted_at;             /* the gateway's clock: shown, never decided on */
    struct zp_id redrives;            /* the parked command that this one takes up again; ID_NONE: it is no redrive */
    int64_t redrive_count;            /* redrives that led here, this one included; 0: it is none */
    const char *reason;               /* a step's, or NULL */
    struct placement placement;       /* CMD_ORDER_PLACE */
    struct location_settings settings;/* CMD_LOCATION_SET */
    struct menu menu;                 /* CMD_MENU_SET; version is ignored */
    struct menu_item item;            /* CMD_MENU_ITEM_SET */
};

/* What happened. The data hold the whole thing as it is afterwards, so a reader needs no other source. */
struct event {
    enum event_type type;
    int64_t seq;                      /* the location's next number; 0 for EV_COMMAND_* */
    int64_t at;                       /* the record's log time */
    struct zp_id location_id, order_id, command_id;
    const char *by;                   /* "customer", "kitchen", …, or "actor" for its own refusal of a placement */
    struct order order;               /* EV_ORDER_* */
    struct location_settings settings;/* EV_LOCATION_SET */
    struct menu menu;                 /* EV_MENU_SET */
    struct menu_item item;            /* EV_MENU_ITEM_SET */
    int64_t menu_version;             /* EV_MENU_ITEM_SET: version of the menu that the item is part of now */
    enum zp_err err;                  /* EV_COMMAND_REFUSED, EV_COMMAND_PARKED: why; else ZP_OK */
    struct reason *reasons;           /* EV_COMMAND_* */
    size_t reason_count;
};

/* ---- rules ---------------------------------------------------------------------------------------- */

/* What an order in `from` becomes by `event`; ORDER_NONE: not allowed. The only transition table. */
enum order_state order_next(enum order_state from, enum event_type event);
/* True for a ticket that belongs on the board: placed … ready. */
bool order_is_open(enum order_state state);
/* True when the actor may see the order: its owner, staff of its location, or the system. */
bool order_visible_to(const struct order *order, const struct actor *actor);
/* True when the actor is staff (kitchen or above) of that location, or the system. */
bool actor_is_staff_of(const struct actor *actor, const struct zp_id *location_id);

/* Adds a reason; the strings are borrowed. Drops it when the list is full. */
void reason_add(struct reason_list *list, const char *code, const char *pointer, const char *detail);

/* What decide said. */
struct decision {
    enum zp_err err;            /* the command's outcome: ZP_OK applied, else refused and why */
    bool has_event;             /* an applied command, or a refused placement (EV_ORDER_REJECTED by the actor) */
    struct event event;         /* when has_event */
    struct reason_list reasons; /* when refused: at least one */
};

/* Decides one command for its location. `order` is the order that the command names as it is now, or NULL. `at` is the
 * record's log time. Pure. The event's strings are borrowed from cmd, order and `arena`, never from loc, whose own may
 * be freed by the next evolve.
 * Gives ZP_OK with *ret_decision filled, or ZP_NO_MEMORY when the arena's ceiling was hit. */
enum zp_err decide(const struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                   struct arena *arena, struct decision *ret_decision) ZP_MUST_CHECK;

/* Applies an event to its location: seq, ticket number, open tickets, settings, menu. `before` is the order before it,
 * or NULL for a new one. Does not touch the hash: see location_chain. Copies what it keeps into the location's arena;
 * an event that changes settings or menu replaces that arena, so pointers into the old ones are gone.
 * Gives ZP_OK, ZP_NO_MEMORY, or ZP_INTERNAL when the event is not this location's next one (its seq is not
 * loc->seq + 1, it belongs to another location, it is an outcome without a seq) or `before` is not its order one
 * version earlier: nothing was changed then. */
enum zp_err evolve(struct location *loc, const struct order *before, const struct event *event) ZP_MUST_CHECK;

/* Moves the location's hash: BLAKE2b-256(previous ‖ seq ‖ type ‖ at ‖ value), integers as 8 bytes big-endian, type as
 * its wire name's bytes, value as published. */
void location_chain(uint8_t hash[HASH_SIZE], int64_t seq, enum event_type type, int64_t at, const void *value,
                    size_t len);

/* First 8 bytes, big-endian, of SHA-256("order_id:version"): the board's hash is the XOR of these over the open
 * tickets, shown as 16 hex digits. */
uint64_t board_ticket_hash(const struct zp_id *order_id, int64_t version);

void location_init(struct location *loc, const struct zp_id *id);
void location_finish(struct location *loc);

/* Prices a placement from the menu and checks it; appends every fault found to faults, with pointers into the request.
 * Fills ret_order's currency, lines and amounts (and nothing else of it) with what is known even when there are faults;
 * notes and ids are borrowed from the placement, the rest lies in the arena. ZP_OK or ZP_NO_MEMORY.
 * Tax is reckoned for each line from its total at its own rate and rounded half away from zero, then summed: contained
 * in the total where prices include it (total × rate / (10000 + rate)), else added to it (total × rate / 10000). Fee
 * and tip carry no tax. expected_total is compared when every figure is known. */
enum zp_err order_price(const struct location *loc, const struct placement *placement, struct arena *arena,
                        struct order *ret_order, struct reason_list *faults) ZP_MUST_CHECK;

/* The item of that id, or NULL. */
const struct menu_item *menu_find(const struct menu *menu, const char *item_id);
/* Checks a menu or an item: unique slugs, minimum ≤ maximum, a reachable minimum, amounts in range. Appends every
 * fault; `pointer` is the prefix of their pointers ("" or "/menu"). ZP_OK, with or without faults, or ZP_NO_MEMORY. */
enum zp_err menu_check(const struct menu *menu, const char *pointer, struct arena *arena,
                       struct reason_list *faults) ZP_MUST_CHECK;
enum zp_err menu_item_check(const struct menu_item *item, const char *pointer, struct arena *arena,
                            struct reason_list *faults) ZP_MUST_CHECK;
/* Checks a location's settings. */
enum zp_err location_settings_check(const struct location_settings *settings, const char *pointer, struct arena *arena,
                                    struct reason_list *faults) ZP_MUST_CHECK;

/* Deep copies into an arena. ZP_OK or ZP_NO_MEMORY. */
enum zp_err order_copy(const struct order *from, struct arena *arena, struct order *ret_order) ZP_MUST_CHECK;
enum zp_err menu_copy(const struct menu *from, struct arena *arena, struct menu *ret_menu) ZP_MUST_CHECK;
enum zp_err location_settings_copy(const struct location_settings *from, struct arena *arena,
                                   struct location_settings *ret_settings) ZP_MUST_CHECK;

#endif
