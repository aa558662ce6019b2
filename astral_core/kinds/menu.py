"""Buttons of /start's menu."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import PRIVATE
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Line, Owner, RegisteredHandler
from astral_core.kinds.callback import CallbackCall
from astral_core.kinds.roles import check_role


@dataclass(frozen=True)
class MenuItem:
    """A button of /start's menu, which is a private one. Lower `order` comes first.

    Who may not have its `role`, or that of the route, does not see it.
    """

    text: str
    call: CallbackCall
    order: int = 100
    role: str | None = None


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
        what = f"menu item {declared.text!r}"
        check_role(plugin, what, declared.role, PRIVATE)
        item = RegisteredHandler(
            plugin.id, declared.text, Menu.name, declared.call.route.handler, declared, PRIVATE, role=declared.role
        )
        self.routes[f"{plugin.id}:{len(self.routes)}"] = item
        self.routes = dict(sorted(self.routes.items(), key=lambda pair: pair[1].declared.order))
        return None

    def lines(self) -> Iterator[Line]:
        """The texts, with the route that each leads to."""
        for item in self.routes.values():
            note = ", ".join(filter(None, (item.declared.call.route.name, item.role)))
            yield Line(item.name, item.plugin, PRIVATE, note)
