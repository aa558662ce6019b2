"""Data that a Mini App sent back from a button below the chat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import Flood, Handler
from astral_core.kinds.base import Claims, Incoming, Kind, Match, Owner, registered
from astral_core.kinds.roles import check_group


@dataclass(frozen=True)
class WebAppData:
    """Data of a Mini App that a button below the chat opened. Anybody can send any data."""

    handler: Handler
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None


class WebAppDatas(Kind):
    """A bot has one."""

    declares = WebAppData
    name, plural = "web_app_data", "web_app_data"
    updates = frozenset(("message",))

    def add(self, plugin: Owner, declared: WebAppData, claims: Claims) -> str | None:
        """Telegram does not say which app it was: two plugins would get each other's data."""
        route = registered(plugin, declared, WebAppDatas, "web_app_data", ("ctx", "data"), what="web_app_data")
        check_group(plugin.id, "web_app_data", declared.role, "Mini Apps send data in private chats alone")
        if claims.take("web_app_data route", "*", plugin, "a bot has one: disable a plugin in [host]"):
            self.routes["*"] = route
        return None

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The text that the app sent."""
        route = self.routes.get("*")
        if route is None or "web_app_data" not in incoming.contents:
            return None
        data = incoming.view.web_app_data
        return iter((Match(route, (str(data.data or "") if data is not None else "",)),))
