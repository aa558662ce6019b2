"""Who may read the files of a SQLite database, and what is hidden of a database's URL."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from astral_core.cli.run import _secrets
from astral_core.config import Settings
from astral_core.db.engine import open_database
from astral_core.db.migrate import CORE, upgrade
from astral_core.db.wipe import truncate_log
from astral_core.inbox.retention import compact
from astral_core.inbox.store import Store
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
    files, store = Files(sqlite_url), Store(database, 1)
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
    known = _secrets(make_settings(database=urls))
    assert {"first@word", "first%40word", "second/w", "second%2Fw"} <= set(known)
