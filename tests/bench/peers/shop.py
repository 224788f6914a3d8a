"""What both peers share: settings, the token, the shape of an order, its price, its rows, its reads.

Nothing here waits but the reads. A placement is checked by pydantic from the body's bytes and priced from a menu in
memory; its id is derived from who placed it and the Idempotency-Key, so that a retry meets its own row.
"""
import asyncio, hashlib, os, time, uuid
from datetime import datetime, timezone
from typing import Annotated, Literal

import asyncpg, jwt, orjson
import redis.asyncio as redis
from fastapi import FastAPI, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

POSTGRES, REDIS = os.environ["PEER_POSTGRES"], os.environ["PEER_REDIS"]
POOL, REDIS_POOL = int(os.environ.get("PEER_POOL", "4")), int(os.environ.get("PEER_REDIS_POOL", "32"))
MENU_EVERY_S, CACHE_S, TOKENS_MAX = 5, 86400, 10000
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
with open(os.environ["PEER_JWT_KEY_FILE"]) as key_file:
    TOKEN_KEY = key_file.read().strip()


# ---- shapes ----------------------------------------------------------------------------------------------------------


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Option(Shape):
    option_id: Annotated[str, Field(max_length=64)]


class Line(Shape):
    item_id: Annotated[str, Field(max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=99)]
    options: Annotated[list[Option], Field(max_length=20)] = []


class Customer(Shape):
    name: Annotated[str, Field(max_length=200)] | None = None
    phone: Annotated[str, Field(max_length=50)] | None = None


class Placement(Shape):
    location_id: uuid.UUID
    type: Literal["pickup", "delivery", "dine_in"]
    lines: Annotated[list[Line], Field(min_length=1, max_length=100)]
    customer: Customer = Customer()
    note: Annotated[str, Field(max_length=500)] | None = None


PLACEMENT = TypeAdapter(Placement)
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]


class Refused(Exception):
    def __init__(self, status, kind, errors=()):
        self.status, self.kind, self.errors = status, kind, errors


def answer(body, status=200):
    return Response(body if isinstance(body, bytes) else orjson.dumps(body), status, media_type="application/json")


# ---- the token: HS256, checked once, then known until it ends --------------------------------------------------------

tokens = {}


def user_of(request: Request):
    words = request.headers.get("authorization", "")
    known = tokens.get(words)
    if known is None or known[1] <= time.time():
        try:
            claims = jwt.decode(words.removeprefix("Bearer "), TOKEN_KEY, algorithms=["HS256"],
                                options={"require": ["exp", "sub"], "verify_aud": False})
        except jwt.InvalidTokenError:
            raise Refused(401, "unauthenticated")
        if len(tokens) >= TOKENS_MAX:
            tokens.clear()
        known = tokens[words] = (uuid.UUID(claims["sub"]), claims["exp"])
    return known[0]


# ---- menus and prices ------------------------------------------------------------------------------------------------


class Menus:
    """Every location's menu, in memory: as the answer to GET /menu-items, and by item for prices."""

    def __init__(self):
        self.pages, self.items = {}, {}

    async def load(self, pool):
        for location, menu in await pool.fetch("SELECT location_id, menu::text FROM menus"):
            parsed = orjson.loads(menu)
            self.pages[str(location)] = orjson.dumps(parsed)
            self.items[location] = {item["id"]: item for item in parsed["items"]}

    async def keep(self, pool):
        while True:
            await asyncio.sleep(MENU_EVERY_S)
            try:
                await self.load(pool)
            except (OSError, asyncpg.PostgresError):
                pass  # the menu that we have is better than none


def price_line(number, line, item):
    if item is None or not item["available"]:
        raise Refused(422, "invalid", [{"pointer": f"/lines/{number}/item_id", "code": "item_unknown"}])
    wanted, price, chosen = {option.option_id for option in line.options}, item["price"], []
    for group in item["option_groups"]:
        mine = [option for option in group["options"] if option["id"] in wanted and option["available"]]
        if not group["min"] <= len(mine) <= group["max"]:
            raise Refused(422, "invalid", [{"pointer": f"/lines/{number}/options", "code": "option_count"}])
        price += sum(option["price"] for option in mine)
        chosen += [{"id": option["id"], "name": option["name"], "price": option["price"]} for option in mine]
    if len(chosen) != len(wanted):
        raise Refused(422, "invalid", [{"pointer": f"/lines/{number}/options", "code": "option_unknown"}])
    return {"line": number + 1, "item_id": item["id"], "name": item["name"], "quantity": line.quantity,
            "unit_price": price, "total": price * line.quantity, "options": chosen}


