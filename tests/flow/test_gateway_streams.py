"""Event streams: a location's events once and in order, an order's states, heartbeats, clients that are slow or leave."""
import http.client
import json
import re
import socket
import threading
import time
import uuid

from harness import eventually


def metric(stack, series):
    """The value of a series of the first gateway; labels as they are printed."""
    page = stack.ops("gateway-1").get("/metrics").expect(200).body.decode()
    return float(re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE).group(1))


def ended(stack, reason):
    return metric(stack, f'zapora_gateway_streams_ended_total{{reason="{reason}"}}')


def events_of(stack, last_event_id=None, **more):
    return stack.new_api("kitchen").events(f"/locations/{stack.location}/events", last_event_id, **more)


def only_events(stream, count):
    """The next events that are no heartbeats."""
    seen = []
    while len(seen) < count:
        event = next(stream)
        if event["event"] != "heartbeat":
            seen.append(event)
    return seen


def test_a_stream_starts_at_the_head_with_a_heartbeat(stack):
    with events_of(stack) as stream:
        assert stream.status == 200
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        beat = next(stream)
        assert beat["event"] == "heartbeat" and beat["id"] is None
        assert set(beat["data"]) == {"head", "hash", "as_of", "lag_ms", "server_time"}
        assert re.fullmatch("[0-9a-f]{16}", beat["data"]["hash"])
        order = stack.place(wait_s=10).expect(201).json
        event, = only_events(stream, 1)
        assert event["id"] == str(order["seq"]) == str(beat["data"]["head"] + 1)
        assert event["event"] == event["data"]["type"] == "order_placed"
        assert event["data"]["order"] == order


def test_a_heartbeat_comes_at_least_every_ten_seconds_and_fits_the_board(stack):
    with events_of(stack, timeout_s=11) as stream:
        first = next(stream)
        second = stream.until(lambda event: event["event"] == "heartbeat")[-1]
        assert second["data"]["server_time"] > first["data"]["server_time"]
        board = stack.board()
        assert (board["head"], board["hash"]) == (second["data"]["head"], second["data"]["hash"])


