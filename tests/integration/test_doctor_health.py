"""`astral doctor` asks the plugins how they are: with their tables to read, and without a running bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from astral_core.db import migrate
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE
from astral_core.db.tables import DEAD, core_inbox, core_users, now
from astral_core.doctor import diagnose
from astral_core.doctor import health as doctor_health
from astral_core.finding import Finding
from astral_core.host.health import HealthHooks

HEAD = (
    "import asyncio\nfrom sqlalchemy import func, select, text\n"
    "from astral_core import core_users, Health, HealthFinding, N_, Plugin\n\nplugin = Plugin()\n\n"
    "@plugin.hook\nasync def astral_health(ctx):\n    "
)
Install = Callable[[str, str], None]
ADMIN = 4242


@pytest.fixture
def ill(install: Install, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`ill("weather", body)`: a plugin is installed and enabled whose astral_health has this body."""

    def make(name: str, body: str) -> None:
        install(name, HEAD + body)
        monkeypatch.setenv("ASTRAL_HOST__ENABLED", f'["{name}"]')

    return make


@pytest.fixture
async def url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bot with which nothing is wrong and its database; its admin has written to it."""
    (tmp_path / "astral.toml").write_text(
        f"admins = [{ADMIN}]\n[host]\nenabled = []\n[web]\nport = 0\n", encoding="utf-8"
    )
    monkeypatch.setenv("ASTRAL_TELEGRAM__TOKEN", "42:some-token-of-nobody-but-the-tests")
    monkeypatch.setenv("ASTRAL_DATABASE__URL", database_url)
    database = open_database(database_url, pool_size=2)
    try:
        await migrate.upgrade(database, [CORE])
        async with database.engine.begin() as connection:
            await connection.execute(insert(core_users).values(id=ADMIN, first_name="Olga"))
    finally:
        await database.dispose()
    return database_url


async def change(url: str, statement: object) -> None:
    """Run one statement."""
    database = open_database(url, pool_size=2)
    try:
        async with database.engine.begin() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]
    finally:
        await database.dispose()


async def found() -> list[Finding]:
    """What the doctor finds."""
    return await asyncio.to_thread(diagnose, offline=True)


async def test_an_admin_whom_no_alert_reaches_is_a_note(url: str) -> None:
    """They have blocked the bot, or have never pressed Start."""
    assert await found() == []
    await change(url, update(core_users).values(blocked_at=now()))
    (blocked,) = await found()
    assert (blocked.code, blocked.fatal) == ("admin-unreachable", False)
    assert f"the admin {ADMIN} has blocked the bot" in blocked.cause
    await change(url, update(core_users).values(id=1, blocked_at=None))
    (unknown,) = await found()
    assert f"the admin {ADMIN} has never written to the bot" in unknown.cause
    assert "press Start" in unknown.fix


async def test_the_core_tells_of_dead_letters(url: str) -> None:
    """Under its own code; a warning is a note."""
    await change(url, insert(core_inbox).values(source="x", ext_id="1", lane=1, kind="message", state=DEAD))
    (finding,) = await found()
    assert (finding.code, finding.where, finding.fatal) == ("health", "core.dead-letters", False)
    assert finding.cause == "Dead letters: 1."
    assert "astral inbox list --dead" in finding.fix
    assert "<code>" not in finding.fix


async def test_a_plugin_reads_the_database_and_tells_what_is_wrong(url: str, ill: Install) -> None:
    """An error of a plugin is fatal; its text is filled in, without markup."""
    body = (
        "async with ctx.work() as work:\n"
        "        n = (await work.session.execute(select(func.count()).select_from(core_users))).scalar_one()\n"
        "    values = {'n': n, 'what': '<i>'}\n"
        "    return Health([HealthFinding('rain', N_('<b>{n}</b> & wet'), N_('Dry {what}.'), 'error', values)])\n"
    )
    ill("weather", body)
    (finding,) = await found()
    assert (finding.code, finding.where, finding.fatal) == ("health", "weather.rain", True)
    assert (finding.cause, finding.fix) == ("1 & wet", "Dry <i>.")


@pytest.mark.parametrize(
    "body",
    [
        "raise RuntimeError('hunter2')\n",
        "await asyncio.Event().wait()\n",
        "async with ctx.work() as work:\n        await work.session.execute(text('DELETE FROM core_users'))\n",
        "async with ctx.work() as work:\n        work.alert('key', N_('text'))\n",
    ],
    ids=["raises", "hangs", "writes", "alerts"],
)
async def test_a_plugin_that_cannot_say_how_it_is_is_a_note(
    url: str, ill: Install, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """Also one that tries to write: the doctor changes nothing. What the error says is not shown."""
    monkeypatch.setattr(doctor_health, "HealthHooks", lambda host, skip: HealthHooks(host, 1.0, skip))
    ill("weather", body)
    (finding,) = await found()
    assert (finding.code, finding.where, finding.fatal) == ("health-failed", "plugin weather", False)
    assert "hunter2" not in str(finding)
    monkeypatch.setenv("ASTRAL_HOST__ENABLED", "[]")
    assert await found() == []  # the admin is still there
