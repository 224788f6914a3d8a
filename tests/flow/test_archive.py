"""zapora archive moves old orders out of the way, and nobody notices."""
import threading
import uuid

import pytest

from harness import ROOT, eventually


class Place:
    """A location of its own with a completed, a cancelled and an open order."""

    def __init__(self, stack):
        self.stack = stack
        self.id = str(uuid.uuid4())
        stack.zapora("menu", "apply", ROOT / "deploy/local/demo/restaurant.json", "--location", self.id)
        eventually(lambda: stack.api().get(f"/menu-items?location_id={self.id}").status == 200, what="a menu")
        email, password = f"kitchen-{self.id}@example.com", "a password of this test"
        stack.zapora("user", "add", "--email", email, "--name", "Kitchen", "--role", "kitchen", "--location", self.id,
                     stdin=password)
        answer = stack.new_api().post("/auth/login", {"email": email, "password": password}).expect(200)
        self.kitchen = stack.new_api(token=answer.json["access_token"])
        self.body = dict(stack.basket(lines=2), location_id=self.id)
        self.keys = {name: str(uuid.uuid4()) for name in ("completed", "cancelled", "open")}
        self.orders = {name: self.place(name).expect(201).json["id"] for name in self.keys}
        for step in ("start", "ready", "complete"):
            self.step("completed", step).expect(200)
        self.step("cancelled", "cancel").expect(200)

    def place(self, name):
        return self.stack.place(self.body, key=self.keys[name], wait_s=10)

    def step(self, name, step):
        return self.kitchen.post(f"/orders/{self.orders[name]}/{step}", {}, headers={"Prefer": "wait=10"})

    def archived(self):
        rows = self.stack.sql("SELECT order_id FROM orders_archive WHERE location_id = %s", self.id)
        return {str(row[0]) for row in rows}

    def closed(self):
        return {self.orders["completed"], self.orders["cancelled"]}

    def list(self, **more):
        query = "".join(f"&{name}={value}" for name, value in more.items())
        answer = self.kitchen.get(f"/orders?location_id={self.id}{query}").expect(200).json
        return [order["id"] for order in answer["orders"]]

    def from_the_database(self, name):
        """The order, as PostgreSQL has it: Redis' snapshot is taken away."""
        self.stack.redis("DEL", f"{{{self.id}}}:order:{self.orders[name]}")
        return self.shown(name)

    def shown(self, name):
        return self.kitchen.get(f"/orders/{self.orders[name]}").expect(200).json


@pytest.fixture(scope="module")
def place(stack):
    place = Place(stack)
    place.before = {name: place.from_the_database(name) for name in place.orders}
    place.listed = place.list()
    stack.zapora("archive", "--older-than", "0")
    assert place.archived() == place.closed()
    return place


def test_a_dry_run_counts_and_moves_nothing(stack):
    place = Place(stack)
    run = stack.zapora("archive", "--older-than", "0", "--dry-run")
    assert int(run.stdout.split()[0]) >= 2
    assert place.archived() == set()


def test_orders_closed_lately_stay(stack):
    place = Place(stack)
    run = stack.zapora("archive", "--older-than", "1")
    assert run.stdout.startswith("0 orders")
    assert place.archived() == set()


def test_an_archived_order_is_read_as_before(place):
    for name in place.orders:
        assert place.from_the_database(name) == place.before[name]


def test_lists_cover_the_archive(place):
    assert place.list() == place.listed
    assert set(place.list(status="completed")) == {place.orders["completed"]}
    found, cursor = [], ""
    while cursor is not None:
        page = place.kitchen.get(f"/orders?location_id={place.id}&limit=1{cursor}").expect(200).json
        found += [order["id"] for order in page["orders"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert found == place.listed


def test_a_late_step_is_refused_as_that_of_any_closed_order(place):
    problem = place.step("completed", "cancel").expect(409).json
    assert problem["type"] == "/problems/conflict"
    assert place.from_the_database("completed") == place.before["completed"]


def test_verify_finds_nothing_wrong_with_an_archive(stack, place):
    run = stack.zapora("verify", "--json", "--location", place.id, check=False, timeout_s=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def purged(stack, place):
    """No outcome of the place is known; afterwards all are again, for they are too young to be missing by right."""
    stack.sql("DROP TABLE IF EXISTS purged")
    stack.sql("CREATE TABLE purged AS SELECT * FROM commands WHERE location_id = %s", place.id)
    stack.sql("DELETE FROM commands WHERE location_id = %s", place.id)
    yield
    stack.sql("INSERT INTO commands SELECT * FROM purged ON CONFLICT DO NOTHING")
    stack.sql("DROP TABLE purged")


@pytest.mark.usefixtures("purged")
def test_a_placement_is_a_duplicate_at_any_age(stack, place):
    """Its outcome was purged and Redis is empty: the archived row alone knows it."""
    order = place.orders["completed"]
    stack.redis("DEL", f"{{{place.id}}}:order:{order}", f"receipt:{order}", f"{{{place.id}}}:receipt:{order}")
    assert place.place("completed").expect(200, 201, 202).json["id"] == order
    assert place.shown("completed") == place.before["completed"], "the retry's receipt speaks for it"
    body = dict(place.body, note="another request with the same key")
    stack.place(body, key=place.keys["completed"], wait_s=10).expect(422)
    assert stack.sql("SELECT count(*), max(version) FROM orders_all WHERE order_id = %s", order) == [(1, 4)]
    assert place.shown("completed") == place.before["completed"]


def test_orders_are_taken_while_others_are_archived(stack):
    """Each placement waits for its outcome, so a worker that waited for the move would show as 202."""
    place = Place(stack)
    ended, answers = threading.Event(), []

    def order():
        while not ended.is_set() or len(answers) < 20:
            answers.append(stack.place(place.body, key=str(uuid.uuid4()), wait_s=10).status)

    # Old orders enough for a move of many batches.
    stack.sql("""INSERT INTO orders
                 SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', gen_random_uuid()))).*
                   FROM orders_all o, generate_series(1, 3000) WHERE o.order_id = %s""", place.orders["completed"])
    thread = threading.Thread(target=order)
    thread.start()
    try:
        run = stack.zapora("archive", "--older-than", "0", "--batch", "100", timeout_s=120)
    finally:
        ended.set()
        thread.join()
        stack.sql("DELETE FROM orders_all o USING orders_all c WHERE c.order_id = %s AND o.location_id = c.location_id "
                  "AND o.number = c.number AND o.order_id <> c.order_id", place.orders["completed"])
    assert int(run.stdout.split()[0]) >= 3000
    assert set(answers) == {201}, answers
    run = stack.zapora("verify", "--json", "--location", place.id, check=False, timeout_s=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("arguments", [["--older-than", "-1"], ["--batch", "0"], ["--older-than", "soon"], ["now"]])
def test_called_wrongly(stack, arguments):
    assert stack.zapora("archive", *arguments, check=False).returncode == 2


def test_a_database_that_is_away_is_an_error(stack):
    run = stack.zapora("archive", "--postgres", "postgresql://127.0.0.1:1/none", check=False)
    assert run.returncode == 1
    assert "archive" in run.stderr
