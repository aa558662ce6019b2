"""Slash commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from astral_core.declare import CHAT_ADMIN, GROUP, PRIVATE, ChatKind, Flood, Handler
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
    RegisteredHandler,
    check_chat,
    registered,
)

LISTED, DESCRIPTION = 100, 256  # the Bot API's limits of setMyCommands: commands, characters of a description


@dataclass(frozen=True)
class Command:
    """A slash command. `description` is shown in Telegram's menu to who may use it.

    With `park` it is kept while the plugin is away, and handled when it is back.
    """

    name: str
    handler: Handler
    description: str = ""
    hidden: bool = False
    park: bool = False
    chat: ChatKind = PRIVATE
    role: str | None = None
    flood: Flood | None = None
    timeout: float | None = None

    @property
    def is_listed(self) -> bool:
        """Whether Telegram's command menu shows it to who may use it."""
        return bool(self.description) and not self.hidden


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
            listed = [route for _, route in self.listed(chat, lambda _: True)]
            if len(listed) > LISTED:
                raise DeclarationError(
                    listed[-1].plugin,
                    f"its {listed[-1].name} is one of {len(listed)} commands in Telegram's menu; it takes {LISTED}.",
                    "declare some with hidden=True, or disable a plugin in [host].",
                )

    def listed(self, chat: ChatKind, may: Callable[[str], bool]) -> list[tuple[str, RegisteredHandler]]:
        """The commands that Telegram's menu shows in this kind of chat to somebody with the roles that they `may`.

        CHAT_ADMIN is a role of groups, any other one of private chats: a group's menu shows nobody what few may do.
        """
        return [
            (name, route)
            for name, route in self.routes.items()
            if route.declared.is_listed
            and chat in route.chat
            and (route.role is None or ((route.role == CHAT_ADMIN) == (chat is GROUP) and may(route.role)))
        ]

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The command that a message begins with; a private one leads a group to the private chat."""
        said = incoming.command()
        return self._found(incoming, *said) if said is not None else None

    def _found(self, incoming: Incoming, name: str, rest: str, addressed: bool) -> Iterator[Match]:
        """A bot of python-telegram-bot that names the command comes before all others: it may leave it to them."""
        yield from incoming.foreign(name)
        found = self._own(incoming, name, rest, addressed)
        if found is not None:
            yield found

    def _own(self, incoming: Incoming, name: str, rest: str, addressed: bool) -> Match | None:
        found = self.named(incoming, name, rest)
        if found is None and name in self.routes:
            return incoming.in_groups(self.routes[name])
        return incoming.asked(found, addressed=addressed) if not is_bare_start(name, found) else None

    def named(self, incoming: Incoming, name: str, rest: str) -> Match | None:
        """The command `name`; None if nobody has it."""
        route = self.routes.get(name)
        if route is None:
            return incoming.away("", f"/{name}", start=f"core-{name}")
        return incoming.here(route, start=f"core-{name}", words=rest)

    def lines(self) -> Iterator[Line]:
        """With who may use them, and whether Telegram's menu shows them."""
        for name, route in self.routes.items():
            hidden = "" if route.declared.is_listed else "hidden"
            yield Line(f"/{name}", route.plugin, route.chat, ", ".join(filter(None, (route.role, hidden))))

    def parked(self, plugin: str) -> Iterator[str]:
        """The names as people type them."""
        return (f"/{key}" for key in super().parked(plugin))


def is_bare_start(name: str, found: Match | None) -> bool:
    """Whether a /start would only lead a group to the menu: adding the bot sends one, and nobody has asked."""
    return name == "start" and found is not None and found.kwargs == {"start": MENU}
