"""The write lock of SQLite: one holder, fair, urgent first, and never lost by a cancellation."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.db.lock import WriteLock


async def test_waiters_are_served_in_order_urgent_ones_first() -> None:
    """Ingest goes before all handlers, within each kind first come is first served."""
    lock, served = WriteLock(), []

    async def use(name: str, urgent: bool) -> None:
        await lock.acquire(urgent=urgent)
        served.append(name)
        await asyncio.sleep(0)
        lock.release()

    await lock.acquire()
    users = [use("a", False), use("b", False), use("U", True), use("c", False), use("V", True)]
    tasks = [asyncio.create_task(user) for user in users]
    await asyncio.sleep(0)
    lock.release()
    await asyncio.gather(*tasks)
    assert served == ["U", "V", "a", "b", "c"]
    assert not lock.held


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    """The lock goes past it to the next."""
    lock = WriteLock()
    await lock.acquire()
    gone, stays = (asyncio.create_task(lock.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    lock.release()
    await stays
    assert lock.held


async def test_a_waiter_cancelled_in_the_moment_of_the_release_is_cancelled_cleanly() -> None:
    """Cancelled, then passed over by the release before it runs: CancelledError and nothing else."""
    lock = WriteLock()
    await lock.acquire()
    waiter = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    waiter.cancel()
    lock.release()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not lock.held


async def test_a_waiter_cancelled_after_it_was_given_the_lock_passes_it_on() -> None:
    """Given, then cancelled before it runs: the lock is not lost with it."""
    lock = WriteLock()
    await lock.acquire()
    waiter = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    lock.release()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not lock.held


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 8)), max_size=12))
def test_no_interleaving_of_waits_and_cancellations_loses_the_lock(users: list[tuple[bool, int, int]]) -> None:
    """Whoever waits, holds for some turns and is cancelled at any turn: one holder, and free at the end."""

    async def scene() -> None:
        lock, holders = WriteLock(), 0

        async def use(urgent: bool, turns: int) -> None:
            nonlocal holders
            await lock.acquire(urgent=urgent)
            holders += 1
            try:
                assert holders == 1
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                holders -= 1
                lock.release()

        tasks = [asyncio.create_task(use(urgent, turns)) for urgent, turns, _ in users]
        for turn in range(9):
            await asyncio.sleep(0)
            for task, (_, _, cancel_at) in zip(tasks, users, strict=True):
                if cancel_at == turn:
                    task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
        assert not lock.held

    asyncio.run(scene())


async def test_the_owners_take_turns() -> None:
    """However many handlers of one plugin wait, that of another comes after one of them."""
    lock, served = WriteLock(), []

    async def use(owner: str) -> None:
        await lock.acquire(owner=owner)
        served.append(owner)
        await asyncio.sleep(0)
        lock.release()

    await lock.acquire()
    tasks = [asyncio.create_task(use(owner)) for owner in ("slow", "slow", "slow", "slow", "well", "core")]
    await asyncio.sleep(0)
    lock.release()
    await asyncio.gather(*tasks)
    assert served == ["slow", "well", "core", "slow", "slow", "slow"]
    assert not lock.held
