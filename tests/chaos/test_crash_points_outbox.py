"""Crash points 9 and 10: the process dies around a message. It is not lost; in this one window it may come twice."""

from __future__ import annotations

import pytest
from chaos_kit.run import DOUBTFUL
from chaos_kit.scene import KILLED, Scene


async def dies_sending(scene: Scene, failpoint: str, action: str = "write") -> list[str]:
    """A process dies at the first message, the next one goes on with it and with a second update; what was said."""
    bot = scene.replica()
    await bot.start(f"{failpoint}:kill")
    update = scene.update(action)
    status = await scene.post(update)
    assert await bot.ended() == KILLED
    await bot.start()
    if status != 200:  # it died before its answer left: Telegram sends again
        assert await scene.post(update) == 200
    await scene.send()
    await scene.settle()
    return scene.said()


async def test_point_9_a_message_that_was_about_to_leave_is_sent(scene: Scene) -> None:
    """It had not left: it is said once, in order, and the log tells that nobody could know."""
    assert await dies_sending(scene, "outbox.sending") == ["m:1", "m:2"]
    assert await scene.written() == ["m:1", "m:2"]
    assert scene.logged(DOUBTFUL) == 1


async def test_point_10_a_message_that_was_sent_and_not_noted_is_sent_again(scene: Scene) -> None:
    """Telegram has no idempotency key: this one comes twice, and the log says so; its effects are there once."""
    assert await dies_sending(scene, "outbox.sent") == ["m:1", "m:1", "m:2"]
    assert await scene.written() == ["m:1", "m:2"]
    assert await scene.counted() == 2
    assert scene.logged(DOUBTFUL) == 1


@pytest.mark.parametrize("failpoint", ["outbox.sent", "done.before_mark"])
async def test_point_10_an_answer_without_writes_is_given_again(scene: Scene, failpoint: str) -> None:
    """The inbox row is the record of a handler that wrote nothing: it was not marked, so the handler runs again."""
    assert await dies_sending(scene, failpoint, "reply") == ["m:1", "m:1", "m:2"]
    assert await scene.written() == ["m:2"]
    assert scene.logged(DOUBTFUL) == 1


async def test_point_10_only_the_first_of_a_lanes_messages_is_in_doubt(scene: Scene) -> None:
    """Of many messages that waited when the process died, at most one comes twice, and none is lost."""
    bot = scene.replica()
    await bot.start("outbox.sent:kill@4")
    update = await scene.send("hold")
    await scene.held(update.number)
    updates = [await scene.send() for _ in range(7)]
    scene.let_go()
    assert await bot.ended() == KILLED
    await bot.start()
    await scene.settle()
    expected = [f"m:{number}" for number in range(1, len(updates) + 2)]
    assert list(dict.fromkeys(scene.said())) == await scene.written() == expected
    assert len(scene.said()) - len(expected) == 1 == scene.logged(DOUBTFUL)
