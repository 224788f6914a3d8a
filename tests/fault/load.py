"""The clients: a steady load of orders, each retried by its key until its answer is definite, then cooked.

Used by run. Owns the clients' own record: every request with its times, key and answer. The load is open: orders are
due at a fixed rate, whatever became of the ones before.
Invariants: what a client was told is recorded before it acts on it; a retry is the same request, byte for byte.
"""
import asyncio
import hashlib
import itertools
import json
import random
import time
import uuid

from wire import Lost

# 503: nothing was stored; 504: not known; 429: too much. Each says that a retry with the same key is safe.
TRY_AGAIN = (401, 429, 503, 504)
IN_FLIGHT_MAX = 4000
PAUSE_S = (0.1, 1.0)  # between two attempts: the first pause, the longest
WAIT_S = 3            # of those who want the outcome in the answer
TOKEN_S = 600         # half of what a token lasts and more: PostgreSQL may be away for a while


class Identity:
    """Names a request's command as the gateway does, so that the log can be searched for what was never answered."""

    def __init__(self, key_file, user_id):
        with open(key_file, "rb") as file:
            folded = hashlib.blake2b(file.read(), digest_size=32).digest()
        self.key = hashlib.blake2b(b"command", digest_size=32, key=folded).digest()
        self.user = uuid.UUID(user_id).bytes

    def command_id(self, method, path, location, key):
        place = uuid.UUID(location).bytes
        digest = hashlib.blake2b(digest_size=16, key=self.key)
        for part in (self.user, method.encode(), path.encode(), place, key.encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
        return str(uuid.UUID(bytes=with_location(digest.digest(), place)))


def with_location(digest, place):
    """A UUIDv8 of the digest whose first 48 bits tell the location."""
    data = bytearray(hashlib.blake2b(place, digest_size=32).digest()[:6] + digest[6:])
    data[6] = 0x80 | data[6] & 0x0f
    data[8] = 0x80 | data[8] & 0x3f
    return bytes(data)


class Person:
    """A user with a token that is renewed in time."""

    def __init__(self, gateways, email, password):
        self.gateways, self.login = gateways, json.dumps({"email": email, "password": password}).encode()
        self.token = self.user_id = None
        self.due = 0.0

    async def keep_token(self):
        while True:
            for gateway in self.gateways:
                try:
                    answer = await gateway.request("POST", "/auth/login",
                                                   {"Content-Type": "application/json"}, self.login)
                except Lost:
                    continue
                if answer.status == 200:
                    self.token, self.user_id = answer.json["access_token"], answer.json["user"]["id"]
                    self.due = time.monotonic() + TOKEN_S
                    break
            await asyncio.sleep(max(self.due - time.monotonic(), 1.0))

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


class Record:
    """All that clients sent and were told: each request is a row of `ops`, with every attempt in it. Also as a file."""

    def __init__(self, path):
        self.ops, self.reads = [], []
        self.by_order = {}
        self.file = open(path, "w", buffering=1 << 16)

    def add(self, op):
        self.ops.append(op)
        if op["kind"] == "place" and "again" not in op:
            self.by_order[op["command_id"]] = op

    def write(self, row):
        self.file.write(json.dumps(row) + "\n")

    def close(self):
        self.file.close()


class Load:
    def __init__(self, seed, gateways, customer, kitchen, key_file, locations, items, record):
        self.chance = random.Random(f"load {seed}")
        self.gateways, self.record, self.locations = gateways, record, locations
        self.people = {"customer": customer, "kitchen": kitchen}
        self.identities = {name: Identity(key_file, person.user_id) for name, person in self.people.items()}
        self.items = items
        self.tasks = set()
        self.stopping = False
        self.skipped = 0
        self.numbers = itertools.count(1)

    # ---- one request, until it is answered

    async def tell(self, op, headers, body, give_up=None):
        """Sends until there is a definite answer; the op holds it. give_up: a time after which nobody waits for it."""
        person, pause = self.people[op["who"]], PAUSE_S[0]
        gateway = self.chance.randrange(len(self.gateways))
        op["first"] = time.time()
        self.record.add(op)
        while True:
            attempt = {"at": time.time(), "gateway": gateway % len(self.gateways)}
            op["attempts"].append(attempt)
            try:
                answer = await self.gateways[attempt["gateway"]].request(
                    "POST", op["path"], {**person.headers, **headers}, body, 7.0 + op["wait"])
                attempt.update(status=answer.status, **self.told(answer))
            except Lost as error:
                answer = None
                attempt["lost"] = str(error)
            attempt["until"] = time.time()
            self.record.write({**op, "attempts": [attempt]})
            if answer is not None and answer.status not in TRY_AGAIN:
                op["answer"] = attempt
                return attempt["status"]
            if give_up is not None and time.time() > give_up:
                return None
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1.5))
            pause = min(pause * 2, PAUSE_S[1])
            gateway += 1  # an ingress would try the other one, too

    @staticmethod
    def told(answer):
        body = answer.json
        told = {name: body[name] for name in ("id", "command_id", "order_id", "version", "seq", "type") if name in body}
        if isinstance(body.get("status"), str):
            told["state"] = body["status"]
        if "detail" in body:
            told["detail"] = body["detail"]
        return told

    def op(self, kind, who, location, path, order_id=None, wait=0, key=None):
        key = key or str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        command_id = self.identities[who].command_id("POST", path, location, key)
        return {"kind": kind, "who": who, "key": key, "location": location, "path": path, "wait": wait,
                "command_id": command_id, "order_id": order_id or command_id, "attempts": [], "answer": None}

    @staticmethod
    def headers(op):
        return {"Idempotency-Key": op["key"], **({"Prefer": f"wait={op['wait']}"} if op["wait"] else {})}

    # ---- an order's way

    def basket(self, location, note=None, large=False):
        lines = []
        for item in self.chance.sample(self.items, self.chance.choice([1, 2, 3])):
            options = [{"option_id": option["id"], "quantity": 1} for group in item["option_groups"]
                       for option in [o for o in group["options"] if o["available"]][:group["min"]]]
            lines.append({"item_id": item["id"], "quantity": self.chance.choice([1, 1, 2]), "options": options})
        if large:
            lines = [dict(lines[0], note="n" * 480) for _ in range(100)]
        # One in fifty is refused by the actor: that is an outcome, too.
        more = {"expected_total": 1} if not large and note is None and self.chance.random() < 0.02 else {}
        body = {"location_id": location, "type": "pickup", "lines": lines, "customer": {"name": "Fault"}, **more}
        return json.dumps({**body, "note": note} if note else body).encode()

    def maybe_wait(self):
        return WAIT_S if self.chance.random() < 0.2 else 0

    async def place(self, location, note=None, large=False, give_up=None, marked=None):
        """An order is placed: its op, once there is an answer."""
        op = self.op("place", "customer", location, "/orders", wait=0 if large else self.maybe_wait())
        if give_up is not None:
            op["in_a_hurry"] = True
        if marked is not None:
            op["marked"] = marked
        body = self.basket(location, note, large)
        status = await self.tell(op, self.headers(op), body, give_up)
        if status in (201, 202) and self.chance.random() < 0.05:  # some retry although they were answered
            again = {**op, "attempts": [], "answer": None, "again": True}
            await self.tell(again, self.headers(op), body, give_up)
        return op

    async def step(self, order, kind, who):
        path = f"/orders/{order['order_id']}/{kind}"
        op = self.op(kind, who, order["location"], path, order["order_id"], self.maybe_wait())
        await self.tell(op, self.headers(op), b"{}")
        return op

    async def look(self, order):
        """A poller: waits for the first version, and for the next one once."""
        version = 0
        for _ in range(3):
            read = {"order_id": order["order_id"], "location": order["location"], "at": time.time(), "past": version}
            headers = {**self.people["customer"].headers, "If-None-Match": f'"{version}"'}
            gateway = self.chance.choice(self.gateways)
            try:
                answer = await gateway.request("GET", f"/orders/{order['order_id']}?wait=2", headers, None, 10.0)
                read.update(status=answer.status, **self.told(answer))
            except Lost as error:
                read["lost"] = str(error)
            read["until"] = time.time()
            self.record.reads.append(read)
            self.record.write({"kind": "read", **read})
            version = read.get("version", version)

    async def live(self, location):
        """One order from its placement to its end."""
        order = await self.place(location)
        if order["answer"] is None or order["answer"]["status"] not in (201, 202):
            return
        looking = asyncio.create_task(self.look(order)) if self.chance.random() < 0.3 else None
        fate = self.chance.random()
        if fate < 0.15:
            await self.step(order, "cancel", "customer")
        elif fate < 0.25:  # the customer and the kitchen at the same moment: one of them comes too late
            await asyncio.gather(self.step(order, "cancel", "customer"), self.step(order, "start", "kitchen"))
            await self.step(order, "ready", "kitchen")
            await self.step(order, "complete", "kitchen")
        else:
            for kind in ("start", "ready", "complete"):
                await self.step(order, kind, "kitchen")
        if looking:
            await looking

    # ---- the load

    def spawn(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.done)
        return task

    def done(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()

    async def run(self, per_second):
        """Orders are due at this rate, at each location in turn."""
        due = time.monotonic()
        turn = itertools.cycle(self.chance.sample(self.locations, len(self.locations)))
        while not self.stopping:
            due = max(due + 1 / per_second, time.monotonic() - 1)
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if self.stopping:
                break
            location = next(turn)
            if len(self.tasks) < IN_FLIGHT_MAX:
                self.spawn(self.live(location))
            else:
                self.skipped += 1

    async def burst(self, count, give_up):
        """Large orders all at once, from people who do not wait for ever: more than a producer's queue holds."""
        async def one(location):
            order = await self.place(location, large=True, give_up=give_up)
            if order["answer"] is not None and order["answer"]["status"] in (201, 202):
                await self.step(order, "cancel", "customer")
        await asyncio.gather(*(one(self.chance.choice(self.locations)) for _ in range(count)))

    async def finish(self, limit_s):
        """No new orders; those under way get their answers. How many were left without one."""
        self.stopping = True
        deadline = time.monotonic() + limit_s
        while self.tasks and time.monotonic() < deadline:
            await asyncio.wait(set(self.tasks), timeout=deadline - time.monotonic())
        left = list(self.tasks)
        for task in left:
            task.cancel()
        return len(left)
