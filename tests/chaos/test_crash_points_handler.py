"""Crash points 5-8 and 11: the process dies around a handler. Its effects in the database happen once."""

from __future__ import annotations

import pytest
from chaos_kit.scene import KILLED, Scene


async def dies_handling(scene: Scene, failpoint: str, action: str = "write") -> None:
    """A process takes one update and dies at the failpoint."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update(action)
    status = await scene.post(update)
    assert await bot.ended() == KILLED
    await bot.start()
    if status != 200:  # it died before its answer left: Telegram sends again
        assert await scene.post(update) == 200
    await scene.settle()


async def test_point_5_a_handler_that_had_not_begun_runs_from_the_start(scene: Scene) -> None:
    """Nothing of the first attempt is left; the second one has the effects."""
    await dies_handling(scene, "worker.before_run")
    assert await scene.written() == scene.said() == ["m:1"]
    assert await scene.counted() == 1


async def test_point_5_a_handler_that_had_not_written_runs_from_the_start(scene: Scene) -> None:
    """Killed in its middle, before its first write: it begins twice and has its effects once."""
    bot = scene.replica()
    await bot.start()
    update = await scene.send("hold")
    await scene.held(update.number)
    await bot.kill()
    await bot.start()
    await scene.held(update.number, times=2)
    scene.let_go()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1"]
    assert await scene.counted() == 1


async def test_point_6_writes_that_were_not_committed_are_rolled_back(scene: Scene) -> None:
    """The handler had ended: row, counter and message are there once, from the second run alone."""
    await dies_handling(scene, "worker.before_commit")
    assert await scene.written() == scene.said() == ["m:1"]
    assert await scene.counted() == 1


async def test_point_6_a_deferred_step_is_rolled_back_with_its_handler(scene: Scene) -> None:
    """What a handler left for later exists only if the handler's commit does: one step, not two."""
    await dies_handling(scene, "worker.before_commit", "later")
    assert await scene.written() == scene.said() == ["m:1", "s:1"]
    assert await scene.counted() == 2


async def test_point_7_a_commit_whose_answer_was_lost_is_not_repeated(scene: Scene) -> None:
    """The process lives and does not know: it finds the row done, and sends the message that stands in the outbox."""
    bot = scene.replica()
    await bot.start("worker.commit_lost:raise@1")
    await scene.send()
    await scene.send()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2"]
    assert await scene.counted() == 2
    assert bot.alive


@pytest.mark.parametrize("failpoint", ["worker.commit_lost", "worker.committed"])
async def test_points_7_and_8_what_was_committed_and_not_sent_is_sent_once(scene: Scene, failpoint: str) -> None:
    """The row is done and is not run again; its message goes out after the restart, before the next update's."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update()
    status = await scene.post(update)
    assert await bot.ended() == KILLED
    assert await scene.written() == ["m:1"]
    assert scene.said() == []
    await bot.start()
    if status != 200:
        assert await scene.post(update) == 200
    await scene.send()
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2"]


@pytest.mark.postgres
async def test_point_8_another_replica_sends_what_the_dead_one_had_committed(replicas_scene: Scene) -> None:
    """Whoever takes the lane finds its unsent message, and keeps the lane's order."""
    scene = replicas_scene
    dead, alive = scene.replica(), scene.replica()
    await dead.start("worker.committed:kill")
    await alive.start()
    update = scene.update()
    status = await scene.post(update, dead)
    assert await dead.ended() == KILLED
    if status != 200:
        assert await scene.post(update, alive) == 200
    await scene.send("write", alive)
    await scene.settle()
    assert await scene.written() == scene.said() == ["m:1", "m:2"]


async def test_point_11_a_native_reply_may_repeat_but_the_effects_do_not(scene: Scene) -> None:
    """A reply by python-telegram-bot's own method left before the crash: it is said twice, written once."""
    await dies_handling(scene, "worker.before_commit", "native")
    assert await scene.written() == ["m:1"]
    assert await scene.counted() == 1
    assert scene.said() == ["m:1", "m:1"]