def make_order(body, key, owner, menus):
    """The order as it will be answered and stored; refuses what does not fit its shape or the menu."""
    try:
        placement = PLACEMENT.validate_json(body)
    except ValidationError as error:
        raise Refused(422, "invalid", [{"pointer": "/" + "/".join(map(str, fault["loc"])), "code": fault["type"]}
                                       for fault in error.errors(include_url=False, include_context=False)])
    items = menus.items.get(placement.location_id)
    if items is None:
        raise Refused(422, "invalid", [{"pointer": "/location_id", "code": "location_unknown"}])
    lines = [price_line(number, line, items.get(line.item_id)) for number, line in enumerate(placement.lines)]
    total = sum(line["total"] for line in lines)
    tax = sum(round(line["total"] * items[line["item_id"]]["tax_rate_bp"] /
                    (10000 + items[line["item_id"]]["tax_rate_bp"])) for line in lines)
    return {"id": str(uuid.uuid5(NAMESPACE, f"{owner}/{key}")), "location_id": str(placement.location_id),
            "owner": str(owner), "status": "accepted", "version": 1, "type": placement.type, "currency": "EUR",
            "subtotal": total, "tax": tax, "total": total, "placed_at": datetime.now(timezone.utc).isoformat(),
            "customer": placement.customer.model_dump(), "note": placement.note, "lines": lines}


def fingerprint_of(body):
    return hashlib.blake2b(body, digest_size=16).digest()


# ---- rows ------------------------------------------------------------------------------------------------------------

ORDER_COLUMNS = (("order_id", "uuid"), ("location_id", "uuid"), ("owner", "uuid"), ("fingerprint", "bytea"),
                 ("status", "text"), ("type", "text"), ("currency", "text"), ("subtotal", "bigint"), ("tax", "bigint"),
                 ("total", "bigint"), ("placed_at", "timestamptz"), ("customer_name", "text"),
                 ("customer_phone", "text"), ("note", "text"))
LINE_COLUMNS = (("order_id", "uuid"), ("line", "integer"), ("item_id", "text"), ("name", "text"),
                ("quantity", "integer"), ("unit_price", "bigint"), ("total", "bigint"), ("options", "text"))


def names(columns):
    return ", ".join(name for name, _ in columns)


def order_row(order, fingerprint):
    return (order["id"], order["location_id"], order["owner"], fingerprint, order["status"], order["type"],
            order["currency"], order["subtotal"], order["tax"], order["total"],
            datetime.fromisoformat(order["placed_at"]), order["customer"]["name"], order["customer"]["phone"],
            order["note"])


def line_rows(order):
    return [(order["id"], line["line"], line["item_id"], line["name"], line["quantity"], line["unit_price"],
             line["total"], orjson.dumps(line["options"]).decode() if line["options"] else None)
            for line in order["lines"]]


# ---- reads -----------------------------------------------------------------------------------------------------------

READ = """
SELECT o.*, (SELECT json_agg(l ORDER BY l.line)::text FROM order_lines l WHERE l.order_id = o.order_id) AS lines
  FROM orders o WHERE o.order_id = $1"""


async def read_order(pool, cache, order_id):
    """The order's JSON: from Redis, else from PostgreSQL, and then into Redis; None when nobody knows it."""
    body = await cache.get(f"order:{order_id}")
    if body is None and (row := await pool.fetchrow(READ, order_id)) is not None:
        order = {"id": row["order_id"], "version": 1, **{name: row[name] for name in (
            "location_id", "owner", "status", "type", "currency", "subtotal", "tax", "total", "placed_at", "note")},
            "customer": {"name": row["customer_name"], "phone": row["customer_phone"]},
            "lines": [dict(line, options=orjson.loads(line["options"] or "[]")) for line in orjson.loads(row["lines"])]}
        body = orjson.dumps(order)
        await cache.set(f"order:{order_id}", body, ex=CACHE_S, nx=True)
    return body


def owned(body, user):
    """The answer, if it is the user's: what belongs to others does not exist."""
    if body is None or orjson.loads(body)["owner"] != str(user):
        raise Refused(404, "not_found")
    return answer(body)


def make_app(lifespan):
    """The application with what both answer alike: errors, and the menu from memory."""
    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.exception_handler(Refused)
    async def refuse(request, refused):
        body = {"type": refused.kind, "status": refused.status, "errors": list(refused.errors)}
        return Response(orjson.dumps(body), refused.status, media_type="application/problem+json")

    @app.get("/menu-items")
    async def menu_items(location_id: str, request: Request):
        page = request.app.state.menus.pages.get(location_id)
        if page is None:
            raise Refused(404, "not_found")
        return answer(page)

    return app


async def open_parts(app):
    app.state.pool = await asyncpg.create_pool(POSTGRES, min_size=POOL, max_size=POOL)
    app.state.redis = redis.Redis(connection_pool=redis.BlockingConnectionPool.from_url(
        REDIS, max_connections=REDIS_POOL, timeout=5))
    app.state.menus = Menus()
    await app.state.menus.load(app.state.pool)
    app.state.keeper = asyncio.create_task(app.state.menus.keep(app.state.pool))


async def close_parts(app):
    app.state.keeper.cancel()
    await app.state.redis.aclose()
    await app.state.pool.close()
