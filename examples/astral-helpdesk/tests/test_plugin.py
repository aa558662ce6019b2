"""The plugin as a whole: what can be checked without a running bot."""

import pytest
from astral_playground.testkit.ok import assert_plugin_ok


def test_the_plugin_is_whole_on_sqlite() -> None:
    """Hooks, settings, declarations, Russian texts and migrations are as they must be."""
    assert_plugin_ok("helpdesk")


@pytest.mark.postgres
def test_the_migrations_run_on_postgresql(postgres_url: str) -> None:
    """They go up, down and up again there too, and make the tables of the code."""
    assert_plugin_ok("helpdesk", databases=[postgres_url])
