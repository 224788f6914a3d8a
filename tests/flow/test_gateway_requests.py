"""What clients may send, and what they are told when they may not: bodies, header fields, tokens."""
import base64
import hashlib
import hmac
import json
import pathlib
import socket
import time
import uuid

import pytest
from harness import eventually

BODY_BYTES_MAX = 256 * 1024


def problem(answer, status, kind):
    assert answer.status == status, repr(answer)
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json
    assert document["type"] == f"/problems/{kind}"
    assert document["status"] == status
    assert document["request_id"] == answer.headers["X-Request-Id"]
    return document


def order(stack, raw, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
    return stack.api("customer").request("POST", "/orders", raw=raw, headers=headers)


# ---- bodies

MALFORMED = [
    ("nothing", b""),
    ("not JSON", b"{"),
    ("something behind it", b"{} {}"),
    ("a duplicate key", b'{"type":"pickup","type":"pickup","lines":[{"item_id":"tiramisu","quantity":1}]}'),
    ("too deep", b'{"lines":' + b"[" * 17 + b"]" * 17 + b"}"),
    ("very deep", b"[" * 100000),
    ("bad UTF-8", b'{"type":"pickup","note":"\xff","lines":[{"item_id":"tiramisu","quantity":1}]}'),
    ("a NUL", b'{"type":"pickup","note":"\\u0000","lines":[{"item_id":"tiramisu","quantity":1}]}'),
    ("a raw NUL", b'{"type":"pickup\x00"}'),
]


@pytest.mark.parametrize("name, raw", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_a_body_that_cannot_be_read_is_400(stack, name, raw):
    problem(order(stack, raw), 400, "malformed")


INVALID = [
    ("no lines", {"type": "pickup"}, {"/lines"}),
    ("empty lines", {"type": "pickup", "lines": []}, {"/lines"}),
    ("an unknown field", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": 1}], "foo": 1}, {"/foo"}),
    ("quantity 0", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": 0}]}, {"/lines/0/quantity"}),
    ("quantity 10,000", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": 10000}]}, {"/lines/0/quantity"}),
    ("quantity 1.5", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": 1.5}]}, {"/lines/0/quantity"}),
    ("a text for a number", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": "1"}]}, {"/lines/0/quantity"}),
    ("scheduled", {"type": "pickup", "lines": [{"item_id": "tiramisu", "quantity": 1}], "scheduled_for": "2030-01-01T00:00:00Z"},
     {"/scheduled_for"}),
    ("many faults at once", {"type": "fly", "note": "x" * 501, "lines": [{"quantity": 0}, {"item_id": "tiramisu", "quantity": 1, "x": 1}]},
     {"/type", "/note", "/lines/0/item_id", "/lines/0/quantity", "/lines/1/x"}),
]


@pytest.mark.parametrize("name, body, pointers", INVALID, ids=[row[0] for row in INVALID])
def test_a_body_of_the_wrong_shape_is_422_with_every_fault(stack, name, body, pointers):
    document = problem(order(stack, json.dumps(body).encode()), 422, "validation")
    assert {error["pointer"] for error in document["errors"]} == pointers


def test_an_unknown_location_is_422(stack):
    body = stack.basket(location_id=str(uuid.uuid4()))
    document = problem(order(stack, json.dumps(body).encode()), 422, "validation")
    assert [error["pointer"] for error in document["errors"]] == ["/location_id"]


def test_what_only_the_actor_can_know_is_told_to_those_who_wait(stack):
    body = {"location_id": stack.location, "type": "pickup",
            "lines": [{"item_id": "no-such-item", "quantity": 1}, {"item_id": "tiramisu", "quantity": 1}]}
    document = problem(stack.place(body, wait_s=10), 422, "validation")
    assert [error["pointer"] for error in document["errors"]] == ["/lines/0/item_id"]
    accepted = stack.place(body).expect(202)
    rejected = stack.order_reaches(accepted.json["id"], "rejected")
    assert rejected["reasons"]
    wrong_total = stack.basket(expected_total=1)
    document = problem(stack.place(wrong_total, wait_s=10), 422, "validation")
    assert [error["pointer"] for error in document["errors"]] == ["/expected_total"]


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, 1024 * 1024, 5 * 1024 * 1024])
@pytest.mark.parametrize("framing", ["length", "chunked", "expect"])
def test_a_body_that_is_too_large_gets_an_answer_that_can_be_read(stack, size, framing):
    host, port = stack.new_api().address
    head = (f"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"
            f"Authorization: Bearer {stack.token('customer')}\r\nConnection: close\r\n")
    if framing == "chunked":
        head += "Transfer-Encoding: chunked\r\n"
        body = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(size // 65536 + 1)) + b"0\r\n\r\n"
    else:
        head += f"Content-Length: {size}\r\n" + ("Expect: 100-continue\r\n" if framing == "expect" else "")
        body = b"x" * size
    with socket.create_connection((host, port), timeout=10) as connection, connection.makefile("rb") as reader:
        connection.sendall(head.encode() + b"\r\n")
        if framing == "expect":
            first = reader.readline()
            if first.startswith(b"HTTP/1.1 100"):
                assert reader.readline() == b"\r\n"
                connection.sendall(body)
                first = reader.readline()
        else:
            connection.sendall(body)  # all of it before the answer is looked at: no reset may come between
            first = reader.readline()
        rest = reader.read()
    assert first.startswith(b"HTTP/1.1 413 "), first
    assert b"application/problem+json" in rest
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["type"] == "/problems/too-large"


def test_the_largest_body_is_taken(stack):
    body = json.dumps(stack.basket()).encode()
    order(stack, body + b" " * (BODY_BYTES_MAX - len(body))).expect(202)


def test_a_body_comes_as_json(stack):
    body = json.dumps(stack.basket()).encode()
    problem(order(stack, body, Content_Type="text/plain"), 415, "unsupported-media-type")
    order(stack, body, Content_Type="application/json; charset=utf-8").expect(202)


# ---- header fields

def test_an_order_needs_a_key(stack):
    api, basket = stack.api("customer"), stack.basket()
    problem(api.post("/orders", basket), 400, "malformed")
    for bad in ("", '""', "a b", '"a', "k" * 256, "k\u00e9"):
        problem(api.post("/orders", basket, headers={"Idempotency-Key": bad.encode("latin-1")}), 400, "malformed")


def test_a_quoted_key_is_the_bare_one(stack):
    key, basket = str(uuid.uuid4()), stack.basket()
    bare = stack.place(basket, key=key).expect(202)
    quoted = stack.place(basket, key=f'"{key}"').expect(202)
    assert quoted.json["id"] == bare.json["id"]
    assert "Idempotent-Replayed" not in bare.headers
    assert quoted.headers["Idempotent-Replayed"] == "true"


def test_a_key_belongs_to_one_request_of_one_user(stack):
    key = str(uuid.uuid4())
    first = stack.place(stack.basket(), key=key).expect(202)
    stack.order_reaches(first.json["id"], "accepted")
    problem(stack.place(stack.basket(note="another"), key=key), 422, "idempotency-key-reused")
    problem(stack.place(stack.basket(note="another"), key=key, wait_s=5), 422, "idempotency-key-reused")
    other = stack.place(stack.basket(), key=key, api=stack.api("manager")).expect(202)
    assert other.json["id"] != first.json["id"]


def test_a_reused_key_changes_nothing_also_when_the_receipt_is_lost(stack):
    key, basket = str(uuid.uuid4()), stack.basket()
    first = stack.place(basket, key=key, wait_s=10).expect(201).json
    stack.redis("DEL", f"receipt:{first['id']}")
    problem(stack.place(stack.basket(note="another"), key=key, wait_s=10), 422, "idempotency-key-reused")
    assert stack.place(basket, key=key, wait_s=10).expect(201).json == first


def test_what_was_parked_is_shown_as_rejected(stack):
    """A record with an id that a client may have been told, and bytes that nobody can read."""
    order_id = stack.place(wait_s=10).expect(201).json["id"][:-4] + f"{int(time.time() * 1000) % 65536:04x}"
    stack.produce("orders.commands.v1", b"\xc1 not a command", key=stack.location, headers={"ce_id": order_id})
    kitchen = stack.api("kitchen")

    def shown():
        answer = kitchen.get(f"/orders/{order_id}")
        return answer.json if answer.status == 200 else None
    parked = eventually(shown)
    assert (parked["id"], parked["status"]) == (order_id, "rejected")
    assert parked["reasons"][0]["code"] == "parked"
    assert kitchen.get(f"/commands/{order_id}").expect(200).json["status"] == "refused"
    problem(stack.api("customer").get(f"/orders/{order_id}"), 404, "not-found")
    stack.order_reaches(stack.place().expect(202).json["id"], "accepted")  # it holds nobody up


def test_a_placement_that_waits_gets_the_order(stack):
    key, basket = str(uuid.uuid4()), stack.basket()
    answer = stack.place(basket, key=key, wait_s=10).expect(201)
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.headers["Location"] == f"/orders/{answer.json['id']}"
    assert answer.headers["ETag"] == '"1"'
    again = stack.place(basket, key=key, wait_s=10).expect(201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == answer.json


def test_steps_that_wait_get_the_order_or_the_reason(stack):
    kitchen, customer = stack.api("kitchen"), stack.api("customer")
    wait = {"Prefer": "wait=10"}
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    problem(customer.post(f"/orders/{order_id}/start", {}, headers=wait), 403, "forbidden")
    problem(kitchen.post(f"/orders/{order_id}/start", {}, headers={**wait, "If-Match": '"9"'}), 412, "stale")
    problem(kitchen.post(f"/orders/{order_id}/start", {}, headers={**wait, "If-Match": "9"}), 400, "malformed")
    problem(kitchen.post(f"/orders/{order_id}/start", {"foo": 1}, headers=wait), 422, "validation")
    started = kitchen.post(f"/orders/{order_id}/start", {}, headers={**wait, "If-Match": '"1"'}).expect(200)
    assert (started.json["status"], started.headers["ETag"]) == ("preparing", '"2"')
    problem(kitchen.post(f"/orders/{order_id}/start", {}, headers=wait), 409, "conflict")
    problem(customer.post(f"/orders/{order_id}/cancel", {}, headers=wait), 409, "conflict")
    answer = kitchen.post(f"/orders/{order_id}/ready", {}).expect(202)
    assert answer.json["links"] == {"command": f"/commands/{answer.json['command_id']}", "order": f"/orders/{order_id}"}
    assert answer.json["status"] == "pending"
    stack.order_reaches(order_id, "ready")
    command = kitchen.get(f"/commands/{answer.json['command_id']}").expect(200).json
    assert (command["status"], command["order_id"]) == ("applied", order_id)
    problem(customer.get(f"/commands/{answer.json['command_id']}"), 404, "not-found")


def test_an_entity_tag_spares_the_body(stack):
    api = stack.api("customer")
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    for path, tag in ((f"/orders/{order_id}", None), (f"/menu-items?location_id={stack.location}", None)):
        tag = api.get(path).expect(200).headers["ETag"]
        unchanged = api.get(path, headers={"If-None-Match": tag}).expect(304)
        assert unchanged.body == b"" and unchanged.headers["ETag"] == tag
    head = api.request("HEAD", f"/orders/{order_id}").expect(200)
    assert head.body == b"" and int(head.headers["Content-Length"]) > 100


def test_a_long_poll_ends_with_the_change_or_in_time(stack):
    kitchen = stack.new_api("kitchen")
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    began = time.monotonic()
    assert stack.order(order_id, wait_past=1, wait_s=1).status == 304
    assert 0.9 < time.monotonic() - began < 3
    kitchen.post(f"/orders/{order_id}/start", {}).expect(202)
    assert stack.order(order_id, wait_past=1, wait_s=10).expect(200).json["version"] == 2


def test_a_request_id_is_taken_when_it_is_well_formed(stack):
    api = stack.api()
    assert api.get("/me", headers={"X-Request-Id": "my-Id_1.2"}).headers["X-Request-Id"] == "my-Id_1.2"
    for bad in ("a b", "x" * 65, "a\"b"):
        assert uuid.UUID(api.get("/me", headers={"X-Request-Id": bad}).headers["X-Request-Id"])


def test_paths_and_methods(stack):
    nobody, customer, kitchen = stack.api(), stack.api("customer"), stack.api("kitchen")
    problem(nobody.get("/no-such-path"), 401, "unauthorized")
    problem(customer.get("/no-such-path"), 404, "not-found")
    problem(customer.get("/orders/../me"), 404, "not-found")
    problem(customer.get(f"/orders/{uuid.uuid4()}"), 404, "not-found")
    answer = customer.request("DELETE", "/orders")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    problem(customer.get(f"/locations/{stack.location}/board"), 403, "forbidden")
    problem(customer.get(f"/locations/{stack.location}/events"), 403, "forbidden")
    problem(kitchen.get(f"/locations/{uuid.uuid4()}/board"), 404, "not-found")
    problem(customer.get("/orders?limt=5"), 422, "validation")
    problem(nobody.get(f"/menu-items?location_id={uuid.uuid4()}"), 404, "not-found")


def test_an_order_of_somebody_else_is_404(stack):
    order_id = stack.place(wait_s=10, api=stack.api("admin")).expect(201).json["id"]
    customer = stack.api("customer")
    problem(customer.get(f"/orders/{order_id}"), 404, "not-found")
    problem(customer.get(f"/orders/{order_id}/events"), 404, "not-found")
    problem(customer.get(f"/commands/{order_id}"), 404, "not-found")
    problem(customer.post(f"/orders/{order_id}/cancel", {}, headers={"Prefer": "wait=10"}), 404, "not-found")


def test_pages_follow_each_other_without_gap_or_repetition(stack):
    api = stack.api("customer")
    placed = [stack.place(wait_s=10).expect(201).json["id"] for _ in range(5)]
    seen, cursor = [], ""
    while len(seen) < 5:
        page = api.get(f"/orders?limit=2{cursor}").expect(200).json
        seen += [listed["id"] for listed in page["orders"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen[:5] == placed[::-1]
    problem(api.get(f"/orders?limit=2{cursor[:-2]}AA"), 422, "validation")


# ---- tokens

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forge:
    def __init__(self, stack):
        self.key = pathlib.Path(stack.env["ZAPORA_JWT_KEY_FILE"]).read_bytes()
        self.kid = hashlib.blake2b(self.key, digest_size=32).digest()[:8].hex()
        self.now = int(time.time())

    def claims(self, **more):
        return {"iss": "zapora", "aud": "zapora-api", "sub": str(uuid.uuid4()), "role": "admin", "locations": [],
                "iat": self.now, "exp": self.now + 900, **more}

    def token(self, header=None, claims=None, key=None, raw=None, digest="sha256"):
        header = {"alg": "HS256", "typ": "JWT", "kid": self.kid} if header is None else header
        payload = raw or json.dumps(claims or self.claims()).encode()
        signed = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
        return f"{signed}.{b64(hmac.new(key or self.key, signed.encode(), digest).digest())}"


def test_only_our_own_tokens_open_the_door(stack):
    forge = Forge(stack)
    without_exp = forge.claims()
    del without_exp["exp"]
    doubled = json.dumps(forge.claims()).encode()[:-1] + b',"exp":9999999999}'
    good = forge.token()
    rows = {
        "nothing": "",
        "nonsense": "x",
        "forged": good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"),
        "foreign key": forge.token(key=b"k" * 32),
        "expired": forge.token(claims=forge.claims(exp=forge.now - 1)),
        "alg none": forge.token(header={"alg": "none", "kid": forge.kid}),
        "alg none, unsigned": forge.token(header={"alg": "none", "kid": forge.kid}).rpartition(".")[0] + ".",
        "HS512 with our key": forge.token(header={"alg": "HS512", "typ": "JWT", "kid": forge.kid}, digest="sha512"),
        "no exp": forge.token(claims=without_exp),
        "exp a text": forge.token(claims=forge.claims(exp=str(forge.now + 900))),
        "exp a real": forge.token(claims=forge.claims(exp=forge.now + 900.5)),
        "claims doubled": forge.token(raw=doubled),
        "unknown kid": forge.token(header={"alg": "HS256", "kid": "0" * 16}),
        "no kid": forge.token(header={"alg": "HS256"}),
        "crit": forge.token(header={"alg": "HS256", "kid": forge.kid, "crit": ["exp"]}),
        "another issuer": forge.token(claims=forge.claims(iss="x")),
        "another audience": forge.token(claims=forge.claims(aud="x")),
        "the system's role": forge.token(claims=forge.claims(role="system")),
        "two parts": good.rpartition(".")[0],
        "four parts": good + ".x",
        "5 KB": forge.token(claims=forge.claims(x="x" * 4000)),
        "300 KB": forge.token(claims=forge.claims(x="x" * 225000)),
    }
    stack.new_api(token=good).get("/me").expect(200)
    for name, token in rows.items():
        answer = stack.new_api().get("/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 401, f"{name}: {answer!r}"
        problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_stream_ends_with_its_token(stack):
    forge = Forge(stack)
    token = forge.token(claims=forge.claims(role="kitchen", locations=[stack.location], exp=int(time.time()) + 2))
    began = time.monotonic()
    with stack.new_api(token=token).events(f"/locations/{stack.location}/events") as stream:
        assert stream.status == 200
        assert stream.response.read().decode().endswith(": token expired\n\n")
    assert time.monotonic() - began < 5


def test_a_login_that_is_wrong_says_no_more_than_that(stack):
    api = stack.new_api()
    email = stack.env["ZAPORA_DEMO_CUSTOMER_EMAIL"]
    password = "not the password"
    wrong = problem(api.post("/auth/login", {"email": email, "password": password}), 401, "unauthorized")
    unknown = problem(api.post("/auth/login", {"email": "no@example.org", "password": password}), 401, "unauthorized")
    assert {**wrong, "request_id": ""} == {**unknown, "request_id": ""}


def test_me_is_who_logged_in(stack):
    login = stack.login("kitchen")
    assert stack.new_api(token=login["access_token"]).get("/me").expect(200).json == login["user"]
    assert login["user"]["locations"] == [stack.location]
    assert login["expires_in"] == 900
