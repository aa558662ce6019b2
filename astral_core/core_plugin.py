"""The core's own plugin: it declares its routes the way every plugin does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select

from astral_core import alerts, privacy, roles
from astral_core.bot import commands, home
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
from astral_core.declare import Tables
from astral_core.host.context import PluginContext, services_of
from astral_core.host.failed import EventFailed
from astral_core.host.state import State
from astral_core.i18n import N_
from astral_core.inbox.row_updates import SUSPECT
from astral_core.inbox.rows import INTERNAL
from astral_core.plugin import CorePlugin
from astral_core.ptb.guest import guest
from astral_core.roster import states_of
from astral_core.vitals import Health, HealthFinding

FULL = 0.8  # of the rows that may be pending


plugin = CorePlugin(
    foreign=guest,
    tables=Tables(metadata, "astral_core.db.migrations"),
    routes=[home.routes, privacy.routes, alerts.routes, commands.routes, roles.routes],
    events=[EventFailed],
)


@plugin.hook
async def astral_health(ctx: PluginContext) -> Health:
    """What waits for a person. What only moves numbers has its metrics already."""
    of_messages = select(func.count()).where(core_outbox.c.state == DEAD_EFFECT)
    counts = select(
        _rows(PENDING), _rows(DEAD), _rows(PARKED), _rows(PARKED, core_inbox.c.parked_for == SUSPECT),
        of_messages.scalar_subquery(),
    )  # fmt: skip
    services = services_of(ctx)
    bounds = services.settings.inbox
    async with ctx.work() as work:
        pending, dead, parked, suspects, refused = (await work.session.execute(counts)).one()
        told = (await work.session.execute(select(core_replicas.c.plugins))).scalars().all()
        full = (await work.session.execute(_of_full_chats(bounds.max_chat))).scalars().all() if pending else []
    findings = [*_left(dead, parked - suspects, suspects, refused), *_aside(told)]
    if pending - sum(full) + len(full) * bounds.max_chat >= FULL * bounds.max_pending:
        findings.append(_nearly_full(pending))
    findings += [*_full(len(full), max(full, default=0)), *_slow(services.crowd.full)]
    return Health(findings, {"messages_refused": refused, "rows_suspect": suspects})


def _rows(state: int, *where: ColumnElement[bool]) -> Any:
    """How many rows are in `state`. It stands in the query itself: else the state's partial index is not used."""
    of_state = core_inbox.c.state == literal_column(str(state))
    return select(func.count()).select_from(core_inbox).where(of_state, *where).scalar_subquery()


def _left(dead: int, parked: int, suspects: int, refused: int) -> Iterator[HealthFinding]:
    if dead:
        fix = N_("See <code>astral inbox list --dead</code>, then <code>astral inbox retry</code> or drop.")
        yield HealthFinding("dead-letters", N_("Dead letters: {n}."), fix, values={"n": dead})
    if parked:
        fix = N_("Mend the plugin or install it again: <code>astral plugins list</code> says why it is away.")
        yield HealthFinding("rows-parked", N_("Rows that wait for a plugin: {n}."), fix, values={"n": parked})
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


def _of_full_chats(most: int) -> Any:
    """The numbers of pending updates of those chats of which no more are taken."""
    updates = ~core_inbox.c.source.startswith(f"{INTERNAL}:", autoescape=True)
    where = core_inbox.c.state == literal_column(str(PENDING)), updates
    number = func.count()
    return select(number).where(*where).group_by(core_inbox.c.lane).having(number >= most)


def _full(chats: int, most: int) -> Iterator[HealthFinding]:
    if chats:
        text = N_("Chats of which no more updates are taken for now: {n}. Of one of them {most} wait.")
        fix = N_(
            "<code>astral inbox list</code> shows what waits. Look for what is slow; other chats are not touched."
        )
        yield HealthFinding("chats-full", text, fix, values={"n": chats, "most": most})


def _slow(plugins: list[str]) -> Iterator[HealthFinding]:
    """The plugins of which no more handlers begin in this process."""
    if plugins:
        fix = N_(
            "The log says where. Find out why there is no answer, and give the plugin's calls a shorter time-out."
        )
        text = N_("So many handlers wait for something slow that no more of them begin: {names}.")
        yield HealthFinding("plugin-slow", text, fix, "error", {"names": ", ".join(sorted(plugins))})


def _nearly_full(pending: int) -> HealthFinding:
    fix = N_("Soon updates are refused, and Telegram keeps them. Look for slow handlers, and at the database.")
    return HealthFinding("inbox-full", N_("The inbox is nearly full: {n} rows wait."), fix, "error", {"n": pending})
