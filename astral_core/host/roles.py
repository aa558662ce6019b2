"""Who has which role: those of astral.toml, and those that the owner gave in the bot (`core_roles`).

Read when a route with a role is asked for, and kept for a second: so all replicas know of a change within two, and a
bot that uses no roles reads nothing. The process that changes them knows at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core.config import Settings, nearest
from astral_core.db.engine import Database
from astral_core.db.tables import core_roles, now
from astral_core.db.upsert import dialect_of, insert_ignore
from astral_core.declare import CHAT_ADMIN, OWNER
from astral_core.errors import HandlerError
from astral_core.inbox.work import UnitOfWork

KEPT = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class _Known:
    people: frozenset[int]
    until: float  # by the loop's clock, which nobody sets back


class Roles:
    """The people of each role. `named` are the roles that plugins name, with their texts by plugin."""

    def __init__(self, database: Database, settings: Settings, named: Mapping[str, Mapping[str, str]]) -> None:
        self._database = database
        self._named = named
        self.owners = frozenset(settings.admins)
        self.fixed = {name: frozenset(people) for name, people in settings.roles.items()}  # those of astral.toml
        self._known: dict[str, _Known] = {}
        self._reading = asyncio.Lock()
        self._changes = 0

    async def has(self, role: str, user_id: int) -> bool:
        """Whether somebody has a role; owners have every one."""
        if user_id in self.owners:
            return True
        return role != OWNER and user_id in await self.people(role)

    async def people(self, role: str) -> frozenset[int]:
        """Everybody to whom `role` was given; the bot's admins for OWNER."""
        known = self.known(role)
        if known is not None:
            return known
        async with self._reading:
            known = self.known(role)  # somebody may have read it meanwhile
            if known is None:
                known = await self._read(role)
        return known

    def known(self, role: str) -> frozenset[int] | None:
        """The same, if it needs no look into the database."""
        if role == OWNER:
            return self.owners
        found = self._known.get(role)
        return found.people if found is not None and time.monotonic() < found.until else None

    async def people_within(self, unit: UnitOfWork, role: str) -> frozenset[int]:
        """The same in a unit of work: once that has written, another connection might wait for its end."""
        known = self.known(role)
        if known is not None:
            return known
        if unit.wrote:
            return self._with_fixed(role, (await unit.session.execute(given_to(role))).scalars())
        await unit.release_reads()
        return await self.people(role)

    async def _read(self, role: str) -> frozenset[int]:
        """Ask the database. What was asked before a change is not kept."""
        began, changes = time.monotonic(), self._changes
        async with self._database.engine.connect() as connection:
            given = (await connection.execute(given_to(role))).scalars().all()
        found = self._with_fixed(role, given)
        if changes == self._changes and role in self._named:  # other names would fill the memory
            self._known[role] = _Known(found, began + KEPT)
        return found

    def _with_fixed(self, role: str, given: Iterable[int]) -> frozenset[int]:
        """The people to whom a role was `given` in the bot, and those of astral.toml."""
        return frozenset(given) | self.fixed.get(role, frozenset())

    def changed(self) -> None:
        """Somebody got a role in this process, or lost one: read them again."""
        self._changes += 1
        self._known.clear()

    def check(self, plugin: str, role: object) -> None:
        """HandlerError for a role that no plugin names."""
        if not isinstance(role, str):
            what = type(role).__name__
            raise HandlerError(f'plugin {plugin!r}: a role is a name, not {what}. Fix: OWNER, CHAT_ADMIN, "support".')
        if role in (OWNER, CHAT_ADMIN) or role in self._named:
            return
        near = nearest(role, [*self._named, OWNER, CHAT_ADMIN])
        hint = f"did you mean {near!r}?" if near else 'Plugin(roles={"<name>": N_("what it is for")}).'
        raise HandlerError(f"plugin {plugin!r}: no plugin names the role {role[:40]!r}. Fix: {hint}")


def given_to(role: str) -> Select[int]:
    """To whom a role was given in the bot, the first one first."""
    return (
        select(core_roles.c.user_id)
        .where(core_roles.c.role == role)
        .order_by(core_roles.c.created_at, core_roles.c.user_id)
    )


# --- what is given in the bot


async def give(session: AsyncSession, role: str, people: Iterable[int], by: int | None) -> list[int]:
    """Write down that people have a role; those who had it not."""
    dialect = await dialect_of(session)
    new: list[int] = []
    for person in people:
        row = {"role": role, "user_id": person, "given_by": by, "created_at": now()}
        made = insert_ignore(dialect, core_roles, row).returning(core_roles.c.user_id)
        new += (await session.execute(made)).scalars()
    return new


async def take(session: AsyncSession, role: str, person: int) -> bool:
    """Delete what `give` wrote; False if there was nothing."""
    gone = delete(core_roles).where(core_roles.c.role == role, core_roles.c.user_id == person)
    return (await session.scalar(gone.returning(core_roles.c.user_id))) is not None


async def given(session: AsyncSession) -> dict[str, list[int]]:
    """Everybody to whom something was given in the bot, by role, the first one first."""
    columns = core_roles.c.role, core_roles.c.user_id
    found: dict[str, list[int]] = {}
    for role, person in await session.execute(select(*columns).order_by(core_roles.c.created_at, columns[1])):
        found.setdefault(role, []).append(person)
    return found


async def of_person(session: AsyncSession, person: int) -> list[dict[str, Any]]:
    """The roles that were given to a person in the bot, for their export."""
    query = select(core_roles).where(core_roles.c.user_id == person).order_by(core_roles.c.role)
    return [{"role": row.role, "given_at": row.created_at.isoformat()} for row in await session.execute(query)]


async def forget(session: AsyncSession, person: int) -> bool:
    """Delete the roles of a person, and that others have theirs from them; whether there were any roles."""
    await session.execute(update(core_roles).where(core_roles.c.given_by == person).values(given_by=None))
    gone = delete(core_roles).where(core_roles.c.user_id == person).returning(core_roles.c.role)
    return bool((await session.execute(gone)).scalars().all())
