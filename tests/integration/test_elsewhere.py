"""Messages for other chats: recorded with the handler's commit, sent by the owner of that chat's lane."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import Context, Routes
from astral_core.db.tables import DEAD, DONE, core_inbox, core_outbox
from astral_core.host.state import LoadedPlugin

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]

DESK = -1001
routes = Routes()


@routes.text()
async def forwards(ctx: Context) -> None:
    """A helpdesk: what people write goes to the helpers' group, and they are told so."""
    ctx.reply("We have got it.")
    ctx.call("sendMessage", chat_id=DESK, text=f"{ctx.user.id}: {ctx.text}")
    ctx.reply("Somebody will answer soon.")


@routes.command("two")
async def twice(ctx: Context) -> None:
    """Sends to the group, changes what it sent there, and says so."""
    ctx.reply("first")
    sent = ctx.call("sendMessage", chat_id=str(DESK), text="draft")
    ctx.edit("final", ref=sent)
    told = ctx.reply("second")
    ctx.edit("third", ref=told)


@routes.command("fail")
async def fails(ctx: Context) -> None:
    """Speaks to the group and fails."""
    ctx.call("sendMessage", chat_id=DESK, text="nobody hears this")
    raise ValueError("no")


@routes.command("odd")
async def odd(ctx: Context) -> None:
    """Names a chat that none can be."""
    ctx.call("sendMessage", chat_id=2**63, text="nobody hears this")


@routes.command("name")
async def by_name(ctx: Context) -> None:
    """Speaks to a public channel by its name."""
    ctx.call("sendMessage", chat_id="@news", text="hi")
    ctx.reply("done")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    return [make_plugin("desk", routes)]


def said(groups: Any, chat: int) -> list[str]:
    """What was sent into a chat without an error."""
    return [call.params["text"] for call in groups.calls() if call.chat_id == chat and call.ok]


async def test_a_group_that_telegram_makes_wait_holds_nobody_else(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """A helpdesk's group gets a 429: all who write to the bot are answered at once, the group in order afterwards."""
    async with start(database_url, plugins) as groups:
        people = [groups.kit.chat(f"Person {number}") for number in range(1, 9)]
        for person in people:
            await person.send("/start")
        faults = groups.kit.telegram.world.faults
        faults.add("sendMessage", "429", chat_id=DESK, times=None, retry_after=1)
        groups.api.wait = False
        for turn in range(2):
            for person in people:
                await groups.say(f"help {turn}", {"id": person.id, "type": "private"}, person.id)
        await groups.until(lambda: all(len(said(groups, person.id)) == 5 for person in people))
        assert said(groups, DESK) == []
        faults.clear()
        await groups.kit.settled()
        assert len(said(groups, DESK)) == 2 * len(people)
        for person in people:
            own = [text for text in said(groups, DESK) if text.startswith(f"{person.id}:")]
            assert own == [f"{person.id}: help 0", f"{person.id}: help 1"]
        refused = [call for call in groups.calls() if call.chat_id == DESK and not call.ok]
        assert 1 <= len(refused) <= 20  # one at a time asks: not each of the sixteen messages, again and again


async def test_messages_for_one_chat_stay_together_and_refer_to_each_other(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """What is changed in the other chat is what was sent there, and here what was sent here."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/two")
        here = [call for call in groups.calls() if call.chat_id == person.id]
        there = [call for call in groups.calls() if call.chat_id == DESK]
        assert [(call.method, call.params["text"]) for call in here] == [
            ("sendMessage", "first"), ("sendMessage", "second"), ("editMessageText", "third"),
        ]  # fmt: skip
        assert int(here[2].params["message_id"]) == here[1].result["message_id"]
        assert [(call.method, call.params["text"]) for call in there] == [
            ("sendMessage", "draft"), ("editMessageText", "final"),
        ]  # fmt: skip
        assert int(there[1].params["message_id"]) == there[0].result["message_id"]


async def test_a_handler_that_fails_says_nothing_elsewhere_either(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Its messages are its commit's."""
    async with start(sqlite_url, plugins) as groups:
        await groups.kit.chat("Anna").send("/fail")
        await groups.kit.advance(2)
        assert said(groups, DESK) == []


async def test_a_refusal_there_is_the_plugins_dead_message(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """It is kept for the owner, and nobody here notices."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        groups.kit.telegram.world.faults.add("sendMessage", "400", chat_id=DESK)
        await person.send("help")
        assert len(said(groups, person.id)) == 2
        async with groups.kit.running.database.engine.connect() as connection:
            dead = (await connection.execute(select(core_outbox.c.plugin, core_outbox.c.lane))).all()
        assert dead == [("desk", DESK)]


async def test_after_a_crash_the_group_still_gets_it(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """The bot dies while the group has to wait."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        faults = groups.kit.telegram.world.faults
        faults.add("sendMessage", "429", chat_id=DESK, times=None, retry_after=60)
        groups.api.wait = False
        await groups.say("help", {"id": person.id, "type": "private"}, person.id)
        await groups.until(lambda: len(said(groups, person.id)) == 3)
        await groups.kit.crash()
        faults.clear()
        await groups.kit.start()
        await groups.kit.settled()
        assert said(groups, DESK) == [f"{person.id}: help"]
        # The last message of before may go out again: that it was sent may not have been noted yet.
        assert said(groups, person.id)[1:3] == ["We have got it.", "Somebody will answer soon."]
        assert len(said(groups, person.id)) <= 4


async def test_a_chat_that_is_known_by_name_has_a_lane_too(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Its refusal ends nothing here."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/name")
        assert said(groups, person.id) == ["done"]
        async with groups.kit.running.database.engine.connect() as connection:
            rows = (await connection.execute(select(core_inbox.c.lane).where(core_inbox.c.kind == "messages"))).all()
        assert [row.lane < -(2**61) for row in rows] == [True]


async def test_a_number_that_no_chat_has_fails_in_the_handler(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the commit, where it would say nothing of the call."""
    async with start(sqlite_url, plugins) as groups:
        await groups.kit.chat("Anna").send("/odd")
        await groups.kit.advance(2)
        assert "9223372036854775808 is no chat's id. Fix:" in caplog.text


async def test_what_this_version_cannot_read_is_a_dead_letter(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """And the lane goes on."""
    async with start(sqlite_url, plugins) as groups:
        async with groups.kit.context("desk").work() as work:
            work._unit.add_row("messages", "k", DESK, {"plugin": "desk", "messages": [{"effect": 1}]})
        await groups.kit.settled()
        await groups.kit.advance(2)
        await groups.kit.chat("Anna").send("help")
        assert len(said(groups, DESK)) == 1
        assert await groups.states() == {DONE, DEAD}
