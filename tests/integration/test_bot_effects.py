"""Delivery of messages: order, slots, files, and everything that Telegram may answer."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from astral_core import Context, Routes, core_users
from astral_core.db.tables import DEAD_EFFECT, core_outbox
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Until = Callable[..., Awaitable[Any]]
Astral = Callable[..., Awaitable[Any]]


def png(shade: int = 128) -> bytes:
    """A valid picture of 4 x 4 points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([shade]) * 4 for _ in range(4))
    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


routes = Routes()


@routes.command("three")
async def three(ctx: Context) -> None:
    """Three messages, the first one edited and the second one deleted by reference."""
    one, two = ctx.reply("one"), ctx.reply("two")
    ctx.reply("three")
    ctx.edit("one!", ref=one)
    ctx.delete(two)


@routes.command("wizard")
async def wizard(ctx: Context) -> None:
    """Open the slot."""
    ctx.show("step 1", [[ctx.button("Next", step(n=2))]], slot="wizard")


@routes.callback("step/{n:int}")
async def step(ctx: Context, n: int) -> None:
    """A page of the wizard; the third is a picture."""
    button = [[ctx.button("Next", step(n=n + 1))]]
    ctx.show(f"step {n}", button, slot="wizard", photo=png() if n == 3 else None)


@routes.command("awaited")
async def awaited(ctx: Context) -> None:
    """Awaits what is recorded, as people write who know python-telegram-bot."""
    await ctx.reply("one")  # type: ignore[misc]


@routes.command("album")
async def album(ctx: Context) -> None:
    """Three pictures, and a word under the first of them by reference."""
    ctx.edit_caption("a better caption", ref=ctx.send_album([png(1), png(2), png(3)], "three shades"))


@routes.command("once")
async def once(ctx: Context) -> None:
    """A message that must not come twice."""
    ctx.reply("only once", on_doubt="drop")


@routes.command("photo")
async def photo(ctx: Context) -> None:
    """A picture that is uploaded once."""
    ctx.send_photo(png(), "a picture", cache="grey")


@routes.command("wrong")
async def wrong(ctx: Context) -> None:
    """A message that Telegram refuses, between two good ones."""
    ctx.reply("before")
    ctx.call("sendMessage", chat_id=ctx.chat.id, text="x", parse_mode="No such mode")
    ctx.reply("after")


@routes.command("say")
async def say(ctx: Context) -> None:
    """Say what was asked for."""
    ctx.reply(f"said {ctx.args}")


def kit_of(url: str, make_plugin: MakePlugin) -> Any:
    """A bot with these routes."""
    return bot_kit(url, plugins=[make_plugin("weather", routes)])


def shown(kit: BotKit, user: Any) -> list[str]:
    """What the user sees of the bot's messages now."""
    return [m.text for m in user.messages if m.sender != "user" and not m.deleted]


async def test_references_name_messages_of_the_same_handler(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Edits and deletions reach the messages that were sent a moment before, in order."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/three")
        await until(lambda: shown(kit, anna) == ["one!", "three"])
        methods = [
            call.method for call in kit.telegram.calls if call.method.endswith("Message") or "edit" in call.method
        ]
        assert methods == ["sendMessage"] * 3 + ["editMessageText", "deleteMessage"]


