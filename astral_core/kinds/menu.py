"""Buttons of /start's menu."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import PRIVATE
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Line, Owner, RegisteredHandler
from astral_core.kinds.callback import CallbackCall


@dataclass(frozen=True)
class MenuItem:
    """A button of /start's menu, which is a private one. Lower `order` comes first; `admin` ones are for admins."""

    text: str
    call: CallbackCall
    order: int = 100
    admin: bool = False


class Menu(Kind):
    """In their order."""

    declares = MenuItem
    name, plural = "menu", "menu"

    def add(self, plugin: Owner, declared: MenuItem, claims: Claims) -> str | None:
        """Keep them sorted; that each leads somewhere is checked when all routes are known."""
        del claims
        if not isinstance(declared.call, CallbackCall):
            raise DeclarationError(
                plugin.id,
                f"menu item {declared.text!r} leads to {declared.call!r}.",
                'menu(N_("My chart"), chart()).',
            )
        if not declared.text.strip():
            raise DeclarationError(plugin.id, "a menu item has no text.")
        item = RegisteredHandler(plugin.id, declared.text, Menu.name, declared.call.route.handler, declared, PRIVATE)
        self.routes[f"{plugin.id}:{len(self.routes)}"] = item
        self.routes = dict(sorted(self.routes.items(), key=lambda pair: pair[1].declared.order))
        return None

    def lines(self) -> Iterator[Line]:
        """The texts, with the route that each leads to."""
        for item in self.routes.values():
            yield Line(item.name, item.plugin, PRIVATE, item.declared.call.route.name)
