"""The playground inside the bot: it forwards telemetry to the chat page, and does nothing else."""

from __future__ import annotations

from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from astral_core import Handled, Plugin, PluginContext

OUTCOMES = {"ok": "done", "refused": "refused", "retry": "retry", "dead": "failed"}


class PlaygroundSettings(BaseModel):
    """`[plugins.playground]`; set by the playground itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace_url: str | None = Field(default=None, description="where the chat page takes telemetry")


plugin = Plugin(settings=PlaygroundSettings)


@plugin.telemetry()
async def forward(ctx: PluginContext, batch: list[Handled]) -> None:
    """Tell the chat page who handled which update, and how long it took."""
    url = ctx.settings(PlaygroundSettings).trace_url
    events = [as_trace(item) for item in batch if item.update_id is not None]
    if url is None or not events:
        return
    try:
        async with ctx.http.post(url, json={"events": events}) as response:
            if response.status >= 400:
                ctx.log.warning("the chat page refused telemetry: %d", response.status)
    except aiohttp.ClientError as error:
        ctx.log.info("the chat page is away: %s", type(error).__name__)


def as_trace(item: Handled) -> dict[str, Any]:
    """Telemetry in the chat page's words."""
    return {
        "update_id": item.update_id,
        "stage": "failed" if item.outcome == "dead" else "handled",
        "at": item.at,
        "ms": item.ms,
        "plugin": item.plugin,
        "route": f"{item.kind} {item.route}",
        "outcome": OUTCOMES.get(item.outcome, item.outcome),
        "error": item.error_id or "",
    }
