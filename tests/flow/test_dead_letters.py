"""What is parked, why, and what people do about it: each kind of letter from its record to its end.

After each: parked exactly once, its client is told, its neighbours go on, a redrive brings the order to life, and a
second redrive changes nothing.
"""
import json
import signal
import threading
import uuid

import pytest

from harness import ROOT, eventually

WHO = ("--who", "the tests")


@pytest.fixture(scope="module")
def location(stack):
    location = str(uuid.uuid4())
    stack.zapora("menu", "apply", ROOT / "deploy/local/demo/restaurant.json", "--location", location)
    eventually(lambda: stack.api().get(f"/menu-items?location_id={location}").status == 200, what="the menu is served")
    return location


def basket(stack, location, **more):
    return dict(stack.basket(), location_id=location, **more)


def objects(run):
    return [json.loads(line) for line in run.stdout.splitlines()]


def letters(stack, *more):
    return objects(stack.zapora("dead-letters", "list", "--json", "--state", "all", "--limit", 100000, *more))


def letter_of(stack, command_id, timeout_s=60):
    def one():
        found = [letter for letter in letters(stack) if letter["command_id"] == command_id]
        assert len(found) <= 1, "one letter stands twice"
        return found and found[0]
    return eventually(one, timeout_s, 0.3, f"{command_id} is parked")


def redrive(stack, command_id, *more, code=0):
    run = stack.zapora("dead-letters", "redrive", command_id, "--json", *WHO, *more, check=False)
    assert run.returncode == code, run.stdout + run.stderr
    return objects(run), run.stderr


def check_parked(stack, location, order_id, kind, role="customer"):
    """Everybody who asks is told, and nothing else waits for it."""
    letter = letter_of(stack, order_id)
    assert (letter["class"], letter["state"]) == (kind, "open")
    assert letter["attempts"] >= 1 and letter["first_at"] <= letter["last_at"] and letter["error"]
    assert stack.sql("SELECT err FROM commands WHERE command_id = %s", order_id) == [("PARKED",)]
    def shown():  # the log has the letter before the cache's tick has passed the record
        answer = stack.api(role).get(f"/orders/{order_id}").expect(200)
        return answer if answer.json["status"] != "submitted" else None
    answer = eventually(shown, what="the order is shown as parked")
    assert answer.headers["ETag"] is None  # a redrive makes it version 1
    order = answer.json
    assert (order["id"], order["status"]) == (order_id, "rejected")
    assert [reason["code"] for reason in order["reasons"]] == ["parked", kind]
    command = eventually(lambda: [each for each in [stack.api(role).get(f"/commands/{order_id}").expect(200).json]
                                  if each["status"] != "pending"], what="the command is settled")[0]
    assert (command["status"], command["reasons"][0]["code"]) == ("refused", "parked")
    following = stack.place(basket(stack, location)).expect(202).json["id"]
    stack.order_reaches(following, "accepted")
    return letter


def check_steps_refused(stack, order_id):
    answer = stack.api("admin").post(f"/orders/{order_id}/cancel", {}, headers={"Prefer": "wait=10"}).expect(409)
    assert answer.json["type"] == "/problems/order-parked"


def events_of(stack, order_id):
    return stack.sql("SELECT count(*) FROM order_events WHERE order_id = %s", order_id)[0][0]


def check_redriven(stack, letter, order_id):
    """A dry run changes nothing, the first redrive places the order, the second changes nothing."""
    plan, = redrive(stack, order_id, "--dry-run")[0]
    assert plan["would"] == "apply" and plan["order_now"] is None
    assert plan["event"]["order"]["id"] == order_id
    assert events_of(stack, order_id) == 0 and letter_of(stack, order_id)["state"] == "open"
    done, = redrive(stack, order_id)[0]
    assert done["outcome"]["status"] == "applied" and done["outcome"]["order_id"] == order_id
    assert done["outcome"]["id"] == plan["redrive_id"]
    stack.order_reaches(order_id, "accepted")
    assert stack.api("customer").get(f"/commands/{order_id}").status in (200, 404)  # the first outcome stays
    again, = redrive(stack, order_id)[0]
    assert again["would"] == "nothing"
    settled = letter_of(stack, order_id)
    assert settled["state"] == "redriven" and settled["settled"]["redrive_id"] == plan["redrive_id"]
    assert settled["settled"]["who"] == "the tests"
    assert (settled["partition"], settled["offset"]) == (letter["partition"], letter["offset"])
    assert events_of(stack, order_id) == 1


