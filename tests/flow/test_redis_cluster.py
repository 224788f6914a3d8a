"""Redis as a cluster of three primaries and three replicas: primaries are killed, and what they took is told again.

Only on a stack that has one: ZAPORA_REDIS_CLUSTER=1 tests/run flow -k redis_cluster
"""
import pytest

from harness import eventually, redis_command
from test_redis_lost import seqs_from
from test_worker_crashes import (Clients, check_cache, check_journal, check_log, check_orders, locations,  # noqa: F401
                                 wait_until_applied)

ORDERS_BETWEEN = 150


@pytest.fixture
def cluster(whole_stack):
    if len(whole_stack.nodes("redis")) < 6:
        pytest.skip("one Redis")
    return whole_stack


def slots_of(stack, part):
    """As this node knows them: [first, last, the part that has them]."""
    parts = {port: name for name, (_, port) in zip(stack.nodes("redis"), stack.redis_addresses())}
    address = stack.redis_addresses()[stack.nodes("redis").index(part)]
    return [(first, last, parts[primary[1]]) for first, last, primary, *_ in redis_command(address, "CLUSTER", "SLOTS")]


def primary_of(stack, location):
    """The part that has the location, as all living nodes say; None while they disagree."""
    slot = stack.redis("CLUSTER", "KEYSLOT", "{%s}:head" % location)
    said = {part for node in stack.nodes("redis") if stack.alive(node)
            for first, last, part in slots_of(stack, node) if first <= slot <= last}
    return said.pop() if len(said) == 1 else None


def head_is_the_databases(stack):
    (seq,), = stack.sql("SELECT seq FROM locations WHERE location_id = %s", stack.location)
    return int((stack.redis("GET", "{%s}:head" % stack.location) or "0").split()[0]) == seq


def another_serves(stack, location, victim):
    return eventually(lambda: primary_of(stack, location) not in (None, victim), 30, 0.2, "a replica took over")


def verify_is_content(stack):
    return eventually(lambda: stack.zapora("verify", check=False, timeout_s=120).returncode == 0, 60, 1, "all is whole")


def test_redis_cluster_has_each_part_of_a_location_in_one_place(cluster):
    stack = cluster
    placed = stack.place(wait_s=10).expect(201).json
    eventually(lambda: head_is_the_databases(stack), what="the head is in the cluster")
    slot = stack.redis("CLUSTER", "KEYSLOT", "{%s}:head" % stack.location)
    assert stack.redis("CLUSTER", "KEYSLOT", "{%s}:live" % stack.location) == slot
    assert stack.redis("EXISTS", f"receipt:{placed['id']}") == 1
    assert stack.redis("EXISTS", "{%s}:order:%s" % (stack.location, placed["id"])) == 1
    assert len({part for _, _, part in slots_of(stack, "redis")}) == 3


def test_redis_cluster_tells_a_screen_all_when_a_primary_is_killed(cluster):
    stack = cluster
    head = stack.place(wait_s=10).expect(201).json["seq"]
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events", head, timeout_s=60) as stream:
        victim = eventually(lambda: primary_of(stack, stack.location), what="a primary has the location")
        stack.kill(victim)
        placed = [stack.place(wait_s=15).expect(201).json for _ in range(10)]
        assert stack.order(placed[-1]["id"])["status"] == "accepted"
        another_serves(stack, stack.location, victim)
        eventually(lambda: head_is_the_databases(stack), 30, 0.2, "the new primary has what happened meanwhile")
        later = stack.place(wait_s=15).expect(201).json
        seqs_from(stream, head + 1, later["seq"] - head)
    stack.up()
    verify_is_content(stack)


def test_redis_cluster_gives_a_slot_to_another_primary(cluster):
    """As when it is given more nodes: the slot's keys are moved one by one, and asked for in both places meanwhile."""
    stack = cluster
    head = stack.place(wait_s=10).expect(201).json["seq"]
    slot = stack.redis("CLUSTER", "KEYSLOT", "{%s}:head" % stack.location)
    addresses = dict(zip(stack.nodes("redis"), stack.redis_addresses()))
    source = eventually(lambda: primary_of(stack, stack.location), what="a primary has the location")
    target = next(part for _, _, part in slots_of(stack, source) if part != source)
    ids = {part: redis_command(addresses[part], "CLUSTER", "MYID") for part in (source, target)}
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events", head, timeout_s=60) as stream:
        redis_command(addresses[target], "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        redis_command(addresses[source], "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        moved = 0
        while keys := redis_command(addresses[source], "CLUSTER", "GETKEYSINSLOT", slot, 10):
            redis_command(addresses[source], "MIGRATE", *addresses[target], "", 0, 5000, "KEYS", *keys)
            if moved % 50 == 0:
                stack.place(wait_s=15).expect(201)
            moved += len(keys)
        for part in (target, source):
            redis_command(addresses[part], "CLUSTER", "SETSLOT", slot, "NODE", ids[target])
        eventually(lambda: primary_of(stack, stack.location) == target, 30, 0.2, "all nodes know")
        later = stack.place(wait_s=15).expect(201).json
        eventually(lambda: head_is_the_databases(stack), 30, 0.2, "the new place has all")
        seqs_from(stream, head + 1, later["seq"] - head)
    verify_is_content(stack)


def test_redis_cluster_loses_primaries_under_load(cluster, locations):  # noqa: F811
    stack = cluster
    with Clients(stack, locations) as clients:
        for location in locations[:2]:
            victim = eventually(lambda: primary_of(stack, location), 30, 0.2, "a primary has the location")
            stack.kill(victim)
            enough = len(clients.acknowledged) + ORDERS_BETWEEN
            eventually(lambda: len(clients.acknowledged) >= enough, 60, what="orders go on")
            another_serves(stack, location, victim)
            stack.up()
    wait_until_applied(stack, clients)
    assert clients.unexpected == []
    check_orders(stack, clients)
    check_journal(stack, locations)
    check_cache(stack, locations)
    check_log(stack, clients, locations)
    verify_is_content(stack)
