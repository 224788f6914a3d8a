"""deploy/local: its env file, and that `up --no-install --no-demo` brings back what was killed, on the same ports."""
import os
import re
import stat
import uuid

import pytest

from harness import eventually


def test_the_env_file_says_what_the_contract_names(stack):
    env = stack.env
    assert stat.S_IMODE(os.stat(stack.env_file).st_mode) == 0o600
    assert os.path.isabs(env["ZAPORA_BIN"]) and os.access(env["ZAPORA_BIN"], os.X_OK)
    for key in ("ZAPORA_URL", "ZAPORA_OPS_URL", "ZAPORA_WORKER_1_OPS_URL", "ZAPORA_WORKER_2_OPS_URL"):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", env[key]), key
    assert re.fullmatch(r"127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+){0,2}", env["ZAPORA_KAFKA"])
    assert re.fullmatch(r"postgresql://zapora:\w+@127\.0\.0\.1:\d+/zapora", env["ZAPORA_POSTGRES"])
    assert re.fullmatch(r"redis://127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+){0,5}/0", env["ZAPORA_REDIS"])
    uuid.UUID(env["ZAPORA_DEMO_LOCATION"])
    for role in ("CUSTOMER", "KITCHEN", "MANAGER", "ADMIN"):
        assert env[f"ZAPORA_DEMO_{role}_EMAIL"] == f"{role.lower()}@demo.example"
        assert len(env[f"ZAPORA_DEMO_{role}_PASSWORD"]) >= 15


@pytest.mark.parametrize("key", ["ZAPORA_JWT_KEY_FILE", "ZAPORA_ID_KEY_FILE"])
def test_a_key_file_holds_64_hex_digits_and_no_newline(stack, key):
    assert stat.S_IMODE(os.stat(stack.env[key]).st_mode) == 0o600
    with open(stack.env[key], "rb") as file:
        assert re.fullmatch(rb"[0-9a-f]{64}", file.read())


def test_a_pid_file_names_the_server_itself(stack):
    names = {"kafka": b"java", "postgres": b"postgres", "pgbouncer": b"pgbouncer", "replica": b"postgres",
             "redis": b"redis-server"}
    for part in stack.parts:
        with open(f"/proc/{stack.pid(part)}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        name = names.get(part.split("-")[0])
        if name:
            assert words[0].rsplit(b"/", 1)[-1].startswith(name), part
        else:
            assert words[0] == stack.env["ZAPORA_BIN"].encode() and words[1] == part.split("-")[0].encode(), part


def test_postgres_and_redis_do_not_forget_an_acknowledged_write(stack):
    settings = dict(stack.sql("SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit')"))
    assert settings == {"fsync": "on", "synchronous_commit": "on"}
    assert stack.redis("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]


def test_nothing_listens_beyond_loopback(stack):
    pids = {stack.pid(part) for part in stack.parts}
    inodes = set()
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
            if match:
                inodes.add(match[1])
    loopback = re.compile(r"0100007F:|0{24}01000000:|0000000000000000FFFF00000100007F:")
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as file:
            for line in list(file)[1:]:
                field = line.split()
                if field[3] == "0A" and field[9] in inodes:
                    assert loopback.match(field[1]), line


def test_up_brings_back_each_part_that_was_killed_and_touches_no_other(whole_stack):
    stack = whole_stack
    before = stack.env_file.read_bytes()
    for victim in stack.parts:
        pids = {part: stack.pid(part) for part in stack.parts}
        stack.kill(victim)
        stack.up()
        assert stack.pid(victim) != pids.pop(victim)
        assert {part: stack.pid(part) for part in pids} == pids
    assert stack.env_file.read_bytes() == before
    order = eventually(lambda: stack.place().expect(202).json, what="orders are taken again")
    stack.order_reaches(order["id"], "accepted", timeout_s=30)
