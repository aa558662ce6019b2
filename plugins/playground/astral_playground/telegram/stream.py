"""The page's event stream: a ring of numbered events and server-sent events over it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from . import views
from .group_views import group_view
from .state import World

KEEP = 2000
HEARTBEAT = 15.0  # s


@dataclass(slots=True, frozen=True)
class Event:
    """One event as sent: number, name, JSON text."""

    seq: int
    name: str
    data: str

    def encode(self, life: str) -> bytes:
        """The event in the format of https://html.spec.whatwg.org/multipage/server-sent-events.html ."""
        return f"id: {life}-{self.seq}\nevent: {self.name}\ndata: {self.data}\n\n".encode()


class Stream:
    """Turns what happens in a world into events of the page. Ids are good for this life of the server only."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: deque[Event] = deque(maxlen=KEEP)
        self._next = 1
        self._waiting: set[asyncio.Event] = set()
        self._closed = False
        self._watched = False
        self.life = secrets.token_hex(4)
        world.listen(self._on_event)

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return f"{self.life}-{self._next - 1}"

    def watch(self) -> None:
        """Somebody looks: keep events from now on. Before that they would cost time for nobody."""
        self._watched = True

    def _on_event(self, name: str, data: dict[str, Any]) -> None:
        if not self._watched:
            return
        view = _event_view(self._world, name, data)
        if view is None:
            return
        text = json.dumps(view, ensure_ascii=False, default=str)
        self._events.append(Event(self._next, _NAMES.get(name, name), text))
        self._next += 1
        self._notify()

    def _notify(self) -> None:
        for waiting in self._waiting:
            waiting.set()

    def close(self) -> None:
        """End every open stream; otherwise they would hold the server's shutdown."""
        if not self._closed:
            self._closed = True
            self._world.unlisten(self._on_event)
            self._notify()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Send events after the client's last one until it leaves or the server stops."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        self.watch()
        after = self._place(request.headers.get("Last-Event-ID") or request.query.get("after", ""))
        if after is None:
            after = self._next - 1
            await response.write(Event(after, "reset", "{}").encode(self.life))
        await response.write(b"retry: 1000\n\n")
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            await self._follow(response, changed, after)
        except ConnectionResetError:
            return response  # the page has gone
        finally:
            self._waiting.discard(changed)
        return response

    async def _follow(self, response: web.StreamResponse, changed: asyncio.Event, after: int) -> None:
        while not self._closed:
            changed.clear()
            events = [event for event in self._events if event.seq > after]
            if events:
                await response.write(b"".join(event.encode(self.life) for event in events))
                after = events[-1].seq
                continue
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT)
            except TimeoutError:
                await response.write(b": still here\n\n")

    def _place(self, event_id: str) -> int | None:
        """The number of the client's last event; None when what came after it is not kept (any more)."""
        if not event_id:
            return self._next - 1
        life, _, number = event_id.partition("-")
        if life != self.life or not number.isascii() or not number.isdecimal():
            return None
        first = self._events[0].seq if self._events else self._next
        return int(number) if first - 1 <= int(number) < self._next else None


# Events of the world that are the same thing to the page.
_NAMES = {"switches": "faults", "invoice": "edit", "reaction": "edit", "poll": "edit"}


def _event_view(world: World, name: str, data: dict[str, Any]) -> dict[str, Any] | None:  # noqa: C901 - one table
    match name:
        case "message" | "edit" | "invoice" | "poll" | "reaction":
            message = data["message"]
            return {"user_id": message.chat_id, "message": views.message_view(world, message)}
        case "pressed" | "answered":
            query = data["query"]
            view = {
                "user_id": query.user_id,
                "chat_id": query.user_id if query.message is None else query.message.chat_id,
                "message_id": query.message_id if query.message is None else query.message.message_id,
                "data": query.data,
                "callback_query_id": query.id,
            }
            if name == "answered":
                view |= {"text": query.text, "alert": query.alert, "url": query.url, "expired": data["expired"]}
            return view
        case "checkout":
            invoice = data["invoice"]
            own = {key: value for key, value in data.items() if key != "invoice"}
            return {**own, "message_id": invoice.message_id, "slug": invoice.slug}
        case "balance":
            return {"user_id": data["user"].id, "stars": data["user"].stars, "bot_stars": world.bot.stars}
        case "user":
            return views.user_view(world, data["user"])
        case "group":
            return group_view(world, data["group"])
        case "bot":
            return views.bot_view(world)
        case "update":
            return views.update_view(data["update"])
        case "call":
            return views.call_view(data["call"], whole=False)
        case "faults" | "switches":
            return views.faults_view(world)
        case "trace":
            own = data["event"]
            return own if isinstance(own, dict) else {"event": own}
        case "webhook" | "retry" | "inline" | "draft":
            return None
        case _:
            return data
