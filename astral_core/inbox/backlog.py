"""How many rows wait to be handled, and how many may."""

from __future__ import annotations

from astral_core.errors import IngestRefused

EXPRESS_ROOM = 2  # an express row is refused only if twice as many updates are pending as others are allowed
RETRY_AFTER = 3  # seconds
WINDOW = 2_000  # rows of due work that may be pending at once


class Backlog:
    """The numbers of pending rows as this process knows them; about once a second the database corrects them.

    Updates of Telegram are counted apart from the bot's own work: however much of that waits, updates are let in.
    `limit` is the number of pending updates from which on new ones are refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._updates = 0
        self._internal = 0
        self._completed = (0, 0)  # updates and the bot's own rows, since the start

    @property
    def pending(self) -> int:
        """Rows that are not handled yet."""
        return self._updates + self._internal

    @property
    def room(self) -> int:
        """How much due work may come in now."""
        return WINDOW - self._internal

    def admit(self, *, express: bool) -> None:
        """Raise IngestRefused if one more update is too many."""
        if self._updates >= self.limit * (EXPRESS_ROOM if express else 1):
            raise IngestRefused("too many updates are pending", RETRY_AFTER)

    def add(self, *, updates: int, internal: int) -> None:
        """So many rows were stored."""
        self._updates += updates
        self._internal += internal

    def complete(self, *, internal: bool) -> None:
        """A row has been handled."""
        updates, own = self._completed
        if internal:
            self._internal = max(self._internal - 1, 0)
            self._completed = updates, own + 1
        else:
            self._updates = max(self._updates - 1, 0)
            self._completed = updates + 1, own

    @property
    def completed(self) -> tuple[int, int]:
        """How many updates and how many of the bot's own rows have been handled since the start."""
        return self._completed

    def correct(self, *, pending: int, internal: int, asked: tuple[int, int] | None = None) -> None:
        """So many rows are pending in the database, and so many of them are the bot's own work.

        `asked` is what was `completed` when the database was asked: what has been handled since may be in its answer,
        and must not come back. Better a row too few for a second than one too many.
        """
        updates, own = asked or self._completed
        self._updates = max(pending - internal - (self._completed[0] - updates), 0)
        self._internal = max(internal - (self._completed[1] - own), 0)
