"""`astral replicas`: who handles this database's inbox."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from click.testing import Result

from astral_core._version import __version__
from astral_playground.testkit.bot import BotKit, bot_kit

Astral = Callable[..., Awaitable[Result]]


async def test_the_running_process_is_listed_and_leads(
    database_url: str, astral: Astral, until: Callable[..., Awaitable[Any]]
) -> None:
    """Number, address, process, version, chats; for people and for machines; nothing once it has stopped."""
    async with bot_kit(database_url, plugins=[]) as kit:
        await until(lambda: kit.running.readiness.serving)
        (record,) = json.loads((await astral(kit, "replicas", "--json")).stdout)
        assert (record["pid"], record["port"], record["version"]) == (os.getpid(), kit.port, __version__)
        assert record["leader"] is True
        assert record["seen"] < 10
        line = (await astral(kit, "replicas")).output
        assert f"pid {os.getpid()}" in line
        assert line.rstrip().endswith("leader")
        stopped = BotKit(kit.telegram, kit.database_url)
        await kit.stop()
        assert "no process handles this database" in (await astral(stopped, "replicas")).output
