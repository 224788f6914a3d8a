"""A database as it is after years, made within minutes: locations and closed orders, put into the tables by SQL while
no worker runs.

Callers are the benches that ask what a full table costs. What a worker reads of it is consistent: orders, journal with
its bytes and hash chain (growth_events.c), outcomes and the heads of the locations. Only the log has nothing of it, so
`zapora verify` has no business here.
"""
import concurrent.futures, contextlib, json, os, subprocess, tempfile, time, uuid

import psycopg2

from stack import PARTITIONS, ROOT, say

FIRST_OFFSET = -1_000_000_000_000 # as growth_events.c has it

# Two events of one order that the actor itself made: whatever is filled in holds what a reader expects.
TEMPLATE = """
    CREATE TABLE IF NOT EXISTS grown_template AS
        SELECT o.*, p.value AS placed, c.value AS cancelled FROM orders o
          JOIN order_events p ON p.order_id = o.order_id AND p.type = 'order_placed'
          JOIN order_events c ON c.order_id = o.order_id AND c.type = 'order_cancelled' LIMIT 1"""

# The locations of the load, numbered.
PLACES = """
    DROP TABLE IF EXISTS grown_places;
    CREATE TABLE grown_places AS
        SELECT row_number() OVER (ORDER BY l.location_id) - 1 AS n, l.location_id, l.seq, l.last_number,
               encode(l.hash, 'hex') AS hash
          FROM locations l WHERE l.location_id = ANY (%(locations)s::uuid[])"""

# What the journal's new rows say of orders and outcomes. An owner has ten orders.
FILLS = {
    "orders": """
        INSERT INTO orders (order_id, location_id, owner, number, version, seq, subtotal, discount, tax, fee, tip,
                            total, placed_at, promised_at, updated_at, open, status, type, currency, customer_name,
                            customer_phone, reasons, fingerprint, lines)
        SELECT e.order_id, e.location_id, md5((e.command_offset / 2 %% greatest({count} / 10, 1))::text)::uuid,
               p.last_number + (e.seq - p.seq) / 2, 2, e.seq, t.subtotal, t.discount, t.tax, t.fee, t.tip, t.total,
               e.at - {rest}, e.at - {rest} + (t.promised_at - t.placed_at), e.at, false, t.status, t.type, t.currency,
               t.customer_name, t.customer_phone, t.reasons, t.fingerprint, t.lines
          FROM order_events e JOIN grown_places p ON p.location_id = e.location_id, grown_template t
         WHERE e.type = 'order_cancelled' AND {new}""",
    "commands": """
        INSERT INTO commands (command_id, location_id, order_id, command_offset, seq, at, partition, type, err,
                              fingerprint)
        SELECT e.command_id, e.location_id, e.order_id, e.command_offset, e.seq, now() - interval '1 hour', e.partition,
               CASE e.type WHEN 'order_placed' THEN 'order_place' ELSE 'order_cancel' END, 'OK', t.fingerprint
          FROM order_events e, grown_template t WHERE {new}""",
}

HEADS = """
    UPDATE locations l SET seq = e.seq, last_number = l.last_number + {numbers} * (e.seq - l.seq) / 2,
                           hash = e.hash, updated_at = e.at
      FROM grown_places p CROSS JOIN LATERAL
           (SELECT seq, hash, at FROM order_events WHERE location_id = p.location_id ORDER BY seq DESC LIMIT 1) e
     WHERE l.location_id = p.location_id AND e.seq > l.seq"""

