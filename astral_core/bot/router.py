"""The router: one python-telegram-bot handler that hands each update to exactly one route.

It asks the kinds of routes that take this kind of update, in the order of `KINDS`; each finds its route by look-ups
in dicts. Nothing runs twice: python-telegram-bot sees this one handler only. A route that raises Skip before it has
done anything leaves the update to the next one.

A route runs where it says that it may (`chat=`). In a group, the answer of a private one is the pointer: a line that
leads to the private chat, for who spoke to the bot.

A route with a role is there for who has it (`role=`); the role is asked for before flood limits count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

from telegram import Update
from telegram.ext import Application, BaseHandler

from astral_core.bot.context import Context, save_question_of
from astral_core.bot.flood import Floods
from astral_core.bot.incoming import CoreReplies, Incoming
from astral_core.bot.people import Question
from astral_core.bot.permits import AdminsOnly
from astral_core.bot.pointer import Pointer
from astral_core.bot.router_context import RouterContext
from astral_core.bot.scope import HandlerScope
from astral_core.bot.speaking import scope_of
from astral_core.bot.update import LazyUpdate
from astral_core.declare import CHAT_ADMIN, GROUP, PRIVATE
from astral_core.errors import HandlerError, Skip
from astral_core.host.registry import Registry
from astral_core.kinds import Kind, RegisteredHandler
from astral_core.kinds.base import Match
from astral_core.kinds.middleware import Middlewares
from astral_core.kinds.question import Questions
from astral_core.observe.logs import scope as log_scope

_TOLD = frozenset(("command", "deep_link", "callback"))  # who uses these speaks to the bot, and is told


class Router(BaseHandler[Update, RouterContext, object]):
    """Takes every update and hands it to exactly one route."""

    def __init__(
        self, registry: Registry, replies: CoreReplies, username: Callable[[], str], time: Callable[[], float]
    ) -> None:
        super().__init__(self._unused)
        self._registry = registry
        self._replies = replies
        self._username = username
        self._middleware = registry.of(Middlewares)
        self._asked: dict[str, list[Kind]] = {}
        for kind in registry.kinds.values():
            if kind.always or kind.routes:
                for update in {*kind.updates, *kind.wanted()}:
                    self._asked.setdefault(update, []).append(kind)
        # A group says much that is not for the bot: its database is asked for a question only where there may be one.
        self._asks_in_groups = any(GROUP in route.chat for route in registry.of(Questions).routes.values())
        self._pointer = RegisteredHandler("core", "pointer", "text", Pointer(time, username))
        self._admins_only = RegisteredHandler("core", "admins_only", "text", AdminsOnly(time))
        self._floods = Floods(time)
        self._may_skip = frozenset(kind.name for kind in registry.kinds.values() if kind.may_skip)

    @staticmethod
    async def _unused(update: Update, context: RouterContext) -> None:
        raise HandlerError(f"the router calls routes itself, not this ({update.update_id}, {context!r}).")

    def check_update(self, update: object) -> bool:
        """Every update is ours."""
        return isinstance(update, Update)

    async def handle_update(
        self,
        update: Update,
        application: Application[Any, RouterContext, Any, Any, Any, Any],
        check_result: object,
        context: RouterContext,
    ) -> None:
        """Find the route and run it inside the middleware; the next one if it raises Skip."""
        del application, check_result
        ctx, scope = context.astral, scope_of(context.astral)
        if not isinstance(update, LazyUpdate):
            raise HandlerError("an update reached the router outside of the inbox's worker.")
        scope.route = "ignored"
        matches = self._matches(await self._incoming(update, scope))
        first = next(matches, None)
        if first is not None and first.needs is not None:
            first = await self._permitted(first, matches, scope)
        if first is None:
            return
        begin(scope, first.handler)
        middleware = self._middleware.routes
        # Middleware must not speak in the core's place.
        if not middleware or first.handler is self._pointer or first.handler is self._admins_only:
            await self._run(first, matches, ctx)
        else:
            call = partial(self._run, first, matches, ctx)
            await run_chain(list(middleware.values()), ctx, call)
        if scope.answered_to is not None or scope.question_ended or scope.asked is not None:
            await save_question_of(ctx)

    async def _run(self, first: Match, others: Iterator[Match], ctx: Context) -> None:
        """Run the first route, and the next ones for as long as they raise Skip."""
        scope = scope_of(ctx)
        match: Match | None = first
        while match is not None:
            handler = match.handler
            enter(scope, handler)
            scope.args = match.words
            if handler.flood is not None and not self._floods.admits(ctx, scope, handler):
                return
            scope.answered_to = scope.open_question if match.answers else None
            before = _done(scope)
            try:
                await handler.handler(ctx, *match.args, **match.kwargs)
            except Skip:
                self._check_skip(scope, before)
                scope.route = "ignored"
                match = next(others, None)
                if match is not None and match.needs is not None:
                    match = await self._permitted(match, others, scope)
                continue
            return

    async def _permitted(self, match: Match | None, others: Iterator[Match], scope: HandlerScope) -> Match | None:
        """The first of the matches that is for this person, or what is said in the place of one that is not."""
        while match is not None and match.needs is not None and not await scope.has_role(match.needs):
            if match.instead is not None:
                return match.instead
            if match.needs == CHAT_ADMIN and match.handler.kind in _TOLD:
                return Match(self._admins_only)
            match = next(others, None)
        return match

    def _check_skip(self, scope: HandlerScope, before: tuple[object, ...]) -> None:
        """HandlerError for a Skip that would lose something."""
        who = f"plugin {scope.plugin!r}, route {scope.route!r}"
        if scope.kind not in self._may_skip:
            raise HandlerError(f"{who}: a {scope.kind} route cannot raise Skip: it is the only one.")
        if _done(scope) != before:
            raise HandlerError(f"{who}: raises Skip after it has written or said something. Fix: decide before that.")

    async def _incoming(self, update: LazyUpdate, scope: HandlerScope) -> Incoming:
        """The update as the kinds see it, with the question that is open for who sent it."""
        self._note_query(scope)
        question = await self._question(scope) if scope.row.kind in Questions.updates else None
        if question is not None and scope.row.crashes:  # it was put off: the question may have been asked since
            asked = await scope.people.asked_at(scope.question_key)
            question = question if asked is not None and asked <= scope.row.received_at else None
        scope.open_question = question
        return Incoming(scope, update, self._registry, self._replies, self._pointer, self._username, question)

    def _matches(self, incoming: Incoming) -> Iterator[Match]:
        """The routes of an update; those after the first are for who skips. None for what nobody wants."""
        for kind in self._asked.get(incoming.kind, ()):
            found = kind.find(incoming)
            if isinstance(found, Match):
                yield found
            elif found is not None:
                yield from found
        last = incoming.fallback()
        if last is not None:
            yield last

    def _note_query(self, scope: HandlerScope) -> None:
        """What answers to this update need."""
        peek = scope.peek
        if peek is None:
            return
        if peek.callback_query is not None:
            scope.callback_id = peek.callback_query.id
            at_once = self._registry.is_answered_at_once(peek.callback_query.data or "")
            scope.answer = "auto" if at_once else "manual"
            if peek.callback_query.message is not None:
                scope.pressed = peek.callback_query.message.message_id
        elif peek.written is None and scope.view is not None and "id" in scope.view:
            scope.query_id = str(scope.view.id)

    async def _question(self, scope: HandlerScope) -> Question | None:
        """What the person was asked here."""
        message = scope.peek.written if scope.peek is not None else None
        if message is None or scope.person is None or message.is_automatic_forward:
            return None
        if scope.chat_kind is PRIVATE or self._asks_in_groups or message.answers(scope.services.settings.bot_id):
            return await scope.people.question(scope.question_key)
        return None


def enter(scope: HandlerScope, handler: RegisteredHandler) -> None:
    """Note whose handler runs, for texts, logs and the watchdog."""
    scope.plugin, scope.route, scope.kind = handler.plugin, handler.name, handler.kind
    scope.unit.plugin = handler.plugin
    if scope.limit is not None and (handler.timeout is not None or scope.limit.when() != scope.deadline):
        limit(scope, handler.timeout)
    log_scope.set({"row": scope.row.seq, "plugin": handler.plugin, "route": handler.name})


def begin(scope: HandlerScope, handler: RegisteredHandler) -> None:
    """Enter a handler, before anything of it and of the middleware around it runs. Crowded if it may not run yet."""
    enter(scope, handler)
    if not scope.row.express:  # who waits for its answer cannot wait longer
        scope.services.crowd.check(handler.plugin, scope.row.lane)


def limit(scope: HandlerScope, timeout: float | None) -> None:
    """Give a handler its route's time; the core's own for None. Telegram waits for an express answer no longer."""
    if scope.limit is None or scope.deadline is None:
        return
    until = scope.deadline if timeout is None else asyncio.get_running_loop().time() + timeout
    scope.limit.reschedule(min(until, scope.deadline) if scope.row.express else until)


def _done(scope: HandlerScope) -> tuple[object, ...]:
    """What has been written, said and asked until now."""
    unit = scope.unit
    recorded = len(unit.rows), len(unit.due), len(scope.effects.contents), len(scope.effects.paced)
    return unit.holds, len(unit.saved), recorded, scope.called, scope.asked, scope.question_ended


async def run_chain(
    middleware: Sequence[RegisteredHandler], context: Context, call: Callable[[], Awaitable[None]]
) -> None:
    """Run `call` inside `middleware`, the first one outermost."""
    if not middleware:
        await call()
        return
    first, *rest = middleware

    async def call_next() -> None:
        await run_chain(rest, context, call)

    await first.handler(context, call_next)
