"""`astral doctor` and the database: real files, a real PostgreSQL, a pooler between, a bot that runs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url

from astral_core.cli import cli
from astral_core.config import Settings
from astral_core.db import migrate
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, Chain
from astral_core.doctor import database as doctor_database
from astral_core.doctor import diagnose
from astral_core.doctor.database import check_database, check_sqlite
from astral_core.finding import Finding
from astral_core.inbox.filelock import FileLock
from astral_playground.telegram.emulator import TelegramEmulator
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.postgres import PostgresServer
from astral_playground.testkit.process import until

Check = Callable[..., Any]
# An @ would make a host of what follows: nothing is looked up here.
ODD_CHARACTERS = st.characters(codec="ascii", categories=["L", "N", "P", "S", "Z"], exclude_characters="@")
ODD = "p@ss:w/ord? #%25hunter2\\'\""


def found(findings: list[Finding]) -> dict[str, Finding]:
    """By code."""
    return {finding.code: finding for finding in findings}


@pytest.fixture
def check(make_settings: Callable[..., Settings]) -> Check:
    """`await check(url, ...)`: what the doctor finds in the database; keywords are settings of [database]."""

    async def run(url: str, *more: Chain, oldest: int = 14, **database: Any) -> dict[str, Finding]:
        settings = make_settings(database={"url": url, **database})
        return found(await check_database(settings, [CORE, *more], oldest=oldest))

    return run


async def upgrade(url: str) -> None:
    """Make the core's tables."""
    database = open_database(url, pool_size=2)
    try:
        await migrate.upgrade(database, [CORE])
    finally:
        await database.dispose()


async def execute(url: str, statement: str) -> None:
    """Run one statement."""
    database = open_database(url, pool_size=2)
    try:
        async with database.engine.begin() as connection:
            await connection.execute(text(statement))
    finally:
        await database.dispose()


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A bot with which nothing is wrong but its database; what is returned sets more variables."""
    (tmp_path / "astral.toml").write_text("admins = [1]\n[host]\nenabled = []\n[web]\nport = 0\n", encoding="utf-8")
    monkeypatch.setenv("ASTRAL_TELEGRAM__TOKEN", "42:some-token-of-nobody-but-the-tests")
    return monkeypatch


# --- the URL and the folder ---


def test_a_folder_that_is_not_there_and_one_that_takes_nothing(bot: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is tried, since permissions alone do not tell, and nothing is left behind."""
    bot.setenv("ASTRAL_DATABASE__URL", f"sqlite:///{tmp_path}/absent/bot.db")
    assert found(diagnose(offline=True))["folder-not-writable"].fatal
    bot.setenv("ASTRAL_DATABASE__URL", "sqlite:////proc/bot.db")
    assert "/proc" in found(diagnose(offline=True))["folder-not-writable"].cause
    assert [path.name for path in tmp_path.iterdir()] == ["astral.toml"]


@pytest.mark.parametrize(
    "url",
    ["mysql://me:{}@host/db", "sqlite://", "{}", "postgresql://me:{}@host:no/db", "postgresql://me:a@b:{}/c@h/db"],
)
def test_a_url_that_is_none_is_told_and_not_shown(bot: pytest.MonkeyPatch, url: str) -> None:
    """A password with odd characters makes a URL that none can read: they have to be escaped."""
    bot.setenv("ASTRAL_DATABASE__URL", url.format("hunter2hunter2"))
    findings = diagnose(offline=True)
    assert found(findings)["database-url-invalid"].fatal
    assert "hunter2" not in str(findings)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=st.text(ODD_CHARACTERS, min_size=6, max_size=20))
def test_no_password_is_ever_shown(bot: pytest.MonkeyPatch, password: str) -> None:
    """However odd its characters are, as they are or as a URL spells them."""
    secret = f"hunter2{password}"
    bot.setenv("ASTRAL_DATABASE__URL", f"postgresql://me:{secret}@127.0.0.1:1/db")
    bot.setenv("ASTRAL_TELEGRAM__TOKEN", secret)
    result = CliRunner().invoke(cli, ["doctor", "--offline", "--json"])
    assert result.exit_code == 1, result.output
    assert "hunter2" not in result.output


# --- both databases ---


async def test_a_new_database_and_one_that_fits_give_no_finding(check: Check, database_url: str) -> None:
    """The first start makes the tables: that is no fault, and the doctor does not do it."""
    assert await check(database_url) == {}
    await upgrade(database_url)
    assert await check(database_url) == {}


async def test_a_schema_that_is_behind_is_a_note_where_the_start_upgrades_it(check: Check, database_url: str) -> None:
    """And fatal where the start is not allowed to; a new database is then behind, too."""
    assert (await check(database_url, auto_migrate=False))["schema-behind"].fatal
    await upgrade(database_url)
    await execute(database_url, "UPDATE core_schema_version SET version_num = 'core_0001'")
    finding = (await check(database_url))["schema-behind"]
    assert (finding.where, finding.fatal) == ("schema of core", False)
    assert (await check(database_url, auto_migrate=False))["schema-behind"].fatal


