"""`ctx.typing`: the chat shows that the bot is at work, for as long as a block runs and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import text

from astral_core import GROUP, PRIVATE, Context, Plugin
from astral_core.bot import chat_action
from astral_core.bot.chat_action import ChatAction
from astral_core.errors import EffectError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Start = Callable[..., AbstractAsyncContextManager[Any]]


def ended() -> bool:
    """Whether no task shows an action any more."""
    return not ChatAction._tasks


async def test_it_is_shown_again_until_the_block_ends(
    database_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """In the topic from which the bot was asked; after the block nothing goes on, and the answer follows."""
    monkeypatch.setattr(chat_action, "AGAIN", 0.01)
    plugin, go = Plugin(), asyncio.Event()

    @plugin.command("slow", chat=PRIVATE | GROUP)
    async def slow(ctx: Context) -> None:
        async with ctx.typing("upload_photo"):
            await go.wait()
        ctx.reply("done")

    async with bot_kit(database_url, plugins=[make_plugin("sky", plugin)]) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Stars", admins=[anna], topics=["News"])
        await anna.user.send("/slow", room=group.room, thread=group.topic("News").thread)
        await until(lambda: len(kit.calls("sendChatAction")) >= 3)
        go.set()
        await kit.settled()
        await until(ended)
        calls = kit.calls("sendChatAction")
        assert {call.params["action"] for call in calls} == {"upload_photo"}
        assert {int(call.params["message_thread_id"]) for call in calls} == {group.topic("News").thread}
        assert group.topic("News").last.text == "done"
        assert len(kit.calls("sendChatAction")) == len(calls)


async def test_it_ends_with_a_handler_that_fails_or_is_late(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """An error, and the handler's time limit, go through it."""
    plugin = Plugin()

    @plugin.command("fail")
    async def fails(ctx: Context) -> None:
        async with ctx.typing():
            raise ValueError("no")

    @plugin.command("late", timeout=0.05)
    async def late(ctx: Context) -> None:
        async with ctx.typing():
            await asyncio.Event().wait()

    async with bot_kit(database_url, plugins=[make_plugin("sky", plugin)]) as kit:
        anna = kit.chat("Anna")
        for command in ("/fail", "/late"):
            await anna.send(command)
            assert "Something went wrong" in anna.last.text
            await until(ended)


async def test_the_block_may_write_and_waits_for_nothing(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """A Telegram that hangs holds up neither the handler nor the database."""
    plugin = Plugin()

    @plugin.command("write")
    async def writes(ctx: Context) -> None:
        async with ctx.typing():
            await asyncio.sleep(0.05)
            await ctx.session.execute(text("UPDATE core_users SET last_name = 'written'"))
        ctx.reply("done")

    async with bot_kit(database_url, plugins=[make_plugin("sky", plugin)]) as kit:
        kit.telegram.world.faults.add("sendChatAction", "slow", delay=20, times=None)
        anna = kit.chat("Anna")
        await anna.send("/write")
        assert anna.texts == ["done"]
        await until(ended)


@pytest.mark.parametrize("fault", ["429", "500", "400", "403"])
async def test_it_is_best_effort(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, until: Until, fault: Any
) -> None:
    """What Telegram says to it never reaches the handler; after a refusal it is not tried again."""
    monkeypatch.setattr(chat_action, "AGAIN", 0.01)
    plugin, go = Plugin(), asyncio.Event()

    @plugin.command("slow")
    async def slow(ctx: Context) -> None:
        async with ctx.typing():
            await go.wait()
        ctx.reply("done")

    async with bot_kit(sqlite_url, plugins=[make_plugin("sky", plugin)]) as kit:
        kit.telegram.world.faults.add("sendChatAction", fault, retry_after=0)
        anna = kit.chat("Anna")
        await anna.user.send("/slow")
        if fault in ("400", "403"):
            await until(ended)
        else:
            await until(lambda: len(kit.calls("sendChatAction")) >= 2)
        go.set()
        await kit.settled()
        assert anna.texts == ["done"]
        await until(ended)


async def test_a_slip_is_told_and_where_nobody_looks_nothing_is_shown(
    sqlite_url: str, make_plugin: MakePlugin, start: Start
) -> None:
    """A wrong name, and a message that was sent through the bot, in a chat that it does not know."""
    plugin, wrong = Plugin(), list[str]()

    @plugin.command("slip")
    async def slip(ctx: Context) -> None:
        for action in ("tiping", "", 5):
            with pytest.raises(EffectError) as error:
                ctx.typing(action)  # type: ignore[arg-type]  # that is the mistake
            wrong.append(str(error.value))
        async with ctx.typing("newer_than_this_list"):
            pass

    @plugin.callback("press", chat=GROUP)
    async def press(ctx: Context) -> None:
        async with ctx.typing():
            await asyncio.sleep(0.01)
        ctx.edit("done")

    async with start(sqlite_url, [make_plugin("sky", plugin)]) as groups:
        anna = groups.kit.chat("Anna")
        await anna.send("/slip")
        before = len(groups.kit.calls("sendChatAction"))
        query = {"id": "q", "from": {"id": 7, "is_bot": False, "first_name": "V"}, "chat_instance": "1"}
        pressed = {**query, "inline_message_id": "i1", "data": "sky:press"}
        await groups.send({"update_id": 990_001, "callback_query": pressed})
        assert [call.params["text"] for call in groups.calls() if call.method == "editMessageText"] == ["done"]
        assert len(groups.kit.calls("sendChatAction")) == before
    assert "did you mean 'typing'?" in wrong[0]
    assert all("give one of typing, upload_photo" in one for one in wrong[1:])
