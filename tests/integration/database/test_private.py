"""Who may read the files of a SQLite database, and what is hidden of a database's URL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from astral_core.config import Settings
from astral_core.db import wipe
from astral_core.db.engine import Database, open_database
from astral_core.db.migrate import CORE, upgrade
from astral_core.db.tables import now
from astral_core.db.wipe import Vacuum, truncate_log
from astral_core.errors import ConfigError
from astral_core.inbox import retention
from astral_core.inbox.build import detached_store
from astral_core.inbox.retention import compact
from astral_core.inbox.store import Store
from astral_core.known_secrets import known_secrets
from astral_playground.testkit.bot import bot_kit


class Files:
    """The files of a SQLite database, looked at from outside."""

    def __init__(self, url: str) -> None:
        self.path = Path(str(make_url(url).database))
        self.wal, shm, self.lock = (self.path.with_name(self.path.name + end) for end in ("-wal", "-shm", ".lock"))
        self.all = [self.path, self.wal, shm, self.lock]

    def rights(self) -> set[int]:
        """The rights that these files have."""
        return {stat.S_IMODE(file.stat().st_mode) for file in self.all}

    def content(self) -> bytes:
        """What stands in the file itself."""
        return self.path.read_bytes()

    def log(self) -> int:
        """The bytes of the write-ahead log."""
        return self.wal.stat().st_size

    def written(self) -> int:
        """When the file itself was written last."""
        return self.path.stat().st_mtime_ns

    def leave(self, rights: int) -> None:
        """Make a database and a lock as earlier versions did."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        self.lock.touch()
        for file in (self.path, self.lock):
            file.chmod(rights)


@pytest.mark.parametrize("rights", [None, 0o644])
async def test_the_files_of_a_sqlite_database_are_the_bots_alone(sqlite_url: str, rights: int | None) -> None:
    """Nobody else may read the file, what SQLite keeps beside it, and the lock: new ones, and old ones."""
    files = Files(sqlite_url)
    if rights is not None:
        files.leave(rights)
    async with bot_kit(sqlite_url, []):
        assert files.rights() == {0o600}


async def test_a_file_is_rewritten_once_after_somebody_was_forgotten(sqlite_url: str) -> None:
    """A page that was reorganised may keep a copy of a row in its unused part: the hourly look takes it out."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    files, store = Files(sqlite_url), detached_store(database)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, words TEXT)"))
        await connection.execute(text("INSERT INTO core_facts VALUES ('forgotten', 'now')"))
    await store.start()
    with contextlib.closing(sqlite3.connect(files.path, isolation_level=None)) as careless:
        careless.execute("PRAGMA secure_delete=OFF")
        careless.execute("INSERT INTO notes (words) VALUES (?)", ("quagmire " * 500,))
        careless.execute("DELETE FROM notes")
    assert await truncate_log(database)
    assert b"quagmire" in files.content()
    await compact(store)
    assert b"quagmire" not in files.content()
    assert files.log() < 10_000, "the log has the end of the fact alone"
    written = files.written()
    await compact(store)
    assert files.written() == written, "nobody was forgotten since"
    await store.stop()
    await database.dispose()


@pytest.fixture
async def asked(sqlite_url: str) -> AsyncIterator[Store]:
    """A bot's database, of which somebody has asked to be forgotten."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    store = detached_store(database)
    await store.start()
    await ask(store, "now")
    yield store
    await store.stop()
    await database.dispose()


async def ask(store: Store, when: str) -> None:
    """Somebody asks to be forgotten."""
    async with store.database.engine.begin() as connection:
        await connection.execute(
            text("INSERT OR REPLACE INTO core_facts VALUES ('forgotten', :when)"), {"when": when}
        )


async def is_open(store: Store) -> bool:
    """Whether the file is still to be rewritten."""
    async with store.database.engine.connect() as connection:
        return await connection.scalar(text("SELECT value FROM core_facts WHERE name = 'forgotten'")) is not None


class Days:
    """The hourly looks of some days, and how often the log said something on each."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture) -> None:
        self._store, self._patch, self._log = store, monkeypatch, log
        self._moment = now()

    async def pass_by(self, number: int) -> list[int]:
        """Let them pass."""
        counts = []
        for _ in range(number):
            self._log.clear()
            for _ in range(24):
                moment = self._moment
                self._patch.setattr(retention, "now", lambda moment=moment: moment)
                await compact(self._store)
                self._moment += timedelta(hours=1)
            counts.append(len([record for record in self._log.records if "people were forgotten" in record.message]))
        return counts


@pytest.fixture
def days(asked: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Days:
    """Time that passes."""
    return Days(asked, monkeypatch, caplog)


async def test_a_file_that_is_too_large_is_said_once_a_day_and_not_for_ever(
    asked: Store, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days, and again when somebody else asks: not before the next day."""
    monkeypatch.setattr(wipe, "VACUUM_LIMIT", 1)
    assert await days.pass_by(2) == [1, 1]
    assert await is_open(asked)
    assert await days.pass_by(2) == [1, 0]
    assert not await is_open(asked)
    await ask(asked, "later")
    assert await days.pass_by(5) == [1, 1, 1, 0, 0]


