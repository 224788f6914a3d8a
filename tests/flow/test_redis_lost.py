"""A Redis that lost some or all of what it had is filled again from the database, without anybody doing anything."""
import concurrent.futures
import os
import pathlib
import re
import time

import pytest

from harness import eventually


def verify_ends_with(stack, code):
    return stack.zapora("verify", check=False, timeout_s=120).returncode == code


def cache_of(stack):
    """What Redis has of the demo restaurant: its head (but when it was written), its open tickets, its newest event."""
    key = "{%s}:" % stack.location
    newest = stack.redis("XREVRANGE", key + "events", "+", "-", "COUNT", 1)
    head = (stack.redis("GET", key + "head") or "").split()[:4]
    return head, stack.redis("ZCARD", key + "open"), newest[0][0] if newest else None


def settled(stack):
    eventually(lambda: verify_ends_with(stack, 0), 30, 0.5, "nothing is under way")
    return cache_of(stack)


def seqs_from(stream, first, count):
    """That many events, each the next one; a reset or a gap fails."""
    for want in range(first, first + count):
        event = next(event for event in stream if event["event"] != "heartbeat")
        assert event["id"] == str(want), event


def follow(stream, cursor, until):
    """Up to that seq without a silent gap: where a stream can't go on from its cursor it says so first, and from where."""
    resets = 0
    while cursor < until:
        event = next(event for event in stream if event["event"] != "heartbeat")
        if event["event"] == "reset":
            cursor, resets = event["data"]["head"], resets + 1
        else:
            assert event["id"] == str(cursor + 1), event
            cursor += 1
    return resets


def test_a_flushed_redis_is_whole_again(whole_stack):
    stack = whole_stack
    order = stack.place(wait_s=10).expect(201).json
    before, board = settled(stack), stack.board()
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events", board["head"], timeout_s=60) as stream:
        stack.redis("FLUSHALL")
        assert stack.board()["tickets"] == board["tickets"], "the database stands in"
        assert stack.order(order["id"])["version"] == order["version"]
        eventually(lambda: cache_of(stack) == before, 40, what="the idle restaurant's cache is whole again")
        placed = stack.place(wait_s=10).expect(201).json
        seqs_from(stream, board["head"] + 1, 1)
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events", 0, timeout_s=30) as stream:
        seqs_from(stream, 1, placed["seq"])
    eventually(lambda: verify_ends_with(stack, 0), 40, 0.5, "the other restaurants' caches are whole again, too")


def test_a_flush_in_the_middle_of_orders_loses_nothing(whole_stack):
    stack = whole_stack
    head = stack.board()["head"]
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events", head, timeout_s=60) as stream:
        for number in range(30):
            stack.place().expect(202)
            if number % 10 == 5:
                stack.redis("FLUSHALL")
        seqs_from(stream, head + 1, 30)
    eventually(lambda: verify_ends_with(stack, 0), 40, 0.5, "Redis has what the database has")


KEPT = 1000  # LIVE_EVENTS_KEPT: so many events of a location Redis remembers


def make_events(stack, count, threads=8):
    """That many, of orders that are open no longer when all is done."""
    basket = stack.basket()

    def place_and_cancel(api):
        for _ in range(count // threads // 2):
            order = stack.place(basket, api=api).expect(202).json
            api.post(f"/orders/{order['id']}/cancel", {}).expect(202)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(place_and_cancel, [stack.new_api("customer") for _ in range(threads)]))


def push_failures(stack):
    pages = [stack.ops(part).get("/metrics").body.decode() for part in ("worker-1", "worker-2")]
    return sum(int(re.search(r"^zapora_worker_push_failures_total (\d+)$", page, re.M).group(1)) for page in pages)


def test_a_redis_that_was_away_for_longer_than_it_remembers_costs_a_screen_nothing(whole_stack):
    """A regression: what Redis did not remember when it was filled again was told as a reset. The journal has it."""
    stack = whole_stack
    head, count = stack.board()["head"], KEPT + 200
    stream = stack.new_api("kitchen").events(f"/locations/{stack.location}/events", head, timeout_s=60)
    with stream:
        stack.place(wait_s=10).expect(201)
        seqs_from(stream, head + 1, 1)
        failures = push_failures(stack)
        for node in stack.nodes("redis"):
            stack.freeze(node)
        stack.place().expect(202)  # may still be in a socket to it; what follows is not
        eventually(lambda: push_failures(stack) > failures, 30, what="a worker has given it up")
        make_events(stack, count)
        eventually(lambda: stack.sql("SELECT seq FROM locations WHERE location_id = %s", stack.location) ==
                   [(head + 2 + count,)], 60, what="the database has all of them")
        for node in stack.nodes("redis"):
            stack.thaw(node)
        seqs_from(stream, head + 2, 1 + count)
        stack.place(wait_s=15).expect(201)
        seqs_from(stream, head + 3 + count, 1)


def append_only_file(stack):
    """The part of it that grows."""
    files = sorted(pathlib.Path(stack.dir, "redis").glob("**/*.incr.aof"), key=lambda file: file.stat().st_mtime)
    return files[-1]


def test_a_redis_that_lost_its_newest_second_is_whole_again(whole_stack):
    stack = whole_stack
    if len(stack.nodes("redis")) > 1:
        pytest.skip("a replica takes over, with what it has")
    stack.place(wait_s=10).expect(201)
    settled(stack)
    time.sleep(1.1)  # the file is written every second: what follows is what is cut off
    kept = append_only_file(stack).stat().st_size
    head = stack.board()["head"]
    stream = stack.new_api("kitchen").events(f"/locations/{stack.location}/events", head, timeout_s=90)
    with stream:
        last = [stack.place(wait_s=10).expect(201).json for _ in range(5)][-1]
        seqs_from(stream, head + 1, 5)
        want = settled(stack)
        stack.kill("redis")
        file = append_only_file(stack)
        assert file.stat().st_size > kept
        os.truncate(file, kept + (file.stat().st_size - kept) // 3)  # in the middle of a command
        stack.up()
        eventually(lambda: cache_of(stack) == want, 40, what="Redis has again what it had")
        assert stack.board()["head"] == last["seq"]
        assert stack.redis("ZSCORE", "{%s}:open" % stack.location, last["id"]) == str(last["number"])
        assert stack.order(last["id"])["version"] == last["version"]
        later = stack.place(wait_s=10).expect(201).json
        # The gateway may see the older head before a worker has mended it: then it says so, once.
        assert follow(stream, last["seq"], later["seq"]) <= 1
        assert later["seq"] == last["seq"] + 1
    assert verify_ends_with(stack, 0)
