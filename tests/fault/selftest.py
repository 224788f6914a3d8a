"""Shows that the checker can fail: a true record is doctored in one way after the other, and each has to be found.

Used by `run --self-test`. A row of LIES is a name, the kind of finding it must lead to, and the doctor. The true
record, which nobody has doctored, must lead to none.
"""
import collections
import copy
import hashlib
import struct
import uuid

import check

LOCATIONS = [str(uuid.UUID(int=number, version=4)) for number in (1, 2)]
ORDERS = 6  # at each location
STEPS = (("place", "order_placed", "accepted"), ("start", "order_started", "preparing"),
         ("ready", "order_readied", "ready"), ("complete", "order_completed", "completed"))
POISON = str(uuid.UUID(int=99, version=4))


class Truth:
    """A small world in which nothing went wrong: each location cooked its orders, one was parked rightly."""

    def __init__(self):
        self.clock = 1000.0
        self.seqs, self.offsets, self.chains = collections.Counter(), collections.Counter(), {}
        self.found = {
            "locations": list(LOCATIONS), "ops": [], "reads": [], "screens": [], "commands": {}, "orders": {},
            "journal": [], "log": [], "mailbox": [], "letters": set(), "heads": {}, "boards": {}, "redis": {},
            "parked": {POISON},
            "faults": [{"kind": "kill worker", "from": "harm", "harmed_at": 1000.5, "healed_at": 1000.6, "note": ""}],
            "deaths": [{"part": "postgres", "at": 1.0, "exit": 1}]}
        for number in range(ORDERS):
            for partition, location in enumerate(LOCATIONS):
                self.cook(partition, location, number)
        self.refuse()
        self.park()
        for location in LOCATIONS:
            self.found["heads"][location] = self.seqs[location]
            self.found["boards"][location] = self.found["redis"][location] = (self.seqs[location], "0" * 16, 0)
        self.watch()

    def command(self, partition, location, kind, order, err, status):
        command = order if kind == "place" else str(uuid.uuid4())
        offset = self.offsets[partition]
        self.offsets[partition] += 1
        self.clock += 1
        attempts = [{"at": self.clock, "until": self.clock + 0.2, "status": 504},
                    {"at": self.clock + 0.3, "until": self.clock + 0.5, "status": status}]
        self.found["ops"].append({"kind": kind, "command_id": command, "order_id": order, "location": location,
                                  "first": self.clock, "attempts": attempts, "answer": attempts[-1]})
        self.found["commands"][command] = {
            "err": err, "type": f"order_{kind}", "location": location, "partition": partition, "offset": offset,
            "committed": self.clock + 0.4}
        self.found["mailbox"].append({"command_id": command})
        return command

    def cook(self, partition, location, number):
        order = str(uuid.UUID(int=1000 * partition + number, version=4))
        for version, (kind, event, state) in enumerate(STEPS, 1):
            command = self.command(partition, location, kind, order, "OK", 202)
            self.seqs[location] += 1
            seq, value, at = self.seqs[location], f"{order} {version}".encode(), int(self.clock * 1000000)
            before = self.chains.get(location, bytes(32))
            chain = hashlib.blake2b(before + struct.pack(">q", seq) + event.encode() + struct.pack(">q", at) + value,
                                    digest_size=32).digest()
            self.chains[location] = chain
            row = {"location": location, "seq": seq, "type": event, "order_id": order, "command_id": command}
            self.found["journal"].append({**row, "at": at, "hash": chain, "value": value})
            self.found["log"].append({**row, "version": version, "state": state})
        self.found["orders"][order] = {"location": location, "number": number + 1, "status": "completed", "version": 4}
        self.found["reads"].append({"order_id": order, "at": self.clock + 1, "past": 0, "status": 200, "version": 4})

    def refuse(self):
        order = self.found["ops"][0]["order_id"]
        command = self.command(0, LOCATIONS[0], "cancel", order, "CONFLICT", 409)
        self.found["log"].append({"location": LOCATIONS[0], "seq": None, "type": "command_refused", "order_id": order,
                                  "command_id": command, "version": None, "state": None})

    def park(self):
        self.found["commands"][POISON] = {"err": "PARKED", "type": None, "location": LOCATIONS[0], "partition": 0,
                                          "offset": self.offsets[0], "committed": self.clock}
        self.found["letters"].add((0, self.offsets[0]))
        self.found["log"].append({"location": LOCATIONS[0], "seq": None, "type": "command_parked", "order_id": None,
                                  "command_id": POISON, "version": None, "state": None})

    def watch(self):
        facts = check.fold(self.found)
        for location in LOCATIONS:
            items = [("start", 0), ("open", 0, 0)]
            for seq in range(1, self.seqs[location] + 1):
                event, board = facts[location, seq]
                items += [("event", seq, *event), ("beat", seq, board)]
                if seq == 5:
                    items += [("end", "closed"), ("open", seq, 1)]
            self.found["screens"].append({"location": location, "items": items})


