"""The pacer: shows what slots are to show, each at most once in its `every` seconds, and the last one always.

It works beside the lanes of this process, and in their order where that matters: a slot that a message of its lane is
still to change waits for that message. What is wanted is in the database; the pacer knows only which slots have it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from astral_core import failpoint
from astral_core.backoff import backoff
from astral_core.db.tables import storable
from astral_core.errors import TelegramThrottled, TelegramUnavailable
from astral_core.inbox import paced
from astral_core.inbox.effect import Effect, OutgoingEffect, Sender, SendResult, SlotKey, slot_key
from astral_core.inbox.failure import is_infrastructure
from astral_core.inbox.lanes import Lanes
from astral_core.inbox.lease import Lease
from astral_core.inbox.outbox import UNREADABLE, read_effect
from astral_core.inbox.rows import Progress
from astral_core.inbox.runner import Runner
from astral_core.inbox.store import Store
from astral_core.observe.errorid import new_error_id
from astral_core.observe.logs import told
from astral_core.observe.words import unquoted

log = logging.getLogger("astral.inbox")
NAME = "astral-pace"  # of the tasks
LIFE = 900.0  # seconds for which a content is tried while Telegram is away
SOON = 0.1  # seconds until another look at what stands in the way
NEAR = 3.0  # seconds; who waits for the bot to be done waits for what is shown within them
GOODBYE = 5.0  # seconds that calls under way may take at the end


@dataclass(eq=False)
class _Slot:
    """A slot of a lane that may have something to show. `asleep` until `due`, by the clock that nobody sets.

    `shown` is when it was shown last, by that clock; `shown_at` is the same moment by the clock that all replicas
    share, as it was noted.
    """

    lane: int
    key: SlotKey
    task: asyncio.Task[None] | None = None
    again: bool = True  # something was wanted since the last look
    at_work: bool = False
    asleep: bool = False
    due: float = 0.0
    lost: bool = False
    failures: int = 0
    since: float | None = None  # when Telegram failed first, by the monotonic clock
    shown_at: datetime | None = None
    shown: float = 0.0


@dataclass(repr=False)
class Pacer:
    """One task for each slot that has something to show, in lanes of this process."""

    store: Store
    sender: Sender
    runner: Runner
    lease: Lease
    lanes: Lanes
    _slots: dict[SlotKey, _Slot] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _holds: dict[int, float] = field(default_factory=dict)  # until when Telegram lets nothing be shown in a lane
    _stopping: bool = False

    @property
    def busy(self) -> bool:
        """Whether something is shown now, or soon."""
        soon = self.store.shared.steady() + NEAR
        return any(not slot.asleep or slot.due < soon for slot in self._slots.values())

    def want(self, lane: int, keys: Iterable[SlotKey]) -> None:
        """These slots of a lane are to show something: it was committed, or is found in the database."""
        for key in keys:
            slot = self._slots.get(key)
            if slot is not None:
                slot.again = True
            elif not self._stopping:
                slot = self._slots[key] = _Slot(lane, key)
                slot.task = asyncio.create_task(self._run(slot), name=f"{NAME}-{lane}")
                self._tasks.add(slot.task)
                slot.task.add_done_callback(self._tasks.discard)

    def holds(self, lane: int) -> bool:
        """Whether a lane has something to show, so that it must stay with this process."""
        return any(slot.lane == lane for slot in self._slots.values())

    def drop(self, lane: int) -> None:
        """Another process may have a lane by now, and shows what it is to show."""
        self._holds.pop(lane, None)
        for slot in [slot for slot in self._slots.values() if slot.lane == lane]:
            self._let_go(slot)

    async def supersede(self, lane: int, seq: int, effect: Effect) -> float:
        """A message of the row `seq` is about to take the place of what its slot was to show. Seconds to wait."""
        key = slot_key(effect)
        slot = self._slots.get(key) if key is not None else None
        if slot is None or slot.lane != lane or key is None:
            return 0
        if slot.at_work:
            return SOON
        await self.store.write(lambda connection: paced.supersede(connection, key, seq))
        return 0

    async def stop(self) -> None:
        """End: what is not shown is in the database, for whoever comes next."""
        self._stopping = True
        for slot in list(self._slots.values()):
            self._let_go(slot)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GOODBYE)
            for task in late:
                task.cancel()

    def _let_go(self, slot: _Slot) -> None:
        slot.lost = True
        if self._slots.get(slot.key) is slot:
            del self._slots[slot.key]
        if slot.asleep and slot.task is not None:
            slot.task.cancel()  # one that is at work looks for itself: a query must not be cut off

    async def _run(self, slot: _Slot) -> None:
        try:
            while slot.again and not slot.lost:
                slot.again = False
                while (wait := await self._attempt(slot)) is not None and not slot.lost:
                    await self._sleep(slot, wait)
        finally:
            if self._slots.get(slot.key) is slot:
                del self._slots[slot.key]

    async def _sleep(self, slot: _Slot, seconds: float) -> None:
        slot.due, slot.asleep = self.store.shared.steady() + seconds, True
        try:
            await self.store.clock.sleep(seconds)
        finally:
            slot.asleep = False

    async def _attempt(self, slot: _Slot) -> float | None:
        """One turn; whatever it raises, what is wanted is not lost. Seconds until the next one, None for none."""
        slot.at_work = True
        try:
            return await self._turn(slot)
        except Exception as error:  # the database may be away, and a bug must not end the slot
            slot.failures += 1
            if is_infrastructure(error):
                log.warning("lane %d: what a slot is to show waits: %s", slot.lane, type(error).__name__)
            else:
                log.exception("lane %d: a slot could not be shown; it is tried again", slot.lane)
            return backoff(slot.failures)
        finally:
            slot.at_work = False

    async def _turn(self, slot: _Slot) -> float | None:
        lane = self.lanes.find(slot.lane)
        if lane is not None and any(delivery.shows(slot.key) for delivery in lane.deliveries):
            return SOON  # an earlier message goes first
        if not self.lease.valid():
            return SOON
        hold = self._holds.get(slot.lane, 0.0) - time.monotonic()
        if hold > 0:
            return hold
        wanted = await paced.look(self.store.database, slot.key)
        if wanted is None:
            return None
        wait = self._wait(slot, wanted)
        if wait > 0:
            return wait
        if slot.lost:
            return None
        return await self._show(slot, wanted)

    def _wait(self, slot: _Slot, wanted: Any) -> float:
        """The seconds until a slot may be shown again: from when it was shown, or from now if that is still to come.

        Then the clock was set back, and nobody knows how long ago it was.
        """
        if wanted.shown_at is None:
            return 0.0
        shared = self.store.shared
        if slot.shown_at != wanted.shown_at:
            ago = (shared.now() - wanted.shown_at).total_seconds()
            slot.shown_at, slot.shown = wanted.shown_at, shared.steady() - max(ago, 0.0)
        return float(slot.shown + wanted.every - shared.steady())

    async def _show(self, slot: _Slot, wanted: Any) -> float | None:
        content = read_effect(wanted.effect, wanted.data)
        if failpoint.armed:
            failpoint.hit("paced.sending")
        try:
            sent = await self._sent(slot, content)
        except TelegramThrottled as error:
            self._holds[slot.lane] = time.monotonic() + error.retry_after
            return max(error.retry_after, 0.05)
        except TelegramUnavailable as error:
            slot.failures += 1
            slot.since = slot.since or time.monotonic()
            if time.monotonic() - slot.since < LIFE:
                return backoff(slot.failures)
            sent = SendResult(refused=f"gave up: {error}")
        self._holds.pop(slot.lane, None)
        slot.failures, slot.since = 0, None
        if failpoint.armed:
            failpoint.hit("paced.sent")
        return await self._note(slot, wanted.version, content, sent)

    async def _sent(self, slot: _Slot, content: OutgoingEffect | None) -> SendResult:
        if content is None:
            return SendResult(refused=UNREADABLE)
        try:
            return await self.sender.send(content, {})
        except (TelegramThrottled, TelegramUnavailable):
            raise
        except Exception as error:
            if is_infrastructure(error):
                raise
            log.exception("lane %d: what a slot is to show could not be sent", slot.lane)
            return SendResult(refused=told(error))

    async def _note(
        self, slot: _Slot, version: int, content: OutgoingEffect | None, sent: SendResult
    ) -> float | None:
        """Note what became of a version; 0 if another one is wanted by now."""
        alarms = []
        if sent.refused is not None:
            effect = content.effect if content is not None else Effect(method="show", params={})
            error_id = new_error_id()
            reason = storable(unquoted(sent.refused, effect.params), 4000)
            log.error("error %s: %s of plugin %r was refused: %s", error_id, effect.method, effect.plugin, reason)
            alarms = self.runner.refused(effect, error_id)
        elif sent.slot is not None or sent.file_key is not None or sent.blocked is not None:
            # No row has the number 0: what the sending taught is all that is noted.
            await self.store.mark(Progress(0, slot.lane, 0, recorded=True, ends=False, sent={0: sent}))
        moment = self.store.shared.now()
        done = await self.store.write(lambda connection: paced.shown(connection, slot.key, version, moment), alarms)
        return None if done else 0.0
