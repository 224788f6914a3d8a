/* The sweep over a loop's connections: by slices, and each breaks off only some. Its clock is the test's, and so are
 * its connections, which h2o does not close. */
#include "sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS INT64_C(1000)
#define START INT64_C(5000000000)
#define SLICE_US (10 * MS)
#define SLICES_A_PASS 20
#define DROPS_A_SLICE 32
#define CROWD 1000 /* a slice looks at 51 of them */
#define LONG_AGO (START - 60000 * MS)

static struct {
    struct loop loop;
    struct connection connections[CROWD];
    h2o_socket_t sockets[CROWD];
    h2o_buffer_t nothing, part; /* what a client has sent and is not answered yet */
    int fds[2];                 /* the gateway's end, and the client's */
} world;

/* All of them are one to the kernel. */
int h2o_socket_get_fd(h2o_socket_t *socket)
{
    (void)socket;
    return world.fds[0];
}

/* ---- a crowd ----------------------------------------------------------------------------------------------------- */

/* So many idle connections, quiet since then. */
static void gather(size_t count, int64_t since_us)
{
    world.loop = (struct loop){ .now_us = START, .connection_count = count };
    world.part.size = 10;
    memset(world.connections, 0, sizeof(world.connections));
    struct connection **link = &world.loop.connections;
    for (size_t i = 0; i < count; i++) {
        world.sockets[i] = (h2o_socket_t){ .input = &world.nothing };
        world.connections[i] = (struct connection){
            .loop = &world.loop, .socket = &world.sockets[i], .since_us = since_us, .link = link,
        };
        *link = &world.connections[i];
        link = &world.connections[i].next;
    }
}

static size_t broken(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < CROWD; i++) {
        sum += world.connections[i].dropped;
    }
    return sum;
}

/* How many the next slice breaks off. */
static size_t broken_by_a_slice(void)
{
    size_t before = broken();
    sweep(&world.loop);
    size_t after = broken();
    sweep(&world.loop); /* in the same moment: no slice of its own */
    assert_int_equal(broken(), after);
    world.loop.now_us += SLICE_US;
    return after - before;
}

static size_t seen(size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += world.connections[i].sending_since_us != 0;
    }
    return sum;
}

static int begin(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, world.fds);
}

static int end(void **state)
{
    (void)state;
    (void)close(world.fds[0]);
    return close(world.fds[1]);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_crowd_that_is_due_at_once_goes_in_slices(void **state)
{
    (void)state;
    gather(CROWD, LONG_AGO);
    for (int slice = 0; slice < SLICES_A_PASS - 1; slice++) {
        assert_int_equal(broken_by_a_slice(), DROPS_A_SLICE);
    }
    assert_in_range(broken_by_a_slice(), 1, DROPS_A_SLICE); /* what is left for the last one */
    assert_in_range(broken(), 1, CROWD - 1);
}

/* Else it would be due for half a second more. */
static void what_a_pass_left_over_goes_with_the_next_which_begins_at_once(void **state)
{
    (void)state;
    gather(CROWD, LONG_AGO);
    for (int slice = 0; slice < 2 * SLICES_A_PASS; slice++) {
        assert_in_range(broken_by_a_slice(), 0, DROPS_A_SLICE);
    }
    assert_int_equal(broken(), CROWD);
}

static void a_pass_looks_at_each_once_a_twentieth_at_a_time(void **state)
{
    (void)state;
    gather(CROWD, START);
    for (size_t i = 0; i < CROWD; i++) {
        world.sockets[i].input = &world.part;
    }
    for (int slice = 1; slice <= SLICES_A_PASS; slice++) {
        size_t before = seen(CROWD);
        assert_int_equal(broken_by_a_slice(), 0);
        assert_in_range(seen(CROWD) - before, 1, CROWD / SLICES_A_PASS + 1);
    }
    assert_int_equal(seen(CROWD), CROWD);
}

/* Nothing was left over: the next pass waits for its time. */
static void a_pass_begins_each_half_second(void **state)
{
    (void)state;
    gather(1, START);
    world.sockets[0].input = &world.part;
    assert_int_equal(broken_by_a_slice(), 0);
    for (int64_t at_us = SLICE_US; at_us < 500 * MS; at_us += SLICE_US) {
        world.connections[0].sending_since_us = 0; /* would be seen anew */
        (void)broken_by_a_slice();
        assert_int_equal(world.connections[0].sending_since_us, 0);
    }
    (void)broken_by_a_slice();
    assert_int_equal(world.connections[0].sending_since_us, START + 500 * MS);
}

/* One that is sent a request this moment is answered. */
static void an_idle_one_that_speaks_up_stays(void **state)
{
    (void)state;
    char byte = 'G';
    gather(1, LONG_AGO);
    assert_int_equal(write(world.fds[1], &byte, 1), 1);
    assert_int_equal(broken_by_a_slice(), 0);
    assert_int_equal(read(world.fds[0], &byte, 1), 1);
    world.loop.now_us += 500 * MS;
    assert_int_equal(broken_by_a_slice(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crowd_that_is_due_at_once_goes_in_slices, begin, end),
        cmocka_unit_test_setup_teardown(what_a_pass_left_over_goes_with_the_next_which_begins_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_pass_looks_at_each_once_a_twentieth_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(a_pass_begins_each_half_second, begin, end),
        cmocka_unit_test_setup_teardown(an_idle_one_that_speaks_up_stays, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
