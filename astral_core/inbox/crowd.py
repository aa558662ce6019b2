"""Handlers that wait for something slow, counted by plugin: none of them may have so many that others suffer."""

from __future__ import annotations

import contextvars
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class _Plugin:
    """The handlers of one plugin that wait, and the lanes that wait for one of these to end."""

    waiting: int = 0
    seen: int = 0  # of those that wait, those that were found waiting, and not only expected to
    where: str = ""  # the place in which the last one waits
    queue: deque[Lane] = field(default_factory=deque)
    called: set[int] = field(default_factory=set)  # lanes whose turn it is, while others wait
    complain: LogThrottle = field(default_factory=LogThrottle)


class Crowd:
    """How many handlers of each plugin wait, and whose rows wait for one of them to end.

    `handlers` is the number that runs at the same time. From as many on that wait it is said whose they are.
    """

    def __init__(self, handlers: int) -> None:
        self.most = SHARE * handlers
        self._handlers = handlers
        self._plugins: dict[str, _Plugin] = {}

    @property
    def waiting(self) -> dict[str, int]:
        """How many handlers of each plugin wait for something slow."""
        return {name: plugin.waiting for name, plugin in self._plugins.items() if plugin.waiting}

    @property
    def full(self) -> list[str]:
        """The plugins of which no more handlers begin."""
        return [name for name, count in self.waiting.items() if count >= self.most]

    def check(self, name: str, lane: int) -> None:
        """A handler of the plugin is about to begin in `lane`: Crowded if no more may, or others wait for that.

        Where so many wait already that the next one will, too, it takes no place from the beginning.
        """
        plugin = self._plugins.get(name)
        if plugin is None:
            return
        room = self.most - plugin.waiting
        if room <= 0 or (plugin.queue and lane not in plugin.called and room <= self.most // PART):
            raise Crowded(name)
        plugin.called.discard(lane)
        if SHARE * plugin.seen >= self._handlers and (leave := leave_place.get()) is not None:
            leave(name, plugin.where)

    def begin(self, name: str, where: str, *, seen: bool = True) -> None:
        """A handler of the plugin waits for something slow, in the place `where`: it was `seen`, or expected to."""
        plugin = self._plugins.setdefault(name, _Plugin())
        plugin.waiting, plugin.seen, plugin.where = plugin.waiting + 1, plugin.seen + seen, where
        if plugin.waiting >= self._handlers and plugin.complain() is not None:
            log.warning(
                "plugin %r: %d of its handlers wait for something slow, such as in %s; from %d on others of its "
                "updates wait until one has ended. Fix: find out why there is no answer, and give its calls a "
                "shorter time-out.",
                name, plugin.waiting, where, self.most,
            )  # fmt: skip

    def end(self, name: str, *, seen: bool = True) -> None:
        """It has ended."""
        plugin = self._plugins[name]
        plugin.waiting, plugin.seen = plugin.waiting - 1, plugin.seen - seen

    def wake(self) -> None:
        """Let lanes go on where there is room. A few at a time: how they fare shows a moment later."""
        for plugin in self._plugins.values():
            for _ in range(min(self.most - plugin.waiting, max(self.most // PART, 1), len(plugin.queue))):
                lane = plugin.queue.popleft()
                if not lane.lost and lane.wake is not None:
                    plugin.called.add(lane.id)
                    lane.wake()
            if not plugin.queue:
                plugin.called.clear()

    def wait(self, lane: Lane, name: str) -> float:
        """What a step returns whose handler may not begin yet."""
        if lane.wake is None:
            return LOOK_AGAIN
        self._plugins.setdefault(name, _Plugin()).queue.append(lane)
        return WAKE
