"""The checker: holds what the clients and screens were told against the database, both topics and Redis.

Used by run, and by selftest.py on doctored evidence. Pure: it reads nothing but its evidence, a dict that evidence.py
describes. Every finding names its kind, its place and what is wrong; any finding fails a run.
"""
import collections
import hashlib
import struct

KINDS = ("lost", "doubled", "out of order", "silent gap", "wrongly parked", "not parked", "untrue", "broken chain",
         "log and journal differ", "cache", "unanswered", "unexpected", "crashed", "slow")

ACKNOWLEDGED = (200, 201, 202)
# What a client may be told for good, by kind of request.
EXPECTED = {"place": (201, 202, 422), "cancel": (200, 202, 409), "start": (200, 202, 409), "ready": (200, 202, 409),
            "complete": (200, 202, 409)}
OPEN = ("placed", "accepted", "preparing", "ready")
SHOWN_OF_EACH = 12


class Report:
    def __init__(self):
        self.findings = []
        self.counts = collections.Counter()

    def find(self, kind, where, what):
        assert kind in KINDS, kind
        self.findings.append({"kind": kind, "where": where, "what": what})

    def count(self, kind):
        return sum(finding["kind"] == kind for finding in self.findings)

    def shown(self):
        seen = collections.Counter()
        for finding in self.findings:
            seen[finding["kind"]] += 1
            if seen[finding["kind"]] <= SHOWN_OF_EACH:
                yield f"{finding['kind']}: {finding['where']}: {finding['what']}"
        for kind, count in seen.items():
            if count > SHOWN_OF_EACH:
                yield f"{kind}: {count - SHOWN_OF_EACH} more"


# ---- what clients were told

def check_answers(evidence, report):
    """Each request got a definite answer, of a kind it may get, and one that is true."""
    commands, parked = evidence["commands"], evidence["parked"]
    for op in evidence["ops"]:
        where = f"{op['kind']} {op['command_id']}"
        answer, outcome = op["answer"], commands.get(op["command_id"])
        if answer is None:
            if not op.get("gave_up"):
                report.find("unanswered", where, f"{len(op['attempts'])} attempts, the last: {op['attempts'][-1:]}")
            continue
        if answer["status"] not in EXPECTED[op["kind"]] and op["command_id"] not in parked:
            report.find("unexpected", where, f"answered with {answer}")
            continue
        for name in ("command_id", "id"):
            told = answer.get(name)
            wanted = op["command_id"] if name == "command_id" or op["kind"] == "place" else op["order_id"]
            if answer["status"] in ACKNOWLEDGED and told is not None and told != wanted:
                report.find("doubled", where, f"the answer's {name} is {told}")
        if outcome is None:
            if answer["status"] in ACKNOWLEDGED:
                report.find("lost", where, f"acknowledged with {answer['status']}, and no outcome is in the database")
            else:
                report.find("untrue", where, f"refused with {answer['status']}, and no outcome is in the database")
            continue
        applied = outcome["err"] == "OK"
        if answer["status"] in (200, 201) and not applied or answer["status"] in (409, 422) and applied:
            report.find("untrue", where, f"answered with {answer['status']}, its outcome is {outcome['err']}")


def check_denied(evidence, report):
    """Who was told each time that nothing was stored finds nothing stored; an acknowledged order is never unknown."""
    stored = {line["command_id"] for line in evidence["mailbox"]}
    acknowledged = {}
    for op in evidence["ops"]:
        statuses = [attempt.get("status") for attempt in op["attempts"]]
        if statuses and set(statuses) == {503} and op["answer"] is None and op["command_id"] in stored:
            report.find("untrue", f"{op['kind']} {op['command_id']}",
                        "told that nothing was stored; it is in the mailbox")
        if op["kind"] == "place" and op["answer"] and op["answer"]["status"] in ACKNOWLEDGED:
            acknowledged[op["order_id"]] = op["answer"]["until"]
    for read in evidence["reads"]:
        known_since = acknowledged.get(read["order_id"])
        if read.get("status") == 404 and known_since is not None and known_since <= read["at"]:
            report.find("untrue", f"order {read['order_id']}", "acknowledged, then GET said 404")


