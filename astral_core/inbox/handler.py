"""What lanes ask of whoever does their work: the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from astral_core.inbox.effect import SlotKey
from astral_core.inbox.rows import InboxRow

if TYPE_CHECKING:
    from astral_core.inbox.lanes import Lane


class Handler(Protocol):
    """Does the work of a lane: the worker."""

    async def step(self, lane: Lane) -> float:
        """Do the next thing of a lane; return the seconds to wait before the one after it."""
        ...

    async def keep(self, lane: Lane) -> None:
        """Write down what is half-sent in `lane`: the bot stops."""

    def inherit(self, rows: Sequence[InboxRow]) -> None:
        """These are the first rows of lanes whose process died."""

    def watch(self, row: InboxRow) -> None:
        """An express row has come."""

    def pace(self, lane: int, keys: Sequence[SlotKey]) -> None:
        """These slots of a lane are to show something."""

    def paces(self, lane: int) -> bool:
        """Whether a lane has slots that are to show something."""
        ...
