"""The registry: every declaration of every plugin, checked together, found by one dict look-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from astral_core.declare import (
    GROUP,
    PRIVATE,
    CallbackRoute,
    ChatKind,
    Command,
    DeepLink,
    Event,
    Job,
    MenuItem,
    Middleware,
    Payment,
    PreCheckout,
    QuestionRoute,
    Raw,
    RefundedPayment,
    Route,
    StepRoute,
    Subscriber,
    TelemetrySubscriber,
    Text,
    Webhook,
    WebRoute,
)
from astral_core.errors import CallbackDataError, ConflictError, DeclarationError
from astral_core.host.callback import Codec, compile_pattern
from astral_core.host.handlers import check_handler
from astral_core.host.state import Plugin

LISTED, DESCRIPTION = 100, 256  # the Bot API's limits of setMyCommands: commands, characters of a description
_PEOPLE = PRIVATE | GROUP  # where people write; a channel's posts come from the channel, presses come from people


@dataclass(frozen=True)
class Bound:
    """A handler with its plugin. `name` is what logs call it, `kind` which way it is reached, `chat` where."""

    plugin: str
    name: str
    kind: str
    handler: Callable[..., Any]
    codec: Codec | None = None
    answer: str = "auto"
    admin: bool = False
    description: str = ""
    hidden: bool = False
    event: type[Event] | None = None
    chat: ChatKind = PRIVATE

    @property
    def listed(self) -> bool:
        """Whether Telegram's command menu shows it."""
        return self.kind == "command" and bool(self.description) and not self.hidden and not self.admin


@dataclass(frozen=True)
class Away:
    """A plugin that is known and does not take part now.

    One that `rests` failed or waits for another: who presses its buttons is told so, and events are kept for its
    `subscribers` (event, name). Payments, and what comes for the routes in `parks`, wait for it in any case.
    `chats` says where its routes answer that do not answer in the private chat alone.
    """

    plugin: str
    rests: bool = True
    commands: frozenset[str] = frozenset()
    parks: frozenset[str] = frozenset()
    subscribers: tuple[tuple[str, str], ...] = ()
    forgets: bool = False  # it holds something of users, and can delete it
    chats: Mapping[str, ChatKind] = field(default_factory=dict)

    def keeps(self, key: str, chat: ChatKind) -> bool:
        """Whether what comes for the route `key` in a chat of this kind waits until the plugin is back."""
        return key in self.parks and chat in self.chats.get(key, PRIVATE)


@dataclass
class Registry:
    """All routes of the bot. Built by `build_registry`; read-only afterwards but for `withdraw`."""

    commands: dict[str, Bound] = field(default_factory=dict)
    callbacks: dict[str, Bound] = field(default_factory=dict)
    questions: dict[str, Bound] = field(default_factory=dict)
    steps: dict[str, Bound] = field(default_factory=dict)
    deep_links: dict[str, Bound] = field(default_factory=dict)
    pre_checkouts: dict[str, Bound] = field(default_factory=dict)
    payments: dict[str, Bound] = field(default_factory=dict)
    refunds: dict[str, Bound] = field(default_factory=dict)
    jobs: dict[str, tuple[Bound, float]] = field(default_factory=dict)
    subscribers: dict[str, list[Bound]] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    telemetry: list[tuple[str, TelemetrySubscriber]] = field(default_factory=list)
    text: Bound | None = None
    raws: list[tuple[str, Raw]] = field(default_factory=list)
    menu: list[tuple[str, MenuItem]] = field(default_factory=list)
    middleware: list[tuple[str, Middleware]] = field(default_factory=list)
    web: list[tuple[str, WebRoute | Webhook]] = field(default_factory=list)
    keys: dict[Route[Any], str] = field(default_factory=dict)
    away: dict[str, Away] = field(default_factory=dict)
    away_commands: dict[str, Away] = field(default_factory=dict)

    def key_of(self, route: Route[Any]) -> str:
        """`plugin:name` of a callback route, `plugin.name` of another; DeclarationError if nobody declared it."""
        try:
            return self.keys[route]
        except KeyError:
            raise DeclarationError(
                "?", f"the route {route.name!r} is not registered.", "return its Routes collector from astral_routes."
            ) from None

    def miss(self, away: dict[str, Away]) -> None:
        """Take note of the plugins that are known and not here."""
        self.away = away
        self.away_commands = {
            name: one for one in away.values() for name in one.commands if name not in self.commands
        }

    def listeners(self, event: str) -> list[tuple[str, str]]:
        """(plugin, name) of every subscriber to `event`, also of plugins that rest: their rows wait for them."""
        here = [(bound.plugin, bound.name) for bound in self.subscribers.get(event, ())]
        return here + [
            (away.plugin, name) for away in self.away.values() for wanted, name in away.subscribers if wanted == event
        ]

    def withdraw(self, plugin: str) -> None:
        """Take out all routes of `plugin`: it failed after everything was built."""
        for table in (self.commands, self.callbacks, self.questions, self.steps):
            for key in [key for key, bound in table.items() if bound.plugin == plugin]:
                del table[key]
        for single in (self.deep_links, self.pre_checkouts, self.payments, self.refunds):
            single.pop(plugin, None)
        for name in [name for name, (bound, _) in self.jobs.items() if bound.plugin == plugin]:
            del self.jobs[name]
        for bounds in self.subscribers.values():
            bounds[:] = [bound for bound in bounds if bound.plugin != plugin]
        if self.text is not None and self.text.plugin == plugin:
            self.text = None
        self.raws[:] = [pair for pair in self.raws if pair[0] != plugin]
        self.menu[:] = [pair for pair in self.menu if pair[0] != plugin]
        self.middleware[:] = [pair for pair in self.middleware if pair[0] != plugin]
        self.telemetry[:] = [pair for pair in self.telemetry if pair[0] != plugin]

    def is_auto_answered(self, data: str) -> bool:
        """Whether a press with this callback data is answered at once, before its handler."""
        bound = self.callbacks.get(data.partition("/")[0])
        return bound is not None and bound.answer == "auto"


