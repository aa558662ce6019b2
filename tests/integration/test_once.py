"""`ctx.once`: a call of the Bot API that is made once, and whose result a handler gets however often it runs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from astral_core import GROUP, N_, Context, Plugin, Refuse, Skip
from astral_core.db.tables import core_once, now
from astral_core.errors import DoubtfulCall, HandlerError, TelegramRefused
from astral_core.host.state import LoadedPlugin
from astral_core.inbox import once as once_module
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
DESK = -1001


def helpdesk(**options: Any) -> Plugin:
    """A topic for each person, made once; `/again` forgets it; `/fail` fails the first time after the call."""
    plugin = Plugin()
    failed: list[int] = []

    @plugin.step("later")
    async def later(ctx: Context) -> None:
        ctx.reply("later")

    async def topic(ctx: Context) -> int:
        made = await ctx.once(
            f"topic:{ctx.user.id}", "createForumTopic", chat_id=DESK, name=ctx.user.first_name, **options
        )
        return int(made["message_thread_id"])

    @plugin.command("open", chat=GROUP)
    async def in_group(ctx: Context) -> None:
        ctx.reply(f"topic {await topic(ctx)}")

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        ctx.defer(later(), after=timedelta(hours=1), key="later")  # what is recorded may come before
        ctx.reply(f"topic {await topic(ctx)}")

    @plugin.command("fail")
    async def fails(ctx: Context) -> None:
        number = await topic(ctx)
        if not failed:
            failed.append(number)
            raise ValueError("the first time")
        ctx.reply(f"topic {number}, at first {failed[0]}")

    @plugin.command("refuse")
    async def refuses(ctx: Context) -> None:
        await topic(ctx)
        raise Refuse(N_("No."))

    @plugin.command("again")
    async def again(ctx: Context) -> None:
        known = await ctx.forget_once(f"topic:{ctx.user.id}")
        ctx.reply(f"{known}, topic {await topic(ctx)}")

    return plugin


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The helpdesk."""
    return [make_plugin("desk", helpdesk())]


def forum(kit: BotKit, *members: Any) -> Any:
    """The group of the helpers."""
    return kit.group(
        "Desk", admins=[kit.chat("Olga")], members=members, topics=["News"], bot="administrator", id=DESK
    )