async def test_a_schema_of_a_newer_version_is_told(check: Check, database_url: str) -> None:
    """An older version was installed over a newer schema; the database is left as it is."""
    await upgrade(database_url)
    await execute(database_url, "UPDATE core_schema_version SET version_num = '9999'")
    finding = (await check(database_url))["schema-ahead"]
    assert finding.fatal
    assert "'9999'" in finding.cause


async def test_version_files_that_cannot_be_read_are_told(check: Check, database_url: str) -> None:
    """With the plugin; the others' schemas are looked at all the same."""
    await upgrade(database_url)
    finding = (await check(database_url, Chain("weather", "there_is_no_such_package")))["schema-unreadable"]
    assert finding.where == "schema of weather"
    assert "there_is_no_such_package" in finding.cause


# --- SQLite ---


async def test_a_file_that_is_no_database_is_told(check: Check, tmp_path: Path) -> None:
    """Whatever stands in it."""
    (tmp_path / "bot.db").write_text("no database, though long enough to have a header like one " * 10)
    assert (await check(f"sqlite:///{tmp_path}/bot.db"))["database-unreachable"].fatal


def test_a_file_on_a_network_is_a_note(tmp_path: Path) -> None:
    """As the system's list of file systems tells; the innermost one counts."""
    mounts = tmp_path / "mounts"
    place = str(tmp_path).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/export {place} nfs4 rw 0 0\n", encoding="utf-8")
    (finding,) = check_sqlite(tmp_path / "bot.db", mounts=mounts)
    assert (finding.code, finding.fatal) == ("sqlite-network-filesystem", False)
    assert "nfs4" in finding.cause
    mounts.write_text(f"server:/export / nfs4 rw 0 0\n/dev/sda1 {place} ext4 rw 0 0\n", encoding="utf-8")
    assert list(check_sqlite(tmp_path / "bot.db", mounts=mounts)) == []
    assert list(check_sqlite(tmp_path / "bot.db", mounts=tmp_path / "absent")) == []


async def test_a_file_that_another_process_holds_is_a_note(check: Check, sqlite_url: str) -> None:
    """With its number; the lock stays where it is, and a free one stays free."""
    file = str(make_url(sqlite_url).database)
    lock = FileLock(file)
    lock.acquire()
    finding = (await check(sqlite_url))["sqlite-in-use"]
    assert not finding.fatal
    lock.release()
    assert await check(sqlite_url) == {}
    lock.acquire()
    lock.release()


