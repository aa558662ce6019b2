"""Writing: telemetry becomes rows, a batch at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from astral_analytics.tables import events
from astral_core import Handled, PluginContext, Routes

routes = Routes()


def as_row(item: Handled) -> dict[str, Any]:
    """The columns of one handled row. No text, no birth data, no payment: names and numbers only."""
    return {
        "at": datetime.fromtimestamp(item.at, UTC),
        "name": item.route[:64]
        if item.outcome == "emitted"
        else "update"
        if item.update_id is not None
        else item.kind,
        "plugin": item.plugin[:32],
        "kind": item.kind[:32],
        "route": item.route[:96],
        "outcome": item.outcome[:16],
        "ms": item.ms,
        "wait_ms": item.wait_ms,
        "user_id": item.user_id,
        "update_id": item.update_id,
        "error_id": item.error_id,
    }


@routes.telemetry()
async def record(ctx: PluginContext, batch: list[Handled]) -> None:
    """Store a batch in one transaction."""
    async with ctx.work() as work:
        await work.session.execute(insert(events), [as_row(item) for item in batch])
