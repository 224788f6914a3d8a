"""Nothing lost, nothing twice: workers are killed and frozen under load, and every promise is counted afterwards.

The fence and the republish are each shown to matter: with the comparison taken out of zapora_fence the rival test goes
red, with republish taken out of the takeover the crash test does.

A long run, with its figures:
    ZAPORA_CRASH_KILLS=20 ZAPORA_CRASH_FREEZES=5 tests/run flow -s -k killed_and_frozen --timeout 3000
"""
import contextlib
import hashlib
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid

import pytest

from harness import ROOT, Api, eventually

CLIENTS = 6
KILLS = int(os.environ.get("ZAPORA_CRASH_KILLS", "4"))
FREEZES = int(os.environ.get("ZAPORA_CRASH_FREEZES", "2"))
ORDERS_BETWEEN = 150
LOCATIONS = 2 * (KILLS + FREEZES)  # nobody bumps here: a longer run needs more of them, for a refill takes 5,000 tickets


@pytest.fixture(scope="module")
def locations(stack):
    """Locations that spread over both workers' partitions."""
    menu = ROOT / "deploy/local/demo/restaurant.json"
    ids = [str(uuid.uuid4()) for _ in range(LOCATIONS)]
    for location in ids:
        stack.zapora("menu", "apply", menu, "--location", location)
    for location in ids:
        eventually(lambda: stack.api().get(f"/menu-items?location_id={location}").status == 200, what="the menu is served")
    return ids


class Clients:
    """Threads that place orders, retry with the same key until they are told something final, and keep a record."""

    def __init__(self, stack, locations):
        self.acknowledged, self.refused, self.unexpected = [], [], []
        self.retries = 0
        self.stopping = threading.Event()
        basket = stack.basket(lines=2)
        stack.token("customer")
        self.threads = [threading.Thread(target=self.run, args=(stack.new_api("customer"), basket, locations, number))
                        for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads)

    def run(self, api, basket, locations, number):
        choose = random.Random(number)
        while not self.stopping.is_set():
            body = dict(basket, location_id=choose.choice(locations))
            key = str(uuid.uuid4())
            while not self.place(api, body, key) and not self.stopping.wait(0.1):
                self.retries += 1

    def place(self, api, body, key):
        try:
            answer = api.post("/orders", body, headers={"Idempotency-Key": key})
        except OSError:
            return False
        if answer.status == 202:
            order = answer.json
            self.acknowledged.append((order["id"], body["location_id"]))
            if random.random() < 0.05:  # some clients retry although they were answered
                again = api.post("/orders", body, headers={"Idempotency-Key": key})
                if again.status in (200, 201, 202) and again.json["id"] != order["id"]:
                    self.unexpected.append(again)
            return True
        if answer.status not in (503, 504, 429):
            self.unexpected.append(answer)
            return True
        return False


def wait_until_applied(stack, clients, timeout_s=90):
    ids = [order for order, _ in clients.acknowledged]

    def all_applied():
        (count,), = stack.sql("SELECT count(*) FROM commands WHERE command_id = ANY(%s::uuid[])", ids)
        return count == len(set(ids))
    eventually(all_applied, timeout_s, 0.3, "every acknowledged order has an outcome")


def check_journal(stack, locations):
    """Each location's seq is dense and its hash chain holds, over the bytes as published."""
    for location in locations:
        rows = stack.sql("SELECT seq, type, (extract(epoch FROM at) * 1000000)::bigint, value, hash FROM order_events "
                         "WHERE location_id = %s ORDER BY seq", location)
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        chain = bytes(32)
        for seq, kind, at, value, recorded in rows:
            chain = hashlib.blake2b(chain + struct.pack(">q", seq) + kind.encode() + struct.pack(">q", at) + bytes(value),
                                    digest_size=32).digest()
            assert chain == bytes(recorded), (location, seq)


def check_log(stack, clients, locations):
    """The log tells every acknowledged order once, each location's seq without a gap."""
    lines = [json.loads(line) for line in stack.zapora("replay", "--topic", "orders.events.v1").stdout.splitlines()]
    placed = [line["order_id"] for line in lines if line["type"] == "order_placed"]
    assert len(placed) == len(set(placed)), "an order was placed twice in the log"
    lost = {order for order, _ in clients.acknowledged} - set(placed)
    assert not lost, f"{len(lost)} acknowledged orders are not in the log"
    for location in locations:
        seqs = [line["seq"] for line in lines if line["location_id"] == location and line["seq"]]
        assert seqs == list(range(1, len(seqs) + 1)), location


