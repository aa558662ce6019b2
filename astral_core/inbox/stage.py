"""The stage: suspects come one after the other, so that the process that dies tells who was on it."""

from __future__ import annotations

import asyncio
from collections import deque

from astral_core.inbox.lane import WAKE, Lane

ALONE_DELAY = 0.1  # seconds
LEAD = 0.5  # seconds that a suspect has for itself before the next one begins
CROWD = 8  # suspects that wait until this is half as long for one that was with others when a process died


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

    def lead(self, *, hurry: bool) -> float:
        """The seconds before the next one begins: fewer, the more of them wait, and far fewer if there is `hurry`.

        Those who wait are whole chats: where a plugin hangs, hundreds may have been at work when the process died.
        """
        return LEAD / (1 + len(self._queue) / (1 if hurry else CROWD))

    def leave_soon(self, ticket: object, *, hurry: bool) -> None:
        """Let the next one begin in a moment."""
        asyncio.get_running_loop().call_later(self.lead(hurry=hurry), self.leave, ticket)

    def leave(self, ticket: object) -> None:
        """The next one may come; nothing where that was said before."""
        if self._taken is not ticket:
            return
        self._taken = None
        self._call_next()

    def _call_next(self) -> None:
        """Who is called may have nothing to do any more: if nobody has come by then, others are called."""
        if self._taken is not None:
            return  # who is on it calls the next one
        while self._queue:
            lane = self._queue.popleft()
            if lane.wake is not None and not lane.lost:
                lane.wake()
                asyncio.get_running_loop().call_later(LEAD, self._call_next)
                return
