"""The worker: one unit of work a row, and what happens when it fails.

A handler that wrote commits its writes, its messages (outbox rows) and the done mark in one transaction. One that
wrote nothing needs no outbox: its inbox row is the record, and is marked done when its messages are sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.backoff import backoff
from astral_core.db.engine import Database
from astral_core.errors import (
    AstralError,
    Crowded,
    DatabaseError,
    DueCancelled,
    Fenced,
    HandlerFailed,
    Parked,
    Refuse,
)
from astral_core.inbox import due, elsewhere, migrate, row_updates, suspects
from astral_core.inbox.crowd import Crowd
from astral_core.inbox.deliver import Deliverer
from astral_core.inbox.due import Finder
from astral_core.inbox.effect import SlotKey
from astral_core.inbox.ending import Ending
from astral_core.inbox.failure import is_infrastructure, retry_after
from astral_core.inbox.inflight import InFlight
from astral_core.inbox.lane import Lane
from astral_core.inbox.observer import Observer
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.pacer import Pacer
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.runner import Outcome, Runner
from astral_core.inbox.stage import ALONE_DELAY, Stage
from astral_core.inbox.store import Store
from astral_core.inbox.suspects import Verdict
from astral_core.inbox.waits import Waits
from astral_core.inbox.work import UnitOfWork
from astral_core.observe.logs import scope

log = logging.getLogger("astral.inbox")

ATTEMPTS = 2
_RUNS = (Verdict.RUN, Verdict.APART, Verdict.LAST)
STUMBLES = 3  # tries to note the end of a row before a note without any content ends it
BUG_DELAY, MOST_DELAY = 0.5, 86_400.0
# Seconds of trying: Telegram's own life of a callback; a message may wait longer.
SHORT_LIFE, LONG_LIFE = 150.0, 900.0


def _failure(what: str, cause: BaseException) -> HandlerFailed:
    failure = HandlerFailed(what)
    failure.__cause__ = cause
    return failure


@dataclass(repr=False)
class Worker:
    """Does the next thing of a lane: sends messages, or runs the first row.

    `process` is this process's name among the replicas; `handler_timeout` and `suspect_delay` are in seconds.
    """

    database: Database
    store: Store
    runner: Runner
    deliverer: Deliverer
    pacer: Pacer
    ending: Ending
    finder: Finder
    inflight: InFlight
    crowd: Crowd
    observer: Observer
    handler_timeout: float
    process: str
    suspect_delay: float
    _stage: Stage = field(default_factory=Stage)
    _waits: Waits = field(init=False)

    def __post_init__(self) -> None:
        self._waits = Waits(has_one_writer=self.database.is_sqlite)

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """Take note of the first rows of lanes whose process died, perhaps of one of them."""
        self.inflight.suspect(rows)

    def pace(self, lane: int, keys: Sequence[SlotKey]) -> None:
        """Show what these slots of a lane are to show, each in its time."""
        self.pacer.want(lane, keys)

    def paces(self, lane: int) -> bool:
        """Whether a lane has slots that are to show something."""
        return self.pacer.holds(lane)

    def watch(self, row: InboxRow) -> None:
        """Count the time in which an express row has to be answered."""
        self.inflight.deadlines.watch(row)

    def waits(self, task: asyncio.Task[None], *, known: bool) -> tuple[str, str] | None:
        """Whose handler waits in `task` for something slow, and where; None if it does not, or it is `known`."""
        return self._waits.of(task, known=known)

    async def keep(self, lane: Lane) -> None:
        """Write down what is half-sent in `lane`: the bot stops."""
        await self.deliverer.keep(lane)

    async def step(self, lane: Lane) -> float:
        """Do one thing; return the seconds to wait before the next."""
        scope.set(None)  # a log line of this row must not name the last one's plugin
        try:
            delay = await self._next(lane)
        except Exception as error:
            lane.stumbles += 1
            if is_infrastructure(error) or lane.stumbles < STUMBLES:
                raise
            await self.ending.anyhow(lane, error)
            delay = 0
        lane.stumbles = 0
        return delay

    async def _next(self, lane: Lane) -> float:
        if lane.deliveries:
            return await self.deliverer.deliver(lane)
        row = lane.rows[0]
        if row.source == due.SOURCE:
            found = await self.finder.find(row)
            if found is None:
                await self.ending.cancelled(lane, row)
                return 0
            row = found
        if self.inflight.is_suspect(row):
            return await self._run_suspect(lane, row)
        return await self._run(lane, row)

    async def _run_suspect(self, lane: Lane, row: InboxRow) -> float:
        """Run a row that may have killed the process before, or put it off: `inbox/suspects.py` says which, and why.

        One at a time: others may begin when it has lived for a moment, but while one is tried a last time none does.
        """
        ticket = self._stage.enter()
        if ticket is None:
            return self._stage.wait(lane)
        try:
            verdict, void = await self._judge(row)
            if verdict is Verdict.SOON or (verdict is Verdict.LAST and self._stage.running):
                return ALONE_DELAY
            if verdict not in _RUNS:
                await self.ending.put_away(lane, row, verdict, [suspects.void(row.seq)] if void else [])
                return 0
            if verdict is not Verdict.LAST:
                self._stage.leave_soon(ticket, hurry=verdict is Verdict.RUN)
            return await self._try_suspect(lane, row)
        finally:
            self._stage.leave(ticket)

    async def _judge(self, row: InboxRow) -> suspects.Judgement:
        money = self.runner.is_about_money(row)

        async def decide(connection: AsyncConnection) -> suspects.Judgement:
            case = await suspects.look(self.database, connection, row.seq, self.suspect_delay)
            found = suspects.judge(case, express=row.express, money=money)
            if found.verdict in _RUNS and not (found.verdict is Verdict.LAST and self._stage.running):
                if found.void:
                    await connection.execute(suspects.void(row.seq))
                await suspects.begin(self.database, connection, row.seq, self.process, waited=case.waited)
            return found

        made: suspects.Judgement = await self.store.write(decide)
        return made

    async def _try_suspect(self, lane: Lane, row: InboxRow) -> float:
        self._stage.running += 1
        try:
            return await self._run(lane, row)
        finally:
            self._stage.running -= 1
            try:
                await self.store.write(lambda connection: connection.execute(suspects.ended(row.seq, self.process)))
            except DatabaseError as error:  # while this process lives, the note that stays says nothing
                log.warning("row %d: that its run ended could not be noted: %s", row.seq, error)

    async def _run(self, lane: Lane, row: InboxRow) -> float:
        outcome = Outcome()
        started = time.perf_counter()
        work = UnitOfWork(self.database, self.store, "core")
        if failpoint.armed:
            failpoint.hit("worker.before_run")
        try:
            limit = self.inflight.deadlines.left(row) if row.express else self.handler_timeout
            async with asyncio.timeout(limit) as timeout:
                outcome.limit = timeout
                with self._waits.handling(work, outcome):
                    await self._handle(row, work, outcome)
            delivery = await self._commit(lane, row, work, outcome)
        except Refuse as refusal:
            await work.close()
            contents = await self.ending.words(self.runner.refusal(row, refusal.text), row)
            delivery = Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=False, due=row.due)
            self.ending.tell(row, outcome, "refused", started)
        except (Parked, Crowded) as later:
            await work.close()
            return await self._put_off(lane, row, outcome, later, started)
        except (DueCancelled, Fenced) as lost:
            await work.close()
            return await self._lost(lane, row, lost)
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
            return await self._failed(lane, row, outcome, outcome.cut_off or error, started)
        except BaseException as error:  # noqa: BLE001  # sys.exit(), a panic of an extension: a plugin's own failure
            await work.close()
            failure = _failure(f"the handler raised {error!r}", error)
            return await self._failed(lane, row, outcome, failure, started)
        else:
            self.ending.tell(row, outcome, "ok", started)
        finally:
            await work.close()
            if outcome.moved:
                lane.invalidate()
        self._handed_over(lane, row, delivery)
        self._pace(lane, outcome)
        return 0

    async def _put_off(
        self, lane: Lane, row: InboxRow, outcome: Outcome, why: Parked | Crowded, started: float
    ) -> float:
        """Let a row wait whose handler has not begun: outside of its lane until its plugin is back, or in it."""
        if isinstance(why, Crowded):
            return self.crowd.wait(lane, why.plugin)
        await self.ending.park(lane, row, outcome, why, started)
        return 0

    async def _lost(self, lane: Lane, row: InboxRow, error: DueCancelled | Fenced) -> float:
        """Go on after a unit of work that was rolled back: its row was cancelled, or somebody else ended it."""
        if isinstance(error, DueCancelled):
            await self.ending.cancelled(lane, row)
            return 0
        log.warning("%s; its effects here are rolled back", error)
        self.inflight.complete(lane, row.seq)
        lane.invalidate()  # it may be a commit of ours whose answer was lost: then its messages are unsent
        self.observer.fenced()
        return 0

    def _handed_over(self, lane: Lane, row: InboxRow, delivery: Delivery) -> None:
        lane.failures = 0
        self.inflight.deadlines.forget(row.seq)
        delivery.doubtful = self.inflight.is_suspect(row) and not delivery.recorded
        if delivery.recorded:
            self.inflight.complete(lane, row.seq)
        if delivery.contents or not delivery.recorded:  # else all is said and done
            lane.deliveries.append(delivery)

    def _pace(self, lane: Lane, outcome: Outcome) -> None:
        """Show what slots are to show, once the messages of the same handler are on their way."""
        if outcome.paced:
            self.pacer.want(lane.id, [one.key for one in outcome.paced])

    async def _handle(self, row: InboxRow, work: UnitOfWork, outcome: Outcome) -> None:
        """Run the handler of `row`; one that holds messages for its chat has none."""
        if not elsewhere.is_one(row):
            await self.runner.run(row, work, outcome)
            return
        outcome.contents = elsewhere.read(row)
        outcome.plugin, outcome.route = outcome.contents[0].effect.plugin, elsewhere.KIND
        outcome.kind = elsewhere.KIND
        moved = await migrate.moved_to(self.database, row.lane)
        if moved is not None:  # then `split` finds another lane for them
            outcome.contents = elsewhere.redirected(outcome.contents, moved)

    async def _commit(self, lane: Lane, row: InboxRow, work: UnitOfWork, outcome: Outcome) -> Delivery:
        if failpoint.armed:
            failpoint.hit("worker.before_commit")
        contents, others = elsewhere.split(outcome.contents, row)
        work.rows += others
        work.paced += outcome.paced
        once = any(content.effect.on_doubt == "drop" for content in contents)
        # Messages for this chat that others sent go through the outbox, so that each one is noted when it is out.
        recorded = work.wrote or once or elsewhere.is_one(row) or bool(outcome.paced)
        if not recorded and contents and row.due is not None and await self.finder.find(row) is None:
            raise DueCancelled(f"row {row.seq} was cancelled or replaced while it ran")
        if recorded:
            await work.commit(row, lane.epoch, contents)
            if failpoint.armed:
                self._lose_the_answer()
                failpoint.hit("worker.committed")
        due_then = row.due if not recorded else None
        return Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=recorded, due=due_then)

    @staticmethod
    def _lose_the_answer() -> None:
        """The failpoint's failure looks like that of a connection that broke after the commit."""
        try:
            failpoint.hit("worker.commit_lost")
        except AstralError as error:
            raise ConnectionError("the connection broke after the commit") from error

    async def _failed(self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float) -> float:
        """Retry what may pass, end what will not: with one apology, one traceback, one error id."""
        lane.failures += 1
        if lane.failures == 1:
            lane.failing = time.monotonic()
        tried = self._tried(lane, row, started)
        failures = due.tries(row) + 1 if row.internal else lane.failures
        delay = retry_after(error) or backoff(failures)
        if is_infrastructure(error) and self._is_young(row, tried, failures, delay):
            log.warning("row %d: %s; tried again in %.1f s", row.seq, type(error).__name__, delay)
            self.ending.tell(row, outcome, "retry", started)
            if row.internal:
                return await self.ending.try_again(lane, row, row.attempts, delay, tried)
            return delay
        attempts, most = row.attempts + 1, outcome.tries or ATTEMPTS
        is_bug = not is_infrastructure(error) or (row.internal and outcome.tries is not None)  # or it took too long
        if is_bug and attempts < most and not row.express:
            log.warning("row %d failed in plugin %r, route %r; one more try", row.seq, outcome.plugin, outcome.route)
            self.ending.tell(row, outcome, "retry", started)
            if row.internal:
                pause = BUG_DELAY if outcome.backoff is None else outcome.backoff
                delay = min(pause * 2 ** (attempts - 1), MOST_DELAY)
                return await self.ending.try_again(lane, row, attempts, delay, tried)
            await self.store.write(lambda connection: connection.execute(row_updates.attempt(row.seq, attempts)))
            if row in lane.rows:
                lane.rows[lane.rows.index(row)] = msgspec.structs.replace(row, attempts=attempts)
            return BUG_DELAY
        await self.ending.dead_letter(lane, row, outcome, error, started)
        return 0

    @staticmethod
    def _tried(lane: Lane, row: InboxRow, started: float) -> float:
        """For how many seconds a row that has failed has been tried since it failed first, whoever set a clock.

        That of an update is counted in this process. Durable work leaves its lane, and is counted in its due row.
        """
        if not row.internal:
            return time.monotonic() - lane.failing
        return due.tried(row) + time.perf_counter() - started if due.tries(row) else 0.0

    def _is_young(self, row: InboxRow, tried: float, failures: int, delay: float) -> bool:
        """Whether a row that has been tried for so long is worth one more try after `delay` seconds."""
        if row.express:
            return self.inflight.deadlines.left(row) > delay
        return tried < (SHORT_LIFE if row.kind == "callback_query" else LONG_LIFE) or failures < ATTEMPTS
