"""How many updates wait to be handled, and how many may: of all chats, and of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from astral_core.errors import ChatFull, IngestRefused

EXPRESS_ROOM = 2  # an express row is refused only if twice as many updates are pending as others are allowed
BEHIND = 5  # of an update that cannot be refused: its chat may have so many times its share waiting
RETRY_AFTER = 3  # seconds
WINDOW = 2_000  # rows of due work that may be pending at once
NOTABLE = 4  # the database is asked for chats that have taken this part of their share


@dataclass(frozen=True, slots=True)
class Asked:
    """A look into the database is under way: what was handled before it began, of updates and of own rows."""

    updates: int
    internal: int


class Backlog:
    """The numbers of pending rows as this process knows them; about once a second the database corrects them.

    Updates of Telegram are counted apart from the bot's own work: however much of that waits, updates are let in.
    `limit` is the number of pending updates from which on new ones are refused. One chat may have `max_chat` of them,
    and never more than there is room left for others: however many chats are flooded, another one finds room. What a
    chat has beyond its share does not count among the `limit`.
    """

    def __init__(self, limit: int, max_chat: int) -> None:
        self.limit = limit
        self.max_chat = max_chat
        self._share = max_chat
        self._updates = 0
        self._internal = 0
        self._aside = 0  # updates beyond their chats' shares
        self._handled = Asked(0, 0)  # since the start
        self._fullest: Mapping[int, int] = {}  # lanes with many updates, when they were counted last
        self._since: Counter[int] = Counter()  # by lane, what came and what was handled since then
        self._since_asked: Counter[int] = Counter()  # what was handled since the look that is under way

    @property
    def pending(self) -> int:
        """Rows that are not handled yet."""
        return self._updates + self._internal

    @property
    def room(self) -> int:
        """How much due work may come in now."""
        return WINDOW - self._internal

    @property
    def is_full(self) -> bool:
        """Whether updates are refused, whatever their chat."""
        return self._updates - self._aside >= self.limit

    @property
    def full_chats(self) -> dict[int, int]:
        """The lanes that have taken all of their share, with the number of their updates."""
        return {lane: count for lane in self._fullest if (count := self.waiting_in(lane)) >= self._share}

    @property
    def notable(self) -> int:
        """The number of pending updates from which on the database shall count a lane's."""
        return max(self._share // NOTABLE, 1)

    def waiting_in(self, lane: int) -> int:
        """How many updates wait in a lane: at least so many, where it has few."""
        return max(self._fullest.get(lane, 0) + self._since[lane], 0)

    def admit(self, lane: int, *, express: bool, aside: bool = False) -> None:
        """Raise IngestRefused if one more update is too many, ChatFull if it is for this lane alone.

        With `aside` a lane may have more than its share: its sender cannot be told to come again with it.
        """
        waiting = self.waiting_in(lane)
        if waiting >= (BEHIND * self.max_chat if aside else self._share):
            raise ChatFull(lane, waiting, RETRY_AFTER)
        beyond = aside and waiting >= self._share
        if not beyond and self._updates - self._aside >= self.limit * (EXPRESS_ROOM if express else 1):
            raise IngestRefused("too many updates are pending", RETRY_AFTER)

    def add(self, lane: int, *, internal: bool) -> None:
        """A row was stored."""
        if internal:
            self._internal += 1
            return
        self._updates += 1
        if self.waiting_in(lane) >= self._share:
            self._aside += 1
        self._since[lane] += 1

    def complete(self, lane: int, *, internal: bool) -> None:
        """A row has been handled."""
        handled = self._handled
        if internal:
            self._internal = max(self._internal - 1, 0)
            self._handled = Asked(handled.updates, handled.internal + 1)
            return
        self._updates = max(self._updates - 1, 0)
        self._handled = Asked(handled.updates + 1, handled.internal)
        self._since[lane] -= 1
        self._since_asked[lane] -= 1

    def ask(self) -> Asked:
        """The database is about to be asked; `correct` wants what this returns."""
        self._since_asked.clear()
        return self._handled

    def correct(self, *, pending: int, internal: int, asked: Asked, fullest: Mapping[int, int] | None = None) -> None:
        """So many rows are pending in the database, and so many of them are the bot's own work.

        What has been handled since it was `asked` may be in its answer, and must not come back. Better a row too few
        for a second than one too many. `fullest` are the lanes with many updates.
        """
        self._updates = max(pending - internal - (self._handled.updates - asked.updates), 0)
        self._internal = max(internal - (self._handled.internal - asked.internal), 0)
        self._fullest = fullest or {}
        self._since, self._since_asked = self._since_asked, Counter()
        self._share = self._fair_share()
        self._aside = self._beyond(self._share)

    def _beyond(self, share: int) -> int:
        return sum(max(self.waiting_in(lane) - share, 0) for lane in self._fullest)

    def _fair_share(self) -> int:
        """The largest share that leaves another chat as much room as any has: found by halving."""
        low, high = 1, self.max_chat
        while low < high:
            share = (low + high + 1) // 2
            if self._updates - self._beyond(share) + share <= self.limit:
                low = share
            else:
                high = share - 1
        return low
