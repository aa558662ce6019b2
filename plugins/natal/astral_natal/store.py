"""Reading and writing of the plugin's tables, within a unit of work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from astral_core import Markup, Session, now
from astral_natal.encode import decode_chart, encode_chart
from astral_natal.model import Chart
from astral_natal.tables import natal_charts, natal_readings

CHARTS_KEPT = 100
"""Charts that a person may have beside those of paid readings; each change of a birth adds one."""


@dataclass(frozen=True, slots=True)
class StoredChart:
    """A user's chart; `theme` is the one in which the user looked at it last."""

    id: int
    user_id: int
    profile_id: int
    key: str
    theme: str
    chart: Chart


async def chart_by_id(session: Session, chart_id: int, user_id: int) -> StoredChart | None:
    """Return a chart, None where there is none or it is another user's.

    Raises:
        ChartFormatError: another version of the plugin wrote it.
    """
    query = select(natal_charts).where(natal_charts.c.id == chart_id, natal_charts.c.user_id == user_id)
    return _stored((await session.execute(query)).first())


async def chart_by_key(session: Session, user_id: int, profile_id: int, key: str) -> StoredChart | None:
    """Return the chart of a profile with this key, None where it is not there.

    Raises:
        ChartFormatError: the stored chart is damaged.
    """
    where = (
        natal_charts.c.user_id == user_id,
        natal_charts.c.profile_id == profile_id,
        natal_charts.c.key == key,
    )
    return _stored((await session.execute(select(natal_charts).where(*where))).first())


async def last_theme(session: Session, user_id: int) -> str | None:
    """Return the theme that the user saw last, None before the first chart."""
    query = select(natal_charts.c.theme).where(natal_charts.c.user_id == user_id)
    theme: str | None = await session.scalar(query.order_by(natal_charts.c.updated_at.desc()).limit(1))
    return theme


async def keep_chart(session: Session, user_id: int, profile_id: int, key: str, chart: Chart, theme: str) -> int:
    """Store a chart or its new theme; return its id. Writes nothing where all is there already."""
    where = (
        natal_charts.c.user_id == user_id,
        natal_charts.c.profile_id == profile_id,
        natal_charts.c.key == key,
    )
    found = (await session.execute(select(natal_charts.c.id, natal_charts.c.theme).where(*where))).first()
    if found is None:
        values = {"profile_id": profile_id, "key": key, "theme": theme, "chart": _json(encode_chart(chart))}
        statement = insert(natal_charts).values(user_id=user_id, **values).returning(natal_charts.c.id)
        number = int((await session.execute(statement)).scalar_one())
        await _drop_oldest(session, user_id)
        return number
    if found.theme != theme:
        changed = update(natal_charts).where(natal_charts.c.id == found.id)
        await session.execute(changed.values(theme=theme, updated_at=now()))
    return int(found.id)


async def _drop_oldest(session: Session, user_id: int) -> None:
    """Delete the charts beyond CHARTS_KEPT, those looked at longest ago first; that of a reading stays with it."""
    readings = (natal_readings.c.user_id == user_id, natal_readings.c.key.is_not(None))
    read = select(natal_readings.c.key).where(*readings)
    where = (natal_charts.c.user_id == user_id, natal_charts.c.key.not_in(read))
    oldest_last = (natal_charts.c.updated_at.desc(), natal_charts.c.id.desc())
    surplus = select(natal_charts.c.id).where(*where).order_by(*oldest_last).offset(CHARTS_KEPT)
    await session.execute(delete(natal_charts).where(natal_charts.c.id.in_(surplus)))


async def reading(session: Session, user_id: int, key: str, language: str) -> list[Markup] | None:
    """Return the messages of the user's reading of a chart, None where there is none."""
    where = (
        natal_readings.c.user_id == user_id,
        natal_readings.c.key == key,
        natal_readings.c.language == language,
    )
    query = select(natal_readings.c.messages).where(*where).order_by(natal_readings.c.id.desc()).limit(1)
    found = await session.scalar(query)
    return None if found is None else [Markup(text) for text in json.loads(found)]  # noqa: S704  # kept as Markup


async def is_answered(session: Session, order_id: str) -> bool:
    """Whether a payment has its reading already, or waits for birth data."""
    query = select(natal_readings.c.id).where(natal_readings.c.order_id == order_id)
    return await session.scalar(query) is not None


async def waiting_order(session: Session, user_id: int) -> str | None:
    """Return a payment of the user that waits for birth data to read, None where there is none."""
    where = (natal_readings.c.user_id == user_id, natal_readings.c.key.is_(None))
    order: str | None = await session.scalar(select(natal_readings.c.order_id).where(*where).limit(1))
    return order


async def keep_reading(
    session: Session, user_id: int, key: str, language: str, messages: list[Markup], order_id: str | None = None
) -> None:
    """Store a reading, as the answer to the payment `order_id` if there is one."""
    values = {"key": key, "language": language, "messages": _json([str(text) for text in messages])}
    if order_id is not None:
        waiting = update(natal_readings).where(natal_readings.c.order_id == order_id)
        if await session.scalar(waiting.values(**values).returning(natal_readings.c.id)) is not None:
            return
    await session.execute(insert(natal_readings).values(user_id=user_id, order_id=order_id, **values))


async def end_waiting(session: Session, order_id: str) -> None:
    """Note that a payment waits for birth data no longer: its money went back."""
    waiting = (natal_readings.c.order_id == order_id, natal_readings.c.key.is_(None))
    await session.execute(delete(natal_readings).where(*waiting))


async def keep_waiting(session: Session, user_id: int, order_id: str) -> None:
    """Note that a payment waits for birth data."""
    await session.execute(insert(natal_readings).values(user_id=user_id, order_id=order_id))


def _stored(row: Row[Any] | None) -> StoredChart | None:
    if row is None:
        return None
    chart = decode_chart(json.loads(row.chart))
    return StoredChart(row.id, row.user_id, row.profile_id, row.key, row.theme, chart)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
