"""zapora verify finds what is wrong, and nothing where nothing is; zapora rebuild mends it."""
import contextlib
import json
import select
import socket
import socketserver
import threading
import urllib.parse
import uuid

import pytest

from harness import ROOT, eventually


def verify(stack, *arguments, code):
    """The differences that it lists."""
    run = stack.zapora("verify", "--json", *arguments, check=False, timeout_s=120)
    assert run.returncode == code, f"{run.returncode}\n{run.stdout[:4000]}{run.stderr}"
    return [json.loads(line) for line in run.stdout.splitlines()]


def raw(text):
    return text.encode("utf-8", "surrogateescape")


class Place:
    """A location of its own with some history: orders that stand open, one that was completed, one that was refused."""

    def __init__(self, stack):
        self.stack = stack
        self.id = str(uuid.uuid4())
        stack.zapora("menu", "apply", ROOT / "deploy/local/demo/restaurant.json", "--location", self.id)
        eventually(lambda: stack.api().get(f"/menu-items?location_id={self.id}").status == 200, what="the menu is served")
        self.kitchen = self.staff()
        self.open = [self.order() for _ in range(3)]
        self.done = self.order()
        for step in ("start", "ready", "complete"):
            self.step(self.done, step)
        self.step(self.open[0], "start")
        key = f"{{{self.id}}}:order:{self.open[2]}"
        self.before_step = raw(stack.redis("GET", key))  # a snapshot that is stale from now on
        self.step(self.open[2], "start")
        eventually(lambda: raw(stack.redis("GET", key)) != self.before_step, what="the snapshot follows")

    def staff(self):
        email, password = f"kitchen-{self.id}@example.com", "a password of this test"
        self.stack.zapora("user", "add", "--email", email, "--name", "Kitchen", "--role", "kitchen", "--location", self.id,
                          stdin=password)
        answer = self.stack.new_api().post("/auth/login", {"email": email, "password": password}).expect(200)
        return self.stack.new_api(token=answer.json["access_token"])

    def order(self):
        body = dict(self.stack.basket(lines=2), location_id=self.id)
        return self.stack.place(body, wait_s=10).expect(201).json["id"]

    def step(self, order, step):
        self.kitchen.post(f"/orders/{order}/{step}", {}, headers={"Prefer": "wait=10"}).expect(200)

    def verify(self, *arguments, code):
        return verify(self.stack, "--location", self.id, *arguments, code=code)


@pytest.fixture(scope="module")
def place(stack):
    return Place(stack)


@contextlib.contextmanager
def planted(stack, table, where, values, change):
    """Changes rows and puts them back as they were."""
    stack.sql(f"CREATE TABLE planted AS SELECT * FROM {table} WHERE {where}", *values)
    assert stack.sql("SELECT count(*) FROM planted")[0][0] > 0
    try:
        stack.sql(change, *values)
        yield
    finally:
        stack.sql(f"DELETE FROM {table} WHERE {where}", *values)
        stack.sql(f"INSERT INTO {table} SELECT * FROM planted")
        stack.sql("DROP TABLE planted")


def test_nothing_differs_while_orders_come_in(stack):
    stopping = threading.Event()
    basket = stack.basket()
    apis = [stack.new_api("customer") for _ in range(3)]

    def order(api):
        while not stopping.wait(0.02):  # a steady load, not as much as there can be
            assert stack.place(basket, api=api).status == 202

    threads = [threading.Thread(target=order, args=(api,)) for api in apis]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            assert verify(stack, code=0) == []
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert verify(stack, code=0) == []


ORDER, OF_ORDER = "orders", "order_id = %s"
IN_JOURNAL = "order_events", "location_id = %s AND seq = 4"

