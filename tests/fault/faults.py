"""The faults: each kind a row of a table, and a schedule of them that a seed makes.

Used by run. A fault is a function of its means (class Means): it does its harm, undoes what has to be undone, and
returns. Where others can take the place of what is dead, the clock of its recovery starts with the harm; where nobody
can, when the server is back. The second column of KINDS says which.
"""
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import uuid

import psycopg2

from ground import POSTGRES_BYTES, free_ports
from harness import ROOT, eventually, redis_command

PAST_SESSION_S = 9.0  # the group's session timeout is 6 s
REFUSING_S = 9.0      # a partition's last tick vouches for Redis for 5 s
POISON_LOCK = 4711    # the advisory lock that a record holds while it waits for its worker's death
DEATHS_MAX = 12       # five should do: three takeovers, two tries by name
TOPIC = "orders.commands.v1"


class Means:
    """What a fault may use."""

    def __init__(self, ground, chance, loop_call, load):
        self.ground, self.stack, self.chance = ground, ground.stack, chance
        self.call, self.load = loop_call, load
        self.parked = []   # what is parked rightly: command ids, or (partition, offset)
        self.notes = []    # what else there is to tell of the fault
        self.undo = None   # for faults that need it after a failure
        self.harmed_at = self.healed_at = time.time()

    def harmed(self):
        """Now: for faults that have something to prepare, or go on doing harm."""
        self.harmed_at = time.time()

    def note(self, text):
        self.notes.append(text)

    def any_of(self, role):
        return self.chance.choice([part for part in self.stack.parts if part.split("-")[0] == role])


# ---- death and frost

def kill(*roles):
    def fault(means):
        parts = []
        for role in roles:
            left = [part for part in means.stack.parts if part.split("-")[0] == role and part not in parts]
            parts.append(means.chance.choice(left))
        means.note(" ".join(parts))
        for part in parts:
            means.ground.kill(part)
    return fault