def check_cache(stack, locations):
    """Redis has caught up with the database: the same head and the same board."""
    def same():
        for location in locations:
            (seq, board, count), = stack.sql("SELECT seq, open_hash, open_count FROM locations WHERE location_id = %s", location)
            head = (stack.redis("GET", "{%s}:head" % location) or "").split()
            if head[:1] != [str(seq)] or head[2] != f"{board % 2**64:016x}":
                return False
            if stack.redis("ZCARD", "{%s}:open" % location) != count:
                return False
        return True
    eventually(same, 30, 0.3, "Redis has the database's heads and boards")


def check_orders(stack, clients):
    ids = list({order for order, _ in clients.acknowledged})
    (orders, events), = stack.sql(
        "SELECT (SELECT count(*) FROM orders WHERE order_id = ANY(%s::uuid[])), "
        "(SELECT count(*) FROM order_events WHERE type = 'order_placed' AND order_id = ANY(%s::uuid[]))", ids, ids)
    assert (orders, events) == (len(ids), len(ids))


class Watcher(threading.Thread):
    """A kitchen's screen: reads the stream, comes back with its cursor whenever it ends, and keeps every seq."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.seqs, self.resets = stack, [], []
        self.stopping = threading.Event()
        stack.token("kitchen")
        self.start_head = stack.board()["head"]

    def run(self):
        cursor = self.start_head
        while not self.stopping.is_set():
            try:
                with self.stack.new_api("kitchen").events(f"/locations/{self.stack.location}/events", cursor) as stream:
                    if stream.status != 200:
                        raise OSError(f"no stream: {stream.status}")
                    for event in stream:
                        if event["event"] == "reset":
                            self.resets.append((self.seqs[-1:], event["data"]))
                        if event["id"]:
                            cursor = int(event["id"])
                            self.seqs.append(cursor)
                        if self.stopping.is_set():
                            return
            except OSError:
                time.sleep(0.2)


def page_of(stack, part):
    return stack.ops(part).get("/metrics").body.decode()


def figure(stack, part, series):
    return int(re.search(rf"^{series} (\d+)$", page_of(stack, part), re.MULTILINE).group(1))


def what_the_screen_knows(stack, watcher):
    """For a screen that does not catch up: all that tells who held what back."""
    return {"start": watcher.start_head, "events": len(watcher.seqs), "last": watcher.seqs[-1:],
            "resets": watcher.resets, "alive": watcher.is_alive(), "board": stack.board()["head"],
            "redis": stack.redis("GET", "{%s}:head" % stack.location),
            "stream": stack.redis("XINFO", "STREAM", "{%s}:events" % stack.location)[:2],
            "gateway": re.findall(r"^zapora_.*stream.* [1-9]\d*$", page_of(stack, "gateway-1"), re.MULTILINE)}


def wait_until_screen_shows(stack, watcher, head):
    try:
        eventually(lambda: watcher.seqs and watcher.seqs[-1] >= head, 30, what="the screen has caught up")
    except AssertionError as error:
        raise AssertionError(f"{error}; {what_the_screen_knows(stack, watcher)}") from None


def owned(stack, part):
    return figure(stack, part, "zapora_worker_partitions_owned")


def wait_until_all_owned_by(stack, part):
    """A worker that is frozen is given up by the group, and the other one takes its partitions over."""
    count = int(stack.env["ZAPORA_PARTITIONS"])
    eventually(lambda: owned(stack, part) == count, 60, 0.2, f"{part} owns every partition")


def wait_until_shared(stack):
    """Whoever was killed or frozen is back, and nothing moves any more."""
    half = int(stack.env["ZAPORA_PARTITIONS"]) // 2
    eventually(lambda: all(owned(stack, part) == half for part in ("worker-1", "worker-2")), 60, 0.2,
               "each worker owns its half")


def faults():
    """The same order in each run: freezes spread evenly among the kills, both workers hit in turn."""
    kinds = ["kill"] * KILLS
    for number in range(FREEZES):
        kinds.insert((number + 1) * len(kinds) // (FREEZES + 1), "freeze")
    return [(kind, number % 2 + 1) for number, kind in enumerate(kinds)]


def do_harm(stack, kind, number):
    victim, other = f"worker-{number}", f"worker-{3 - number}"
    if kind == "freeze":
        stack.freeze(victim)
        wait_until_all_owned_by(stack, other)
        stack.thaw(victim)  # it believes that it still owns them, with a turn in its hands
    else:
        stack.kill(victim)
        stack.up()


def print_figures(stack, clients, everywhere):
    ids = list({order for order, _ in clients.acknowledged})
    (applied, placed, stray), = stack.sql(
        "SELECT (SELECT count(*) FROM orders WHERE order_id = ANY(%s::uuid[])), "
        "(SELECT count(*) FROM order_events WHERE type = 'order_placed' AND order_id = ANY(%s::uuid[])), "
        "(SELECT count(*) FROM order_events WHERE type = 'order_placed' AND location_id = ANY(%s::uuid[])) ",
        ids, ids, everywhere)
    print(f"\n{KILLS} kills, {FREEZES} freezes: acknowledged {len(ids)}, applied {applied}, doubled {placed - applied}, "
          f"lost {len(ids) - applied}; retries {clients.retries}, applied in all {stray}, turns fenced {fenced_total(stack)}")


def test_workers_are_killed_and_frozen_under_load(whole_stack, locations):
    stack = whole_stack
    watcher = Watcher(stack)
    watcher.start()
    everywhere = [*locations, stack.location]
    with Clients(stack, everywhere) as clients:
        for kind, number in faults():
            enough = len(clients.acknowledged) + ORDERS_BETWEEN
            eventually(lambda: len(clients.acknowledged) >= enough, 60, what="orders go on")
            do_harm(stack, kind, number)
    wait_until_applied(stack, clients)
    print_figures(stack, clients, everywhere)
    assert clients.unexpected == []
    assert len(clients.acknowledged) >= ORDERS_BETWEEN * (KILLS + FREEZES)
    check_orders(stack, clients)
    check_journal(stack, everywhere)
    check_cache(stack, everywhere)
    check_log(stack, clients, everywhere)
    head = stack.board()["head"]
    wait_until_screen_shows(stack, watcher, head)
    watcher.stopping.set()
    assert watcher.resets == [], "nothing was lost, so no screen has to begin anew"
    assert watcher.seqs == list(range(watcher.start_head + 1, watcher.seqs[-1] + 1)), "the screen missed or repeated an event"


def partition_of(stack, location):
    (partition,), = stack.sql("SELECT partition FROM locations WHERE location_id = %s", location)
    return partition


def fenced_total(stack):
    return sum(figure(stack, part, "zapora_worker_fenced_total") for part in ("worker-1", "worker-2"))


def test_a_worker_that_lost_its_partition_cannot_write(stack, locations):
    """A rival has taken the row: what the old owner had decided is refused by the fence, then decided again, once."""
    location = locations[0]
    partition = partition_of(stack, location)
    wait_until_shared(stack)  # a takeover on its way would take the row from the rival before anybody is refused
    rival = str(uuid.uuid4())
    before = fenced_total(stack)
    stack.sql("UPDATE partitions SET owner = %s WHERE partition = %s", rival, partition)
    order = stack.place(dict(stack.basket(), location_id=location)).expect(202).json
    stack.order_reaches(order["id"], "accepted", timeout_s=20)
    assert fenced_total(stack) > before, "the old owner wrote although the row was a rival's"
    (owner,), = stack.sql("SELECT owner::text FROM partitions WHERE partition = %s", partition)
    assert owner != rival
    check_journal(stack, [location])
    assert stack.sql("SELECT count(*) FROM order_events WHERE order_id = %s", order["id"]) == [(1,)]


def test_an_undecodable_record_is_parked_and_the_next_one_is_applied(stack, locations):
    location = locations[1]
    (parked_before,), = stack.sql("SELECT count(*) FROM commands WHERE err = 'PARKED'")
    stack.produce("orders.commands.v1", b"\xc1 this is not msgpack", key=location)
    order = stack.place(dict(stack.basket(), location_id=location)).expect(202).json
    stack.order_reaches(order["id"], "accepted")
    assert stack.sql("SELECT count(*) FROM commands WHERE err = 'PARKED'") == [(parked_before + 1,)]
    letters = eventually(lambda: [letter for letter in stack.consume("orders.dead-letters.v1") if letter["key"] == location])
    assert [letter["size"] for letter in letters] == [len(b"\xc1 this is not msgpack")]
    check_journal(stack, [location])


def freeze_all(stack, part):
    """PostgreSQL's sessions are processes of their own. Gives what has to be thawed."""
    pids = [stack.pid(node) for node in stack.nodes(part)]
    if part == "postgres":
        pids += [int(row[0]) for row in stack.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")]
    signal_all(pids, signal.SIGSTOP)
    return pids


def signal_all(pids, sig):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a session that has ended since it was listed
            os.kill(pid, sig)


@pytest.mark.parametrize("part", ["kafka", "postgres", "redis"])
def test_a_worker_that_is_asked_to_ends_though_a_server_is_frozen(whole_stack, part):
    stack = whole_stack
    placed = stack.place(wait_s=10).expect(201).json
    frozen = freeze_all(stack, part)
    try:
        stack.kill("worker-1", signal.SIGTERM)
        eventually(lambda: not stack.alive("worker-1"), timeout_s=15, what="worker-1 is gone")
        ends = ('"message":"worker stopped","code":0', '"message":"the process is ended as it stands')
        assert any(end in stack.log("worker-1") for end in ends), "it died of something else"
    finally:
        signal_all(frozen, signal.SIGCONT)
    stack.up()
    assert stack.order(placed["id"])["version"] >= 1
    stack.place(wait_s=15).expect(201)


# ---- a worker that is asked to end before it is one, and while it becomes one ----------------------------------------


class OwnWorker:
    """One more worker of the stack: its exit code is ours to see."""

    def __init__(self, stack, tmp_path, *arguments):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ops = f"127.0.0.1:{listener.getsockname()[1]}"
        self.ops = Api(f"http://{ops}", timeout_s=5)
        self.log = tmp_path / "worker.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [stack.env["ZAPORA_BIN"], "worker", "--ops-listen", ops, "--worker-id", "worker-own",
                 *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **stack.env})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def says(self, words, timeout_s=60):
        eventually(lambda: words in self.log.read_text(), timeout_s, what=f"the worker says {words}")

    def owned(self):
        page = self.ops.get("/metrics").body.decode()
        return int(re.search(r"^zapora_worker_partitions_owned (\d+)$", page, re.MULTILINE).group(1))

    def taking(self):
        """How many it is taking over, which its readiness tells; 0 when it is well."""
        found = re.search(r"(\d+) being taken over", self.ops.get("/readyz?verbose").body.decode())
        return int(found.group(1)) if found else 0

    def end(self):
        """SIGTERM; the exit code, which has 10 s from here on, and the machine some more."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


def test_a_worker_is_ready_when_it_has_its_partitions_and_not_before(whole_stack, tmp_path):
    with OwnWorker(whole_stack, tmp_path) as worker:
        eventually(lambda: worker.ops.get("/readyz").status == 200, 60, 0.01, "it is ready")
        assert worker.owned() > 0


def test_a_worker_that_waits_for_a_frozen_database_ends_when_asked_to(whole_stack, tmp_path):
    frozen = freeze_all(whole_stack, "postgres")
    try:
        with OwnWorker(whole_stack, tmp_path) as worker:
            worker.says('"message":"waiting for the log and the database"')
            assert worker.end() == 0
            assert '"message":"worker stopped","code":0' in worker.log.read_text()
    finally:
        signal_all(frozen, signal.SIGCONT)


def test_a_worker_amid_a_takeover_of_a_frozen_database_ends_when_asked_to(whole_stack, tmp_path):
    """In order, or by the watchdog, whose count from the signal on has a unit test: whichever comes first."""
    stack = whole_stack
    with OwnWorker(stack, tmp_path) as worker:
        eventually(lambda: worker.owned() > 0, 60, 0.2, "it has joined the others")
        frozen = freeze_all(stack, "postgres")
        try:
            stack.kill("worker-1")
            stack.kill("worker-2")
            eventually(lambda: worker.taking() > 0, 60, 0.2, "it takes over from the others")
            ends = {0: '"message":"worker stopped","code":0', 1: '"message":"the process is ended as it stands'}
            assert ends[worker.end()] in worker.log.read_text()
        finally:
            signal_all(frozen, signal.SIGCONT)
    stack.up()
    stack.place(wait_s=15).expect(201)
