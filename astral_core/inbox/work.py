"""A unit of work: one session, and the durable rows that are to be committed with it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db import states
from astral_core.db.engine import Database, driver_of
from astral_core.db.session import Session
from astral_core.db.states import Kept, Saved, StateKey
from astral_core.errors import HandlerError
from astral_core.inbox import due
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.effect import OutgoingEffect, Paced
from astral_core.inbox.envelope import as_json
from astral_core.inbox.paced import want
from astral_core.inbox.rows import INTERNAL, InboxRow, InsertResult, NewRow
from astral_core.inbox.store import Store

KEY_WIDTH = 255
log = logging.getLogger("astral.inbox")


def internal_row(kind: str, key: str, lane: int, body: dict[str, Any], to: Address | None = None) -> NewRow:
    """A durable row of the bot's own making, unique by `kind` and `key`; `to` as in NewRow."""
    if len(key) > KEY_WIDTH:  # a cut key would be the key of another row, too
        key = key[: KEY_WIDTH - 65] + ":" + hashlib.sha256(key.encode()).hexdigest()
    return NewRow(source=f"{INTERNAL}:{kind}", ext_id=key, lane=lane, kind=kind, payload=as_json(body), to=to)


def check_lane(plugin: str, lane: int) -> None:
    """HandlerError if this is no lane's number."""
    if isinstance(lane, bool) or not isinstance(lane, int) or abs(lane) >= 2**63:
        raise HandlerError(f"plugin {plugin!r}: {lane!r} is no chat id. Fix: pass a number of 64 bits.")


class Mark(NamedTuple):
    """A point in a unit of work to which it may go back."""

    rows: int
    due: int
    saved: dict[StateKey, Saved]
    after_commit: int
    holds: bool


class UnitOfWork:
    """The database side of one handler: writes, deferred steps and events commit together or not at all.

    The session takes no connection before its first statement. `after_commit` callbacks are for memory only
    (caches, metrics): they run after a successful commit and are lost in a crash.
    """

    def __init__(self, database: Database, store: Store, plugin: str) -> None:
        self._database = database
        self._store = store
        self._session: Session | None = None
        self.plugin = plugin
        self.rows: list[NewRow] = []
        self.due: list[Due | Cancel] = []
        self.paced: list[Paced] = []  # what slots are to show: committed with `row`
        self.saved: dict[StateKey, Saved] = {}  # small state to be kept
        self.read: dict[StateKey, Kept | None] = {}  # small state as this unit knows it
        self.writers: list[Callable[[AsyncConnection], Awaitable[None]]] = []  # write more in the commit
        self.after_commit: list[Callable[[], None]] = []

    @property
    def session(self) -> Session:
        """The session, opened at first use."""
        if self._session is None:
            self._session = Session(self._database, self.plugin)
        return self._session

    @property
    def wrote(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.rows or self.due or self.saved or self.writers) or self.holds

    @property
    def holds(self) -> bool:
        """Whether it holds the database: its session has written, and what others write has to wait."""
        return self._session is not None and self._session.wrote

    def add_row(self, kind: str, key: str, lane: int, body: dict[str, Any], to: Address | None = None) -> None:
        """Add a durable internal row, unique by `kind` and `key`. HandlerError where `lane` is no chat's number.

        `to` is its address where that is more than the chat of its lane.
        """
        check_lane(self.plugin, lane)
        self.rows.append(internal_row(kind, key, lane, body, to))

    def add_due(self, change: Due | Cancel) -> None:
        """Arm or cancel work that waits for its time. HandlerError where its lane is no chat's number."""
        check_lane(self.plugin, change.lane)
        self.due.append(change)

    def mark(self) -> Mark:
        """What is recorded until now."""
        return Mark(len(self.rows), len(self.due), dict(self.saved), len(self.after_commit), self.holds)

    async def back_to(self, mark: Mark) -> bool:
        """Drop what was recorded and written after `mark`; False where that cannot be told from what was before."""
        if mark.holds:
            return False
        if self._session is not None:
            await self._session.rollback()
        del self.rows[mark.rows :], self.due[mark.due :], self.after_commit[mark.after_commit :]
        self.saved = dict(mark.saved)
        self.read.clear()
        return True

    async def release_reads(self) -> None:
        """Give the connection back where nothing was written: what follows takes long and needs none."""
        if self._session is not None and not self._session.wrote:
            await self._session.rollback()

    async def commit(
        self, row: InboxRow | None = None, epoch: int = 0, contents: Sequence[OutgoingEffect] = ()
    ) -> None:
        """Commit everything: the writes, the end of `row` and its messages; hand new rows out, run the callbacks.

        Raises Fenced where `row` is not this process's to end any more, DueCancelled where it was cancelled, and
        StateChanged where somebody else has changed small state that this unit has read and writes.
        """
        journal, stored = self._store.journal, InsertResult([])
        try:
            if self.rows or self.due or self.saved or self.writers or row is not None:
                connection = await self._begun()
                if row is not None:
                    over = due.over(row.due, self._store.shared.now()) if row.due is not None else None
                    await journal.finish(connection, row, epoch, contents, over)
                    if self.paced:
                        await want(connection, row, self.paced)
                await self._change_due(connection)
                for key in sorted(self.saved):  # in one order: two units must not wait for each other
                    await states.write(connection, key, self.saved[key])
                for write in self.writers:
                    await write(connection)
                if self.rows:
                    stored = await journal.insert(connection, self.rows)
            if self._session is not None:
                await self._session.commit_unit()
        except BaseException:
            self._store.uncertain(stored)
            raise
        self.rows.clear()
        self.saved.clear()
        self.read.clear()
        self.writers.clear()
        self._wake()
        self._store.accept(stored)
        self._call_back()

    async def _change_due(self, connection: AsyncConnection) -> None:
        """Arm and cancel in the order of the calls: after the end of the due row that this runs for."""
        ahead = self._store.clock.ahead()
        for change in self.due:
            if isinstance(change, Due):
                await due.arm(self._database, connection, change, ahead)
            else:
                await due.cancel(connection, change)

    def _wake(self) -> None:
        """Tell the timer of this process what was armed."""
        for change in self.due:
            if isinstance(change, Due):
                moment = self._store.shared.time()
                self._store.wakeup.within(change.after if change.at is None else change.at.timestamp() - moment)
        self.due.clear()

    async def _begun(self) -> AsyncConnection:
        """The session's connection in a transaction that may write."""
        if self.session.unflushed:
            await self.session.flush()
        connection = await self.session.connection()
        raw = driver_of(connection)
        begun = raw.is_in_transaction() if hasattr(raw, "is_in_transaction") else raw.in_transaction
        if not begun:  # nothing was written yet, or the handler itself ended the transaction that it had written in
            await connection.exec_driver_sql("SELECT 1")  # no compiled SELECT, and so a write for the engine
        return connection

    def _call_back(self) -> None:
        for callback in self.after_commit:
            try:
                callback()
            except Exception:  # the commit stands: its messages must go out, and nothing may run again
                log.exception("plugin %r: its after-commit callback failed", self.plugin)
        self.after_commit.clear()

    async def close(self) -> None:
        """Roll back what was not committed and close the session for good."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.commit()
        finally:
            await self.close()
