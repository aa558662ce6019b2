"""When is a bot done? When nothing is on its way to it, in it, or on its way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from astral_core.app import App
from astral_playground.telegram.state import World

TIMEOUT = 60.0  # seconds: more than a handler may take, so that its own limit speaks first
LOOK = 0.001  # seconds between looks at the state of inbox and Telegram


async def settled(running: Callable[[], App | None], world: World) -> None:
    """Return when the bot has started and has handled, sent and noted all that it was given.

    Returns at once where nobody could be waited for: the bot is down, or Telegram holds its updates back.
    """
    await asyncio.sleep(0)  # a test that asks again and again lets the bot work, too
    try:
        async with asyncio.timeout(TIMEOUT):
            while (app := running()) is not None and not world.switches.paused and not _idle(app, world):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)  # a chat that comes to rest tells nobody
    except TimeoutError:
        raise TimeoutError(f"the bot is still busy after {TIMEOUT:g} s: {_busy(running(), world)}") from None
    if app is not None:
        await app.telemetry.flush()  # its subscribers would wait a second for it


def _idle(app: App, world: World) -> bool:
    """Whether nothing is to be done. An update leaves Telegram's queue after its lane has begun to be busy."""
    if app.supervisor.lost:
        raise RuntimeError("the bot has ended: one of its parts failed, and the log says which")
    inbox = app.inbox
    idle = app.readiness.serving and not (inbox.lanes.active or inbox.timer.busy or inbox.pacer.busy)
    return idle and not world.updates.pending and not _unanswered(world)


def _unanswered(world: World) -> bool:
    """Whether an answer to a pressed button is on its way: it travels in the webhook's answer, beside the lane."""
    for query in world.queries.values():
        update = None if query.done.is_set() else world.updates.by_query(query.id)
        if update is not None and not any(call.method == "answerCallbackQuery" for call in update.calls):
            return True
    return False


def _busy(app: App | None, world: World) -> str:
    updates = [f"{update.type} {update.summary!r} is {update.state}" for update in world.updates.pending.values()]
    calls = [f"{call.method}: {call.description}" for call in world.calls if not call.ok]
    busy = app.inbox.lanes.active if app is not None else 0
    return (
        f"{busy} chats have something to do; Telegram's updates: {', '.join(updates) or 'none'}; "
        f"calls that failed: {', '.join(calls[-5:]) or 'none'}."
    )
