"""Threads for what blocks: a plugin takes its own alone."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from astral_core import threads
from astral_core.observe.logs import scope
from astral_core.threads import CORE, MOST, NAMES, PluginThreads, Resolver


def test_a_plugin_whose_calls_block_takes_no_thread_of_others() -> None:
    """More blocking calls than it has threads: another plugin's, and a look-up of a name by the core, go on."""
    answers = threading.Event()
    began: list[str] = []

    def fetch() -> None:
        began.append(threading.current_thread().name)
        answers.wait()

    async def asks(plugin: str | None) -> None:
        scope.set({"plugin": plugin} if plugin else None)
        await asyncio.to_thread(fetch if plugin == "slow" else lambda: None)

    async def scene() -> None:
        asyncio.get_running_loop().set_default_executor(PluginThreads())
        slow = [asyncio.create_task(asks("slow")) for _ in range(MOST + 5)]
        while len(began) < MOST:  # noqa: ASYNC110  # threads begin, and no event of the loop tells
            await asyncio.sleep(0.001)
        await asyncio.create_task(asks("well"))
        await asyncio.create_task(asks(None))
        assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert len(began) == MOST
        answers.set()
        await asyncio.gather(*slow)
        assert len(began) == MOST + 5
        assert all(name.startswith("astral-thread-slow") for name in began)

    asyncio.run(scene())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("astral-thread-")]


def test_names_are_looked_up_in_no_plugins_threads() -> None:
    """aiohttp lets all calls to a host wait for the first one's look-up: it must not be behind what hangs."""
    names: list[str] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(PluginThreads())
        scope.set({"plugin": "slow"})
        look_up = socket.getaddrinfo

        def noted(*args: object, **options: object) -> object:
            names.append(threading.current_thread().name)
            return look_up(*args, **options)  # type: ignore[arg-type]

        socket.getaddrinfo = noted  # type: ignore[assignment]
        try:
            for pool in (CORE, NAMES):
                resolver = Resolver(pool)
                assert await resolver.resolve("localhost", 80)
                await resolver.close()
        finally:
            socket.getaddrinfo = look_up
        assert scope.get() == {"plugin": "slow"}

    asyncio.run(scene())
    assert [name.rpartition("_")[0] for name in names] == ["astral-thread-core", "astral-thread-names"]


def test_a_thread_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop ends without it, a moment later."""
    monkeypatch.setattr(threads, "FAREWELL", 0.05)
    answers = threading.Event()

    async def scene() -> None:
        asyncio.get_running_loop().set_default_executor(PluginThreads())
        scope.set({"plugin": "slow"})
        asyncio.get_running_loop().run_in_executor(None, answers.wait)
        await asyncio.sleep(0.01)

    asyncio.run(scene())
    (hanging,) = [thread for thread in threading.enumerate() if thread.name.startswith("astral-thread-slow")]
    answers.set()
    hanging.join()
