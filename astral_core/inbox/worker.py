"""The worker: one unit of work a row, and what happens when it fails.

A handler that wrote commits its writes, its messages (outbox rows) and the done mark in one transaction. One that
wrote nothing needs no outbox: its inbox row is the record, and is marked done when its messages are sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.backoff import backoff
from astral_core.db.engine import Database
from astral_core.db.tables import now
from astral_core.declare import Handled
from astral_core.errors import (
    AstralError,
    DatabaseError,
    Fenced,
    HandlerFailed,
    Parked,
    Refuse,
    TelegramThrottled,
)
from astral_core.inbox import notes, suspects
from astral_core.inbox.deliver import Deliverer
from astral_core.inbox.effect import Content
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.inflight import InFlight
from astral_core.inbox.lanes import Lane
from astral_core.inbox.observer import Observer
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.runner import Outcome, Runner
from astral_core.inbox.stage import ALONE_DELAY, Stage
from astral_core.inbox.store import Store
from astral_core.inbox.suspects import Verdict
from astral_core.inbox.work import Work
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import scope, told

log = logging.getLogger("astral.inbox")

ATTEMPTS = 2
_RUNS = (Verdict.RUN, Verdict.APART, Verdict.LAST)
STUMBLES = 3  # tries to note the end of a row before a note without any content ends it
BUG_DELAY = 0.5
SHORT_LIFE, LONG_LIFE = 150.0, 900.0  # seconds: Telegram's own life of a callback; a message may wait longer


def _failure(what: str, cause: BaseException) -> HandlerFailed:
    failure = HandlerFailed(what)
    failure.__cause__ = cause
    return failure


@dataclass
class Worker:
    """Does the next thing of a lane: sends messages, or runs the first row.

    `process` is this process's name among the replicas; `handler_timeout` and `suspect_delay` are in seconds.
    """

    database: Database
    store: Store
    runner: Runner
    deliverer: Deliverer
    inflight: InFlight
    observer: Observer
    handler_timeout: float
    process: str
    suspect_delay: float
    _started: datetime = field(default_factory=now)
    _stage: Stage = field(default_factory=Stage)

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """Take note of the first rows of lanes whose process died, perhaps of one of them."""
        self.inflight.suspect(rows)

    def watch(self, row: InboxRow) -> None:
        """Count the time in which an express row has to be answered."""
        self.inflight.deadlines.watch(row)

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

        row = next((row for row in lane.rows if row.seq == seq), None)
        alarms = self.runner.alarm(row, Outcome(), error_id) if row is not None else []

        async def end(connection: AsyncConnection) -> bool:
            changes = [notes.dead(seq, error_id, why), notes.dead_messages(seq, error_id, why)]
            if not self.database.is_sqlite:
                mine = notes.owned(lane.id, self.store.journal.owner, lane.epoch)
                changes = [change.where(mine) for change in changes]
            for change in changes:
                await connection.execute(change)
            return True

        await self.store.write(end, alarms)
        if lane.deliveries:
            lane.deliveries.popleft()
        self.inflight.complete(lane, seq)
        lane.mistrust()

    async def _next(self, lane: Lane) -> float:
        if lane.deliveries:
            return await self.deliverer.deliver(lane)
        row = lane.rows[0]
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
                await self._put_away(lane, row, verdict, [suspects.void(row.seq)] if void else [])
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

    async def _put_away(self, lane: Lane, row: InboxRow, verdict: Verdict, also: Sequence[Any]) -> None:
        """Take a suspect out of its lane: its chat goes on. `also` are changes of the same transaction."""
        outcome, started = Outcome(), time.perf_counter()
        if verdict is Verdict.GUILTY:
            died = HandlerFailed("the process died each time that it handled this row")
            await self._bury(lane, row, outcome, died, started, also)
        elif verdict is Verdict.DROP:
            log.warning("row %d (%s) is too old to be answered", row.seq, row.kind)
            await self._take_out(lane, row, [suspects.dropped(row.seq), *also], [])
        else:
            delay = suspects.MONEY_DELAY if self.runner.is_about_money(row) else self.suspect_delay
            log.warning(
                "row %d (%s) may have killed a process; it is tried again in %.0f s", row.seq, row.kind, delay
            )
            contents = [] if row.crashes else await self._words(self.runner.patience(row, again=True), row)
            put_off = suspects.put_off(self.database, row.seq, delay)
            if await self._take_out(lane, row, [put_off, *also], contents):
                self._tell(row, outcome, "parked", started)

    async def _run(self, lane: Lane, row: InboxRow) -> float:
        outcome = Outcome()
        started = time.perf_counter()
        work = Work(self.database, self.store, "core")
        if failpoint.armed:
            failpoint.hit("worker.before_run")
        try:
            async with asyncio.timeout(self.inflight.deadlines.left(row) if row.express else self.handler_timeout):
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
            self.inflight.complete(lane, row.seq)
            lane.mistrust()  # it may be a commit of ours whose answer was lost: then its messages are unsent
            self.observer.fenced()
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
        self.inflight.deadlines.forget(row.seq)
        delivery.doubtful = self.inflight.is_suspect(row) and not delivery.recorded
        if delivery.recorded:
            self.inflight.complete(lane, row.seq)
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
        lane.failures += 1
        delay = error.retry_after if isinstance(error, TelegramThrottled) else backoff(lane.failures)
        if is_infrastructure(error) and self._is_young(row, lane.failures, delay):
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

    def _is_young(self, row: InboxRow, failures: int, delay: float) -> bool:
        """Whether a row is worth one more try after `delay` seconds."""
        if row.express:
            return self.inflight.deadlines.left(row) > delay
        age = (now() - max(row.received_at, self._started)).total_seconds()
        return age < (SHORT_LIFE if row.kind == "callback_query" else LONG_LIFE) or failures < ATTEMPTS

    async def _bury(
        self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float, also: Sequence[Any] = ()
    ) -> None:
        error_id = new_error_id()
        where = f"plugin {outcome.plugin!r}, route {outcome.route!r}"
        log.error("error %s: row %d (%s) is dead: %s", error_id, row.seq, row.kind, where, exc_info=error)
        contents = await self._words(self.runner.apology(row, error_id), row)
        dead = notes.dead(row.seq, error_id, f"{where}: {told(error)}")
        if await self._take_out(lane, row, [dead, *also], contents, self.runner.alarm(row, outcome, error_id)):
            self._tell(row, outcome, "dead", started, error_id)

    async def _park(self, lane: Lane, row: InboxRow, outcome: Outcome, parked: Parked, started: float) -> None:
        log.warning("row %d (%s) waits until plugin %r is back", row.seq, row.kind, parked.plugin)
        told = row.attempts == notes.REPLAYED
        contents = [] if told else await self._words(self.runner.patience(row), row)
        if await self._take_out(lane, row, [notes.parked(row.seq, parked.plugin)], contents):
            outcome.plugin = parked.plugin
            self._tell(row, outcome, "parked", started)

    async def _take_out(
        self, lane: Lane, row: InboxRow, changes: Sequence[Any], contents: list[Content],
        alarms: Sequence[NewRow] = (),
    ) -> bool:  # fmt: skip
        """Take a row out of its lane by the first of `changes`, say `contents`, store `alarms`: all or nothing.

        False where the row is not ours any more.
        """

        async def take_out(connection: AsyncConnection) -> bool:
            mine, *others = changes
            if not self.database.is_sqlite:
                mine = mine.where(notes.owned(row.lane, self.store.journal.owner, lane.epoch))
            if (await connection.execute(mine)).rowcount != 1:
                return False
            for change in others:
                await connection.execute(change)
            if contents:
                await self.store.journal.record(connection, row.seq, row.lane, contents)
            return True

        taken = bool(await self.store.write(take_out, alarms))
        self.inflight.complete(lane, row.seq)
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
        ms = (time.perf_counter() - started) * 1000
        age = (now() - row.received_at).total_seconds() * 1000
        self.observer.handled(
            Handled(
                plugin=outcome.plugin, route=outcome.route, kind=outcome.kind, outcome=result, ms=round(ms, 3),
                wait_ms=round(max(age - ms, 0.0), 3), at=time.time(), user_id=outcome.user_id, chat_id=row.chat,
                update_id=int(row.ext_id) if row.source.startswith("tg:") and row.ext_id.isdigit() else None,
                error_id=error_id,
            )
        )  # fmt: skip
