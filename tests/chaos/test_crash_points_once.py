"""The process dies around a call of `ctx.once`: before it is made, before its result is kept, and after that."""

from __future__ import annotations

import pytest
from chaos_kit.scene import KILLED, Scene


async def dies(scene: Scene, failpoint: str, action: str) -> list[str]:
    """A process dies at a passage, the next one handles the update again; what was said."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update(action)
    status = await scene.post(update)
    assert await bot.ended() == KILLED
    await bot.start()
    if status != 200:  # it died before its answer left: Telegram sends again
        await scene.deliver(update)
    await scene.settle()
    assert await scene.written() == ["m:1"]
    return scene.said()


@pytest.mark.parametrize(
    ("failpoint", "said"),
    [
        ("once.begun", ["o:1", "m:1"]),  # nothing had been made
        ("once.made", ["o:1", "o:1", "m:1"]),  # nobody can know: at least once
        ("once.kept", ["o:1", "m:1"]),  # the next run has the result
        ("worker.before_commit", ["o:1", "m:1"]),
    ],
)
async def test_a_call_is_made_at_least_once(scene: Scene, failpoint: str, said: list[str]) -> None:
    """With "repeat", a doubt costs a second call, and nothing else does; the handler's writes are there once."""
    assert await dies(scene, failpoint, "once") == said


@pytest.mark.parametrize(
    ("failpoint", "said"),
    [
        ("once.begun", ["u:1", "m:1"]),
        ("once.made", ["o:1", "u:1", "m:1"]),
        ("once.kept", ["o:1", "m:1"]),
        ("worker.before_commit", ["o:1", "m:1"]),
    ],
)
async def test_a_call_is_never_made_twice(scene: Scene, failpoint: str, said: list[str]) -> None:
    """With "raise", the handler is told of the doubt, and decides."""
    assert await dies(scene, failpoint, "never_twice") == said


async def test_another_replica_takes_the_call_over(replicas_scene: Scene) -> None:
    """It finds that who began the call is dead, and gets the result where that was kept."""
    first, second = replicas_scene.replica(), replicas_scene.replica()
    await first.start("once.kept:kill")
    await second.start()
    status = await replicas_scene.post(update := replicas_scene.update("never_twice"))
    assert await first.ended() == KILLED
    if status != 200:
        await replicas_scene.deliver(update, second)
    await replicas_scene.settle()
    assert replicas_scene.said() == ["o:1", "m:1"]
    assert await replicas_scene.written() == ["m:1"]
