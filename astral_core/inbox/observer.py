"""What the inbox tells of its work: to metrics and to telemetry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from astral_core.handled import Handled


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Observer:
    """Callbacks, each for one kind of event; they must be quick and must not fail."""

    handled: Callable[[Handled], None] = _nothing  # a row was handled
    committed: Callable[[int, float], None] = _nothing  # a group commit: its operations and its seconds
    fenced: Callable[[], None] = _nothing  # work was rolled back because the row was another process's by then
    doubtful: Callable[[], None] = _nothing  # a message is sent again although the first time may have succeeded
    taken_over: Callable[[], None] = _nothing  # another replica was found dead