def copied_command(stack, location):
    """A new placement, made of the bytes of an old one: fresh id, value, headers."""
    order_id = stack.place(basket(stack, location), wait_s=10).expect(201).json["id"]
    (partition, offset), = stack.sql("SELECT partition, command_offset FROM commands WHERE command_id = %s", order_id)
    value, headers = stack.record("orders.commands.v1", partition, offset)
    fresh = order_id[:24] + uuid.uuid4().hex[:12]
    headers = {name: text.replace(order_id, fresh) for name, text in headers.items()}
    return fresh, value.replace(order_id.encode(), fresh.encode()), headers, partition


# ---- what the record itself is ---------------------------------------------------------------------------------------


def test_undecodable_bytes_are_discarded(stack, location):
    order_id, value, headers, _ = copied_command(stack, location)
    stack.produce("orders.commands.v1", value[:-7], key=location, headers=headers)
    check_parked(stack, location, order_id, "undecodable")
    check_steps_refused(stack, order_id)
    plan, = redrive(stack, order_id, code=1)[0]
    assert plan["would"] == "nothing" and plan["why"]
    assert letter_of(stack, order_id)["state"] == "open"
    shown, = objects(stack.zapora("dead-letters", "show", order_id, "--json"))
    assert shown["command"] is None and shown["value_bytes"] == len(value) - 7
    assert stack.zapora("dead-letters", "discard", order_id, *WHO, check=False).returncode == 2  # without a reason
    stack.zapora("dead-letters", "discard", order_id, *WHO, "--reason", "cut off", "--dry-run")
    assert letter_of(stack, order_id)["state"] == "open"
    stack.zapora("dead-letters", "discard", order_id, *WHO, "--reason", "cut off")
    settled = letter_of(stack, order_id)
    assert settled["state"] == "discarded" and settled["settled"]["reason"] == "cut off"
    assert order_id not in stack.zapora("dead-letters", "list").stdout
    assert "before" in stack.zapora("dead-letters", "discard", order_id, *WHO, "--reason", "again").stdout


def test_a_record_in_a_wrong_partition_is_redriven_into_its_own(stack, location):
    order_id, value, headers, partition = copied_command(stack, location)
    wrong = (partition + 1) % 64
    stack.produce("orders.commands.v1", value, key=location, partition=wrong, headers=headers)
    letter = check_parked(stack, location, order_id, "misplaced")
    assert letter["partition"] == wrong
    check_steps_refused(stack, order_id)
    check_redriven(stack, letter, order_id)


def test_a_foreign_key_is_redriven_under_its_own(stack, location):
    order_id, value, headers, _ = copied_command(stack, location)
    stack.produce("orders.commands.v1", value, key=str(uuid.uuid4()), headers=headers)
    letter = check_parked(stack, location, order_id, "misplaced")
    assert letter["location_id"] == location
    check_redriven(stack, letter, order_id)


# ---- what it does to those who apply it ------------------------------------------------------------------------------


@pytest.fixture
def poison(stack):
    """Orders with such a note fail in the database by an error of their own, or hold their worker there."""
    stack.sql("""
        CREATE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.note LIKE 'poison %' THEN RAISE EXCEPTION USING ERRCODE = '22012', MESSAGE = 'test'; END IF;
            IF NEW.note LIKE 'killer %' THEN  -- whoever survives it would try for ever
                PERFORM pg_sleep(2);
                RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'test';
            END IF;
            RETURN NEW;
        END $$""")
    stack.sql("CREATE TRIGGER test_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION test_poison()")

    def mend():
        stack.sql("DROP TRIGGER IF EXISTS test_poison ON orders")
        stack.sql("DROP FUNCTION IF EXISTS test_poison")
    yield mend
    mend()


