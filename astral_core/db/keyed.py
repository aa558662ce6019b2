"""Reading many rows by their keys, by the driver alone: the keys of several tables are a plugin, and whose it is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, or_
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core.db.link import Link

_AT_ONCE = 128  # keys in one statement: SQLite's expressions have an end


async def rows_of(
    link: Link, table: Table, key: tuple[str, ...], more: tuple[str, ...], keys: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """The rows whose columns `key` have one of the values of `keys`: of each these columns, then those of `more`."""
    found: list[Any] = []
    for some in (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)):
        several = 1 << (len(some) - 1).bit_length()  # few lengths, and so few statements for PostgreSQL to plan
        padded = [*some, *([some[0]] * (several - len(some)))]
        values = tuple(part for one in padded for part in one)
        found += await link.fetch(statement(link.is_sqlite, table.name, key, more, several), *values)
    return found


@lru_cache(64)
def statement(is_sqlite: bool, table: str, key: tuple[str, ...], more: tuple[str, ...], keys: int) -> str:
    """The statement that reads so many keys, as the driver takes it: to make it costs more than to run it.

    Each key is a condition of its own: SQLite searches the primary key for those, and scans the table for a list.
    """
    marks = itertools.repeat("?") if is_sqlite else (f"${number}" for number in itertools.count(1))
    one_key = [" AND ".join(f"{name} = {next(marks)}" for name in key) for _ in range(keys)]
    return f"SELECT {', '.join((*key, *more))} FROM {table} WHERE {' OR '.join(one_key)}"  # noqa: S608


# --- of a person: such tables have the columns plugin, chat_id and user_id


def of_person(table: Table, user_id: int, plugin: str | None = None) -> ColumnElement[bool]:
    """The rows that are a person's: their own, those of them in chats, those of their private chat."""
    theirs = or_(table.c.user_id == user_id, table.c.chat_id == user_id)
    return theirs if plugin is None else and_(theirs, table.c.plugin == plugin)


async def forget(session: AsyncSession, table: Table, user_id: int, plugin: str | None = None) -> int:
    """Delete all that is a person's, in every plugin or in one; return how many rows."""
    result: Any = await session.execute(delete(table).where(of_person(table, user_id, plugin)))
    count: int = result.rowcount
    return count
