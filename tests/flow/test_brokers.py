"""Three brokers, replication 3, two in sync: what leads is killed under load, and every promise is counted afterwards.

Only on a stack that has them: ZAPORA_BROKERS=3 tests/run flow -k brokers
"""
import json
import subprocess

import pytest

from harness import eventually
from test_worker_crashes import (Clients, check_cache, check_journal, check_log, check_orders, locations,  # noqa: F401
                                 wait_until_applied)

MAILBOX = "orders.commands.v1"
ORDERS_BETWEEN = 150


@pytest.fixture
def brokers(whole_stack):
    if len(whole_stack.nodes("kafka")) < 3:
        pytest.skip("one broker: nobody else can lead")
    return whole_stack


def mailboxes(stack):
    """The mailbox's partitions: {partition: (its leader's node, how many are in sync)}."""
    run = subprocess.run(["kcat", "-L", "-J", "-b", stack.env["ZAPORA_KAFKA"], "-t", MAILBOX], check=True, text=True,
                         stdout=subprocess.PIPE, timeout=30)
    rows = json.loads(run.stdout)["topics"][0]["partitions"]
    return {row["partition"]: (row["leader"], len(row["isrs"])) for row in rows}


def all_in_sync(stack):
    rows = mailboxes(stack)
    return rows if all(in_sync == 3 for _, in_sync in rows.values()) else None


def broker_that_leads(stack, partition):
    leader, _ = mailboxes(stack)[partition]
    return stack.nodes("kafka")[leader - 1]


def partition_of(stack, location):
    (partition,), = stack.sql("SELECT partition FROM locations WHERE location_id = %s", location)
    return partition


def test_topics_stand_on_three_brokers(brokers):
    rows = eventually(lambda: all_in_sync(brokers), 60, 0.5, "all partitions are in sync on three")
    assert {leader for leader, _ in rows.values()} == {1, 2, 3}
    assert "min.insync.replicas" not in brokers.zapora("topics", "plan").stdout


def test_leaders_are_killed_under_load(brokers, locations):  # noqa: F811
    stack = brokers
    partition = partition_of(stack, locations[0])
    with Clients(stack, locations) as clients:
        for _ in range(2):
            eventually(lambda: all_in_sync(stack), 60, 0.5, "all partitions are in sync on three")
            victim = broker_that_leads(stack, partition)
            stack.kill(victim)
            for _ in range(2):  # with two brokers orders go on, those of the lost leader too
                enough = len(clients.acknowledged) + ORDERS_BETWEEN
                eventually(lambda: len(clients.acknowledged) >= enough, 60, what="orders go on")
            assert eventually(lambda: broker_that_leads(stack, partition) != victim, 30, 0.5, "another broker leads")
            stack.up()
    wait_until_applied(stack, clients)
    assert clients.unexpected == []
    check_orders(stack, clients)
    check_journal(stack, locations)
    check_cache(stack, locations)
    check_log(stack, clients, locations)
    assert stack.zapora("verify", timeout_s=120).returncode == 0


def test_without_a_majority_orders_are_refused_and_none_is_lost(brokers):
    stack = brokers
    for node in stack.nodes("kafka")[1:]:
        stack.kill(node)
    answers = [stack.place().expect(503, 504) for _ in range(3)]
    assert all("safe" in answer.json["detail"] for answer in answers)
    assert stack.menu()["items"] and stack.board()["head"]
    stack.up()
    order = eventually(lambda: stack.place().expect(202).json, 60, what="orders are taken again")
    stack.order_reaches(order["id"], "accepted", timeout_s=30)
