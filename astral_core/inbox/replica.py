"""One process handles the inbox of one database; a second one is refused or stands by.

SQLite: a file lock beside the database; a second process ends with a sentence. PostgreSQL: a session advisory
lock on a connection of its own; a second process waits for it, ready to take over when the first one dies.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import Database
from astral_core.errors import DatabaseBusy

log = logging.getLogger("astral.inbox")
_KEY = 0x61737472616C01


class Ownership:
    """The right to handle the inbox; `owned` until it is released or its connection breaks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: IO[str] | None = None
        self._connection: AsyncConnection | None = None
        self.owned = False

    async def acquire(self, poll: float = 0.5) -> None:
        """Take the right. SQLite: DatabaseBusy where another process has it. PostgreSQL: wait for it."""
        if self._database.is_sqlite:
            self._lock_file()
        else:
            await self._lock_server(poll)
        self.owned = True

    def _lock_file(self) -> None:
        path = Path(f"{self._database.engine.url.database}.lock")
        handle = path.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "?"
            handle.close()
            raise DatabaseBusy(
                f"{path.with_suffix('')} is used by the process {owner}. Fix: stop that process, or give this one "
                "a database of its own (ASTRAL_DATABASE__URL), or use PostgreSQL for several."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._file = handle

    async def _lock_server(self, poll: float) -> None:
        connection = await self._database.engine.connect()
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        waiting = False
        try:
            while not (
                await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY})
            ).scalar_one():
                if not waiting:
                    log.info("another process handles this database's inbox; standing by")
                    waiting = True
                await asyncio.sleep(poll)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection

    async def check(self) -> bool:
        """Whether the right still holds; PostgreSQL's ends with its connection."""
        if self._connection is not None and self.owned:
            try:
                await self._connection.execute(text("SELECT 1"))
            except (SQLAlchemyError, OSError):
                self.owned = False
        return self.owned

    async def release(self) -> None:
        """Give the right back."""
        self.owned = False
        if self._connection is not None:
            await self._connection.invalidate()
            await self._connection.close()
            self._connection = None
        if self._file is not None:
            self._file.close()
            self._file = None
