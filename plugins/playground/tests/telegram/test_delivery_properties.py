"""Whatever the receiver answers, and whatever is switched: order within a queue, and nothing lost."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from astral_playground.telegram import ManualClock, TelegramEmulator
from astral_playground.telegram.delivery import REORDER_HOLD

ANSWERS = st.lists(st.sampled_from([200, 200, 204, 500, 503, 302, 429]), max_size=12)
ACTS = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=8)
SWITCHES = st.fixed_dictionaries(
    {"duplicate_every": st.integers(0, 3), "drop_response_every": st.integers(0, 3), "reorder": st.booleans()}
)


class Hook:
    """A receiver that answers from a list, then always 200; it notes what it took and what it agreed to."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = list(answers)
        self.seen: list[int] = []
        self.accepted: list[int] = []
        self.in_flight: dict[Any, int] = {}
        self.overlaps = 0

    async def take(self, request: web.Request) -> web.Response:
        """One delivery."""
        update = await request.json()
        key = _queue(update)
        self.in_flight[key] = self.in_flight.get(key, 0) + 1
        self.overlaps += self.in_flight[key] > 1
        await asyncio.sleep(0)
        self.in_flight[key] -= 1
        self.seen.append(update["update_id"])
        status = self.answers.pop(0) if self.answers else 200
        if status < 300:
            self.accepted.append(update["update_id"])
        return web.Response(status=status)


def _queue(update: dict[str, Any]) -> tuple[str, int]:
    if "callback_query" in update:
        return "press", update["callback_query"]["from"]["id"]
    return "message", update["message"]["chat"]["id"]


async def _run(answers: list[int], acts: list[tuple[int, bool]], switches: dict[str, Any]) -> None:
    clock, hook = ManualClock(), Hook(answers)
    app = web.Application()
    app.router.add_post("/hook", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with TelegramEmulator(clock=clock) as tg:
            people = [tg.user(f"u{number}") for number in range(3)]
            for person in people:
                person.user.started = True
                markup = {"inline_keyboard": [[{"text": "a", "callback_data": "1"}]]}
                tg.world.post(person.user, "bot", {"text": "x"}, markup=markup)
            tg.world.webhook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            tg.switch(**switches)
            for who, press in acts:
                await (people[who].press("a") if press else people[who].send("t"))
            async with asyncio.timeout(30):
                while tg.world.updates.pending:
                    await asyncio.sleep(0.001)
                    tg.retry()  # no clock: pauses would let presses expire
                    if any(left <= REORDER_HOLD for left in clock.sleepers()):
                        clock.advance(REORDER_HOLD)
            _check(tg, hook, switches)
    finally:
        await runner.cleanup()


def _check(tg: TelegramEmulator, hook: Hook, switches: dict[str, Any]) -> None:
    history = list(tg.world.updates.history)
    assert hook.overlaps == 0
    assert {update.state for update in history} == {"delivered"}
    assert set(hook.accepted) == {update.update_id for update in history}
    queues: dict[int, list[int]] = {}
    for update in history:
        queues.setdefault(update.queue_id, []).append(update.update_id)
    for ids in queues.values():
        seen = [update_id for update_id in hook.seen if update_id in ids]
        assert seen == sorted(seen)
    if not switches["duplicate_every"] and not switches["drop_response_every"]:
        assert len(hook.accepted) == len(history)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS, ACTS, SWITCHES)
def test_order_and_no_loss(answers: list[int], acts: list[tuple[int, bool]], switches: dict[str, Any]) -> None:
    """Every update is delivered at least once, one at a time and in order within its queue."""
    asyncio.run(_run(answers, acts, switches))
