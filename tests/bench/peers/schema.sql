-- What a peer keeps: menus to price with, orders and their lines. No foreign keys on the hot tables, as ours have none:
-- they are half of the cost of an insert.
CREATE TABLE menus (location_id uuid PRIMARY KEY, menu jsonb NOT NULL);

CREATE TABLE orders (
    order_id       uuid        PRIMARY KEY,
    location_id    uuid        NOT NULL,
    owner          uuid        NOT NULL,
    fingerprint    bytea       NOT NULL,
    status         text        NOT NULL,
    type           text        NOT NULL,
    currency       text        NOT NULL,
    subtotal       bigint      NOT NULL,
    tax            bigint      NOT NULL,
    total          bigint      NOT NULL,
    placed_at      timestamptz NOT NULL,
    customer_name  text,
    customer_phone text,
    note           text
);
CREATE INDEX orders_by_location ON orders (location_id, placed_at);
CREATE INDEX orders_by_owner ON orders (owner, placed_at);

CREATE TABLE order_lines (
    order_id   uuid    NOT NULL,
    line       integer NOT NULL,
    item_id    text    NOT NULL,
    name       text    NOT NULL,
    quantity   integer NOT NULL,
    unit_price bigint  NOT NULL,
    total      bigint  NOT NULL,
    options    text,
    PRIMARY KEY (order_id, line)
);
