"""Notifications in the database: taken, taken again, and deleted when nobody needs them any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from astral_core import Context, Routes, now
from astral_payments.door import MOST_WAITING
from astral_payments.errors import PaymentsError
from astral_payments.orders import FIRST_CHECK
from astral_payments.store import inserting
from astral_payments.tables import YOOKASSA, events, payments

routes = Routes()

AGAIN = timedelta(seconds=30)
"""How soon a repeated notification has us look once more: YooKassa's own repetitions are rarer."""

MOST_OF_ONE = 8  # notifications about one payment that wait; who knows its number may invent any number of them
KEEP_OURS, KEEP_OTHERS = timedelta(days=90), timedelta(days=3)
TIDY_EVERY = 3600.0  # s
_TIDIED = 5000  # rows at a time: nobody shall wait long for the database

OF_PAYMENT = (payments.c.provider == YOOKASSA) & (payments.c.provider_ref == events.c.payment_ref)


class NoRoom(PaymentsError):
    """Too many notifications about unknown payments wait already."""


async def take(session: AsyncSession, hint: dict[str, str], payment_id: int | None) -> int | None:
    """Keep the notification; the number of the one to look into now, None where it is looked into anyway.

    A repetition of what YooKassa has confirmed is only counted. Of everything else it opens the old row once more:
    whoever knows a payment's id may have posted beforehand what YooKassa posts now.

    :raises NoRoom: of those about unknown payments.
    """
    others = (events.c.state == "new") & (events.c.dedupe_key != hint["dedupe_key"])
    if payment_id is None:
        await _find_room(session, others)
    elif (crowd := await _waiting_of_one(session, hint["payment_ref"], others)) is not None:
        return await _again(session, crowd)  # each look reads the whole payment: one of them serves all
    moment = now()
    new = {"state": "new", "seen": 1, "attempts": 0, "next_try_at": moment + FIRST_CHECK, "received_at": moment}
    statement = (
        inserting(session, events)
        .values(**hint, provider=YOOKASSA, **new)
        .on_conflict_do_update(index_elements=["provider", "dedupe_key"], set_={"seen": events.c.seen + 1})
        .returning(events.c.id, events.c.seen)
    )
    row = (await session.execute(statement)).one()
    return row.id if row.seen == 1 else await _again(session, row.id)


async def _find_room(session: AsyncSession, others: Any) -> None:
    """:raises NoRoom: there is none for one more."""
    unknown = select(func.count()).select_from(events.outerjoin(payments, OF_PAYMENT)).where(payments.c.id.is_(None))
    if (await session.execute(unknown.where(others))).scalar_one() >= MOST_WAITING:
        raise NoRoom


async def _waiting_of_one(session: AsyncSession, ref: str, others: Any) -> int | None:
    """The first of too many that wait for one payment; None where they are few."""
    query = select(events.c.id).where(others, events.c.payment_ref == ref).order_by(events.c.id).limit(MOST_OF_ONE)
    found = (await session.execute(query)).scalars().all()
    return found[0] if len(found) == MOST_OF_ONE else None


async def _again(session: AsyncSession, event_id: int) -> int | None:
    """The same came once more: look at it soon, at most once in AGAIN. Its number where that is now."""
    row = (await session.execute(select(events).where(events.c.id == event_id).with_for_update())).one()
    if row.state == "done" and row.error is None:
        return None
    moment = now()
    at_once = row.received_at + AGAIN <= moment
    values = {"state": "new", "attempts": 0, "error": None, "next_try_at": row.received_at + AGAIN}
    if at_once:
        values |= {"next_try_at": moment + FIRST_CHECK, "received_at": moment}
    await session.execute(update(events).where(events.c.id == event_id).values(**values))
    return event_id if at_once else None


@routes.job("tidy", every=TIDY_EVERY)
async def tidy(ctx: Context) -> None:
    """Delete closed notifications: about payments of others after days, about ours after months."""
    moment = now()
    of_others = payments.c.id.is_(None) & (events.c.received_at < moment - KEEP_OTHERS)
    old = (
        select(events.c.id)
        .select_from(events.outerjoin(payments, OF_PAYMENT))
        .where(events.c.state != "new", of_others | (events.c.received_at < moment - KEEP_OURS))
        .limit(_TIDIED)
    )
    await ctx.session.execute(delete(events).where(events.c.id.in_(old)))