async def test_a_call_is_made_once_and_its_result_is_kept(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Also where the handler fails after it, says no after it, or the bot was started anew; each person has a key."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        desk = forum(kit)
        await anna.send("/fail")
        said = anna.last.text
        first = int(said.rpartition(" ")[2])
        assert said == f"topic {first}, at first {first}"
        await anna.send("/refuse")
        await anna.send("/ask")
        assert anna.last.text == f"topic {first}"
        await kit.restart()
        await anna.send("/ask")
        await ben.send("/ask")
        assert anna.last.text == f"topic {first}"
        assert len(kit.calls("createForumTopic")) == 2
        assert desk.topics[-2:] == ["Anna", "Ben"]


async def test_the_same_key_is_the_same_call_in_every_chat(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """What a person asked for in private is there in a group: a key is the plugin's, and no chat's."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        desk = forum(kit, anna)
        await anna.send("/ask")
        await desk.send(anna, "/open")
        assert desk.last.text == anna.last.text
        assert len(kit.calls("createForumTopic")) == 1


async def test_what_is_forgotten_is_called_again(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """`forget_once` says whether there was something, and the next call is made."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        forum(kit)
        await anna.send("/again")
        first = anna.last.text
        await anna.send("/again")
        assert first.startswith("False, topic ")
        assert anna.last.text.startswith("True, topic ")
        assert anna.last.text.rpartition(" ")[2] != first.rpartition(" ")[2]


async def test_a_refusal_is_the_handlers_and_is_not_kept(database_url: str, make_plugin: MakePlugin) -> None:
    """TelegramRefused reaches the handler; when the cause is gone, the same key makes the call."""
    plugin = Plugin()

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        try:
            made = await ctx.once("topic", "createForumTopic", chat_id=DESK, name="Anna")
        except TelegramRefused as error:
            ctx.reply(error.description)
        else:
            ctx.reply(made["name"])

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna = kit.chat("Anna")
        forum(kit)
        kit.telegram.world.faults.add("createForumTopic", "400", description="Bad Request: not enough rights")
        await anna.send("/ask")
        await anna.send("/ask")
        assert anna.texts == ["Bad Request: not enough rights", "Anna"]
        assert await kit.rows(select(core_once.c.made)) == [(True,)]


async def test_a_429_is_waited_for_and_leaves_no_doubt(database_url: str, make_plugin: MakePlugin) -> None:
    """Telegram has not made the call: also a call that must not be repeated is made afterwards."""
    async with bot_kit(database_url, plugins=[make_plugin("desk", helpdesk(on_doubt="raise"))]) as kit:
        anna = kit.chat("Anna")
        forum(kit)
        kit.telegram.world.faults.add("createForumTopic", "429", retry_after=0)
        await anna.send("/ask")
        assert anna.last.text.startswith("topic ")
        assert [call.ok for call in kit.calls("createForumTopic")] == [False, True]


@pytest.mark.parametrize(("on_doubt", "calls"), [("repeat", 2), ("raise", 1)])
async def test_a_call_without_an_answer_is_in_doubt(
    database_url: str, make_plugin: MakePlugin, on_doubt: str, calls: int
) -> None:
    """A 500 may have had its effect: "repeat" asks again, "raise" does not, and the person gets an apology."""
    async with bot_kit(database_url, plugins=[make_plugin("desk", helpdesk(on_doubt=on_doubt))]) as kit:
        anna = kit.chat("Anna")
        forum(kit)
        kit.telegram.world.faults.add("createForumTopic", "500")
        await anna.send("/ask")
        assert len(kit.calls("createForumTopic")) == calls
        assert anna.last.text.startswith("topic " if on_doubt == "repeat" else "Something went wrong")


async def test_a_handler_decides_about_a_doubt_itself(database_url: str, make_plugin: MakePlugin) -> None:
    """DoubtfulCall names method and key; `forget_once` lets the call be made again, in the same handler."""
    plugin = Plugin()

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        try:
            await ctx.once("topic", "createForumTopic", chat_id=DESK, name="Anna", on_doubt="raise")
        except DoubtfulCall as doubt:
            await ctx.forget_once(doubt.key)
            await ctx.once(doubt.key, doubt.method, chat_id=DESK, name="Anna again", on_doubt="raise")
        ctx.reply("done")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna = kit.chat("Anna")
        desk = forum(kit)
        kit.telegram.world.faults.add("createForumTopic", "500")
        await anna.send("/ask")
        assert anna.texts == ["done"]
        assert desk.topics[-1] == "Anna again"


async def test_a_key_in_use_elsewhere_is_waited_for(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Two chats ask at once: one makes the call, the other one is tried again and gets its result."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        desk = forum(kit, anna)
        kit.telegram.world.faults.add("createForumTopic", "slow", delay=0.3)
        await anna.user.send("/ask")
        await anna.user.send("/open", room=desk.room)
        await kit.settled()
        assert len(kit.calls("createForumTopic")) == 1
        assert desk.last.text == anna.last.text != ""


async def test_after_the_first_write_it_is_refused_also_in_production(
    database_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """It commits something of its own, which on SQLite would wait for the handler's transaction for ever."""
    plugin = Plugin()

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        await ctx.session.execute(text("UPDATE core_users SET last_name = 'written'"))
        await ctx.once("topic", "createForumTopic", chat_id=DESK, name="Anna")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)], inbox={"slow_wait": "warn"}) as kit:
        anna = kit.chat("Anna")
        await anna.send("/ask")
        assert "Something went wrong" in anna.last.text
        assert kit.calls("createForumTopic") == []
        assert await kit.rows(core_once) == []
    assert "ctx.once comes after the first write. Fix: call it before that" in caplog.text


async def test_what_cannot_be_meant_fails_before_anything_is_noted(
    database_url: str, make_plugin: MakePlugin
) -> None:
    """A slip in a name, a missing parameter, a bad key, a wrong word of `on_doubt`, a key of another call."""
    plugin, wrong = Plugin(), list[str]()

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        await ctx.once("me", "getMe")
        for key, method, given in (
            ("key", "createForumTopik", {"chat_id": DESK, "name": "Anna"}),
            ("key", "createForumTopic", {"chat_id": DESK}),
            ("key", "createForumTopic", {"chat_id": 2**60, "name": "Anna"}),
            ("", "getMe", {}),
            ("nul\0", "getMe", {}),
            ("key", "getMe", {"on_doubt": "perhaps"}),
            ("me", "getMyName", {}),
        ):
            with pytest.raises(HandlerError) as error:
                await ctx.once(key, method, **given)
            wrong.append(str(error.value))
        ctx.reply("done")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/ask")
        assert anna.texts == ["done"]
        assert len(await kit.rows(core_once)) == 1
    assert ["createForumTopic" in wrong[0], "name is missing" in wrong[1], "no chat's id" in wrong[2]] == [True] * 3
    assert all("ctx.once: key=" in one for one in wrong[3:5])
    assert 'neither "repeat" nor "raise"' in wrong[5]
    assert "the key 'me' is that of getMe" in wrong[6]


async def test_a_result_that_is_too_large_is_said_and_not_asked_for_again(
    database_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call was made: the next run does not make it once more, and says the same."""
    monkeypatch.setattr(once_module, "RESULT_LIMIT", 10)
    plugin, wrong = Plugin(), list[str]()

    @plugin.command("ask")
    async def asks_for_one(ctx: Context) -> None:
        with pytest.raises(HandlerError) as error:
            await ctx.once("name", "getMyName")
        wrong.append(str(error.value))
        ctx.reply("done")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/ask")
        await anna.send("/ask")
        assert len(kit.calls("getMyName")) == 1
    assert wrong == [wrong[0]] * 2
    assert "was made, but its result has more than 10 bytes" in wrong[0]


async def test_a_route_that_has_called_cannot_leave_the_update_to_the_next(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Skip says that nothing has happened yet."""
    plugin = Plugin()

    @plugin.text(pattern="a")
    async def skips(ctx: Context) -> None:
        await ctx.once("me", "getMe")
        raise Skip

    async with bot_kit(sqlite_url, plugins=[make_plugin("desk", plugin)]) as kit:
        await kit.chat("Anna").send("a")
    assert "raises Skip after it has written or said something" in caplog.text


# --- whose they are, and when they go


async def test_they_are_given_out_and_forgotten_with_their_person(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """Also one whose key alone names the person; another's key with the digits of the id in it stays."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, ben = kit.chat("Anna", id=77), kit.chat("Ben", id=770)
        forum(kit)
        await anna.send("/ask")
        await ben.send("/ask")
        values = {
            "plugin": "desk", "chat_id": -5, "method": "getChat", "made": True, "mark": "m", "process": "p", "seq": 1,
            "begun_at": now(),
        }  # fmt: skip
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(core_once).values(key="card:77", result="{}", **values))
            quoted = '{"from":{"id":77,"first_name":"Anna"},"text":"Anna was here"}'
            await connection.execute(insert(core_once).values(key="group", result=quoted, **values))
        await anna.send("/mydata")
        data = kit.telegram.world.files.by_id(anna.last.content["document"]["file_id"]).data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            told = json.loads(archive.read("core/once.json"))
        assert sorted(one["key"] for one in told) == ["card:77", "topic:77"]
        await anna.send("/forget")
        await anna.tap("Yes, delete everything")
        left = await kit.rows(select(core_once.c.key, core_once.c.result).order_by(core_once.c.key))
        assert [row.key for row in left] == ["group", "topic:770"]
        assert "77" not in left[0].result
        assert "Anna" not in left[0].result


async def test_keys_that_name_a_group_follow_it(database_url: str, make_plugin: MakePlugin) -> None:
    """When a group becomes a supergroup, the next run finds what was made before."""
    plugin = Plugin()

    @plugin.command("card", chat=GROUP)
    async def card(ctx: Context) -> None:
        made = await ctx.once(f"card:{ctx.chat.id}", "sendMessage", chat_id=ctx.chat.id, text="The card")
        ctx.reply(f"made as {made['message_id']}")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Stars", admins=[anna], kind="group")
        await group.send(anna, "/card")
        await group.migrate()
        await group.send(anna, "/card")
        assert len([call for call in kit.calls("sendMessage") if call.params["text"] == "The card"]) == 1
        assert await kit.rows(select(core_once.c.key, core_once.c.chat_id)) == [(f"card:{group.id}", group.id)]


async def test_a_plugin_that_makes_up_keys_for_ever_fills_no_table(
    database_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one plugin in one chat the newest are kept, and the log says so; other chats lose nothing."""
    monkeypatch.setattr(once_module, "MOST", 2)
    plugin = Plugin()

    @plugin.text()
    async def asks(ctx: Context) -> None:
        await ctx.once(f"{ctx.user.id}:{ctx.text}", "getMe")

    async with bot_kit(database_url, plugins=[make_plugin("desk", plugin)]) as kit:
        anna, ben = kit.chat("Anna", id=1), kit.chat("Ben", id=2)
        for word in "abcd":
            await anna.send(word)
        await ben.send("a")
        await kit.running.inbox.store.write(once_module.purge)
        assert [row.key for row in await kit.rows(core_once)] == ["1:c", "1:d", "2:a"]
    assert "the oldest 2 are forgotten" in caplog.text


async def test_what_a_dead_process_began_is_in_doubt(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """Whoever wants the call next does not wait for it: it is made again, and the new result is kept."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        forum(kit)
        await anna.send("/ask")
        async with kit.running.database.engine.begin() as connection:
            begun = {"made": False, "result": None, "process": "somebody-dead", "begun_at": now()}
            await connection.execute(update(core_once).values(begun))
        await anna.send("/ask")
        await anna.send("/ask")
        assert len(kit.calls("createForumTopic")) == 2
        assert anna.texts[0] != anna.texts[1] == anna.texts[2]
