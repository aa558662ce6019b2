"""The count of pending rows, which the database corrects while it changes, and the room that a chat has in it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.errors import ChatFull, IngestRefused
from astral_core.inbox.backlog import BEHIND, Backlog


def test_what_is_handled_while_the_database_is_asked_does_not_come_back() -> None:
    """Its answer may be older than the end of a row."""
    backlog = Backlog(100, 100)
    for internal in (False, False, True):
        backlog.add(1, internal=internal)
    asked = backlog.ask()
    backlog.complete(1, internal=False)
    backlog.complete(1, internal=True)
    backlog.correct(pending=3, internal=1, asked=asked)
    assert backlog.pending == 1


def test_what_comes_in_while_the_database_is_asked_is_not_counted_twice() -> None:
    """It may be in the answer already."""
    backlog = Backlog(100, 100)
    asked = backlog.ask()
    backlog.add(1, internal=False)
    backlog.correct(pending=1, internal=0, asked=asked)
    assert backlog.pending == 1


def test_a_correction_is_the_databases_word_and_never_below_zero() -> None:
    """What this process has miscounted is put right; what was handled before the count is not taken off twice."""
    backlog = Backlog(100, 100)
    for internal in [False] * 7 + [True] * 7:
        backlog.add(1, internal=internal)
    backlog.correct(pending=2, internal=1, asked=backlog.ask())
    assert (backlog.pending, backlog.room) == (2, 1_999)
    asked = backlog.ask()
    backlog.complete(1, internal=False)
    backlog.correct(pending=0, internal=0, asked=asked)
    assert backlog.pending == 0


def refused(backlog: Backlog, lane: int, **how: bool) -> type[IngestRefused] | None:
    """What one more update of a chat gets."""
    try:
        backlog.admit(lane, **{"express": False, **how})
    except IngestRefused as error:
        return type(error)
    backlog.add(lane, internal=False)
    return None


def test_a_chat_that_has_its_share_is_refused_alone() -> None:
    """Others are let in; when some of its updates are handled, so is it."""
    backlog = Backlog(100, 10)
    assert [refused(backlog, 7) for _ in range(10)] == [None] * 10
    assert refused(backlog, 7) is ChatFull
    assert refused(backlog, 8) is None
    backlog.complete(7, internal=False)
    assert refused(backlog, 7) is None


def test_a_share_is_counted_by_the_database_too() -> None:
    """What other replicas have stored, and what was there before the start."""
    backlog = Backlog(100, 10)
    backlog.correct(pending=12, internal=0, asked=backlog.ask(), fullest={7: 10})
    assert refused(backlog, 7) is ChatFull
    assert backlog.full_chats == {7: 10}
    assert [refused(backlog, 8) for _ in range(3)] == [None] * 3


def test_what_cannot_be_refused_waits_behind_the_share_and_takes_no_room_of_others() -> None:
    """Polled updates of one chat: five times its share, and the room for others stays what it was."""
    backlog = Backlog(20, 10)
    assert [refused(backlog, 7, aside=True) for _ in range(10 * BEHIND)] == [None] * 10 * BEHIND
    assert refused(backlog, 7, aside=True) is ChatFull
    assert [refused(backlog, lane) for lane in range(100, 110)] == [None] * 10
    assert backlog.is_full
    assert refused(backlog, 200) is IngestRefused


def test_work_of_the_bots_own_takes_no_room() -> None:
    """However much of it waits."""
    backlog = Backlog(5, 5)
    for _ in range(50):
        backlog.add(7, internal=True)
    assert refused(backlog, 7) is None


@given(
    floods=st.dictionaries(st.integers(1, 30), st.integers(0, 400), max_size=30), calm=st.integers(0, 50),
    limit=st.integers(100, 300), max_chat=st.integers(1, 300),
)  # fmt: skip
def test_however_many_chats_are_flooded_another_one_finds_room(
    floods: dict[int, int], calm: int, limit: int, max_chat: int
) -> None:
    """Each second the database tells how full the fullest are; a chat that has nothing waiting gets in.

    So it is while there are fewer chats than the room has updates.
    """
    backlog, waiting = Backlog(limit, max_chat), Counter[int]()
    for number in range(calm):
        assert refused(backlog, 1_000 + number) is None
        waiting[1_000 + number] += 1
    while any(floods.values()):
        for lane in [lane for lane, left in floods.items() if left]:
            burst = min(floods[lane], max(limit // 40, 1))
            for _ in range(burst):
                if refused(backlog, lane) is None:
                    waiting[lane] += 1
            floods[lane] -= burst
            asked, least = backlog.ask(), backlog.notable
            fullest = {lane: count for lane, count in waiting.items() if count >= least}
            backlog.correct(pending=waiting.total(), internal=0, asked=asked, fullest=fullest)
    assert backlog.pending == waiting.total() <= limit + max_chat
    backlog.admit(-1, express=False)


@pytest.mark.parametrize("express", [False, True])
def test_an_update_that_must_be_answered_at_once_has_twice_the_room(express: bool) -> None:
    """Of all chats together."""
    backlog = Backlog(2, 100)
    for lane in (1, 2):
        assert refused(backlog, lane) is None
    assert refused(backlog, 3, express=express) is (None if express else IngestRefused)
