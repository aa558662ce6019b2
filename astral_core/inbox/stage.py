"""The stage: suspects come one after the other, so that the process that dies tells who was on it."""

from __future__ import annotations

import asyncio
from collections import deque

from astral_core.inbox.lane import WAKE, Lane

ALONE_DELAY = 0.1  # seconds
LEAD = 0.5  # seconds that a suspect has for itself before the next one begins


class Stage:
    """Who is on it has the process to itself, among suspects. Others wait for their turn, without a worker.

    `running` counts the suspects that run, on the stage or not any more.
    """

    def __init__(self) -> None:
        self.running = 0
        self._taken: object | None = None
        self._queue: deque[Lane] = deque()

    def enter(self) -> object | None:
        """A pass for the stage; None where somebody is on it."""
        if self._taken is not None:
            return None
        self._taken = object()
        return self._taken

    def wait(self, lane: Lane) -> float:
        """What a step returns whose lane waits for its turn; express lanes, which are few, look again."""
        if lane.wake is None:
            return ALONE_DELAY
        self._queue.append(lane)
        return WAKE

    def leave_soon(self, ticket: object, *, hurry: bool) -> None:
        """Let the next one begin after LEAD; where there is `hurry`, sooner, the more of them wait."""
        lead = LEAD / (1 + len(self._queue)) if hurry else LEAD
        asyncio.get_running_loop().call_later(lead, self.leave, ticket)

    def leave(self, ticket: object) -> None:
        """The next one may come; nothing where that was said before."""
        if self._taken is not ticket:
            return
        self._taken = None
        while self._queue:
            lane = self._queue.popleft()
            if lane.wake is not None and not lane.lost:
                lane.wake()
                return
