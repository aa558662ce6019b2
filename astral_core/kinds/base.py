"""What a kind of declaration has to answer, and what it is asked with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, Protocol, get_origin, get_type_hints

import msgspec

from astral_core.declare import ANY, CHANNEL, GROUP, PRIVATE, ChatKind, Event, Flood
from astral_core.errors import DeclarationError
from astral_core.kinds.roles import check_role
from astral_core.kinds.signatures import check_handler

PEOPLE = PRIVATE | GROUP  # where people write; a channel's posts come from the channel, presses come from people
MENU = "core-start"  # the start parameter of the menu; that of a command is `core-<command>`


@dataclass(frozen=True)
class RegisteredHandler:
    """A handler with its plugin. `name` is what logs call it, `kind` which way it is reached, `chat` where.

    `declared` is the declaration that it comes from; the core's own answers have none.
    """

    plugin: str
    name: str
    kind: str
    handler: Callable[..., Any]
    declared: Any = None
    chat: ChatKind = PRIVATE
    codec: Any = None  # builds and reads what a button or a link carries
    event: type[Event] | None = None
    flood: Flood | None = None
    timeout: float | None = None
    park: bool = False
    role: str | None = None  # who may; None for everybody


class Line(NamedTuple):
    """One declaration as `astral routes` and `astral plugins info` show it; `chat` is None if it is about no chat."""

    key: str
    plugin: str
    chat: ChatKind | None
    note: str = ""


@dataclass(slots=True)
class Match:
    """A route with the arguments for its handler."""

    handler: RegisteredHandler
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""  # what follows a command
    answers: bool = False  # it answers the open question
    role: str | None = None  # that of the route to which it only leads
    instead: Match | None = None  # for who may not; None: the next route is asked

    @property
    def needs(self) -> str | None:
        """The role of who may have it; None for everybody."""
        return self.role or self.handler.role


class Owner(Protocol):
    """The plugin that declares."""

    id: str

    @property
    def provider(self) -> str: ...

    @property
    def roles(self) -> Mapping[str, str]: ...


class Incoming(Protocol):
    """An update that a route is looked for, as the router shows it. See `bot/incoming.py`."""

    kind: str
    message: Any  # what was written or posted, also an edited message: a PeekMessage
    text: str  # its text, or its caption
    is_command: bool  # it begins like a command, of whatever bot
    question: Any  # the open question of who wrote, or None
    query: Any  # a press of a button, or another query
    chat: ChatKind
    update: Any  # python-telegram-bot's object, which is built at the first look

    @property
    def view(self) -> Any:
        """The object of the update as a view."""

    @property
    def has_person(self) -> bool:
        """Whether a person caused it, not a chat."""

    def says(self, kinds: frozenset[str]) -> bool:
        """Whether the message has one of these members."""

    def command(self) -> tuple[str, str, bool] | None:
        """The name, the rest and whether this bot was named, of a command that is for this bot."""

    @property
    def contents(self) -> Iterable[str]:
        """The members that the message has."""

    @property
    def says_something(self) -> bool:
        """Whether the message has content of people: a service message says nothing, but for what they shared."""

    @property
    def is_spoken(self) -> bool:
        """Whether somebody said it to whoever reads here; not a service message, and no automatic forward."""

    @property
    def is_nowhere(self) -> bool:
        """Whether it comes from no chat, as the state of a poll does."""

    @property
    def is_readable(self) -> bool:
        """Whether python-telegram-bot can make its objects of the update."""

    def no_answer(self) -> Match | None:
        """The core's hint that this is no answer to the open question."""

    def too_old(self) -> Match | None:
        """The core's hint that an older message was edited."""

    def declined(self, payload: str) -> Match:
        """The core's refusal of a payment whose plugin is away; HandlerError if nobody knows it."""

    def command_named(self, name: str) -> Match | None:
        """The command `name`, as if it was typed."""

    def here(self, handler: RegisteredHandler, start: str = MENU, **match: Any) -> Match | None:
        """The match if the handler may answer here; in a group else the way to the private chat; elsewhere None."""

    def in_groups(self, handler: RegisteredHandler) -> Match | None:
        """The core's hint in the private chat that this is for groups; None elsewhere."""

    def asked(self, match: Match | None, *, addressed: bool = False) -> Match | None:
        """The match, if it is not the way to the private chat, or if somebody spoke to this bot."""

    def away(self, plugin: str, key: str, start: str = MENU) -> Match | None:
        """What to do about a route of a plugin that is away: Parked is raised if what came waits for it."""

    def expired(self) -> Match | None:
        """The core's answer to a button that is no more."""

    def closed(self) -> Match:
        """The core's answer to who may not answer the open question any more: it is over."""

    def of_invoice(
        self, table: Mapping[str, RegisteredHandler], payload: str, argument: Callable[[], Any]
    ) -> Iterator[Match]:
        """The handler of whose invoice it is. Parked if that plugin is away, HandlerError if nobody knows it."""

    def foreign(self, command: str | None = None) -> Iterator[Match]:
        """The bots of python-telegram-bot that were not asked yet: all, or those that name a command."""


@dataclass
class Claims:
    """Who takes which name, and every conflict."""

    renames: Mapping[str, str]
    webhooks: Sequence[str]
    foreign: Callable[[str, Any], Any]  # makes a bot of python-telegram-bot, see kinds/raw.py
    required: Sequence[str] = ()
    conflicts: list[tuple[str, str]] = field(default_factory=list)  # who has to go, and the sentence
    providers: dict[tuple[str, str], Owner] = field(default_factory=dict)

    def take(self, what: str, name: str, plugin: Owner, way_out: str = "rename one of them") -> bool:
        """Take `name` for `plugin`; False and a conflict if another plugin has it."""
        other = self.providers.get((what, name))
        if other is None:
            self.providers[what, name] = plugin
            return True
        if other is plugin:
            raise DeclarationError(plugin.id, f"declares the {what} {name!r} twice.")
        # The later one goes; but one that the owner cannot do without stays.
        goes = other if plugin.id in self.required and other.id not in (*self.required, "core") else plugin
        sentence = f"{what} {name!r} is declared by {other.provider} and by {plugin.provider}. Fix: {way_out}."
        self.conflicts.append((goes.id, sentence))
        return False


