"""What lies between the bot and PostgreSQL: nothing, or a pooler, and what that keeps of a connection.

It is found out by trying, since no pooler says what it is. PgBouncer, Odyssey and the poolers of providers differ in
three things: whether one connection stays with one server process (else locks and notifications are lost), whether a
named prepared statement survives where it does not, and which settings of a new connection arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import SERVER_SETTINGS, Database, driver_of, open_database
from astral_core.db.translated import translated
from astral_core.errors import ConfigError

HOLDERS = 4  # connections that try to get the server process of the first one
WAIT = 2.0  # seconds: longer than a pooler takes that has one to give
SETTINGS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
IGNORE = f"ignore_startup_parameters = extra_float_digits, {', '.join(SERVER_SETTINGS)}"
REFUSED = "unsupported startup parameter"  # PgBouncer's words
_PID = "SELECT pg_backend_pid()"
_ARRIVED = "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])"
_MIXED_UP = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)


@dataclass(frozen=True)
class Way:
    """The way to a database. `missing` are the settings that the bot asked for in vain."""

    pooled: bool = False
    keeps_session: bool = True
    keeps_statements: bool = True
    missing: tuple[str, ...] = ()


async def find_way(url: str) -> Way:
    """Try the way to the database of `url`. A connection of its own for the most part, some more behind a pooler."""
    name = f"astral-way-{secrets.token_hex(4)}"
    database = open_database(url, HOLDERS + 1, name=name)
    if database.is_sqlite:
        return Way()
    try:
        async with database.engine.connect() as first:
            raw = await _raw(first)
            with translated("database"):
                if await raw.fetchval(_PID) == raw.get_server_pid():  # at first a pooler says a number of its own
                    return Way()
                missing = await _missing(raw, name)
                return await _behind(database, raw, missing)
    finally:
        await database.dispose()


async def _behind(database: Database, raw: Any, missing: tuple[str, ...]) -> Way:
    """Take other connections beside the first one, and see whether they get into its way."""
    seen, held, statement_name = set[int](), 0, f"astral_{secrets.token_hex(4)}"
    async with contextlib.AsyncExitStack() as stack:
        try:
            statement = await raw.prepare(_PID, name=statement_name)
            for _ in range(HOLDERS):
                seen.add(await statement.fetchval(timeout=WAIT))
                async with asyncio.timeout(WAIT):
                    other = await stack.enter_async_context(database.engine.connect())
                    stack.push_async_callback(other.invalidate)  # in the pool it might keep the server from others
                    held = await _hold(await _raw(other), statement_name)
                if held in seen or len(seen) > 1:
                    seen.add(await statement.fetchval(timeout=WAIT))
                    return Way(True, False, True, missing)
        except _MIXED_UP:
            return Way(True, False, False, missing)
        except TimeoutError:  # the pooler has no more; the first one waits for another only where they share
            return Way(True, held not in seen, True, missing)
    return Way(True, True, True, missing)


async def _hold(raw: Any, statement_name: str) -> int:
    """Begin a transaction, which keeps a server process, and use the name of the first connection's statement."""
    await raw.execute("BEGIN")
    statement = await raw.prepare(f"{_PID} + 0", name=statement_name)
    return int(await statement.fetchval())


async def _raw(connection: AsyncConnection) -> Any:
    """The driver's connection, outside of any transaction."""
    return driver_of(await connection.execution_options(isolation_level="AUTOCOMMIT"))


async def _missing(raw: Any, name: str) -> tuple[str, ...]:
    found = dict(await raw.fetch(_ARRIVED, [*SETTINGS, "application_name"]))
    lost = [item for item in SETTINGS if not 0 < int(found[item]) <= int(SERVER_SETTINGS[item])]
    return (*lost, *(["application_name"] if found["application_name"] != name else []))


def fault(where: str, way: Way, *, direct: bool) -> tuple[str, str] | None:
    """What makes `way` impossible for the setting `where`: the cause and the fix; None if nothing does.

    `direct`: locks and notifications have to pass it.
    """
    if not way.keeps_statements:
        cause = (
            "the pooler before PostgreSQL mixes up the prepared statements of its clients, as PgBouncer does in "
            "transaction mode before 1.21, and later with max_prepared_statements = 0."
        )
        fix = f"use PgBouncer 1.21 or newer with max_prepared_statements = 200, or let {where} lead past the pooler."
        return cause, fix
    if direct and not way.keeps_session:
        fix = "let database.direct_url lead to PostgreSQL itself, or to a pooler in session mode."
        if where == "database.url":
            fix = "set ASTRAL_DATABASE__DIRECT_URL to PostgreSQL itself."
        cause = "a pooler in transaction mode stands before PostgreSQL; locks and notifications pass none."
        return cause, fix
    return None


def losses(way: Way) -> tuple[str, str] | None:
    """What to tell of settings that did not arrive: the cause and the fix."""
    if not way.missing:
        return None
    roles = [
        f"ALTER ROLE CURRENT_USER SET {name} = {SERVER_SETTINGS[name]};" for name in way.missing if name in SETTINGS
    ]
    fix = f"run in PostgreSQL, as the bot's user: {' '.join(roles)}"
    if not roles:
        fix = "let the pooler pass application_name unchanged."
    return f"the pooler does not pass on {', '.join(way.missing)}.", fix


async def refuse(url: str, direct_url: str | None) -> str | None:
    """ConfigError where the bot cannot work by these ways; a sentence about settings that do not arrive, if any."""
    way = await _way("database.url", url)
    _raise("database.url", fault("database.url", way, direct=direct_url is None))
    if direct_url is not None:
        direct = await _way("database.direct_url", direct_url)
        _raise("database.direct_url", fault("database.direct_url", direct, direct=True))
    lost = losses(way)
    return f"database.url: {lost[0]} Fix: {lost[1]}" if lost else None


def _raise(where: str, found: tuple[str, str] | None) -> None:
    if found is not None:
        raise ConfigError(f"{where}: {found[0]} Fix: {found[1]}")


async def _way(where: str, url: str) -> Way:
    try:
        return await find_way(url)
    except ConfigError as error:
        raise ConfigError(str(error).replace("database.url", where)) from None
    except Exception as error:
        if REFUSED in str(error):
            raise ConfigError(
                f"{where}: a pooler such as PgBouncer refuses the settings of the bot's connections. Fix: write "
                f"`{IGNORE}` into pgbouncer.ini."
            ) from error
        raise
