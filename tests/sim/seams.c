/* seams.c: owns what stands in the place of the clock, chance, the log lines and poll, and the records and rules that
 * are the simulation's own. */
#include "bus.h"
#include "clients.h"
#include "memory.h"
#include "process.h"
#include "sim.h"
#include "wraps.h"

#include <poll.h>
#include <stdlib.h>

WRAPPED(int64_t, clock_wall_us, void);
WRAPPED(int64_t, clock_mono_us, void);
WRAPPED(void, crypto_random, void *bytes, size_t len);
WRAPPED(void, log_write, enum log_level level, const char *message, const struct log_field *fields);
WRAPPED(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms);
WRAPPED(enum zp_err, message_command_read, const struct record *record, struct arena *arena,
        struct command *ret_command, const char **ret_why);
WRAPPED(enum zp_err, decide, const struct location *loc, const struct order *order, const struct command *cmd,
        int64_t at, struct arena *arena, struct decision *ret_decision);
WRAPPED(enum zp_err, bus_offsets, const char *brokers, const char *topic, const int32_t *partitions, size_t count,
        int timeout_ms, int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE]);
WRAPPED(enum zp_err, bus_reader_create, const char *brokers, const char *topic, const struct bus_range *ranges,
        size_t count, struct bus_reader **ret_reader, char why[BUS_WHY_SIZE]);
WRAPPED(enum zp_err, bus_reader_next, struct bus_reader *reader, int timeout_ms, struct record **ret_record,
        bool *ret_done);

int64_t __wrap_clock_wall_us(void)
{
    return sim.now_us;
}

int64_t __wrap_clock_mono_us(void)
{
    return sim.now_us;
}

void __wrap_crypto_random(void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)chance_next(&sim.ids);
    }
}

void __wrap_log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    char text[600];
    int len = snprintf(text, sizeof text, "%s", message);
    for (; sim.traces && fields->key != NULL && len < 400; fields++) {
        if (fields->kind == LOG_KIND_STR) {
            len += snprintf(text + len, 200, ", %s: %.150s", fields->key, fields->str == NULL ? "-" : fields->str);
        } else if (fields->kind != LOG_KIND_ID) {
            len += snprintf(text + len, 200, ", %s: %lld", fields->key, (long long)fields->num);
        }
    }
    if (sim.traces) {
        sim_trace("%s log %d: %s", process_now() == NULL ? "-" : process_now()->id, (int)level, text);
    }
}

/* Of a process, the ticker alone polls something: the descriptor by which it is stopped. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (process_now() == NULL) {
        return __real_poll(fds, count, timeout_ms);
    }
    fiber_sleep_until(sim.now_us + timeout_ms * (int64_t)1000);
    return count > 0 && process_now()->ticker_stopped;
}

/* ---- records and rules ----------------------------------------------------------------------------------------- */

enum zp_err __wrap_message_command_read(const struct record *record, struct arena *arena, struct command *ret_command,
                                        const char **ret_why)
{
    struct zp_id id = message_record_id(record);
    if (process_now() != NULL && client_sent(SHELF_KILLER, &id)) {
        sim_trace("%s reads what kills it", process_now()->id);
        process_die();
    }
    return __real_message_command_read(record, arena, ret_command, ret_why);
}

/* The second set of rules: orders are accepted by themselves where they were not, and the other way round. */
enum zp_err __wrap_decide(const struct location *loc, const struct order *order, const struct command *cmd, int64_t at,
                          struct arena *arena, struct decision *ret_decision)
{
    if (client_sent(SHELF_STARVING, &cmd->id)) {
        ZP_ASSERT(arena_alloc(arena, TURN_BYTES_MAX) == NULL); /* it wants all that a turn may have */
        return ZP_NO_MEMORY;
    }
    struct location as_if = *loc;
    as_if.settings.auto_accept ^= sim.rules == 1;
    return __real_decide(&as_if, order, cmd, at, arena, ret_decision);
}

/* ---- pieces of the log ----------------------------------------------------------------------------------------- */

static bool fails(const char *what, enum fault fault, int timeout_ms)
{
    point(what);
    if (bus_is_down()) {
        fiber_sleep_until(sim.now_us + timeout_ms * (int64_t)1000);
        return true;
    }
    return fault_strikes(fault);
}

enum zp_err __wrap_bus_offsets(const char *brokers, const char *topic, const int32_t *partitions, size_t count,
                               int timeout_ms, int64_t *ret_first, int64_t *ret_end, char why[BUS_WHY_SIZE])
{
    if (fails("offsets", FAULT_OFFSETS_FAIL, timeout_ms)) {
        snprintf(why, BUS_WHY_SIZE, "simulated");
        return ZP_BUSY;
    }
    enum zp_err err = MEMORY_SPARE(__real_bus_offsets(brokers, topic, partitions, count, timeout_ms, ret_first, ret_end,
                                                   why));
    point("offsets known");
    return err;
}

enum zp_err __wrap_bus_reader_create(const char *brokers, const char *topic, const struct bus_range *ranges,
                                     size_t count, struct bus_reader **ret_reader, char why[BUS_WHY_SIZE])
{
    if (fails("reader: create", FAULT_READER_FAILS, 100)) {
        snprintf(why, BUS_WHY_SIZE, "simulated");
        return ZP_BUSY;
    }
    return MEMORY_SPARE(__real_bus_reader_create(brokers, topic, ranges, count, ret_reader, why));
}

enum zp_err __wrap_bus_reader_next(struct bus_reader *reader, int timeout_ms, struct record **ret_record,
                                   bool *ret_done)
{
    *ret_record = NULL;
    if (fails("reader: next", FAULT_READER_FAILS, timeout_ms)) {
        return ZP_BUSY;
    }
    return MEMORY_SPARE(__real_bus_reader_next(reader, timeout_ms, ret_record, ret_done));
}