@dataclass
class _Builder:
    """Collects declarations and every conflict among them."""

    registry: Registry
    renames: dict[str, str]
    webhooks: Sequence[str]
    required: Sequence[str]
    conflicts: list[tuple[str, str]] = field(default_factory=list)  # who has to go, and the sentence
    providers: dict[tuple[str, str], Plugin] = field(default_factory=dict)

    def claim(self, what: str, name: str, plugin: Plugin, way_out: str = "rename one of them") -> bool:
        """Take `name` for `plugin`; False and a conflict where another plugin has it."""
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


def build_registry(
    plugins: Iterable[Plugin], renames: dict[str, str], webhooks: Sequence[str], required: Sequence[str] = ()
) -> Registry:
    """Check all declarations together and index them. ConflictError lists every conflict at once."""
    builder = _Builder(Registry(), renames, webhooks, required)
    for plugin in plugins:
        for declared in plugin.declared.routes:
            _add_route(builder, plugin, declared)
        for item in plugin.declared.events:
            _add_event(builder, plugin, item)
        for job in plugin.declared.jobs:
            _add_job(builder, plugin, job)
        for route in plugin.declared.web:
            _add_web(builder, plugin, route)
        builder.registry.menu += [(plugin.id, entry) for entry in plugin.declared.menu]
        builder.registry.middleware += [(plugin.id, entry) for entry in plugin.declared.middleware]
    if builder.conflicts:
        losers: dict[str, list[str]] = {}
        for plugin_id, sentence in builder.conflicts:
            losers.setdefault(plugin_id, []).append(sentence)
        raise ConflictError([sentence for _, sentence in builder.conflicts], losers)
    registry = builder.registry
    _check_listed(registry)
    registry.menu.sort(key=lambda pair: pair[1].order)
    registry.middleware.sort(key=lambda pair: pair[1].order)
    for plugin_id, entry in registry.menu:
        _check_menu_item(registry, plugin_id, entry)
    return registry


def _check_listed(registry: Registry) -> None:
    for chat in (PRIVATE, GROUP):
        listed = [bound for bound in registry.commands.values() if bound.listed and chat in bound.chat]
        if len(listed) > LISTED:
            raise DeclarationError(
                listed[-1].plugin,
                f"its command {listed[-1].name} is one of {len(listed)} in Telegram's menu, which takes {LISTED}.",
                "declare some with hidden=True, or disable a plugin in [host].",
            )


