"""Merging what two chats have changed at the same time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.ptb.merge import merged

sets = st.sets(st.integers(0, 6))
dicts = st.dictionaries(
    st.sampled_from("abcd"), st.integers(0, 3) | st.dictionaries(st.sampled_from("xy"), st.integers(0, 3))
)


@given(sets, sets, sets)
def test_each_member_of_a_set_is_a_change_of_its_own(base: set[int], mine: set[int], theirs: set[int]) -> None:
    """Nothing that somebody added or took out is lost."""
    found, lost = merged(base, mine, theirs)
    assert not lost
    for one in range(7):
        changed = [side for side in (mine, theirs) if (one in side) != (one in base)]
        assert (one in found) == ((one in changed[0]) if changed else (one in base))


@given(dicts, dicts)
def test_who_changed_nothing_loses_nothing(base: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Theirs stays as it is."""
    assert merged(base, base, theirs) == (theirs, False)


@given(dicts, dicts)
def test_where_nobody_else_changed_anything_mine_stays(base: dict[str, Any], mine: dict[str, Any]) -> None:
    """And nothing is reported as lost."""
    assert merged(base, mine, base) == (mine, False)


@given(dicts, dicts, dicts)
def test_each_key_of_a_dict_is_a_change_of_its_own(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """A key that only one has changed is as that one left it."""
    found, _ = merged(base, mine, theirs)
    for key in "abcd":
        if mine.get(key) == base.get(key):
            assert found.get(key) == theirs.get(key)
        elif theirs.get(key) == base.get(key):
            assert found.get(key) == mine.get(key)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "found", "lost"),
    [
        (1, 2, 3, 2, True),
        (1, 2, 1, 2, False),
        (1, 2, 2, 2, True),  # both have counted
        ("a", "b", "b", "b", False),
        ([1], [1, 2], [1, 3], [1, 2], True),
        ({"n": 1}, {"n": 2}, {"n": 1, "m": 5}, {"n": 2, "m": 5}, False),
        ({"n": 1}, {}, {"n": 2}, {}, True),
        ({"n": 1}, {"n": 2}, {}, {"n": 2}, True),
        ({}, {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1}}, True),
        (None, 1, {2}, 1, True),
    ],
)
def test_known_cases(base: Any, mine: Any, theirs: Any, found: Any, lost: bool) -> None:
    """The later one wins where both have changed the same."""
    assert merged(base, mine, theirs) == (found, lost)