# ---- the doctors

def op_of(found, kind="place", number=0):
    return [op for op in found["ops"] if op["kind"] == kind][number]


def without(rows, **wanted):
    rows[:] = [row for row in rows if any(row[name] != value for name, value in wanted.items())]


def swap(rows, first, second):
    rows[first], rows[second] = rows[second], rows[first]


def events_of(screen):
    return [at for at, item in enumerate(screen["items"]) if item[0] == "event"]


def lose_outcome(found):
    del found["commands"][op_of(found, "start")["command_id"]]


def lose_order(found):
    del found["orders"][op_of(found)["order_id"]]


def lose_from_log(found):
    without(found["log"], command_id=op_of(found)["command_id"])


def lose_from_mailbox(found):
    without(found["mailbox"], command_id=op_of(found, "ready")["command_id"])


def double_placement(found):
    found["log"].append(dict(found["log"][0], seq=1000))


def double_effect(found):
    found["journal"][1]["command_id"] = found["journal"][0]["command_id"]


def double_ticket(found):
    orders = [order for order in found["orders"].values() if order["location"] == LOCATIONS[0]]
    orders[1]["number"] = orders[0]["number"]


def double_name(found):
    op_of(found)["answer"]["id"] = str(uuid.uuid4())


def swap_in_journal(found):
    swap(found["journal"], 0, 1)


def swap_in_log(found):
    swap(found["log"], 0, 1)


def swap_offsets(found):
    first, second = (found["commands"][op_of(found, kind)["command_id"]] for kind in ("start", "ready"))
    first["offset"], second["offset"] = second["offset"], first["offset"]


def skip_version(found):
    found["log"][2]["version"] = 4


def skip_seq(found):
    for event in found["log"][2:]:
        if event["location"] == LOCATIONS[0] and event["seq"]:
            event["seq"] += 1


def gap(found):
    del found["screens"][0]["items"][events_of(found["screens"][0])[3]]


def stop_early(found):
    screen = found["screens"][1]
    del screen["items"][events_of(screen)[-1]:]


def repeat_event(found):
    screen = found["screens"][0]
    at = events_of(screen)[4]
    screen["items"].insert(at, screen["items"][at])


def tell_untruth(found):
    screen = found["screens"][0]
    at = events_of(screen)[2]
    screen["items"][at] = (*screen["items"][at][:4], 7)


def wrong_beat(found):
    items = found["screens"][0]["items"]
    at = next(at for at, item in enumerate(items) if item[0] == "beat")
    items[at] = ("beat", items[at][1], "f" * 16)


def park_wrongly(found):
    command = op_of(found)["command_id"]
    found["commands"][command]["err"] = "PARKED"
    found["letters"].add((found["commands"][command]["partition"], found["commands"][command]["offset"]))


def do_not_park(found):
    del found["commands"][POISON]


def lose_letter(found):
    found["letters"].clear()


def promise_refused(found):
    op = op_of(found)
    op["answer"]["status"] = 201
    found["commands"][op["command_id"]]["err"] = "INVALID"


def refuse_applied(found):
    op_of(found, "start")["answer"]["status"] = 409


def deny_stored(found):
    op = op_of(found)
    op["attempts"], op["answer"], op["gave_up"] = [{"at": 1.0, "until": 2.0, "status": 503}], None, True


def deny_order(found):
    found["reads"][0]["status"] = 404


