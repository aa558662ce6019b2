"""How a row ends that is not simply done: dead, parked, put off, tried again, cancelled; and who is told of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.errors import HandlerFailed, Parked
from astral_core.handled import Handled
from astral_core.inbox import due, elsewhere, row_updates, suspects
from astral_core.inbox.effect import OutgoingEffect
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.inflight import InFlight
from astral_core.inbox.lane import Lane
from astral_core.inbox.observer import Observer
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.runner import Outcome, Runner
from astral_core.inbox.store import Store
from astral_core.inbox.suspects import Verdict
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import told

log = logging.getLogger("astral.inbox")


@dataclass(repr=False)
class Ending:
    """Ends rows, each in one transaction with what follows from it; `suspect_delay` is in seconds."""

    database: Database
    store: Store
    runner: Runner
    inflight: InFlight
    observer: Observer
    suspect_delay: float

    async def anyhow(self, lane: Lane, error: Exception) -> None:
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
            dead = row_updates.dead(self.database, seq, error_id, why)
            changes = [dead, row_updates.dead_messages(seq, error_id, why)]
            if not self.database.is_sqlite:
                mine = row_updates.owned(lane.id, self.store.journal.owner, lane.epoch)
                changes = [change.where(mine) for change in changes]
            for change in changes:
                await connection.execute(change)
            return True

        await self.store.write(end, alarms)
        if lane.deliveries:
            lane.deliveries.popleft()
        self.inflight.complete(lane, seq)
        lane.invalidate()

    async def put_away(self, lane: Lane, row: InboxRow, verdict: Verdict, also: Sequence[Any]) -> None:
        """Take a suspect out of its lane: its chat goes on. `also` are changes of the same transaction."""
        outcome, started = Outcome(), time.perf_counter()
        if verdict is Verdict.GUILTY:
            died = HandlerFailed("the process died each time that it handled this row")
            await self.dead_letter(lane, row, outcome, died, started, also)
        elif verdict is Verdict.DROP:
            log.warning("row %d (%s) is too old to be answered", row.seq, row.kind)
            await self.take_out(lane, row, [row_updates.done(self.database, row.seq), *also], [])
        else:
            delay = suspects.MONEY_DELAY if self.runner.is_about_money(row) else self.suspect_delay
            log.warning(
                "row %d (%s) may have killed a process; it is tried again in %.0f s", row.seq, row.kind, delay
            )
            contents = [] if row.crashes else await self.words(self.runner.patience(row, again=True), row)
            put_off = suspects.put_off(self.database, row.seq, delay)
            if await self.take_out(lane, row, [put_off, *also], contents):
                self.tell(row, outcome, "parked", started)

    async def try_again(self, lane: Lane, row: InboxRow, attempts: int, delay: float, tried: float) -> float:
        """Let durable work wait for another try outside of its lane: others of its chat go on.

        It has been tried for `tried` seconds.
        """
        ahead = self.store.shared.ahead()
        again = due.again(self.database, row, delay=delay, attempts=attempts, tried=tried, ahead=ahead)
        if await self.take_out(lane, row, [row_updates.done(self.database, row.seq), again], []):
            self.store.wakeup.expect_retry(delay)
        return 0

    async def cancelled(self, lane: Lane, row: InboxRow) -> None:
        """End due work that was cancelled or replaced before it could commit."""
        log.debug("row %d was cancelled or replaced", row.seq)
        await self.take_out(lane, row, [row_updates.done(self.database, row.seq)], [])

    async def dead_letter(
        self, lane: Lane, row: InboxRow, outcome: Outcome, error: Exception, started: float, also: Sequence[Any] = ()
    ) -> None:
        """End a row as a dead letter: one traceback, one apology, one error id, and an alert. `also` as above."""
        error_id = new_error_id()
        where = f"plugin {outcome.plugin!r}, route {outcome.route!r}"
        log.error("error %s: row %d (%s) is dead: %s", error_id, row.seq, row.kind, where, exc_info=error)
        contents = await self.words(self.runner.apology(row, error_id), row)
        dead = row_updates.dead(self.database, row.seq, error_id, f"{where}: {told(error)}")
        if row.due is not None:
            also = [*also, due.ended(row.due, self.store.shared.now())]
        mine, others = elsewhere.split(contents, row)
        alarms = [*self.runner.alarm(row, outcome, error_id), *others]
        if await self.take_out(lane, row, [dead, *also], mine, alarms):
            self.tell(row, outcome, "dead", started, error_id)

    async def park(self, lane: Lane, row: InboxRow, outcome: Outcome, parked: Parked, started: float) -> None:
        """Let a row wait until its plugin is back, outside of its lane; its user is told once."""
        log.warning("row %d (%s) waits until plugin %r is back", row.seq, row.kind, parked.plugin)
        told = row.attempts == row_updates.REPLAYED
        contents = [] if told else await self.words(self.runner.patience(row), row)
        if await self.take_out(lane, row, [row_updates.parked(row.seq, parked.plugin)], contents):
            outcome.plugin = parked.plugin
            self.tell(row, outcome, "parked", started)

    async def take_out(
        self, lane: Lane, row: InboxRow, changes: Sequence[Any], contents: list[OutgoingEffect],
        alarms: Sequence[NewRow] = (),
    ) -> bool:  # fmt: skip
        """Take a row out of its lane by the first of `changes`, say `contents`, store `alarms`: all or nothing.

        False where the row is not ours any more.
        """

        async def take_out(connection: AsyncConnection) -> bool:
            mine, *others = changes
            if not self.database.is_sqlite:
                mine = mine.where(row_updates.owned(row.lane, self.store.journal.owner, lane.epoch))
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
            lane.invalidate()
        elif contents:
            lane.deliveries.append(Delivery(row.seq, row.lane, dict(enumerate(contents)), recorded=True))
        return taken

    @staticmethod
    async def words(words: Awaitable[list[OutgoingEffect]], row: InboxRow) -> list[OutgoingEffect]:
        """What to tell the user; nothing where a bug prevents it, because the lane must go on."""
        try:
            return await words
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("row %d: the user could not be told what happened", row.seq)
            return []

    def tell(self, row: InboxRow, outcome: Outcome, result: str, started: float, error_id: str | None = None) -> None:
        """Tell the observer what came of a row."""
        ms = (time.perf_counter() - started) * 1000
        shared = self.store.shared
        age = (shared.time() - shared.ahead() - row.received_at.timestamp()) * 1000
        self.observer.handled(
            Handled(
                plugin=outcome.plugin, route=outcome.route, kind=outcome.kind, outcome=result, ms=round(ms, 3),
                wait_ms=round(max(age - ms, 0.0), 3), at=time.time(), user_id=outcome.user_id, chat_id=row.chat,
                update_id=int(row.ext_id) if row.source.startswith("tg:") and row.ext_id.isdigit() else None,
                error_id=error_id,
            )
        )  # fmt: skip
