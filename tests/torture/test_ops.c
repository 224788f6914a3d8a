/* The second listener with each call failing once. */
#include "torture.h"

#include "zapora/ops.h"

#include <errno.h>
#include <unistd.h>

/* h2o never frees an event loop's queue of messages. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\n";
}

static char why[256];

static void forget(void)
{
    why[0] = '\0';
}

static enum zp_err a_port_is_opened(void)
{
    int fd = ops_listen("127.0.0.1:0", true, why, sizeof(why));
    if (fd < 0) {
        return errno == EINVAL ? ZP_INVALID : ZP_BUSY;
    }
    (void)close(fd);
    return ZP_OK;
}

static enum zp_err operations_are_served(void)
{
    const struct ops_settings settings = { .listen = "127.0.0.1:0" };
    struct ops *ops = NULL;
    enum zp_err err = ops_start(&settings, &ops, why, sizeof(why));
    if (err == ZP_OK) {
        err = ops_port(ops) > 0 ? ZP_OK : ZP_BUSY;
        ops_stop(ops);
    }
    return err;
}

static bool there_is_a_reason(enum zp_err err)
{
    return err == ZP_OK || why[0] != '\0';
}

static const struct torture rows[] = {
    { "a port is opened", forget, a_port_is_opened, there_is_a_reason, NULL, ERR(BUSY), ZP_OK },
    { "operations are served", forget, operations_are_served, NULL, NULL, ERR(BUSY), ZP_OK },
};

int main(void)
{
    return torture_main("ops", rows, ZP_COUNT(rows));
}
