"""The end of a bot as by kill -9: what is not committed is gone, and nobody has said goodbye.

The bot lives in the test's own process, which cannot be killed. Its database is therefore kept as it was in the
moment of the crash, its connections to Telegram are cut, and what it still does while it is put away comes to
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from astral_core.app import App
from astral_core.db.private import make_private, named_plainly
from astral_core.errors import AstralError
from astral_playground.telegram.state import World
from astral_playground.testkit.postgres import PostgresServer

HANDLERS = ("astral-worker-", "astral-express-", "astral-pace-")  # names of the tasks that handle and send
_CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"


async def crash(app: App, database_url: str, world: World) -> None:
    """Let a running bot die here and now; its database stays as it is."""
    app.webhook.close()
    with _frozen(make_url(database_url)):
        # No await before the handlers are cancelled: nobody may hear of what was committed after the crash.
        world.emit("webhook")  # updates that are on their way come back to Telegram's queue
        for task in asyncio.all_tasks():
            if task.get_name().startswith(HANDLERS):
                task.cancel()
        with contextlib.suppress(AstralError, SQLAlchemyError, OSError):  # its database is away
            await app.stop()


def _frozen(url: URL) -> contextlib.AbstractContextManager[None]:
    """Keep the database as it is on entry, whatever is done to it inside."""
    return _restored(Path(str(named_plainly(url).database))) if url.get_backend_name() == "sqlite" else _closed(url)


@contextlib.contextmanager
def _restored(path: Path) -> Iterator[None]:
    """SQLite: what is committed now is put back at the end."""
    kept = path.with_suffix(".crashed")
    make_private(kept)  # it becomes the database
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(kept)) as copy:
        source.backup(copy)
    yield
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    kept.replace(path)


@contextlib.contextmanager
def _closed(url: URL) -> Iterator[None]:
    """PostgreSQL: all connections are cut, and no new one is let in until the end."""
    server = PostgresServer(url.set(database="postgres").render_as_string(hide_password=False))
    with contextlib.closing(server):
        server.execute(
            f'ALTER DATABASE "{url.database}" WITH ALLOW_CONNECTIONS false', _CUT.format(name=url.database)
        )
        yield
        server.execute(f'ALTER DATABASE "{url.database}" WITH ALLOW_CONNECTIONS true')