def test_what_fails_by_itself_is_parked_at_the_second_try(stack, location, poison):
    order_id = stack.place(basket(stack, location, note=f"poison {uuid.uuid4()}")).expect(202).json["id"]
    letter = check_parked(stack, location, order_id, "failed_by_itself")
    assert letter["attempts"] == 2 and "22012" in letter["error"]
    check_steps_refused(stack, order_id)
    poison()
    check_redriven(stack, letter, order_id)


def test_a_redrive_that_parks_again_is_counted_and_ends(stack, location, poison):
    command_id = order_id = stack.place(basket(stack, location, note=f"poison {uuid.uuid4()}")).expect(202).json["id"]
    for count in range(3):
        letter = letter_of(stack, command_id)
        assert letter["redrive_count"] == count
        done, = redrive(stack, command_id, code=1)[0]
        assert done["outcome"]["reasons"][0]["code"] == "parked"
        again = letter_of(stack, done["outcome"]["id"])
        assert again["redrives"] == command_id
        command_id = again["command_id"]
    said = redrive(stack, command_id, code=1)[1]
    assert "3 times" in said
    assert letter_of(stack, command_id)["state"] == "open"
    poison()
    done, = redrive(stack, command_id, "--force")[0]
    assert done["outcome"]["status"] == "applied"
    stack.order_reaches(order_id, "accepted")
    assert events_of(stack, order_id) == 1


