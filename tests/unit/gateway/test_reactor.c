/* When live may write: granted at the end of a round, or by the kernel. */
#include "reactor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* A connection as live has one: it says what it wants when it is called. */
struct end {
    struct reactor reactor;
    struct live_reactor lent;
    void *handle;
    int fds[2];
    int granted;
    bool wants_more; /* it could not send everything */
    bool leaves;     /* it finds out that the other side is gone */
};

static void on_ready(void *arg, bool readable, bool writable)
{
    struct end *end = arg;
    assert_false(readable);
    end->granted += writable;
    if (end->leaves) {
        end->lent.unwatch(end->handle);
        end->handle = NULL;
    } else {
        end->lent.want(end->handle, true, end->wants_more);
    }
}

static int set_up(void **state)
{
    static struct end end;
    end = (struct end){ .reactor.evloop = h2o_evloop_create() };
    end.lent = reactor_lend(&end.reactor);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, end.fds), 0);
    end.handle = end.lent.watch(end.lent.loop, end.fds[0], on_ready, &end);
    assert_non_null(end.handle);
    *state = &end;
    return 0;
}

static int tear_down(void **state)
{
    struct end *end = *state;
    if (end->handle != NULL) {
        end->lent.unwatch(end->handle);
    }
    close(end->fds[0]);
    close(end->fds[1]);
    h2o_evloop_destroy(end->reactor.evloop);
    return 0;
}

static void ask(struct end *end)
{
    end->lent.want(end->handle, true, true);
}

static void wait_for_kernel(struct end *end)
{
    (void)h2o_evloop_run(end->reactor.evloop, 0);
}

/* Its first wish was granted: it is connected. */
static void connect_it(struct end *end)
{
    ask(end);
    wait_for_kernel(end);
    assert_int_equal(end->granted, 1);
    end->granted = 0;
}

static void fill(const struct end *end)
{
    static const char bytes[65536];
    while (send(end->fds[0], bytes, sizeof(bytes), 0) > 0) { }
}

static void a_connection_is_not_up_before_the_kernel_says_so(void **state)
{
    struct end *end = *state;
    ask(end);
    reactor_flush(&end->reactor);
    assert_int_equal(end->granted, 0);
    wait_for_kernel(end);
    assert_int_equal(end->granted, 1);
}

static void what_a_round_has_gathered_goes_out_at_its_end(void **state)
{
    struct end *end = *state;
    connect_it(end);
    ask(end);
    ask(end);
    assert_int_equal(end->granted, 0); /* never from inside of the wish */
    reactor_flush(&end->reactor);
    assert_int_equal(end->granted, 1);
    reactor_flush(&end->reactor);
    wait_for_kernel(end);
    assert_int_equal(end->granted, 1);
}

static void a_wish_that_was_taken_back_is_not_granted(void **state)
{
    struct end *end = *state;
    connect_it(end);
    ask(end);
    end->lent.want(end->handle, true, false);
    reactor_flush(&end->reactor);
    assert_int_equal(end->granted, 0);
}

static void what_is_left_waits_for_the_kernel(void **state)
{
    struct end *end = *state;
    connect_it(end);
    fill(end);
    end->wants_more = true;
    ask(end);
    reactor_flush(&end->reactor); /* ends, though it wants more */
    assert_int_equal(end->granted, 1);
    wait_for_kernel(end);
    assert_int_equal(end->granted, 1);
    static char bytes[65536];
    while (recv(end->fds[1], bytes, sizeof(bytes), 0) > 0) { }
    end->wants_more = false;
    wait_for_kernel(end);
    assert_int_equal(end->granted, 2);
}

static void who_leaves_while_it_is_served_is_not_touched_again(void **state)
{
    struct end *end = *state;
    connect_it(end);
    end->leaves = true;
    ask(end);
    reactor_flush(&end->reactor);
    assert_int_equal(end->granted, 1);
    assert_null(end->handle);
}

static void who_leaves_while_it_asks_is_forgotten(void **state)
{
    struct end *end = *state;
    connect_it(end);
    ask(end);
    end->lent.unwatch(end->handle);
    end->handle = NULL;
    reactor_flush(&end->reactor);
    assert_int_equal(end->granted, 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_connection_is_not_up_before_the_kernel_says_so),
        ROW(what_a_round_has_gathered_goes_out_at_its_end),
        ROW(a_wish_that_was_taken_back_is_not_granted),
        ROW(what_is_left_waits_for_the_kernel),
        ROW(who_leaves_while_it_is_served_is_not_touched_again),
        ROW(who_leaves_while_it_asks_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
