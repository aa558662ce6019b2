"""The core's own plugin: it declares its routes the way every plugin does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import func, select

from astral_core import alerts, privacy
from astral_core.bot import home
from astral_core.bot.home import N_
from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    PARKED,
    PENDING,
    core_inbox,
    core_outbox,
    core_replicas,
    metadata,
)
from astral_core.declare import Declared, Event, Health, HealthFinding, Schema
from astral_core.hookspecs import hookimpl
from astral_core.host.context import PluginContext
from astral_core.host.failed import EventFailed
from astral_core.host.state import State
from astral_core.inbox.notes import SUSPECT
from astral_core.roster import states_of

FULL = 0.8  # of the rows that may be pending


@hookimpl
def astral_schema() -> Schema:
    """The core's tables."""
    return Schema(metadata, "astral_core.db.migrations")


@hookimpl
def astral_routes(ctx: PluginContext) -> Iterable[Declared]:
    """Menu, help, about, language, privacy; alerts to the admins."""
    del ctx
    return [*home.routes, *privacy.routes, *alerts.routes]


@hookimpl
def astral_events() -> list[type[Event]]:
    """Subscribers that failed for good."""
    return [EventFailed]


@hookimpl
async def astral_health(ctx: PluginContext) -> Health:
    """What waits for a person. What only moves numbers has its metrics already."""
    count = func.count()
    of_rows = select(core_inbox.c.state, count).where(core_inbox.c.state.in_((PENDING, DEAD, PARKED)))
    of_suspects = select(count).select_from(core_inbox)
    of_suspects = of_suspects.where(core_inbox.c.state == PARKED, core_inbox.c.parked_for == SUSPECT)
    of_messages = select(count).select_from(core_outbox).where(core_outbox.c.state == DEAD_EFFECT)
    async with ctx.work() as work:
        found = await work.session.execute(of_rows.group_by(core_inbox.c.state))
        rows: dict[int, int] = {row[0]: row[1] for row in found}
        suspects = int((await work.session.execute(of_suspects)).scalar_one())
        refused = int((await work.session.execute(of_messages)).scalar_one())
        told = (await work.session.execute(select(core_replicas.c.plugins))).scalars().all()
    full = rows.get(PENDING, 0) >= FULL * ctx.services.settings.inbox.max_pending
    rows[PARKED] = rows.get(PARKED, 0) - suspects
    findings = [*_left(rows, refused, suspects), *_aside(told), *([_nearly_full(rows[PENDING])] if full else [])]
    return Health(findings, {"messages_refused": refused, "rows_suspect": suspects})


def _left(rows: dict[int, int], refused: int, suspects: int) -> Iterator[HealthFinding]:
    if n := rows.get(DEAD):
        fix = N_("See <code>astral inbox list --dead</code>, then <code>astral inbox retry</code> or drop.")
        yield HealthFinding("dead-letters", N_("Dead letters: {n}."), fix, values={"n": n})
    if n := rows.get(PARKED):
        fix = N_("Mend the plugin or install it again: <code>astral plugins list</code> says why it is away.")
        yield HealthFinding("rows-parked", N_("Rows that wait for a plugin: {n}."), fix, values={"n": n})
    if suspects:
        fix = N_(
            "See <code>astral inbox list</code> and the log of the last deaths. They are tried again by themselves."
        )
        text = N_("Rows that may have killed a process, and wait for another try: {n}.")
        yield HealthFinding("rows-suspect", text, fix, values={"n": suspects})
    if refused:
        fix = N_("See <code>astral outbox list</code>, then <code>astral outbox retry</code> or drop.")
        yield HealthFinding(
            "messages-refused", N_("Messages that Telegram refused: {n}."), fix, values={"n": refused}
        )


def _aside(told: Iterable[Any]) -> Iterator[HealthFinding]:
    """The plugins that some running process has set aside."""
    well = {State.ACTIVE.value, State.LOADED.value, State.DISABLED.value}
    aside = {name: state for text in told for name, state in states_of(text).items() if state not in well}
    if aside:
        names = ", ".join(f"{name} ({state})" for name, state in sorted(aside.items()))
        fix = N_("<code>astral plugins list</code> and the log of the start say why. Mend it, or switch it off.")
        yield HealthFinding("plugin-aside", N_("Set aside: {names}."), fix, "error", {"names": names})


def _nearly_full(pending: int) -> HealthFinding:
    fix = N_("Soon updates are refused, and Telegram keeps them. Look for slow handlers, and at the database.")
    return HealthFinding("inbox-full", N_("The inbox is nearly full: {n} rows wait."), fix, "error", {"n": pending})