def check_placed(evidence, report):
    """Each acknowledged order is a row, and stands in the mailbox, the journal and the events topic: there once."""
    journal, log = (collections.Counter(
        e["order_id"] for e in evidence[place] if e["type"] in ("order_placed", "order_rejected")
        and evidence["commands"].get(e["command_id"], {}).get("type") == "order_place") for place in ("journal", "log"))
    stored = {line["command_id"] for line in evidence["mailbox"]}
    for op in evidence["ops"]:
        answer = op["answer"]
        if answer is None or answer["status"] not in ACKNOWLEDGED or op["command_id"] in evidence["parked"]:
            continue
        if op["command_id"] not in stored:
            report.find("lost", f"{op['kind']} {op['command_id']}", "acknowledged, and not in the mailbox")
        if op["kind"] == "place":
            order = op["order_id"]
            for place, there in (("the orders", order in evidence["orders"]), ("the journal", journal[order]),
                                 ("the events topic", log[order])):
                if not there:
                    report.find("lost", f"order {order}", f"acknowledged, and not in {place}")
    for place, counts in (("journal", journal), ("events topic", log)):
        for order, count in counts.items():
            if count > 1:
                report.find("doubled", f"order {order}", f"{count} placements in the {place}")


def check_effects(evidence, report):
    """No command has two effects, no ticket number is given twice."""
    for place in ("journal", "log"):
        effects = collections.Counter(e["command_id"] for e in evidence[place] if e["seq"])
        for command, count in effects.items():
            if count > 1:
                report.find("doubled", f"command {command}", f"{count} events in the {place}")
    numbers = collections.Counter((o["location"], o["number"]) for o in evidence["orders"].values() if o["number"])
    for (location, number), count in numbers.items():
        if count > 1:
            report.find("doubled", f"location {location}", f"ticket {number} was given {count} times")


# ---- order

def check_sequences(evidence, report):
    """Each location's seq is dense in the journal and in the log; each order's versions follow one another."""
    for place in ("journal", "log"):
        seqs, versions = collections.defaultdict(list), collections.defaultdict(list)
        for event in evidence[place]:
            if event["seq"]:
                seqs[event["location"]].append(event["seq"])
                if event.get("version"):
                    versions[event["order_id"]].append(event["version"])
        for location, found in seqs.items():
            if found != list(range(1, len(found) + 1)):
                at = next(i for i, seq in enumerate(found) if seq != i + 1)
                report.find("out of order", f"location {location}",
                            f"the {place} has seq {found[at]} after {found[at - 1:at]}")
        for order, found in versions.items():
            if found != list(range(1, len(found) + 1)):
                report.find("out of order", f"order {order}", f"its versions in the {place} are {found}")


def check_happened_before(evidence, report):
    """What was acknowledged before another request of the location was sent comes before it in the mailbox."""
    of = collections.defaultdict(list)
    for op in evidence["ops"]:
        outcome = evidence["commands"].get(op["command_id"])
        if outcome is not None and not op.get("again"):
            of[op["location"]].append((op, outcome["offset"]))
    for location, ops in of.items():
        answered = sorted(((op["answer"]["until"], offset, op) for op, offset in ops if op["answer"]),
                          key=lambda row: row[0])
        highest, position = (-1, None), 0
        for op, offset in sorted(ops, key=lambda row: row[0]["first"]):
            while position < len(answered) and answered[position][0] < op["first"]:
                highest = max(highest, (answered[position][1], answered[position][2]["command_id"]))
                position += 1
            if offset < highest[0]:
                report.find("out of order", f"location {location}",
                            f"{op['command_id']} was sent after {highest[1]} was acknowledged, "
                            f"and stands at {offset}, before {highest[0]}")


