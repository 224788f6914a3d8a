"""The peer without a log: FastAPI, asyncpg, redis. An order and its lines are one statement, hence one transaction, and
one trip; then the order's JSON goes to Redis; then the answer, 201. serve.py runs it: see README.md beside this file.
"""
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import Depends, Request

from shop import (CACHE_S, Key, LINE_COLUMNS, ORDER_COLUMNS, Refused, answer, close_parts, fingerprint_of, line_rows,
                  make_app, make_order, names, open_parts, order_row, owned, read_order, user_of)
import orjson

# Prepared once for each connection by asyncpg's statement cache. Lines travel as one array for each column.
PLACE = f"""
WITH placed AS (
    INSERT INTO orders ({names(ORDER_COLUMNS)})
    VALUES ({", ".join(f"${n}::{kind}" for n, (_, kind) in enumerate(ORDER_COLUMNS, 1))})
    ON CONFLICT (order_id) DO NOTHING RETURNING order_id)
, lines AS (
    INSERT INTO order_lines ({names(LINE_COLUMNS)})
    SELECT placed.order_id, l.* FROM placed, unnest({", ".join(
        f"${n}::{kind}[]" for n, (_, kind) in enumerate(LINE_COLUMNS[1:], len(ORDER_COLUMNS) + 1))}) AS l)
SELECT count(*) FROM placed"""


@asynccontextmanager
async def lifespan(app):
    await open_parts(app)
    yield
    await close_parts(app)


app = make_app(lifespan)


async def known(request: Request):
    return user_of(request)


@app.post("/orders")
async def place(request: Request, key: Key, user: UUID = Depends(known)):
    state, body = request.app.state, await request.body()
    order, fingerprint = make_order(body, key, user, state.menus), fingerprint_of(body)
    columns = list(zip(*line_rows(order)))[1:]
    if not await state.pool.fetchval(PLACE, *order_row(order, fingerprint), *columns):
        return await repeat(state, order["id"], fingerprint)
    text = orjson.dumps(order)
    await state.redis.set(f"order:{order['id']}", text, ex=CACHE_S)
    return answer(text, 201)


async def repeat(state, order_id, fingerprint):
    """The key was used before: the same request has the same outcome, another one is refused."""
    if await state.pool.fetchval("SELECT fingerprint FROM orders WHERE order_id = $1", order_id) != fingerprint:
        raise Refused(422, "idempotency_key_reused")
    return answer(await read_order(state.pool, state.redis, order_id), 201)


@app.get("/orders/{order_id}")
async def read(order_id: UUID, request: Request, user: UUID = Depends(known)):
    state = request.app.state
    return owned(await read_order(state.pool, state.redis, order_id), user)
