"""The router: one python-telegram-bot handler that finds the route by dict look-ups.

Order: payments and express queries, commands, deep links, an open question, callback routes, raw handlers, the
bot's catch-all text, the fall-back. Nothing runs twice: python-telegram-bot sees this one handler only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from telegram import Update
from telegram.ext import Application, BaseHandler

from astral_core.bot.context import Context
from astral_core.bot.run import Run
from astral_core.bot.update import PeekCallback, PeekMessage
from astral_core.declare import Middleware
from astral_core.errors import CallbackDataError, HandlerError, Parked
from astral_core.host.callback import split
from astral_core.host.registry import Bound, Registry
from astral_core.observe.logs import scope


@dataclass(slots=True)
class Match:
    """A route with the arguments for its handler; `raw` carries a foreign handler's own check result."""

    bound: Bound
    kwargs: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    raw: Any = None
    clears_question: bool = False


@dataclass(frozen=True)
class Own:
    """The core's own answers: to what nothing took, to buttons that are no more, and for plugins that are away."""

    fallback: Bound
    expired: Bound
    away: Bound
    declined: Bound


class Router(BaseHandler[Update, Context, object]):
    """Takes every update and hands it to exactly one route."""

    def __init__(self, registry: Registry, own: Own, username: Callable[[], str]) -> None:
        super().__init__(self._unused)
        self._registry = registry
        self._own = own
        self._username = username

    @staticmethod
    async def _unused(update: Update, context: Context) -> None:
        raise HandlerError(f"the router calls routes itself, not this ({update.update_id}, {context!r}).")

    def check_update(self, update: object) -> bool:
        """Every update is ours."""
        return isinstance(update, Update)

    async def handle_update(
        self,
        update: Update,
        application: Application[Any, Context, Any, Any, Any, Any],
        check_result: object,
        context: Context,
    ) -> None:
        """Find the route and run it inside the middleware."""
        del check_result
        run = context.run
        match = await self.match(update, run)
        if match is None:
            run.route = "ignored"
            return
        context.args = match.words
        enter(run, match.bound)
        if not self._registry.middleware and match.raw is None:
            await match.bound.handler(update, context, **match.kwargs)
        else:
            call = self._call(match, update, application, context)
            await run_chain(self._registry.middleware, update, context, call)
        if match.clears_question or run.question_ended or run.asked is not None:
            await context.save_question()

    @staticmethod
    def _call(match: Match, update: Update, application: Any, context: Context) -> Callable[[], Awaitable[None]]:
        if match.raw is not None:
            handler, check = match.raw

            async def call_raw() -> None:
                await handler.handle_update(update, application, check, context)

            return call_raw

        async def call() -> None:
            await match.bound.handler(update, context, **match.kwargs)

        return call

    async def match(self, update: Update, run: Run) -> Match | None:
        """The route of `update`; None for updates that nobody wants."""
        found = run.peek
        if found is None:
            raise HandlerError("an update reached the router outside of the inbox's worker.")
        if found.callback_query is not None:
            return self._callback(found.callback_query, run)
        if found.pre_checkout_query is not None:
            run.arguments["query_id"] = found.pre_checkout_query.id
            return self._checkout(found.pre_checkout_query.invoice_payload)
        message = found.message
        if message is None:
            return self._raw(update)
        if message.successful_payment is not None:
            return self._by_payload(self._registry.payments, message.successful_payment.invoice_payload)
        if message.refunded_payment is not None:
            return self._by_payload(self._registry.refunds, message.refunded_payment.invoice_payload)
        return await self._message(update, message, run)

    async def _message(self, update: Update, message: PeekMessage, run: Run) -> Match | None:
        if run.user is None:  # a channel's post in a group, an anonymous admin: commands promise their handler a user
            return self._raw(update)
        question = await run.people.question(run.chat_id, run.user.id)
        text = message.text or ""
        command = self._command(text, run)
        if command is not None:
            command.clears_question = question is not None
            return command
        is_command = text.startswith("/")  # an unknown one: no answer to a question
        if question is not None and question.route in self._registry.questions and not is_command:
            return Match(self._registry.questions[question.route], kwargs=question.args, clears_question=True)
        if question is not None and not is_command:
            away = self._away(question.route.partition(".")[0], question.route)
            if away is not None:
                return away
        raw = self._raw(update)
        if raw is not None:
            return raw
        if message.chat is None or message.chat.type != "private":
            return None
        return Match(self._own.fallback if is_command else self._registry.text or self._own.fallback)

    def _command(self, text: str, run: Run) -> Match | None:
        if not text.startswith("/"):
            return None
        word, *words = text.split()
        name, _, addressee = word[1:].partition("@")
        if addressee and addressee.lower() != self._username().lower():
            return None
        if name.lower() == "start" and words:
            plugin, _, rest = words[0].partition("-")
            link = self._registry.deep_links.get(plugin)
            if link is not None:
                return Match(link, kwargs={"rest": rest}, words=words)
            away = self._away(plugin, words[0])
            if away is not None:
                return away
        bound = self._registry.commands.get(name.lower())
        if bound is None:
            gone = self._registry.away_commands.get(name.lower())
            return self._away(gone.plugin, f"/{name.lower()}") if gone is not None else None
        if bound.admin and not _is_admin(run):
            return None
        return Match(bound, words=words)

    def _callback(self, query: PeekCallback, run: Run) -> Match:
        run.callback_id = query.id
        if query.message is not None:
            run.arguments["message_id"] = query.message.message_id
        key, values = split(query.data or "")
        bound = self._registry.callbacks.get(key)
        if bound is None or bound.codec is None:
            run.answer = "manual"
            return self._away(key.partition(":")[0], key) or Match(self._own.expired)
        run.answer = bound.answer
        try:
            return Match(bound, kwargs=bound.codec.parse(values))
        except CallbackDataError:
            # Anybody can send any data: an unreadable button is an expired one, not an error of the plugin.
            return Match(self._own.expired)

    def _away(self, plugin: str, key: str) -> Match | None:
        """What to do about a route of a plugin that is away: keep the row for it, or say that it rests."""
        away = self._registry.away.get(plugin)
        if away is None:
            return None
        if key in away.parks:
            raise Parked(plugin)
        return Match(self._own.away) if away.rests else None

    def _checkout(self, payload: str) -> Match:
        """Who says whether a payment may go on; where that plugin is away it may not, and costs nothing."""
        owner = payload.partition(":")[0]
        bound = self._registry.pre_checkouts.get(owner)
        if bound is None and owner not in self._registry.away:
            raise HandlerError(f"no plugin takes payments of {owner!r}.")
        return Match(bound or self._own.declined)

    def _by_payload(self, table: dict[str, Bound], payload: str) -> Match:
        """The owner of a payment. Where it is away the row waits for it, and where nobody knows it the row becomes
        a dead letter: money is never dropped in silence."""
        owner = payload.partition(":")[0]
        bound = table.get(owner)
        if bound is None:
            if owner in self._registry.away:
                raise Parked(owner)
            raise HandlerError(f"no plugin takes payments of {owner!r}. Fix: enable it, then astral inbox retry.")
        return Match(bound)

    def _raw(self, update: Update) -> Match | None:
        for plugin, raw in self._registry.raws:
            check = raw.handler.check_update(update)
            if check is not None and check is not False:
                name = getattr(raw.handler.callback, "__name__", "raw")
                return Match(Bound(plugin, name, "raw", raw.handler.callback), raw=(raw.handler, check))
        return None


def _is_admin(run: Run) -> bool:
    return run.user is not None and run.user.id in run.services.settings.admins


def enter(run: Run, bound: Bound) -> None:
    """Note whose handler runs, for texts, logs and the watchdog."""
    run.plugin, run.route, run.kind = bound.plugin, bound.name, bound.kind
    run.work.plugin = bound.plugin
    scope.set({"row": run.row.seq, "plugin": bound.plugin, "route": bound.name})


async def run_chain(
    middleware: Sequence[tuple[str, Middleware]],
    update: Update | None,
    context: Context,
    call: Callable[[], Awaitable[None]],
) -> None:
    """Run `call` inside `middleware` (plugin id, entry), the first one outermost."""
    if not middleware:
        await call()
        return
    (_, first), *rest = middleware

    async def call_next() -> None:
        await run_chain(rest, update, context, call)

    await first.call(update, context, call_next)