# What was done, table and rows, the change, and the field that is named, with what the database has in it.
PLANTS = [
    ("a total was changed", ORDER, OF_ORDER, "UPDATE orders SET total = 7 WHERE order_id = %s", "/total", "7"),
    ("a line is missing", ORDER, OF_ORDER, "UPDATE orders SET lines = lines[1:1] WHERE order_id = %s", "/lines/1", None),
    ("a line's price was changed", ORDER, OF_ORDER, "UPDATE orders SET lines[2].unit_price = 1 WHERE order_id = %s",
     "/lines/1/unit_price", "1"),
    ("a line was renamed", ORDER, OF_ORDER, "UPDATE orders SET lines[1].name = 'x' WHERE order_id = %s",
     "/lines/0/name", '"x"'),
    ("a status was changed", ORDER, OF_ORDER, "UPDATE orders SET status = 'ready' WHERE order_id = %s", "/status",
     '"ready"'),
    ("an order was given to somebody else", ORDER, OF_ORDER,
     "UPDATE orders SET owner = '00000000-0000-4000-8000-000000000001' WHERE order_id = %s", "owner",
     "00000000-0000-4000-8000-000000000001"),
    ("a fingerprint was changed", ORDER, OF_ORDER,
     "UPDATE orders SET fingerprint = decode(repeat('00', 16), 'hex') WHERE order_id = %s", "row", ...),
    ("an order is not shown as open", ORDER, OF_ORDER, "UPDATE orders SET open = false WHERE order_id = %s", "open",
     "false"),
    ("an order is missing", ORDER, OF_ORDER, "DELETE FROM orders WHERE order_id = %s", "order", None),
    ("an order's seq is wrong", ORDER, OF_ORDER, "UPDATE orders SET seq = 1 WHERE order_id = %s", "seq", "1"),
    ("an order's version is wrong", ORDER, OF_ORDER, "UPDATE orders SET version = 9 WHERE order_id = %s", "/version",
     "9"),
    ("a location's seq is wrong", "locations", "location_id = %s",
     "UPDATE locations SET seq = seq - 1 WHERE location_id = %s", "seq", ...),
    ("a location's hash is wrong", "locations", "location_id = %s",
     "UPDATE locations SET hash = decode(repeat('00', 32), 'hex') WHERE location_id = %s", "hash", "00" * 32),
    ("ticket numbers begin anew", "locations", "location_id = %s",
     "UPDATE locations SET last_number = 0 WHERE location_id = %s", "last_number", "0"),
    ("a board's hash is wrong", "locations", "location_id = %s",
     "UPDATE locations SET open_hash = 5 WHERE location_id = %s", "open_hash", "5"),
    ("a location is missing", "locations", "location_id = %s", "DELETE FROM locations WHERE location_id = %s",
     "location", ...),
    ("a menu is missing", "menus", "location_id = %s", "DELETE FROM menus WHERE location_id = %s", "menu", ...),
    ("a price was changed by SQL", "menus", "location_id = %s",
     """UPDATE menus SET menu = replace(menu::text, '"price":', '"price":1')::json WHERE location_id = %s""", "menu", ...),
    ("an event is missing", *IN_JOURNAL, "DELETE FROM order_events WHERE location_id = %s AND seq = 4", "event", None),
    ("an event's value was changed", *IN_JOURNAL,
     "UPDATE order_events SET value = value || '\\xc0'::bytea WHERE location_id = %s AND seq = 4", "value", ...),
    ("an event's hash was changed", *IN_JOURNAL,
     "UPDATE order_events SET hash = decode(repeat('00', 32), 'hex') WHERE location_id = %s AND seq = 4", "hash", ...),
    ("an event belongs to another command", *IN_JOURNAL,
     "UPDATE order_events SET command_id = location_id WHERE location_id = %s AND seq = 4",
     "journal's command_id, order_id or command_offset", ...),
]


@pytest.mark.parametrize("name, table, where, change, field, value", PLANTS, ids=[plant[0] for plant in PLANTS])
def test_what_was_changed_in_the_database_is_found(stack, place, name, table, where, change, field, value):
    order = place.open[1] if table == ORDER else None
    with planted(stack, table, where, [order or place.id], change):
        found = place.verify("--no-cache", code=1)
        assert any(verify(stack, "--no-cache", code=1)), "it is found when everything is looked at, too"
    named = [one for one in found if one["field"] == field and one["order_id"] == order]
    assert len(named) == 1, found
    assert named[0]["location_id"] == place.id
    assert value is ... or named[0]["database"] == value
    assert named[0]["log"] != named[0]["database"]
    if table == ORDER:
        assert len(found) == 1, "nothing else is wrong"
    assert place.verify("--no-cache", code=0) == []


