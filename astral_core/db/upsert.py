"""Writing a row whose key may be there already, in the same words on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Dialect, Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core.errors import HandlerError

Key = str | Iterable[str]


def inserting(dialect: Dialect, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT of this engine, which knows ON CONFLICT."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def upsert(dialect: Dialect, table: Table, values: Mapping[str, Any], key: Key, keep: Iterable[str] = ()) -> Any:
    """INSERT `values`; where a row of the same `key` is there, UPDATE it, but for the columns of `keep`.

    The statement returns the row as it is afterwards.
    """
    names, statement = _names(table, values, key), inserting(dialect, table).values(dict(values))
    kept = {*names, *keep}
    changed = {name: statement.excluded[name] for name in values if name not in kept}
    for column in table.c:  # SQLAlchemy runs what a column says of updates in plain UPDATEs alone
        made: Any = column.onupdate
        if made is not None and made.is_callable and column.name not in kept and column.name not in values:
            changed[column.name] = made.arg(None)
    changed = changed or {names[0]: statement.excluded[names[0]]}  # DO NOTHING would return no row
    return statement.on_conflict_do_update(index_elements=names, set_=changed).returning(*table.c)


def insert_ignore(dialect: Dialect, table: Table, values: Mapping[str, Any], key: Key | None = None) -> Any:
    """INSERT `values`, and do nothing where a row of the same `key`, or of any unique key, is there."""
    names = _names(table, values, key) if key is not None else None
    return inserting(dialect, table).values(dict(values)).on_conflict_do_nothing(index_elements=names)


def table_of(table: Any) -> Table:
    """The Table itself, or that of a mapped class. HandlerError for anything else."""
    found = table if isinstance(table, Table) else getattr(inspect(table, raiseerr=False), "local_table", None)
    if not isinstance(found, Table):
        raise HandlerError(f"{table!r} is neither a Table nor a class that is mapped to one.")
    return found


async def dialect_of(session: AsyncSession | AsyncConnection) -> Dialect:
    """The engine's dialect."""
    return session.get_bind().dialect if isinstance(session, AsyncSession) else session.dialect


def _names(table: Table, values: Mapping[str, Any], key: Key) -> list[str]:
    """The columns of the key. HandlerError if they, or the values, are not of the table, or the key has no value."""
    names = [key] if isinstance(key, str) else list(key)
    unknown = [name for name in (*names, *values) if name not in table.c]
    if unknown:
        raise HandlerError(f"table {table.name!r} has no column {unknown[0]!r}; it has {', '.join(table.c.keys())}.")
    missing = [name for name in names if name not in values]
    if missing or not names:
        raise HandlerError(f"table {table.name!r}: the key {names!r} needs a value for each of its columns.")
    return names
