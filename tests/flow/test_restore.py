"""The database is put back to a copy that was taken earlier under load: the log's facts are folded in, the mailbox goes on,
and meanwhile nobody is told anything older than what was told before. And the database made anew from the log."""
import contextlib
import json
import subprocess
import threading
import urllib.parse
import uuid

import psycopg2
import pytest

from harness import ROOT, eventually

POSTGRES_BIN = "/usr/lib/postgresql/15/bin"

# What a row says, without the times of writing and without who owns a partition.
ROWS = {
    "orders": "SELECT o::text FROM orders o",
    "order_events": "SELECT e::text FROM order_events e",
    "commands": "SELECT (command_id, location_id, order_id, user_id, command_offset, seq, at, partition, type, err, "
                "fingerprint, reasons::text)::text FROM commands",
    "locations": "SELECT (location_id, partition, seq, last_number, open_count, open_hash, hash)::text FROM locations",
    "menus": "SELECT (location_id, menu_version, settings::text, menu::text)::text FROM menus",
    "partitions": "SELECT (partition, last_command_id)::text FROM partitions WHERE next_offset > 0",
}


def rows_of(stack):
    return {table: {row for row, in stack.sql(query)} for table, query in ROWS.items()}


def events_of(stack):
    """The log as its readers have it."""
    lines = stack.zapora("replay", "--topic", "orders.events.v1", timeout_s=120).stdout.splitlines()
    return {(line["location_id"], line["seq"], line["command_id"]): json.dumps(line["data"])
            for line in map(json.loads, lines)}


def missing(before, after):
    return {table: len(rows - after[table]) for table, rows in before.items() if table != "partitions" and rows - after[table]}


class Load:
    """Orders at several places, with a step now and then, by threads of customers."""

    def __init__(self, stack, places):
        self.stack, self.places = stack, places
        self.acknowledged, self.unexpected = [], []
        self.stopping = threading.Event()
        self.basket = stack.basket(lines=2)
        self.threads = [threading.Thread(target=self.run, args=(stack.new_api("customer"), number)) for number in range(3)]

    def run(self, api, number):
        while not self.stopping.wait(0.02):  # a steady load: what it leaves open stays open for the tests that follow
            place = self.places[(len(self.acknowledged) + number) % len(self.places)]
            answer = self.stack.place(dict(self.basket, location_id=place), api=api)
            if answer.status == 202:
                self.acknowledged.append(answer.json["id"])
            elif answer.status not in (503, 504, 429):
                self.unexpected.append(answer)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert self.unexpected == []

    def wait_for(self, count):
        enough = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= enough, 90, what="orders go on")


@pytest.fixture(scope="module")
def places(stack):
    ids = [str(uuid.uuid4()) for _ in range(5)]
    for location in ids:
        stack.zapora("menu", "apply", ROOT / "deploy/local/demo/restaurant.json", "--location", location)
    for location in ids:
        eventually(lambda: stack.api().get(f"/menu-items?location_id={location}").status == 200, what="the menu is served")
    return [*ids, stack.location]


def wait_until_applied(stack, ids):
    def all_applied():
        (count,), = stack.sql("SELECT count(*) FROM commands WHERE command_id = ANY(%s::uuid[])", ids)
        return count == len(set(ids))
    eventually(all_applied, 90, 0.3, "every acknowledged order has an outcome")


def verify(stack, *arguments):
    run = stack.zapora("verify", *arguments, check=False, timeout_s=120)
    return run.returncode, run.stdout + run.stderr


def wait_until_equal(stack):
    eventually(lambda: verify(stack)[0] == 0, 60, 0.5, "log, database and Redis are equal")


def postgres_run(stack, program, *arguments, **more):
    parts = urllib.parse.urlsplit(stack.env["ZAPORA_POSTGRES"])
    return subprocess.run([f"{POSTGRES_BIN}/{program}", "-h", parts.hostname, "-p", str(parts.port), "-U", parts.username,
                           "-d", parts.path[1:], *arguments], check=True, timeout=120, stdout=subprocess.PIPE,
                          env={"PGPASSWORD": parts.password}, **more).stdout


