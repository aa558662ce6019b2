"""Threads for what blocks: a plugin takes its own alone."""

from __future__ import annotations

import asyncio
import socket
import threading

from astral_core.observe.logs import scope
from astral_core.threads import MOST, PluginThreads


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
        assert all(name.startswith("astral-slow") for name in began)

    asyncio.run(scene())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("astral-")]
