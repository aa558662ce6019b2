"""The count of pending rows, which the database corrects while it changes."""

from __future__ import annotations

from astral_core.inbox.backlog import Backlog


def test_a_correction_keeps_what_was_counted_since_the_database_was_asked() -> None:
    """A row that was handled while the answer was on its way does not come back."""
    backlog = Backlog(100)
    backlog.add(updates=2, internal=1)
    asked = backlog.counted
    backlog.complete(internal=False)
    backlog.complete(internal=True)
    backlog.correct(pending=3, internal=1, asked=asked)
    assert (backlog.pending, backlog.counted) == (1, (1, 0))


def test_a_correction_is_the_databases_word_and_never_below_zero() -> None:
    """What this process has miscounted is put right; what was handled before the count is not taken off twice."""
    backlog = Backlog(100)
    backlog.add(updates=7, internal=7)
    backlog.correct(pending=2, internal=1)
    assert backlog.counted == (1, 1)
    asked = backlog.counted
    backlog.complete(internal=False)
    backlog.correct(pending=0, internal=0, asked=asked)
    assert backlog.pending == 0
