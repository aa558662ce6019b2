"""Crash points 1-4: the process dies while an update comes in. What got no 200 comes again, and counts once."""

from __future__ import annotations

import pytest
from chaos_kit.scene import KILLED, Scene

from astral_playground.testkit.process import until


async def has_its_effect_once(scene: Scene) -> None:
    """The one update of the test left one row and one message, in whatever way it came."""
    await scene.settle()
    assert await scene.written() == ["m:1"]
    assert await scene.counted() == 1
    assert scene.said() == ["m:1"]


@pytest.mark.parametrize("failpoint", ["web.before_read", "web.before_store"])
async def test_points_1_and_2_what_was_not_committed_is_sent_again(scene: Scene, failpoint: str) -> None:
    """Before the body is read, and before it is stored: no 200, no trace; the repeat has the effect, once."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update()
    assert await scene.post(update) == 0
    assert await bot.ended() == KILLED
    assert await scene.books.stored() == 0
    await bot.start()
    assert await scene.post(update) == 200
    await has_its_effect_once(scene)


@pytest.mark.parametrize("failpoint", ["ingest.committed", "web.before_answer"])
async def test_point_3_what_was_committed_but_not_answered_is_handled_once(scene: Scene, failpoint: str) -> None:
    """The 200 is never sent: the next process handles the row, and knows the repeat as one that it has."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update()
    assert await scene.post(update) == 0
    assert await bot.ended() == KILLED
    assert await scene.books.stored() == 1
    await bot.start()
    assert await scene.post(update) == 200
    await has_its_effect_once(scene)
    assert await scene.post(update) == 200
    await has_its_effect_once(scene)


async def test_point_3_a_repeat_that_overtakes_the_commit_is_one_row(scene: Scene) -> None:
    """Telegram gave the first connection up and sent again at once: both get 200, one has the effect."""
    bot = scene.replica()
    await bot.start("ingest.committed:sleep=0.3@1")
    update = scene.update()
    first = scene.post(update)
    assert [await first, await scene.post(update)] == [200, 200]
    await has_its_effect_once(scene)


async def test_point_4_what_got_200_and_never_began_is_handled_after_the_restart(scene: Scene) -> None:
    """Updates behind a slow one were only in memory for the dead process; the database has them, in order."""
    bot = scene.replica()
    await bot.start()
    first = await scene.send("hold")
    await scene.held(first.number)
    for _ in range(3):
        await scene.send()
    await bot.kill()
    assert await scene.written() == []
    scene.let_go()
    await bot.start()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2", "m:3", "m:4"]


@pytest.mark.postgres
async def test_point_4_another_replica_adopts_what_the_dead_one_had_acknowledged(replicas_scene: Scene) -> None:
    """No restart is needed: the survivor handles all of it, in order, and the dead replica is forgotten."""
    scene = replicas_scene
    dead, alive = scene.replica(), scene.replica()
    await dead.start()
    await alive.start()
    first = await scene.send("hold", dead)
    await scene.held(first.number)
    for replica in (dead, alive, dead):  # the balancer has no stickiness
        await scene.send("write", replica)
    scene.let_go()
    await dead.kill()
    await scene.settle()
    assert await scene.written() == ["m:1", "m:2", "m:3", "m:4"]
    assert list(dict.fromkeys(scene.said())) == ["m:1", "m:2", "m:3", "m:4"]

    async def alone() -> bool:
        return await scene.books.one("SELECT count(*) FROM core_replicas") == 1

    await until(alone, what="the dead replica's row is gone")
