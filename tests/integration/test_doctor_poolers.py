"""A real PgBouncer between the bot and PostgreSQL: it works, or the start and the doctor say what to write.

It is the one on PATH, or that of ASTRAL_TEST_PGBOUNCER. An old one shows the refusal, a new one that all works.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from astral_core import Context
from astral_core.cli import cli
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import CORE, exclusively, upgrade
from astral_core.db.pooler import IGNORE, Way, find_way, refuse
from astral_core.doctor.database import check_database
from astral_core.errors import ConfigError
from astral_playground.telegram import TelegramEmulator
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.postgres import PostgresServer

pytestmark = pytest.mark.postgres
Bouncer = Callable[..., Any]
STATEMENTS = (1, 21)  # the first version that knows prepared statements in transaction mode
LOST = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture(scope="session")
def program() -> tuple[str, tuple[int, ...]]:
    """PgBouncer and its version."""
    found = (
        os.environ.get("ASTRAL_TEST_PGBOUNCER") or shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    )
    if found is None:
        pytest.skip("no pgbouncer is installed; ASTRAL_TEST_PGBOUNCER may name one")
    said = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout
    version = re.search(r"PgBouncer (\d+)\.(\d+)", said)
    assert version is not None, said
    return found, tuple(map(int, version.groups()))


@pytest.fixture
def is_new(program: tuple[str, tuple[int, ...]]) -> bool:
    """Whether this PgBouncer knows prepared statements."""
    return program[1] >= STATEMENTS


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a server's own user may read."""
    made = Path(tempfile.mkdtemp(prefix="astral-pooler-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def bouncer(
    program: tuple[str, tuple[int, ...]], postgres_server: PostgresServer, postgres_url: str, folder: Path
) -> Bouncer:
    """`async with bouncer("transaction", "a line") as url`: PgBouncer before this test's database."""
    if postgres_server.origin == "url":
        pytest.skip("the rules for logins of somebody else's server are not known")
    real = make_url(postgres_url)

    @asynccontextmanager
    async def start(mode: str, *lines: str) -> AsyncIterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        (folder / "users.txt").write_text('"postgres" ""\n', encoding="utf-8")
        settings = [
            "[databases]", f"* = host={real.query['host']} port=5432", "[pgbouncer]", "listen_addr = 127.0.0.1",
            f"listen_port = {port}", "unix_socket_dir =", "auth_type = trust", f"auth_file = {folder}/users.txt",
            f"pool_mode = {mode}", *lines,
        ]  # fmt: skip
        (folder / "pgbouncer.ini").write_text("\n".join(settings) + "\n", encoding="utf-8")
        user = ["-u", "postgres"] if os.geteuid() == 0 else []  # it does not run as root
        with subprocess.Popen(  # noqa: ASYNC220  # a test's own
            [program[0], *user, str(folder / "pgbouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                await listening(port, process)
                yield real.set(host="127.0.0.1", port=port).difference_update_query(["host"]).render_as_string(False)
            finally:
                process.kill()

    return start


async def listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens there."""
    async with asyncio.timeout(20):
        while process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)
    raise AssertionError(f"pgbouncer ended with {process.returncode}")


@contextlib.asynccontextmanager
async def opened(url: str, size: int = 4) -> AsyncIterator[Database]:
    """A database, closed at the end."""
    database = open_database(url, size)
    try:
        yield database
    finally:
        await database.dispose()


async def test_nothing_between_is_found_as_that(postgres_url: str) -> None:
    """One connection tells; nothing is missing and nothing is said."""
    assert await find_way(postgres_url) == Way()
    assert await refuse(postgres_url, None) is None


@pytest.mark.parametrize("more", [(), ("server_round_robin = 1",), ("default_pool_size = 2",)])
async def test_transaction_mode_is_found_by_trying(bouncer: Bouncer, is_new: bool, more: tuple[str, ...]) -> None:
    """However the pooler picks its connections, and however few it has."""
    async with bouncer("transaction", IGNORE, *more) as url:
        assert await find_way(url) == Way(True, False, is_new, LOST)


async def test_the_start_says_what_is_wrong_in_one_sentence(
    bouncer: Bouncer, postgres_url: str, is_new: bool
) -> None:
    """Parameters that are refused, statements that get mixed up, no way past the pooler: each with its fix."""
    async with bouncer("transaction") as url:
        with pytest.raises(
            ConfigError, match=r"a pooler such as PgBouncer refuses .* Fix: write `ignore_startup_par"
        ):
            await refuse(url, postgres_url)
    async with bouncer("transaction", IGNORE) as url:
        with pytest.raises(ConfigError, match="DIRECT_URL to PostgreSQL itself" if is_new else r"before 1\.21"):
            await refuse(url, None)
        where = "direct_url: a pooler in transaction mode" if is_new else "direct_url: the pooler before"
        with pytest.raises(ConfigError, match=where):
            await refuse(postgres_url, url)
    if is_new:
        async with bouncer("transaction", IGNORE, "max_prepared_statements = 0") as url:
            with pytest.raises(ConfigError, match="max_prepared_statements"):
                await refuse(url, postgres_url)


async def test_session_mode_does_what_postgresql_does(bouncer: Bouncer) -> None:
    """Locks and notifications pass it, so direct_url is not needed; lost time limits are told with their remedy."""
    async with bouncer("session", IGNORE) as url:
        assert await find_way(url) == Way(True, True, True, LOST)
        told = await refuse(url, None)
    assert told is not None
    assert "ALTER ROLE CURRENT_USER SET lock_timeout = 5000;" in told


async def test_the_remedy_for_lost_settings_mends_them(bouncer: Bouncer, postgres_url: str) -> None:
    """Whoever sets them where PostgreSQL itself gives them to new connections hears no more of it."""
    async with opened(postgres_url) as database, database.engine.begin() as connection:
        name = make_url(postgres_url).database
        for setting, value in (("lock_timeout", 5000), ("statement_timeout", 9000)):
            await connection.execute(text(f'ALTER DATABASE "{name}" SET {setting} = {value}'))
    async with bouncer("session", IGNORE) as url:
        assert (await find_way(url)).missing == ("idle_in_transaction_session_timeout",)


async def test_the_doctor_finds_the_pooler(
    bouncer: Bouncer, postgres_url: str, make_settings: Callable[..., Any], is_new: bool
) -> None:
    """By its code, with the setting that leads there."""

    async def codes(url: str, direct_url: str | None = None) -> dict[str, tuple[str, bool]]:
        settings = make_settings(database={"url": url, "direct_url": direct_url})
        return {one.code: (one.where, one.fatal) for one in await check_database(settings, [CORE])}

    lost = {"postgres-settings-lost": ("database.url", False)}
    async with bouncer("transaction", IGNORE) as url:
        if is_new:
            assert await codes(url) == {"postgres-pooler": ("database.url", True), **lost}
            assert await codes(url, postgres_url) == lost
            assert (await codes(postgres_url, url))["postgres-pooler"] == ("database.direct_url", True)
        else:
            assert await codes(url, postgres_url) == {"postgres-pooler-too-old": ("database.url", True), **lost}
    async with bouncer("session") as url:
        assert await codes(url) == {"postgres-pooler": ("database.url", True)}


async def test_one_migration_at_a_time_through_a_pooler_and_nothing_stays_behind(
    bouncer: Bouncer, postgres_url: str
) -> None:
    """Three at once are inside one after the other; no connection of the pooler keeps the lock or the patience."""
    name = make_url(postgres_url).database
    async with opened(postgres_url) as database, database.engine.begin() as connection:
        await connection.execute(text(f"ALTER DATABASE \"{name}\" SET lock_timeout = '7s'"))
    inside = most = 0

    async def migrate(url: str) -> None:
        nonlocal inside, most
        async with opened(url) as database, exclusively(database):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.05)
            inside -= 1

    async with bouncer("transaction", IGNORE, "default_pool_size = 4") as url:
        await asyncio.gather(*(migrate(url) for _ in range(3)))
        assert most == 1
        async with opened(postgres_url) as database, database.engine.connect() as connection:
            held = await connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
            assert held.scalar() == 0
        kept = [open_database(url, 1) for _ in range(4)]
        for database in kept:  # each holds one of the pooler's four connections
            async with database.engine.connect() as connection:
                assert (await connection.exec_driver_sql("SHOW lock_timeout")).scalar() == "7s"
            await database.dispose()


async def test_a_bot_behind_a_pooler(
    bouncer: Bouncer, postgres_url: str, make_plugin: Callable[..., Any], is_new: bool
) -> None:
    """With direct_url it migrates, answers and stops as on PostgreSQL itself; an old PgBouncer is refused."""

    async def hello(ctx: Context) -> None:
        await ctx.session.execute(text("SELECT 1"))
        ctx.reply("hello")

    plugin = make_plugin("good", commands={"hello": hello})
    async with bouncer("transaction", IGNORE, "default_pool_size = 4") as url, TelegramEmulator() as telegram:
        kit = BotKit(
            telegram, url, plugins=[plugin], overrides={"database": {"url": url, "direct_url": postgres_url}}
        )
        if not is_new:
            with pytest.raises(ConfigError, match=r"before 1\.21"):
                await kit.start()
            return
        await kit.start()
        try:
            people = [kit.user(f"Anna {number}") for number in range(12)]
            for _ in range(3):
                await asyncio.gather(*(person.send("/hello") for person in people))
                assert {(await person.wait_for("hello")).text for person in people} == {"hello"}
        finally:
            await kit.stop()


async def test_the_schema_is_upgraded_past_the_pooler(
    bouncer: Bouncer, postgres_url: str, monkeypatch: pytest.MonkeyPatch, is_new: bool, tmp_path: Path
) -> None:
    """`astral db upgrade` uses direct_url, and refuses what the start refuses."""
    from click.testing import CliRunner

    (tmp_path / "astral.toml").write_text("[host]\nenabled = []\n", encoding="utf-8")
    async with bouncer("transaction", IGNORE) as url:
        monkeypatch.setenv("ASTRAL_DATABASE__URL", url)
        refused = await asyncio.to_thread(CliRunner().invoke, cli, ["db", "upgrade"])
        assert isinstance(refused.exception, ConfigError), refused.output
        monkeypatch.setenv("ASTRAL_DATABASE__DIRECT_URL", postgres_url)
        done = await asyncio.to_thread(CliRunner().invoke, cli, ["db", "upgrade"])
        assert (done.exit_code == 0) is is_new, done.output
    async with opened(postgres_url) as database:
        await upgrade(database, [CORE])