class Kind:
    """All declarations of one kind. Subclasses say what `declares` them, and override what differs.

    `routes` are by the key under which one is found. `name` is the kind's in logs, `plural` in `astral plugins info`.
    `updates` are the kinds of update that the router asks it about and that Telegram is asked for, if a route is
    declared; with `always` the router asks even if none is.
    """

    declares: ClassVar[type]
    name: ClassVar[str]
    plural: ClassVar[str]
    updates: ClassVar[frozenset[str]] = frozenset()
    always: ClassVar[bool] = False
    may_skip: ClassVar[bool] = False  # whether a route may raise Skip: somebody else may take the update

    def __init__(self) -> None:
        self.routes: dict[str, RegisteredHandler] = {}

    def add(self, plugin: Owner, declared: Any, claims: Claims) -> str | None:
        """Check a declaration and index it; return its key, None if another plugin has it or there is none.

        DeclarationError if it is wrong in itself; conflicts go to `claims`.
        """
        raise NotImplementedError

    def withdraw(self, plugin: str) -> None:
        """Take out everything of `plugin`."""
        for key in [key for key, route in self.routes.items() if route.plugin == plugin]:
            del self.routes[key]

    def wanted(self) -> Iterable[str]:
        """The kinds of update that Telegram is asked for."""
        return self.updates if self.routes else ()

    def find(self, incoming: Incoming) -> Iterator[Match] | Match | None:
        """The route that an update is for; several of which the first that does not raise Skip takes it."""
        del incoming
        return None

    def lines(self) -> Iterator[Line]:
        """What `astral routes` and `astral plugins info` show."""
        for key, route in self.routes.items():
            chat = route.chat if hasattr(route.declared, "chat") else None
            yield Line(self.shown(key, route), route.plugin, chat, route.role or "")

    def shown(self, key: str, route: RegisteredHandler) -> str:
        """A route as people know it."""
        del route
        return key

    def parked(self, plugin: str) -> Iterator[str]:
        """The keys under which what comes for `plugin` is kept while it is away."""
        return (key for key, route in self.routes.items() if route.plugin == plugin and route.park)


def registered(
    plugin: Owner, declared: Any, kind: type[Kind], name: str, positional: tuple[str, ...] = ("ctx",),
    named: Iterable[str] | None = (), *, what: str = "", **more: Any,
) -> RegisteredHandler:  # fmt: skip
    """The handler of `declared`, whose signature fits. DeclarationError otherwise."""
    what = what or f"{kind.name} {name!r}"
    check_handler(plugin.id, what, declared.handler, positional, named)
    chat = getattr(declared, "chat", ANY)
    flood, timeout = getattr(declared, "flood", None), getattr(declared, "timeout", None)
    check_limits(plugin, what, flood, timeout)
    role = getattr(declared, "role", None)
    check_role(plugin, what, role, chat)
    return RegisteredHandler(
        plugin.id, name, kind.name, declared.handler, declared, chat, flood=flood, timeout=timeout,
        park=getattr(declared, "park", False), role=role, **more,
    )  # fmt: skip


_PLAIN = (str, int, float, bool, dict, list, type(None), Any)


@lru_cache(4096)
def _kept_types(handler: Callable[..., Any]) -> dict[str, Any]:
    """The types of a handler's arguments that JSON does not have; nothing where they cannot be read."""
    try:
        hints = get_type_hints(handler)
    except (NameError, TypeError, AttributeError):  # a name that only a type checker sees
        return {}
    return {name: kind for name, kind in hints.items() if kind not in _PLAIN and get_origin(kind) not in (dict, list)}


def typed(handler: Callable[..., Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that were kept as JSON, as the handler names them: a date is a date again.

    What does not fit its type stays as it was kept: another version of the plugin may have written it.
    """
    found = dict(kept)
    for name, kind in _kept_types(handler).items():
        if name in found:
            with contextlib.suppress(msgspec.MsgspecError, TypeError):
                found[name] = msgspec.convert(found[name], kind)
    return found


def check_limits(plugin: Owner, what: str, flood: object, timeout: object) -> None:
    """A limit that is none would never be reached, or always."""
    if flood is not None and not isinstance(flood, Flood):
        raise DeclarationError(plugin.id, f"{what}: flood={flood!r} is no Flood.", "flood=Flood(3, per=60).")
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and timeout > 0):  # type: ignore[operator]  # it is a number here
        raise DeclarationError(plugin.id, f"{what}: timeout={timeout!r} is no number of seconds above 0.")


def check_chat(plugin: Owner, what: str, chat: ChatKind, allowed: ChatKind) -> None:
    """A route that can never run would be silent for ever. In a channel nobody writes as a person."""
    if not isinstance(chat, ChatKind) or not chat & allowed:
        raise DeclarationError(
            plugin.id,
            f"the {what} cannot answer in chat={chat!r}.",
            f"give it one or more of {allowed!r}.",
        )


__all__ = [
    "ANY", "CHANNEL", "GROUP", "MENU", "PEOPLE", "PRIVATE", "Claims", "Incoming", "Kind", "Line", "Match", "Owner",
    "RegisteredHandler", "check_chat", "registered", "typed",
]  # fmt: skip
