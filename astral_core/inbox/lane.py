"""A lane, and what lanes ask of whoever does their work: the worker."""

from __future__ import annotations

import asyncio
import bisect
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from astral_core.inbox.effect import SlotKey
from astral_core.inbox.outbox import Delivery
from astral_core.inbox.rows import InboxRow

WAKE = math.inf  # what a step returns that waits for `lane.wake()`


@dataclass(slots=True, eq=False)
class Lane:
    """What is to be done for one chat: first the deliveries, then the rows.

    `epoch` is our claim, `arrivals` the rows that came until now, as far as is known here. `version` counts what was
    left in the database, so that one who reads it knows whether to read again.
    """

    id: int
    epoch: int = 0
    arrivals: int = 0
    rows: list[InboxRow] = field(default_factory=list)
    deliveries: deque[Delivery] = field(default_factory=deque)
    busy: bool = False
    begun: bool = False  # the first row is being handled, or its messages are on their way
    failures: int = 0
    failing: float = 0.0  # since when it fails, by the monotonic clock; of no meaning without failures
    stumbles: int = 0  # steps in a row that raised where they end a row
    stale: bool = False
    more: bool = False
    version: int = 0
    inherited: bool = False  # its first row was begun by a process that died, perhaps of it
    lost: bool = False  # another replica has it
    backlog: bool = False  # what waits in it came before this process had it, or more than memory takes
    wake: Callable[[], None] | None = None  # ends the wait of a step that returned WAKE; none for express lanes
    idle_since: float = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.rows or self.deliveries or self.stale or self.more)

    def add(self, row: InboxRow) -> None:
        """Put `row` in its place: by seq, but never before a row that was begun."""
        bisect.insort(self.rows, row, lo=1 if self.begun and self.rows else 0, key=lambda item: item.seq)

    def invalidate(self) -> None:
        """Read this lane anew before its next step."""
        self.stale = True
        self.version += 1


class Handler(Protocol):
    """Does the work of a lane: the worker."""

    async def step(self, lane: Lane) -> float:
        """Do the next thing of a lane; return the seconds to wait before the one after it."""
        ...

    def waits(self, task: asyncio.Task[None], *, known: bool) -> tuple[str, str] | None:
        """Whose handler waits in `task` for something slow, and where; None if it does not, or it is `known`."""
        ...

    async def keep(self, lane: Lane) -> None:
        """Write down what is half-sent in `lane`: the bot stops."""

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """These are the first rows of lanes whose process died."""

    def watch(self, row: InboxRow) -> None:
        """An express row has come."""

    def pace(self, lane: int, keys: Sequence[SlotKey]) -> None:
        """These slots of a lane are to show something."""

    def paces(self, lane: int) -> bool:
        """Whether a lane has slots that are to show something."""
        ...
