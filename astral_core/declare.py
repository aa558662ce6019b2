"""What plugins declare: frozen records without behaviour, and the collector that makes them.

A declaration does nothing. Hooks return declarations, the host checks all of them together, and only then does
the core build routes, tables and handlers from them.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, Literal, ParamSpec, TypeVar

import msgspec
from sqlalchemy import MetaData

from astral_core.handled import Handled

if TYPE_CHECKING:
    from aiohttp import web
    from telegram import Update
    from telegram.ext import BaseHandler

    from astral_core.bot.context import Context
    from astral_core.host.context import PluginContext

P = ParamSpec("P")
F = TypeVar("F")
Handler = Callable[..., Awaitable[None]]
Answer = Literal["auto", "manual"]


class ChatKind(enum.Flag):
    """Where a route may answer; `|` joins kinds. GROUP is groups and supergroups, with their topics."""

    PRIVATE = enum.auto()
    GROUP = enum.auto()
    CHANNEL = enum.auto()
    ANY = PRIVATE | GROUP | CHANNEL

    def __repr__(self) -> str:
        """The names that authors write."""
        return " | ".join(str(kind.name) for kind in self) or "ChatKind(0)"


PRIVATE, GROUP, CHANNEL, ANY = ChatKind.PRIVATE, ChatKind.GROUP, ChatKind.CHANNEL, ChatKind.ANY


@dataclass(frozen=True, eq=False)
class Route(Generic[P]):
    """A handler with a name within its plugin; calling it calls the handler."""

    handler: Callable[..., Awaitable[None]]
    name: str

    async def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Call the handler, so that one handler can hand over to another."""
        await self.handler(*args, **kwargs)


@dataclass(frozen=True, eq=False)
class CallbackRoute(Route[P]):
    """A button's route. `pattern` is `name/{arg:int}/{arg:slug}/{arg:uuid}`, at most 64 bytes when built.

    With `park` a press is kept while the plugin is away, and handled when it is back.
    """

    pattern: str = ""
    answer: Answer = "auto"
    park: bool = False
    chat: ChatKind = PRIVATE


@dataclass(frozen=True, eq=False)
class QuestionRoute(Route[P]):
    """Takes the next message of a user who was asked (`ctx.ask`); kept, with `park`, while the plugin is away."""

    park: bool = False
    chat: ChatKind = PRIVATE


@dataclass(frozen=True, eq=False)
class StepRoute(Route[P]):
    """Durable work beyond an update (`ctx.defer`): handler `(ctx, **args)`, arguments are JSON values."""


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


@dataclass(frozen=True)
class Text:
    """The bot's one catch-all for messages that nothing else took."""

    handler: Handler
    chat: ChatKind = PRIVATE


@dataclass(frozen=True)
class DeepLink:
    """`/start <plugin>-<rest>`: handler `(update, ctx, rest)`."""

    handler: Handler
    chat: ChatKind = PRIVATE


@dataclass(frozen=True)
class PreCheckout:
    """Pre-checkout queries whose invoice payload begins with `<plugin>:`."""

    handler: Handler


@dataclass(frozen=True)
class Payment:
    """Successful payments whose invoice payload begins with `<plugin>:`. A fact: parked, never dropped."""

    handler: Handler


@dataclass(frozen=True)
class RefundedPayment:
    """Refund messages whose invoice payload begins with `<plugin>:`. A fact: parked, never dropped."""

    handler: Handler


@dataclass(frozen=True)
class Raw:
    """An existing python-telegram-bot handler, asked in order after the exact routes."""

    handler: BaseHandler[Update, Context, object]


Declared = (
    Command
    | CallbackRoute[Any]
    | QuestionRoute[Any]
    | StepRoute[Any]
    | Text
    | DeepLink
    | PreCheckout
    | Payment
    | RefundedPayment
    | Raw
)


