"""Handing an update, or a job, to the handlers of a bot of python-telegram-bot, as its own `process_update` does.

What is different: the data is loaded before and written in the commit; an update that no handler took goes on to the
other plugins; an error that no error handler takes leaves, so that the core tells the person and the owner.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from telegram.ext import ApplicationHandlerStop, ConversationHandler, TypeHandler
from telegram.ext import Job as LibraryJob
from telegram.ext._handlers.conversationhandler import _ConversationTimeoutContext  # what the library's timeout reads

from astral_core.bot.speaking import scope_of
from astral_core.bot.update import LazyUpdate, is_readable
from astral_core.errors import HandlerError, NotKept, Parked, Refuse, Skip
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.work import UnitOfWork
from astral_core.ptb.arriving import bring
from astral_core.ptb.codec import decode, encode
from astral_core.ptb.row import Row, row_of
from astral_core.ptb.timeouts import KeptTimeout, moved_to

if TYPE_CHECKING:
    from astral_core.bot.context import Context
    from astral_core.ptb.application import PtbApplication

log = logging.getLogger("astral.ptb")
_PASSED_ON = (Refuse, Parked)


async def handle(application: PtbApplication, ctx: Context) -> None:
    """Ask the handlers of all groups. Raises Skip where none of them took the update."""
    scope = scope_of(ctx)
    number = scope.peek.update_id if scope.peek is not None else 0
    update = LazyUpdate(scope.row.payload, application.bot, number)
    if not is_readable(update) or not _has_ids(update):
        raise Skip
    async with _row_for(application, scope.unit, scope, update) as row:
        if application.conversations:
            await row.load()  # the library asks for their states when it looks for a handler
        taken = await _ask(application, update, row)
    if not taken:
        raise Skip


def _has_ids(update: LazyUpdate) -> bool:
    """Whether person and chat have numbers, if there are any: the library takes whatever stands in their place."""
    ids = [one.id for one in (update.effective_user, update.effective_chat) if one is not None]
    return all(type(number) is int and abs(number) < 2**63 for number in ids)


def _row_for(application: PtbApplication, unit: UnitOfWork, scope: Any, update: LazyUpdate) -> Any:
    """The row of an update: with the data of its person and its chat, as the library names them."""
    chat, user = update.effective_chat, update.effective_user
    keys = ((one, one.key(update)) for one in application.conversations)
    more = tuple(one.slice(key) for one, key in keys if key is not None)
    return row_of(
        application, unit, scope, chat=chat.id if chat else None, user=user.id if user else None, more=more
    )  # fmt: skip


async def _ask(application: PtbApplication, update: LazyUpdate, row: Row) -> bool:
    """In each group the first handler that wants the update; returns whether there was one.

    A TypeHandler does not count, as long as it only watches: it is asked about every update.
    """
    asked = _Asked(application, update, row)
    for handlers in list(application.handlers.values()):
        try:
            await asked.group(list(handlers))
        except ApplicationHandlerStop:
            return True
    return asked.taken or row.has_spoken


@dataclass
class _Asked:
    """An update on its way through the groups, which share the context that the library makes of it."""

    application: PtbApplication
    update: LazyUpdate
    row: Row
    taken: bool = False
    _context: Any = None

    async def group(self, handlers: Sequence[Any]) -> None:
        """Let the first handler that wants the update have it; the next one if it raises Skip."""
        for handler in handlers:
            try:
                check = handler.check_update(self.update)
            except Exception as error:  # noqa: BLE001  # a filter of the author's: it is told as any other error
                await self._run(handler, None, error)
                return
            if check is None or check is False:
                continue
            try:
                await self._run(handler, check)
            except Skip:
                continue
            return

    async def _run(self, handler: Any, check: Any, error: Exception | None = None) -> None:
        async with _attempt(self.application, self.row, self.update, named(handler, check)):
            if error is not None:
                raise error
            await self.row.load()
            if self._context is None:
                self._context = self.application.context_types.context.from_update(self.update, self.application)
                await self._context.refresh_data()
            await handler.handle_update(self.update, self.application, check, self._context)
        self.taken = self.taken or not isinstance(handler, TypeHandler)


@asynccontextmanager
async def _attempt(
    application: PtbApplication, row: Row, update: LazyUpdate | None, name: str, job: Any = None
) -> AsyncIterator[None]:
    """Run one handler or job. Its error goes to the error handlers; what it had changed until then is dropped.

    Raises ApplicationHandlerStop where no handler of a later group shall get the update.
    """
    if row.scope is not None:
        row.scope.route = name
    mark = row.mark()
    try:
        yield
        row.data.settle()
    except ApplicationHandlerStop:
        row.data.settle()
        raise
    except Skip:
        if not await row.back_to(mark):
            who = f"plugin {application.plugin!r}, {name!r}"
            raise HandlerError(f"{who}: raises Skip after it has written.") from None
        raise
    except Exception as error:
        if not application.error_handlers or isinstance(error, _PASSED_ON) or is_infrastructure(error):
            raise
        if not await row.back_to(mark):
            raise
        if await _tell(application, row, update, error, job):
            raise ApplicationHandlerStop from None


async def _tell(application: PtbApplication, row: Row, update: LazyUpdate | None, error: Exception, job: Any) -> bool:
    """Give an error to the error handlers; True where one of them stops what follows.

    One that fails itself is logged, as in the library, and what it had changed is dropped.
    """
    route = row.scope.route if row.scope is not None else "post_init"
    log.error("plugin %r, route %r: the bot's error handlers get this", application.plugin, route, exc_info=error)
    for callback in list(application.error_handlers):
        mark, make = row.mark(), application.context_types.context.from_error
        try:
            await callback(update, make(update=update, error=error, application=application, job=job))
            row.data.settle()
        except ApplicationHandlerStop:
            row.data.settle()
            return True
        except Exception as failure:
            if isinstance(failure, _PASSED_ON) or is_infrastructure(failure) or not await row.back_to(mark):
                raise
            log.exception("plugin %r: the error handler %s failed itself", application.plugin, _name(callback))
    return False


def _name(callback: Any) -> str:
    return getattr(callback, "__name__", None) or type(callback).__name__


def named(handler: Any, check: Any = None) -> str:
    """What logs call a handler; of a conversation, the handler inside that its `check` has found."""
    while isinstance(handler, ConversationHandler) and isinstance(check, tuple):
        _, _, handler, check = check
    callback = getattr(handler, "callback", None)
    return getattr(callback, "__name__", None) or getattr(handler, "name", None) or type(handler).__name__


# --- jobs


async def run_job(application: PtbApplication, ctx: Context, body: dict[str, Any]) -> None:
    """Run a job, or end a conversation whose time is over. HandlerError where its function is gone."""
    scope, queue = scope_of(ctx), application.durable_queue
    if queue is None:
        raise HandlerError('a job needs APScheduler. Fix: pip install "astral-core[job-queue]".')
    if "timeout" in body:
        await _time_out(application, ctx, msgspec.convert(body["timeout"], KeptTimeout))
        return
    kept = body["job"]
    chat = scope.row.lane if kept["here"] else kept["chat_id"]
    async with row_of(application, scope.unit, scope, chat=chat, user=kept["user_id"]) as row:
        await row.load()
        job = queue.restored(body, row)
        try:
            async with _attempt(application, row, None, kept["name"], job):
                context = application.context_types.context.from_job(job, application)
                await context.refresh_data()
                await job.callback(context)
                if scope.row.due is not None and scope.row.due.schedule is not None:
                    queue.keep_data(row, body, job)
        except ApplicationHandlerStop:
            return


async def _time_out(application: PtbApplication, ctx: Context, kept: KeptTimeout) -> None:
    """Let the library end a conversation: it runs the handlers of the state TIMEOUT."""
    scope = scope_of(ctx)
    found = next((one for one in application.conversations if one.name == kept.conversation), None)
    if found is None:
        raise HandlerError(f"the conversation {kept.conversation!r} is not there any more.")
    place = min(0, scope.row.chat)
    update = LazyUpdate(moved_to(kept.update, place) if place else kept.update, application.bot, 0)
    chat, user = update.effective_chat, update.effective_user
    place = place or (chat.id if chat is not None else 0)
    key = found.whole(place, decode(base64.b64decode(kept.rest)))
    async with row_of(
        application, scope.unit, scope, chat=place or None, user=user.id if user else None, more=(found.slice(key),)
    ) as row:
        await row.load()
        if row.data.state(found.slice(key)) is None:
            return  # it has ended meanwhile
        types: Any = application.context_types.context
        last = types.from_update(update, application)
        data = _ConversationTimeoutContext(key, update, application, last)
        row.timeout = LibraryJob(found.handler._trigger_timeout, data)  # noqa: SLF001  # what the library's own job runs
        try:
            async with _attempt(application, row, update, found.name, row.timeout):
                await found.handler._trigger_timeout(types.from_job(row.timeout, application))  # noqa: SLF001
        except ApplicationHandlerStop:
            return


# --- start and end


async def open_bot(application: PtbApplication) -> None:
    """Run `post_init` and arm the jobs that it and `setup` have made. AstralError where something cannot be kept."""
    services, queue = application.runs_with.services, application.durable_queue
    if application.before is not None:
        async with UnitOfWork(services.database, services.store, application.plugin) as unit:
            await bring(application, unit, application.before)
    async with UnitOfWork(services.database, services.store, application.plugin) as unit:
        async with row_of(application, unit) as row:
            await row.load()
            if application.post_init is not None:
                await application.post_init(application)
            _keep_objects(application, row)
            row.data.settle()
        if queue is not None:
            await queue.arm_standing(unit)


def _keep_objects(application: PtbApplication, row: Row) -> None:
    """What `post_init` put into `bot_data` and is of this process, such as a pool, is there at each start."""
    for key, value in row.data.bot.items():
        try:
            encode(value)
        except NotKept:
            application.constants[key] = value


async def close_bot(application: PtbApplication) -> None:
    """Run `post_shutdown`."""
    services = application.runs_with.services

    if application.post_shutdown is None:
        return
    async with (
        UnitOfWork(services.database, services.store, application.plugin) as unit,
        row_of(application, unit) as row,
    ):
        await row.load()
        await application.post_shutdown(application)
        row.data.settle()
