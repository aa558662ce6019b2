"""The registry: every declaration of every plugin, checked together, and each found by one look-up in a dict."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from astral_core.db.people import People
from astral_core.declare import PRIVATE, ChatKind, Event, Route
from astral_core.errors import CallbackDataError, ConflictError, DeclarationError
from astral_core.host.state import LoadedPlugin, people_in
from astral_core.kinds import KINDS, Kind, RegisteredHandler
from astral_core.kinds.base import Claims
from astral_core.kinds.callback import Callbacks, NamedRoute
from astral_core.kinds.command import Commands
from astral_core.kinds.deep_link import DeepLinks
from astral_core.kinds.event import Subscribers
from astral_core.kinds.menu import Menu
from astral_core.kinds.payment import Payments
from astral_core.kinds.question import Questions
from astral_core.kinds.raw import Build, Raws, no_builder
from astral_core.kinds.roles import check_group
from astral_core.kinds.step import Steps
from astral_core.state import State, check_model, name_of
from astral_core.wording import Introduction

K = TypeVar("K", bound=Kind)


@dataclass(frozen=True)
class Away:
    """A plugin that is known and does not take part now.

    One that is `unavailable` failed or waits for another: who presses its buttons is told so, and events are kept for
    its `subscribers` (event, name). Payments, and what comes for the routes in `parks`, wait for it in any case.
    `chats` says where its routes answer that do not answer in the private chat alone.
    """

    plugin: str
    unavailable: bool = True
    commands: frozenset[str] = frozenset()
    parks: frozenset[str] = frozenset()
    subscribers: tuple[tuple[str, str], ...] = ()
    holds_user_data: bool = False  # it holds something of users, and can delete it
    keeps_people: bool = False  # something of people is kept for it
    chats: Mapping[str, ChatKind] = field(default_factory=dict)

    def keeps(self, key: str, chat: ChatKind) -> bool:
        """Whether what comes for the route `key` in a chat of this kind waits until the plugin is back."""
        return key in self.parks and chat in self.chats.get(key, PRIVATE)


class Registry:
    """All declarations of the bot, by kind. Built by `build_registry`; read-only afterwards but for `withdraw`."""

    def __init__(self) -> None:
        self.kinds: dict[type[Kind], Kind] = {kind: kind() for kind in KINDS}
        self.events: dict[str, str] = {}
        self.states: dict[type[State], str] = {}
        self.roles: dict[str, dict[str, str]] = {}  # those that the owner gives: name -> plugin -> what it is for
        self.away: dict[str, Away] = {}
        self.away_commands: dict[str, Away] = {}
        self.introductions: dict[str, Introduction] = {}  # by plugin
        self.keepers: set[str] = set()  # the plugins that keep something of people
        self._keys: dict[Route[Any], str] = {}

    def of(self, kind: type[K]) -> K:
        """All declarations of one kind."""
        found = self.kinds[kind]
        if not isinstance(found, kind):
            raise DeclarationError("?", f"{kind.__name__} is no kind of this registry.")
        return found

    @property
    def commands(self) -> dict[str, RegisteredHandler]:
        """The commands by name."""
        return self.kinds[Commands].routes

    @property
    def callbacks(self) -> dict[str, RegisteredHandler]:
        """The buttons' routes by `plugin:name`."""
        return self.kinds[Callbacks].routes

    @property
    def questions(self) -> dict[str, RegisteredHandler]:
        """The questions by `plugin.name`."""
        return self.kinds[Questions].routes

    @property
    def steps(self) -> dict[str, RegisteredHandler]:
        """The steps by `plugin.name`."""
        return self.kinds[Steps].routes

    @property
    def payments(self) -> dict[str, RegisteredHandler]:
        """Who takes payments, by plugin."""
        return self.kinds[Payments].routes

    @property
    def menu(self) -> list[RegisteredHandler]:
        """The buttons of /start, in their order."""
        return list(self.kinds[Menu].routes.values())

    @property
    def subscribers(self) -> dict[str, list[RegisteredHandler]]:
        """The subscribers by event."""
        return self.of(Subscribers).of

    def add_roles(self, plugin: LoadedPlugin) -> None:
        """Take note of the roles that a plugin names."""
        for name, text in plugin.roles.items():
            self.roles.setdefault(name, {})[plugin.id] = text

    def add(self, plugin: LoadedPlugin, declared: Any, claims: Claims) -> None:
        """Check one declaration and give it to its kind. A kind that is not known yet comes with it."""
        kind = kind_of(declared, self.kinds)
        if kind is None:
            raise DeclarationError(plugin.id, f"its routes hold {declared!r}, which is no declaration.")
        held = self.kinds[kind] if kind in self.kinds else self.kinds.setdefault(kind, kind())
        try:
            key = held.add(plugin, declared, claims)
        except DeclarationError as error:
            raise DeclarationError(error.plugin, f"{error.what}{_place_of(declared)}", error.fix) from error.__cause__
        if isinstance(declared, Route) and key is not None and self._keys.setdefault(declared, key) != key:
            raise DeclarationError(
                plugin.id, f"its route {declared.name!r} is another plugin's, too ({self._keys[declared]!r}).",
                "give each plugin Routes of its own.",
            )  # fmt: skip

    def introduce(self, plugin: LoadedPlugin, people: People) -> None:
        """Take note of what a plugin says of itself, and of whether it keeps something of people."""
        self.introductions[plugin.id] = plugin.declared.introduction
        if plugin.keeps_state_of_people or people.holds(plugin.id) or self.of(Raws).keeps(plugin.id):
            self.keepers.add(plugin.id)

    def key_of(self, route: Route[Any]) -> str:
        """`plugin:name` of a callback route, `plugin.name` of another; DeclarationError if nobody declared it."""
        try:
            return self._keys[route]
        except KeyError:
            raise DeclarationError(
                "?", f"the route {route.name!r} is not registered.",
                "give its Routes collector to Plugin(routes=[...]).",
            ) from None  # fmt: skip

    def link_codec(self, route: Route[Any]) -> Any:
        """What builds the parameter of a deep link; DeclarationError if nobody declared it."""
        return self.kinds[DeepLinks].routes[self.key_of(route)].codec

    def roles_of(self, item: RegisteredHandler) -> set[str | None]:
        """The roles that somebody needs to see a button of the menu: its own, and that of its route."""
        call = item.declared.call
        key = call.route.name if isinstance(call.route, NamedRoute) else self.key_of(call.route)
        return {item.role, self.callbacks[key].role if key in self.callbacks else None}

    def has_callback(self, key: str) -> bool:
        """Whether somebody declares the button's route `plugin:name`."""
        return key in self.callbacks

    def set_away(self, away: dict[str, Away]) -> None:
        """Take note of the plugins that are known and not here."""
        self.away = away
        self.away_commands = {
            name: one for one in away.values() for name in one.commands if name not in self.commands
        }

    def listeners(self, event: str) -> list[tuple[str, str]]:
        """(plugin, name) of every subscriber to `event`, also of plugins that are away: their rows wait for them."""
        here = [(route.plugin, route.name) for route in self.subscribers.get(event, ())]
        return here + [
            (away.plugin, name) for away in self.away.values() for wanted, name in away.subscribers if wanted == event
        ]

    def withdraw(self, plugin: str) -> None:
        """Take out all routes of `plugin`: it failed after everything was built."""
        for kind in self.kinds.values():
            kind.withdraw(plugin)
        for name, texts in list(self.roles.items()):
            texts.pop(plugin, None)
            if not texts:
                del self.roles[name]
        self.introductions.pop(plugin, None)
        self.keepers.discard(plugin)

    def updates(self) -> set[str]:
        """The kinds of update that some route takes."""
        return {update for kind in self.kinds.values() for update in kind.wanted()}

    def is_answered_at_once(self, data: str) -> bool:
        """Whether a press with this callback data is answered at once, before its handler."""
        return self.of(Callbacks).is_answered_at_once(data)


