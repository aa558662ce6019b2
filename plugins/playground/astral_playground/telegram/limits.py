"""Telegram's flood limits: how many messages a bot may send and edit, for all chats, for one and for a group.

Telegram does not promise numbers; these are those of https://core.telegram.org/bots/faq#broadcasting-to-users .
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

BOT_MESSAGES, BOT_SECONDS = 30, 1.0
GROUP_MESSAGES, GROUP_SECONDS = 20, 60.0
CHAT_BURST, CHAT_RATE = 5, 1.0  # messages at once to one chat; then messages a second


@dataclass(slots=True, frozen=True)
class Cost:
    """What one call sends: `messages` to a chat; `group`: to one with many people."""

    chat_id: int
    group: bool
    messages: int = 1


@dataclass(slots=True)
class Window:
    """At most `most` messages within any `seconds`."""

    most: int
    seconds: float
    _times: deque[float] = field(default_factory=deque)

    def wait(self, messages: int, now: float) -> float:
        """Seconds until so many messages are allowed; more than `most` at once count as `most`."""
        counted = [at for at in self._times if at > now - self.seconds]
        over = len(counted) + min(messages, self.most) - self.most
        return counted[over - 1] + self.seconds - now if over > 0 else 0.0

    def count(self, messages: int, now: float) -> None:
        """Note messages that were sent, and forget those that count no more."""
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        self._times.extend([now] * messages)


@dataclass(slots=True)
class Bucket:
    """`size` messages at once, and `rate` further ones a second."""

    size: int
    rate: float
    _full_at: float = -math.inf  # when it is full again

    def wait(self, messages: int, now: float) -> float:
        """Seconds until so many messages are allowed; more than `size` at once count as `size`."""
        due = max(self._full_at, now)
        return max(0.0, due + min(messages, self.size) / self.rate - now - self.size / self.rate)

    def count(self, messages: int, now: float) -> None:
        """Note messages that were sent."""
        self._full_at = max(self._full_at, now) + messages / self.rate


class FloodLimits:
    """What the bot has sent lately. Times are seconds of the world's clock."""

    def __init__(self) -> None:
        self._bot = Window(BOT_MESSAGES, BOT_SECONDS)
        self._groups: dict[int, Window] = {}
        self._chats: dict[int, Bucket] = {}

    def retry_after(self, cost: Cost, now: float) -> int:
        """Whole seconds that the bot must wait before this call, 0 for none."""
        wait = max(limit.wait(cost.messages, now) for limit in self._limits(cost))
        return math.ceil(round(wait, 6))

    def count(self, cost: Cost, now: float) -> None:
        """Note a call that went through."""
        for limit in self._limits(cost):
            limit.count(cost.messages, now)

    def _limits(self, cost: Cost) -> list[Window | Bucket]:
        found: list[Window | Bucket] = [self._bot]
        found.append(self._chats.setdefault(cost.chat_id, Bucket(CHAT_BURST, CHAT_RATE)))
        if cost.group:
            found.append(self._groups.setdefault(cost.chat_id, Window(GROUP_MESSAGES, GROUP_SECONDS)))
        return found
