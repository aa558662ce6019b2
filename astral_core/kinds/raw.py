"""Bots and handlers of python-telegram-bot, as they are. What runs them is in `astral_core/ptb`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from astral_core.botapi.table import update_kinds
from astral_core.declare import ANY
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Incoming, Kind, Line, Match, Owner, RegisteredHandler

if TYPE_CHECKING:
    from telegram.ext import BaseHandler


@dataclass(frozen=True)
class Raw:
    """A bot of python-telegram-bot: `setup` adds its handlers; or one handler. `options` are those of its builder."""

    setup: Callable[[Any], object] | None = None
    handler: BaseHandler[Any, Any, object] | None = None
    options: dict[str, Any] = field(default_factory=dict)


class Foreign(Protocol):
    """The bot that a plugin's declarations make."""

    @property
    def commands(self) -> frozenset[str]:
        """The commands that its handlers name."""

    def wanted(self) -> Iterable[str]:
        """The kinds of update that its handlers look at."""

    def menu(self, language: str, *, private: bool) -> Mapping[str, str]:
        """The commands that it wants shown, with their descriptions."""

    def lines(self) -> Iterable[tuple[str, str]]:
        """Each handler as people know it, with a note."""

    async def handle(self, ctx: Any) -> None:
        """Let its handlers have the update; raises Skip where none takes it."""

    async def run_job(self, ctx: Any, body: dict[str, Any]) -> None:
        """Run one of its jobs."""

    def connect(self, bot: Any, transport: Any, services: Any) -> None:
        """Give it the core's bot, its way to Telegram and the services."""

    async def open(self) -> None:
        """Run what it runs at the start."""

    async def close(self) -> None:
        """Run what it runs at the end."""


Build = Callable[[str, Sequence[Raw]], Foreign]


def no_builder(plugin: str, declarations: Sequence[Raw]) -> NoReturn:
    """DeclarationError: for who looks at plugins of other kinds alone."""
    del declarations
    raise DeclarationError(plugin, "declares handlers of python-telegram-bot, which nothing here can run.")


class Raws(Kind):
    """Asked after the exact routes; and before the commands of others, for the commands that it names.

    A plugin has one bot, with all its handlers.
    """

    declares = Raw
    name, plural = "raw", "raw"
    may_skip = True
    updates = frozenset(update_kinds())

    def __init__(self) -> None:
        super().__init__()
        self.bots: dict[str, Foreign] = {}
        self._declared: dict[str, list[Raw]] = {}

    def add(self, plugin: Owner, declared: Raw, claims: Claims) -> str | None:
        """Make the plugin's bot of all that it has declared; DeclarationError for what cannot work."""
        declarations = [*self._declared.get(plugin.id, ()), declared]
        if len(declarations) > 1 and any(one.setup is not None for one in declarations):
            raise DeclarationError(plugin.id, "ptb(setup) is all that a plugin has of this kind.", "add it in setup.")
        self._declared[plugin.id] = declarations
        made = self.bots[plugin.id] = claims.foreign(plugin.id, declarations)
        self.routes[plugin.id] = RegisteredHandler(plugin.id, Raws.name, Raws.name, made.handle, declared, ANY)
        return None

    def keeps(self, plugin: str) -> bool:
        """Whether a plugin holds a whole bot, which keeps data of people."""
        return any(one.setup is not None for one in self._declared.get(plugin, ()))

    def withdraw(self, plugin: str) -> None:
        """Take out the bot of `plugin`."""
        super().withdraw(plugin)
        self.bots.pop(plugin, None)

    def wanted(self) -> Iterable[str]:
        """What the handlers look at."""
        return {kind for made in self.bots.values() for kind in made.wanted()}

    def menu(self, language: str, *, private: bool) -> dict[str, str]:
        """The commands that the bots have asked Telegram to show, with their descriptions."""
        found: dict[str, str] = {}
        for made in self.bots.values():
            found |= made.menu(language, private=private)
        return found

    def find(self, incoming: Incoming) -> Iterator[Match] | None:
        """The bots that were not asked yet; the first whose handlers want the update takes it."""
        return incoming.foreign() if self.routes else None

    def job(self, plugin: str) -> RegisteredHandler:
        """What runs the jobs of a plugin's bot."""
        return RegisteredHandler(plugin, "job", Raws.name, self.bots[plugin].run_job)

    def lines(self) -> Iterator[Line]:
        """Each handler, with its group."""
        for plugin, made in self.bots.items():
            for shown, note in made.lines():
                yield Line(shown, plugin, None, note)
