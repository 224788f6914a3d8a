"""What the gateway still does while Kafka, PostgreSQL or Redis are away, and how it leaves."""
import concurrent.futures
import contextlib
import signal
import threading
import time
import uuid

from harness import eventually
from test_redis_lost import push_failures


def forget_connections(stack):
    """The shared connections of a gateway that is gone: none of them may be tried once more."""
    for api in stack._apis.values():
        api.close()


def verdict(stack, check):
    """The line of a check in /readyz?verbose: True, False; and whether the gateway is ready all the same."""
    answer = stack.ops("gateway-1").get("/readyz?verbose")
    lines = answer.body.decode().splitlines()
    return any(line.startswith(f"[+]{check} ") for line in lines), answer.status == 200


FULL = ("maxmemory", "1")
TAKES_NOTHING = ("min-replicas-to-write", "1")  # as a Redis does that cannot write its file


def redis_catches_up(stack):
    head = stack.sql("SELECT seq FROM locations WHERE location_id = %s", stack.location)[0][0]
    eventually(lambda: int(stack.redis("GET", "{%s}:head" % stack.location).split()[0]) == head, what="Redis caught up")


def tickets(stack):
    return {ticket["id"]: ticket["version"] for ticket in stack.board()["tickets"]}


def only_event(stream):
    return next(event for event in stream if event["event"] != "heartbeat")


def test_without_redis_orders_go_on_and_reads_fall_back(whole_stack):
    stack = whole_stack
    kitchen = stack.new_api("kitchen")
    key, basket = str(uuid.uuid4()), stack.basket()
    known = stack.place(wait_s=10).expect(201).json
    with kitchen.events(f"/locations/{stack.location}/events", timeout_s=60) as stream:
        next(stream)
        stack.kill_server("redis")
        eventually(lambda: verdict(stack, "redis") == (False, True), what="redis is degraded, the gateway ready")
        placed = stack.place(basket, key=key).expect(202).json
        assert stack.place(basket, key=key).expect(202).json["id"] == placed["id"]
        waited = stack.place(wait_s=15).expect(201).json
        assert waited["status"] == "accepted"
        assert stack.order(known["id"])["version"] == 1
        assert stack.order_reaches(placed["id"], "accepted")["number"] == known["number"] + 1
        assert placed["id"] in [ticket["id"] for ticket in stack.board()["tickets"]]
        assert stack.api("customer").get(f"/commands/{placed['id']}").expect(200).json["status"] == "applied"
        beat = stream.until(lambda event: event["event"] == "heartbeat" and event["data"]["lag_ms"] is None)[-1]
        assert beat["data"]["as_of"] < beat["data"]["server_time"]
        stack.up()
        seqs = [int(only_event(stream)["id"]) for _ in range(2)]
        assert seqs == [known["seq"] + 1, known["seq"] + 2]
        later = stack.place(wait_s=15).expect(201).json
        assert int(only_event(stream)["id"]) == later["seq"] == known["seq"] + 3


def orders_go_on(stack, known):
    """Places orders and cooks one while Redis takes less than all. Gives the first."""
    placed = stack.place().expect(202).json
    assert stack.order_reaches(placed["id"], "accepted")["number"] > known["number"]
    stack.api("kitchen").post(f"/orders/{known['id']}/start", {}).expect(202)
    assert stack.order_reaches(known["id"], "preparing")["version"] == 2
    assert stack.order(known["id"], wait_past=1).json["version"] == 2
    assert stack.api("customer").get(f"/commands/{placed['id']}").expect(200).json["status"] == "applied"
    assert stack.place(wait_s=15).expect(201).json["number"] > known["number"] + 1
    assert (tickets(stack)[placed["id"]], tickets(stack)[known["id"]]) == (1, 2)
    return placed


def nobodys(placed):
    """The path of an order that does not exist, in the same partition."""
    return f"/orders/{placed['id'][:24]}{uuid.uuid4().hex[:12]}"


def test_a_full_redis_gets_what_kitchens_need(whole_stack):
    """Events, boards and ticks go on; receipts are left out, and PostgreSQL is asked for them."""
    stack = whole_stack
    known = stack.place(wait_s=10).expect(201).json
    with stack.new_api("kitchen").events(f"/locations/{stack.location}/events") as stream:
        with stack.redis_with(*FULL):
            next(stream)
            placed = orders_go_on(stack, known)
            told = stream.until(lambda event: event["event"] == "order_started")
            assert any(placed["id"] in str(event["data"]) for event in told)
            assert stack.redis("EXISTS", f"receipt:{placed['id']}") == 0
            stack.api("customer").get(nobodys(placed)).expect(404)
            assert full_workers(stack) > 0
        stack.place(wait_s=10).expect(201)
        eventually(lambda: stack.place(wait_s=10) and full_workers(stack) == 0, what="no worker finds it full")
    redis_catches_up(stack)
    assert tickets(stack)[known["id"]] == 2


def full_workers(stack):
    """How many say that Redis is full."""
    return sum(int(line.split()[1]) for worker in ("worker-1", "worker-2")
               for line in stack.ops(worker).get("/metrics").body.decode().splitlines()
               if line.startswith("zapora_worker_redis_full "))