# n tickets on the empty board of each location, with the head's count and hash as the worker would have them.
TICKETS = """
    WITH new AS (
        INSERT INTO orders (order_id, location_id, owner, number, version, seq, subtotal, discount, tax, fee, tip,
                            total, placed_at, updated_at, open, status, type, currency, customer_name, fingerprint,
                            lines)
        SELECT (left(h, 8) || '-' || substr(h, 9, 4) || '-8' || substr(h, 13, 3) || '-a' || substr(h, 16, 3) || '-' ||
                substr(h, 19, 12))::uuid,
               p.location_id, NULL, p.last_number + i, 1, p.seq, t.subtotal, t.discount, t.tax, t.fee, t.tip, t.total,
               now(), now(), true, 'accepted', t.type, t.currency, 'Grown', t.fingerprint, t.lines
          FROM grown_places p, grown_template t, generate_series(1, %(count)s) i,
               md5(p.n || ' open ' || i || ' of ' || %(count)s) h
        RETURNING location_id, order_id),
    boards AS (
        SELECT location_id, count(*) AS count,
               bit_xor(('x' || encode(substr(sha256((order_id || ':1')::bytea), 1, 8), 'hex'))::bit(64)::bigint) AS hash
          FROM new GROUP BY location_id)
    UPDATE locations l SET last_number = last_number + b.count, open_count = open_count + b.count,
                           open_hash = open_hash # b.hash
      FROM boards b WHERE l.location_id = b.location_id"""

INDEXES = """
    SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.conname, pg_get_constraintdef(c.oid)
      FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
     WHERE i.indrelid = %s::regclass"""


