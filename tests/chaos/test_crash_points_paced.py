"""The process dies around a paced edit: what was committed is shown by the next one."""

from __future__ import annotations

import pytest
from chaos_kit.scene import KILLED, Scene

from astral_playground.testkit.process import until


@pytest.mark.parametrize(
    ("failpoint", "said"),
    [
        ("worker.committed", ["p:1"]),
        ("paced.sending", ["p:1"]),
        ("paced.sent", ["p:1", "p:1"]),  # a new message, of which nobody has noted that it is out
    ],
)
async def test_what_was_committed_is_shown(scene: Scene, failpoint: str, said: list[str]) -> None:
    """Also where nothing else comes for the chat; Telegram need not send the update again."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update("show")
    status = await scene.post(update)
    assert await bot.ended() == KILLED
    await bot.start()
    if status != 200:
        await scene.deliver(update)
    await until(lambda: scene.said() == said)
    await scene.settle()
    assert scene.said() == said


async def test_another_replica_shows_it(replicas_scene: Scene) -> None:
    """It takes the dead one's chat over, and with it what that is to show."""
    first, second = replicas_scene.replica(), replicas_scene.replica()
    await first.start("paced.sending:kill")
    await second.start()
    await replicas_scene.post(replicas_scene.update("show"), first)
    assert await first.ended() == KILLED
    await until(lambda: replicas_scene.said() == ["p:1"])
