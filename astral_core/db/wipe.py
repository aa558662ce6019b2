"""What was deleted leaves the files of a SQLite database, too."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from astral_core.db.engine import Database

log = logging.getLogger("astral.database")
T = TypeVar("T")
TRIES, PAUSE = 10, 0.1  # of a checkpoint; each pause is longer than the one before
VACUUM_LIMIT = 64 * 2**20  # bytes: a second at most; a larger file is vacuumed by its owner, at a quiet hour


class Vacuum(enum.Enum):
    """How a try to write the file anew has ended, and what its owner can do."""

    DONE = "the file was written anew"
    LARGE = "this file is too large to be rewritten now. Fix: at a quiet hour, `VACUUM` it; the bot may run."
    FULL = (
        "the disk has no room to rewrite this file, which takes up to twice its size for a moment, in the folder for "
        "temporary files, too. Fix: make room; it is tried again each hour."
    )
    BUSY = (
        "another program held this file, so that it could not be rewritten. Fix: close that program if it stays; it "
        "is tried again each hour."
    )


async def truncate_log(database: Database) -> bool:
    """Bring the write-ahead log into the file and empty it; False where readers of an old state were in the way.

    What was deleted stands in the log until then. Nobody waits long: a try is a fifth of a second at most.
    """
    for number in range(TRIES):
        if await _alone(database, _checkpoint) is not False:
            return True
        await asyncio.sleep(PAUSE * (number + 1))  # somebody reads; the next look is soon enough
    log.warning("the write-ahead log could not be emptied: somebody reads for long. It is when they have ended.")
    return False


async def vacuum(database: Database) -> Vacuum:
    """Write the file anew, and with it the unused parts of its pages, where it is not too large for that."""
    return await _alone(database, _vacuum) or Vacuum.DONE


async def shape(database: Database) -> str:
    """The number of the schema, which VACUUM changes as well, and what the schema is, which only others change."""
    return await _alone(database, _shape) or ""


async def _alone(database: Database, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Run `work` on a connection of its own, in a thread, while nobody in this process writes.

    None on PostgreSQL, which cleans up by itself.
    """
    if database.lock is None:
        return None
    path = str(database.engine.url.database)
    await database.lock.acquire()
    try:
        return await asyncio.to_thread(_connected, path, work)
    finally:
        database.lock.release()


def _connected(path: str, work: Callable[[sqlite3.Connection], T]) -> T:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0.2)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        return work(connection)


def _checkpoint(connection: sqlite3.Connection) -> bool:
    ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not busy


def _vacuum(connection: sqlite3.Connection) -> Vacuum:
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    if pages * size > VACUUM_LIMIT:
        return Vacuum.LARGE
    try:
        _rewrite(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            return Vacuum.FULL
        log.debug("the database could not be vacuumed: %s", error)
        return Vacuum.BUSY
    return Vacuum.DONE if _checkpoint(connection) else Vacuum.BUSY


def _rewrite(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")


def _shape(connection: sqlite3.Connection) -> str:
    ((version,),) = connection.execute("PRAGMA schema_version").fetchall()
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    return f"{version} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
