"""What a gateway promises whatever is frozen, and to whoever is slow: an answer in time, a bounded cost, a reason."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest

from harness import ROOT, Api, eventually

DEADLINE_S = 5
LATE_S = 1.5  # on a busy machine with sanitizers
SLOW_S = 10   # for a request from its first byte on, for an answer, for silence


# ---- a gateway of the test's own ------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OwnGateway:
    """One more gateway of the stack, with settings of its own; several may listen on one port."""

    def __init__(self, stack, tmp_path, *settings, port=None):
        self.port, self.ops_port = port or free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tmp_path / f"gateway-{self.ops_port}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [stack.env["ZAPORA_BIN"], "gateway", "--listen", f"127.0.0.1:{self.port}",
                 "--ops-listen", f"127.0.0.1:{self.ops_port}", *map(str, settings)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **stack.env, "ZAPORA_TOPICS_DIR": str(ROOT / "topics")})
        eventually(lambda: self.ops("/readyz").status == 200, timeout_s=60, what="the gateway is ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ops(self, path):
        return Api(f"http://127.0.0.1:{self.ops_port}", timeout_s=5).get(path)

    def metric(self, series):
        page = self.ops("/metrics").expect(200).body.decode()
        return float(re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE).group(1))

    def dropped(self, reason):
        return self.metric(f'zapora_gateway_connections_dropped_total{{reason="{reason}"}}')

    def api(self, token=None, timeout_s=30):
        return Api(self.url, token, timeout_s)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def stop(self, timeout_s=30):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


# ---- whatever is frozen ---------------------------------------------------------------------------------------------


def family(pid):
    """A server and the processes it has forked: PostgreSQL answers by these."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def send_all(pids, sig):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def stream_begins(api, path):
    with api.events(path, timeout_s=DEADLINE_S + LATE_S) as stream:
        return stream.status, b""


def ask(method, path, body=None, headers=None):
    def run(stack, api, known):
        unknown = known[:13] + "-8000-8000-000000000000"  # of the same location
        answer = api.request(method, path.format(known=known, location=stack.location, unknown=unknown), body,
                             headers=headers)
        return answer.status, answer.body
    return run


def place(wait_s=None):
    def run(stack, api, known):
        answer = stack.place(stack.own_basket, wait_s=wait_s, api=api)
        return answer.status, answer.body
    return run


def stream(path):
    return lambda stack, api, known: stream_begins(api, path.format(known=known, location=stack.location))


GOOD, REFUSED = (200,), (503, 504)
# What each kind of route answers in time: name, who asks, the request, then with Redis, PostgreSQL, Kafka frozen.
ROWS = [
    ("place an order", "customer", place(), (202,), (202,), REFUSED),
    ("place and wait", "customer", place(wait_s=1), (201, 202), (202,), REFUSED),
    ("a step", "kitchen", ask("POST", "/orders/{known}/start", {}), (202,), (202,), REFUSED),
    ("an order", "customer", ask("GET", "/orders/{known}"), GOOD, GOOD, GOOD),
    ("an order's next version", "customer",
     ask("GET", "/orders/{known}?wait=1", headers={"If-None-Match": '"1"'}), (200, 304), (200, 304), (304,)),
    ("a list of orders", "customer", ask("GET", "/orders"), GOOD, (503,), GOOD),
    ("a command", "customer", ask("GET", "/commands/{known}"), GOOD, GOOD, GOOD),
    ("an id nobody knows", "customer", ask("GET", "/orders/{unknown}"), (503,), (503,), (503,)),
    ("the board", "kitchen", ask("GET", "/locations/{location}/board"), GOOD, GOOD, GOOD),
    ("the menu", None, ask("GET", "/menu-items?location_id={location}"), GOOD, GOOD, GOOD),
    ("who am I", "customer", ask("GET", "/me"), GOOD, GOOD, GOOD),
    ("a login", None, ask("POST", "/auth/login", {"email": "a@example.org", "password": "long enough to try"}),
     (401,), (503,), (401,)),
    ("a location's stream", "kitchen", stream("/locations/{location}/events"), GOOD, GOOD, GOOD),
    ("an order's stream", "customer", stream("/orders/{known}/events"), GOOD, GOOD, GOOD),
]
PARTS = ("redis", "postgres", "kafka")