def _check_menu_item(registry: Registry, plugin: str, item: MenuItem) -> None:
    key = registry.keys.get(item.route)
    if key is None:
        raise DeclarationError(plugin, f"menu item {item.text!r} names a route that no plugin declares.")
    bound = registry.callbacks.get(key)
    if not item.text.strip() or bound is None or bound.codec is None or bound.codec.arguments:
        raise DeclarationError(plugin, f"menu item {item.text!r} needs a text and a button route without arguments.")
    if PRIVATE not in bound.chat:
        raise DeclarationError(
            plugin,
            f"menu item {item.text!r} stands in the private chat, where its route does not answer.",
            f"declare {item.route.name!r} with chat=PRIVATE | GROUP.",
        )


def _check_chat(plugin: Plugin, what: str, chat: ChatKind, allowed: ChatKind) -> None:
    """A route that can never run would be silent for ever. In a channel nobody writes as a person."""
    if not isinstance(chat, ChatKind) or not chat & allowed:
        raise DeclarationError(
            plugin.id,
            f"the {what} cannot answer in chat={chat!r}.",
            f"give it one or more of {allowed!r}.",
        )


def _add_route(builder: _Builder, plugin: Plugin, declared: Any) -> None:
    match declared:
        case Command():
            _add_command(builder, plugin, declared)
        case CallbackRoute():
            _add_callback(builder, plugin, declared)
        case QuestionRoute() | StepRoute():
            _add_named(builder, plugin, declared)
        case Text():
            check_handler(plugin.id, "catch-all text", declared.handler, ("update", "ctx"))
            _check_chat(plugin, "catch-all text", declared.chat, _PEOPLE)
            if builder.claim("catch-all text", "*", plugin, "a bot has one: disable a plugin in [host]"):
                builder.registry.text = Bound(plugin.id, "text", "text", declared.handler, chat=declared.chat)
        case DeepLink():
            _check_chat(plugin, "deep_link", declared.chat, _PEOPLE)
            _add_single(builder.registry.deep_links, plugin, "deep_link", declared.handler, declared.chat)
        case PreCheckout():
            _add_single(builder.registry.pre_checkouts, plugin, "pre_checkout", declared.handler)
        case Payment():
            _add_single(builder.registry.payments, plugin, "payment", declared.handler)
        case RefundedPayment():
            _add_single(builder.registry.refunds, plugin, "refund", declared.handler)
        case Raw():
            builder.registry.raws.append((plugin.id, declared))
        case _:
            raise DeclarationError(plugin.id, f"astral_routes returned {declared!r}, which is no declaration.")


def _add_command(builder: _Builder, plugin: Plugin, command: Command) -> None:
    name = builder.renames.get(f"{plugin.id}.{command.name}", command.name)
    if not (1 <= len(name) <= 32 and name.replace("_", "a").isalnum() and name.isascii() and name == name.lower()):
        raise DeclarationError(plugin.id, f"command {name!r} must be 1-32 of a-z 0-9 _.")
    if command.description and not 1 <= len(command.description.strip()) <= len(command.description) <= DESCRIPTION:
        raise DeclarationError(plugin.id, f"the description of command {name!r} must be 1-{DESCRIPTION} characters.")
    check_handler(plugin.id, f"command {name!r}", command.handler, ("update", "ctx"))
    _check_chat(plugin, f"command {name!r}", command.chat, _PEOPLE)
    way_out = f'set [commands] "{plugin.id}.{command.name}" = "{plugin.id}_{command.name}" in astral.toml'
    if builder.claim("command", name, plugin, way_out):
        builder.registry.commands[name] = Bound(
            plugin.id, f"/{name}", "command", command.handler,
            admin=command.admin, description=command.description, hidden=command.hidden, chat=command.chat,
        )  # fmt: skip


def _add_callback(builder: _Builder, plugin: Plugin, route: CallbackRoute[Any]) -> None:
    try:
        codec = compile_pattern(plugin.id, route.pattern)
    except CallbackDataError as error:
        raise DeclarationError(plugin.id, f"{error}.") from error
    names = [name for name, _ in codec.arguments]
    check_handler(plugin.id, f"callback {route.pattern!r}", route.handler, ("update", "ctx"), names)
    _check_chat(plugin, f"callback {route.pattern!r}", route.chat, ChatKind.ANY)
    if codec.key in builder.registry.callbacks:
        raise DeclarationError(plugin.id, f"two callback routes are called {route.name!r}.")
    builder.registry.callbacks[codec.key] = Bound(
        plugin.id, route.name, "callback", route.handler, codec=codec, answer=route.answer, chat=route.chat
    )
    builder.registry.keys[route] = codec.key


