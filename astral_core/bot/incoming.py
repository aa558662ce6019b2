"""An update as the kinds of routes see it, while the router looks for its route."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from astral_core.bot.people import Question
from astral_core.bot.scope import HandlerScope
from astral_core.bot.update import SAID, SHARED, LazyUpdate, PeekMessage, is_readable
from astral_core.botapi.views import View
from astral_core.declare import CHAT_ADMIN, GROUP, PRIVATE, ChatKind
from astral_core.errors import HandlerError, Parked
from astral_core.host.registry import Registry
from astral_core.kinds import RegisteredHandler
from astral_core.kinds.base import MENU, Match
from astral_core.kinds.command import Commands
from astral_core.kinds.raw import Raws

_ANSWERS = SAID | SHARED


@dataclass(frozen=True)
class CoreReplies:
    """The core's own answers: to what nothing took, to buttons that are no more, and for plugins that are away."""

    fallback: RegisteredHandler
    expired: RegisteredHandler
    away: RegisteredHandler
    edited: RegisteredHandler
    in_groups: RegisteredHandler
    no_answer: RegisteredHandler
    declined: RegisteredHandler
    closed: RegisteredHandler


class Incoming:
    """One update, for `Kind.find`. `kinds/base.py` says what each member means."""

    def __init__(
        self, scope: HandlerScope, update: LazyUpdate, registry: Registry, replies: CoreReplies,
        pointer: RegisteredHandler, username: Callable[[], str], question: Question | None,
    ) -> None:  # fmt: skip
        peek = scope.peek
        if peek is None:
            raise HandlerError("an update reached the router outside of the inbox's worker.")
        self.scope = scope
        self.update = update
        self.kind = scope.row.kind
        self.query: Any = peek.callback_query or peek.pre_checkout_query
        self.message: PeekMessage = peek.written or PeekMessage()
        self.text = self.message.text or self.message.caption or ""
        self.is_command = peek.channel_post is None and (self.message.text or "").startswith("/")
        self.question = question
        self.chat: ChatKind = scope.chat_kind
        self._registry = registry
        self._replies = replies
        self._pointer = pointer
        self._username = username
        self._foreign: set[str] = set()  # the bots of python-telegram-bot that were asked

    @property
    def view(self) -> View:
        """The object of the update as a view."""
        if self.scope.view is None:
            raise HandlerError(f"update {self.update.update_id} has no object.")
        return self.scope.view

    @property
    def has_person(self) -> bool:
        """Whether a person caused it, not a chat."""
        return self.scope.person is not None

    @cached_property
    def contents(self) -> Iterable[str]:
        """The members that the message has."""
        return frozenset(self.scope.view) if self.scope.view is not None else frozenset()

    def says(self, kinds: frozenset[str]) -> bool:
        """Whether the message has one of these members."""
        if self.message.text is not None:
            return "text" in kinds
        return not kinds.isdisjoint(self.contents)

    @property
    def says_something(self) -> bool:
        """Whether it may answer a question: people said or shared it, not Telegram."""
        return self.has_person and not self.message.is_automatic_forward and self.says(_ANSWERS)

    @property
    def is_spoken(self) -> bool:
        """Whether somebody said it, here: no service message, and no automatic forward."""
        return not self.message.is_automatic_forward and self.says(SAID)

    @property
    def is_nowhere(self) -> bool:
        """Whether it comes from no chat, as the state of a poll does."""
        return self.scope.address.is_nowhere

    @cached_property
    def is_readable(self) -> bool:
        """Whether python-telegram-bot can make its objects of the update."""
        return is_readable(self.update)

    # --- commands

    def command(self) -> tuple[str, str, bool] | None:
        """The name, the rest and whether this bot was named, of a command that is for this bot."""
        text = self.message.text or ""
        if not text.startswith("/") or self.message.is_automatic_forward:
            return None
        word, *rest = text.split(maxsplit=1)  # a phone may write a no-break space
        name, _, addressee = word[1:].lower().partition("@")
        if addressee and addressee != self._username().lower():
            return None
        return name, rest[0].strip() if rest else "", bool(addressee)

    def command_named(self, name: str) -> Match | None:
        """The command `name`, as if it was typed."""
        return self._registry.of(Commands).named(self, name, "")

    # --- what may be done here

    def here(self, handler: RegisteredHandler, start: str = MENU, **match: Any) -> Match | None:
        """The match if the handler may answer here; in a group else the way to the private chat; elsewhere None."""
        if self.chat in handler.chat:
            return Match(handler, **match)
        return Match(self._pointer, kwargs={"start": start}, role=handler.role) if self.chat is GROUP else None

    def in_groups(self, handler: RegisteredHandler) -> Match | None:
        """The hint in the private chat that a command is for groups; who may use it there is not told here."""
        fits = self.chat is PRIVATE and GROUP in handler.chat and handler.role in (None, CHAT_ADMIN)
        return Match(self._replies.in_groups) if fits else None

    def asked(self, match: Match | None, *, addressed: bool = False) -> Match | None:
        """The match; the way to the private chat is for who speaks to this bot, in a group of others."""
        if match is None or match.handler is not self._pointer or addressed:
            return match
        return match if self.message.answers(self.scope.services.settings.bot_id) else None

    def away(self, plugin: str, key: str, start: str = MENU) -> Match | None:
        """What to do about a route of a plugin that is away: keep the row for it, or say that it is not there now."""
        away = self._registry.away.get(plugin) if plugin else self._registry.away_commands.get(key[1:])
        if away is None:
            return None
        if away.keeps(key, self.chat):
            raise Parked(away.plugin)
        return self.here(self._replies.away, start) if away.unavailable else None

    def expired(self) -> Match | None:
        """The core's answer to a button that is no more."""
        return self.here(self._replies.expired)

    def closed(self) -> Match:
        """The core's answer to who may not answer the open question any more."""
        return Match(self._replies.closed)

    def no_answer(self) -> Match | None:
        """The hint that this is no answer to the open question; in a group it may not be meant as one."""
        return Match(self._replies.no_answer) if self.chat is PRIVATE else None

    def too_old(self) -> Match | None:
        """The hint that an older message was edited; only the person's own chat is told."""
        return Match(self._replies.edited) if self.chat is PRIVATE else None

    def of_invoice(
        self, table: Mapping[str, RegisteredHandler], payload: str, argument: Callable[[], Any]
    ) -> Iterator[Match]:
        """The owner of an invoice. If it is away the row waits for it, and if nobody knows it the row becomes a dead
        letter: money is never dropped in silence. An invoice of a bot of python-telegram-bot names no owner."""
        owner = payload.partition(":")[0]
        if owner not in table:
            if owner in self._registry.away:
                raise Parked(owner)
            yield from self.foreign()
            raise HandlerError(f"no plugin takes payments of {owner!r}. Fix: enable it, then astral inbox retry.")
        yield Match(table[owner], (argument(),))

    def foreign(self, command: str | None = None) -> Iterator[Match]:
        """The bots of python-telegram-bot that were not asked yet: all, or those that name a command."""
        for plugin, route in self._registry.of(Raws).routes.items():
            if plugin not in self._foreign and (command is None or self._names(plugin, command)):
                self._foreign.add(plugin)
                yield Match(route)

    def _names(self, plugin: str, command: str) -> bool:
        return command in self._registry.of(Raws).bots[plugin].commands

    def declined(self, payload: str) -> Match:
        """The refusal of a payment whose plugin is away: it costs nothing."""
        owner = payload.partition(":")[0]
        if owner not in self._registry.away:
            raise HandlerError(f"no plugin takes payments of {owner!r}.")
        return Match(self._replies.declined)

    def fallback(self) -> Match | None:
        """What is said to a message that nothing took, in the private chat; None if it asks nothing of us.

        It was sent through this bot, or begins like a command that is none here: of another bot, without a name, of a
        picture.
        """
        if self.kind != "message" or self.chat is not PRIVATE or not self.is_spoken or not self.has_person:
            return None
        message = self.message
        if message.via_bot is not None and message.via_bot.id == self.scope.services.settings.bot_id:
            return None
        word, _, _ = (message.text or "").partition(" ")
        _, _, addressee = word.partition("@")
        other = word.startswith("/") and addressee and addressee.lower() != self._username().lower()
        if other or message.text == "/" or (message.caption or "").startswith("/"):
            return None
        return Match(self._replies.fallback)