# What was done to an outcome, and the field that is named, with what the database has in it.
OUTCOME_PLANTS = [
    ("an outcome is missing", "DELETE FROM commands WHERE command_id = %s", "outcome", None),
    ("what was applied is called refused", "UPDATE commands SET err = 'CONFLICT' WHERE command_id = %s", "/err",
     '"CONFLICT"'),
    ("a reason was added", "UPDATE commands SET reasons = '[{\"code\":\"late\",\"detail\":\"x\"}]' WHERE command_id = %s",
     "/reasons/0", ...),
    ("an outcome names another event", "UPDATE commands SET seq = seq + 1 WHERE command_id = %s", "/seq", ...),
    ("an outcome is about another order", "UPDATE commands SET order_id = location_id WHERE command_id = %s", "/order_id",
     ...),
    ("an outcome is somebody else's", "UPDATE commands SET user_id = location_id WHERE command_id = %s", "/user_id", ...),
    ("an outcome's request was another", "UPDATE commands SET fingerprint = decode(repeat('00', 16), 'hex') "
     "WHERE command_id = %s", "/fingerprint", '"' + "00" * 16 + '"'),
    ("an outcome is of another time", "UPDATE commands SET at = at + interval '1 second' WHERE command_id = %s", "/at",
     ...),
]


@pytest.mark.parametrize("name, change, field, value", OUTCOME_PLANTS, ids=[plant[0] for plant in OUTCOME_PLANTS])
def test_what_was_changed_of_an_outcome_is_found(stack, place, name, change, field, value):
    command = place.open[1]  # a placement's order has its command's id
    with planted(stack, "commands", "command_id = %s", [command], change):
        found, = place.verify("--no-cache", code=1)
        assert any(verify(stack, "--no-cache", code=1)), "it is found when everything is looked at, too"
    assert (found["field"], found["command_id"], found["location_id"]) == (field, command, place.id)
    assert value is ... or found["database"] == value
    assert place.verify("--no-cache", code=0) == []


def test_a_refusal_that_the_log_tells_otherwise_is_found(stack, place):
    """It has no event in the journal: nothing but its outcome says what became of it."""
    place.kitchen.post(f"/orders/{place.done}/start", {}, headers={"Prefer": "wait=10"}).expect(409)
    refused, = stack.sql("SELECT command_id FROM commands WHERE location_id = %s AND err <> 'OK'", place.id)[0]
    assert place.verify("--no-cache", code=0) == []
    with planted(stack, "commands", "command_id = %s", [refused], "UPDATE commands SET err = 'OK' WHERE command_id = %s"):
        found, = place.verify("--no-cache", code=1)
    assert (found["field"], found["command_id"], found["database"]) == ("/err", refused, '"OK"')


def test_an_outcome_that_the_log_never_told_is_found(stack, place):
    extra = str(uuid.uuid4())
    (partition, next_offset), = stack.sql(
        "SELECT p.partition, p.next_offset FROM partitions p JOIN locations l USING (partition) WHERE l.location_id = %s",
        place.id)
    stack.sql("INSERT INTO commands (command_id, location_id, command_offset, at, partition, err, fingerprint) VALUES "
              "(%s, %s, %s, now(), %s, 'OK', decode(repeat('00', 16), 'hex'))", extra, place.id, next_offset + 1000,
              partition)
    try:
        found, = place.verify("--no-cache", code=1)
    finally:
        stack.sql("DELETE FROM commands WHERE command_id = %s", extra)
    assert (found["command_id"], found["field"], found["log"], found["database"]) == (extra, "outcome", None, "OK")


def test_what_the_log_never_said_is_found(stack, place):
    extra, stranger = str(uuid.uuid4()), str(uuid.uuid4())
    stack.sql("CREATE TABLE planted AS SELECT * FROM orders WHERE order_id = %s", place.open[1])
    try:
        stack.sql("UPDATE planted SET order_id = %s", extra)
        stack.sql("INSERT INTO orders SELECT * FROM planted")
        found, = place.verify("--no-cache", code=1)
        assert (found["order_id"], found["field"], found["log"], found["database"]) == (extra, "order", None, "an order")
        stack.sql("UPDATE orders SET location_id = %s WHERE order_id = %s", stranger, extra)
        found = verify(stack, "--no-cache", code=1)
        assert {(one["location_id"], one["field"], one["log"]) for one in found} == {
            (stranger, "location", None), (stranger, "order", None)}
    finally:
        stack.sql("DELETE FROM orders WHERE order_id = %s", extra)
        stack.sql("DROP TABLE planted")
    assert verify(stack, code=0) == []


