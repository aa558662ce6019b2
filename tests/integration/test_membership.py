"""Where the bot is: people who block it and come back, groups that it leaves, groups that become supergroups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import GROUP, Context, Routes
from astral_core.db.tables import core_chats, core_dialogs, core_due, core_inbox, core_slots, core_users, now
from astral_core.errors import TelegramRefused
from astral_core.host.state import LoadedPlugin
from astral_core.inbox.retention import purge
from astral_playground.telegram.errors import ApiError

MakePlugin = Callable[..., LoadedPlugin]
Start = Callable[..., AbstractAsyncContextManager[Any]]

OLD = {"id": -42, "type": "group", "title": "Friends"}
NEW = {"id": -100042, "type": "supergroup", "title": "Friends"}
STEP = "club.remind"
routes = Routes()
answers: list[str] = []


@routes.command("ask", chat=GROUP)
async def ask(ctx: Context) -> None:
    """Asks, shows a card, and leaves work for later."""
    ctx.ask(name())
    ctx.show("card")
    ctx.defer(remind(), key="k", after=timedelta(hours=1))


@routes.question("name", chat=GROUP)
async def name(ctx: Context) -> None:
    """Takes the answer."""
    answers.append(ctx.text)


@routes.step("remind")
async def remind(ctx: Context) -> None:
    """What was left for later."""
    ctx.reply(f"remember {ctx.chat.id}")


@routes.command("say", chat=GROUP)
async def say(ctx: Context) -> None:
    """Says something, and goes on in a step."""
    ctx.reply("said")
    ctx.defer(remind())


@routes.command("admins", chat=GROUP)
async def admins(ctx: Context) -> None:
    """Who administers this group."""
    try:
        found = await ctx.administrators()
    except TelegramRefused:
        ctx.reply("I may not ask.")
    else:
        ctx.reply(f"They are {sorted(found)}.")


@routes.command("tell")
async def tell(ctx: Context) -> None:
    """Tells the group."""
    ctx.call("sendMessage", chat_id=OLD["id"], text="told")


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    answers.clear()
    return [make_plugin("club", routes)]


def membership(groups: Any, chat: dict[str, Any], status: str, kind: str = "my_chat_member", **member: Any) -> Any:
    """An update about a member of a chat: the bot, unless told."""
    number = groups.update()["update_id"]
    bot = {"id": groups.kit.running.settings.bot_id, "is_bot": True, "first_name": "Bot"}
    sender = {"id": chat["id"] if chat["id"] > 0 else 5001, "is_bot": False, "first_name": "Vera"}
    old, new = {"user": bot, "status": "member"}, {"user": bot, "status": status, **member}
    change = {"chat": chat, "from": sender, "date": int(now().timestamp()) + number % 1000,
              "old_chat_member": old, "new_chat_member": new}  # fmt: skip
    return {"update_id": number, kind: change}


async def rows(groups: Any, table: Any) -> list[Any]:
    """All rows of a table."""
    async with groups.kit.running.database.engine.connect() as connection:
        return list((await connection.execute(select(table))).all())


async def waits(groups: Any) -> list[int]:
    """The lanes in which due work waits."""
    return [row.lane for row in await rows(groups, core_due) if row.route == STEP]


async def test_who_blocks_the_bot_is_known_at_once(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Before a single message fails; until they come back no call is made for them."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        private = {"id": person.id, "type": "private", "first_name": "Anna"}
        await groups.send(membership(groups, private, "kicked"))
        (row,) = [row for row in await rows(groups, core_users) if row.id == person.id]
        assert row.blocked_at is not None
        before = len(groups.kit.calls())
        async with groups.kit.context("club").work() as work:
            work.defer(remind(), to=person.id)
        await groups.kit.settled()
        assert groups.calls(before) == []
        await groups.send(membership(groups, private, "member"))
        (row,) = [row for row in await rows(groups, core_users) if row.id == person.id]
        assert row.blocked_at is None
        async with groups.kit.context("club").work() as work:
            work.defer(remind(), to=person.id)
        await groups.kit.settled()
        assert [call.chat_id for call in groups.calls(before)] == [person.id]


async def test_who_writes_again_is_unblocked_whatever_is_told(sqlite_url: str, start: Start) -> None:
    """The update that says so may have been lost."""
    async with start(sqlite_url, []) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        await groups.send(membership(groups, {"id": person.id, "type": "private"}, "kicked"))
        before = len(groups.kit.calls())
        await person.send("/help")
        assert [call.method for call in groups.calls(before)][:1] == ["sendMessage"]
        assert [row.blocked_at for row in await rows(groups, core_users)] == [None]


async def test_the_bots_chats_are_kept(database_url: str, start: Start, plugins: list[LoadedPlugin]) -> None:
    """Type, title, topics, what the bot may do: by what updates show, and what Telegram tells of changes."""
    async with start(database_url, plugins) as groups:
        await groups.say("hello", {**OLD, "username": "friends"})
        (chat,) = await rows(groups, core_chats)
        assert (chat.id, chat.type, chat.title, chat.username) == (-42, "group", "Friends", "friends")
        assert (chat.is_forum, chat.status, chat.rights) == (False, None, None)
        rights = {"can_pin_messages": True, "can_delete_messages": False, "is_anonymous": False}
        await groups.send(membership(groups, NEW | {"is_forum": True}, "administrator", **rights))
        await groups.say("hello", {**NEW, "title": "Best friends", "is_forum": True})
        _, chat = sorted(await rows(groups, core_chats), key=lambda row: -row.id)
        assert (chat.id, chat.title, chat.is_forum, chat.status) == (-100042, "Best friends", True, "administrator")
        assert chat.rights == '["can_pin_messages"]'
        await groups.say("hello", {"id": 9, "type": "private", "first_name": "Ann"})
        assert len(await rows(groups, core_chats)) == 2


@pytest.mark.parametrize("status", ["kicked", "left", "restricted"])
async def test_where_the_bot_is_no_more_everything_ends(
    database_url: str, start: Start, plugins: list[LoadedPlugin], status: str
) -> None:
    """Due work goes, and nothing is sent there until it is a member again; other chats go on."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD)
        assert await waits(groups) == [-42]
        before = len(groups.kit.calls())
        await groups.send(membership(groups, OLD, status, is_member=False))
        assert await waits(groups) == []
        person = groups.kit.chat("Anna")
        await person.send("/tell")
        await groups.kit.advance(4000)
        assert [call for call in groups.calls(before) if call.chat_id == -42] == []
        await groups.send(membership(groups, OLD, "member"))
        await person.send("/tell")
        assert [call.params["text"] for call in groups.calls(before) if call.chat_id == -42] == ["told"]
        assert await groups.states() == {1}


