"""Subscribers in the database."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from astral_core import Session, core_users
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from astral_tides.tables import subscribers


async def is_subscribed(session: Session, user_id: int) -> bool:
    """Whether a user gets the daily message."""
    query = select(subscribers.c.user_id).where(subscribers.c.user_id == user_id)
    return (await session.execute(query)).first() is not None


async def subscribe(session: Session, user_id: int, first: date) -> None:
    """Send a user the daily message from the day `first` on; who gets it already keeps the day."""
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    await session.execute(make(subscribers).values(user_id=user_id, next_on=first).on_conflict_do_nothing())


async def take_due(session: Session, today: date, limit: int) -> list[int]:
    """Return up to `limit` users whose message of today is due, and put them off until tomorrow.

    Who has blocked the bot is put off too: the row stays for when they come back.
    """
    query = (
        select(subscribers.c.user_id, core_users.c.blocked_at)
        .join(core_users, core_users.c.id == subscribers.c.user_id)
        .where(subscribers.c.next_on <= today)
        .order_by(subscribers.c.user_id)
        .limit(limit)
    )
    found = (await session.execute(query)).all()
    if found:
        mine = subscribers.c.user_id.in_([row.user_id for row in found])
        await session.execute(update(subscribers).where(mine).values(next_on=today + timedelta(days=1)))
    return [row.user_id for row in found if row.blocked_at is None]


async def export(session: Session, user_id: int) -> list[dict[str, Any]]:
    """Return everything kept about a user as JSON data."""
    query = select(subscribers.c.since, subscribers.c.next_on).where(subscribers.c.user_id == user_id)
    return [
        {"since": row.since.isoformat(), "next_on": row.next_on.isoformat()} for row in await session.execute(query)
    ]


async def purge(session: Session, user_id: int) -> int:
    """Delete everything kept about a user; return the number of rows."""
    gone = delete(subscribers).where(subscribers.c.user_id == user_id).returning(subscribers.c.user_id)
    return len((await session.execute(gone)).all())
