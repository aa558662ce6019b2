"""assert_plugin_ok: one line holds a plugin to all static checks."""

from __future__ import annotations

import pytest

from astral_playground.testkit.ok import assert_plugin_ok


async def test_a_good_plugin_passes() -> None:
    """Also inside an asynchronous test."""
    assert_plugin_ok("analytics")


def test_a_finding_fails_with_its_cause_and_the_way_to_mend_it() -> None:
    """The message is the list of findings; those that a test ignores do not count."""
    with pytest.raises(AssertionError) as caught:
        assert_plugin_ok("profil")
    lines = str(caught.value).splitlines()
    assert lines[0] == "plugin 'profil': 1 finding."
    assert lines[1].startswith("  plugin-missing (profil): ")
    assert "Fix: Did you mean 'profile'?" in lines[1]
    assert_plugin_ok("profil", ignore=["plugin-missing"])
