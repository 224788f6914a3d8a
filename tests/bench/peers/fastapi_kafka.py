"""The peer with a log: FastAPI publishes each order with aiokafka and answers 202 once the broker has it (acks=all,
idempotent); a worker takes batches, writes each in one transaction of two statements, then to Redis, then commits its
offsets. serve.py runs it; `fastapi_kafka.py worker` is the worker, `topic` makes the topic: see README.md.
"""
import asyncio, os, signal, sys
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg, orjson, uvloop
import redis.asyncio as redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from fastapi import Depends, Query, Request
from typing import Annotated

from shop import (CACHE_S, Key, LINE_COLUMNS, ORDER_COLUMNS, POSTGRES, REDIS, Refused, answer, close_parts,
                  fingerprint_of, line_rows, make_app, make_order, names, open_parts, order_row, owned, read_order,
                  user_of)

KAFKA, TOPIC = os.environ["PEER_KAFKA"], os.environ.get("PEER_TOPIC", "peer.orders")
PARTITIONS = int(os.environ.get("PEER_PARTITIONS", "2"))
LINGER_MS = int(os.environ.get("PEER_LINGER_MS", "0"))
BATCH, WAIT_MS = int(os.environ.get("PEER_BATCH", "500")), int(os.environ.get("PEER_WAIT_MS", "1000"))


# ---- the server ------------------------------------------------------------------------------------------------------


class Arrivals:
    """Tells who waits for an order that it is there: one subscription for the process, a channel for each order."""

    def __init__(self, cache):
        self.pubsub, self.waiting = cache.pubsub(ignore_subscribe_messages=True), {}

    async def listen(self):
        await self.pubsub.subscribe("peer")  # nobody speaks there: it keeps the connection subscribed
        while True:
            message = await self.pubsub.get_message(timeout=None)
            if message is not None and (arrived := self.waiting.get(message["channel"])) is not None:
                arrived.set()

    async def wait(self, order_id, seconds, read):
        channel = f"order:{order_id}".encode()
        arrived = self.waiting.setdefault(channel, asyncio.Event())
        await self.pubsub.subscribe(channel)
        try:
            body = await read()
            if body is None:
                await asyncio.wait_for(arrived.wait(), seconds)
                body = await read()
            return body
        except asyncio.TimeoutError:
            return await read()
        finally:
            self.waiting.pop(channel, None)
            await self.pubsub.unsubscribe(channel)


@asynccontextmanager
async def lifespan(app):
    await open_parts(app)
    app.state.producer = AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", enable_idempotence=True,
                                          linger_ms=LINGER_MS, max_batch_size=131072, request_timeout_ms=5000)
    await app.state.producer.start()
    app.state.arrivals = Arrivals(app.state.redis)
    listener = asyncio.create_task(app.state.arrivals.listen())
    yield
    listener.cancel()
    await app.state.producer.stop()
    await close_parts(app)


app = make_app(lifespan)


async def known(request: Request):
    return user_of(request)


@app.post("/orders")
async def place(request: Request, key: Key, user: UUID = Depends(known)):
    state, body = request.app.state, await request.body()
    order = make_order(body, key, user, state.menus)
    try:
        await state.producer.send_and_wait(TOPIC, orjson.dumps(order), key=order["location_id"].encode(),
                                           headers=[("fingerprint", fingerprint_of(body))])
    except KafkaError:
        raise Refused(503, "unavailable")
    return answer({"id": order["id"], "status": "submitted"}, 202)


@app.get("/orders/{order_id}")
async def read(order_id: UUID, request: Request, user: UUID = Depends(known),
               wait: Annotated[int, Query(ge=0, le=30)] = 0):
    state = request.app.state

    async def look():
        return await read_order(state.pool, state.redis, order_id)

    return owned(await (state.arrivals.wait(order_id, wait, look) if wait else look()), user)


# ---- the worker ------------------------------------------------------------------------------------------------------


def insert(table, columns, conflict):
    """One statement for a batch: an array for each column. asyncpg keeps it prepared."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1))
    return f"INSERT INTO {table} ({names(columns)}) SELECT * FROM unnest({arrays}) ON CONFLICT {conflict}"


ORDERS = insert("orders", ORDER_COLUMNS, "(order_id) DO NOTHING RETURNING order_id::text")
LINES = insert("order_lines", LINE_COLUMNS, "(order_id, line) DO NOTHING")


async def apply(pool, cache, records):
    """A record that was applied before meets its rows and changes nothing: the log may deliver it again."""
    orders = [(orjson.loads(record.value), dict(record.headers)["fingerprint"]) for record in records]
    async with pool.acquire() as connection, connection.transaction():
        new = {row[0] for row in await connection.fetch(ORDERS, *zip(*(order_row(*order) for order in orders)))}
        first = {order["id"]: order for order, _ in reversed(orders) if order["id"] in new}
        if first:
            await connection.execute(LINES, *zip(*(row for order in first.values() for row in line_rows(order))))
    pipe = cache.pipeline(transaction=False)
    for record, (order, _) in zip(records, orders):
        pipe.set(f"order:{order['id']}", record.value, ex=CACHE_S, nx=True)
        pipe.publish(f"order:{order['id']}", b"")
    await pipe.execute()


async def work():
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pool, cache = await asyncpg.create_pool(POSTGRES, min_size=1, max_size=2), redis.from_url(REDIS)
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=KAFKA, group_id="peer", enable_auto_commit=False,
                                auto_offset_reset="earliest", fetch_max_wait_ms=WAIT_MS, check_crcs=True)
    await consumer.start()
    while not stop.is_set():
        batches = await consumer.getmany(timeout_ms=100, max_records=BATCH)
        records = [record for batch in batches.values() for record in batch]
        if records:
            await apply(pool, cache, records)
            await consumer.commit()
    await consumer.stop()
    await cache.aclose()
    await pool.close()


async def make_topic():
    admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    await admin.close()


if __name__ == "__main__":
    uvloop.run({"worker": work, "topic": make_topic}[sys.argv[1]]())
