"""What the gateway reads goes through PgBouncer, lists come from a replica: nobody sees less than what was told before.

Only on a stack that has them: ZAPORA_PGBOUNCER=1 ZAPORA_REPLICA=1 tests/run flow -k pooler
"""
import psycopg2
import pytest

from harness import eventually


@pytest.fixture
def pooled(whole_stack):
    if not whole_stack.nodes("pgbouncer"):
        pytest.skip("no PgBouncer")
    return whole_stack


@pytest.fixture
def replicated(whole_stack):
    if not whole_stack.nodes("replica"):
        pytest.skip("no replica")
    return whole_stack


def on_replica(stack, query):
    """As the administrator, whose password the replica has copied."""
    admin = psycopg2.extensions.parse_dsn(stack.env["ZAPORA_LOCAL_POSTGRES_ADMIN"])
    place = psycopg2.extensions.parse_dsn(stack.env["ZAPORA_POSTGRES_LISTS"])
    database = psycopg2.connect(**{**admin, "port": place["port"], "dbname": "zapora"}, connect_timeout=5)
    try:
        database.autocommit = True
        with database.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()
    finally:
        database.close()


def pages_of_replica(stack):
    """How many pages it has read: each is a scan of an index of orders."""
    (scans,), = on_replica(stack, "SELECT sum(idx_scan) FROM pg_stat_user_tables WHERE relname = 'orders'")
    return scans


def newest(stack):
    return stack.api("customer").get("/orders?limit=1").expect(200).json["orders"][0]


def test_pooler_serves_reads_and_workers_go_past_it(pooled):
    stack = pooled
    known = stack.place(wait_s=10).expect(201).json
    stack.kill("pgbouncer")
    stack.api("customer").get("/orders").expect(503)
    placed = stack.place(wait_s=10).expect(201).json
    assert placed["number"] > known["number"]
    assert stack.sql("SELECT number FROM orders WHERE order_id = %s", placed["id"]) == [(placed["number"],)]
    stack.up()
    assert eventually(lambda: newest(stack)["id"] == placed["id"], what="lists are served again")


def test_pooler_is_asked_with_nothing_kept_in_its_sessions(pooled):
    """Many clients, few sessions: what one of them prepared or set would meet another one."""
    stack = pooled
    placed = stack.place(wait_s=10).expect(201).json
    apis = [stack.new_api("customer") for _ in range(8)]
    for _ in range(5):
        for api in apis:
            assert api.get("/orders?limit=1").expect(200).json["orders"][0]["id"] == placed["id"]
    database = psycopg2.connect(stack.env["ZAPORA_POSTGRES_READ"], connect_timeout=5)
    try:
        database.autocommit = True
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            assert cursor.fetchone() == (0,)
            cursor.execute("SHOW enable_seqscan")
            assert cursor.fetchone() == ("on",)
    finally:
        database.close()


def test_replica_serves_lists(replicated):
    stack = replicated
    placed = stack.place(wait_s=10).expect(201).json
    before = pages_of_replica(stack)

    def one_more():
        assert newest(stack)["id"] == placed["id"]
        return pages_of_replica(stack) > before
    eventually(one_more, 30, 0.5, "the replica read a page")  # its figures come a second late


def test_replica_that_lags_shows_nothing_older(replicated):
    stack = replicated
    on_replica(stack, "SELECT pg_wal_replay_pause()")
    try:
        for _ in range(3):
            placed = stack.place(wait_s=10).expect(201).json
            assert newest(stack)["id"] == placed["id"]
            stack.api("kitchen").post(f"/orders/{placed['id']}/start", {}, headers={"Prefer": "wait=10"}).expect(200)
            assert newest(stack)["status"] == "preparing"
    finally:
        on_replica(stack, "SELECT pg_wal_replay_resume()")
    before = pages_of_replica(stack)
    eventually(lambda: newest(stack) and pages_of_replica(stack) > before, 30, 0.5, "the replica serves again")


def test_replica_that_is_killed_costs_no_list(replicated):
    stack = replicated
    stack.kill("replica")
    placed = stack.place(wait_s=10).expect(201).json
    for _ in range(5):
        assert newest(stack)["id"] == placed["id"]
