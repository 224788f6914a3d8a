-- The archive: orders that were closed long ago, out of the way of those that are still worked on.
--
-- `orders` and `orders_archive` are the two children of `orders_all`, which has no row of its own: whoever reads
-- orders_all reads both, whatever lies where, and a column that a later migration adds to it comes to both. Nothing
-- leads out of a closed order's state, so an archived row never changes again and the worker never writes one;
-- placements still find it, so a duplicate is one at any age. Indexes are not inherited: all three have the same, so
-- that a page of both is a merge of two indexes. `orders` is a child and not the parent, since the planner takes an
-- empty table that has children for one that stays empty, and keeps a plan that reads all of it.

CREATE TABLE orders_all (LIKE orders, PRIMARY KEY (order_id), CONSTRAINT orders_all_empty CHECK (false) NO INHERIT);

CREATE INDEX orders_all_by_location ON orders_all (location_id, open, placed_at, order_id);
CREATE INDEX orders_all_by_owner ON orders_all (owner, placed_at, order_id) WHERE owner IS NOT NULL;

CREATE TABLE orders_archive (
    PRIMARY KEY (order_id),
    CONSTRAINT orders_archive_closed CHECK (NOT open)
) INHERITS (orders_all) WITH (fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.05,
                              autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX orders_archive_by_location ON orders_archive (location_id, open, placed_at, order_id);
CREATE INDEX orders_archive_by_owner ON orders_archive (owner, placed_at, order_id) WHERE owner IS NOT NULL;

ALTER TABLE orders INHERIT orders_all;

CREATE OR REPLACE VIEW order_lines AS
    SELECT o.order_id, o.location_id, l.line, l.item_id, l.name, l.quantity, l.unit_price, l.options, l.total,
           l.tax_rate_bp, l.station, l.status, l.note
      FROM orders_all o CROSS JOIN LATERAL unnest(o.lines) AS l;

COMMENT ON TABLE orders_all IS 'All orders: those in orders and those in orders_archive. No row is its own';
COMMENT ON TABLE orders_archive IS 'Closed orders that `zapora archive` moved out of orders';
COMMENT ON TABLE orders IS
    'Each order as its last event left it, refused placements too, unless it is archived: see orders_all. Amounts in '
    'the minor unit of the currency';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE orders_archive ALTER COLUMN lines SET COMPRESSION lz4;
    END IF;
END $$;
