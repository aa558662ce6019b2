"""Flood limits: over HTTP, and against a model that counts in the plainest way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram import actions
from astral_playground.telegram.limits import (
    BOT_MESSAGES,
    BOT_SECONDS,
    CHAT_BURST,
    GROUP_MESSAGES,
    GROUP_SECONDS,
    Cost,
    FloodLimits,
    Window,
)


async def _sent(stage: Any, chat_id: int, times: int) -> list[dict[str, Any]]:
    return [await stage.call("sendMessage", chat_id=chat_id, text="x") for _ in range(times)]


async def test_off_unless_switched_on(stage: Any) -> None:
    """Without the switch a bot sends as it likes."""
    actions.send_text(stage.world, stage.anna, "hello")
    assert all(one["ok"] for one in await _sent(stage, stage.anna.id, 40))


async def test_a_person(stage: Any) -> None:
    """A burst goes through, then one message a second; the answer says how long to wait, and waiting helps."""
    stage.tg.switch(flood_limits=True)
    actions.send_text(stage.world, stage.anna, "hello")
    *sent, refused = await _sent(stage, stage.anna.id, CHAT_BURST + 1)
    assert all(one["ok"] for one in sent)
    assert refused["error_code"] == 429
    assert refused["description"] == "Too Many Requests: retry after 1"
    assert refused["parameters"] == {"retry_after": 1}
    stage.clock.advance(1)
    assert [one["ok"] for one in await _sent(stage, stage.anna.id, 2)] == [True, False]


async def test_a_group(stage: Any) -> None:
    """Twenty messages a minute; edits count, typing does not, and a call that fails costs nothing."""
    group = stage.run_group()
    stage.tg.switch(flood_limits=True)
    sent = []
    for _ in range(10):
        stage.clock.advance(1.5)
        sent.append(await stage.ok("sendMessage", chat_id=group.id, text="x"))
        await stage.ok("sendChatAction", chat_id=group.id, action="typing")
    for number, message in enumerate(sent):
        stage.clock.advance(1.5)
        await stage.ok("editMessageText", chat_id=group.id, message_id=message["message_id"], text=str(number))
        if number < len(sent) - 1:
            nothing = await stage.refused("editMessageText", chat_id=group.id, message_id=999, text="x")
            assert nothing == "message to edit not found"
    stage.clock.advance(1.5)
    body = await stage.call("sendMessage", chat_id=group.id, text="x")
    assert body["parameters"] == {"retry_after": 30}
    stage.clock.advance(30)
    assert await stage.ok("sendMessage", chat_id=group.id, text="x")


async def test_an_album_counts_its_pictures(stage: Any, png: Any) -> None:
    """Five pictures are five messages."""
    actions.send_text(stage.world, stage.anna, "hello")
    photo = (await stage.upload("sendPhoto", "photo", png(9, 9), chat_id=stage.anna.id))["result"]["photo"][0][
        "file_id"
    ]
    stage.tg.switch(flood_limits=True)
    album = [{"type": "photo", "media": photo}] * CHAT_BURST
    await stage.ok("sendMediaGroup", chat_id=stage.anna.id, media=album)
    assert (await stage.call("sendMessage", chat_id=stage.anna.id, text="x"))["error_code"] == 429


async def test_the_whole_bot(stage: Any) -> None:
    """Thirty messages within a second, to whomever."""
    stage.tg.switch(flood_limits=True)
    people = [stage.world.add_user(f"P{number}") for number in range(31)]
    for person in people:
        actions.send_text(stage.world, person, "hello")
    bodies = [(await _sent(stage, person.id, 1))[0]["ok"] for person in people]
    assert bodies == [True] * BOT_MESSAGES + [False]


# Pauses that floats can hold: a wait of less than a microsecond is none to the limits, and one to the model.
CALLS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1 / 64, 0.25, 0.5, 1.0, 3.0, 20.0]), st.integers(1, 3), st.booleans(), st.integers(1, 4)
    ),
    min_size=20,
    max_size=120,
)


def _allowed(log: list[tuple[float, Cost]], cost: Cost, now: float) -> bool:
    """The rules as a person would say them: by counting what went through, with no state but the log."""
    sent = [(at, one) for at, one in log for _ in range(one.messages)]
    if sum(1 for at, _ in sent if at > now - BOT_SECONDS) + cost.messages > BOT_MESSAGES:
        return False
    here = [at for at, one in sent if one.chat_id == cost.chat_id]
    if cost.group and sum(1 for at in here if at > now - GROUP_SECONDS) + cost.messages > GROUP_MESSAGES:
        return False
    # Never more than the burst and one a second since any earlier message.
    return all(
        sum(1 for at in here if at >= since) + cost.messages <= CHAT_BURST + (now - since) + 1e-6 for since in here
    )


@given(CALLS)
def test_the_limits_are_the_model(calls: list[tuple[float, int, bool, int]]) -> None:
    """A call passes exactly when the model says so, and after the told wait it passes if nothing else is sent."""
    limits, now = FloodLimits(), 1_767_225_600.0
    log: list[tuple[float, Cost]] = []
    for pause, chat, group, messages in calls:
        now += pause
        cost = Cost(-chat if group else chat, group, messages)
        wait = limits.retry_after(cost, now)
        assert (wait == 0) == _allowed(log, cost, now)
        if wait:
            assert limits.retry_after(cost, now + wait) == 0
            assert not _allowed(log, cost, now + max(0.0, wait - 1) - 0.01) or wait == 1
        else:
            limits.count(cost, now)
            log.append((now, cost))


STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), min_size=15, max_size=40)


@given(STEPS)
def test_a_window_waits_no_longer_than_it_must(steps: list[tuple[int, int]]) -> None:
    """The wait is the shortest after which so many messages fit into the last three seconds."""
    window, now = Window(4, 3.0), 1_767_225_600.0
    times: list[float] = []
    for pause, messages in steps:
        now += pause
        fits = [
            wait
            for wait in (0.0, *(at + 3.0 - now for at in times))
            if wait >= 0 and sum(1 for at in times if at > now + wait - 3.0) + min(messages, 4) <= 4
        ]
        assert window.wait(messages, now) == min(fits)
        if not min(fits):
            window.count(messages, now)
            times += [now] * messages