def check_chains(evidence, report):
    for location in evidence["locations"]:
        chain = bytes(32)
        for event in (e for e in evidence["journal"] if e["location"] == location and e["hash"] is not None):
            chain = hashlib.blake2b(chain + struct.pack(">q", event["seq"]) + event["type"].encode() +
                                    struct.pack(">q", event["at"]) + event["value"], digest_size=32).digest()
            if chain != event["hash"]:
                report.find("broken chain", f"location {location}", f"at seq {event['seq']}")
                break


def check_log(evidence, report):
    """The events topic tells what the journal holds, and nothing else."""
    def told(place):
        return {(e["location"], e["seq"]): (e["type"], e["order_id"], e["command_id"])
                for e in evidence[place] if e["seq"]}
    journal, log = told("journal"), told("log")
    for place in sorted(journal.keys() | log.keys()):
        if journal.get(place) != log.get(place):
            report.find("log and journal differ", f"location {place[0]} seq {place[1]}",
                        f"journal: {journal.get(place)}, log: {log.get(place)}")
    settled = {e["command_id"] for e in evidence["log"]}
    for command, outcome in evidence["commands"].items():
        if command not in settled:
            report.find("log and journal differ", f"command {command}",
                        f"its outcome {outcome['err']} is not in the log")


# ---- screens and pollers

def fold(evidence):
    """Of each location and seq what a screen may be told: the event, and the hash of the board after it."""
    facts, boards = {}, {}
    for event in evidence["log"]:
        if not event["seq"]:
            continue
        board = boards.setdefault(event["location"], {"hash": 0, "open": {}})
        if event.get("version"):
            board["hash"] ^= board["open"].pop(event["order_id"], 0)
            if event["state"] in OPEN:
                mark = hashlib.sha256(f"{event['order_id']}:{event['version']}".encode()).digest()[:8]
                board["open"][event["order_id"]] = int.from_bytes(mark, "big")
                board["hash"] ^= board["open"][event["order_id"]]
        facts[event["location"], event["seq"]] = ((event["type"], event["order_id"], event.get("version")),
                                                  f"{board['hash']:016x}")
    return facts


def check_screens(evidence, report):
    """Each screen saw each event once and in order, or was told that it did not; and what it saw is true."""
    facts = fold(evidence)
    for screen in evidence["screens"]:
        where, last = f"screen of {screen['location']}", None
        for item in screen["items"]:
            kind = item[0]
            if kind == "start":
                last = item[1]
            elif kind == "reset":
                report.counts["resets"] += 1
                report.counts[f"resets, {item[2]}"] += 1
                last = item[1]
            elif kind == "event":
                report.counts["events seen"] += 1
                if item[1] <= last:
                    report.find("doubled", where, f"seq {item[1]} again, after {last}")
                elif item[1] > last + 1:
                    report.find("silent gap", where, f"seq {item[1]} after {last}")
                fact = facts.get((screen["location"], item[1]))
                if fact is None or fact[0] != tuple(item[2:5]):
                    report.find("untrue", where, f"saw {item[1:]}, the log says {fact and fact[0]}")
                last = item[1]
            elif kind == "beat" and item[1] is None:  # Redis is away, and the gateway says that it does not know
                report.counts["heartbeats that know nothing"] += 1
            elif kind == "beat":
                fact = facts.get((screen["location"], item[1]))
                if fact is None or fact[1] != item[2]:
                    report.find("untrue", where, f"a heartbeat said {item[1:]}, the log says {fact and fact[1]}")
            elif kind == "open":
                report.counts["streams opened"] += 1
        head = evidence["heads"].get(screen["location"], 0)
        if last is None or last < head:
            report.find("silent gap", where, f"it came to {last}, the head is {head}, and nobody told it")