async def test_an_owner_who_has_vacuumed_hears_no_more(
    asked: Store, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is no VACUUM, and one before the last request does not count."""
    monkeypatch.setattr(wipe, "VACUUM_LIMIT", 1)
    await compact(asked)
    path = str(asked.database.engine.url.database)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as owner:
        owner.execute("CREATE TABLE other (id INTEGER)")
        await compact(asked)
        assert await is_open(asked)
        owner.execute("VACUUM")
        await ask(asked, "later")
        await compact(asked)
        assert await is_open(asked)
        owner.execute("VACUUM")
        await compact(asked)
    assert not await is_open(asked)


async def test_a_full_disk_is_told_from_a_large_file(
    asked: Store, days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a day, for as long as it lasts; then the file is rewritten."""

    def full(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count=1")  # no page more than it has
        connection.execute("CREATE TABLE more AS SELECT hex(zeroblob(1000000)) AS x")

    with monkeypatch.context() as patch:
        patch.setattr(wipe, "_rewrite", full)
        assert await days.pass_by(4) == [1, 1, 1, 1]
        await compact(asked)
    assert "the disk has no room" in caplog.text
    assert "too large" not in caplog.text
    assert await is_open(asked)
    await compact(asked)
    assert not await is_open(asked)


async def test_who_asks_while_the_file_is_rewritten_is_not_overlooked(
    asked: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is rewritten once more for them."""

    async def vacuum(database: Database) -> Vacuum:
        result = await wipe.vacuum(database)
        await ask(asked, "meanwhile")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(retention, "vacuum", vacuum)
        await compact(asked)
    assert await is_open(asked)
    await compact(asked)
    assert not await is_open(asked)


async def test_a_file_that_is_named_as_a_uri_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is private, everything works with it, and no file is called as the URI is."""
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite+aiosqlite:///file:uri.db?uri=true", f"sqlite:///file://{tmp_path}/a%20b.db?mode=rwc&uri=1"):
        async with bot_kit(url, []) as kit:
            await kit.user("Anna").send("/start")
            await kit.settled()
    names = os.listdir(tmp_path)  # noqa: PTH208  # of a moment
    assert set(names) >= {"uri.db", "a b.db"}
    assert not [name for name in names if "file" in name]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("uri.db", "a b.db")} == {0o600}


@pytest.mark.parametrize(
    "name", ["file::memory:?uri=true", "file:a.db?mode=memory&uri=true", "file:a.db?vfs=x&uri=true"]
)
def test_a_uri_that_names_more_than_a_file_is_refused(name: str) -> None:
    """With the way out."""
    with pytest.raises(ConfigError, match="Fix: name the file alone"):
        open_database(f"sqlite+aiosqlite:///{name}")


async def test_a_long_reader_delays_the_emptying_of_the_log_and_nobody(sqlite_url: str) -> None:
    """While somebody reads an old state the log stays, writers go on, and afterwards it is emptied."""
    database = open_database(sqlite_url)
    await upgrade(database, [CORE])
    files = Files(sqlite_url)
    with contextlib.closing(sqlite3.connect(files.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM core_facts").fetchall()
        emptied = asyncio.create_task(truncate_log(database))
        for number in range(5):
            async with database.engine.begin() as connection:
                await connection.execute(text(f"INSERT INTO core_facts VALUES ('n{number}', 'x')"))  # noqa: S608
        assert files.log() > 0
        assert not emptied.done()
        reader.execute("COMMIT")
    assert await emptied
    assert files.log() == 0
    await database.dispose()


def test_the_password_of_the_direct_url_is_a_secret(make_settings: Callable[..., Settings]) -> None:
    """As that of the other one: as it is, and as the URL spells it."""
    urls = {
        "url": "postgresql+asyncpg://bot:first%40word@h/a",
        "direct_url": "postgresql+asyncpg://bot:second%2Fw@h/a",
    }
    known = known_secrets(make_settings(database=urls))
    assert {"first@word", "first%40word", "second/w", "second%2Fw"} <= set(known)