@dataclass(frozen=True)
class Routes:
    """Collects a plugin's routes by decorators; `astral_routes` returns it. Decorators stack.

    `chat` says where a route may answer: in the private chat unless you say more, such as `chat=GROUP`. Elsewhere it
    does not run; in a group the bot then shows the way to the private chat.
    """

    declared: list[Declared] = field(default_factory=list)

    def __iter__(self) -> Iterator[Declared]:
        return iter(self.declared)

    def __len__(self) -> int:
        return len(self.declared)

    def command(
        self,
        name: str,
        *,
        description: str = "",
        admin: bool = False,
        hidden: bool = False,
        park: bool = False,
        chat: ChatKind = PRIVATE,
    ) -> Callable[[F], F]:
        """Route `/name` to the handler `(update, ctx)`. `description` is a source text (English)."""

        def add(handler: F) -> F:
            call: Handler = handler  # type: ignore[assignment]  # any callable of (update, ctx); checked at load
            self.declared.append(Command(name, call, description, admin, hidden, park, chat))
            return handler

        return add

    def callback(
        self, pattern: str, *, answer: Answer = "auto", park: bool = False, chat: ChatKind = PRIVATE
    ) -> Callable[[Callable[Concatenate[Update, Context, P], Awaitable[None]]], CallbackRoute[P]]:
        """Route a button to the handler `(update, ctx, *args)`; the arguments are those of `pattern`."""

        def add(handler: Callable[Concatenate[Update, Context, P], Awaitable[None]]) -> CallbackRoute[P]:
            route: CallbackRoute[P] = CallbackRoute(handler, pattern.partition("/")[0], pattern, answer, park, chat)
            self.declared.append(route)
            return route

        return add

    def question(
        self, name: str, *, park: bool = False, chat: ChatKind = PRIVATE
    ) -> Callable[[Callable[Concatenate[Update, Context, P], Awaitable[None]]], QuestionRoute[P]]:
        """Route the next message of a user who was asked by `ctx.ask(route, **args)`."""

        def add(handler: Callable[Concatenate[Update, Context, P], Awaitable[None]]) -> QuestionRoute[P]:
            route: QuestionRoute[P] = QuestionRoute(handler, name, park, chat)
            self.declared.append(route)
            return route

        return add

    def step(self, name: str) -> Callable[[Callable[Concatenate[Context, P], Awaitable[None]]], StepRoute[P]]:
        """Name durable work for `ctx.defer(step, key=..., **args)`: handler `(ctx, **args)`."""

        def add(handler: Callable[Concatenate[Context, P], Awaitable[None]]) -> StepRoute[P]:
            route: StepRoute[P] = StepRoute(handler, name)
            self.declared.append(route)
            return route

        return add

    def text(self, *, chat: ChatKind = PRIVATE) -> Callable[[F], F]:
        """Take every message that nothing else took. Only one plugin may."""
        return self._simple(partial(Text, chat=chat))

    def deep_link(self, *, chat: ChatKind = PRIVATE) -> Callable[[F], F]:
        """Take `/start <plugin>-<rest>` with the handler `(update, ctx, rest)`.

        In a group it comes from a link that adds the bot to one: `t.me/<bot>?startgroup=<plugin>-<rest>`.
        """
        return self._simple(partial(DeepLink, chat=chat))

    def pre_checkout(self) -> Callable[[F], F]:
        """Take pre-checkout queries of this plugin's invoices; must answer within 8 s."""
        return self._simple(PreCheckout)

    def payment(self) -> Callable[[F], F]:
        """Take successful payments of this plugin's invoices."""
        return self._simple(Payment)

    def refund(self) -> Callable[[F], F]:
        """Take refunds of this plugin's invoices."""
        return self._simple(RefundedPayment)

    def raw(self, handler: BaseHandler[Update, Context, object]) -> None:
        """Add an existing python-telegram-bot handler."""
        self.declared.append(Raw(handler))

    def _simple(self, kind: Callable[[Handler], Declared]) -> Callable[[F], F]:
        def add(handler: F) -> F:
            call: Handler = handler  # type: ignore[assignment]  # checked at load
            self.declared.append(kind(call))
            return handler

        return add


@dataclass(frozen=True)
class MenuItem:
    """A button of /start's menu, which is a private one. `text` is a source text; lower `order` comes first."""

    text: str
    route: CallbackRoute[[]]
    order: int = 100
    admin: bool = False


@dataclass(frozen=True)
class WebRoute:
    """An HTTP route below `/plugins/<plugin>/`: handler `(request, ctx)`."""

    method: str
    path: str
    handler: Callable[[web.Request, PluginContext], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Webhook:
    """A POST route at an absolute path of `web.webhooks`; `request.remote` sees through `web.trusted_proxies`."""

    path: str
    handler: Callable[[web.Request, PluginContext], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Middleware:
    """Wraps every handler: `call(update, ctx, call_next)`. Lower `order` is further out."""

    call: Callable[[Update | None, Context, Callable[[], Awaitable[None]]], Awaitable[None]]
    order: int = 100


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of domain events: `name` is `<plugin>.<what>`; fields are JSON values."""

    name: ClassVar[str] = ""


E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Subscriber(Generic[E]):
    """Runs `handler(event, ctx)` durably, once for each emitted `event`, in the lane of its chat."""

    event: type[E]
    handler: Callable[[E, Context], Awaitable[None]]


@dataclass(frozen=True)
class TelemetrySubscriber:
    """Gets batches of `Handled` about once a second: `handler(ctx, batch)`."""

    handler: Callable[[PluginContext, list[Handled]], Awaitable[None]]


@dataclass(frozen=True)
class Job:
    """Runs `handler(ctx)` every `every` seconds, once among all replicas, as a durable row."""

    name: str
    every: float
    handler: Callable[[Context], Awaitable[None]]


@dataclass(frozen=True)
class Schema:
    """A plugin's tables and the package of its Alembic version files."""

    metadata: MetaData
    migrations: str
