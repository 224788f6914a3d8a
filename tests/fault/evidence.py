"""Gathers the evidence once a run is over: the database, both topics, the dead letters, Redis.

Used by run. What check.py gets is a dict of plain values:
  locations   ids                                ops, reads   the clients' own record (load.py)
  screens     [{location, items}] (watch.py)     faults       [{kind, from, harmed_at, healed_at}]
  commands    {command_id: {err, type, location, partition, offset, committed}}
  orders      {order_id: {location, number, status, version}}
  journal     [{location, seq, type, order_id, command_id, at, hash, value}], by location and seq
  log         [{location, seq, type, order_id, command_id, version, state}], the events topic as replay tells it
  mailbox     [{command_id}], the commands topic as replay tells it
  letters     {(partition, offset)} of the records that were set aside
  heads       {location: seq}                    boards, redis   {location: (seq, board hash, open tickets)}
  parked      command ids that are parked rightly                deaths   parts that died by themselves
"""
import json
import subprocess
import uuid

from harness import eventually

DEAD_LETTERS = "orders.dead-letters.v1"


def kcat(stack, topic, form):
    run = subprocess.run(["kcat", "-C", "-e", "-q", "-b", stack.env["ZAPORA_KAFKA"], "-t", topic, "-o", "beginning",
                          "-X", "check.crcs=true", "-f", form], check=True, stdout=subprocess.PIPE, timeout=300)
    return run.stdout.decode("utf-8", "replace").splitlines()


def replay(stack, topic):
    run = stack.zapora("replay", "--topic", topic, timeout_s=300)
    for line in run.stdout.splitlines():
        yield json.loads(line)


def read_commands(stack):
    rows = stack.sql(
        "SELECT command_id::text, err, type, location_id::text, partition, command_offset, "
        "extract(epoch FROM coalesce(pg_xact_commit_timestamp(xmin), written_at))::float8 FROM commands")
    return {row[0]: dict(zip(("err", "type", "location", "partition", "offset", "committed"), row[1:])) for row in rows}


def read_journal(stack):
    rows = stack.sql(
        "SELECT location_id::text, seq, type, order_id::text, command_id::text, "
        "(extract(epoch FROM at) * 1000000)::bigint, hash, value FROM order_events ORDER BY location_id, seq")
    names = ("location", "seq", "type", "order_id", "command_id", "at", "hash", "value")
    return [{**dict(zip(names, row)), "hash": bytes(row[6]), "value": bytes(row[7])} for row in rows]


def read_log(stack):
    log = []
    for line in replay(stack, "orders.events.v1"):
        order = (line.get("data") or {}).get("order") or {}
        log.append({"location": line["location_id"], "version": order.get("version"), "state": order.get("status"),
                    **{name: line[name] for name in ("seq", "type", "order_id", "command_id")}})
    return log


def read_letters(stack):
    """Where the records that were set aside stood in the mailbox: the letters' headers say it."""
    letters = set()
    for line in kcat(stack, DEAD_LETTERS, "%h\n"):
        headers = dict(pair.split("=", 1) for pair in line.split(",") if "=" in pair)
        letters.add((int(headers["origin_partition"]), int(headers["origin_offset"])))
    return letters


def rightly_parked(stack, wanted, commands):
    """Command ids of the records that faults published (known by a header of theirs) or marked."""
    at = {(o["partition"], o["offset"]): command for command, o in commands.items()}
    found = {name for name in wanted if not name.startswith("fault-")}
    missing = {name for name in wanted if name.startswith("fault-")}
    if missing:
        for line in kcat(stack, "orders.commands.v1", "%p %o %h\n"):
            partition, offset, headers = (line.split(" ", 2) + [""])[:3]
            for name in [name for name in missing if name in headers]:
                missing.discard(name)
                found.add(at.get((int(partition), int(offset)), name))
    return found | missing


def read_boards(stack, locations):
    rows = stack.sql("SELECT location_id::text, seq, open_hash, open_count FROM locations")
    return {row[0]: (row[1], f"{row[2] % 2**64:016x}", row[3]) for row in rows if row[0] in locations}


def read_redis(stack, locations):
    found = {}
    for location in locations:
        head = (stack.redis("GET", "{%s}:head" % location) or "").split()
        count = stack.redis("ZCARD", "{%s}:open" % location)
        found[location] = (int(head[0]), head[2], count) if len(head) > 2 else None
    return found


def settled(stack, ops):
    """Every acknowledged command has an outcome."""
    ids = list({op["command_id"] for op in ops if op["answer"] and op["answer"]["status"] in (200, 201, 202)})
    (count,), = stack.sql("SELECT count(*) FROM commands WHERE command_id = ANY(%s::uuid[])", ids)
    return count >= len(ids)


def wait_settled(stack, ops, limit_s):
    """False when acknowledged commands are without an outcome after all that time: the checker will name them."""
    try:
        eventually(lambda: settled(stack, ops), limit_s, 0.3)
        return True
    except AssertionError:
        return False


def gather(stack, locations, record, screens, faults, wanted, deaths):
    locations = [str(uuid.UUID(location)) for location in locations]
    boards = read_boards(stack, locations)
    try:  # the cache may take a moment after the last commit
        eventually(lambda: read_redis(stack, locations) == boards, 30, 0.5)
    except AssertionError:
        pass
    commands = read_commands(stack)
    rows = stack.sql("SELECT order_id::text, location_id::text, number, status, version FROM orders")
    return {
        "locations": locations, "ops": record.ops, "reads": record.reads, "faults": faults, "deaths": deaths,
        "screens": [{"location": screen.location, "items": screen.items} for screen in screens],
        "commands": commands,
        "orders": {row[0]: dict(zip(("location", "number", "status", "version"), row[1:])) for row in rows},
        "journal": read_journal(stack), "log": read_log(stack),
        "mailbox": [{"command_id": line["command_id"]} for line in replay(stack, "orders.commands.v1")],
        "letters": read_letters(stack), "heads": {location: board[0] for location, board in boards.items()},
        "boards": boards, "redis": read_redis(stack, locations),
        "parked": rightly_parked(stack, wanted, commands),
    }