async def test_beside_the_bot_itself_the_doctor_finds_nothing_fatal(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot holds its database and its port: both are told as what they are."""
    async with TelegramEmulator() as telegram:
        kit = BotKit(telegram, sqlite_url, plugins=[])
        await kit.start()
        await until(lambda: kit.running.readiness.serving)
        try:
            (tmp_path / "astral.toml").write_text("admins = [1]\n[host]\nenabled = []\n", encoding="utf-8")
            environment = {
                "TELEGRAM__TOKEN": telegram.token, "TELEGRAM__API_URL": telegram.api_url,
                "DATABASE__URL": sqlite_url, "WEB__PORT": str(kit.port),
            }  # fmt: skip
            for name, value in environment.items():
                monkeypatch.setenv(f"ASTRAL_{name}", value)
            findings = found(await asyncio.to_thread(diagnose))
        finally:
            await kit.stop()
    assert set(findings) == {"port-taken", "sqlite-in-use", "admin-unreachable"}
    assert not any(finding.fatal for finding in findings.values())


# --- PostgreSQL ---


@pytest.mark.postgres
async def test_an_old_postgresql_is_told(check: Check, postgres_url: str) -> None:
    """With its version and the oldest that will do."""
    finding = (await check(postgres_url, oldest=99))["postgres-too-old"]
    assert finding.fatal
    assert "99 or newer" in finding.fix


@pytest.mark.postgres
async def test_fewer_connections_than_the_bot_may_take_are_a_note(check: Check, postgres_url: str) -> None:
    """The pool and seven more have to fit."""
    finding = (await check(postgres_url, pool_size=100_000))["postgres-connections-few"]
    assert not finding.fatal
    assert "100008" in finding.cause


async def test_a_server_that_is_not_there_is_told_without_its_password(check: Check) -> None:
    """The kind of error, and no word of the URL."""
    url = make_url("postgresql://owner@127.0.0.1:1/astral").set(password=ODD).render_as_string(hide_password=False)
    finding = (await check(url, direct_url=url))["database-unreachable"]
    assert finding.fatal
    assert "hunter2" not in str(finding)
    assert "127.0.0.1" not in str(finding)


@pytest.mark.postgres
async def test_a_database_that_is_not_there_is_told(check: Check, postgres_url: str) -> None:
    """With PostgreSQL's own code for it."""
    url = make_url(postgres_url).set(database="absent").render_as_string(hide_password=False)
    assert "3D000" in (await check(url))["database-unreachable"].cause


@pytest.fixture
def user_with_password(postgres_server: PostgresServer) -> Iterator[str]:
    """A user that has to give the password `ODD`."""
    if postgres_server.origin == "url":
        pytest.skip("the rules for logins of somebody else's server are not changed")
    name = "doctor_with_password"
    quoted = ODD.replace("'", "''")
    rules = Path(postgres_server.execute("SHOW hba_file"))
    before = rules.read_text(encoding="utf-8")
    postgres_server.execute("SET standard_conforming_strings = on")
    postgres_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{quoted}'")
    rules.write_text(f"local all {name} scram-sha-256\n{before}", encoding="utf-8")
    postgres_server.execute("SELECT pg_reload_conf()")
    try:
        yield name
    finally:
        rules.write_text(before, encoding="utf-8")
        postgres_server.execute("SELECT pg_reload_conf()")
        postgres_server.execute(f"DROP ROLE {name}")


@pytest.mark.postgres
async def test_a_refused_password_is_told_and_not_shown(
    check: Check, postgres_url: str, user_with_password: str, until: Check
) -> None:
    """The right one passes, however odd its characters are; a wrong one and an unknown user are refused."""
    url = make_url(postgres_url).set(username=user_with_password)
    wrong = url.set(password=f"{ODD}-wrong").render_as_string(hide_password=False)
    await until(lambda: check(wrong))  # the server reads its new rules in its own time
    findings = await check(wrong)
    assert findings["database-password-refused"].fatal
    assert "hunter2" not in json.dumps(findings["database-password-refused"].record())
    assert await check(url.set(password=ODD).render_as_string(hide_password=False)) == {}
    assert (
        "28000"
        in (await check(url.set(username="absent", password="x").render_as_string(hide_password=False)))[
            "database-password-refused"
        ].cause
    )


@contextlib.asynccontextmanager
async def pooler(postgres_url: str, answer: bytes = b"") -> AsyncIterator[str]:
    """The URL of something that, as a pooler does, gives out connection numbers of its own.

    With an `answer` it refuses what the client says at first.
    """
    parsed = make_url(postgres_url)
    host, port = parsed.query.get("host", parsed.host), parsed.port or 5432
    running: set[Any] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        if answer:
            if (await reader.readexactly(8))[4:] == b"\x04\xd2\x16\x2f":  # it asks for TLS first: no
                writer.write(b"N")
                await reader.readexactly(8)
            await reader.read(4096)
            writer.write(answer)
            writer.close()
            return
        there = (
            await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            if str(host).startswith("/")
            else await asyncio.open_connection(str(host), port)
        )
        try:
            await asyncio.gather(pass_on(reader, there[1], change=False), pass_on(there[0], writer, change=True))
        finally:
            there[1].close()
            writer.close()

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, change: bool) -> None:
        while data := await source.read(65_536):
            at = data.find(b"K\x00\x00\x00") if change else -1
            if at >= 0:  # BackendKeyData: its length, the process, a secret
                data, change = data[: at + 5] + struct.pack("!i", 7) + data[at + 9 :], False
            sink.write(data)
            await sink.drain()
        sink.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        local = parsed.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1]).difference_update_query(
            ["host"]
        )
        yield local.render_as_string(hide_password=False)
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is closed in the loop's next turn


@pytest.mark.postgres
async def test_a_pooler_that_changes_nothing_is_no_finding(check: Check, postgres_url: str) -> None:
    """One that gives each connection a server process of its own; test_doctor_poolers.py has others."""
    async with pooler(postgres_url) as url:
        assert await check(url) == await check(url, direct_url=url) == {}


@pytest.mark.postgres
async def test_a_database_far_away_is_a_note(
    check: Check, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the milliseconds of a question and its answer: a post needs several."""
    monkeypatch.setattr(doctor_database, "FAR", 0.0)
    finding = (await check(postgres_url))["postgres-far"]
    assert not finding.fatal
    assert re.search(r"answers after \d+ ms", finding.cause)


@pytest.mark.postgres
async def test_a_pooler_that_refuses_the_bots_parameters_is_fatal(check: Check, postgres_url: str) -> None:
    """In PgBouncer's words; the fix names its setting."""
    words = b"SFATAL\x00C08P01\x00Munsupported startup parameter: lock_timeout\x00\x00"
    async with pooler(postgres_url, b"E" + struct.pack("!i", len(words) + 4) + words) as url:
        findings = await check(url)
    assert list(findings) == ["postgres-pooler"]
    finding = findings["postgres-pooler"]
    assert finding.fatal
    assert "ignore_startup_parameters" in finding.fix
