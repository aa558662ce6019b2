"""Much data of one person, a little at a time: the rows of a plugin's tables, and what `astral_export_user` needs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, LargeBinary, Row, Select, String, literal, select, tuple_

from astral_core.db.people import Held, People, one
from astral_core.host.context import PluginContext

BATCH = 50
NARROW = 500  # rows at a time of a table without long texts
SHORT = 1_000  # characters of a text that is not long
KEYS = 10_000  # keys that are in memory at a time


async def in_batches(ctx: PluginContext, query: Select[Any], key: Column[Any]) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of `query` in the order of `key`, its table's primary key, fifty at a time.

    Of many rows, some thousand keys are read first. Between two batches no connection is held, so that nobody waits
    for whoever takes them.
    """
    async for rows in _batches(ctx, query, query, (key,), BATCH):
        yield rows


async def _batches(
    ctx: PluginContext, query: Select[Any], few: Select[Any], key: tuple[Column[Any], ...], size: int
) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of `query`; `few` is the same, asked for some of its keys."""
    wanted = query.with_only_columns(*key).order_by(None).order_by(*key).limit(KEYS)
    after = wanted
    while True:
        async with ctx.work() as work:
            keys = (await work.session.execute(after)).all()
        for start in range(0, len(keys), size):
            these = [row[0] if len(key) == 1 else tuple(row) for row in keys[start : start + size]]
            some = few.where(one(key).in_(these)).order_by(None).order_by(*key)
            async with ctx.work() as work:
                rows = (await work.session.execute(some)).all()
            yield rows
        if len(keys) < KEYS:
            return
        last = [literal(value, column.type) for value, column in zip(keys[-1], key, strict=True)]
        after = wanted.where(tuple_(*key) > tuple_(*last) if len(key) > 1 else key[0] > last[0])


async def json_array(batches: AsyncIterable[Iterable[Any]]) -> AsyncIterator[bytes]:
    """The pieces of a JSON array, an item a line, of batches of items; text that is JSON goes in as `msgspec.Raw`."""
    before = b"[\n"
    async for batch in batches:
        if lines := [msgspec.json.encode(item) for item in batch]:
            yield before + b",\n".join(lines)
            before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[]\n"


async def files_of_tables(ctx: PluginContext, people: People, user_id: int) -> dict[str, AsyncIterator[bytes]]:
    """A person's rows in the tables of the plugin of `ctx`: a JSON array of each table that has some, by its name."""
    found = []
    async with ctx.work() as work:
        for held in people.exported(ctx.id):
            has_some = select(literal(1)).select_from(held.table).where(people.belongs(held, user_id)).limit(1)
            if await work.session.scalar(has_some) is not None:
                found.append(held)
    names = file_names(ctx.id, [held.table.name for held in people.exported(ctx.id)])
    return {names[held.table.name]: json_array(_items(ctx, people, held, user_id)) for held in found}


def file_names(plugin: str, tables: Sequence[str]) -> dict[str, str]:
    """The file of each table: its name without the plugin's, unless that is another table's, or the small state's."""
    taken = {*tables, "state"}
    short = {table: table.removeprefix(f"{plugin}_") for table in tables}
    return {table: f"{table if name in taken - {table} else name}.json" for table, name in short.items()}


async def _items(ctx: PluginContext, people: People, held: Held, user_id: int) -> AsyncIterator[list[msgspec.Raw]]:
    columns = [column for column in held.table.columns if column.info.get("export", True)]
    names = [column.name for column in columns]
    as_json = {column.name for column in columns if column.info.get("export") == "json"}
    query = select(*(columns or held.key))
    all_of_them, few = (query.where(people.belongs(held, user_id, few=is_few)) for is_few in (False, True))
    size = BATCH if any(map(_is_wide, columns)) else NARROW
    async for rows in _batches(ctx, all_of_them, few, held.key, size):
        yield [_item(dict(zip(names, row, strict=False)), as_json) for row in rows]


def _is_wide(column: Column[Any]) -> bool:
    kind = column.type
    return isinstance(kind, (LargeBinary, JSON)) or (isinstance(kind, String) and (kind.length or SHORT + 1) > SHORT)


def _item(row: Mapping[str, Any], as_json: Iterable[str]) -> msgspec.Raw:
    """A row as JSON: moments in ISO's form, exact numbers as text, bytes as base64."""
    values = dict(row)
    for name in as_json:
        values[name] = _embedded(values[name])
    try:
        return msgspec.Raw(msgspec.json.encode(values, enc_hook=str))
    except (TypeError, ValueError):
        return msgspec.Raw(msgspec.json.encode({name: _spelled(value) for name, value in values.items()}))


def _embedded(text: Any) -> Any:
    """Text that is JSON, as it is stored; text that is none stays text."""
    try:
        return msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, TypeError, UnicodeError):
        return text


def _spelled(value: Any) -> msgspec.Raw:
    """A value of a row that is not plain JSON, such as half a surrogate, which Python's own JSON can spell."""
    with contextlib.suppress(TypeError, ValueError):
        return msgspec.Raw(msgspec.json.encode(value, enc_hook=str))
    with contextlib.suppress(TypeError, ValueError):
        return msgspec.Raw(json.dumps(value).encode())
    return msgspec.Raw(json.dumps(str(value)).encode())
