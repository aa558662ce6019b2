"""Wishes in the database."""

from __future__ import annotations

from typing import Any

from astral_core import Session, now
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from astral_gifts.tables import wishes


async def give(session: Session, order_id: str, user_id: int, code: str) -> bool:
    """Write down that an order has brought a wish; False where it was written down before."""
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    given = (
        make(wishes)
        .values(order_id=order_id, user_id=user_id, code=code)
        .on_conflict_do_nothing()
        .returning(wishes.c.order_id)
    )
    return (await session.execute(given)).first() is not None


async def take_back(session: Session, order_id: str) -> bool:
    """Take the wish of an order back; False where there is none, or none any more."""
    taken = (
        update(wishes)
        .where(wishes.c.order_id == order_id, wishes.c.taken_back_at.is_(None))
        .values(taken_back_at=now())
        .returning(wishes.c.order_id)
    )
    return (await session.execute(taken)).first() is not None


async def is_given(session: Session, order_id: str) -> bool:
    """Whether an order has brought a wish that was not taken back."""
    query = select(wishes.c.order_id).where(wishes.c.order_id == order_id, wishes.c.taken_back_at.is_(None))
    return (await session.execute(query)).first() is not None


async def owned(session: Session, user_id: int) -> set[str]:
    """Return the codes of a user's wishes."""
    query = select(wishes.c.code).where(wishes.c.user_id == user_id, wishes.c.taken_back_at.is_(None))
    return set((await session.execute(query)).scalars())


async def export(session: Session, user_id: int) -> list[dict[str, Any]]:
    """Return everything kept about a user as JSON data."""
    query = select(wishes).where(wishes.c.user_id == user_id).order_by(wishes.c.given_at)
    return [
        {
            "order": row.order_id,
            "wish": row.code,
            "given_at": row.given_at.isoformat(),
            "taken_back_at": row.taken_back_at.isoformat() if row.taken_back_at else None,
        }
        for row in await session.execute(query)
    ]


async def purge(session: Session, user_id: int) -> int:
    """Delete everything kept about a user; return the number of rows."""
    gone = delete(wishes).where(wishes.c.user_id == user_id).returning(wishes.c.order_id)
    return len((await session.execute(gone)).all())
