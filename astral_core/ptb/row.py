"""One row while a bot of python-telegram-bot handles it: its data, its jobs and its unit of work."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from astral_core.bot.scope import HandlerScope
from astral_core.errors import HandlerError
from astral_core.inbox.work import Mark, UnitOfWork
from astral_core.ptb.data import RowData
from astral_core.ptb.store import BOT, CHAT, USER, Slice, write


class Home(Protocol):
    """The Application, as far as a row needs it."""

    plugin: str
    bot: Any
    constants: dict[Any, Any]

    @property
    def runs_with(self) -> Any:
        """What it runs with."""

    @property
    def durable_queue(self) -> Any:
        """The job queue, or None."""


@dataclass
class Row:
    """What `application.user_data`, conversations and the job queue look into. `scope` is that of an inbox row.

    `post_init` and the like have a unit of work, too, and no scope. `extra` are the conversations of the update.
    """

    application: Home
    unit: UnitOfWork
    scope: HandlerScope | None
    data: RowData
    wanted: list[Slice]
    is_loaded: bool = False
    jobs: dict[tuple[int, str], Any] = field(default_factory=dict)  # of this chat, as the unit sees them
    timeout: Any = None  # the job of a conversation's timeout that runs
    is_over: bool = False  # the handlers are done: what is changed now would be lost

    async def load(self) -> None:
        """Read the data and the jobs, once."""
        if self.is_loaded:
            return
        self.is_loaded = True
        await self.load_more(self.wanted)
        queue = self.application.durable_queue
        if queue is not None:
            self.jobs |= await queue.load(self)

    async def load_more(self, slices: list[Slice]) -> None:
        """Read more data."""
        self.data.take(slices, await self.application.runs_with.look.find(slices))

    @property
    def has_spoken(self) -> bool:
        """Whether something was recorded, written or armed with the core's own verbs, or a job was made."""
        unit, scope = self.unit, self.scope
        said = scope is not None and (scope.effects.contents or scope.effects.paced or scope.called or scope.asked)
        return bool(said or unit.rows or unit.due or unit.saved or unit.holds)

    def mark(self) -> tuple[Mark, Any, dict[tuple[int, str], Any]]:
        """A point to which `back_to` goes."""
        return self.unit.mark(), self.scope.effects.mark() if self.scope is not None else None, dict(self.jobs)

    async def back_to(self, mark: tuple[Mark, Any, dict[tuple[int, str], Any]]) -> bool:
        """Drop what a handler that failed has done; False where it has written after another one had."""
        unit, effects, jobs = mark
        if not await self.unit.back_to(unit):
            return False
        if self.scope is not None:
            self.scope.effects.back_to(effects)
        self.jobs = jobs
        self.data.restore()
        return True

    def keep(self) -> None:
        """All handlers are done: their changes are written in the commit."""
        changes = self.data.changes()
        if changes:
            self.unit.writers.append(partial(write, changes=changes, bot=self.application.bot))


@asynccontextmanager
async def row_of(
    application: Home, unit: UnitOfWork, scope: HandlerScope | None = None, *, chat: int | None = None,
    user: int | None = None, more: tuple[Slice, ...] = (),
) -> AsyncIterator[Row]:  # fmt: skip
    """Make the row whose data is that of a chat and a person; what was changed inside is kept at the end."""
    data = RowData(application.plugin, application.bot, application.constants)
    wanted = [data.slice(BOT), *more]
    if user is not None:
        wanted.append(data.slice(USER, user=user))
    if chat is not None:
        wanted.append(data.slice(CHAT, chat=chat))
    row = Row(application, unit, scope, data, wanted)
    token = current.set(row)
    try:
        yield row
        row.keep()
    finally:
        current.reset(token)
        row.is_over = True


current: contextvars.ContextVar[Row | None] = contextvars.ContextVar("astral_ptb", default=None)


def open_row(what: str) -> Row | None:
    """The row that is handled; None outside of one. HandlerError in a task that has outlived its handler."""
    found = current.get()
    if found is not None and found.is_over:
        raise HandlerError(
            f"plugin {found.application.plugin!r}: the handler is done, and what a task of its changes in {what} now "
            "would be lost. Fix: await the task, or context.job_queue.run_once(callback, 0, data=...)."
        )
    return found


def here(what: str) -> Row:
    """The row that is handled. HandlerError outside of one."""
    found = open_row(what)
    if found is None:
        raise HandlerError(
            f"{what} is there while a handler, a job or post_init runs, and not outside of them. "
            "Fix: use it there; in setup(application) bot_data can be filled, and jobs can be made."
        )
    return found
