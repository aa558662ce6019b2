"""A plugin's context for its own commands: with the configured database, and without a running bot."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from astral_core import core_users, offline_context
from astral_core.config import load_settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.db import migrate
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE
from astral_core.errors import MigrationError, PluginLoadError
from astral_core.host.host import load


@pytest.fixture
def configured(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bot that was never started, with the plugin profile; its database's address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASTRAL_TELEGRAM__TOKEN", "42:some-token-of-nobody-but-the-tests")
    monkeypatch.setenv("ASTRAL_DATABASE__URL", sqlite_url)
    monkeypatch.setenv("ASTRAL_HOST__ENABLED", '["profile"]')
    return sqlite_url


async def test_a_plugin_that_is_not_there_is_named(configured: str) -> None:
    """Not installed, or switched off."""
    for name, why in (("weather", "not installed"), ("payments", "switched off")):
        with pytest.raises(PluginLoadError, match=f"{name}.*{why}"):
            async with offline_context(name):
                pass


async def test_a_database_that_is_behind_is_an_error_that_says_what_to_do(configured: str) -> None:
    """Nothing is migrated by the way: that is for the owner to decide."""
    with pytest.raises(MigrationError, match="astral db upgrade"):
        async with offline_context("profile"):
            pass
    database = open_database(configured, pool_size=2)
    try:
        await migrate.upgrade(database, [CORE])
    finally:
        await database.dispose()
    with pytest.raises(MigrationError, match="astral db upgrade"):
        async with offline_context("profile"):
            pass


async def test_units_of_work_read_and_write(configured: str) -> None:
    """As in a running bot."""
    database = open_database(configured, pool_size=2)
    try:
        await migrate.upgrade(database, load(load_settings(), core_plugin, enforce=False).chains())
    finally:
        await database.dispose()
    async with offline_context("profile") as ctx:
        assert ctx.id == "profile"
        async with ctx.work() as work:
            await work.session.execute(core_users.insert().values(id=7, first_name="Anna"))
        async with ctx.work() as work:
            count = (await work.session.execute(select(func.count()).select_from(core_users))).scalar_one()
    assert count == 1
