"""The count of pending rows, which the database corrects while it changes."""

from __future__ import annotations

from astral_core.inbox.backlog import Backlog


def test_what_is_handled_while_the_database_is_asked_does_not_come_back() -> None:
    """Its answer may be older than the end of a row."""
    backlog = Backlog(100)
    backlog.add(updates=2, internal=1)
    asked = backlog.completed
    backlog.complete(internal=False)
    backlog.complete(internal=True)
    backlog.correct(pending=3, internal=1, asked=asked)
    assert backlog.pending == 1


def test_what_comes_in_while_the_database_is_asked_is_not_counted_twice() -> None:
    """It may be in the answer already."""
    backlog = Backlog(100)
    asked = backlog.completed
    backlog.add(updates=1, internal=0)
    backlog.correct(pending=1, internal=0, asked=asked)
    assert backlog.pending == 1


def test_a_correction_is_the_databases_word_and_never_below_zero() -> None:
    """What this process has miscounted is put right; what was handled before the count is not taken off twice."""
    backlog = Backlog(100)
    backlog.add(updates=7, internal=7)
    backlog.correct(pending=2, internal=1)
    assert (backlog.pending, backlog.room) == (2, 1_999)
    asked = backlog.completed
    backlog.complete(internal=False)
    backlog.correct(pending=0, internal=0, asked=asked)
    assert backlog.pending == 0
