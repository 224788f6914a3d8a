"""Requests that two servers in a row may read differently.

Each is refused with a problem, its connection is closed, and what was smuggled behind it is never answered.
"""
import json
import socket

import pytest

SMUGGLED = b"GET /me HTTP/1.1\r\nHost: smuggled\r\n\r\n"

# name, the bytes of a first request; another one always follows it on the same connection
CORPUS = [
    ("no Host", b"GET /menu-items HTTP/1.1\r\n\r\n"),
    ("an empty Host", b"GET /menu-items HTTP/1.1\r\nHost:\r\n\r\n"),
    ("two Hosts", b"GET /menu-items HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("no Host on 1.0", b"GET /menu-items HTTP/1.0\r\n\r\n"),
    ("two lengths", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    ("two different lengths", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 44\r\n\r\n{}"),
    ("a list of lengths", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}"),
    ("a signed length", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}"),
    ("a negative length", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}"),
    ("CL.TE", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
    ("TE.CL", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("TE.TE", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("TE, hidden", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("TE, with another", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("TE, folded", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("TE on 1.0", b"POST /auth/login HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a folded field", b"GET /menu-items HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    ("a bare LF", b"GET /menu-items HTTP/1.1\nHost: a\r\n\r\n"),
    ("a bare LF behind a field", b"GET /menu-items HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ("HTTP/1.2", b"GET /menu-items HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("an absolute target", b"GET http://a/menu-items HTTP/1.1\r\nHost: a\r\n\r\n"),
]

# What the library refuses before anybody can write a problem document: plain text, but a refusal all the same.
UNREADABLE = [
    ("a space before the colon", b"POST /auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("a NUL in a field", b"GET /menu-items HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
    ("a bare CR in a field", b"GET /menu-items HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n"),
    ("no version", b"GET /menu-items\r\nHost: a\r\n\r\n"),
    ("clear-text HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("too many fields", b"GET /menu-items HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n"),
]


def conversation(stack, sent):
    """All that comes back until the gateway closes."""
    host, port = stack.new_api().address
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.sendall(sent)
        got = b""
        while True:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return got
            got += more


@pytest.mark.parametrize("name, request_bytes", CORPUS, ids=[row[0] for row in CORPUS])
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_is_answered(stack, name, request_bytes):
    got = conversation(stack, request_bytes + SMUGGLED)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), got
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    assert got.count(b"HTTP/1.1 ") == 1, got
    problem = json.loads(body)
    assert problem["type"] == "/problems/malformed"
    assert problem["request_id"].encode() in head


@pytest.mark.parametrize("name, request_bytes", UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_an_unreadable_request_is_refused(stack, name, request_bytes):
    got = conversation(stack, request_bytes + SMUGGLED)
    assert got.startswith(b"HTTP/1.1 400 "), got
    assert got.count(b"HTTP/1.1 ") == 1, got


def test_plain_requests_in_a_row_are_answered_each(stack):
    """The other side of the corpus: pipelining as such is no crime."""
    first = f"GET /menu-items?location_id={stack.location} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    last = b"GET /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    got = conversation(stack, first * 3 + last)
    assert got.count(b"HTTP/1.1 200 ") == 3
    assert got.count(b"HTTP/1.1 401 ") == 1


def test_an_upgrade_to_http2_is_not_taken(stack):
    got = conversation(stack, f"GET /menu-items?location_id={stack.location} HTTP/1.1\r\nHost: a\r\n"
                              "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n"
                              "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 200 "), got[:200]
