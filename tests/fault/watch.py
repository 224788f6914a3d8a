"""The screens: one event stream for each location, which comes back with its cursor whenever it ends.

Used by run. Keeps what each screen saw; check.py judges it. Invariant: a screen's cursor moves only with an event's id
or with a reset, as a real screen's.
"""
import asyncio
import time

from wire import Lost

SILENCE_S = 15.0  # heartbeats come every ten seconds at most
PAUSE_S = 0.2


class Screen:
    """What one reader of a location saw: items, in order, are ("open", cursor, gateway), ("event", seq, type, order,
    version), ("reset", head, reason), ("beat", head, hash) or ("end", why)."""

    def __init__(self, location, head):
        self.location, self.cursor, self.items = location, head, [("start", head)]
        self.opened = 0

    def take(self, event, news):
        data = event["data"]
        if event["event"] == "heartbeat":
            beat = ("beat", data["head"], data["hash"])
            if self.items[-1] != beat:
                self.items.append(beat)
        elif event["event"] == "reset":
            self.cursor = data["head"]
            self.items.append(("reset", data["head"], data["reason"]))
        else:
            self.cursor = int(event["id"])
            order = data.get("order") or {}
            self.items.append(("event", self.cursor, event["event"], data.get("order_id"), order.get("version")))
            news(self.location, event["event"], data.get("order_id"))


class Screens:
    def __init__(self, gateways, person, heads):
        self.gateways, self.person = gateways, person
        self.screens = [Screen(location, head) for location, head in heads.items()]
        self.waiting = {}  # location: a moment; gone once an order from after it was applied
        self.first_sent = lambda order_id: None
        self.tasks = []

    def start(self):
        self.tasks = [asyncio.get_running_loop().create_task(self.watch(screen, number))
                      for number, screen in enumerate(self.screens)]

    async def watch(self, screen, gateway):
        while True:
            cursor = screen.cursor
            screen.items.append(("open", cursor, gateway % len(self.gateways)))
            screen.opened += 1
            headers = {"Authorization": f"Bearer {self.person.token}", "Last-Event-ID": str(cursor)}
            try:
                path = f"/locations/{screen.location}/events"
                async for event in self.gateways[gateway % len(self.gateways)].events(path, headers, SILENCE_S):
                    screen.take(event, self.news)
                screen.items.append(("end", "closed"))
            except Lost as error:
                screen.items.append(("end", str(error)))
            gateway += 1
            await asyncio.sleep(PAUSE_S)

    # ---- has it come back?

    def news(self, location, kind, order_id):
        since = self.waiting.get(location)
        if since is not None and kind == "order_placed":
            sent = self.first_sent(order_id)
            if sent is not None and sent >= since:
                del self.waiting[location]

    async def finish(self, heads, limit_s):
        """Waits until every screen has come to its location's head; how many have not."""
        deadline = time.monotonic() + limit_s
        while True:
            late = [screen for screen in self.screens if screen.cursor < heads[screen.location]]
            if not late or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        return len(late)