def invent_version(found):
    found["reads"][0]["version"] = 9


def answer_strangely(found):
    op_of(found)["answer"]["status"] = 500


def leave_unanswered(found):
    op_of(found)["answer"] = None


def change_value(found):
    found["journal"][3]["value"] += b"!"


def change_log(found):
    found["log"][3]["type"] = "order_recalled"


def keep_outcome_from_log(found):
    without(found["log"], type="command_refused")


def stale_cache(found):
    found["redis"][LOCATIONS[1]] = (1, "0" * 16, 0)


def empty_cache(found):
    found["redis"][LOCATIONS[0]] = None


def crash(found):
    found["deaths"].append({"part": "worker-1", "at": 1.0, "exit": -11})


def recover_late(found):
    for outcome in found["commands"].values():
        outcome["committed"] += 60


def never_recover(found):
    found["faults"].append(dict(found["faults"][0], harmed_at=10**6))


LIES = [
    ("an acknowledged step has no outcome", "lost", lose_outcome),
    ("an acknowledged order has no row", "lost", lose_order),
    ("an acknowledged order is not in the log", "lost", lose_from_log),
    ("an acknowledged step is not in the mailbox", "lost", lose_from_mailbox),
    ("an order is placed twice", "doubled", double_placement),
    ("a command has two effects", "doubled", double_effect),
    ("two orders have one ticket number", "doubled", double_ticket),
    ("a retry is told another id", "doubled", double_name),
    ("a screen sees an event again", "doubled", repeat_event),
    ("two events are swapped in the journal", "out of order", swap_in_journal),
    ("two events are swapped in the log", "out of order", swap_in_log),
    ("a later request stands first in the mailbox", "out of order", swap_offsets),
    ("an order's version is skipped", "out of order", skip_version),
    ("a seq is skipped", "out of order", skip_seq),
    ("a screen misses an event", "silent gap", gap),
    ("a screen misses the newest event", "silent gap", stop_early),
    ("a good record is parked", "wrongly parked", park_wrongly),
    ("a bad record is not parked", "not parked", do_not_park),
    ("a parked record left no letter", "not parked", lose_letter),
    ("a screen is told of another version", "untrue", tell_untruth),
    ("a heartbeat has another board's hash", "untrue", wrong_beat),
    ("201 for what was refused", "untrue", promise_refused),
    ("409 for what was applied", "untrue", refuse_applied),
    ("503 for what was stored", "untrue", deny_stored),
    ("404 for an acknowledged order", "untrue", deny_order),
    ("a poller sees a version that never was", "untrue", invent_version),
    ("500 for an order", "unexpected", answer_strangely),
    ("no answer at all", "unanswered", leave_unanswered),
    ("a byte of the journal is changed", "broken chain", change_value),
    ("the log tells another event", "log and journal differ", change_log),
    ("an outcome is not in the log", "log and journal differ", keep_outcome_from_log),
    ("the cache is behind", "cache", stale_cache),
    ("the cache is empty", "cache", empty_cache),
    ("a worker crashed", "crashed", crash),
    ("a recovery took a minute", "slow", recover_late),
    ("a location never came back", "slow", never_recover),
]


def main():
    """One line a case; 1 when a lie was not found, or the truth was taken for one."""
    bad = 0
    truth = Truth().found
    honest = check.check(copy.deepcopy(truth), 10)
    for line in honest.shown():
        print(line)
    bad += bool(honest.findings)
    print(f"{'FAILED' if honest.findings else 'ok':6} the truth has no findings")
    for name, kind, doctor in LIES:
        found = copy.deepcopy(truth)
        doctor(found)
        report = check.check(found, 10)
        good = report.count(kind) > 0
        bad += not good
        print(f"{'ok' if good else 'FAILED':6} {name}: {kind}" + ("" if good else f"; found {report.findings[:3]}"))
    unproven = set(check.KINDS) - {kind for _, kind, _ in LIES}
    if unproven:
        print(f"FAILED no lie shows that these are found: {', '.join(sorted(unproven))}")
    bad += bool(unproven)
    print(f"\n{len(LIES) + 2 - bad} passed, {bad} failed")
    return 1 if bad else 0