def _place_of(declared: object) -> str:
    """Where a handler is written, for people who look for it."""
    code = getattr(inspect.unwrap(getattr(declared, "handler", None) or _place_of), "__code__", None)
    if code is None or code is _place_of.__code__:
        return ""
    return f" ({code.co_filename}:{code.co_firstlineno})"


def kind_of(declared: object, known: Iterable[type[Kind]] = KINDS) -> type[Kind] | None:
    """The kind of a declaration; one that the core does not have is named by the declaration's `kind`."""
    for kind in known:
        if type(declared) is kind.declares:
            return kind
    foreign = getattr(type(declared), "kind", None)
    return foreign if isinstance(foreign, type) and issubclass(foreign, Kind) else None


def build_registry(
    plugins: Iterable[LoadedPlugin], renames: dict[str, str], webhooks: Sequence[str], required: Sequence[str] = (),
    *, foreign: Build = no_builder,
) -> Registry:  # fmt: skip
    """Check all declarations together and index them. ConflictError lists every conflict at once.

    `foreign` makes bots of python-telegram-bot.
    """
    registry, claims = Registry(), Claims(renames, webhooks, foreign, required)
    plugins = list(plugins)
    people = people_in(plugins)
    for plugin in plugins:
        registry.add_roles(plugin)
        for declared in plugin.declared.routes:
            registry.add(plugin, declared, claims)
        for event in plugin.declared.events:
            _add_event(registry, plugin, event, claims)
        for model in plugin.declared.states:
            _add_state(registry, plugin, model)
        registry.introduce(plugin, people)
    if claims.conflicts:
        losers: dict[str, list[str]] = {}
        for plugin_id, sentence in claims.conflicts:
            losers.setdefault(plugin_id, []).append(sentence)
        raise ConflictError([sentence for _, sentence in claims.conflicts], losers)
    registry.of(Commands).check_listed()
    for item in registry.of(Menu).routes.values():
        _check_menu(registry, item)
    return registry


