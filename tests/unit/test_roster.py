"""The roster: replicas that run different plugins are told apart, once for each change."""

from __future__ import annotations

from astral_core.roster import _disagreed, states_of


def test_replicas_that_agree_have_nothing_to_say() -> None:
    """The same states, also of plugins that are off everywhere, are no disagreement."""
    same = {"natal": "active", "playground": "disabled", "shop": "failed"}
    assert _disagreed({1: same, 2: dict(same)}) == {}


def test_a_plugin_that_runs_in_one_replica_only_is_named_with_both() -> None:
    """Whoever reads it knows which processes to look at."""
    found = _disagreed(
        {1: {"natal": "active"}, 2: {"natal": "failed"}, 3: {"natal": "active"}, 4: {"shop": "disabled"}}
    )
    assert found == {"natal": "active in 1, 3, failed in 2, not installed in 4"}


def test_replicas_that_have_said_nothing_yet_are_left_out() -> None:
    """One that is starting, or of an older version, disagrees with nobody."""
    assert _disagreed({1: {"natal": "active"}, 2: states_of("{}"), 3: states_of("no json")}) == {}
