"""What was deleted leaves the files of a SQLite database, too."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable

from astral_core.db.engine import Database

log = logging.getLogger("astral.database")
TRIES, PAUSE = 10, 0.1  # of a checkpoint; each pause is longer than the one before
VACUUM_LIMIT = 64 * 2**20  # bytes: a second at most; a larger file is vacuumed by its owner, at a quiet hour


async def truncate_log(database: Database) -> bool:
    """Bring the write-ahead log into the file and empty it; False where readers of an old state were in the way.

    What was deleted stands in the log until then. Nobody waits long: a try is a fifth of a second at most.
    """
    for number in range(TRIES):
        if await _alone(database, _checkpoint):
            return True
        await asyncio.sleep(PAUSE * (number + 1))  # somebody reads; the next look is soon enough
    log.warning("the write-ahead log could not be emptied: somebody reads for long. It is when they have ended.")
    return False


async def vacuum(database: Database) -> bool:
    """Write the file anew, and with it the unused parts of its pages; False where it is too large for that."""
    return await _alone(database, _vacuum)


async def _alone(database: Database, work: Callable[[sqlite3.Connection], bool]) -> bool:
    """Run `work` on a connection of its own, in a thread, while nobody in this process writes."""
    if database.lock is None:
        return True  # PostgreSQL cleans up by itself
    path = str(database.engine.url.database)
    await database.lock.acquire()
    try:
        return await asyncio.to_thread(_connected, path, work)
    finally:
        database.lock.release()


def _connected(path: str, work: Callable[[sqlite3.Connection], bool]) -> bool:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0.2)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        return work(connection)


def _checkpoint(connection: sqlite3.Connection) -> bool:
    ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not busy


def _vacuum(connection: sqlite3.Connection) -> bool:
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    if pages * size > VACUUM_LIMIT:
        return False
    try:
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:  # the disk is full, another program writes
        log.warning("the database could not be vacuumed: %s", error)
        return False
    return _checkpoint(connection)
