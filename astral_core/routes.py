"""`Routes` collects a plugin's handlers by decorators.

Every handler takes its context first, then what this kind of route promises.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from astral_core.declare import PRIVATE, ChatKind, Event, Flood, Route
from astral_core.handled import Handled
from astral_core.kinds.callback import Answer, CallbackCall, CallbackRoute
from astral_core.kinds.command import Command
from astral_core.kinds.deep_link import DeepLink
from astral_core.kinds.event import Subscriber
from astral_core.kinds.inline import Inline
from astral_core.kinds.job import Job
from astral_core.kinds.menu import MenuItem
from astral_core.kinds.message import Message
from astral_core.kinds.middleware import Middleware
from astral_core.kinds.payment import Payment
from astral_core.kinds.pre_checkout import PreCheckout
from astral_core.kinds.question import ANYTHING, QuestionRoute
from astral_core.kinds.raw import Raw
from astral_core.kinds.refund import RefundedPayment
from astral_core.kinds.shipping import Shipping
from astral_core.kinds.signatures import refuse_old_style
from astral_core.kinds.step import StepRoute
from astral_core.kinds.telemetry import TelemetrySubscriber
from astral_core.kinds.text import Text
from astral_core.kinds.update import OnUpdate
from astral_core.kinds.web import Page, Webhook
from astral_core.kinds.web_app_data import WebAppData

if TYPE_CHECKING:
    from aiohttp import web
    from telegram.ext import Application, BaseHandler, BasePersistence, ContextTypes, Defaults

    from astral_core.bot.context import Context
    from astral_core.botapi.views import View
    from astral_core.host.context import PluginContext

P = ParamSpec("P")
F = TypeVar("F")
H = TypeVar("H", bound=Callable[..., Any])
E = TypeVar("E", bound=Event)
C = TypeVar("C", bound="Callable[[Context], Awaitable[None]] | Route[[]]")
V = TypeVar("V", bound="Callable[[Context, View], Awaitable[None]]")


class Routes:
    """Collects handlers by decorators; `Plugin(routes=[...])` takes it. Decorators stack.

    `chat` says where a route may answer: in the private chat unless you say more, such as `chat=GROUP`. Elsewhere it
    does not run; in a group the bot then shows the way to the private chat.

    `role` says who may: OWNER (the bot's admins), CHAT_ADMIN (administrators of the group), or a name of
    `Plugin(roles=...)`, which the owner gives to people. For others the route is not there.
    """

    def __init__(self) -> None:
        self.declared: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self.declared)

    def add(self, declaration: object) -> None:
        """Add a declaration of any kind, also of one that the core does not have."""
        self.declared.append(declaration)

    # --- what people do

    def command(
        self,
        name: str,
        *,
        description: str = "",
        hidden: bool = False,
        park: bool = False,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[C], C]:
        """Take `/name` with the handler `(ctx)`; `ctx.args` is the text behind it.

        `description` stands in Telegram's menu (mark it with N_), for who may use it; `hidden` leaves the command
        out of it. With `park` a command is kept while the plugin is away. `flood` limits how often one person may,
        `timeout` are the seconds that the handler has.
        """
        return self._add(
            lambda handler: Command(name, handler, description, hidden, park, chat, role, flood, timeout)
        )

    def callback(
        self,
        pattern: str,
        *,
        answer: Answer = "auto",
        park: bool = False,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
        was: str | Iterable[str] = (),
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[None]] | Route[P]], CallbackRoute[P]]:
        """Take presses of a button: `show/{n:int}/{id:uuid}` with the handler `(ctx, n, id)`.

        Types are int, `int(2)` for one of at most two characters, slug (1-24 of a-z 0-9 _ . -) and uuid. A press is
        answered at once, unless `answer="manual"` lets the handler do it with `ctx.answer`. Anybody can forge a
        button: check who owns what the arguments name. `was` are spellings that old buttons carry: "view/{n:int}" of
        this plugin, or whatever another bot of this token sent, such as "count:{n:int}".
        """

        old = (was,) if isinstance(was, str) else tuple(was)

        def add(handler: Callable[Concatenate[Context, P], Awaitable[None]] | Route[P]) -> CallbackRoute[P]:
            name = pattern.partition("/")[0]
            route: CallbackRoute[P] = CallbackRoute(
                _function(handler), name, pattern, answer, park, chat, role, flood, timeout, old
            )
            self.declared.append(route)
            return route

        return add

    def question(
        self,
        name: str,
        *,
        accept: Iterable[str] | Literal["any"] = ("text",),
        park: bool = False,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[None]]], QuestionRoute[P]]:
        """Take the next message of a user who was asked by `ctx.ask(route(...))`; the handler is `(ctx, **kept)`.

        `accept` names the content that is an answer ("photo", "contact", ...), or is "any". On anything else the user
        is told so, and the question stays open. Commands act, and leave it open too.
        """
        accepted = (ANYTHING,) if accept == ANYTHING else tuple(accept)

        def add(handler: Callable[Concatenate[Context, P], Awaitable[None]]) -> QuestionRoute[P]:
            route: QuestionRoute[P] = QuestionRoute(
                _function(handler), name, park, chat, role, accepted, flood, timeout
            )
            self.declared.append(route)
            return route

        return add

    def message(
        self,
        *contents: str,
        pattern: str | re.Pattern[str] | None = None,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[C], C]:
        """Take messages with one of `contents`, with the handler `(ctx)`; without any, all that people send.

        Contents are the members of the Bot API's Message ("photo", "voice", "forum_topic_closed"). With `pattern`
        the messages in whose text or caption that regular expression is found. Commands, and answers to an open
        question, go there. Two plugins that take the same content without a pattern are a conflict.
        """
        return self._add(lambda handler: Message(handler, contents, pattern, chat, role, flood, timeout))

    def text(
        self,
        *,
        pattern: str | re.Pattern[str] | None = None,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[C], C]:
        """Take text that nothing else took, with the handler `(ctx)`; with `pattern` that in which it is found.

        Without a pattern it is the bot's one catch-all in this kind of chat.
        """
        return self._add(lambda handler: Text(handler, pattern, chat, role, flood, timeout))

    def deep_link(
        self,
        pattern: str,
        *,
        chat: ChatKind = PRIVATE,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[None]] | Route[P]], DeepLink[P]]:
        """Take people who open a link that `ctx.link(route(...))` made; the handler is `(ctx, *args)`.

        `pattern` is as that of a button, and may do without a name; the link's parameter has at most 64 characters.
        """

        def add(handler: Callable[Concatenate[Context, P], Awaitable[None]] | Route[P]) -> DeepLink[P]:
            name = pattern.partition("/")[0]
            route: DeepLink[P] = DeepLink(_function(handler), name, pattern, chat, role, flood, timeout)
            self.declared.append(route)
            return route

        return add

    def inline(
        self,
        *,
        pattern: str | re.Pattern[str] | None = None,
        role: str | None = None,
        flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[V], V]:
        """Take inline queries with the handler `(ctx, query)`, which answers by `ctx.answer_inline`."""
        return self._add(lambda handler: Inline(handler, pattern, role, flood, timeout))

    def web_app_data(
        self, *, role: str | None = None, flood: Flood | None = None, timeout: float | None = None
    ) -> Callable[[Callable[[Context, str], Awaitable[None]]], Callable[[Context, str], Awaitable[None]]]:
        """Take what a Mini App sent back from a button below the chat: `(ctx, data)`. Anybody can send any data."""
        return self._add(lambda handler: WebAppData(handler, role, flood, timeout))

    def on(
        self, update: str, *, chat: ChatKind = PRIVATE, role: str | None = None, flood: Flood | None = None,
        timeout: float | None = None,
    ) -> Callable[[V], V]:  # fmt: skip
        """Take updates of any other kind, such as "message_reaction" or "chat_member": `(ctx, update)`, a view.

        Telegram is then asked for them. Mind `chat=`: reactions in groups need GROUP.
        """
        return self._add(lambda handler: OnUpdate(handler, update, chat, role, flood, timeout))

    def menu(self, text: str, call: CallbackCall, *, order: int = 100, role: str | None = None) -> None:
        """Put a button into /start's menu: `menu(N_("My chart"), chart())`. Lower `order` comes first.

        Only who has its `role`, and that of the button's route, sees it.
        """
        self.declared.append(MenuItem(text, call, order, role))

    # --- payments

    def pre_checkout(self) -> Callable[[V], V]:
        """Take pre-checkout queries of this plugin's invoices: `(ctx, query)`; answer within 8 s."""
        return self._add(PreCheckout)

    def shipping(self) -> Callable[[V], V]:
        """Take shipping queries of this plugin's invoices: `(ctx, query)`; `ctx.answer_shipping` answers."""
        return self._add(Shipping)

    def payment(self) -> Callable[[V], V]:
        """Take successful payments of this plugin's invoices: `(ctx, payment)`."""
        return self._add(Payment)

    def refund(self) -> Callable[[V], V]:
        """Take refunds of this plugin's invoices: `(ctx, refund)`."""
        return self._add(RefundedPayment)

    # --- python-telegram-bot

    def ptb(
        self,
        setup: Callable[[Application[Any, Any, Any, Any, Any, Any]], object],
        *,
        defaults: Defaults | None = None,
        context_types: ContextTypes[Any, Any, Any, Any] | None = None,
        post_init: Callable[[Application[Any, Any, Any, Any, Any, Any]], Awaitable[None]] | None = None,
        post_shutdown: Callable[[Application[Any, Any, Any, Any, Any, Any]], Awaitable[None]] | None = None,
        arbitrary_callback_data: bool | int = False,
        persistence: BasePersistence[Any, Any, Any] | None = None,
    ) -> None:
        """Let a bot of python-telegram-bot move in: `setup(application)` adds its handlers, as `main()` did.

        The other arguments stood on the ApplicationBuilder. What is in `persistence` is taken over at the first
        start; it is never written. Handlers, groups, error handlers, conversations, `*_data` and `job_queue` are the
        library's; data, conversations and jobs outlive a crash. `context.astral` is the handler's Context. What
        cannot work is refused with a DeclarationError, which says what to use instead.
        """
        given = {
            "defaults": defaults, "context_types": context_types, "post_init": post_init,
            "post_shutdown": post_shutdown, "arbitrary_callback_data": arbitrary_callback_data,
            "persistence": persistence,
        }  # fmt: skip
        self.declared.append(Raw(setup, options=given))

    def raw(self, handler: BaseHandler[Any, Any, object]) -> None:
        """Add one existing handler of python-telegram-bot, whose callback takes `(update, context)`.

        All of a plugin's are one bot: see `ptb`, which takes a whole one.
        """
        self.declared.append(Raw(handler=handler))

    # --- what the bot does by itself

    def step(
        self,
        name: str,
        *,
        tries: int | None = None,
        backoff: timedelta | None = None,
        timeout: float | None = None,
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[None]]], StepRoute[P]]:
        """Name durable work for `ctx.defer(route(...))`; the handler is `(ctx, **args)`, arguments are JSON values.

        One that fails is tried `tries` times in all (twice unless told), `backoff` (half a second unless told) after
        the first failure and twice as long after each further one. What may pass, such as a database or a Telegram
        that is away, uses up no try.
        """

        def add(handler: Callable[Concatenate[Context, P], Awaitable[None]]) -> StepRoute[P]:
            pause = backoff.total_seconds() if backoff is not None else None
            route: StepRoute[P] = StepRoute(_function(handler), name, tries, pause, timeout)
            self.declared.append(route)
            return route

        return add

    def job(self, name: str, *, every: float) -> Callable[[C], C]:
        """Run `(ctx)` every `every` seconds, once among all replicas. Its full name is `<plugin>.<name>`.

        It runs first when the bot first starts with it, then at multiples of `every` since 1970 in UTC.
        """
        return self._add(lambda handler: Job(name, every, handler))

    def event(
        self, event: type[E]
    ) -> Callable[[Callable[[Context, E], Awaitable[None]]], Callable[[Context, E], Awaitable[None]]]:
        """Subscribe to an event: `(ctx, event)` runs durably, once for each that is emitted, in its chat's lane."""
        return self._add(lambda handler: Subscriber(event, handler))

    def telemetry(
        self,
    ) -> Callable[
        [Callable[[PluginContext, list[Handled]], Awaitable[None]]],
        Callable[[PluginContext, list[Handled]], Awaitable[None]],
    ]:
        """Get what was handled, in batches about once a second: `(ctx, batch)`."""
        return self._add(TelemetrySubscriber)

    def middleware(
        self, *, order: int = 100
    ) -> Callable[
        [Callable[[Context, Callable[[], Awaitable[None]]], Awaitable[None]]],
        Callable[[Context, Callable[[], Awaitable[None]]], Awaitable[None]],
    ]:
        """Wrap every handler of the bot: `(ctx, call_next)`. Lower `order` is further out."""
        return self._add(lambda handler: Middleware(handler, order))

    # --- the web

    def page(
        self, method: str, path: str
    ) -> Callable[
        [Callable[[PluginContext, web.Request], Awaitable[web.StreamResponse]]],
        Callable[[PluginContext, web.Request], Awaitable[web.StreamResponse]],
    ]:
        """Serve `/plugins/<plugin><path>` with the handler `(ctx, request)`."""
        return self._add(lambda handler: Page(method, path, handler))

    def webhook(
        self, path: str
    ) -> Callable[
        [Callable[[PluginContext, web.Request], Awaitable[web.StreamResponse]]],
        Callable[[PluginContext, web.Request], Awaitable[web.StreamResponse]],
    ]:
        """Take posts at a path that the owner allows in `web.webhooks`, seen through trusted proxies."""
        return self._add(lambda handler: Webhook(path, handler))

    def _add(self, make: Callable[[Any], Any]) -> Callable[[F], F]:
        def add(handler: F) -> F:
            self.declared.append(make(_function(handler)))
            return handler

        return add


def _function(handler: Any) -> Any:
    """The function below stacked decorators. DeclarationError if it takes the update first, as other libraries do."""
    handler = handler.handler if isinstance(handler, Route) else handler  # a route's is a function already
    refuse_old_style(handler)
    return handler
