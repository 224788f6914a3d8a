-- The first schema: partitions and their fence, locations, orders, the journal, outcomes, accounts.
--
-- Hot tables carry no foreign keys: one actor writes each location, and the fence keeps every other writer out.
-- Rows travel as composite values: the program writes `unnest($1::orders[])` and reads `SELECT o FROM orders o`, and
-- learns each table's columns by name when it connects. So a later migration may add a column (nullable, or with a
-- default) or an attribute of order_line while older programs run; it may not rename, retype or reorder one of theirs.

-- ---- partitions ---------------------------------------------------------------------------------------------------

CREATE TABLE partitions (
    topic            text    NOT NULL,
    partition        integer NOT NULL,
    owner            uuid    NOT NULL,
    next_offset      bigint  NOT NULL,
    last_command_id  uuid,
    published_offset bigint  NOT NULL,
    events_offset    bigint  NOT NULL,
    takeovers        integer NOT NULL,
    trying_offset    bigint,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);

COMMENT ON TABLE partitions IS
    'One row for each partition of the mailbox: who may write for it, and how far it has come. The fence.';
COMMENT ON COLUMN partitions.owner IS
    'Random id of the takeover that owns the partition now; a commit under another one is refused (ZF001)';
COMMENT ON COLUMN partitions.next_offset IS 'First command offset that is not applied yet; a commit must start here';
COMMENT ON COLUMN partitions.last_command_id IS
    'Command id of the record at next_offset - 1: a takeover checks that the log still is the one we knew';
COMMENT ON COLUMN partitions.published_offset IS
    'Outcomes of commands below this offset are known to be in the events topic';
COMMENT ON COLUMN partitions.events_offset IS 'Offset in the events topic below which everything is in this database';
COMMENT ON COLUMN partitions.takeovers IS
    'Takeovers since the last commit or orderly release: counts workers that a record may have killed';
COMMENT ON COLUMN partitions.trying_offset IS
    'Command offset that is being tried alone, after three takeovers without a commit';

-- ---- locations ----------------------------------------------------------------------------------------------------

-- Written with every batch, so it is kept narrow and apart from settings and menu; no index holds what changes.
CREATE TABLE locations (
    location_id uuid        PRIMARY KEY,
    partition   integer     NOT NULL,
    seq         bigint      NOT NULL,
    last_number bigint      NOT NULL,
    open_count  bigint      NOT NULL,
    open_hash   bigint      NOT NULL,
    updated_at  timestamptz NOT NULL,
    hash        bytea       NOT NULL
) WITH (fillfactor = 30, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.1);

CREATE INDEX locations_partition ON locations (partition);

COMMENT ON TABLE locations IS 'The state of each location''s actor as the journal up to seq makes it';
COMMENT ON COLUMN locations.partition IS 'Partition of the mailbox that the location lives in, for ever';
COMMENT ON COLUMN locations.seq IS 'Number of its last event; the journal has 1 … seq without a gap';
COMMENT ON COLUMN locations.last_number IS 'Last ticket number given';
COMMENT ON COLUMN locations.open_hash IS
    'XOR over the open tickets of the first 8 bytes of SHA-256("order_id:version"), as a signed number';
COMMENT ON COLUMN locations.hash IS 'Chain up to seq: BLAKE2b-256(previous, seq, type, at, value)';

CREATE TABLE menus (
    location_id  uuid        PRIMARY KEY,
    menu_version bigint      NOT NULL,
    updated_at   timestamptz NOT NULL,
    settings     json,
    menu         json
) WITH (autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0.1);

COMMENT ON TABLE menus IS
    'Settings and menu of each location: actor state like locations, but large and seldom changed. Changed by '
    'commands only, never by SQL';

-- ---- orders -------------------------------------------------------------------------------------------------------

CREATE TYPE order_line AS (
    line        integer,
    quantity    integer,
    tax_rate_bp integer,
    unit_price  bigint,
    total       bigint,
    item_id     text,
    name        text,
    station     text,
    status      text,
    note        text,
    options     json
);

COMMENT ON TYPE order_line IS 'A line of an order; see the view order_lines';