def _add_named(builder: _Builder, plugin: Plugin, route: QuestionRoute[Any] | StepRoute[Any]) -> None:
    kind = "question" if isinstance(route, QuestionRoute) else "step"
    table = builder.registry.questions if kind == "question" else builder.registry.steps
    key = f"{plugin.id}.{route.name}"
    positional = ("update", "ctx") if kind == "question" else ("ctx",)
    check_handler(plugin.id, f"{kind} {route.name!r}", route.handler, positional, None)
    if key in table:
        raise DeclarationError(plugin.id, f"two {kind} routes are called {route.name!r}.")
    chat = PRIVATE
    if isinstance(route, QuestionRoute):
        chat = route.chat
        _check_chat(plugin, f"question {route.name!r}", chat, _PEOPLE)
    table[key] = Bound(plugin.id, route.name, kind, route.handler, chat=chat)
    builder.registry.keys[route] = key


def _add_single(
    table: dict[str, Bound], plugin: Plugin, kind: str, handler: Callable[..., Any], chat: ChatKind = PRIVATE
) -> None:
    if plugin.id in table:
        raise DeclarationError(plugin.id, f"two {kind} routes; a plugin has one.")
    check_handler(plugin.id, kind, handler, ("update", "ctx"), ("rest",) if kind == "deep_link" else ())
    table[plugin.id] = Bound(plugin.id, kind, kind, handler, chat=chat)


def _add_event(builder: _Builder, plugin: Plugin, item: Any) -> None:
    if isinstance(item, TelemetrySubscriber):
        check_handler(plugin.id, "telemetry subscriber", item.handler, ("ctx", "batch"))
        builder.registry.telemetry.append((plugin.id, item))
    elif isinstance(item, Subscriber):
        check_handler(plugin.id, f"subscriber to {item.event.name!r}", item.handler, ("event", "ctx"))
        handler_name = getattr(item.handler, "__name__", "handler")
        bound = Bound(plugin.id, f"{item.event.name}>{handler_name}", "event", item.handler, event=item.event)
        builder.claim(f"subscriber of plugin {plugin.id!r}", bound.name, plugin)  # its rows are found by this name
        builder.registry.subscribers.setdefault(item.event.name, []).append(bound)
    elif isinstance(item, type) and issubclass(item, Event):
        if not item.name.startswith(f"{plugin.id}."):
            raise DeclarationError(plugin.id, f"event {item.name!r} must be called {plugin.id}.<what>.")
        if builder.claim("event", item.name, plugin):
            builder.registry.events[item.name] = plugin.id
    else:
        raise DeclarationError(plugin.id, f"astral_events returned {item!r}, which is no event and no subscriber.")


def _add_job(builder: _Builder, plugin: Plugin, job: Job) -> None:
    if not job.name.startswith(f"{plugin.id}.") or job.every <= 0:
        raise DeclarationError(plugin.id, f"job {job.name!r} must be called {plugin.id}.<what> and run every > 0 s.")
    check_handler(plugin.id, f"job {job.name!r}", job.handler, ("ctx",))
    if builder.claim("job", job.name, plugin):
        builder.registry.jobs[job.name] = (Bound(plugin.id, job.name, "job", job.handler), job.every)


def _add_web(builder: _Builder, plugin: Plugin, route: WebRoute | Webhook) -> None:
    check_handler(plugin.id, f"web route {route.path!r}", route.handler, ("request", "ctx"))
    if isinstance(route, Webhook):
        if route.path not in builder.webhooks:
            raise DeclarationError(
                plugin.id,
                f"the webhook path {route.path!r} is not allowed.",
                f"add it to [web] webhooks: {route.path!r}.",
            )
        if not builder.claim("webhook", route.path, plugin):
            return
    elif not route.path.startswith("/"):
        raise DeclarationError(plugin.id, f"the web path {route.path!r} must begin with a slash.")
    else:
        builder.claim("web route", f"{route.method.upper()} {route.path} of {plugin.id}", plugin)
        _try_web(plugin, route)
    builder.registry.web.append((plugin.id, route))


def _try_web(plugin: Plugin, route: WebRoute) -> None:
    """Let aiohttp look at a route on its own, so that a bad pattern fails here and not the whole server."""
    try:
        web.UrlDispatcher().add_route(route.method, f"/plugins/{plugin.id}{route.path}", web.Request.json)
    except (ValueError, TypeError, AssertionError) as error:
        raise DeclarationError(plugin.id, f"web route {route.method} {route.path!r} is wrong: {error}.") from error
