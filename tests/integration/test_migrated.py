"""After a group has become a supergroup: old numbers, other replicas, what two lanes say, and what cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from sqlalchemy import select, update

from astral_core import ANY, GROUP, Context, Routes
from astral_core.db.tables import core_chats, core_dialogs, now
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram.errors import ApiError

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]
OLD = {"id": -42, "type": "group", "title": "Friends"}
NEW = {"id": -100042, "type": "supergroup", "title": "Friends"}
UPGRADED = ApiError(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to=NEW["id"])
routes = Routes()
answers: list[str] = []


@routes.callback("act/{what:slug}", chat=ANY)
async def act(ctx: Context, what: str) -> None:
    """Does something to the pressed message."""
    if what == "delete":
        ctx.delete()
    elif what == "edit":
        ctx.edit("edited")
    else:
        ctx.show("shown")


@routes.command("two", chat=GROUP)
async def two(ctx: Context) -> None:
    """Sends a message and changes it."""
    ctx.edit("final", ref=ctx.reply("draft"))


@routes.command("say", chat=GROUP)
async def say(ctx: Context) -> None:
    """Says something."""
    ctx.reply("said")


@routes.command("ask", chat=GROUP)
async def ask(ctx: Context) -> None:
    """Asks something."""
    ctx.ask(name())


@routes.question("name", chat=GROUP)
async def name(ctx: Context) -> None:
    """Takes the answer."""
    answers.append(ctx.text)


@routes.text()
async def forwards(ctx: Context) -> None:
    """Tells the group, by the id that it had; once as a text, as people write it in settings."""
    ctx.call("sendMessage", chat_id=str(OLD["id"]) if ctx.text == "text" else OLD["id"], text=ctx.text)


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    answers.clear()
    return [make_plugin("club", routes)]


def became(groups: Any, old: dict[str, Any] = OLD, new: dict[str, Any] = NEW) -> tuple[Any, Any]:
    """The two service messages that tell it."""
    there = groups.update("", 5001, old, migrate_to_chat_id=new["id"])
    here = groups.update("", 5001, new, migrate_from_chat_id=old["id"])
    for told in (there, here):
        del told["message"]["text"]
    return there, here


async def chats(groups: Any) -> dict[int, int | None]:
    """What each chat has become."""
    async with groups.kit.running.database.engine.connect() as connection:
        rows = (await connection.execute(select(core_chats.c.id, core_chats.c.migrated_to))).all()
        return {row.id: row.migrated_to for row in rows}


async def test_an_old_number_touches_no_message_of_the_supergroup(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """It counts its own from one. A text is sent anew; a deletion is over."""
    async with start(database_url, plugins) as groups:
        await groups.say("hi", OLD)
        await groups.send(became(groups)[0])
        for what, said in (("delete", []), ("edit", ["edited"]), ("show", ["shown"])):
            calls, _ = await groups.press(f"club:act/{what}", OLD, user=5001, message_id=7)
            assert [(call.method, call.chat_id, call.params["text"]) for call in calls] == [
                ("sendMessage", NEW["id"], text) for text in said
            ]
            assert not [call for call in calls if "message_id" in call.params]
        assert await groups.states() == {1}


async def test_a_reference_goes_over_the_border_as_a_message_of_its_own(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group becomes a supergroup between a message and its edit; a reference to one sent there holds."""
    async with start(sqlite_url, plugins) as groups:
        groups.api.refuse_method["editMessageText"] = UPGRADED
        calls = await groups.say("/two", OLD)
        groups.api.refuse_method.clear()
        sent = [(call.method, call.chat_id, call.params["text"]) for call in calls if call.ok]
        assert sent == [("sendMessage", -42, "draft"), ("sendMessage", NEW["id"], "final")]
        calls = await groups.say("/two", OLD)
        sent = [(call.method, call.chat_id, call.params["text"]) for call in calls]
        assert sent == [("sendMessage", NEW["id"], "draft"), ("editMessageText", NEW["id"], "final")]
        assert int(calls[1].params["message_id"]) == calls[0].result["message_id"]


async def test_who_wrote_in_the_supergroup_before_is_still_asked(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """That nothing was open there is not remembered any more."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD, user=5001)
        await groups.say("hello all", NEW, user=5001)
        for told in became(groups):
            await groups.send(told)
        await groups.say("Anna", NEW, user=5001)
        assert answers == ["Anna"]


async def test_one_message_at_a_time_goes_into_the_supergroup(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is meant for the old id waits in the new one's lane."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        for told in became(groups):
            await groups.send(told)
        groups.api.delay = 0.03
        groups.api.wait = False
        for number in range(5):
            await groups.say(f"told {number}", {"id": person.id, "type": "private"}, person.id)
            await groups.say("/say", NEW, 5002)
        await groups.kit.settled()
        there = [call.params["text"] for call in groups.calls() if call.chat_id == NEW["id"]]
        assert sorted(there) == [*["said"] * 5, *(f"told {number}" for number in range(5))]
        assert [text for text in there if text != "said"] == [f"told {number}" for number in range(5)]
        assert groups.api.most == 1


async def test_an_id_as_text_is_the_same_chat(sqlite_url: str, start: Start, plugins: list[LoadedPlugin]) -> None:
    """The message arrives in the supergroup."""
    async with start(sqlite_url, plugins) as groups:
        groups.api.refuse[-42] = UPGRADED
        await groups.kit.chat("Anna").send("text")
        assert [call.chat_id for call in groups.calls() if call.ok and call.chat_id < 0] == [NEW["id"]]


async def test_another_replicas_word_about_the_supergroup_counts(
    postgres_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Who has the old group's lane asks the database: it does not hear of changes in the new one."""
    async with start(postgres_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await groups.send(became(groups)[0])
        engine = groups.kit.running.database.engine
        where = core_chats.c.id == NEW["id"]
        for status, texts in (("kicked", []), ("member", ["two"])):
            async with engine.begin() as connection:
                await connection.execute(update(core_chats).where(where).values(status=status, status_at=now()))
            groups.kit.running.bot.chats.forget(NEW["id"])  # its lane was this replica's for a moment
            await person.send("one" if status == "kicked" else "two")
            assert [call.params["text"] for call in groups.calls() if call.chat_id == NEW["id"]] == texts


async def test_what_cannot_be_moves_nothing(
    database_url: str, start: Start, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """A way back, and a private chat that is said to have become a group or to come from one."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD, user=5001)
        await groups.send(became(groups)[0])
        private = {"id": 5001, "type": "private", "first_name": "V"}
        for old, new in ((NEW, OLD), (OLD, private), (private, NEW)):
            for told in became(groups, old, new):
                await groups.send(told)
        assert await chats(groups) == {-42: NEW["id"], NEW["id"]: None}
        async with groups.kit.running.database.engine.connect() as connection:
            assert (await connection.execute(select(core_dialogs.c.chat_id))).scalars().all() == [NEW["id"]]
        await asyncio.sleep(0)
        assert await groups.states() == {1}