@contextlib.contextmanager
def frozen_workers(stack):
    """A worker mends a head that is wrong by itself; not while it is frozen."""
    for part in ("worker-1", "worker-2"):
        stack.freeze(part)
    try:
        yield
    finally:
        for part in ("worker-1", "worker-2"):
            stack.thaw(part)


def head_with(stack, location, number, word):
    words = stack.redis("GET", "{%s}:head" % location).split()
    words[number] = word
    stack.redis("SET", "{%s}:head" % location, " ".join(words))


def stale_snapshot(stack, place):
    """The snapshot as it was before the last step."""
    stack.redis("SET", "{%s}:order:%s" % (place.id, place.open[2]), place.before_step)


def foreign_snapshot(stack, place):
    """Another word of the same length, at the same version."""
    key = "{%s}:order:%s" % (place.id, place.open[1])
    before = raw(stack.redis("GET", key))
    assert b'"status":"accepted"' in before
    stack.redis("SET", key, before.replace(b'"status":"accepted"', b'"status":"rejected"'))


def drop_event(stack, place):
    head = int(stack.redis("GET", "{%s}:head" % place.id).split()[0])
    assert stack.redis("XDEL", "{%s}:events" % place.id, f"{head - 2}-0") == 1


CACHE_PLANTS = [
    ("the head is gone", lambda stack, place: stack.redis("DEL", "{%s}:head" % place.id), "head"),
    ("the head is behind", lambda stack, place: head_with(stack, place.id, 0, "1"), "head seq"),
    ("the head has another hash", lambda stack, place: head_with(stack, place.id, 1, "0" * 64), "head hash"),
    ("the head has another board", lambda stack, place: head_with(stack, place.id, 2, "0" * 16), "head open_hash"),
    ("the head counts wrong", lambda stack, place: head_with(stack, place.id, 3, "77"), "head open_count"),
    ("a snapshot is stale", stale_snapshot, "snapshot version"),
    ("a snapshot says something else", foreign_snapshot, "/status"),
    ("a snapshot is none", lambda stack, place: stack.redis("SET", "{%s}:order:%s" % (place.id, place.open[1]), "x"),
     "snapshot"),
    ("a ticket is missing", lambda stack, place: stack.redis("ZREM", "{%s}:open" % place.id, place.open[1]), "open"),
    ("a ticket lingers", lambda stack, place: stack.redis("ZADD", "{%s}:open" % place.id, 4, place.done), "open"),
    ("a ticket has another number", lambda stack, place: stack.redis("ZADD", "{%s}:open" % place.id, 99, place.open[1]),
     "open"),
    ("an event is missing", drop_event, "event"),
    ("all events are missing", lambda stack, place: stack.redis("DEL", "{%s}:events" % place.id), "event"),
]


@pytest.mark.parametrize("name, change, field", CACHE_PLANTS, ids=[plant[0] for plant in CACHE_PLANTS])
def test_what_was_changed_in_redis_is_found_and_rebuilt(stack, place, name, change, field):
    assert place.verify(code=0) == []
    with frozen_workers(stack):
        change(stack, place)
        found = place.verify(code=1)
    assert field in [one["field"] for one in found], found
    assert all(one["location_id"] == place.id and "redis" in one for one in found)
    stack.zapora("rebuild", "--cache", "--location", place.id)
    assert place.verify(code=0) == []


@pytest.fixture(scope="module")
def neighbours(stack):
    """Locations without orders."""
    return stack.restaurants(5)


def test_what_is_found_stands_by_partition_the_log_first(stack, place, neighbours):
    everywhere = [place.id, *neighbours]
    total = planted(stack, ORDER, OF_ORDER, [place.open[1]], "UPDATE orders SET total = 7 WHERE order_id = %s")
    with total, frozen_workers(stack):
        for location in everywhere:
            head_with(stack, location, 3, "77")
        found = verify(stack, code=1)
        slow = min(found, key=lambda one: one["partition"])["location_id"]
        stack.redis("DEL", "{%s}:head" % slow)  # it gets time to catch up, and all others are done long before
        late = verify(stack, code=1)
    for each in (found, late):
        partitions = [one["partition"] for one in each]
        assert partitions == sorted(partitions)
        assert {one["location_id"] for one in each} == set(everywhere)
    mine = [one for one in found if one["location_id"] == place.id]
    assert [one["field"] for one in mine if "log" in one] == ["/total"]
    assert ["log" in one for one in mine] == [True] + [False] * (len(mine) - 1), mine
    for location in everywhere:
        stack.zapora("rebuild", "--cache", "--location", location)
    assert verify(stack, code=0) == []