def serves(broker):
    return subprocess.run([ROOT / "deploy/local/kafka/ready", broker], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def and_wait_for_brokers(fault):
    """Where nobody takes their place: the clock starts when as many serve as an acknowledgement takes."""
    def longer(means):
        began = time.monotonic()
        fault(means)
        brokers = means.stack.env["ZAPORA_KAFKA"].split(",")  # one, or three with two in sync
        eventually(lambda: sum(serves(broker) for broker in brokers) > len(brokers) // 2, 120, what="the brokers serve")
        means.note(f"away for {time.monotonic() - began:.1f} s")
    return longer


def power_cut(means):
    for part in means.stack.parts:
        means.ground.kill(part)


def lose(role):
    """Nobody restarts it for a while: others have to do."""
    def fault(means):
        part = means.any_of(role)
        means.note(part)
        means.ground.held.add(part)
        means.ground.kill(part)
        time.sleep(PAST_SESSION_S + 3)
        means.ground.held.discard(part)
    return fault


def freeze(role):
    def fault(means):
        part = means.any_of(role)
        means.note(part)
        means.ground.freeze(part)
        time.sleep(PAST_SESSION_S)
        means.ground.thaw(part)
    return fault


def kill_leader(means):
    """The broker that leads most of the mailbox's partitions."""
    out = subprocess.run(["kcat", "-L", "-J", "-b", means.stack.env["ZAPORA_KAFKA"], "-t", TOPIC], check=True,
                         stdout=subprocess.PIPE, timeout=30, text=True).stdout
    leaders = [row["leader"] for row in json.loads(out)["topics"][0]["partitions"]]
    node = max(set(leaders), key=leaders.count)
    part = "kafka" if node == 1 else f"kafka-{node}"
    means.note(f"{part} leads {leaders.count(node)}")
    means.ground.kill(part)


# ---- Redis

def flush(means):
    means.stack.redis("FLUSHALL")


def refuse(name, value):
    """It answers and refuses writes: what may be left out of a full one, or all of them."""
    def fault(means):
        with means.stack.redis_with(name, value):
            time.sleep(REFUSING_S)
    return fault


def stop_redis(means):
    means.ground.held.add("redis")
    means.ground.kill("redis")
    eventually(lambda: not means.stack.alive("redis"), what="redis is gone")


def truncate(means):
    """The end of its append-only file is lost, as with a disk that lied."""
    stop_redis(means)
    folder = means.ground.dir / "redis" / "appendonlydir"
    newest = max(folder.glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    size = newest.stat().st_size
    cut = int(size * means.chance.uniform(0.05, 0.5))
    os.truncate(newest, size - cut)
    means.note(f"{cut} of {size} bytes cut off")
    means.ground.held.discard("redis")


def replica(means):
    """A replica that lags takes the primary's place: what it has becomes Redis."""
    port = int(means.stack.env["ZAPORA_REDIS"].rsplit(":", 1)[1].split("/")[0])
    folder = tempfile.mkdtemp(dir=means.ground.dir, prefix="replica.")
    own, = free_ports(1)
    server = subprocess.Popen(["redis-server", "--port", str(own), "--bind", "127.0.0.1", "--dir", folder,
                               "--appendonly", "yes", "--save", "", "--replicaof", "127.0.0.1", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = ("127.0.0.1", own)
    try:
        eventually(lambda: "master_link_status:up" in redis_command(address, "INFO", "replication"), 20)
        redis_command(address, "REPLICAOF", "NO", "ONE")  # from here on it lags
        eventually(lambda: "aof_rewrite_in_progress:0" in redis_command(address, "INFO", "persistence"), 20)
        redis_command(address, "CONFIG", "SET", "appendfsync", "always")
        time.sleep(means.chance.uniform(0.5, 3.0))
        means.harmed()
        stop_redis(means)
        server.kill()
        server.wait()
        target = means.ground.dir / "redis"
        shutil.rmtree(target / "appendonlydir")
        shutil.move(os.path.join(folder, "appendonlydir"), target / "appendonlydir")
    finally:
        server.kill()
        server.wait()
        means.ground.held.discard("redis")


# ---- connections

def cut(name):
    def fault(means):
        means.ground.link(name, "refuse")
        time.sleep(means.chance.uniform(0.0, 3.0))
        means.ground.link(name, "pass")
    return fault


def delay(name):
    def fault(means):
        seconds = round(means.chance.uniform(0.02, 0.25), 3)
        means.note(f"{seconds * 1000:.0f} ms each way")
        means.ground.link(name, "delay", seconds)
        time.sleep(8)
        means.ground.link(name, "pass")
    return fault


def stall(name):
    def fault(means):
        means.ground.link(name, "stall")
        time.sleep(PAST_SESSION_S)
        means.ground.link(name, "pass")
    return fault


# ---- things that fill up

def metric(means, part, name):
    for line in means.stack.ops(part).get("/metrics").body.decode().splitlines():
        if line.startswith(name):
            return float(line.split()[-1])
    return 0.0


def refused_by_producers(means):
    name = 'zapora_gateway_commands_total{outcome="refused"}'
    return sum(metric(means, part, name) for part in ("gateway-1", "gateway-2"))


def fill_queue(means):
    """More than a producer's queue of 16 MiB holds, while the brokers are frozen."""
    brokers = [part for part in means.stack.parts if part.startswith("kafka")]
    before = refused_by_producers(means)
    for part in brokers:
        means.ground.freeze(part)
    burst = means.call(means.load.burst(900, time.time() + 3))
    time.sleep(PAST_SESSION_S)
    for part in brokers:
        means.ground.thaw(part)
    burst.result(90)
    means.note(f"{refused_by_producers(means) - before:.0f} refused by a full queue")


def fill_disk(means):
    """Not a byte is left under PostgreSQL: its tables cannot grow, every other time its own log neither."""
    means.ground.fill_disk(4096)
    means.undo = lambda: means.ground.resize_disk(POSTGRES_BYTES)
    time.sleep(8)
    if means.chance.random() < 0.5:
        means.note("tables only")
    else:
        means.note("and its log, after %d segments" % use_up_segments(means))
        time.sleep(4)
    means.undo()


def use_up_segments(means):
    """Goes through the files of its log that were made in advance; it ends itself when it needs a new one."""
    for count in range(200):
        try:
            means.stack.sql("SELECT pg_logical_emit_message(true, 'fault', 'x')", admin=True)
            means.stack.sql("SELECT pg_switch_wal()", admin=True)
        except psycopg2.Error:
            return count
    return 200


# ---- records that nobody should have sent

def garbage(means):
    location = means.chance.choice(means.load.locations)
    value = b"\xc1" + bytes(means.chance.getrandbits(8) for _ in range(means.chance.randrange(0, 200)))
    publish(means, value, location)


def foreign_key(means):
    """A whole and true command, under another location's key, or in another location's partition."""
    value, headers, location = some_command(means)
    if means.chance.random() < 0.5:
        publish(means, value, means.chance.choice([l for l in means.load.locations if l != location]), headers)
    else:
        means.note("in a partition of another's")
        (own,), = means.stack.sql("SELECT partition FROM locations WHERE location_id = %s", location)
        publish(means, value, location, headers, (own + means.chance.randrange(1, 64)) % 64)


def publish(means, value, key, headers=None, partition=None):
    """Puts it into the mailbox, and remembers that it is parked rightly."""
    wanted = f"fault-{uuid.uuid4()}"
    means.stack.produce(TOPIC, value, key=key, partition=partition, headers={**(headers or {}), "x-fault": wanted})
    means.parked.append(wanted)


def some_command(means):
    """The newest placement of some location, with a fresh id: its value, headers and location."""
    location = means.chance.choice(means.load.locations)
    (partition, offset, old), = means.stack.sql(
        "SELECT partition, command_offset, command_id::text FROM commands "
        "WHERE location_id = %s AND type = 'order_place' AND err = 'OK' ORDER BY command_offset DESC LIMIT 1", location)
    one = ["kcat", "-C", "-q", "-e", "-b", means.stack.env["ZAPORA_KAFKA"], "-t", TOPIC, "-p", str(partition), "-o",
           str(offset), "-c", "1", "-f"]
    value = subprocess.run([*one, "%s"], check=True, stdout=subprocess.PIPE, timeout=30).stdout
    headers = subprocess.run([*one, "%h"], check=True, stdout=subprocess.PIPE, timeout=30, text=True).stdout
    fresh = old[:14] + str(uuid.uuid4())[14:]
    fresh = fresh[:14] + "8" + fresh[15:]
    pairs = dict(pair.split("=", 1) for pair in headers.split(",") if "=" in pair)
    headers = {name: text.replace(old, fresh) for name, text in pairs.items()}
    return value.replace(old.encode(), fresh.encode()), headers, location


POISON = """
CREATE OR REPLACE FUNCTION fault_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note LIKE 'fault: fails%%' THEN
        RAISE EXCEPTION USING ERRCODE = '22012', MESSAGE = 'a record that fails by itself';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(%d);
    PERFORM pg_sleep(3);
    RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'its worker was to be killed';
END $$;
DROP TRIGGER IF EXISTS fault_poison ON orders;
CREATE TRIGGER fault_poison BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.note LIKE 'fault: %%')
    EXECUTE FUNCTION fault_poison();
""" % POISON_LOCK


def prepare(stack):
    """The trigger by which a record can fail by itself, or hold its worker until it has been killed."""
    stack.sql(POISON.replace("%%", "%"))


def place_marked(means, word):
    location = means.chance.choice(means.load.locations)
    order = means.call(means.load.place(location, note=f"fault: {word}", marked=word)).result(60)
    means.parked.append(order["command_id"])
    return order["command_id"]


def outcome_of(means, command_id):
    rows = means.stack.sql("SELECT err FROM commands WHERE command_id = %s", command_id)
    return rows[0][0] if rows else None


def failing_record(means):
    command_id = place_marked(means, "fails")
    eventually(lambda: outcome_of(means, command_id), 60, what="the failing record is settled")


def deadly_record(means):
    """Whoever takes it up dies over it, until it is parked."""
    command_id = place_marked(means, "kills")
    killed, deadline = set(), time.monotonic() + 120  # backends: one outlives its worker by some seconds
    while time.monotonic() < deadline and len(killed) <= DEATHS_MAX:
        if outcome_of(means, command_id):
            break
        victims = means.stack.sql(
            "SELECT a.application_name, pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.objid = %s AND l.granted", POISON_LOCK, admin=True)
        for part, backend in victims:
            if backend not in killed and part in means.stack.parts and means.stack.alive(part):
                means.harmed()
                means.ground.kill(part)
                killed.add(backend)
                eventually(lambda: not means.stack.alive(part), 10)
        time.sleep(0.05)
    means.note(f"{len(killed)} deaths")


# ---- the table

# name: (function, where its clock starts, how many brokers it is for (0: any), how often in a round)
KINDS = {
    "kill gateway": (kill("gateway"), "harm", 0, 2),
    "kill both gateways": (kill("gateway", "gateway"), "harm", 0, 1),
    "kill worker": (kill("worker"), "harm", 0, 3),
    "kill both workers": (kill("worker", "worker"), "harm", 0, 1),
    "kill broker": (and_wait_for_brokers(kill("kafka")), "heal", 1, 2),
    "kill leader": (kill_leader, "harm", 3, 4),
    "kill postgres": (kill("postgres"), "harm", 0, 2),
    "kill redis": (kill("redis"), "harm", 0, 2),
    "kill worker, redis": (kill("worker", "redis"), "harm", 0, 1),
    "kill worker, postgres": (kill("worker", "postgres"), "harm", 0, 1),
    "kill broker, worker": (and_wait_for_brokers(kill("kafka", "worker")), "heal", 1, 1),
    "kill gateway, worker, redis": (kill("gateway", "worker", "redis"), "harm", 0, 1),
    "lose gateway": (lose("gateway"), "harm", 0, 1),
    "lose worker": (lose("worker"), "harm", 0, 1),
    "lose redis": (lose("redis"), "harm", 0, 1),
    "lose postgres": (lose("postgres"), "heal", 0, 1),
    "lose broker": (and_wait_for_brokers(lose("kafka")), "heal", 1, 1),
    "lose one of three": (lose("kafka"), "harm", 3, 2),
    "power cut": (and_wait_for_brokers(power_cut), "heal", 0, 1),
    "freeze gateway": (freeze("gateway"), "harm", 0, 1),
    "freeze worker": (freeze("worker"), "harm", 0, 2),
    "freeze broker": (freeze("kafka"), "heal", 1, 1),
    "freeze one of three": (freeze("kafka"), "harm", 3, 3),
    "freeze postgres": (freeze("postgres"), "heal", 0, 1),
    "freeze redis": (freeze("redis"), "harm", 0, 1),
    "full redis": (refuse("maxmemory", "1"), "harm", 0, 1),
    "refusing redis": (refuse("min-replicas-to-write", "1"), "harm", 0, 1),
    "flush redis": (flush, "harm", 0, 2),
    "cut redis' file": (truncate, "harm", 0, 2),
    "lagging replica": (replica, "harm", 0, 2),
    "cut redis": (cut("redis"), "harm", 0, 1),
    "cut postgres": (cut("postgres"), "heal", 0, 1),
    "cut kafka": (cut("kafka"), "heal", 1, 1),
    "delay redis": (delay("redis"), "harm", 0, 1),
    "delay postgres": (delay("postgres"), "harm", 0, 1),
    "delay kafka": (delay("kafka"), "harm", 1, 1),
    "stall redis": (stall("redis"), "harm", 0, 1),
    "stall postgres": (stall("postgres"), "heal", 0, 1),
    "stall kafka": (stall("kafka"), "heal", 1, 1),
    "full queue": (fill_queue, "heal", 1, 1),
    "full disk": (fill_disk, "heal", 0, 1),
    "garbage": (garbage, "harm", 0, 1),
    "foreign key": (foreign_key, "harm", 0, 2),
    "failing record": (failing_record, "harm", 0, 1),
    "deadly record": (deadly_record, "harm", 0, 1),
}


def schedule(seed, ground, only=None):
    """Kinds without an end, in rounds: each has every kind as often as its row says, in an order of the seed's."""
    chance = random.Random(f"schedule {seed}")
    names = [name for name, (_, _, brokers, _) in KINDS.items() if brokers in (0, ground.brokers)
             and (name != "full disk" or ground.small_disk) and (not only or name in only)]
    while True:
        bag = [name for name in names for _ in range(KINDS[name][3])]
        chance.shuffle(bag)
        yield from bag
