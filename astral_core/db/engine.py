"""The engine for SQLite and PostgreSQL, with one rule for both: reads are cheap, the first write decides.

SQLite: reads run in autocommit; the first statement that is not a plain SELECT takes the process's write lock and
`BEGIN IMMEDIATE`. A deferred BEGIN would fail with "database is locked" at the first write after a read.
PostgreSQL: READ COMMITTED, as the driver begins it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from weakref import WeakSet

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.expression import CompoundSelect, Select
from sqlalchemy.util import await_only

from astral_core.db import libpq
from astral_core.db.bulkhead import Bulkheads, Permit
from astral_core.db.driver import Driver
from astral_core.db.lock import WriteLock
from astral_core.db.private import make_private, named_plainly
from astral_core.errors import ConfigError, DatabaseError

FAREWELL = 6.0  # seconds to wait for the threads of connections that nobody waits for
ANSWER = 12.0  # seconds for something quick: more than PATIENCE, and than the server's own limit for a statement
PATIENCE = 5.0  # seconds to wait for a lock; below any handler_timeout: the database's condition, not a handler's bug
URGENT = "astral_urgent"  # execution option: this statement goes before other writers
_UNIT = "astral_unit"  # connection info: what to tell of the first write
_WRITING = "astral_writing"  # connection info: the lock is held; BEGIN IMMEDIATE goes with the first write

# What each connection to PostgreSQL asks for, times in ms; tcp_keepalives in seconds.
SERVER_SETTINGS = {
    "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60000", "lock_timeout": f"{PATIENCE * 1000:.0f}",
    "statement_timeout": "10000",
}  # fmt: skip
# PostgreSQL's classes of errors that a second try may pass (its manual, appendix A): connection, rollback
# (deadlock, serialization), resources, operator intervention, system.
_PASSING = ("08", "40", "53", "57", "58", "55P03")  # 55P03 is lock_not_available
_AWAY = ("08", "28", "3D", "53", "57P")  # no connection; refused the user; no such database; too many; going down
_SQLITE_ERROR = 1  # SQLite's result code of a wrong statement; all others come from files, locks and memory

# Of every connection to SQLite. What is deleted is overwritten: people may ask to be forgotten.
PRAGMAS = (
    "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={PATIENCE * 1000:.0f}", "foreign_keys=ON",
    "secure_delete=ON",
)  # fmt: skip
_BACKENDS = {"postgres": "postgresql"}  # as many providers print it
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


@dataclass(slots=True)
class WriteMark:
    """Tells of the connection that carries it: whose it is, a plugin's; whether it has written; whether it lost."""

    owner: str = ""
    wrote: bool = False
    collided: bool = False


@dataclass(frozen=True)
class Database:
    """One engine and, for SQLite, its write lock. Close it with `dispose`."""

    engine: AsyncEngine
    lock: WriteLock | None
    bulkheads: Bulkheads
    name: str = "astral"
    _threads: WeakSet[threading.Thread] = field(default_factory=WeakSet)  # SQLite: one for each connection

    def permit(self, plugin: str) -> Permit:
        """A place among the connections that `plugin` may hold."""
        return Permit(self.bulkheads.of(plugin))

    @property
    def is_sqlite(self) -> bool:
        """Whether the engine speaks to SQLite."""
        return self.lock is not None

    async def dispose(self) -> None:
        """Close all connections.

        A connection whose user was cancelled is closed by its own thread, some time later. It has to be closed before
        the event loop is: the thread would fail with a traceback.
        """
        await self.engine.dispose()
        left = [thread for thread in self._threads if thread.is_alive()]
        if left:
            await asyncio.to_thread(_join, left)


