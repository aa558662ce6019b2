"""Where small state is kept: `core_state`, one row a value. See `astral_core/state.py` for what it is.

Each change of a row has a number of its own. Who read a row and wants to write it names the number; if somebody else
wrote meanwhile, StateChanged rolls the handler back, and it runs again.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from astral_core.db.keyed import of_person, rows_of
from astral_core.db.link import Link
from astral_core.db.tables import core_state, now
from astral_core.db.together import Together
from astral_core.db.upsert import insert_ignore, upsert
from astral_core.errors import StateChanged


class StateKey(NamedTuple):
    """Whose state of which plugin it is; 0 is no chat, or nobody."""

    plugin: str
    name: str
    chat_id: int
    user_id: int


class Kept(NamedTuple):
    """What the database has: a number of its own for each change, and JSON."""

    version: int
    value: str


_KEY = (core_state.c.plugin, core_state.c.name, core_state.c.chat_id, core_state.c.user_id)


class StateStore:
    """Reads state for all handlers of a process: what is asked for side by side is one query."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._found: Together[StateKey, Kept] = Together(self._look, "astral-state")

    async def find(self, key: StateKey) -> Kept | None:
        """What is committed under `key`."""
        return await self._found.find(key)

    async def _look(self, keys: list[StateKey]) -> dict[StateKey, Kept]:
        rows = await rows_of(self._link, core_state, StateKey._fields, Kept._fields, keys)
        return {StateKey(*row[:4]): Kept(*row[4:]) for row in rows}


@dataclass(slots=True)
class Saved:
    """What a handler wants kept: JSON, and the number of what it had read; `read` tells whether it had."""

    value: str
    read: bool
    version: int | None  # None: there was no row


def new_version() -> int:
    """A number that no other change has: a row may be deleted and come back between two looks."""
    return secrets.randbits(62)


async def read_in(session: AsyncSession, key: StateKey) -> Kept | None:
    """What this transaction sees under `key`."""
    found = await session.execute(select(core_state.c.version, core_state.c.value).where(_is(key)))
    row = found.first()
    return Kept(*row) if row is not None else None


async def lock(session: AsyncSession, key: StateKey, default: str) -> Kept:
    """Take the row for this transaction, made with `default` if there is none, and return what it holds."""
    values = {**key._asdict(), "version": new_version(), "value": default, "saved_at": now()}
    statement = upsert(session.get_bind().dialect, core_state, values, StateKey._fields, keep=("version", "value"))
    row = (await session.execute(statement)).one()
    return Kept(row.version, row.value)


async def write(connection: AsyncSession | AsyncConnection, key: StateKey, saved: Saved) -> int:
    """Keep a value; return its number. StateChanged if what the handler had read has changed since."""
    version = new_version()
    values = {"version": version, "value": saved.value, "saved_at": now()}
    if saved.read and saved.version is not None:
        statement: Any = update(core_state).where(_is(key), core_state.c.version == saved.version).values(values)
    else:
        dialect = connection.get_bind().dialect if isinstance(connection, AsyncSession) else connection.dialect
        row = {**key._asdict(), **values}
        statement = (
            insert_ignore(dialect, core_state, row, StateKey._fields)
            if saved.read
            else upsert(dialect, core_state, row, StateKey._fields)
        )
    result: Any = await connection.execute(statement)
    if saved.read and result.rowcount != 1:
        raise StateChanged(f"plugin {key.plugin!r}: its state {key.name!r} was changed by somebody else meanwhile")
    return version


# --- of a person, a plugin, a group


async def export(session: AsyncSession, user_id: int, plugin: str | None = None) -> dict[str, bytes]:
    """A file for each plugin, or for one, that keeps something of this person."""
    columns = (core_state.c.plugin, core_state.c.name, core_state.c.chat_id, core_state.c.value)
    found: dict[str, list[dict[str, Any]]] = {}
    rows = await session.execute(select(*columns).where(of_person(core_state, user_id, plugin)).order_by(*_KEY))
    for owner, name, chat_id, value in rows:
        chat = {"chat": chat_id} if chat_id else {}
        found.setdefault(owner, []).append({"name": name, **chat, "value": json.loads(value)})
    return {
        f"{owner}/state.json": json.dumps(kept, ensure_ascii=False, indent=2).encode()
        for owner, kept in found.items()
    }


def _is(key: StateKey) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_KEY, key, strict=True)))
