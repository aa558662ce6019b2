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
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database, may_pass
from astral_core.db.tables import now
from astral_core.declare import Handled
from astral_core.errors import DatabaseError, Fenced, HandlerFailed, Refuse, TelegramThrottled, TelegramUnavailable
from astral_core.inbox import outbox
from astral_core.inbox.effect import Content, Sender, Sent
from astral_core.inbox.lanes import Lane
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.store import InboxRow, Store, mark_attempt, mark_crashes, mark_dead, mark_done
from astral_core.inbox.work import Work
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import scope

log = logging.getLogger("astral.inbox")

ATTEMPTS = 2
CRASHES = 2
ALONE_DELAY = 0.1  # seconds
BUG_DELAY = 0.5
SHORT_LIFE, LONG_LIFE = 150.0, 900.0  # seconds: Telegram's own life of a callback; a message may wait longer
SHORT_LIVED = frozenset({"callback_query", "pre_checkout_query", "shipping_query", "inline_query"})


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


def is_infrastructure(error: BaseException) -> bool:
    """Whether `error` is our database, our connection to Telegram or our process pool, not a bug."""
    from concurrent.futures.process import BrokenProcessPool  # 20 ms that most processes never need

    from astral_core.cpu import CpuBusy, CpuTimeout  # the same

    if isinstance(error, DatabaseError):  # raised out of another error where that was not the database's condition
        return error.__cause__ is None or may_pass(error.__cause__)
    kinds = (TelegramUnavailable, TelegramThrottled, BrokenProcessPool, CpuBusy, CpuTimeout, ConnectionError)
    return isinstance(error, kinds) or may_pass(error)


def _failure(what: str, cause: BaseException) -> HandlerFailed:
    failure = HandlerFailed(what)
    failure.__cause__ = cause
    return failure


