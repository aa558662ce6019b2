"""How many rows wait to be handled, and how many may."""

from __future__ import annotations

from astral_core.errors import IngestRefused

EXPRESS_ROOM = 2  # an express row is refused only if twice as many rows are pending as others are allowed
RETRY_AFTER = 3  # seconds


class Backlog:
    """The number of pending rows, as this process knows it; about once a second the database says how many there are.

    `limit` is the number of pending rows from which on new ones are refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._pending = 0

    @property
    def pending(self) -> int:
        """Rows that are not handled yet."""
        return self._pending

    def admit(self, *, express: bool) -> None:
        """Raise IngestRefused if one more row is too many."""
        if self._pending >= self.limit * (EXPRESS_ROOM if express else 1):
            raise IngestRefused("too many updates are pending", RETRY_AFTER)

    def add(self, rows: int) -> None:
        """So many rows were stored."""
        self._pending += rows

    def complete(self) -> None:
        """A row has been handled."""
        self._pending = max(self._pending - 1, 0)

    def correct(self, pending: int) -> None:
        """So many rows are pending in the database."""
        self._pending = pending
