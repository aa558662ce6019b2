"""The lease: under which number this process claims lanes, and until when it may send."""

from __future__ import annotations

import time

LEASE = 7.0  # seconds after its last heartbeat for which a replica may send: less than FROZEN, by its own clock


class Lease:
    """Written by the replica, read by whatever claims lanes or sends.

    `shared`: other processes may take this one for dead, so that it may send only for a while after a heartbeat.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared
        self._number: int | None = None
        self._seen = 0.0
        self._claims = False

    @property
    def number(self) -> int | None:
        """What the database calls this process; None while it does not know it."""
        return self._number

    @property
    def owner(self) -> int | None:
        """The number under which lanes are claimed; None claims nothing."""
        return self._number if self._claims else None

    def grant(self, number: int) -> None:
        """The database knows this process as `number`."""
        self._number, self._seen = number, time.monotonic()

    def renew(self, since: float) -> None:
        """A heartbeat that began at `since`, by the monotonic clock, has succeeded."""
        self._seen = since

    def claim(self) -> None:
        """Claim lanes from now on."""
        self._claims = True

    def end(self) -> None:
        """The database does not know this process any more; its lanes may be another's."""
        self._number = None

    def valid(self) -> bool:
        """Whether no other replica can have been told yet that this one is dead."""
        return not self._shared or (self._number is not None and time.monotonic() - self._seen < LEASE)