def murmur2(data):
    """The hash by which a key finds its partition (Appleby's MurmurHash2 with the seed of Kafka's clients)."""
    mask, mix, value = 0xffffffff, 0x5bd1e995, (0x9747b28c ^ len(data))
    for at in range(0, len(data) // 4 * 4, 4):
        word = int.from_bytes(data[at:at + 4], "little") * mix & mask
        value = value * mix & mask ^ (word ^ word >> 24) * mix & mask
    rest = data[len(data) // 4 * 4:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * mix & mask
    value = (value ^ value >> 13) * mix & mask
    return value ^ value >> 15


def partition_of(location):
    return (murmur2(location.encode()) & 0x7fffffff) % PARTITIONS


class Grown:
    """The tables of a bench's stack, while its workers are stopped."""

    def __init__(self, bench):
        self.bench, self.stack = bench, bench.stack
        self.filled = 0

    def connect(self):
        database = psycopg2.connect(self.stack.env["ZAPORA_POSTGRES"])
        database.autocommit = True
        with database.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'; SET work_mem = '64MB'")
        return database

    def sql(self, query, values=None, rows=False):
        with contextlib.closing(self.connect()) as database, database.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if rows else None

    # ---- what they find

    def make_template(self):
        """Places an order and cancels it, through the API."""
        bench = self.bench
        bench.log_in()
        with open(bench.path("token")) as file:
            headers = {"Authorization": "Bearer " + file.read(), "Content-Type": "application/json",
                       "Prefer": "wait=10"}
        with open(bench.path("bodies")) as file:
            body = next(line for line in file if line.count('"item_id"') == 3)
        headers["Idempotency-Key"] = str(uuid.uuid4())
        status, order = bench.call("POST", "/orders", json.loads(body), headers)
        assert status == 201, (status, order)
        headers["Idempotency-Key"] = str(uuid.uuid4())
        status, order = bench.call("POST", f"/orders/{order['id']}/cancel", {}, headers)
        assert status == 200, (status, order)
        self.sql(TEMPLATE)

    def add_locations(self, locations):
        """With the settings and the menu of the first one, as their first two events."""
        rows = [(location, partition_of(location)) for location in locations]
        pattern = self.bench.locations[0]
        assert self.sql("SELECT partition FROM locations WHERE location_id = %s", [pattern], rows=True) == [
            (partition_of(pattern),)]
        self.sql("""INSERT INTO locations (location_id, partition, seq, last_number, open_count, open_hash, updated_at,
                                           hash)
                    SELECT r.id::uuid, r.partition, 0, 0, 0, 0, now(), decode(repeat('00', 32), 'hex')
                      FROM unnest(%s, %s) r (id, partition)""", [[r[0] for r in rows], [r[1] for r in rows]])
        self.sql("""INSERT INTO menus SELECT r.id::uuid, m.menu_version, now(), m.settings, m.menu
                      FROM unnest(%s) r (id), menus m WHERE m.location_id = %s""", [locations, pattern])
        self.sql(PLACES, {"locations": locations})
        template = self.sql("""SELECT encode(value, 'hex') FROM order_events
                                WHERE location_id = %s AND type IN ('location_set', 'menu_set') ORDER BY seq LIMIT 2""",
                            [pattern], rows=True)
        self.copy_events([row[0] for row in template], len(locations), -len(locations),
                         int(time.time() * 1000) - 86_400_000, 0, 0)
        self.sql(HEADS.format(numbers=0))
        self.sql("VACUUM (ANALYZE) locations")

    def refill(self, count):
        """As fill, without the orders that there are: their numbers are given, but their rows are gone."""
        self.sql("TRUNCATE orders, order_events, commands; UPDATE locations SET open_count = 0, open_hash = 0")
        self.fill(count)

    def fill(self, count):
        """So many closed orders more, evenly over the bench's locations, each with two events and two outcomes: a year
        of them, the newest a day ago. Many rows go into tables without indexes, which are built afterwards."""
        began = time.time()
        self.sql(PLACES, {"locations": self.bench.locations})
        step_ms = max(365 * 86_400_000 // count, 2)
        rest_ms = step_ms * len(self.bench.locations) // 2
        first = FIRST_OFFSET + 2 * self.filled
        names = dict(count=count, rest=f"interval '{rest_ms} ms'",
                     new=f"e.command_offset BETWEEN {first} AND {first + 2 * count - 1}")
        with self.without_indexes("order_events", count):
            template = self.sql("SELECT encode(placed, 'hex'), encode(cancelled, 'hex') FROM grown_template", rows=True)
            self.copy_events(template[0], count, self.filled,
                             int(time.time() * 1000) - 86_400_000 - count * step_ms, step_ms, rest_ms)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(self.fill_table, table, names) for table in FILLS]:
                future.result()
        self.sql(HEADS.format(numbers=1))
        self.sql("VACUUM (ANALYZE) locations")
        self.filled += count
        say(f"bench: {count:,} orders filled in within {time.time() - began:.0f} s")

    def copy_events(self, template, *numbers):
        """The journal's rows, made by growth_events."""
        places = self.sql("SELECT location_id, seq, last_number, hash FROM grown_places ORDER BY n", rows=True)
        with tempfile.TemporaryFile("w+") as words:
            words.write("\n".join([*template, *(" ".join(map(str, place)) for place in places)]) + "\n")
            words.seek(0)
            program = subprocess.Popen([os.path.join(self.stack.build, "tests/bench/growth_events"),
                                        *map(str, numbers)], stdin=words, stdout=subprocess.PIPE)
        with contextlib.closing(self.connect()) as database, database.cursor() as cursor:
            cursor.copy_expert("""COPY order_events (location_id, seq, command_offset, at, partition, order_id,
                                                     command_id, type, hash, value) FROM STDIN""", program.stdout)
        assert program.wait() == 0, "growth_events failed"

    @contextlib.contextmanager
    def without_indexes(self, table, count):
        indexes = self.sql(INDEXES, [table], rows=True) if count > 50000 else []
        for index, _, constraint, _ in indexes:
            self.sql(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}")
        yield
        for _, definition, constraint, meaning in indexes:
            self.sql(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {meaning}" if constraint else definition)
        self.sql(f"VACUUM (ANALYZE) {table}")

    def fill_table(self, table, names):
        with self.without_indexes(table, names["count"]):
            self.sql(FILLS[table].format(**names).replace("%%", "%"))

    def set_tickets(self, count):
        """So many open tickets on each board; what is there is closed."""
        self.sql("UPDATE orders SET open = false, status = 'completed' WHERE open")
        self.sql("UPDATE locations SET open_count = 0, open_hash = 0")
        self.sql(PLACES, {"locations": self.bench.locations})
        self.sql(TICKETS, {"count": count})
        self.sql("VACUUM (ANALYZE) orders")