@dataclass
class Worker:
    """Does the next thing of a lane: sends messages, or runs the first row."""

    database: Database
    store: Store
    runner: Runner
    sender: Sender
    bot_id: int
    handler_timeout: float
    handled: Callable[[Handled], None] | None = None
    started: datetime = field(default_factory=now)
    _inherited: set[int] = field(default_factory=set)  # lanes whose first row is known
    _suspects: set[int] = field(default_factory=set)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """Take note of `rows` of an earlier process, in order: it may have died of the first one of a lane."""
        self.started = now()  # a row's life counts from here: while no process lived nobody could try
        for row in rows:
            if row.express or row.lane not in self._inherited:
                self._suspects.add(row.seq)
            if not row.express:
                self._inherited.add(row.lane)

    async def step(self, lane: Lane) -> float:
        """Do one thing; return the seconds to wait before the next."""
        scope.set(None)  # a log line of this row must not name the last one's plugin
        if lane.deliveries:
            return await self._deliver(lane, lane.deliveries[0])
        row = lane.rows[0]
        if self._suspects and row.seq in self._suspects:
            return await self._run_suspect(lane, row)
        return await self._run(lane, row)

    async def _run_suspect(self, lane: Lane, row: InboxRow) -> float:
        """Run a row that may have killed the process before: the mark is durable first, and is taken back after.

        All that ran when a process died are suspects, and run side by side once more. Those that ran when the next
        one died, too, run one at a time, so that only the guilty one's count goes on.
        """
        if row.crashes >= CRASHES:
            self._suspects.discard(row.seq)
            died = HandlerFailed(f"the process died {row.crashes} times while it handled this row")
            await self._bury(lane, row, Outcome(), died, time.perf_counter())
            return 0
        if row.crashes and self._alone.locked():
            return ALONE_DELAY  # no worker waits inside a lane
        async with self._alone if row.crashes else nullcontext():
            await self.store.write(lambda connection: connection.execute(mark_crashes(row.seq, row.crashes + 1)))
            try:
                return await self._run(lane, row)
            finally:
                if any(other.seq == row.seq for other in lane.rows[:1]):  # it runs again, or its messages go out
                    await self.store.write(lambda connection: connection.execute(mark_crashes(row.seq, 0)))

    async def _run(self, lane: Lane, row: InboxRow) -> float:
        outcome = Outcome()
        started = time.perf_counter()
        work = Work(self.database, self.store, "core")
        try:
            async with asyncio.timeout(self.handler_timeout):
                await self.runner.run(row, work, outcome)
            delivery = await self._commit(row, work, outcome)
        except Refuse as refusal:
            await work.close()
            contents = await self._words(self.runner.refusal(row, refusal.text), row)
            delivery = Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=False)
            self._tell(row, outcome, "refused", started)
        except Fenced:
            log.warning("row %d was ended by somebody else; its effects here are rolled back", row.seq)
            await work.close()
            left = await outbox.load_unsent(self.database, [row.seq])  # a commit of ours whose answer was lost
            self._ended(lane, row)
            lane.deliveries.extend(left)
            return 0
        except asyncio.CancelledError as error:
            await work.close()
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not we are cancelled: the handler awaited something that was. That is a failure of its own.
            failure = _failure("the handler awaited a cancelled task or future", error)
            return await self._failed(lane, row, outcome, failure, started)
        except SystemExit as error:  # a plugin's sys.exit() is its own failure, not the end of the bot
            await work.close()
            failure = _failure(f"the handler raised SystemExit({error.code!r})", error)
            return await self._failed(lane, row, outcome, failure, started)
        except Exception as error:  # noqa: BLE001  # a handler may raise anything; nothing of it is swallowed
            await work.close()
            return await self._failed(lane, row, outcome, error, started)
        else:
            self._tell(row, outcome, "ok", started)
        finally:
            await work.close()
        lane.failures = 0
        if delivery.recorded:
            self._ended(lane, row)
        lane.deliveries.append(delivery)
        return 0

    async def _commit(self, row: InboxRow, work: Work, outcome: Outcome) -> Delivery:
        contents = dict(enumerate(outcome.contents))
        if not work.wrote:
            return Delivery(row.seq, row.lane, contents, recorded=False)
        connection = await work.session.connection()
        await self._finish(connection, row)
        await outbox.record(connection, row.seq, row.lane, outcome.contents)
        await work.commit()
        return Delivery(row.seq, row.lane, contents, recorded=True)

    @staticmethod
    async def _finish(connection: AsyncConnection, row: InboxRow) -> None:
        result = await connection.execute(mark_done(row.seq))
        if result.rowcount != 1:
            raise Fenced(f"row {row.seq} is not pending")

    def _ended(self, lane: Lane, row: InboxRow) -> None:
        lane.rows.remove(row)
        self.store.pending -= 1

    async def _failed(self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float) -> float:
        """Retry what may pass, end what will not: with one apology, one traceback, one error id."""
        age = (now() - max(row.received_at, self.started)).total_seconds()
        life = SHORT_LIFE if row.kind in SHORT_LIVED else LONG_LIFE
        lane.failures += 1
        if is_infrastructure(error) and (age < life or lane.failures < ATTEMPTS):
            delay = float(getattr(error, "retry_after", min(0.25 * 2**lane.failures, 15.0)))
            log.warning("row %d: %s; tried again in %.1f s", row.seq, type(error).__name__, delay)
            self._tell(row, outcome, "retry", started)
            return delay
        attempts = row.attempts + 1
        if not is_infrastructure(error) and attempts < ATTEMPTS and not row.express:
            log.warning("row %d failed in plugin %r, route %r; one more try", row.seq, outcome.plugin, outcome.route)
            await self.store.write(lambda connection: connection.execute(mark_attempt(row.seq, attempts)))
            lane.rows[lane.rows.index(row)] = replace(row, attempts=attempts)
            self._tell(row, outcome, "retry", started)
            return BUG_DELAY
        await self._bury(lane, row, outcome, error, started)
        return 0

    async def _bury(self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float) -> None:
        error_id = new_error_id()
        where = f"plugin {outcome.plugin!r}, route {outcome.route!r}"
        log.error("error %s: row %d (%s) is dead: %s", error_id, row.seq, row.kind, where, exc_info=error)
        contents = await self._words(self.runner.apology(row, error_id), row)

        async def bury(connection: AsyncConnection) -> bool:
            dead = mark_dead(row.seq, error_id, f"{where}: {type(error).__name__}: {error}")
            if (await connection.execute(dead)).rowcount != 1:
                return False
            await outbox.record(connection, row.seq, row.lane, contents)
            return True

        buried = await self.store.write(bury)
        self._ended(lane, row)
        lane.failures = 0
        if not buried:
            log.warning("row %d was ended by somebody else; it is not buried", row.seq)
            return
        lane.deliveries.append(Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=True))
        self._tell(row, outcome, "dead", started, error_id)

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
        ms = (time.perf_counter() - started) * 1000
        age = (now() - row.received_at).total_seconds() * 1000
        if self.handled is None:
            return
        self.handled(
            Handled(
                plugin=outcome.plugin,
                route=outcome.route,
                kind=outcome.kind,
                outcome=result,
                ms=round(ms, 3),
                wait_ms=round(max(age - ms, 0.0), 3),
                at=time.time(),
                user_id=outcome.user_id,
                chat_id=row.lane,
                update_id=int(row.ext_id) if row.source.startswith("tg:") and row.ext_id.isdigit() else None,
                error_id=error_id,
            )
        )

    async def _deliver(self, lane: Lane, delivery: Delivery) -> float:
        """Send the next message of `delivery`; where all are through, end it."""
        n = delivery.next
        if n is not None:
            try:
                sent = await self.sender.send(delivery.contents[n], delivery.results)
            except TelegramThrottled as error:
                return error.retry_after
            except TelegramUnavailable as error:
                delivery.tries += 1
                if time.monotonic() - delivery.started < LONG_LIFE:
                    return min(0.25 * float(2**delivery.tries), 15.0)
                sent = Sent(refused=f"gave up: {error}")
            except Exception as error:
                if is_infrastructure(error):
                    raise
                log.exception("row %d: message %d could not be sent", delivery.seq, n)
                sent = Sent(refused=f"{type(error).__name__}: {error}")
            delivery.results[n] = sent
            delivery.unmarked.append(n)
        if delivery.recorded or delivery.next is None:
            await self._mark(delivery)
        if delivery.next is None:
            lane.deliveries.popleft()
            if not delivery.recorded and lane.rows and lane.rows[0].seq == delivery.seq:
                self._ended(lane, lane.rows[0])
        return 0

    async def _mark(self, delivery: Delivery) -> None:
        numbers = list(delivery.unmarked)
        error_id = new_error_id()
        refused = [n for n in numbers if delivery.results[n].refused]
        for n in refused:
            effect = delivery.contents[n].effect
            log.error(
                "error %s: %s of plugin %r was refused: %s",
                error_id, effect.method, effect.plugin, delivery.results[n].refused,
            )  # fmt: skip

        async def mark(connection: AsyncConnection) -> None:
            await outbox.remember(connection, self.bot_id, [delivery.results[n] for n in numbers])
            if delivery.recorded:
                await outbox.mark_sent(connection, delivery, numbers, error_id)
                return
            await outbox.record_dead(connection, delivery, refused, error_id)
            await connection.execute(mark_done(delivery.seq))

        await self.store.write(mark)
        delivery.unmarked.clear()