-- An order is read and written whole, so its lines lie inside its row: rows of their own, with an index of their own,
-- cost a quarter more. No index holds a column that a step changes, `open` aside, so that a step is a heap-only update;
-- and each index is a tenth of the cost of an order, so one serves a location's board and its pages.
CREATE TABLE orders (
    order_id         uuid         PRIMARY KEY,
    location_id      uuid         NOT NULL,
    owner            uuid,
    number           bigint       NOT NULL,
    version          bigint       NOT NULL,
    seq              bigint       NOT NULL,
    subtotal         bigint       NOT NULL,
    discount         bigint       NOT NULL,
    tax              bigint       NOT NULL,
    fee              bigint       NOT NULL,
    tip              bigint       NOT NULL,
    total            bigint       NOT NULL,
    placed_at        timestamptz  NOT NULL,
    promised_at      timestamptz,
    updated_at       timestamptz  NOT NULL,
    open             boolean      NOT NULL,
    status           text         NOT NULL,
    type             text         NOT NULL,
    currency         text,
    customer_name    text,
    customer_phone   text,
    customer_address text,
    note             text,
    reasons          json,
    fingerprint      bytea        NOT NULL,
    lines            order_line[] NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX orders_by_location ON orders (location_id, open, placed_at, order_id);
CREATE INDEX orders_by_owner ON orders (owner, placed_at, order_id) WHERE owner IS NOT NULL;

COMMENT ON TABLE orders IS
    'Each order as its last event left it, refused placements too. Amounts in the minor unit of the currency';
COMMENT ON COLUMN orders.order_id IS 'The id of the command that placed it';
COMMENT ON COLUMN orders.owner IS 'User who placed it';
COMMENT ON COLUMN orders.number IS 'Ticket number at its location; 0 for a refused placement';
COMMENT ON COLUMN orders.version IS '1 after the placement, one more with each event: the ETag';
COMMENT ON COLUMN orders.seq IS 'The location''s event that made it what it is now';
COMMENT ON COLUMN orders.open IS 'On the board: status is one of placed … ready';
COMMENT ON COLUMN orders.reasons IS 'Why it was rejected or cancelled: [{"code","pointer","detail"}]';
COMMENT ON COLUMN orders.fingerprint IS
    'Keyed hash of the request that placed it: the same key with another request is refused, at any age';

CREATE VIEW order_lines AS
    SELECT o.order_id, o.location_id, l.line, l.item_id, l.name, l.quantity, l.unit_price, l.options, l.total,
           l.tax_rate_bp, l.station, l.status, l.note
      FROM orders o CROSS JOIN LATERAL unnest(o.lines) AS l;

COMMENT ON VIEW order_lines IS 'The lines of all orders, one row each';

-- ---- the journal and the outcomes ---------------------------------------------------------------------------------

CREATE TABLE order_events (
    location_id    uuid        NOT NULL,
    seq            bigint      NOT NULL,
    command_offset bigint      NOT NULL,
    at             timestamptz NOT NULL,
    partition      integer     NOT NULL,
    order_id       uuid,
    command_id     uuid        NOT NULL,
    type           text        NOT NULL,
    hash           bytea       NOT NULL,
    value          bytea       NOT NULL,
    PRIMARY KEY (location_id, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

COMMENT ON TABLE order_events IS
    'The journal: everything that happened at each location, numbered without a gap. Rows never change';
COMMENT ON COLUMN order_events.at IS 'Log time of the command that caused it';
COMMENT ON COLUMN order_events.hash IS 'The location''s chain after this event';
COMMENT ON COLUMN order_events.value IS 'The bytes as hashed and published: msgpack';

CREATE TABLE commands (
    command_id     uuid        PRIMARY KEY,
    location_id    uuid,
    order_id       uuid,
    user_id        uuid,
    command_offset bigint      NOT NULL,
    seq            bigint,
    at             timestamptz NOT NULL,
    written_at     timestamptz NOT NULL DEFAULT now(),
    partition      integer     NOT NULL,
    type           text,
    err            text        NOT NULL,
    fingerprint    bytea       NOT NULL,
    reasons        json,
    CONSTRAINT commands_offset UNIQUE (partition, command_offset)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

COMMENT ON TABLE commands IS
    'How each command ended, for retries and for republishing. Purged after 48 h; parked ones stay';
COMMENT ON COLUMN commands.at IS 'Log time of the command';
COMMENT ON COLUMN commands.written_at IS
    'Wall time of this row: after a long outage it is much later than at, and a retry still finds it';
COMMENT ON COLUMN commands.seq IS 'Its event in the journal, if it has one';
COMMENT ON COLUMN commands.type IS 'NULL when the record could not be decoded';
COMMENT ON COLUMN commands.err IS 'OK: applied; PARKED: set aside; else the name of the error it was refused with';
COMMENT ON COLUMN commands.reasons IS 'Why it was refused: [{"code","pointer","detail"}]';

-- Values above 2 kB are compressed; lz4 takes a fraction of pglz's time, where the server has it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE orders ALTER COLUMN lines SET COMPRESSION lz4;
        ALTER TABLE order_events ALTER COLUMN value SET COMPRESSION lz4;
        ALTER TABLE menus ALTER COLUMN settings SET COMPRESSION lz4, ALTER COLUMN menu SET COMPRESSION lz4;
    END IF;
END $$;

-- ---- accounts -----------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    user_id       uuid        PRIMARY KEY,
    email         text        NOT NULL,
    name          text,
    role          text        NOT NULL,
    password_hash text,
    locations     uuid[]      NOT NULL DEFAULT '{}',
    disabled      boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX accounts_email ON accounts (lower(email));

COMMENT ON TABLE accounts IS 'Who may log in. Not actor state: not in the log, so it comes back by WAL archive only';
COMMENT ON COLUMN accounts.password_hash IS 'Argon2id in the PHC text form';
COMMENT ON COLUMN accounts.locations IS 'Where the user is staff';

-- ---- functions of the batch ---------------------------------------------------------------------------------------

-- The first statement of every batch. Locks the partitions' rows in order of partition, so that two batches never wait
-- for each other in a circle; a row that has another owner or another next_offset than the batch believes ends it.
CREATE FUNCTION zapora_fence(of_topic text, numbers integer[], owners uuid[], from_offsets bigint[],
                             next_offsets bigint[], last_command_ids uuid[], published_offsets bigint[],
                             events_offsets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved integer[];
    wrong text;
BEGIN
    PERFORM FROM partitions p WHERE p.topic = of_topic AND p.partition = ANY (numbers) ORDER BY p.partition FOR UPDATE;
    WITH passed AS (
        UPDATE partitions p
           SET next_offset = b.next_offset, last_command_id = b.last_command_id,
               published_offset = greatest(p.published_offset, b.published_offset),
               events_offset = greatest(p.events_offset, b.events_offset),
               takeovers = 0, trying_offset = NULL
          FROM unnest(numbers, owners, from_offsets, next_offsets, last_command_ids, published_offsets, events_offsets)
               AS b (partition, owner, from_offset, next_offset, last_command_id, published_offset, events_offset)
         WHERE p.topic = of_topic AND p.partition = b.partition AND p.owner = b.owner AND p.next_offset = b.from_offset
        RETURNING p.partition)
    SELECT array_agg(partition) INTO moved FROM passed;
    IF cardinality(moved) = cardinality(numbers) THEN
        RETURN;
    END IF;
    SELECT format('partition %s belongs to %s at offset %s, not to %s at offset %s',
                  b.partition, p.owner, p.next_offset, b.owner, b.from_offset)
      INTO wrong
      FROM unnest(numbers, owners, from_offsets) AS b (partition, owner, from_offset)
      LEFT JOIN partitions p ON p.topic = of_topic AND p.partition = b.partition
     WHERE moved IS NULL OR b.partition <> ALL (moved)
     ORDER BY b.partition LIMIT 1;
    RAISE EXCEPTION USING ERRCODE = 'ZF001', MESSAGE = coalesce(wrong, 'a partition stands twice in the batch');
END $$;

COMMENT ON FUNCTION zapora_fence IS
    'Locks, checks and moves the partitions of a batch; SQLSTATE ZF001 when one is not the caller''s any more';

-- Ends a batch whose update did not meet exactly the rows it was made for.
CREATE FUNCTION zapora_expect(what text, met bigint, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF met <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'ZC001', MESSAGE = format('%s: %s of %s', what, met, wanted);
    END IF;
END $$;

COMMENT ON FUNCTION zapora_expect IS
    'Raises SQLSTATE ZC001 when a batch''s update met another number of rows than it should';
