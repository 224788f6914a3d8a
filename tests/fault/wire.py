"""HTTP/1.1 for hundreds of clients on one event loop: requests over kept connections, and event streams.

Used by load.py and watch.py. Invariants: a request is sent at most once, whoever retries does so knowingly; whatever
goes wrong on the way is one exception, Lost, that says what.
"""
import asyncio
import json
import time

KEEP_S = 4  # the gateway closes idle connections after 10 s, the ingress keeps them for 5
LINE_BYTES_MAX = 8 << 20


class Lost(Exception):
    """There was no answer, or only a piece of one: what became of the request is not known."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


async def read_head(reader):
    """Status and headers, the names in lower case."""
    line = await reader.readline()
    if not line.startswith(b"HTTP/1.1 "):
        raise Lost(f"no status line: {line[:40]!r}")
    status, headers = int(line.split()[1]), {}
    while True:
        line = await reader.readline()
        if line in (b"\r\n", b"\n"):
            return status, headers
        if not line:
            raise Lost("the connection ended in the headers")
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()


async def read_chunks(reader):
    while True:
        line = await reader.readline()
        if not line:
            raise Lost("the connection ended between two chunks")
        size = int(line, 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            return
        yield chunk[:-2]


async def read_body(reader, headers):
    if headers.get("transfer-encoding") == "chunked":
        return b"".join([chunk async for chunk in read_chunks(reader)])
    return await reader.readexactly(int(headers.get("content-length", 0)))


def request_bytes(method, path, headers, body):
    lines = [f"{method} {path} HTTP/1.1", "Host: fault", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


class Gateway:
    """One gateway's address, with the idle connections to it."""

    def __init__(self, url):
        host, _, port = url.rpartition("//")[2].rpartition(":")
        self.name, self.host, self.port, self.idle = url, host, int(port), []

    async def connect(self):
        return await asyncio.open_connection(self.host, self.port, limit=LINE_BYTES_MAX)

    def take_idle(self):
        while self.idle:
            reader, writer, since = self.idle.pop()
            if time.monotonic() - since < KEEP_S and not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return None

    async def exchange(self, data):
        pair = self.take_idle() or await self.connect()
        reader, writer = pair
        kept = False
        try:
            writer.write(data)
            await writer.drain()
            status, headers = await read_head(reader)
            answer = Answer(status, headers, b"" if status == 304 else await read_body(reader, headers))
            kept = headers.get("connection", "") != "close"
            return answer
        finally:
            if kept:
                self.idle.append((reader, writer, time.monotonic()))
            else:
                writer.close()

    async def request(self, method, path, headers, body=None, timeout_s=7.0):
        """The answer, or Lost. A gateway answers everything within five seconds, and a wait's length more."""
        try:
            return await asyncio.wait_for(self.exchange(request_bytes(method, path, headers, body)), timeout_s)
        except asyncio.TimeoutError:
            raise Lost(f"no answer within {timeout_s} s") from None
        except (OSError, EOFError, ValueError) as error:
            raise Lost(f"{type(error).__name__}: {error}") from None

    async def events(self, path, headers, silence_s):
        """An event stream's events as {"id", "event", "data"}, until it ends or is silent for too long: then Lost."""
        try:
            reader, writer = await asyncio.wait_for(self.connect(), silence_s)
        except (OSError, asyncio.TimeoutError) as error:
            raise Lost(f"{type(error).__name__}: {error}") from None
        try:
            writer.write(request_bytes("GET", path, {"Accept": "text/event-stream", **headers}, None))
            status, answered = await asyncio.wait_for(read_head(reader), silence_s)
            if status != 200:
                raise Lost(f"answered with {status}")
            chunks, rest, event = read_chunks(reader), b"", {"id": None, "event": "message", "data": ""}
            if answered.get("transfer-encoding") != "chunked":
                raise Lost("a stream that is not chunked")
            while True:
                chunk = await asyncio.wait_for(anext(chunks, None), silence_s)
                if chunk is None:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    field, _, value = line.decode().partition(": ")
                    if line == b"":
                        if event["data"]:
                            yield {**event, "data": json.loads(event["data"])}
                        event = {"id": None, "event": "message", "data": ""}
                    elif field in event:
                        event[field] = value
        except asyncio.TimeoutError:
            raise Lost(f"silent for {silence_s} s") from None
        except (OSError, EOFError) as error:
            raise Lost(f"{type(error).__name__}: {error}") from None
        finally:
            writer.close()