@contextlib.asynccontextmanager
async def brief(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection of `database` for something quick.

    A connection that leads nowhere tells nothing by itself: after ANSWER it is thrown away, and DatabaseError raised.
    """
    try:
        async with asyncio.timeout(ANSWER):
            connection = await database.engine.connect()
        try:
            async with asyncio.timeout(ANSWER):
                yield connection
        except (TimeoutError, asyncio.CancelledError):
            if not database.is_sqlite:
                await connection.invalidate()  # a rollback would wait for the same answer
            raise
        finally:
            await connection.close()
    except TimeoutError:
        raise DatabaseError(f"the database gave no answer in {ANSWER:g} s") from None


def open_database(
    url: str, pool_size: int = 16, *, name: str = "astral", plugin_connections: int | None = None
) -> Database:
    """Make the engine for `url`; ConfigError where the URL names neither SQLite nor PostgreSQL.

    `name` is what PostgreSQL calls its connections (application_name). A plugin holds at most `plugin_connections`
    of the `pool_size` at a time, three quarters of them unless told.
    """
    parsed, share = _parse(url), plugin_connections or min(max(2, pool_size * 3 // 4), pool_size)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size, share)
    engine = create_async_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # what people tell a bot has no place in logs
        pool_timeout=30,
        connect_args={"server_settings": {"application_name": name, **SERVER_SETTINGS}},
    )
    event.listen(engine.sync_engine, "do_connect", _connect)
    event.listen(engine.sync_engine, "before_cursor_execute", _mark_write)
    event.listen(engine.sync_engine, "handle_error", _mark_collision)
    event.listen(engine.sync_engine, "checkin", _forget)
    return Database(engine, None, Bulkheads(pool_size, share), name)


def driver_of(connection: AsyncConnection) -> Any:
    """The driver's own connection under an open one of SQLAlchemy's. Its `get_raw_connection` costs a greenlet."""
    sync: Any = connection.sync_connection
    return sync.connection.driver_connection


def is_transient(error: BaseException) -> bool:
    """Whether `error` is the database's condition, which may pass, and no mistake of the caller."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(error, OperationalError):
        return code is None or code & 0xFF != _SQLITE_ERROR
    return error.connection_invalidated or str(getattr(error.orig, "sqlstate", "")).startswith(_PASSING)


def is_away(error: BaseException) -> bool:
    """Whether `error` is one of the connection: there is none, or it broke. Else the database has answered."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, (OSError, PoolTimeout))
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or str(state).startswith(_AWAY)


def is_collision(error: BaseException) -> bool:
    """Whether PostgreSQL rolled a transaction back because of others: a deadlock, a serialization failure."""
    if isinstance(error, DatabaseError) and error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", "")).startswith("40")


def _connect(dialect: Any, record: ConnectionPoolEntry, arguments: Any, parameters: Any) -> Any:
    """Connect, with one kind of error for a server that is away: the driver lets several of the system's out."""
    del record
    try:
        return dialect.connect(*arguments, **libpq.translated(parameters))
    except OSError as error:
        raise OperationalError("connect", None, error) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        if "," in url.partition("?")[0].rpartition("@")[2]:
            raise ConfigError(
                "database.url names several hosts before the question mark. Fix: write them behind it, as "
                "postgresql://user:password@/name?host=first:5432&host=second:5432&target_session_attrs=read-write."
            ) from None
        raise ConfigError(
            "database.url is not a database URL. Fix: use sqlite+aiosqlite:///astral.db or "
            "postgresql+asyncpg://user:password@host/name."
        ) from None
    driver = DRIVERS.get(_BACKENDS.get(parsed.drivername, parsed.get_backend_name()))
    if driver is None:
        raise ConfigError(
            f"database.url names {parsed.get_backend_name()!r}; Astral runs on sqlite and postgresql. "
            "Fix: use sqlite+aiosqlite:///astral.db or postgresql+asyncpg://..."
        )
    if driver == DRIVERS["postgresql"]:
        libpq.check(parsed)
    return parsed.set(drivername=driver)


def _sqlite(named: URL, pool_size: int, share: int) -> Database:
    url = named_plainly(named)
    if not url.database or url.database == ":memory:":
        raise ConfigError("database.url: SQLite needs a file, e.g. sqlite+aiosqlite:///astral.db.")
    threads: WeakSet[threading.Thread] = WeakSet()

    def connecting(*args: Any, **options: Any) -> Driver:
        driver: Any = Driver(lambda: sqlite3.connect(*args, factory=_RollingBack, **options))
        driver.stop = _once(driver)
        driver._thread.daemon = True  # noqa: SLF001  # the driver has no public accessor; SQLAlchemy does the same
        threads.add(driver._thread)  # noqa: SLF001  # also where nobody waits until it is connected
        return cast("Driver", driver)

    arguments = {"timeout": PATIENCE, "async_creator_fn": connecting}
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, hide_parameters=True, connect_args=arguments
    )
    lock = WriteLock()

    def first_write(
        connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if _is_read(context) or statement.startswith("PRAGMA"):
            return
        if not connection.info.get(_WRITING):
            mark = connection.info.get(_UNIT)
            urgent, owner = bool(connection.get_execution_options().get(URGENT)), mark.owner if mark else ""
            await_only(lock.acquire(urgent=urgent, owner=owner))
            connection.info[_WRITING] = True  # until it goes back to the pool, also where it commits and goes on
        driver: Any = connection.connection.driver_connection
        driver.begins = True
        _mark_write(connection, cursor, statement, parameters, context, many)

    def done(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        _forget(dbapi_connection, record)
        if record.info.pop(_WRITING, False):
            lock.release()

    event.listen(engine.sync_engine, "do_connect", lambda *_: make_private(str(url.database)))
    event.listen(engine.sync_engine, "connect", _sqlite_pragmas)
    event.listen(engine.sync_engine, "before_cursor_execute", first_write)
    event.listen(engine.sync_engine, "checkin", done)
    return Database(engine, lock, Bulkheads(pool_size, share), _threads=threads)


def _join(threads: Sequence[threading.Thread]) -> None:
    """Wait for all of them, FAREWELL seconds at most in all."""
    deadline = time.monotonic() + FAREWELL
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


class _RollingBack(sqlite3.Connection):
    """A connection that ends its transaction before it closes.

    While somebody still has one of its cursors SQLite only marks it as closed, and would keep the lock on the file.
    """

    def close(self) -> None:
        """Roll back, and close."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed already
            self.rollback()
        super().close()


def _once(driver: Any) -> Callable[[], object]:
    """A `stop` of the driver's connection for callers that come twice, and in any order.

    Where who uses a connection is cancelled twice, SQLAlchemy stops it, and so does the driver itself. The driver's
    own `stop` gives a future that never ends when it is called again; and it may leave SQLite's connection open, with
    its transaction and the lock on the file, until the garbage collector comes. So it does where who uses it is
    cancelled while it connects.
    """
    stop, called = driver.stop, False
    connector: Callable[[], sqlite3.Connection] = driver._connector  # noqa: SLF001  # there is no public accessor
    made: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        made.append(connector())
        return made[-1]

    def close() -> None:
        for connection in made:
            connection.close()

    def stop_once() -> object:
        nonlocal called
        if called:
            return None
        called = True
        driver._tx.put_nowait((None, close))  # noqa: SLF001  # in its thread, after all that it was asked for
        return cast("object", stop())

    driver._connector = connect  # noqa: SLF001  # the same
    return stop_once


def _sqlite_pragmas(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    del record
    dbapi_connection.isolation_level = None  # the driver's own BEGIN is deferred: ours is not
    cursor = dbapi_connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def mark_writes(connection: Connection, mark: WriteMark) -> None:
    """Let `mark` learn of the first write on `connection` until it goes back to the pool."""
    connection.info[_UNIT] = mark


def _mark_write(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    del cursor, statement, parameters, many
    mark = connection.info.get(_UNIT)
    if mark is not None and not mark.wrote and not _is_read(context):
        mark.wrote = True


def _mark_collision(context: ExceptionContext) -> None:
    mark = context.connection.info.get(_UNIT) if context.connection is not None else None
    if mark is not None and context.sqlalchemy_exception is not None and is_collision(context.sqlalchemy_exception):
        mark.collided = True


def _forget(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    del dbapi_connection
    record.info.pop(_UNIT, None)


def _is_read(context: Any) -> bool:
    """Only a compiled SELECT without FOR UPDATE and without writing CTEs is a read."""
    compiled: Any = getattr(context, "compiled", None)
    statement = getattr(compiled, "statement", None)
    if not isinstance(statement, (Select, CompoundSelect)):
        return False
    if statement._for_update_arg is not None:  # noqa: SLF001  # SQLAlchemy has no public accessor
        return False
    return not any(getattr(cte.element, "is_dml", False) for cte in (compiled.ctes or ()))
