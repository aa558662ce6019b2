"""Delivery: the messages of a handler that has ended go out one by one, and what became of them is noted."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.backoff import backoff
from astral_core.db.tables import UNSENT, storable
from astral_core.errors import TelegramThrottled, TelegramUnavailable
from astral_core.inbox import due, row_updates
from astral_core.inbox.effect import Sender, SendResult
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.inflight import InFlight
from astral_core.inbox.lane import Lane
from astral_core.inbox.lease import Lease
from astral_core.inbox.observer import Observer
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.pacer import Pacer
from astral_core.inbox.rows import InboxRow, Progress
from astral_core.inbox.runner import Runner
from astral_core.inbox.store import Store
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import scope, told
from astral_core.observe.sparing import EACH
from astral_core.observe.words import unquoted

log = logging.getLogger("astral.inbox")
LIFE = 900.0  # seconds for which a message is tried while Telegram is away
NOT_ALIVE_DELAY = 0.2  # seconds until this replica looks again whether it is still one


@dataclass(repr=False)
class Deliverer:
    """Sends a lane's messages in order, while the `lease` says that this replica may: a frozen one may not."""

    store: Store
    sender: Sender
    runner: Runner
    inflight: InFlight
    lease: Lease
    observer: Observer
    pacer: Pacer

    async def deliver(self, lane: Lane) -> float:
        """Send the next message of the lane's first delivery; where all are through, end it. Seconds to wait."""
        delivery = lane.deliveries[0]
        if lane.lost:  # another replica has the lane and its messages
            lane.deliveries.clear()
            return 0
        n = delivery.next
        if n is not None:
            if not self.lease.valid():
                return NOT_ALIVE_DELAY
            effect, delay = delivery.contents[n].effect, 0.0
            if effect.method == "show":
                delay = await self.pacer.supersede(delivery.lane, delivery.seq, effect)
            delay = delay or await self._send(delivery, n)
            if delay:
                return delay
        last = delivery.next is None
        if last or delivery.recorded:
            await self._mark(lane, delivery, last)
        if last:
            lane.deliveries.popleft()
        return 0

    async def _send(self, delivery: Delivery, n: int) -> float:
        content = delivery.contents[n]
        scope.set({"row": delivery.seq, "plugin": content.effect.plugin})
        if delivery.doubtful:
            delivery.doubtful = False
            self._doubt(delivery, n, "its process died, perhaps after it was sent")
        drop = content.effect.on_doubt == "drop"
        if drop and not delivery.noted:
            await self.store.write(lambda connection: connection.execute(row_updates.sending(delivery.seq, n)))
            delivery.noted = True
        if failpoint.armed:
            failpoint.hit("outbox.sending")
        try:
            sent = await self.sender.send(content, delivery.results)
        except TelegramThrottled as error:
            await self._not_sent(delivery, n)
            return max(error.retry_after, 0.05)
        except TelegramUnavailable as error:
            if not (drop and error.maybe_done) and time.monotonic() - delivery.started < LIFE:
                delivery.tries += 1
                if error.maybe_done:
                    self._doubt(delivery, n, "no answer came")
                else:
                    await self._not_sent(delivery, n)
                return backoff(delivery.tries)
            sent = SendResult(refused=f"gave up: {error}")
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("row %d: message %d could not be sent", delivery.seq, n)
            sent = SendResult(refused=told(error))
        if failpoint.armed:
            failpoint.hit("outbox.sent")
        delivery.results[n] = sent
        delivery.unmarked.append(n)
        delivery.noted, delivery.tries = False, 0
        return 0

    async def _not_sent(self, delivery: Delivery, n: int) -> None:
        """Take back that a message is on its way: Telegram said no, and so it may be sent by whoever has it next."""
        if delivery.noted:
            await self.store.write(
                lambda connection: connection.execute(row_updates.sending(delivery.seq, n, UNSENT))
            )
            delivery.noted = False

    def _doubt(self, delivery: Delivery, n: int, why: str) -> None:
        effect = delivery.contents[n].effect
        log.warning(
            "row %d: %s number %d is doubtful (%s) and goes out again", delivery.seq, effect.method, n, why,
            extra={EACH: True},
        )  # fmt: skip
        self.observer.doubtful()

    async def keep(self, lane: Lane) -> None:
        """Put what is left of a half-sent delivery into the outbox: the bot stops, and who sends the rest is another.

        Its row is done with that. Otherwise its handler would run again, and say again what was said.
        """
        for delivery in lane.deliveries:
            if delivery.recorded or not delivery.results or delivery.next is None or not lane.rows:
                continue
            row = lane.rows[0]

            async def record(connection: AsyncConnection, row: InboxRow = row, half: Delivery = delivery) -> None:
                await connection.exec_driver_sql("SELECT 1")  # the transaction begins
                await self.store.journal.finish(connection, row, lane.epoch, list(half.contents.values()))
                for n, sent in half.results.items():
                    await connection.execute(row_updates.sent(half.seq, n, sent.message_id))
                if half.due is not None:
                    await connection.execute(due.ended(half.due, self.store.shared.now()))

            await self.store.write(record)
            self.inflight.complete(lane, row.seq)
            delivery.recorded = True

    async def _mark(self, lane: Lane, delivery: Delivery, last: bool) -> None:
        numbers = list(delivery.unmarked)
        refused = [n for n in numbers if delivery.results[n].refused]
        error_id = new_error_id() if refused else ""
        for n in refused:
            effect = delivery.contents[n].effect
            reason = unquoted(delivery.results[n].refused or "", effect.params)
            log.error("error %s: %s of plugin %r was refused: %s", error_id, effect.method, effect.plugin, reason)
            delivery.results[n].refused = storable(reason, 4000)
        over = due.over(delivery.due, self.store.shared.now()) if delivery.due is not None and last else None
        mark = Progress(
            delivery.seq, delivery.lane, lane.epoch, delivery.recorded, last, over,
            {n: delivery.results[n] for n in numbers},
            {n: delivery.contents[n].effect for n in refused}, error_id,
        )  # fmt: skip
        if failpoint.armed and not delivery.recorded:
            failpoint.hit("done.before_mark")
        alarms = [row for effect in mark.dead.values() for row in self.runner.refused(effect, error_id)]
        held = await self.store.mark(mark, alarms)
        delivery.unmarked.clear()
        if delivery.recorded or not last:
            return
        if held:
            self.inflight.complete(lane, delivery.seq)
        else:
            log.warning("row %d was ended by somebody else, or is another replica's", delivery.seq)
            lane.invalidate()
