"""The emulator's clock: skipping wakes sleepers, running time passes by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from astral_playground.yookassa import VirtualClock


async def test_sleepers_wake_when_their_time_is_skipped_to() -> None:
    """A frozen clock wakes a sleeper at its moment and not before."""
    clock = VirtualClock(running=False)
    sleeper = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=1)))
    for _ in range(2):
        await asyncio.sleep(0)
        clock.advance(1799)
    for _ in range(5):  # turns of the loop, in which it could wake
        await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(2)
    await asyncio.wait_for(sleeper, 5)


async def test_running_time_passes_and_can_be_skipped_too() -> None:
    """A running clock ends a short sleep by itself and a long one by a skip."""
    clock = VirtualClock()
    start = clock.now()
    await asyncio.wait_for(clock.sleep_until(start + timedelta(milliseconds=20)), 5)
    assert clock.now() >= start + timedelta(milliseconds=20)
    sleeper = asyncio.create_task(clock.sleep_until(start + timedelta(days=1)))
    await asyncio.sleep(0)
    clock.advance(86400)
    await asyncio.wait_for(sleeper, 5)
