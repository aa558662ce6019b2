"""`ctx.show(..., every=)`: what many people change at once is shown at a pace, and in the end as it is."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from astral_core import GROUP, PRIVATE, Context, Plugin, Skip
from astral_core.errors import EffectError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Start = Callable[..., AbstractAsyncContextManager[Any]]
EVERY = 0.5


class Quiz:
    """A question in a group, whose message counts the presses of all."""

    def __init__(self) -> None:
        self.plugin = plugin = Plugin()
        self.presses = 0

        @plugin.command("quiz", chat=GROUP)
        async def quiz(ctx: Context) -> None:
            ctx.show("0", [[ctx.button("Me", press())]], slot="quiz", shared=True, every=EVERY)

        @plugin.callback("press", chat=GROUP)
        async def press(ctx: Context) -> None:
            self.presses += 1
            ctx.show(str(self.presses), [[ctx.button("Me", press())]], slot="quiz", shared=True, every=EVERY)

        @plugin.command("say", chat=GROUP)
        async def say(ctx: Context) -> None:
            ctx.reply("said")

        @plugin.callback("end", chat=GROUP)
        async def end(ctx: Context) -> None:
            ctx.show("over", slot="quiz", shared=True)


@pytest.fixture
def quiz() -> Quiz:
    """The quiz."""
    return Quiz()


@pytest.fixture
def plugins(make_plugin: MakePlugin, quiz: Quiz) -> list[LoadedPlugin]:
    """The quiz as a plugin."""
    return [make_plugin("quiz", quiz.plugin)]


def edits(kit: BotKit, group: Any) -> list[Any]:
    """The edits in a group."""
    return kit.calls("editMessageText", group)


async def press_all(kit: BotKit, people: list[Any], message: Any, times: int) -> None:
    """Everybody presses, all at once."""
    await asyncio.gather(*(person.user.press("quiz:press", message=message) for person in people * times))


async def test_a_burst_in_a_group_is_a_few_edits_of_one_message(
    database_url: str, plugins: list[LoadedPlugin], quiz: Quiz
) -> None:
    """Two hundred presses of ten people: the first at once, no more than one in each turn, and the last content."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        people = [kit.chat(f"Person {number}") for number in range(10)]
        group = kit.group("Quiz", admins=people[:1], members=people[1:])
        await group.send(people[0], "/quiz")
        message = group.last
        loop = asyncio.get_running_loop()
        began = loop.time()
        await press_all(kit, people, message, 20)
        await kit.settled()
        took = loop.time() - began
        assert quiz.presses == 200
        assert 1 <= len(edits(kit, group)) <= took / EVERY + 2
        moments = [call.at for call in edits(kit, group)]
        assert all(later - earlier > EVERY * 0.9 for earlier, later in itertools.pairwise(moments))
        assert (group.last.message_id, group.last.text) == (message.message_id, "200")
        assert group.last.button_rows[0][0]["text"] == "Me"
        assert len([one for one in group.messages if one.sender == "bot"]) == 1


async def test_what_was_said_meanwhile_does_not_wait(
    database_url: str, plugins: list[LoadedPlugin], until: Until
) -> None:
    """A command in the middle of the burst is answered before the slot's next turn."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Quiz", admins=[anna])
        await group.send(anna, "/quiz")
        message = group.last
        await press_all(kit, [anna], message, 3)
        await anna.user.send("/say", room=group.room)
        await until(lambda: "said" in group.texts)
        await kit.settled()
        assert message.text == "3"
        said = next(one for one in group.messages if one.text == "said")
        assert said.date <= int(edits(kit, group)[-1].at) + 1


async def test_a_crash_in_between_loses_no_content(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """What was committed and not shown is shown after the start, in place of a message of its own."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        people = [kit.chat(f"Person {number}") for number in range(5)]
        group = kit.group("Quiz", admins=people)
        await group.send(people[0], "/quiz")
        message = group.last
        for _ in range(2):
            await press_all(kit, people, message, 2)
            await kit.crash()
            await kit.start()
            kit.telegram.retry()
        await kit.settled()
        assert message.text == str(max(int(call.params["text"]) for call in edits(kit, group)))
        assert len([one for one in group.messages if one.sender == "bot"]) == 1