class Killer(threading.Thread):
    """Every worker whose transaction sits in the trigger dies there, as one that the record crashes would."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.deaths = stack, []
        self.stopping = threading.Event()

    def run(self):
        seen = set()  # a backend sleeps on after its client's death: the next worker of that name is not its client
        while not self.stopping.wait(0.02):
            for backend, part in self.stack.sql(
                    "SELECT pid, application_name FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                if backend not in seen:
                    seen.add(backend)
                    self.stack.kill(part)
                    self.deaths.append(part)


def test_what_kills_its_worker_is_parked_at_the_third_try(whole_stack, location, poison):
    stack = whole_stack
    killer = Killer(stack)
    killer.start()
    order_id = stack.place(basket(stack, location, note=f"killer {uuid.uuid4()}")).expect(202).json["id"]

    def is_settled():
        if not (stack.alive("worker-1") and stack.alive("worker-2")):
            stack.up()  # raises when another one died meanwhile
        return stack.sql("SELECT err FROM commands WHERE command_id = %s", order_id)
    eventually(is_settled, 240, 0.1, "the killer has an outcome")
    killer.stopping.set()
    killer.join(10)
    letter = check_parked(stack, location, order_id, "killed_its_worker")
    assert letter["attempts"] == 2 and 3 + 1 <= len(killer.deaths) <= 3 + 3, killer.deaths
    check_steps_refused(stack, order_id)
    poison()
    check_redriven(stack, letter, order_id)


# ---- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [
    [], ["look"], ["show"], ["redrive"], ["discard", "--reason", "x"], ["list", "0/0"], ["list", "--state", "new"],
    ["list", "--location", "here"], ["list", "--from", "today"], ["redrive", "--all", "0/0"], ["list", "--limit", "0"],
], ids=" ".join)
def test_what_is_called_wrongly_ends_with_2(stack, arguments):
    run = stack.zapora("dead-letters", *arguments, check=False)
    assert run.returncode == 2 and run.stderr


def test_a_letter_that_does_not_exist_is_said(stack):
    run = stack.zapora("dead-letters", "show", str(uuid.uuid4()), check=False)
    assert run.returncode == 1 and "no such letter" in run.stderr


def test_the_list_is_narrowed_and_says_what_it_leaves_out(stack, location):
    for _ in range(3):
        stack.produce("orders.commands.v1", b"\xc1", key=location, headers={"ce_id": str(uuid.uuid4())})
    eventually(lambda: len(objects(stack.zapora("dead-letters", "list", "--location", location, "--json"))) >= 3)
    run = stack.zapora("dead-letters", "list", "--location", location, "--limit", 2, "--json")
    found = objects(run)
    assert len(found) == 2 and " more" in run.stderr
    assert all(letter["location_id"] == location for letter in found)
    assert letters(stack, "--location", str(uuid.uuid4())) == []
    assert letters(stack, "--to", "2020-01-01T00:00:00Z") == []
    assert len(letters(stack, "--from", found[1]["parked_at"])) < len(letters(stack))


def test_redrive_all_takes_the_oldest_and_no_more_than_max(stack, location, poison):
    since = letters(stack)[-1]["parked_at"]
    ids = []
    for _ in range(3):
        ids.append(stack.place(basket(stack, location, note=f"poison {uuid.uuid4()}")).expect(202).json["id"])
        letter_of(stack, ids[-1])
    poison()
    run = stack.zapora("dead-letters", "redrive", "--all", "--max", 2, "--location", location, "--from", since,
                       "--json", *WHO, check=False)
    assert " more are open" in run.stderr
    states = {letter["command_id"]: letter["state"] for letter in letters(stack)}
    assert [states[order_id] for order_id in ids].count("redriven") <= 2
    for order_id in ids:
        redrive(stack, order_id)
        stack.order_reaches(order_id, "accepted")


# ---- partitions that stopped loudly ----------------------------------------------------------------------------------


def partitions(stack, *more):
    run = stack.zapora("partitions", *more, "--json", check=False)
    return objects(run), run.returncode


def stopped_partitions(stack):
    return sum(int(line.split()[1]) for part in ("worker-1", "worker-2")
               for line in stack.ops(part).get("/metrics").body.decode().splitlines()
               if line.startswith("zapora_worker_partitions_stopped "))


def restart_workers(stack):
    for part in ("worker-1", "worker-2"):
        stack.kill(part, signal.SIGTERM)
        eventually(lambda: not stack.alive(part), 30, what=f"{part} has stopped")
    stack.up()
    for part in ("worker-1", "worker-2"):
        stack.wait_ready(part, 60)


def test_a_mailbox_that_lost_its_end_is_accepted(whole_stack, location):
    """As if the log had lost its last 50 records, which were applied: it stops, and loses nothing acknowledged."""
    stack = whole_stack
    (number,), = stack.sql("SELECT partition FROM locations WHERE location_id = %s", location)
    stack.sql("UPDATE partitions SET next_offset = next_offset + 50, owner = %s WHERE partition = %s",
              str(uuid.uuid4()), number)
    waiting = [stack.place(basket(stack, location)).expect(202).json["id"] for _ in range(3)]
    eventually(lambda: stopped_partitions(stack) == 1, 30, 0.2, "the worker stops it loudly")
    found, code = partitions(stack, "list")
    assert [(each["partition"], each["finding"]) for each in found] == [(number, "cut_short")] and code == 1
    plan, = partitions(stack, "accept", number, "--dry-run")[0]
    assert plan["dry_run"] and plan["padded"] == 47 and plan["commands_moved"] >= 3
    assert partitions(stack, "list")[1] == 1
    done, = partitions(stack, "accept", number)[0]
    assert done["padded"] == 47 and done["commands_moved"] >= 3 and done["commands_lost"] == 0
    assert partitions(stack, "list") == ([], 0)
    restart_workers(stack)
    for order_id in waiting:
        stack.order_reaches(order_id, "accepted", timeout_s=30)
        assert events_of(stack, order_id) == 1


@pytest.mark.parametrize("arguments", [[], ["fix"], ["accept"], ["accept", "64"], ["accept", "-1"], ["accept", "x"],
                                       ["list", "1"], ["accept", "1", "--all"]], ids=" ".join)
def test_partitions_called_wrongly_ends_with_2(stack, arguments):
    run = stack.zapora("partitions", *arguments, check=False)
    assert run.returncode == 2 and run.stderr
