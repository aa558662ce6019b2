"""Slash commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from astral_core.declare import GROUP, PRIVATE, ChatKind, Flood, Handler
from astral_core.errors import DeclarationError
from astral_core.kinds.base import (
    MENU,
    PEOPLE,
    Claims,
    Incoming,
    Kind,
    Line,
    Match,
    Owner,
    check_chat,
    registered,
)

LISTED, DESCRIPTION = 100, 256  # the Bot API's limits of setMyCommands: commands, characters of a description


@dataclass(frozen=True)
class Command:
    """A slash command. `description` is shown in Telegram's menu; `admin` ones answer admins only.

    With `park` it is kept while the plugin is away, and handled when it is back.
    """

    name: str
    handler: Handler
    description: str = ""
    admin: bool = False
    hidden: bool = False
    park: bool = False
    chat: ChatKind = PRIVATE
    flood: Flood | None = None
    timeout: float | None = None

    @property
    def is_listed(self) -> bool:
        """Whether Telegram's command menu shows it."""
        return bool(self.description) and not self.hidden and not self.admin


class Commands(Kind):
    """Found by the name that people type, which the owner may have changed."""

    declares = Command
    name, plural = "command", "commands"
    updates = frozenset(("message",))
    always = True  # those of plugins that are away

    def add(self, plugin: Owner, declared: Command, claims: Claims) -> str | None:
        """Check the name and the description."""
        name = claims.renames.get(f"{plugin.id}.{declared.name}", declared.name)
        if not (
            1 <= len(name) <= 32 and name.replace("_", "a").isalnum() and name.isascii() and name == name.lower()
        ):
            raise DeclarationError(plugin.id, f"command {name!r} must be 1-32 of a-z 0-9 _.")
        text = declared.description
        if text and not 1 <= len(text.strip()) <= len(text) <= DESCRIPTION:
            raise DeclarationError(
                plugin.id, f"the description of command {name!r} must be 1-{DESCRIPTION} characters."
            )
        route = registered(plugin, declared, Commands, f"/{name}", what=f"command {name!r}")
        check_chat(plugin, f"command {name!r}", declared.chat, PEOPLE)
        way_out = f'set [commands] "{plugin.id}.{declared.name}" = "{plugin.id}_{declared.name}" in astral.toml'
        if claims.take("command", name, plugin, way_out):
            self.routes[name] = route
        return None

    def check_listed(self) -> None:
        """DeclarationError if Telegram's menu has no room for all."""
        for chat in (PRIVATE, GROUP):
            listed = [route for route in self.routes.values() if route.declared.is_listed and chat in route.chat]
            if len(listed) > LISTED:
                raise DeclarationError(
                    listed[-1].plugin,
                    f"its {listed[-1].name} is one of {len(listed)} commands in Telegram's menu; it takes {LISTED}.",
                    "declare some with hidden=True, or disable a plugin in [host].",
                )

    def find(self, incoming: Incoming) -> Match | None:
        """The command that a message begins with; a private one leads a group to the private chat."""
        said = incoming.command()
        if said is None:
            return None
        name, rest, addressed = said
        found = self.named(incoming, name, rest)
        return incoming.asked(found, addressed=addressed) if not is_bare_start(name, found) else None

    def named(self, incoming: Incoming, name: str, rest: str) -> Match | None:
        """The command `name`; None if nobody has it, or it is not for this person."""
        route = self.routes.get(name)
        if route is None:
            return incoming.away("", f"/{name}", start=f"core-{name}")
        if route.declared.admin and not incoming.is_admin:
            return None
        return incoming.here(route, start=f"core-{name}", words=rest)

    def lines(self) -> Iterator[Line]:
        """With who may use them, and whether Telegram's menu shows them."""
        for name, route in self.routes.items():
            note = "admins" if route.declared.admin else "" if route.declared.is_listed else "hidden"
            yield Line(f"/{name}", route.plugin, route.chat, note)

    def parked(self, plugin: str) -> Iterator[str]:
        """The names as people type them."""
        return (f"/{key}" for key in super().parked(plugin))


def is_bare_start(name: str, found: Match | None) -> bool:
    """Whether a /start would only lead a group to the menu: adding the bot sends one, and nobody has asked."""
    return name == "start" and found is not None and found.kwargs == {"start": MENU}
