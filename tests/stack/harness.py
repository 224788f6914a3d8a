"""What flow tests stand on: the running stack, an HTTP client, event streams, and ways to do harm to the parts.

Everything is told by the stack's env file. Only Debian's python3, python3-pytest and python3-psycopg2 are needed, and
the programs kcat and bash.
"""
import contextlib
import http.client
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The ingress keeps connections to the gateway for 5 s; the gateway itself closes idle ones after 10.
KEEP_ALIVE_S = 5
# The servers, what the env file calls the number of their processes, and how many there are without a word.
SERVERS = {"kafka": ("ZAPORA_LOCAL_BROKERS", 1), "postgres": (None, 1), "pgbouncer": ("ZAPORA_LOCAL_PGBOUNCER", 0),
           "replica": ("ZAPORA_LOCAL_REPLICA", 0), "redis": ("ZAPORA_LOCAL_REDIS_NODES", 1)}


def eventually(probe, timeout_s=15, every_s=0.05, what=None):
    """Calls probe until it returns something true, and returns that; fails with the last answer or exception."""
    deadline = time.monotonic() + timeout_s
    while True:
        last = None
        try:
            last = probe()
            if last:
                return last
        except Exception as error:  # what isn't there yet may raise anything
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or probe}; last: {last!r}")
        time.sleep(every_s)


class Answer:
    """status, headers (case does not matter), body (bytes) and json of a response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def expect(self, *statuses):
        assert self.status in statuses, f"expected {statuses}, got {self!r}"
        return self

    def __repr__(self):
        return f"{self.status} {self.body[:2000].decode('utf-8', 'replace')}"


class Api:
    """One keep-alive connection to a gateway, with a token or without. Not for several threads at once."""

    def __init__(self, url, token=None, timeout_s=30):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port)
        self.token = token
        self.timeout_s = timeout_s
        self.connection = None
        self.used_at = 0.0

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None, raw=None):
        """body is sent as JSON, raw (bytes) as it is. Never repeats a request by itself."""
        sent = {"Accept": "application/json"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        if time.monotonic() - self.used_at > KEEP_ALIVE_S:
            self.close()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=self.timeout_s)
        try:
            self.connection.request(method, path, raw, sent)
            answer = Answer(self.connection.getresponse())
        except Exception:
            self.close()
            raise
        self.used_at = time.monotonic()
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request("PATCH", path, body, **more)

    def events(self, path, last_event_id=None, timeout_s=15):
        """Opens an event stream on a connection of its own."""
        headers = {"Accept": "text/event-stream"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        return EventStream(self.address, path, headers, timeout_s)


class EventStream:
    """A stream's events, one by one, as {"id", "event", "data"}; waiting too long raises socket.timeout."""

    def __init__(self, address, path, headers, timeout_s):
        self.connection = http.client.HTTPConnection(*address, timeout=timeout_s)
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def __iter__(self):
        return self

    def __next__(self):
        event, data = {"id": None, "event": "message", "data": None}, []
        while True:
            line = self.response.readline()
            if not line:
                raise StopIteration
            line = line.decode().rstrip("\r\n")
            if not line:
                if data:
                    text = "\n".join(data)
                    return {**event, "data": json.loads(text)}
                continue
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "data":
                data.append(value)
            elif field in event:
                event[field] = value

    def until(self, wanted):
        """The events up to and with the first for which wanted(event) is true."""
        seen = []
        for event in self:
            seen.append(event)
            if wanted(event):
                return seen
        raise AssertionError(f"the stream ended after {seen}")


class RedisError(Exception):
    pass


def redis_command(address, *words):
    """One command on a connection of its own; answers str, int, None or a list of these."""
    with socket.create_connection(address, timeout=5) as connection, connection.makefile("rb") as reader:
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return redis_answer(reader)


def redis_answer(reader):
    line = reader.readline()
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"+":
        return rest
    if kind == b"-":
        raise RedisError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else reader.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
    if kind == b"*":
        return None if rest == "-1" else [redis_answer(reader) for _ in range(int(rest))]
    raise RedisError(f"the connection ended or speaks something else: {line!r}")


