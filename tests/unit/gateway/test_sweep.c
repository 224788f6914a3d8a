/* The sweep over a loop's connections: by slices, and each breaks off only some, whatever for. Its clock is the test's,
 * and so are its connections, which h2o does not close. */
#include "sweep.h"

#include "call.h"

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
#define KIB ((size_t)1024)
#define MEMORY_BYTES (64 * 1024 * KIB) /* of requests, and of answers, beyond which the slow go */
#define LONG_AGO (START - 60000 * MS)

static struct {
    struct loop loop;
    struct connection connections[CROWD];
    h2o_socket_t sockets[CROWD];
    h2o_buffer_t nothing, part, large; /* what a client has sent and is not answered yet */
    struct call calls[CROWD];
    h2o_req_t req; /* of all of them */
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

/* ... and so many slices. */
static void assert_each_slice_breaks_off(size_t count, int slices)
{
    while (slices-- > 0) {
        assert_int_equal(broken_by_a_slice(), count);
    }
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

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Each has sent a part of a large request, since then. */
static void send_parts(int64_t since_us, size_t bytes)
{
    world.large.size = bytes;
    for (size_t i = 0; i < CROWD; i++) {
        world.sockets[i].input = &world.large;
        world.connections[i].sending_since_us = since_us;
    }
}

/* Each is sent a large answer, since then. */
static void send_answers(int64_t since_us, size_t bytes)
{
    world.loop.answer_bytes = CROWD * bytes;
    for (size_t i = 0; i < CROWD; i++) {
        world.calls[i] = (struct call){
            .loop = &world.loop, .req = &world.req, .answered = true, .counted_bytes = bytes, .answered_us = since_us,
            .taken_by_us = INT64_MAX,
        };
        world.connections[i].call = &world.calls[i];
    }
}

/* All of them are looked at first, which tells how much it is. */
static void assert_freed_in_slices(void (*send)(int64_t since_us, size_t bytes))
{
    const size_t bytes = 128 * KIB;
    gather(CROWD, START);
    send(START - 6000 * MS, bytes);
    assert_each_slice_breaks_off(0, SLICES_A_PASS - 1);
    const size_t due = CROWD - MEMORY_BYTES / bytes;
    assert_each_slice_breaks_off(DROPS_A_SLICE, (int)(due / DROPS_A_SLICE));
    assert_int_equal(broken_by_a_slice(), due % DROPS_A_SLICE);
    assert_int_equal(broken_by_a_slice(), 0);
    assert_int_equal(broken(), due);
}

static void memory_of_requests_is_freed_in_slices_as_far_as_it_is_needed(void **state)
{
    (void)state;
    assert_freed_in_slices(send_parts);
}

static void memory_of_answers_is_freed_in_slices_as_far_as_it_is_needed(void **state)
{
    (void)state;
    assert_freed_in_slices(send_answers);
}

/* Nobody else is called slow: the pass ends, and the next one looks again. */
static void memory_of_those_who_are_quick_is_not_freed(void **state)
{
    (void)state;
    gather(CROWD, START);
    send_parts(START - 500 * MS, 128 * KIB);
    assert_each_slice_breaks_off(0, SLICES_A_PASS + 1);
    assert_false(world.loop.sweep.under_way);
}

static void the_slowest_are_freed_first(void **state)
{
    (void)state;
    gather(CROWD, START);
    const size_t bytes = 68 * KIB, due = CROWD - MEMORY_BYTES / bytes;
    send_parts(START - 2000 * MS, bytes);
    for (size_t i = CROWD - 70; i < CROWD; i++) {
        world.connections[i].sending_since_us = START - 6000 * MS;
    }
    assert_each_slice_breaks_off(0, SLICES_A_PASS - 1);
    assert_int_equal(broken_by_a_slice(), DROPS_A_SLICE);
    assert_int_equal(broken_by_a_slice(), due - DROPS_A_SLICE);
    assert_int_equal(broken_by_a_slice(), 0);
    for (size_t i = 0; i < CROWD - 70; i++) {
        assert_false(world.connections[i].dropped);
    }
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static size_t broken_to_make_room(void)
{
    size_t before = broken();
    sweep_make_room(&world.loop);
    size_t after = broken();
    sweep_make_room(&world.loop); /* in the same moment */
    assert_int_equal(broken(), after);
    world.loop.now_us += 20 * MS;
    return after - before;
}

static void room_is_made_by_some_at_a_time(void **state)
{
    (void)state;
    gather(CROWD, LONG_AGO);
    for (size_t count = DROPS_A_SLICE; count <= CROWD; count += DROPS_A_SLICE) {
        assert_int_equal(broken_to_make_room(), DROPS_A_SLICE);
    }
    assert_int_equal(broken_to_make_room(), CROWD % DROPS_A_SLICE);
    assert_int_equal(broken_to_make_room(), 0);
}

static void room_is_made_by_those_who_have_been_quiet_for_longest(void **state)
{
    (void)state;
    gather(CROWD, START - 30000 * MS);
    for (size_t i = 0; i < 10; i++) {
        world.connections[i * 100].since_us = LONG_AGO;
    }
    assert_int_equal(broken_to_make_room(), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_true(world.connections[i * 100].dropped);
    }
}

static void nobody_who_has_just_come_makes_room(void **state)
{
    (void)state;
    gather(CROWD, START - 500 * MS);
    assert_int_equal(broken_to_make_room(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crowd_that_is_due_at_once_goes_in_slices, begin, end),
        cmocka_unit_test_setup_teardown(what_a_pass_left_over_goes_with_the_next_which_begins_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_pass_looks_at_each_once_a_twentieth_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(a_pass_begins_each_half_second, begin, end),
        cmocka_unit_test_setup_teardown(an_idle_one_that_speaks_up_stays, begin, end),
        cmocka_unit_test_setup_teardown(memory_of_requests_is_freed_in_slices_as_far_as_it_is_needed, begin, end),
        cmocka_unit_test_setup_teardown(memory_of_answers_is_freed_in_slices_as_far_as_it_is_needed, begin, end),
        cmocka_unit_test_setup_teardown(memory_of_those_who_are_quick_is_not_freed, begin, end),
        cmocka_unit_test_setup_teardown(the_slowest_are_freed_first, begin, end),
        cmocka_unit_test_setup_teardown(room_is_made_by_some_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(room_is_made_by_those_who_have_been_quiet_for_longest, begin, end),
        cmocka_unit_test_setup_teardown(nobody_who_has_just_come_makes_room, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
