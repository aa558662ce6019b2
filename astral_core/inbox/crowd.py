"""Handlers that wait for something slow, counted by plugin: none of them may have so many that others suffer."""

from __future__ import annotations

import contextvars
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping

from astral_core.errors import Crowded
from astral_core.inbox.lane import WAKE, Lane
from astral_core.observe.logs import LogThrottle

log = logging.getLogger("astral.inbox")
SHARE = 4  # a plugin may have so many times the handlers of the setting that wait
PART = 8  # an eighth of these is woken at a time
LOOK_AGAIN = 0.5  # seconds, for the few lanes that nobody can wake

# Gives the place of the running worker to another one: it is about to wait for something slow, too.
leave_place: contextvars.ContextVar[Callable[[str, str], None] | None] = contextvars.ContextVar(
    "astral_leave_place", default=None
)


class Crowd:
    """How many handlers of each plugin wait, and whose rows wait for one of them to end.

    `handlers` is the number that runs at the same time. From as many on that wait it is said whose they are.
    """

    def __init__(self, handlers: int) -> None:
        self.most = SHARE * handlers
        self._handlers = handlers
        self._waiting: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()  # of these, those that were found waiting, and not only expected to
        self._places: dict[str, str] = {}  # where the last one of each plugin waits
        self._queues: dict[str, deque[Lane]] = {}
        self._called: dict[str, set[int]] = {}  # lanes whose turn it is, while others wait
        self._complain: dict[str, LogThrottle] = {}

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many handlers of each plugin wait for something slow."""
        return self._waiting

    @property
    def full(self) -> list[str]:
        """The plugins of which no more handlers begin."""
        return [plugin for plugin, count in self._waiting.items() if count >= self.most]

    def check(self, plugin: str, lane: int) -> None:
        """A handler of `plugin` is about to begin in `lane`: Crowded if no more of them may, or others wait for that.

        Where so many wait already that the next one will, too, it takes no place from the beginning.
        """
        room = self.most - self._waiting[plugin]
        called = self._called.get(plugin)
        if room <= 0 or (called is not None and lane not in called and room <= self.most // PART):
            raise Crowded(plugin)
        if called is not None:
            called.discard(lane)
        if SHARE * self._seen[plugin] >= self._handlers and (leave := leave_place.get()) is not None:
            leave(plugin, self._places[plugin])

    def begin(self, plugin: str, where: str, *, seen: bool = True) -> None:
        """A handler of `plugin` waits for something slow, in the place `where`; it was `seen`, or is expected to."""
        self._places[plugin] = where
        self._waiting[plugin] += 1
        self._seen[plugin] += seen
        count = self._waiting[plugin]
        if count >= self._handlers and self._complain.setdefault(plugin, LogThrottle())() is not None:
            log.warning(
                "plugin %r: %d of its handlers wait for something slow, such as in %s; from %d on others of its "
                "updates wait until one has ended. Fix: find out why there is no answer, and give its calls a "
                "shorter time-out.",
                plugin, count, where, self.most,
            )  # fmt: skip

    def end(self, plugin: str, *, seen: bool = True) -> None:
        """It has ended."""
        self._waiting[plugin] -= 1
        self._seen[plugin] -= seen
        if self._waiting[plugin] <= 0:
            del self._waiting[plugin], self._seen[plugin], self._places[plugin]

    def wake(self) -> None:
        """Let lanes go on where there is room. A few at a time: how they fare shows a moment later."""
        for plugin, queue in list(self._queues.items()):
            for _ in range(min(self.most - self._waiting[plugin], max(self.most // PART, 1), len(queue))):
                lane = queue.popleft()
                if not lane.lost and lane.wake is not None:
                    self._called.setdefault(plugin, set()).add(lane.id)
                    lane.wake()
            if not queue:
                del self._queues[plugin]
                self._called.pop(plugin, None)

    def wait(self, lane: Lane, plugin: str) -> float:
        """What a step returns whose handler may not begin yet."""
        if lane.wake is None:
            return LOOK_AGAIN
        self._queues.setdefault(plugin, deque()).append(lane)
        self._called.setdefault(plugin, set())
        return WAKE