async def test_an_older_word_about_the_bots_place_changes_nothing(sqlite_url: str, start: Start) -> None:
    """Telegram delivers a chat's updates side by side."""
    async with start(sqlite_url, []) as groups:
        first, second = membership(groups, OLD, "kicked"), membership(groups, OLD, "member")
        first["my_chat_member"]["date"], second["my_chat_member"]["date"] = 2_000, 1_000
        await groups.send(first)
        await groups.send(second)
        assert [row.status for row in await rows(groups, core_chats)] == ["kicked"]


async def test_a_403_of_a_group_is_one_call_and_remembered(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Until the group writes to the bot again, which shows that it is there."""
    async with start(database_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        groups.api.refuse[-42] = ApiError(403, "Forbidden: bot was kicked from the group chat")
        for _ in range(3):
            await person.send("/tell")
        assert len([call for call in groups.calls() if call.chat_id == -42]) == 1
        groups.api.refuse.clear()
        await groups.say("/say", OLD)
        said = [call.params["text"] for call in groups.calls() if call.chat_id == -42 and call.ok]
        assert said == ["said", "remember -42"]


def became(groups: Any, user: int = 5001) -> tuple[Any, Any]:
    """The two service messages with which Telegram tells that OLD is NEW now."""
    there = groups.update("", user, OLD, migrate_to_chat_id=NEW["id"])
    here = groups.update("", user, NEW, migrate_from_chat_id=OLD["id"])
    for update in (there, here):
        del update["message"]["text"]
    return there, here


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
async def test_a_group_that_becomes_a_supergroup_takes_everything_along(
    database_url: str, start: Start, plugins: list[LoadedPlugin], order: tuple[int, ...]
) -> None:
    """Questions and due work; a slot begins with a new message, because the supergroup counts its own from one.

    Telegram tells it in both groups, in either order, and one of the two may be late.
    """
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD, user=5001)
        told = became(groups)
        for which in order:
            await groups.send(told[which])
        assert await waits(groups) == [NEW["id"]]
        assert [row.chat_id for row in await rows(groups, core_dialogs)] == [NEW["id"]]
        assert await rows(groups, core_slots) == []
        assert {row.id: row.migrated_to for row in await rows(groups, core_chats)} == {-42: -100042, -100042: None}
        await groups.say("Anna", NEW, user=5001)
        assert answers == ["Anna"]
        await groups.kit.advance(3700)
        assert [call.params["text"] for call in groups.calls() if call.chat_id == NEW["id"]] == ["remember -100042"]
        await groups.kit.chat("Ben").send("/tell")
        assert groups.calls()[-1].chat_id == NEW["id"]


async def test_a_message_on_its_way_arrives_in_the_supergroup(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """Nothing was told yet: the answer to the first message tells it. It is sent again, to the new id, at once."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD, user=5001)
        why = "Bad Request: group chat was upgraded to a supergroup chat"
        groups.api.refuse[-42] = ApiError(400, why, migrate_to=NEW["id"])
        before = len(groups.kit.calls())
        person = groups.kit.chat("Anna")
        await person.send("/tell")
        await person.send("/tell")
        sent = [(call.chat_id, call.ok) for call in groups.calls(before) if call.chat_id != person.id]
        assert sent == [(-42, False), (NEW["id"], True), (NEW["id"], True)]
        assert await waits(groups) == [NEW["id"]]
        await groups.say("Anna", NEW, user=5001)
        assert answers == ["Anna"]
        assert await groups.states() == {1}


async def test_what_waits_behind_the_word_of_it_moves_to_the_new_lane(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """It is handled there, once, with the new id; nobody handles it in the old lane as well."""
    async with start(database_url, plugins) as groups:
        groups.api.wait = False
        faults = groups.kit.telegram.world.faults
        faults.add("sendMessage", "429", chat_id=-42, times=None, retry_after=1)
        await groups.say("/say", OLD)  # its first message waits, and with it the lane
        await groups.send(became(groups)[0])
        await groups.say("/say", OLD)
        await groups.until(lambda: any(not call.ok for call in groups.calls()))
        faults.clear()
        groups.api.wait = True
        await groups.kit.settled()
        said = [(call.chat_id, call.params["text"]) for call in groups.calls() if call.ok]
        first, second = (-42, "said"), (NEW["id"], "said")
        assert [one for one in said if one[1] == "said"] == [first, second]
        assert sorted(text for _, text in said if text != "said") == ["remember -100042"] * 2
        assert {row.lane for row in await rows(groups, core_inbox)} == {-42, NEW["id"]}
        assert await groups.states() == {1}


async def test_administrators_are_asked_for_once(sqlite_url: str, start: Start, plugins: list[LoadedPlugin]) -> None:
    """And anew when Telegram tells of a change, or after a minute; where the bot may not ask it says so."""
    async with start(sqlite_url, plugins) as groups:
        people = [{"status": "creator", "user": {"id": 5001}}, {"status": "administrator", "user": {"id": 5002}}]
        groups.api.answers["getChatAdministrators"] = people

        def asked() -> int:
            return len(groups.kit.calls("getChatAdministrators"))

        for _ in range(2):
            calls = await groups.say("/admins", NEW)
            assert calls[-1].params["text"] == "They are [5001, 5002]."
        assert asked() == 1
        await groups.send(membership(groups, NEW, "member", kind="chat_member"))
        await groups.say("/admins", NEW)
        assert asked() == 2
        await groups.kit.advance(61)
        await groups.say("/admins", NEW)
        assert asked() == 3
        groups.api.refuse[NEW["id"]] = ApiError(400, "Bad Request: not enough rights")
        await groups.send(membership(groups, NEW, "member", kind="chat_member"))
        await groups.say("/admins", NEW)


@routes.step("works")
async def works(ctx: Context) -> None:
    """Durable work that says nothing; fails once as the network does."""
    if not answers:
        answers.append("tried")
        raise ConnectionError("away")
    answers.append("done")


@routes.command("work", chat=GROUP)
async def work(ctx: Context) -> None:
    """Leaves work to a step."""
    ctx.defer(works())


@routes.command("voice")
async def voice(ctx: Context) -> None:
    """Sends what this person may not get."""
    ctx.call("sendVoice", chat_id=ctx.chat.id, voice="AgACAgIAAx")


async def test_work_that_has_begun_is_done_although_the_bot_is_thrown_out(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """It waits for another try; what it wants to say in the group is not said."""
    async with start(database_url, plugins) as groups:
        groups.api.wait = False
        await groups.say("/work", OLD)

        async def waits_again() -> bool:
            return any(row.tries for row in await rows(groups, core_due))

        await groups.until(waits_again)
        groups.api.wait = True
        await groups.send(membership(groups, OLD, "kicked"))
        await groups.kit.advance(60)
        assert answers == ["tried", "done"]


async def test_a_403_that_came_late_overrules_nothing_newer(
    database_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """A replica that was frozen, and whose lane is another one's by now, believes what was true before."""
    async with start(database_url, plugins) as groups:
        await groups.say("/ask", OLD)
        chats = groups.kit.running.bot.chats
        believed = await chats.standing(-42)
        await groups.send(membership(groups, OLD, "administrator"))
        chats._standings.put(-42, believed)
        await groups.kit.running.bot.sender._membership.lost(-42)
        assert [row.status for row in await rows(groups, core_chats)] == ["administrator"]
        assert await waits(groups) == [-42]


async def test_a_press_shows_that_the_bot_is_there_again(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """As a message does: Telegram sends no updates of groups in which a bot is not."""
    async with start(sqlite_url, plugins) as groups:
        groups.api.refuse[-42] = ApiError(403, "Forbidden: bot was kicked from the group chat")
        await groups.kit.chat("Anna").send("/tell")
        groups.api.refuse.clear()
        calls, _ = await groups.press("core:menu", OLD, user=5001)
        assert [call.chat_id for call in calls if call.ok] == [-42]


async def test_one_thing_that_a_person_does_not_take_stops_no_other(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not each 403 means that they blocked the bot."""
    async with start(sqlite_url, plugins) as groups:
        person = groups.kit.chat("Anna")
        await person.send("/start")
        private = groups.api.original

        async def refuses(world: Any, method: Any, params: Any, chat_id: int | None) -> Any:
            if method.name == "sendVoice":
                raise ApiError(403, "Forbidden: VOICE_MESSAGES_FORBIDDEN")
            return await private(world, method, params, chat_id)

        groups.api.original = refuses
        await person.send("/voice")
        before = len(groups.kit.calls())
        await person.send("/help")
        assert [call.chat_id for call in groups.calls(before) if call.ok][:1] == [person.id]
        assert [row.blocked_at for row in await rows(groups, core_users)] == [None]


async def test_only_their_own_word_in_private_unblocks_somebody(
    sqlite_url: str, start: Start, plugins: list[LoadedPlugin]
) -> None:
    """They may write in a group, or press a message that somebody sent through the bot, and have it blocked."""
    async with start(sqlite_url, plugins) as groups:
        await groups.say("hi", OLD, user=5001)
        await groups.send(membership(groups, {"id": 5001, "type": "private", "first_name": "Vera"}, "kicked"))
        await groups.kit.restart()
        await groups.say("hi", OLD, user=5001)
        sender = groups.update("x", 5001)["message"]["from"]
        press = {"id": "q", "from": sender, "chat_instance": "1", "data": "core:menu", "inline_message_id": "AbC"}
        await groups.send({"update_id": 9, "callback_query": press})
        (row,) = [row for row in await rows(groups, core_users) if row.id == 5001]
        assert row.blocked_at is not None
        await groups.say("hi", {"id": 5001, "type": "private", "first_name": "Vera"}, user=5001)
        (row,) = [row for row in await rows(groups, core_users) if row.id == 5001]
        assert row.blocked_at is None


async def test_chats_that_were_left_long_ago_are_forgotten(sqlite_url: str, start: Start) -> None:
    """Anybody can add the bot to groups and take it out again."""
    async with start(sqlite_url, []) as groups:
        first, second = membership(groups, OLD, "left"), membership(groups, NEW, "left")
        first["my_chat_member"]["date"] = 1_000_000
        for told in (first, second):
            await groups.send(told)
        assert len(await rows(groups, core_chats)) == 2
        await purge(groups.kit.running.inbox.store, 72, 720)
        assert [row.id for row in await rows(groups, core_chats)] == [NEW["id"]]
