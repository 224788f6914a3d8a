#!/usr/bin/python3
"""A proxy between the roles and their servers, which cuts, refuses, delays or stalls what it carries.

Started by ground.py, which talks to it over standard input and output, a JSON object a line: {"link", "listen",
"to"} makes a link, {"link", "do": "pass|cut|refuse|stall|delay", "delay_s"} changes one, and each is answered by a
line. It ends with its standard input. Invariant: bytes are delayed, held or lost with their connection, never changed
or reordered.
"""
import asyncio
import collections
import json
import socket
import struct
import sys

PIECE_BYTES = 65536
QUEUE_PIECES_MAX = 64


class Link:
    def __init__(self, to):
        self.to = to
        self.refusing, self.delay_s = False, 0.0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.writers = set()

    def cut(self):
        for writer in list(self.writers):
            connection = writer.get_extra_info("socket")
            if connection is not None:  # a reset, as when a firewall forgot the connection
                try:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
            writer.transport.abort()

    def do(self, what, delay_s=0.0):
        self.refusing, self.delay_s = what == "refuse", delay_s if what == "delay" else 0.0
        if what == "stall":
            self.flowing.clear()
            return
        if what in ("cut", "refuse") or not self.flowing.is_set():
            self.cut()  # what was held too long is not delivered late: its connection is gone
        self.flowing.set()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        other = None
        try:
            if self.refusing:
                return
            other_reader, other = await asyncio.open_connection(*self.to)
            self.writers.add(other)
            for each in (writer, other):
                each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(self.carry(reader, other), self.carry(other_reader, writer))
        except OSError:
            pass
        finally:
            for each in (writer, other):
                if each is not None:
                    self.writers.discard(each)
                    each.transport.abort()

    async def carry(self, reader, writer):
        """One direction. The queue is bounded: a slow reader slows the writer, as without us."""
        pieces, room = collections.deque(), asyncio.Semaphore(QUEUE_PIECES_MAX)
        come = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def deliver():
            while True:
                while not pieces:
                    come.clear()
                    await come.wait()
                due, piece = pieces.popleft()
                room.release()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self.flowing.wait()
                if not piece:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(piece)
                await writer.drain()

        delivery = loop.create_task(deliver())
        try:
            while True:
                piece = await reader.read(PIECE_BYTES)
                await room.acquire()
                pieces.append((loop.time() + self.delay_s, piece))
                come.set()
                if not piece:
                    break
            await delivery
        finally:
            delivery.cancel()


async def main():
    links, servers = {}, []
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        if "listen" in order:
            link = links[order["link"]] = Link(tuple(order["to"]))
            servers.append(await asyncio.start_server(link.serve, *order["listen"]))
        elif "to" in order:
            links[order["link"]].to = tuple(order["to"])
        else:
            links[order["link"]].do(order["do"], order.get("delay_s", 0.0))
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