def put_back(stack, copy):
    """The database as it was in the copy, and nothing else of it."""
    stack.sql("DROP DATABASE zapora WITH (FORCE)", admin=True)
    stack.sql("CREATE DATABASE zapora OWNER zapora", admin=True)
    postgres_run(stack, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", input=copy)


def stop_workers(stack):
    for part in ("worker-1", "worker-2"):
        stack.kill(part)


def test_a_restored_database_catches_up_with_the_log(whole_stack, places):
    stack = whole_stack
    with Load(stack, places) as load:
        load.wait_for(60)
        copy = postgres_run(stack, "pg_dump")
        load.wait_for(150)
        stepped = stack.place(wait_s=10).expect(201).json
        stack.api("kitchen").post(f"/orders/{stepped['id']}/start", {}, headers={"Prefer": "wait=10"}).expect(200)
    wait_until_applied(stack, load.acknowledged)
    wait_until_equal(stack)
    before, told = rows_of(stack), events_of(stack)
    board = stack.board()

    stop_workers(stack)
    waiting = [stack.place(dict(stack.basket(), location_id=place)).expect(202).json["id"] for place in places * 3]
    put_back(stack, copy)
    assert missing(before, rows_of(stack)), "the copy is older"
    reads_say_that_they_catch_up(stack, stepped, board)

    stack.up()
    wait_until_applied(stack, [*load.acknowledged, *waiting])
    wait_until_equal(stack)
    after = rows_of(stack)
    assert {table for table in missing(before, after)} == {"locations"}, "each has three orders more"
    assert len(after["commands"]) - len(before["commands"]) == len(waiting)
    told_now = events_of(stack)
    assert {key: told_now[key] for key in told} == told
    assert len(told_now) - len(told) == len(waiting)
    assert stack.order(stepped["id"])["status"] == "preparing"
    for role in ("kitchen", "customer"):
        assert stack.api(role).get("/orders?limit=100").expect(200).json["orders"], "the lists have caught up"
    assert stack.board()["head"] == board["head"] + 3
    assert stack.place(wait_s=10).expect(201).json["seq"] == board["head"] + 4
    stack.zapora("rebuild", "--cache")  # the snapshots that were taken away come back


def catches_up(api, path):
    """503, come back later: never what was, and never that there is nothing."""
    def probe():
        answer = api.get(path).expect(503)
        assert int(answer.headers["Retry-After"]) > 0, answer
        return answer.json["type"] == "/problems/catching-up"  # else its connection to the database was lost just now
    return eventually(probe, what=f"{path} says that it catches up")


def reads_say_that_they_catch_up(stack, stepped, board):
    """No worker runs, and the database has forgotten what was shown before: Redis knows, or nobody says anything."""
    kitchen, customer = stack.api("kitchen"), stack.api("customer")
    assert kitchen.get(f"/locations/{stack.location}/board").expect(200).json["head"] == board["head"], "from Redis"
    assert stack.order(stepped["id"])["version"] == 2, "from Redis"
    # What Redis does not have is asked of the database, which is behind.
    key = "{%s}:order:%s" % (stack.location, stepped["id"])
    ticket = board["tickets"][0]["id"]
    stack.redis("DEL", key, "{%s}:order:%s" % (stack.location, ticket), "receipt:" + stepped["id"])
    assert catches_up(kitchen, f"/locations/{stack.location}/board")
    assert catches_up(customer, f"/orders/{stepped['id']}"), "an order that the copy does not have yet"
    assert catches_up(customer, f"/commands/{stepped['id']}")
    assert catches_up(kitchen, "/orders"), "a location's list"
    assert catches_up(customer, "/orders"), "a list that may be of any location"
    assert catches_up(kitchen, f"/orders/{ticket}"), "one that it has, perhaps as it was"


@pytest.fixture
def swapping_stack(whole_stack):
    yield whole_stack
    for schema in ("zapora_replaced", "zapora_rebuild"):
        whole_stack.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_the_database_is_made_anew_from_the_log(swapping_stack, places):
    stack = swapping_stack
    with Load(stack, places) as load:
        load.wait_for(50)
    wait_until_applied(stack, load.acknowledged)
    wait_until_equal(stack)
    before = rows_of(stack)
    run = stack.zapora("rebuild", "--database", timeout_s=120)
    for table in ("orders_all", "order_events", "locations", "menus"):
        assert f"{table}: 0 rows only in the live table, 0 only in the rebuilt one" in run.stdout, run.stdout
    assert "commands: 0 rows only in the live table" in run.stdout
    assert rows_of(stack) == before, "nothing was swapped"

    victim = load.acknowledged[0]
    stack.sql("UPDATE orders SET total = 1 WHERE order_id = %s", victim)
    stack.sql("DELETE FROM order_events WHERE order_id = %s", load.acknowledged[1])
    assert verify(stack, "--no-cache")[0] == 1
    run = stack.zapora("rebuild", "--database", "--swap", timeout_s=120)
    assert "orders_all: 1 rows only in the live table, 1 only in the rebuilt one" in run.stdout, run.stdout
    assert "order_events: 0 rows only in the live table, 1 only in the rebuilt one" in run.stdout, run.stdout
    assert missing(before, rows_of(stack)) == {}
    assert stack.sql("SELECT total FROM zapora_replaced.orders WHERE order_id = %s", victim) == [(1,)]

    # The workers that ran meanwhile were fenced, took their partitions over, and go on.
    # (A gateway's connections notice one by one, each with a 503, that the tables are others.)
    later = stack.place(wait_s=20).expect(201).json
    stack.order_reaches(later["id"], "accepted")
    eventually(lambda: stack.login("customer")["access_token"], what="accounts are not the log's and stay")
    wait_until_equal(stack)
    refused = stack.zapora("rebuild", "--database", "--swap", check=False, timeout_s=120)
    assert refused.returncode == 1 and "zapora_replaced" in refused.stderr
    wait_until_equal(stack)


def test_a_swap_that_somebody_is_in_the_way_of_does_nothing(swapping_stack, places):
    stack = swapping_stack
    with contextlib.closing(psycopg2.connect(stack.env["ZAPORA_POSTGRES"])) as forgotten:
        with forgotten.cursor() as cursor:
            cursor.execute("SET application_name = 'forgotten'; SELECT count(*) FROM orders")
        number = forgotten.info.backend_pid
        refused = stack.zapora("rebuild", "--database", "--swap", check=False, timeout_s=120)
    assert refused.returncode == 1 and f"orders is locked by process {number} (forgotten) for" in refused.stderr, \
        refused.stderr
    assert stack.sql("SELECT to_regnamespace('zapora_replaced') IS NULL") == [(True,)]
    wait_until_equal(stack)
    stack.zapora("rebuild", "--database", "--swap", timeout_s=120)
    wait_until_equal(stack)


def test_a_swap_while_orders_come_in_loses_none(swapping_stack, places):
    stack = swapping_stack
    with Load(stack, places) as load:
        load.wait_for(20)
        swapped = stack.zapora("rebuild", "--database", "--swap", check=False, timeout_s=120)
        load.wait_for(50)
    # Under load it may give up, and says how to go on; then nothing was done.
    assert swapped.returncode == 0 or "Stop the workers" in swapped.stderr, swapped.stderr
    wait_until_applied(stack, load.acknowledged)
    wait_until_equal(stack)
    assert stack.sql("SELECT count(*) FROM orders WHERE order_id = ANY(%s::uuid[])", load.acknowledged) == [
        (len(set(load.acknowledged)),)]
