"""What this process knows of the rows that it handles, until they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from astral_core.inbox.backlog import Backlog
from astral_core.inbox.express import Deadlines
from astral_core.inbox.lane import Lane
from astral_core.inbox.rows import InboxRow


class InFlight:
    """Which rows are suspects, and until when express rows are answered. One place ends a row: `complete`."""

    def __init__(self, backlog: Backlog, missed: Callable[[InboxRow], None]) -> None:
        self.deadlines = Deadlines(missed)
        self._backlog = backlog
        self._suspects: set[int] = set()

    @property
    def suspects(self) -> int:
        """How many rows are known here that may have killed a process."""
        return len(self._suspects)

    def suspect(self, rows: Iterable[InboxRow]) -> None:
        """The process that handled these rows before died, perhaps of one of them."""
        self._suspects.update(row.seq for row in rows)

    def is_suspect(self, row: InboxRow) -> bool:
        """Whether `row` may have killed a process."""
        return row.crashes > 0 or (bool(self._suspects) and row.seq in self._suspects)

    def complete(self, lane: Lane, seq: int) -> None:
        """The row is done, or is another's: it leaves memory."""
        internal = any(row.seq == seq and row.internal for row in lane.rows)
        lane.rows[:] = [row for row in lane.rows if row.seq != seq]
        self._suspects.discard(seq)
        self.deadlines.forget(seq)
        self._backlog.complete(lane.id, internal=internal)