def _check_menu(registry: Registry, item: RegisteredHandler) -> None:
    """A menu item leads to a button's route that answers in the private chat, with arguments that fit."""
    call, text = item.declared.call, item.name
    try:
        key = call.route.name if isinstance(call.route, NamedRoute) else registry.key_of(call.route)
        route = registry.callbacks[key]
    except (DeclarationError, KeyError):
        raise DeclarationError(item.plugin, f"menu item {text!r} names a route that no plugin declares.") from None
    if PRIVATE not in route.chat:
        raise DeclarationError(
            item.plugin,
            f"menu item {text!r} stands in the private chat, where its route does not answer.",
            f"declare {call.route.name!r} with chat=PRIVATE | GROUP.",
        )
    check_group(item.plugin, f"menu item {text!r}", route.role, "the menu stands in private chats")
    try:
        route.codec.build(call.arguments)
    except CallbackDataError as error:
        raise DeclarationError(item.plugin, f"menu item {text!r}: {error}.") from error


def _add_event(registry: Registry, plugin: LoadedPlugin, event: Any, claims: Claims) -> None:
    if not (isinstance(event, type) and issubclass(event, Event)):
        raise DeclarationError(plugin.id, f"Plugin(events=[...]) holds {event!r}, which is no Event.")
    if not event.name.startswith(f"{plugin.id}."):
        raise DeclarationError(plugin.id, f"event {event.name!r} must be called {plugin.id}.<what>.")
    if claims.take("event", event.name, plugin):
        registry.events[event.name] = plugin.id


def _add_state(registry: Registry, plugin: LoadedPlugin, model: Any) -> None:
    check_model(plugin.id, model)
    other = registry.states.setdefault(model, plugin.id)
    if other != plugin.id:
        raise DeclarationError(plugin.id, f"state {model.__name__} is plugin {other!r}'s.", "make another class.")
    same = [one for one, owner in registry.states.items() if owner == plugin.id and name_of(one) == name_of(model)]
    if len(same) > 1:
        raise DeclarationError(plugin.id, f"two states are kept under the name {name_of(model)!r}.", "kept_as=...")