class BetweenRedis(socketserver.ThreadingTCPServer):
    """Passes on what is said between a client and Redis, until a location's events are asked for: then it hangs up, or
    lets the head that is answered be another one, once."""
    daemon_threads = True

    class Link(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(self.server.real) as real:
                while True:
                    for ready in select.select([self.request, real], [], [])[0]:
                        said = ready.recv(65536)
                        if not said or not self.pass_on(real, said, ready is self.request):
                            return

        def pass_on(self, real, said, is_question):
            server = self.server
            if is_question and b"XREVRANGE" in said:
                server.asked += 1
                if server.dies:
                    return False
            elif not is_question and server.asked == 1 and not server.has_lied:
                server.has_lied = True  # the first answer is the head, whose last word is a number
                end = said.index(b"\r\n", said.index(b"\r\n") + 2)
                said = said[:end - 1] + (b"1" if said[end - 1:end] == b"2" else b"2") + said[end:]
            (real if is_question else self.request).sendall(said)
            return True

    def __init__(self, uri, dies):
        self.uri = urllib.parse.urlsplit(uri)
        self.who, self.at, hosts = self.uri.netloc.rpartition("@")
        host, port = hosts.split(",")[0].split(":")
        super().__init__(("127.0.0.1", 0), self.Link)
        self.real, self.dies, self.asked, self.has_lied = (host, int(port)), dies, 0, False

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self, self.uri._replace(netloc=f"{self.who}{self.at}127.0.0.1:{self.server_address[1]}").geturl()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def test_a_redis_that_is_away_is_told_at_once(stack):
    run = stack.zapora("verify", "--redis", "redis://127.0.0.1:1/0", check=False, timeout_s=120)
    assert (run.returncode, run.stdout) == (1, "")
    assert "redis" in run.stderr and "--no-cache leaves it out" in run.stderr and "log:" not in run.stderr


def test_what_was_found_before_redis_died_is_printed(stack, place):
    with BetweenRedis(stack.env["ZAPORA_REDIS"], dies=True) as (_, there):
        with planted(stack, ORDER, OF_ORDER, [place.open[1]], "UPDATE orders SET total = 7 WHERE order_id = %s"):
            run = stack.zapora("verify", "--location", place.id, "--redis", there, check=False, timeout_s=120)
    assert run.returncode == 1 and "redis" in run.stderr, run.stderr
    assert [line for line in run.stdout.splitlines() if "/total: log has" in line] == run.stdout.splitlines() != []


def test_a_location_that_moves_while_it_is_read_is_read_again(stack, place):
    if "," in stack.env["ZAPORA_REDIS"]:
        pytest.skip("one server of a cluster does not have every location")
    with BetweenRedis(stack.env["ZAPORA_REDIS"], dies=False) as (between, there):
        assert place.verify("--redis", there, code=0) == []
    assert between.has_lied and between.asked == 2


def test_verify_is_called_rightly_or_says_so(stack):
    for wrong in (["--location", "here"], ["--partition", "64"], ["extra"], ["--differences-max", "0"]):
        run = stack.zapora("verify", *wrong, check=False)
        assert (run.returncode, run.stdout) == (2, "") and run.stderr, wrong
    assert stack.zapora("rebuild", check=False).returncode == 2
    assert stack.zapora("rebuild", "--cache", "--location", "x", check=False).returncode == 2
    run = stack.zapora("rebuild", "--cache", "--location", str(uuid.uuid4()), check=False)
    assert run.returncode == 1 and "no such location" in run.stderr
    assert "--differences-max" in stack.zapora("verify", "--help").stdout


def test_a_difference_is_a_readable_line(stack, place):
    with planted(stack, ORDER, OF_ORDER, [place.open[1]], "UPDATE orders SET total = 7 WHERE order_id = %s"):
        run = stack.zapora("verify", "--location", place.id, "--no-cache", check=False)
    assert run.returncode == 1
    line, = run.stdout.splitlines()
    assert f"location {place.id} order {place.open[1]}" in line and "/total: log has" in line
    assert line.endswith("database has 7")