def check_reads(evidence, report):
    """A poller's versions exist; that one falls behind what it saw before is counted."""
    for read in evidence["reads"]:
        report.counts["reads"] += 1
        report.counts["reads answered"] += read.get("status") in (200, 304)
        if read.get("status") == 200 and read.get("version", 0) < read["past"]:
            report.counts["reads that fell behind"] += 1
        order = evidence["orders"].get(read["order_id"])
        if read.get("status") == 200 and order is not None and read.get("version", 0) > order["version"]:
            report.find("untrue", f"order {read['order_id']}",
                        f"GET said version {read['version']} of {order['version']}")


# ---- the rest

def check_parked(evidence, report):
    parked = {command for command, outcome in evidence["commands"].items() if outcome["err"] == "PARKED"}
    report.counts["parked"] = len(parked)
    for command in sorted(parked - set(evidence["parked"])):
        report.find("wrongly parked", f"command {command}", str(evidence["commands"][command]))
    for command in sorted(set(evidence["parked"]) - parked):
        report.find("not parked", f"command {command}", str(evidence["commands"].get(command, "has no outcome")))
    for command in sorted(parked):
        outcome = evidence["commands"][command]
        if (outcome["partition"], outcome["offset"]) not in evidence["letters"]:
            report.find("not parked", f"command {command}", "there is no dead letter of it")


def check_cache(evidence, report):
    for location in evidence["locations"]:
        if evidence["redis"].get(location) != evidence["boards"].get(location):
            report.find("cache", f"location {location}", f"Redis has {evidence['redis'].get(location)}, the database "
                        f"{evidence['boards'].get(location)}")


def check_deaths(evidence, report):
    for death in evidence["deaths"]:
        if death["part"].startswith(("gateway", "worker")) and death["exit"] != 0:
            report.find("crashed", death["part"], f"ended with {death['exit']}, and nobody killed it")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def check_recovery(evidence, report, bound_s):
    """For each fault the time until each location had applied an order that was sent after it."""
    of = collections.defaultdict(list)
    for op in evidence["ops"]:
        outcome = evidence["commands"].get(op["command_id"])
        if op["kind"] == "place" and outcome and outcome["err"] == "OK" and not op.get("again"):
            of[op["location"]].append((op["first"], outcome["committed"]))
    times = []
    for fault in evidence["faults"]:
        since = fault["harmed_at"] if fault["from"] == "harm" else fault["healed_at"]
        back = [min((committed for first, committed in of[location] if first >= since), default=None)
                for location in evidence["locations"]]
        if None in back:
            report.find("slow", fault["kind"],
                        f"{back.count(None)} locations never applied an order that was sent after it")
            continue
        fault["first_s"], fault["recovered_s"] = min(back) - since, max(back) - since
        fault["since_harm_s"] = max(back) - fault["harmed_at"]
        times.append(fault["recovered_s"])
    if times and percentile(times, 0.99) > bound_s:
        worst = max(evidence["faults"], key=lambda fault: fault.get("recovered_s", 0))
        report.find("slow", worst["kind"], f"p99 {percentile(times, 0.99):.1f} s is over {bound_s} s; the worst took "
                    f"{worst['recovered_s']:.1f} s")


def check(evidence, bound_s):
    report = Report()
    placed = [op for op in evidence["ops"] if op["kind"] == "place" and "again" not in op]
    acknowledged = [op for op in evidence["ops"] if op["answer"] and op["answer"]["status"] in ACKNOWLEDGED]
    outcomes = collections.Counter("applied" if o["err"] == "OK" else "parked" if o["err"] == "PARKED" else "refused"
                                   for o in evidence["commands"].values())
    report.counts.update({
        "orders sent": len(placed), "requests": len(evidence["ops"]),
        "attempts": sum(len(op["attempts"]) for op in evidence["ops"]), "acknowledged": len(acknowledged),
        "applied": outcomes["applied"], "refused": outcomes["refused"], "resets": 0})
    for look in (check_answers, check_denied, check_placed, check_effects, check_sequences, check_happened_before,
                 check_chains, check_log, check_screens, check_reads, check_parked, check_cache, check_deaths):
        look(evidence, report)
    check_recovery(evidence, report, bound_s)
    return report