def test_a_cursor_resumes_without_gap_or_repetition(stack):
    with events_of(stack, last_event_id=0) as stream:
        beat = next(stream)
        while beat["event"] != "heartbeat":
            beat = next(stream)
        head = beat["data"]["head"]
    for cursor in (0, head // 2, head - 1):
        with events_of(stack, last_event_id=cursor) as stream:
            seqs = [int(event["id"]) for event in only_events(stream, head - cursor)]
        assert seqs == list(range(cursor + 1, head + 1))


def test_the_header_outvotes_the_query(stack):
    order = stack.place(wait_s=10).expect(201).json
    path = f"/locations/{stack.location}/events?last_event_id=0"
    with stack.new_api("kitchen").events(path, last_event_id=order["seq"] - 1) as stream:
        assert only_events(stream, 1)[0]["id"] == str(order["seq"])
    with stack.new_api("kitchen").events(path) as stream:
        assert only_events(stream, 1)[0]["id"] == "1"


def test_a_cursor_beyond_the_head_is_reset(stack):
    head = stack.board()["head"]
    with events_of(stack, last_event_id=head + 1000) as stream:
        reset, = only_events(stream, 1)
        assert reset["event"] == "reset" and reset["id"] is None
        assert reset["data"]["head"] == head
        order = stack.place(wait_s=10).expect(201).json
        assert only_events(stream, 1)[0]["id"] == str(order["seq"])


def test_cursors_that_are_none_are_refused(stack):
    api, path = stack.api("kitchen"), f"/locations/{stack.location}/events"
    for bad in ("abc", "-1", "1-0", "99999999999999999999"):
        assert api.get(path, headers={"Last-Event-ID": bad}).status == 400
        assert api.get(f"{path}?last_event_id={bad}").status == 422


def test_an_old_cursor_is_served_from_the_database(stack):
    """What Redis has forgotten, the journal still knows."""
    head = stack.place(wait_s=10).expect(201).json["seq"]
    key = f"{{{stack.location}}}:events"
    stack.redis("XTRIM", key, "MAXLEN", 1)
    with events_of(stack, last_event_id=0) as stream:
        seqs = [int(event["id"]) for event in only_events(stream, head)]
    assert seqs == list(range(1, head + 1))


def test_an_order_stream_begins_with_the_order_and_tells_its_events(stack):
    order_id = stack.place(wait_s=10).expect(201).json["id"]
    kitchen = stack.new_api("kitchen")
    with stack.new_api("customer").events(f"/orders/{order_id}/events") as stream:
        snapshot, = only_events(stream, 1)
        assert snapshot["event"] == "snapshot" and snapshot["data"]["order"]["version"] == 1
        stack.place(wait_s=10).expect(201)  # another order: not told here
        for step in ("start", "ready", "complete"):
            kitchen.post(f"/orders/{order_id}/{step}", {}, headers={"Prefer": "wait=10"}).expect(200)
        told = only_events(stream, 3)
    assert [event["event"] for event in told] == ["order_started", "order_readied", "order_completed"]
    assert [event["data"]["order"]["version"] for event in told] == [2, 3, 4]
    with stack.new_api("customer").events(f"/orders/{order_id}/events", last_event_id=1) as stream:
        assert only_events(stream, 1)[0]["data"]["order"]["status"] == "completed"


def test_an_order_stream_waits_for_what_is_only_submitted(stack):
    api = stack.new_api("customer")
    order_id = stack.place().expect(202).json["id"]
    with api.events(f"/orders/{order_id}/events") as stream:
        told = stream.until(lambda event: event["data"].get("order", {}).get("version", 0) >= 1)
    versions = [event["data"]["order"]["version"] for event in told if "order" in event["data"]]
    assert versions == sorted(set(versions))


def test_a_client_that_leaves_is_noticed_at_once(stack):
    before = ended(stack, "client_left")
    streams = [events_of(stack) for _ in range(3)]
    for stream in streams:
        next(stream)
    assert metric(stack, "zapora_gateway_streams_open") >= 3
    for stream in streams:
        stream.close()
    eventually(lambda: ended(stack, "client_left") >= before + 3, timeout_s=3)


def test_a_client_that_does_not_read_is_cut_off_and_others_go_on(stack):
    """More than the kernel's buffers hold, and nobody who reads it."""
    before = ended(stack, "stalled")
    note = "n" * 500
    line = {"item_id": "tiramisu", "quantity": 1, "note": note}
    big = {"location_id": stack.location, "type": "pickup", "lines": [line] * 100}
    head = stack.board()["head"]
    host, port = stack.new_api().address
    with socket.socket() as lazy, events_of(stack) as eager:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect((host, port))
        lazy.sendall((f"GET /locations/{stack.location}/events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: {head}\r\n"
                      f"Authorization: Bearer {stack.token('kitchen')}\r\n\r\n").encode())
        orders = [stack.place(big, wait_s=10).expect(201).json for _ in range(70)]
        last, seqs = orders[-1]["seq"], []
        while not seqs or seqs[-1] < last:
            seqs += [int(event["id"]) for event in only_events(eager, 1)]
        assert seqs == list(range(seqs[0], last + 1))
        eventually(lambda: ended(stack, "stalled") == before + 1, timeout_s=25)
    for order in orders:  # so much is no fit board for the tests that follow
        stack.api("customer").post(f"/orders/{order['id']}/cancel", {}).expect(202)


def test_many_streams_of_one_location_hear_the_same(stack):
    head = stack.board()["head"]
    streams = [events_of(stack, last_event_id=head) for _ in range(40)]
    heard = [[] for _ in streams]

    def listen(number):
        heard[number] = [event["id"] for event in only_events(streams[number], 20)]

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(len(streams))]
    for thread in threads:
        thread.start()
    for _ in range(20):
        stack.place(key=str(uuid.uuid4())).expect(202)
    for thread in threads:
        thread.join(20)
    for stream in streams:
        stream.close()
    assert all(ids == [str(seq) for seq in range(head + 1, head + 21)] for ids in heard)


def test_a_request_behind_a_stream_is_no_reason_to_end_it(stack):
    """Bytes that a client sends too early are neither read nor taken for a farewell."""
    connection = http.client.HTTPConnection(*stack.new_api().address, timeout=15)
    connection.request("GET", f"/locations/{stack.location}/events",
                       headers={"Authorization": f"Bearer {stack.token('kitchen')}"})
    connection.sock.sendall(b"GET /me HTTP/1.1\r\nHost: a\r\n\r\n")
    response = connection.getresponse()
    time.sleep(0.5)
    order = stack.place(wait_s=10).expect(201).json
    while True:
        line = response.readline()
        assert line, "the stream ended"
        if line.startswith(b"data:") and json.loads(line[5:]).get("order_id") == order["id"]:
            break
    connection.close()