async def test_what_is_shown_without_a_pace_is_the_last_word(
    database_url: str, plugins: list[LoadedPlugin], quiz: Quiz
) -> None:
    """The end of a quiz is not overwritten by a count that was still to come."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Quiz", admins=[anna])
        await group.send(anna, "/quiz")
        message = group.last
        await press_all(kit, [anna], message, 5)
        await anna.user.forge("quiz:end", message=message)
        await kit.settled()
        await kit.advance(5)
        assert message.text == "over"
        assert quiz.presses == 5


async def test_flood_limits_are_kept(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Telegram says 429 to an edit: it is waited for, and the newest content arrives."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Quiz", admins=[anna])
        await group.send(anna, "/quiz")
        message = group.last
        kit.telegram.world.faults.add("editMessageText", "429", chat_id=group.id, retry_after=1)
        await press_all(kit, [anna], message, 4)
        await kit.settled()
        assert message.text == "4"
        assert [call.ok for call in edits(kit, group)][:2] == [False, True]


async def test_a_handler_says_it_as_it_means_it(database_url: str, make_plugin: MakePlugin) -> None:
    """In one handler the last one counts; nothing is written yet; a wrong pace is an error; each topic has a slot."""
    plugin, wrong = Plugin(), list[str]()

    @plugin.callback("go", chat=PRIVATE | GROUP)
    async def go(ctx: Context) -> None:
        for every in (0, -1, 3601, "1", True, float("nan")):
            with pytest.raises(EffectError) as error:
                ctx.show("x", every=every)  # type: ignore[call-overload]  # that is the mistake
            wrong.append(str(error.value))
        ctx.show("at once, and older")
        assert ctx.show("paced", every=EVERY) is not None  # an awaitable that says why not
        await asyncio.sleep(0)  # no first write
        ctx.show("paced, and newer", every=EVERY)

    @plugin.command("start_here", chat=PRIVATE | GROUP)
    async def start_here(ctx: Context) -> None:
        ctx.show("begin", [[ctx.button("Go", go())]], every=EVERY)

    @plugin.text(pattern="^a")
    async def skips(ctx: Context) -> None:
        ctx.show("never", fresh=False, every=1)
        raise Skip

    @plugin.text(pattern="^b")
    async def counts(ctx: Context) -> None:
        ctx.show("never", every=60)
        ctx.show("only this", every=60)

    async with bot_kit(database_url, plugins=[make_plugin("quiz", plugin)]) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Stars", admins=[anna], topics=["News"])
        await anna.send("/start_here")
        await anna.tap("Go")
        assert anna.last.text == "paced, and newer"
        await anna.send("b")
        assert anna.texts == ["paced, and newer", "never", "only this"]  # what is fresh is sent at once, each time
        news = group.topic("News")
        await news.send(anna, "/start_here")
        await news.tap(anna, "Go")
        assert [one.text for one in news.messages if one.sender == "bot"] == ["paced, and newer"]
    assert len(wrong) == 12
    assert all("ctx.show: every=" in one and "Fix: give seconds, up to 3600" in one for one in wrong)


async def test_a_message_that_was_sent_through_the_bot_is_edited_at_once(
    sqlite_url: str, make_plugin: MakePlugin, start: Start
) -> None:
    """It has no slot: the bot knows the message alone."""
    plugin = Plugin()

    @plugin.callback("press", chat=GROUP)
    async def press(ctx: Context) -> None:
        ctx.show("pressed", every=60)

    async with start(sqlite_url, [make_plugin("quiz", plugin)]) as groups:
        query = {"id": "q", "from": {"id": 7, "is_bot": False, "first_name": "V"}, "chat_instance": "1"}
        pressed = {**query, "inline_message_id": "i1", "data": "quiz:press"}
        await groups.send({"update_id": 990_001, "callback_query": pressed})
        (call,) = [call for call in groups.calls() if call.method == "editMessageText"]
        assert call.params["text"] == "pressed"
