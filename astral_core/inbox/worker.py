"""The worker: one unit of work a row, and what happens when it fails.

A handler that wrote commits its writes, its messages (outbox rows) and the done mark in one transaction. One that
wrote nothing needs no outbox: its inbox row is the record, and is marked done when its messages are sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.db.engine import Database
from astral_core.db.tables import now
from astral_core.declare import Handled
from astral_core.errors import (
    AstralError,
    Fenced,
    HandlerFailed,
    Parked,
    Refuse,
    TelegramThrottled,
)
from astral_core.inbox import notes
from astral_core.inbox.deliver import Deliverer
from astral_core.inbox.effect import Content
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.lanes import Lane
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.store import Store
from astral_core.inbox.work import Work
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import scope, told

log = logging.getLogger("astral.inbox")

ATTEMPTS = 2
CRASHES = 4
CALM = 2.0  # seconds that a process has to live, for each death, before it tries alone what may have killed others
ALONE_DELAY = 0.1  # seconds
STUMBLES = 3  # tries to note the end of a row before a note without any content ends it
BUG_DELAY = 0.5
EXPRESS_LIFE = 8.0  # seconds: Telegram drops a payment that is not answered within 10
SHORT_LIFE, LONG_LIFE = 150.0, 900.0  # seconds: Telegram's own life of a callback; a message may wait longer


@dataclass
class Outcome:
    """What a handler did: its messages, and for the log who it was."""

    plugin: str = "core"
    route: str = "?"
    kind: str = "?"
    contents: list[Content] = field(default_factory=list)
    user_id: int | None = None


class Runner(Protocol):
    """Runs a row's handler; written by the bot, so that the inbox knows nothing of Telegram's objects."""

    async def run(self, row: InboxRow, work: Work, outcome: Outcome) -> None:
        """Run the handler in `work`; fill `outcome` as it becomes known. Raises what the handler raised."""
        ...

    async def refusal(self, row: InboxRow, text: str) -> list[Content]:
        """The messages that tell the user of a refusal."""
        ...

    async def apology(self, row: InboxRow, error_id: str) -> list[Content]:
        """The messages that tell the user of a failure."""
        ...

    async def patience(self, row: InboxRow) -> list[Content]:
        """The messages that tell the user that the row is kept until its plugin is back."""
        ...


def _failure(what: str, cause: BaseException) -> HandlerFailed:
    failure = HandlerFailed(what)
    failure.__cause__ = cause
    return failure


@dataclass
class Worker:
    """Does the next thing of a lane: sends messages, or runs the first row.

    `handled` is told of every row, `fenced` of work that was rolled back because the row was another's by then.
    """

    database: Database
    store: Store
    runner: Runner
    deliverer: Deliverer
    handler_timeout: float
    handled: Callable[[Handled], None] | None = None
    fenced: Callable[[], None] | None = None
    started: datetime = field(default_factory=now)
    _born: float = field(default_factory=time.monotonic)
    _suspects: set[int] = field(default_factory=set)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.deliverer.forget = self._suspects.discard

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """Take note of the first rows of lanes whose process died, perhaps of one of them."""
        self._suspects.update(row.seq for row in rows)

    async def step(self, lane: Lane) -> float:
        """Do one thing; return the seconds to wait before the next."""
        scope.set(None)  # a log line of this row must not name the last one's plugin
        try:
            delay = await self._next(lane)
        except Exception as error:
            lane.stumbles += 1
            if is_infrastructure(error) or lane.stumbles < STUMBLES:
                raise
            await self._end_anyhow(lane, error)
            delay = 0
        lane.stumbles = 0
        return delay

    async def _end_anyhow(self, lane: Lane, error: Exception) -> None:
        """End the first row of a lane although what is to be noted of its end cannot be noted.

        Its note says nothing but that. Without it the row would stand at the head of its lane for ever, and its chat
        would never get another answer.
        """
        seq = lane.deliveries[0].seq if lane.deliveries else lane.rows[0].seq if lane.rows else None
        if seq is None:
            return
        error_id = new_error_id()
        log.error("error %s: row %d cannot be ended as it should be, and is dead", error_id, seq, exc_info=error)
        why = f"its end could not be noted: {type(error).__name__}"

        async def end(connection: AsyncConnection) -> None:
            changes = [notes.dead(seq, error_id, why), notes.dead_messages(seq, error_id, why)]
            if not self.database.is_sqlite:
                mine = notes.owned(lane.id, self.store.journal.replica, lane.epoch)
                changes = [change.where(mine) for change in changes]
            for change in changes:
                await connection.execute(change)

        await self.store.write(end)
        if lane.deliveries:
            lane.deliveries.popleft()
        self.deliverer.ended(lane, seq)
        lane.mistrust()

    async def _next(self, lane: Lane) -> float:
        if lane.deliveries:
            return await self.deliverer.deliver(lane)
        row = lane.rows[0]
        if self._suspects and row.seq in self._suspects:
            return await self._run_suspect(lane, row)
        return await self._run(lane, row)

    async def _run_suspect(self, lane: Lane, row: InboxRow) -> float:
        """Run a row that may have killed the process before: the mark is durable first, and is taken back after.

        All that ran when a process died are suspects, and run side by side once more. Those that ran when the next
        one died, too, run one at a time, so that only the guilty one's count goes on; and not before the process has
        lived for a while, so that processes that die of something else do not convict whom they happen to run.
        """
        if row.crashes >= CRASHES:
            self._suspects.discard(row.seq)
            died = HandlerFailed(f"the process died {row.crashes} times while it handled this row")
            await self._bury(lane, row, Outcome(), died, time.perf_counter())
            return 0
        if row.crashes and (self._alone.locked() or time.monotonic() - self._born < CALM * row.crashes):
            return ALONE_DELAY  # no worker waits inside a lane
        async with self._alone if row.crashes else nullcontext():
            await self.store.write(lambda connection: connection.execute(notes.crashes(row.seq, row.crashes + 1)))
            try:
                return await self._run(lane, row)
            finally:
                if any(other.seq == row.seq for other in lane.rows[:1]):  # it runs again, or its messages go out
                    await self.store.write(lambda connection: connection.execute(notes.crashes(row.seq, 0)))

    async def _run(self, lane: Lane, row: InboxRow) -> float:
        outcome = Outcome()
        started = time.perf_counter()
        work = Work(self.database, self.store, "core")
        if failpoint.armed:
            failpoint.hit("worker.before_run")
        try:
            async with asyncio.timeout(EXPRESS_LIFE if row.express else self.handler_timeout):
                await self.runner.run(row, work, outcome)
            delivery = await self._commit(lane, row, work, outcome)
        except Refuse as refusal:
            await work.close()
            contents = await self._words(self.runner.refusal(row, refusal.text), row)
            delivery = Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=False)
            self._tell(row, outcome, "refused", started)
        except Parked as parked:
            await work.close()
            await self._park(lane, row, outcome, parked, started)
            return 0
        except Fenced as fenced:
            log.warning("%s; its effects here are rolled back", fenced)
            self.deliverer.ended(lane, row.seq)
            lane.mistrust()  # it may be a commit of ours whose answer was lost: then its messages are unsent
            if self.fenced:
                self.fenced()
            return 0
        except asyncio.CancelledError as error:
            await work.close()
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not we are cancelled: the handler awaited something that was. That is a failure of its own.
            failure = _failure("the handler awaited a cancelled task or future", error)
            return await self._failed(lane, row, outcome, failure, started)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001  # a handler may raise anything; nothing of it is swallowed
            await work.close()
            return await self._failed(lane, row, outcome, error, started)
        except BaseException as error:  # noqa: BLE001  # sys.exit(), a panic of an extension: a plugin's own failure
            await work.close()
            failure = _failure(f"the handler raised {error!r}", error)
            return await self._failed(lane, row, outcome, failure, started)
        else:
            self._tell(row, outcome, "ok", started)
        finally:
            await work.close()
        self._handed_over(lane, row, delivery)
        return 0

    def _handed_over(self, lane: Lane, row: InboxRow, delivery: Delivery) -> None:
        lane.failures = 0
        delivery.doubtful = row.seq in self._suspects and not delivery.recorded
        if delivery.recorded:
            self.deliverer.ended(lane, row.seq)
        if delivery.contents or not delivery.recorded:  # else all is said and done
            lane.deliveries.append(delivery)

    async def _commit(self, lane: Lane, row: InboxRow, work: Work, outcome: Outcome) -> Delivery:
        if failpoint.armed:
            failpoint.hit("worker.before_commit")
        contents = outcome.contents
        recorded = work.wrote or any(content.effect.on_doubt == "drop" for content in contents)
        if recorded:
            await work.commit(row, lane.epoch, contents)
            if failpoint.armed:
                self._lose_the_answer()
                failpoint.hit("worker.committed")
        return Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=recorded)

    @staticmethod
    def _lose_the_answer() -> None:
        """The failpoint's failure looks like that of a connection that broke after the commit."""
        try:
            failpoint.hit("worker.commit_lost")
        except AstralError as error:
            raise ConnectionError("the connection broke after the commit") from error

    async def _failed(self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float) -> float:
        """Retry what may pass, end what will not: with one apology, one traceback, one error id."""
        age = (now() - max(row.received_at, self.started)).total_seconds()
        lane.failures += 1
        if is_infrastructure(error) and (age < _life(row) or lane.failures < ATTEMPTS):
            delay = min(0.25 * 2.0 ** min(lane.failures, 6), 15.0)
            if isinstance(error, TelegramThrottled):
                delay = error.retry_after
            log.warning("row %d: %s; tried again in %.1f s", row.seq, type(error).__name__, delay)
            self._tell(row, outcome, "retry", started)
            return delay
        attempts = row.attempts + 1
        if not is_infrastructure(error) and attempts < ATTEMPTS and not row.express:
            log.warning("row %d failed in plugin %r, route %r; one more try", row.seq, outcome.plugin, outcome.route)
            await self.store.write(lambda connection: connection.execute(notes.attempt(row.seq, attempts)))
            if row in lane.rows:
                lane.rows[lane.rows.index(row)] = msgspec.structs.replace(row, attempts=attempts)
            self._tell(row, outcome, "retry", started)
            return BUG_DELAY
        await self._bury(lane, row, outcome, error, started)
        return 0

    async def _bury(self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float) -> None:
        error_id = new_error_id()
        where = f"plugin {outcome.plugin!r}, route {outcome.route!r}"
        log.error("error %s: row %d (%s) is dead: %s", error_id, row.seq, row.kind, where, exc_info=error)
        contents = await self._words(self.runner.apology(row, error_id), row)
        dead = notes.dead(row.seq, error_id, f"{where}: {told(error)}")
        if await self._take_out(lane, row, dead, contents):
            self._tell(row, outcome, "dead", started, error_id)

    async def _park(self, lane: Lane, row: InboxRow, outcome: Outcome, parked: Parked, started: float) -> None:
        log.warning("row %d (%s) waits until plugin %r is back", row.seq, row.kind, parked.plugin)
        told = row.attempts == notes.REPLAYED
        contents = [] if told else await self._words(self.runner.patience(row), row)
        if await self._take_out(lane, row, notes.parked(row.seq, parked.plugin), contents):
            outcome.plugin = parked.plugin
            self._tell(row, outcome, "parked", started)

    async def _take_out(self, lane: Lane, row: InboxRow, change: Any, contents: list[Content]) -> bool:
        """Take a row out of its lane by `change`, and say `contents`; False where it is not ours any more."""

        async def take_out(connection: AsyncConnection) -> bool:
            mine = change
            if not self.database.is_sqlite:
                mine = change.where(notes.owned(row.lane, self.store.journal.replica, lane.epoch))
            if (await connection.execute(mine)).rowcount != 1:
                return False
            if contents:
                await self.store.journal.record(connection, row.seq, row.lane, contents)
            return True

        taken = bool(await self.store.write(take_out))
        self.deliverer.ended(lane, row.seq)
        lane.failures = 0
        if not taken:
            log.warning("row %d was ended by somebody else, or is another replica's", row.seq)
            lane.mistrust()
        elif contents:
            lane.deliveries.append(Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=True))
        return taken

    @staticmethod
    async def _words(words: Awaitable[list[Content]], row: InboxRow) -> list[Content]:
        """What to tell the user; nothing where a bug prevents it, because the lane must go on."""
        try:
            return await words
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("row %d: the user could not be told what happened", row.seq)
            return []

    def _tell(
        self, row: InboxRow, outcome: Outcome, result: str, started: float, error_id: str | None = None
    ) -> None:
        if self.handled is None:
            return
        ms = (time.perf_counter() - started) * 1000
        age = (now() - row.received_at).total_seconds() * 1000
        self.handled(
            Handled(
                plugin=outcome.plugin, route=outcome.route, kind=outcome.kind, outcome=result, ms=round(ms, 3),
                wait_ms=round(max(age - ms, 0.0), 3), at=time.time(), user_id=outcome.user_id, chat_id=row.chat,
                update_id=int(row.ext_id) if row.source.startswith("tg:") and row.ext_id.isdigit() else None,
                error_id=error_id,
            )
        )  # fmt: skip


def _life(row: InboxRow) -> float:
    """For how many seconds a row is worth trying."""
    if row.express:
        return EXPRESS_LIFE
    return SHORT_LIFE if row.kind == "callback_query" else LONG_LIFE
