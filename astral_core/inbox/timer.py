"""The timer: fires due work when its time has come. Every replica has one; they share the work."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core import failpoint
from astral_core.backoff import backoff
from astral_core.errors import AstralError
from astral_core.inbox import due, setback
from astral_core.inbox.rows import NewRow
from astral_core.inbox.store import Store
from astral_core.inbox.wakeup import Wakeup

log = logging.getLogger("astral.inbox")
LOOK = 1.0  # seconds between two looks: another replica may have armed something, and died
BATCH = 200  # rows that are fired in one transaction
GOODBYE = 5.0  # seconds that the last look may take
FULL = 0.05  # seconds until another look whether the window has room again


class Timer:
    """Lets due work into the inbox, as far as the backlog's window has room. `run` it in the background."""

    def __init__(self, store: Store, wakeup: Wakeup) -> None:
        self._store = store
        self._wakeup = wakeup
        self._firing = asyncio.Lock()
        self._stopping = False
        self._running: asyncio.Future[None] | None = None
        self._set_back: float | None = None  # what the clock's count of that was when the waiting rows were looked at

    @property
    def busy(self) -> bool:
        """Whether work is being fired, is due by what is known here, or waits for another try."""
        return self._firing.locked() or self._wakeup.called or self._wakeup.retrying

    async def stop(self) -> None:
        """Let `run` end between two looks: a query that is cancelled would leave its connection behind."""
        self._stopping = True
        self._wakeup.call()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=GOODBYE)

    async def run(self) -> None:
        """Fire what is due, until stopped."""
        self._running = asyncio.get_running_loop().create_future()
        try:
            await self._look_forever()
        finally:
            self._running.set_result(None)

    async def _look_forever(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                _, left = await self._look()
                failures = 0
            except (SQLAlchemyError, OSError, AstralError) as error:
                failures += 1
                left = backoff(failures, 0.25, 5.0)
                log.warning("due work could not be looked for (%s); trying again", type(error).__name__)
            await self._wakeup.wait(LOOK if left is None else min(left if left > 0 else FULL, LOOK))

    async def fire(self) -> int:
        """Fire everything whose time has come and for which there is room; return how many rows that were."""
        return (await self._look())[0]

    async def _look(self) -> tuple[int, float | None]:
        """Fire what is due; how many rows that were, and the seconds until the next one is due.

        A look that finds nothing only reads: the bot's writers do not wait for it.
        """
        total = 0
        async with self._firing:
            while True:
                left, retrying, asked = await self._outlook()
                self._wakeup.found(retrying=retrying, asked=asked)
                room = min(self._store.backlog.room, BATCH)
                if left is None or left > 0 or room <= 0:
                    return total, left
                moved = await self._store.move(partial(self._fire, room))
                total += moved
                if not moved or self._stopping:  # another replica has them in this moment
                    return total, FULL

    async def _outlook(self) -> tuple[float | None, bool, int]:
        """What is expected, once rows are looked after that wait for longer than they should."""
        database, shared = self._store.database, self._store.shared
        while True:
            asked, since = self._wakeup.expected, time.monotonic()
            left, retrying, clock = await due.outlook(database, shared.ahead())
            shared.read(clock, since)
            if self._set_back == shared.set_back:
                return left, retrying, asked
            await self._look_after_a_step(shared.set_back)

    async def _look_after_a_step(self, set_back: float) -> None:
        """The clock was set back, or may have been while the bot was down."""
        seconds = set_back - (self._set_back or 0.0)
        number = await setback.bring_back(self._store, seconds)
        if seconds:
            log.warning("the clock was set back by %.1f s; %d rows are due sooner for that", seconds, number)
        elif number:
            log.warning("%d rows waited for longer than they should: the clock was set back", number)
        self._set_back = set_back

    async def _fire(self, room: int, connection: AsyncConnection) -> list[NewRow]:
        rows = await due.fire(self._store.database, connection, room, self._store.clock.ahead())
        if failpoint.armed and rows:
            failpoint.hit("due.fired")
        return rows
