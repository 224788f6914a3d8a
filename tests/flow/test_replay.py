"""zapora replay tells all that happened: each location's events in their order, nothing twice."""
import collections
import csv
import io
import json

import pytest

TOPIC = "orders.events.v1"


def replay(stack, *arguments):
    return stack.zapora("replay", "--topic", TOPIC, *arguments, timeout_s=120).stdout


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def places(stack):
    """So many that both of replay's threads have some of them."""
    return stack.restaurants(6, times=2)


def test_each_location_is_told_in_order_and_nothing_twice(stack, places):
    lines = lines_of(replay(stack))
    told, offsets = collections.defaultdict(list), collections.defaultdict(list)
    for line in lines:
        offsets[line["partition"]].append(line["offset"])
        if line["seq"]:
            told[line["location_id"]].append(line["seq"])
    assert set(places) <= set(told)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in told.values())
    assert all(those == sorted(set(those)) for those in offsets.values())
    counts = stack.sql("SELECT location_id::text, count(*) FROM order_events WHERE location_id = ANY(%s::uuid[]) "
                       "GROUP BY location_id", places)
    assert dict(counts) == {location: len(told[location]) for location in places}


def test_one_location_is_told_alone(stack, places):
    everything = lines_of(replay(stack))
    for location in places[:2]:
        mine = [line for line in everything if line["location_id"] == location]
        assert lines_of(replay(stack, "--location", location)) == mine
        assert lines_of(replay(stack, "--location", location, "--from", 2, "--to", 3)) == mine[1:3]


def test_csv_says_the_same(stack, places):
    lines = lines_of(replay(stack))
    rows = list(csv.DictReader(io.StringIO(replay(stack, "--format", "csv"))))
    found = {(int(row["partition"]), int(row["offset"])): row for row in rows}
    assert len(found) == len(rows) >= len(lines)
    for line in lines:
        row = found[line["partition"], line["offset"]]
        assert json.loads(row.pop("data")) == line["data"]
        assert row == {name: "" if line[name] is None else str(line[name]) for name in row}


def test_brokers_that_do_not_answer_are_told(stack):
    run = stack.zapora("replay", "--topic", TOPIC, "--kafka", "127.0.0.1:1", check=False, timeout_s=60)
    assert (run.returncode, run.stdout) == (1, "") and TOPIC in run.stderr
