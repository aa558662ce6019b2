"""Statements for a PostgreSQL server, outside transactions and from anywhere, on one connection that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.engine import URL


class Console:
    """Runs statements in a thread with an event loop of its own: the caller's may be running, or there is none.

    A test makes and drops databases; to connect takes as long as to make one. `url` is that of the maintenance
    database, in SQLAlchemy's form.
    """

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")
        self._thread: ThreadPoolExecutor | None = None
        self._runner: asyncio.Runner | None = None
        self._kept: asyncpg.Connection[Any] | None = None

    def run(self, statements: Sequence[str], database: str | None) -> Any:
        """Run them in turn, in `database` or in the maintenance one; return the first value of the last one."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "astral-postgres-console")
            self._runner = asyncio.Runner()
        if database is None:
            return self._do(self._run(statements))
        return self._do(self._run_elsewhere(statements, database))

    def close(self) -> None:
        """End the connection and the thread; the next statement begins anew."""
        if self._thread is None or self._runner is None:
            return
        self._do(self._disconnect())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
        self._thread = self._runner = None

    def _do(self, work: Any) -> Any:
        if self._thread is None or self._runner is None:
            raise RuntimeError("Console: the thread is not there")
        return self._thread.submit(self._runner.run, work).result()

    async def _run(self, statements: Sequence[str]) -> Any:
        import asyncpg

        if self._kept is not None:
            try:  # the server may have been stopped and started
                await self._kept.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._disconnect()
        if self._kept is None:
            self._kept = await self._connect(self._url)
        return await _last(self._kept, statements)

    async def _run_elsewhere(self, statements: Sequence[str], database: str) -> Any:
        connection = await self._connect(self._url.set(database=database))
        try:
            return await _last(connection, statements)
        finally:
            await connection.close()

    async def _connect(self, url: URL) -> asyncpg.Connection[Any]:
        import asyncpg

        return await asyncpg.connect(url.render_as_string(hide_password=False))

    async def _disconnect(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.terminate()
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next turn


async def _last(connection: asyncpg.Connection[Any], statements: Sequence[str]) -> Any:
    value = None
    for statement in statements:
        value = await connection.fetchval(statement)
    return value
