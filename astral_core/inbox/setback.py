"""After the clock was set back: waiting rows come when they should, and not later by as much as that was.

One-time work that waits for its moment stays as it is: the clock decides. What recurs does not wait for longer than
`inbox/schedule.py` allows, and what is tried again keeps its pause. All replicas see the step and look; what one of
them has changed, the others leave alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from astral_core.db.engine import brief
from astral_core.db.tables import DueState, core_due
from astral_core.inbox.schedule import read_schedule
from astral_core.inbox.store import Store

log = logging.getLogger("astral.inbox")
PAGE = 1_000  # rows that are looked at in one go
_c = core_due.c
_KNOWN = ("id", "generation", "due_at", "since", "tries", "schedule")


async def bring_back(store: Store, seconds: float) -> int:
    """The clock was set back by `seconds`, or perhaps, with 0, while the bot was down; how many rows were changed."""
    last, total, step = 0, 0, timedelta(seconds=seconds)
    while True:
        moment = store.shared.now()
        rows = await _page(store, moment, last)
        changes = [change for row in rows if (change := _changed(row, moment, step)) is not None]
        if changes:
            total += await _write(store, changes)
        if len(rows) < PAGE:
            return total
        last = rows[-1].id


async def _page(store: Store, moment: datetime, last: int) -> Sequence[Any]:
    """Rows that wait, and recur or are tried again."""
    waits = (_c.id > last, _c.state == DueState.WAITING, _c.due_at > moment)
    query = select(*(_c[name] for name in _KNOWN)).where(*waits, or_(_c.schedule.is_not(None), _c.tries > 0))
    async with brief(store.database) as connection:
        return (await connection.execute(query.order_by(_c.id).limit(PAGE))).all()


def _changed(row: Any, moment: datetime, step: timedelta) -> dict[str, Any] | None:
    """What of a row is to be changed; None if nothing."""
    due_at, since = row.due_at, row.since
    # A pause that was made before the step, and is no longer than that; one that another replica has cut is shorter.
    if row.tries and step < due_at - moment <= 2 * step:
        due_at, since = due_at - step, since - step if since is not None else None
    if row.schedule is not None:
        try:
            due_at = read_schedule(row.schedule).near(due_at, moment)
        except Exception as error:  # noqa: BLE001  # its plugin may be away, or another version have written it
            log.warning("due row %d waits as it does: its schedule cannot be read (%s)", row.id, type(error).__name__)
    if due_at == row.due_at:
        return None
    return {"number": row.id, "then": row.generation, "due": due_at, "begun": since}


async def _write(store: Store, changes: Sequence[dict[str, Any]]) -> int:
    """Change rows that nobody has fired or replaced since; how many those are."""
    same = (_c.id == bindparam("number"), _c.generation == bindparam("then"), _c.state == DueState.WAITING)
    change = update(core_due).where(*same).values(due_at=bindparam("due"), since=bindparam("begun"))

    async def write(connection: AsyncConnection) -> int:
        return sum([(await connection.execute(change, one)).rowcount for one in changes])

    done: int = await store.write(write)
    return done
