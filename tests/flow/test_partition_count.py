"""How many partitions a stack has: 64, or as many as its ZAPORA_PARTITIONS says. Whoever would move a location is
refused.

On another number: ZAPORA_PARTITIONS=8 tests/run flow -k partition_count
"""
import json

import pytest

from test_worker_crashes import OwnWorker


@pytest.fixture(scope="module")
def count(stack):
    return int(stack.env["ZAPORA_PARTITIONS"])


@pytest.fixture(scope="module")
def places(stack):
    return stack.restaurants(8)


def test_the_topics_were_made_with_it_and_keep_it(stack, count):
    replication = ["--replication", 1] if len(stack.nodes("kafka")) == 1 else []
    assert stack.zapora("topics", "plan", *replication).stdout.endswith(" 0 changes to make\n")
    other = count - 1 if count > 1 else 2
    run = stack.zapora("topics", "apply", "--partitions", other, *replication, check=False)
    assert run.returncode == 1
    assert f"has {count} partitions, {other} are wanted: a location must not move" in run.stderr


def test_locations_live_in_all_of_them_and_everybody_finds_them(stack, count, places):
    rows = dict(stack.sql("SELECT location_id::text, partition FROM locations WHERE location_id = ANY(%s::uuid[])",
                          places))
    assert set(rows) == set(places)
    assert all(0 <= partition < count for partition in rows.values())
    assert len(set(rows.values())) > 1
    told = [json.loads(line) for line in stack.zapora("replay", "--topic", "orders.events.v1").stdout.splitlines()]
    assert {line["location_id"]: line["partition"] for line in told if line["location_id"] in rows} == rows
    for location in places:
        one = stack.zapora("replay", "--topic", "orders.events.v1", "--location", location).stdout.splitlines()
        assert [json.loads(line)["seq"] for line in one] == [1, 2]
        assert "0 differences" in stack.zapora("verify", "--location", location).stderr


def test_verify_names_the_partitions_that_there_are(stack, count):
    if count == 64:
        pytest.skip("all that there may be")
    run = stack.zapora("verify", "--partition", count, check=False)
    assert run.returncode == 2
    assert f"has {count} partitions, from 0 on" in run.stderr


def test_a_worker_with_another_number_does_not_work(stack, count, tmp_path):
    other = count - 1 if count > 1 else 2
    with OwnWorker(stack, tmp_path, "--partitions", str(other)) as worker:
        worker.says(f"topic orders.commands.v1 has {count} partitions, not {other}: locations would move")
        assert worker.ops.get("/readyz").status == 503
        assert worker.owned() == 0
        assert worker.end() == 0