def test_a_redis_that_takes_nothing_hides_no_order(whole_stack):
    """No snapshot, no receipt, no tick. PostgreSQL has what was applied, and its board is the one that is shown."""
    stack = whole_stack
    known = stack.place(wait_s=10).expect(201).json
    with stack.redis_with(*TAKES_NOTHING):
        eventually(lambda: stack.place(wait_s=15).expect(201).json["id"] in tickets(stack), what="the board has it")
        placed = orders_go_on(stack, known)
        answer = stack.api("customer").get(nobodys(placed)).expect(503)
        assert answer.headers["Retry-After"]
    redis_catches_up(stack)
    assert tickets(stack)[known["id"]] == 2


def pending_receipts(stack):
    return {key for key in stack.redis("KEYS", "receipt:*") if stack.redis("GET", key).startswith("pending ")}


def test_a_wait_hears_of_what_redis_did_not_take(whole_stack):
    """A regression: it waited for a receipt that was lost with its push, although Redis was back long before."""
    stack = whole_stack
    known = stack.place(wait_s=10).expect(201).json
    stack.api("customer").post(f"/orders/{known['id']}/cancel", {}).expect(202)
    stack.order_reaches(known["id"], "cancelled")
    before = pending_receipts(stack)
    failures = push_failures(stack)
    workers = ("worker-1", "worker-2")
    kitchen = stack.new_api("kitchen")
    basket, customer = stack.basket(), stack.new_api("customer")
    with concurrent.futures.ThreadPoolExecutor(2) as pool, contextlib.ExitStack() as until_lost:
        try:
            for part in workers:
                stack.freeze(part)
            start = f"/orders/{known['id']}/start"
            answers = [pool.submit(stack.place, basket, wait_s=30, api=customer),
                       pool.submit(kitchen.post, start, {}, headers={"Prefer": "wait=30"})]
            asked = eventually(lambda: len(found := pending_receipts(stack) - before) == 2 and found, what="both ask")
            until_lost.enter_context(stack.redis_with(*TAKES_NOTHING))
        finally:
            for part in workers:
                stack.thaw(part)
        ids = [key.partition(":")[2] for key in asked]
        applied = "SELECT count(*) FROM commands WHERE command_id = ANY(%s::uuid[])"
        eventually(lambda: stack.sql(applied, ids) == [(2,)], 30, what="both are applied")
        eventually(lambda: push_failures(stack) > failures, 30, what="their push was lost")
        until_lost.close()
        assert [answer.result().status for answer in answers] == [201, 409]


def gateway_looked_in_vain(stack, since):
    """A gateway's connection asked for an outcome, the last thing that is asked of PostgreSQL about an unknown order."""
    return stack.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'zapora-gateway' AND state = 'idle' AND "
                     "query LIKE 'SELECT c FROM commands c WHERE c.command_id = ANY%%' AND query_start > %s", since) != []


def read_while_it_is_applied(stack):
    """The status of a read that missed in PostgreSQL before the order was applied, and went on after it; None: the read was
    over, or had waited too long, before both were sure."""
    answers, customer = [], stack.new_api("customer")
    for part in ("worker-1", "worker-2"):
        stack.freeze(part)
    try:
        order_id = stack.place().expect(202).json["id"]
        (since,), = stack.sql("SELECT clock_timestamp()")
        began = time.monotonic()
        reader = threading.Thread(target=lambda: answers.append(customer.get(f"/orders/{order_id}")))
        reader.start()
        eventually(lambda: answers or gateway_looked_in_vain(stack, since), every_s=0.01, what="PostgreSQL was asked")
        stack.freeze("gateway-1")
    finally:
        for part in ("worker-1", "worker-2"):
            stack.thaw(part)
    try:
        is_valid = not answers
        eventually(lambda: stack.sql("SELECT 1 FROM orders WHERE order_id = %s", order_id), 60, what="it is applied")
        is_valid = is_valid and time.monotonic() - began < 4  # a request of 5 s is refused whatever is found
    finally:
        stack.thaw("gateway-1")
    reader.join(30)
    return answers[0].status if is_valid else None


def test_a_read_that_missed_looks_again_before_it_gives_up(whole_stack):
    """Redis takes nothing, so no tick proves anything and no push shows the order: PostgreSQL alone comes to have it."""
    stack = whole_stack
    stack.place(wait_s=10).expect(201)
    with stack.redis_with(*TAKES_NOTHING):
        assert eventually(lambda: read_while_it_is_applied(stack), 120, what="a read that was in between") == 200
    redis_catches_up(stack)


