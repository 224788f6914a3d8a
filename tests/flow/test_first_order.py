"""The first order: from the app to the kitchen's board, through the real Kafka, PostgreSQL and Redis."""
import uuid


def test_an_order_goes_from_the_app_to_the_board(stack):
    login = stack.login("customer")
    assert login["token_type"] == "Bearer"
    assert login["user"]["email"] == stack.env["ZAPORA_DEMO_CUSTOMER_EMAIL"]
    assert login["user"]["role"] == "customer"

    menu = stack.menu()
    assert menu["location_id"] == stack.location
    assert menu["currency"] == "EUR"
    on_sale = [item for item in menu["items"] if item["available"]]
    assert len(on_sale) >= 5

    basket = stack.basket(lines=2, customer={"name": "Ada"}, note="ring twice")
    placed = stack.place(basket).expect(202)
    submitted = placed.json
    assert submitted["status"] == "submitted"
    assert submitted["version"] == 0
    assert placed.headers["Location"] == f"/orders/{submitted['id']}"

    accepted = stack.order_reaches(submitted["id"], "accepted")
    assert accepted["location_id"] == stack.location
    assert accepted["version"] >= 1
    assert accepted["number"] >= 1
    assert accepted["note"] == "ring twice"
    assert [line["item_id"] for line in accepted["lines"]] == [line["item_id"] for line in basket["lines"]]
    assert accepted["subtotal"] == sum(line["total"] for line in accepted["lines"])
    assert accepted["total"] == accepted["subtotal"]
    assert accepted["lines"][0]["unit_price"] == on_sale[0]["price"]

    board = stack.board()
    assert board["head"] >= accepted["seq"]
    assert submitted["id"] in [ticket["id"] for ticket in board["tickets"]]


def test_an_order_retried_with_its_key_is_one_order(stack):
    key, basket = str(uuid.uuid4()), stack.basket()
    first = stack.place(basket, key=key).expect(202).json
    stack.order_reaches(first["id"], "accepted")
    again = stack.place(basket, key=key).expect(202, 201).json
    assert again["id"] == first["id"]
    assert stack.sql("SELECT count(*) FROM orders WHERE order_id = %s", first["id"]) == [(1,)]