@pytest.mark.parametrize("part", PARTS)
def test_every_route_answers_in_time_while_a_part_is_frozen(whole_stack, part):
    """Frozen is worse than dead: connections stay, are even accepted, and never answer."""
    stack = whole_stack
    known = eventually(lambda: stack.place(wait_s=10).expect(201), timeout_s=60).json["id"]
    stack.own_basket = stack.basket()
    apis = [stack.new_api(role) for _, role, *_ in ROWS]
    results = [None] * len(ROWS)

    def run(number):
        began = time.monotonic()
        try:
            results[number] = (*ROWS[number][2](stack, apis[number], known), time.monotonic() - began)
        except Exception as error:
            results[number] = (repr(error), b"", time.monotonic() - began)

    frozen = [pid for node in stack.nodes(part) for pid in family(stack.pid(node))]
    send_all(frozen, signal.SIGSTOP)
    try:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(ROWS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(40)
        assert stack.ops("gateway-1").get("/livez").status == 200
    finally:
        send_all(frozen, signal.SIGCONT)
    wrong = []
    for row, (status, body, took_s) in zip(ROWS, results):
        wanted = row[3 + PARTS.index(part)]
        told = b"safe" in body or status not in REFUSED or wanted is not REFUSED
        if status not in wanted or took_s > DEADLINE_S + LATE_S or not told:
            wrong.append(f"{row[0]}: {status} instead of {wanted} after {took_s:.1f} s: {body[:200]}")
    assert not wrong, "\n".join(wrong)
    eventually(lambda: stack.place(wait_s=10).status == 201, timeout_s=60, what=f"orders after {part} thawed")


def test_a_thread_that_hangs_is_named_and_ends_the_process(whole_stack, tmp_path):
    """A database that never answers, and a watchdog that is told to wait for less than that thread rightly may."""
    stack = whole_stack
    with OwnGateway(stack, tmp_path, "--watchdog-ms", 10000) as gateway:
        frozen = family(stack.pid("postgres"))
        send_all(frozen, signal.SIGSTOP)
        try:
            eventually(lambda: gateway.ops("/livez").status == 503, timeout_s=15, what="/livez fails")
            assert b"[-]progress failed: places has not come round for" in gateway.ops("/livez").body
            assert gateway.metric("zapora_watchdog_stalled") == 1
            assert gateway.process.wait(15) == -signal.SIGABRT
        finally:
            send_all(frozen, signal.SIGCONT)
        log = gateway.log.read_text()
        assert '"message":"a thread makes no progress","thread":"places"' in log
        assert '"message":"a thread hangs: the process ends itself to be restarted","thread":"places"' in log
    eventually(lambda: stack.place(wait_s=10).status == 201, timeout_s=60)
    for part in ("gateway-1", "worker-1", "worker-2"):  # as it is set, a frozen database trips nobody
        assert "makes no progress" not in stack.log(part), part


def test_a_gateway_ends_though_a_thread_waits_for_a_frozen_database(whole_stack, tmp_path):
    """A regression: after the drain nobody was served, and it waited for seconds for what its own threads had asked."""
    stack = whole_stack
    with OwnGateway(stack, tmp_path, "--watchdog-ms", 10000, "--drain-ms", 0) as gateway:
        frozen = family(stack.pid("postgres"))
        send_all(frozen, signal.SIGSTOP)
        try:
            eventually(lambda: gateway.ops("/livez").status == 503, timeout_s=15, what="a thread waits")
            assert gateway.stop() == 0  # long before what it waits for gives up
            assert '"message":"the process is ended as it stands' in gateway.log.read_text()
        finally:
            send_all(frozen, signal.SIGCONT)
    eventually(lambda: stack.place(wait_s=10).status == 201, timeout_s=60)


# ---- slow and dead clients ------------------------------------------------------------------------------------------

HEAD = b"GET /menu-items HTTP/1.1\r\nHost: x\r\nX-Slow: "


def closed_after(connection, began):
    """Seconds until the other side closes."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


def test_slow_and_dead_clients_are_dropped_each_for_its_reason(stack, tmp_path):
    with OwnGateway(stack, tmp_path) as gateway:
        menu = stack.menu()
        assert gateway.api().get(f"/menu-items?location_id={stack.location}").expect(200).json == menu
        began = time.monotonic()
        idle, head, body, reader = [gateway.raw() for _ in range(4)]
        head.sendall(HEAD)
        body.sendall(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 1000\r\n\r\n{")
        # Many small answers, none of which is read: sooner or later one can't be sent.
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.sendall((b"GET /menu-items?location_id=%s HTTP/1.1\r\nHost: x\r\n\r\n" % stack.location.encode()) * 500)
        times = {}
        watchers = [threading.Thread(target=lambda name=name, it=it: times.update({name: closed_after(it, began)}))
                    for name, it in (("idle", idle), ("head", head), ("body", body))]
        for watcher in watchers:
            watcher.start()
        for _ in range(6):  # a byte now and then does not help
            head.sendall(b"x")
            time.sleep(1)
        for watcher in watchers:
            watcher.join(30)
        for name in ("idle", "head", "body"):
            assert SLOW_S - 0.5 < times[name] < SLOW_S + 4, times
        eventually(lambda: gateway.dropped("slow_reader") == 1, timeout_s=30, what="the slow reader is dropped")
        assert gateway.dropped("slow_request") == 2
        assert gateway.dropped("idle") >= 1
        for reason in ("slow_request", "slow_reader"):
            assert f'"message":"connections dropped","reason":"{reason}"' in gateway.log.read_text()
        eventually(lambda: gateway.metric("zapora_gateway_connections_open") == 0, what="all of them are gone")
        assert gateway.stop() == 0


def test_a_wait_ends_when_its_client_has_left(stack, tmp_path):
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    token = stack.token("customer")
    with OwnGateway(stack, tmp_path) as gateway:
        request = (f"GET /orders/{order_id}?wait=25 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                   'If-None-Match: "1"\r\n\r\n').encode()
        with gateway.raw() as gone:
            gone.sendall(request)
            eventually(lambda: gateway.metric("zapora_gateway_requests_open") == 1)
        eventually(lambda: gateway.metric("zapora_gateway_requests_open") == 0, timeout_s=5)
        with gateway.raw() as half:  # who has only said its last word still gets an answer
            half.sendall(request)
            half.shutdown(socket.SHUT_WR)
            assert half.recv(4096).startswith(b"HTTP/1.1 304 ")
        assert gateway.dropped("client_left") == 2


def test_quiet_connections_make_room_when_there_are_too_many(stack, tmp_path):
    with OwnGateway(stack, tmp_path, "--connections-max", 16) as gateway:
        crowd = [gateway.raw() for _ in range(40)]
        for connection in crowd[:20]:
            connection.sendall(HEAD)
        began = time.monotonic()
        gateway.api(timeout_s=20).get(f"/menu-items?location_id={stack.location}").expect(200)
        assert time.monotonic() - began < 8
        assert gateway.dropped("crowded") > 0
        assert gateway.metric("zapora_gateway_connections_open") <= 16
        for connection in crowd:
            connection.close()


def test_streams_have_ceilings(stack, tmp_path):
    path = f"/locations/{stack.location}/events"
    with OwnGateway(stack, tmp_path, "--user-streams-max", 2, "--location-streams-max", 3, "--streams-max", 9) as gateway:
        kitchen, manager = gateway.api(stack.token("kitchen")), gateway.api(stack.token("manager"))
        first, second = kitchen.events(path), kitchen.events(path)
        assert (first.status, second.status) == (200, 200)
        refused = kitchen.get(path).expect(429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 11
        assert refused.json["type"] == "/problems/rate-limited"
        third = manager.events(path)
        assert third.status == 200
        refused = manager.get(path).expect(503)
        assert 1 <= int(refused.headers["Retry-After"]) <= 11
        assert gateway.metric('zapora_gateway_unavailable_total{reason="streams_full"}') == 2
        first.close()
        eventually(lambda: gateway.metric("zapora_gateway_streams_open") == 2)
        with manager.events(path) as again:
            assert again.status == 200
        second.close()
        third.close()


# ---- coming and going -----------------------------------------------------------------------------------------------


class Hammer(threading.Thread):
    """A client that asks again and again on one connection for as long as it is kept, and notes whatever fails."""

    def __init__(self, gateway_url, token, basket, pause_s):
        super().__init__()
        self.api = Api(gateway_url, token)
        self.basket, self.pause_s = basket, pause_s
        self.place_every = 3 if pause_s > 0.1 else 2000  # a board shows 500 tickets, and other tests look at it
        self.stopping = threading.Event()
        self.failures, self.answers, self.told_to_close = [], 0, 0

    def run(self):
        known = None
        while not self.stopping.is_set():
            try:
                if known is None or self.answers % self.place_every == 0:
                    answer = self.api.post("/orders", self.basket, headers={"Idempotency-Key": str(uuid.uuid4())})
                    known = answer.expect(202).json["id"]
                elif self.answers % 2 == 1:
                    answer = self.api.get(f"/orders/{known}").expect(200)
                else:
                    answer = self.api.get(f"/menu-items?location_id={self.basket['location_id']}").expect(200)
                self.answers += 1
                self.told_to_close += answer.headers.get("Connection") == "close"
            except Exception as error:
                self.failures.append(repr(error))
                self.api.close()
            self.stopping.wait(self.pause_s)


def test_gateways_are_restarted_one_after_the_other_without_a_failed_request(stack, tmp_path):
    basket = stack.basket()
    token = stack.token("customer")
    port = free_port()
    gateways = [OwnGateway(stack, tmp_path, port=port) for _ in range(2)]
    # From as fast as it goes to one that keeps a connection for longer than most would.
    hammers = [Hammer(gateways[0].url, token, basket, pause_s) for pause_s in (0, 0, 0.01, 0.05, 0.3, 1, 2, 4)]
    try:
        for hammer in hammers:
            hammer.start()
        for number in (0, 1, 0, 1):
            answered = sum(hammer.answers for hammer in hammers)
            eventually(lambda: sum(hammer.answers for hammer in hammers) > answered + 50, timeout_s=30)
            assert gateways[number].stop() == 0
            assert '"message":"stopped"' in gateways[number].log.read_text()
            gateways[number] = OwnGateway(stack, tmp_path, port=port)
        for hammer in hammers:
            hammer.stopping.set()
        for hammer in hammers:
            hammer.join(30)
    finally:
        for hammer in hammers:
            hammer.stopping.set()
        for gateway in gateways:
            gateway.__exit__()
    assert [hammer.failures for hammer in hammers] == [[]] * len(hammers)
    assert sum(hammer.told_to_close for hammer in hammers) >= 4, "keep-alive connections are told that they end"


def test_a_listener_that_closes_resets_nobody(stack, tmp_path):
    """Whoever the kernel has let in is answered; whoever comes later is not let in, instead of being reset."""
    request = b"GET /menu-items?location_id=%s HTTP/1.1\r\nHost: x\r\n\r\n" % stack.location.encode()
    with OwnGateway(stack, tmp_path, "--drain-unready-ms", 1000) as gateway:
        gateway.api().get(f"/menu-items?location_id={stack.location}").expect(200)
        stream = gateway.api(stack.token("kitchen")).events(f"/locations/{stack.location}/events")
        next(stream)
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: gateway.ops("/readyz").status == 503, every_s=0.01)
        gateway.process.send_signal(signal.SIGSTOP)
        queued = [gateway.raw() for _ in range(200)]
        for connection in queued:
            connection.sendall(request)
        time.sleep(max(0, began + 1.2 - time.monotonic()))  # until the time to close has come
        gateway.process.send_signal(signal.SIGCONT)
        assert b"retry: " in stream.response.read()  # the drain has begun: the listener is about to close
        gateway.process.send_signal(signal.SIGSTOP)
        with pytest.raises((TimeoutError, ConnectionRefusedError)):  # no SYN is answered any more
            socket.create_connection(("127.0.0.1", gateway.port), timeout=0.5)
        gateway.process.send_signal(signal.SIGCONT)
        assert [connection.recv(12) for connection in queued] == [b"HTTP/1.1 200"] * len(queued)
        assert gateway.process.wait(20) == 0


def test_a_drain_is_unready_first_then_sends_everybody_away(stack, tmp_path):
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    path = f"/locations/{stack.location}/events"
    with OwnGateway(stack, tmp_path, "--drain-unready-ms", 3000, "--drain-ms", 6000) as gateway:
        streams = [gateway.api(stack.token("kitchen")).events(path) for _ in range(6)]
        firsts = [next(stream) for stream in streams]
        assert len(firsts) == 6
        answers = []
        waiting = gateway.api(stack.token("customer"))
        body = stack.basket()
        thread = threading.Thread(target=lambda: answers.append(
            waiting.get(f"/orders/{order_id}?wait=25", headers={"If-None-Match": '"1"'})))
        thread.start()
        eventually(lambda: gateway.metric("zapora_gateway_requests_open") == 7)
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: gateway.ops("/readyz").status == 503, every_s=0.01)
        assert b"draining" in gateway.ops("/readyz?verbose").body
        assert gateway.ops("/livez").status == 200
        assert stack.place(body, api=gateway.api(stack.token("customer"))).status == 202  # while balancers look
        retries = [int(re.search(rb"retry: (\d+)", stream.response.read()).group(1)) for stream in streams]
        assert time.monotonic() - began > 2.9
        assert all(500 <= retry < 10500 for retry in retries) and len(set(retries)) > 1, retries
        with pytest.raises((ConnectionRefusedError, ConnectionResetError)):
            eventually_refused(gateway)
        thread.join(20)
        assert answers[0].status == 304 and answers[0].headers["Connection"] == "close"
        assert gateway.process.wait(20) == 0
        assert time.monotonic() - began < 6 + 4


def eventually_refused(gateway):
    """Connects until nobody listens any more."""
    for _ in range(100):
        gateway.raw().close()
        time.sleep(0.05)