async def test_a_slot_is_one_message_edited_in_place(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """A wizard stays one message; a change of kind replaces it; sent anew, the old card loses its buttons."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/wizard")
        first = await anna.wait_for("step 1")
        await anna.press("Next")
        assert (await anna.wait_for("step 2")).message_id == first.message_id
        await anna.press("Next")
        picture = await anna.wait_for(lambda message: "photo" in message.content)
        assert picture.message_id != first.message_id
        await until(lambda: first.deleted)
        await anna.press("Next")
        text = await anna.wait_for("step 4")
        await until(lambda: picture.deleted)
        await kit.restart()
        await anna.press("Next")
        assert (await anna.wait_for("step 5")).message_id == text.message_id
        await anna.send("/wizard")
        assert (await anna.wait_for("step 1")).message_id > text.message_id
        await until(lambda: not text.buttons)


async def test_a_slot_whose_message_is_gone_is_sent_anew(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The user deleted it, or it cannot be edited any more: they get a new one."""
    async with kit_of(sqlite_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/wizard")
        first = await anna.wait_for("step 1")
        kit.telegram.fail("editMessageText", "400", description="Bad Request: message to edit not found")
        await anna.press("Next")
        assert (await anna.wait_for("step 2")).message_id > first.message_id
        kit.telegram.fail("editMessageText", "400", description="Bad Request: message is not modified: x")
        before = len(kit.telegram.calls_of("sendMessage"))
        await anna.press("Next")
        await anna.wait_for(lambda message: "photo" in message.content)
        assert len(kit.telegram.calls_of("sendMessage")) == before


async def test_a_cached_file_is_uploaded_once_and_again_when_telegram_forgot_it(
    database_url: str, make_plugin: MakePlugin
) -> None:
    """The file_id outlives a restart; one that Telegram no longer knows costs an upload, not the message."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")

        async def uploads() -> bool:
            await anna.send("/photo")
            await anna.wait_for(lambda message: "photo" in message.content)
            return not isinstance(kit.telegram.calls_of("sendPhoto")[-1].params.get("photo"), str)

        assert await uploads()
        assert not await uploads()
        await kit.restart()
        assert not await uploads()
        kit.telegram.fail("sendPhoto", "400", description="Bad Request: wrong file identifier/HTTP URL specified")
        assert await uploads()


async def test_a_refused_message_is_a_dead_effect_with_an_id_and_stops_nothing(
    database_url: str, make_plugin: MakePlugin, until: Until, astral: Astral
) -> None:
    """The others go out; the owner finds the refused one with plugin, method and reason, and can drop it."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/wrong")
        await anna.wait_for("after")
        assert shown(kit, anna) == ["before", "after"]

        async def listed() -> str:
            return str((await astral(kit, "outbox", "list")).output)

        async def is_listed() -> bool:
            return "sendMessage" in await listed()

        await until(is_listed)
        line = await listed()
        assert "dead" in line
        assert "weather" in line
        number = line.split()[0]
        assert "done" in (await astral(kit, "outbox", "drop", number)).output
        assert "nothing is waiting" in await listed()


async def test_a_refused_message_can_be_looked_at_and_sent_again(
    database_url: str, make_plugin: MakePlugin, until: Until, astral: Astral
) -> None:
    """Telegram refused it once: the owner reads what it was, tries again, and the user gets it."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        kit.telegram.fail("sendMessage", "400", times=1, description="Bad Request: of this moment")
        await anna.send("/say again")

        async def numbers() -> list[str]:
            lines = str((await astral(kit, "outbox", "list")).output).splitlines()
            return [line.split()[0] for line in lines if " dead " in line]

        (number,) = await until(numbers)
        assert '"text": "said again"' in (await astral(kit, "outbox", "show", number)).output
        assert "done" in (await astral(kit, "outbox", "retry", number)).output
        kit.running.inbox.resync.request()
        await anna.wait_for("said again")
        assert await numbers() == []
        assert "there is no dead message" in (await astral(kit, "outbox", "retry", number)).output


async def test_too_many_requests_delay_one_chat_and_lose_nothing(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """429 holds back the chat it was about, in order; other people are served meanwhile."""
    async with kit_of(sqlite_url, make_plugin) as kit:
        anna, boris = kit.user("Anna"), kit.user("Boris")
        for user in (anna, boris):
            await user.send("/say hello")
            await user.wait_for("said hello")
        kit.telegram.fail("sendMessage", "429", chat_id=anna.id, retry_after=1)
        for number in range(3):
            await anna.send(f"/say {number}")
        await boris.send("/say now")
        await boris.wait_for("said now")
        assert shown(kit, anna) == ["said hello"]
        await anna.wait_for("said 2")
        assert shown(kit, anna) == ["said hello", "said 0", "said 1", "said 2"]


async def test_while_telegram_is_down_messages_wait_in_order(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """5xx and broken connections are tried again until they pass."""
    async with kit_of(sqlite_url, make_plugin) as kit:
        anna = kit.user("Anna")
        kit.telegram.fail("sendMessage", "500", times=2)
        for number in range(3):
            await anna.send(f"/say {number}")
        await anna.wait_for("said 2")
        assert shown(kit, anna) == ["said 0", "said 1", "said 2"]


async def test_whoever_blocks_the_bot_is_marked_until_they_come_back(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """403 marks the user, nothing is repeated, and their next message takes the mark away."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/say hello")
        await anna.wait_for("said hello")

        async def blocked() -> bool:
            query = select(core_users.c.blocked_at).where(core_users.c.id == anna.id)
            async with kit.running.database.engine.connect() as connection:
                return (await connection.execute(query)).scalar_one() is not None

        async def unblocked() -> bool:
            return not await blocked()

        kit.telegram.fail("sendMessage", "403", chat_id=anna.id)
        await anna.send("/say nothing")
        await until(blocked)
        await anna.send("/say again")
        await anna.wait_for("said again")
        await until(unblocked)


async def test_what_is_recorded_is_not_awaited(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Habits of python-telegram-bot fail at once, with what to write instead."""
    async with kit_of(sqlite_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/awaited")
        await anna.wait_for("Something went wrong")
        assert "one" not in [message.text for message in anna.messages]
    assert "Fix: write it without await." in caplog.text


async def test_an_album_is_one_call_with_all_its_pictures(database_url: str, make_plugin: MakePlugin) -> None:
    """The pictures arrive as one group; the reference leads to the first one."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        await anna.send("/album")
        await anna.wait_for("a better caption")
        pictures = [message for message in anna.messages if "photo" in message.content]
        assert len(pictures) == 3
        assert len(kit.telegram.calls_of("sendMediaGroup")) == 1


async def test_a_message_that_must_not_repeat_is_dropped_where_nobody_knows(
    database_url: str, make_plugin: MakePlugin, until: Until
) -> None:
    """Telegram took it and the answer was lost: with `on_doubt="drop"` it goes out once, and stands as dead."""
    async with kit_of(database_url, make_plugin) as kit:
        anna = kit.user("Anna")
        kit.telegram.fail("sendMessage", "timeout", times=1, delay=0.2)
        await anna.send("/once")

        async def dead() -> list[Any]:
            async with kit.running.database.engine.connect() as connection:
                dead = select(core_outbox.c.error).where(core_outbox.c.state == DEAD_EFFECT)
                return list((await connection.execute(dead)).scalars())

        (error,) = await until(dead)
        assert "gave up" in error
        assert len(kit.telegram.calls_of("sendMessage")) == 1
