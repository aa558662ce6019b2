"""Reading: the figures of the last days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from astral_analytics.tables import events
from astral_core import Session, core_users, now


@dataclass(frozen=True)
class RouteFigures:
    """How often a route ran, and how long it took on average, in milliseconds."""

    plugin: str
    route: str
    count: int
    failed: int
    ms: float


@dataclass(frozen=True)
class Summary:
    """Figures since `since`: people, updates, failures, times in milliseconds, the busiest routes."""

    since: datetime
    users: int
    new_users: int
    active_users: int
    blocked: int
    updates: int
    failed: int
    mean_ms: float
    slowest_ms: float
    routes: tuple[RouteFigures, ...]


def _updates(since: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return events.c.at >= since, events.c.update_id.is_not(None)


def _routes_query(since: datetime) -> Select[*tuple[Any, ...]]:
    failed = func.sum(case((events.c.outcome == "dead", 1), else_=0))
    return (
        select(events.c.plugin, events.c.route, func.count(), failed, func.avg(events.c.ms))
        .where(*_updates(since))
        .group_by(events.c.plugin, events.c.route)
        .order_by(func.count().desc(), events.c.plugin, events.c.route)
        .limit(8)
    )


async def summarize(session: Session, days: int) -> Summary:
    """The figures of the last `days` days."""
    since = now() - timedelta(days=days)
    people = select(
        func.count(),
        func.sum(case((core_users.c.created_at >= since, 1), else_=0)),
        func.sum(case((core_users.c.blocked_at.is_not(None), 1), else_=0)),
    ).select_from(core_users)
    users, new_users, blocked = (await session.execute(people)).one()
    totals = select(
        func.count(),
        func.count(func.distinct(events.c.user_id)),
        func.sum(case((events.c.outcome == "dead", 1), else_=0)),
        func.avg(events.c.ms),
        func.max(events.c.ms),
    ).where(*_updates(since))
    count, active, failed, mean, slowest = (await session.execute(totals)).one()
    busiest = await session.execute(_routes_query(since))
    routes = tuple(
        RouteFigures(plugin, route, total, int(bad or 0), float(ms or 0)) for plugin, route, total, bad, ms in busiest
    )
    return Summary(
        since, users, int(new_users or 0), active, int(blocked or 0), count, int(failed or 0), float(mean or 0),
        float(slowest or 0), routes,
    )  # fmt: skip