class Stack:
    """The stack that an env file describes."""

    def __init__(self, env_file):
        self.env_file = pathlib.Path(env_file)
        self.dir = self.env_file.parent
        self.env = {}
        for line in self.env_file.read_text().splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self.env[key] = "".join(shlex.split(value))
        self.location = self.env["ZAPORA_DEMO_LOCATION"]
        self.parts = [node for server in SERVERS for node in self.nodes(server)] + [
            f"{role}-{number}" for role in ("gateway", "worker")
            for number in range(1, int(self.env[f"ZAPORA_LOCAL_{role.upper()}S"]) + 1)]
        self._tokens = {}
        self._apis = {}
        self._database = None

    # ---- the parts

    def nodes(self, server):
        """The parts of a server: kafka alone, or with kafka-2 and kafka-3; none, when the stack has no such server."""
        key, count = SERVERS[server]
        count = int(self.env.get(key, count))
        return [f"{server}-{number}" if number > 1 else server for number in range(1, count + 1)]

    def pid(self, part):
        return int((self.dir / "run" / f"{part}.pid").read_text())

    def alive(self, part):
        try:
            stat = pathlib.Path(f"/proc/{self.pid(part)}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"

    def kill(self, part, sig=signal.SIGKILL):
        """Sends the signal; after a deadly one it waits until the process is gone."""
        os.kill(self.pid(part), sig)
        if sig == signal.SIGKILL:
            eventually(lambda: not self.alive(part), what=f"{part} is gone")

    def freeze(self, part):
        self.kill(part, signal.SIGSTOP)

    def thaw(self, part):
        self.kill(part, signal.SIGCONT)

    def kill_server(self, server, sig=signal.SIGKILL):
        """All of its nodes."""
        for node in self.nodes(server):
            self.kill(node, sig)

    def up(self, timeout_s=240):
        """Starts what is dead, and returns when all of it serves."""
        run = subprocess.run([ROOT / "deploy/local/up", "--no-install", "--no-demo"], text=True, timeout=timeout_s,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env={**os.environ, "ZAPORA_LOCAL_DIR": str(self.dir)}, check=False)
        assert run.returncode == 0, run.stdout
        return run.stdout

    def log(self, part):
        return (self.dir / "logs" / f"{part}.log").read_text(errors="replace")

    def ops(self, part):
        """An Api for the operations listener of a role: /livez, /readyz, /metrics."""
        role, _, number = part.partition("-")
        key = "ZAPORA_OPS_URL" if part == "gateway-1" else f"ZAPORA_{role.upper()}_{number}_OPS_URL"
        return Api(self.env[key], timeout_s=5)

    def wait_ready(self, part, timeout_s=30):
        eventually(lambda: self.ops(part).get("/readyz").status == 200, timeout_s, what=f"{part} is ready")

    # ---- the API

    def login(self, role):
        """A new login: the whole answer."""
        return Api(self.env["ZAPORA_URL"]).post("/auth/login", {
            "email": self.env[f"ZAPORA_DEMO_{role.upper()}_EMAIL"],
            "password": self.env[f"ZAPORA_DEMO_{role.upper()}_PASSWORD"],
        }).expect(200).json

    def token(self, role):
        """A token of the demo's customer, kitchen, manager or admin, logged in once for some minutes."""
        token, until = self._tokens.get(role, (None, 0.0))
        if time.monotonic() >= until:
            answer = self.login(role)
            token = answer["access_token"]
            self._tokens[role] = token, time.monotonic() + answer["expires_in"] - 120
        return token

    def api(self, role=None):
        """The shared connection of a role (None: nobody). For threads, or to have it alone: new_api."""
        api = self._apis.setdefault(role, Api(self.env["ZAPORA_URL"]))
        api.token = self.token(role) if role else None
        return api

    def new_api(self, role=None, token=None):
        return Api(self.env["ZAPORA_URL"], token or (self.token(role) if role else None))

    def menu(self):
        return self.api().get(f"/menu-items?location_id={self.location}").expect(200).json

    def restaurants(self, count, times=1):
        """So many locations of their own, in whichever partitions their ids put them: settings and menu `times` over,
        two events each time, once Redis has them."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        for location in ids * times:
            self.zapora("menu", "apply", ROOT / "deploy/local/demo/restaurant.json", "--location", location)
        for location in ids:
            eventually(lambda: (self.redis("GET", "{%s}:head" % location) or "").startswith(f"{2 * times} "),
                       what="all is published")
        return ids

    def basket(self, lines=1, **more):
        """A valid order of the first items on sale; from each option group its first `min` options."""
        items = [item for item in self.menu()["items"] if item["available"]][:lines]
        return {"location_id": self.location, "type": "pickup", "lines": [{
            "item_id": item["id"], "quantity": 1,
            "options": [{"option_id": option["id"], "quantity": 1} for group in item["option_groups"]
                        for option in [o for o in group["options"] if o["available"]][:group["min"]]],
        } for item in items], **more}

    def place(self, order=None, key=None, wait_s=None, api=None):
        """POST /orders as the demo customer: the answer as it comes."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if wait_s is not None:
            headers["Prefer"] = f"wait={wait_s}"
        return (api or self.api("customer")).post("/orders", order or self.basket(), headers=headers)

    def order(self, order_id, wait_past=None, wait_s=5, role="customer"):
        """The order as it is; with wait_past the gateway holds the answer until that version is passed."""
        if wait_past is None:
            return self.api(role).get(f"/orders/{order_id}").expect(200).json
        return self.api(role).get(f"/orders/{order_id}?wait={wait_s}",
                                  headers={"If-None-Match": f'"{wait_past}"'}).expect(200, 304)

    def order_reaches(self, order_id, status, timeout_s=15, role="customer"):
        """The order once it has this status."""
        def probe():
            order = self.order(order_id, role=role)
            return order if order["status"] == status else None
        return eventually(probe, timeout_s, what=f"order {order_id} is {status}")

    def board(self, role="kitchen"):
        return self.api(role).get(f"/locations/{self.location}/board").expect(200).json

    # ---- behind the API

    def sql(self, query, *values, admin=False):
        """Rows of a query, or [] for a statement without any. Connects again after the server was away."""
        for again in (True, False):
            try:
                if admin or self._database is None or self._database.closed:
                    database = psycopg2.connect(
                        self.env["ZAPORA_LOCAL_POSTGRES_ADMIN" if admin else "ZAPORA_POSTGRES"], connect_timeout=5)
                    database.autocommit = True
                    if not admin:
                        self._database = database
                else:
                    database = self._database
                with database.cursor() as cursor:
                    cursor.execute(query, values or None)
                    return cursor.fetchall() if cursor.description else []
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._database = None
                if not again:
                    raise

    def redis_addresses(self):
        """Of every node, in the order of their parts."""
        places = urllib.parse.urlsplit(self.env["ZAPORA_REDIS"]).netloc.split(",")
        return [(host, int(port)) for host, _, port in (place.rpartition(":") for place in places)]

    @contextlib.contextmanager
    def redis_with(self, name, value):
        """Redis with another setting, for as long as the block lasts."""
        before = self.redis("CONFIG", "GET", name)[1]
        self.redis("CONFIG", "SET", name, value)
        try:
            yield
        finally:
            self.redis("CONFIG", "SET", name, before)

    def redis(self, *words):
        """Goes to the node that has the key, DEL one key after the other; CONFIG, FLUSHALL and KEYS go to all."""
        if words[0] in ("CONFIG", "FLUSHALL", "KEYS"):
            return self._redis_everywhere(*words)
        if words[0] == "DEL" and len(words) > 2:
            return sum(self.redis("DEL", key) for key in words[1:])
        addresses = self.redis_addresses()
        for address in addresses:
            try:
                return redis_command(address, *words)
            except ConnectionError:
                if address == addresses[-1]:
                    raise
            except RedisError as error:
                if not str(error).startswith("MOVED "):
                    raise
                host, _, port = str(error).split()[2].rpartition(":")
                return redis_command((host, int(port)), *words)

    def _redis_everywhere(self, *words):
        """The first one's answer, or all keys; a replica keeps what its primary has."""
        answers = []
        for address in self.redis_addresses():
            try:
                answers.append(redis_command(address, *words))
            except RedisError as error:
                if not str(error).startswith("READONLY "):
                    raise
        return sorted({key for answer in answers for key in answer}) if words[0] == "KEYS" else answers[0]

    def zapora(self, *arguments, check=True, stdin=None, timeout_s=60):
        """Runs the program with the stack's settings: the finished process, with stdout and stderr as text."""
        run = subprocess.run([self.env["ZAPORA_BIN"], *map(str, arguments)], text=True, input=stdin or "",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout_s, check=False, env={
                                 **os.environ, **self.env, "ZAPORA_TOPICS_DIR": str(ROOT / "topics"),
                                 "ZAPORA_MIGRATIONS_DIR": str(ROOT / "migrations")})
        assert not check or run.returncode == 0, f"{arguments} ended with {run.returncode}:\n{run.stdout}{run.stderr}"
        return run

    def produce(self, topic, value, key=None, partition=None, headers=None):
        """Puts bytes into a topic as they are, by another client: for what a gateway would never send."""
        command = ["kcat", "-P", "-b", self.env["ZAPORA_KAFKA"], "-t", topic, "-X", "partitioner=murmur2_random",
                   "-X", "acks=all"]
        if key is not None:
            command += ["-k", key]
        if partition is not None:
            command += ["-p", str(partition)]
        for name, text in (headers or {}).items():
            command += ["-H", f"{name}={text}"]
        with tempfile.NamedTemporaryFile() as file:  # a file is one message, whatever bytes it holds
            file.write(value)
            file.flush()
            subprocess.run([*command, file.name], check=True, timeout=30)

    def record(self, topic, partition, offset):
        """One message as it is: its value's bytes and its headers, the first of each name."""
        def ask(form):
            return subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.env["ZAPORA_KAFKA"], "-t", topic, "-p",
                                   str(partition), "-o", str(offset), "-c", "1", "-f", form],
                                  check=True, stdout=subprocess.PIPE, timeout=60).stdout
        headers = {}
        for pair in ask("%h").decode("utf-8", "replace").split(","):
            name, _, text = pair.partition("=")
            headers.setdefault(name, text)
        return ask("%s"), headers

    def consume(self, topic):
        """Every message of a topic up to its present end: dicts with partition, offset, key, and the value's length."""
        run = subprocess.run(["kcat", "-C", "-e", "-q", "-b", self.env["ZAPORA_KAFKA"], "-t", topic, "-o", "beginning",
                              "-f", '{"partition":%p,"offset":%o,"key":"%k","size":%S}\n'],
                             check=True, text=True, stdout=subprocess.PIPE, timeout=60)
        return [json.loads(line) for line in run.stdout.splitlines()]