def test_without_postgres_orders_are_taken_and_kitchens_see_what_there_is(whole_stack):
    stack = whole_stack
    known = stack.place(wait_s=10).expect(201).json
    board = stack.board()
    customer = stack.new_api("customer")
    stack.kill("postgres")
    eventually(lambda: verdict(stack, "postgres") == (False, True), what="postgres is degraded, the gateway ready")
    placed = stack.place().expect(202).json
    assert stack.order(placed["id"])["status"] == "submitted"
    assert stack.order(known["id"])["version"] == 1
    assert stack.board()["head"] == board["head"]
    assert stack.menu()["items"]
    began = time.monotonic()
    attempt = {"email": "a@example.org", "password": "long enough to try"}
    answer = stack.new_api().post("/auth/login", attempt).expect(503)
    assert time.monotonic() - began < 6
    assert answer.headers["Retry-After"]
    customer.get("/orders").expect(503)
    assert stack.place(wait_s=1).expect(202).headers["Preference-Applied"] == "wait=1"
    stack.up()
    assert stack.order_reaches(placed["id"], "accepted", timeout_s=30)["number"] == known["number"] + 1


def test_without_kafka_orders_are_refused_in_time_and_reads_go_on(whole_stack):
    stack = whole_stack
    known = stack.place(wait_s=10).expect(201).json
    kitchen = stack.new_api("kitchen")
    stack.kill_server("kafka")
    with kitchen.events(f"/locations/{stack.location}/events") as stream:
        next(stream)
        for _ in range(3):
            key, basket = str(uuid.uuid4()), stack.basket()
            began = time.monotonic()
            answer = stack.place(basket, key=key).expect(503, 504)
            assert time.monotonic() - began < 5.5
            assert "safe" in answer.json["detail"]
        assert stack.order(known["id"])["version"] == 1
        assert stack.menu()["items"] and stack.board()["tickets"]
        kitchen.post(f"/orders/{known['id']}/start", {}).expect(503, 504)
        next(stream)
    stack.up()
    again = eventually(lambda: (lambda a: a if a.status == 202 else None)(stack.place(basket, key=key)), timeout_s=60)
    stack.order_reaches(again.json["id"], "accepted", timeout_s=30)
    assert stack.sql("SELECT count(*) FROM orders WHERE order_id = %s", again.json["id"]) == [(1,)]


def test_frozen_parts_cost_answers_but_never_the_gateway(whole_stack):
    """A part that neither answers nor closes its connections is worse than a dead one."""
    stack = whole_stack
    stack.place(wait_s=10).expect(201)
    for part in ("redis", "postgres", "kafka"):
        stack.kill_server(part, signal.SIGSTOP)
        began = time.monotonic()
        statuses = [stack.place().status for _ in range(2)]
        assert time.monotonic() - began < 14, part
        assert all(status in ((503, 504) if part == "kafka" else (202,)) for status in statuses), (part, statuses)
        assert stack.menu()["items"]
        assert stack.ops("gateway-1").get("/livez").status == 200
        stack.kill_server(part, signal.SIGCONT)
        eventually(lambda: stack.place(wait_s=10).status == 201, timeout_s=60, what=f"orders after {part} thawed")


def test_a_gateway_that_stops_finishes_what_it_has_begun(whole_stack):
    stack = whole_stack
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    kitchen, waiting = stack.new_api("kitchen"), stack.new_api("customer")
    stream = kitchen.events(f"/locations/{stack.location}/events")
    next(stream)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        waiting.get(f"/orders/{order_id}?wait=3", headers={"If-None-Match": '"1"'})))
    thread.start()
    eventually(lambda: "zapora_gateway_requests_open 2" in stack.ops("gateway-1").get("/metrics").body.decode())
    began = time.monotonic()
    stack.kill("gateway-1", signal.SIGTERM)
    eventually(lambda: stack.ops("gateway-1").get("/readyz").status == 503, every_s=0.01)
    rest = stream.response.read().decode()
    assert "retry: " in rest  # and then the stream ended in order: read() gave all of it
    thread.join(10)
    assert answers[0].status == 304
    eventually(lambda: not stack.alive("gateway-1"), timeout_s=15)
    assert time.monotonic() - began < 12
    assert '"message":"stopped"' in stack.log("gateway-1")
    forget_connections(stack)


def test_a_gateway_that_is_killed_loses_nothing_that_it_answered(whole_stack):
    stack = whole_stack
    answered = [stack.place().expect(202).json["id"] for _ in range(20)]
    stack.kill("gateway-1")
    forget_connections(stack)
    stack.up()
    for order_id in answered:
        stack.order_reaches(order_id, "accepted")


def test_a_wrong_setting_is_said_and_ends_with_2(stack, tmp_path):
    short = tmp_path / "short.key"
    short.write_bytes(b"k" * 31)
    rows = [
        (["--jwt-key-file", short], "32"),
        (["--jwt-key-file", tmp_path / "missing"], "jwt_key_file"),
        (["--threads", "0"], "1 to 64"),
        (["--publish-timeout-ms", "5001"], "publish_timeout_ms"),
        (["--listen", "nowhere"], "host:port"),
        (["--log-level", "loud"], "log_level"),
        (["--no-such-setting", "1"], "no-such-setting"),
    ]
    for arguments, told in rows:
        run = stack.zapora("gateway", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", *arguments, check=False)
        assert run.returncode == 2, f"{arguments}: {run.returncode} {run.stderr}"
        assert told in run.stderr, f"{arguments}: {run.stderr}"
