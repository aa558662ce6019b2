"""Messages that were sent through the bot into a chat that it does not know: many people press one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from astral_core import ANY, Context, Refuse, Routes, State, View
from astral_core.host.state import LoadedPlugin
from astral_playground.telegram.records import Message
from astral_playground.testkit.bot import bot_kit
from astral_playground.testkit.chat import Chat

MakePlugin = Callable[..., LoadedPlugin]
routes = Routes()


class Counted(State, scope="bot"):
    """How often somebody pressed."""

    n: int = 0


class Here(State, scope="chat"):
    """Of a chat, which is unknown there."""

    n: int = 0


@routes.inline()
async def offers(ctx: Context, query: View) -> None:
    """Offers a card."""
    del query
    card = ctx.inline_article("card", "Card", "0", [[ctx.button("More", more())], [ctx.button("No", no())]])
    ctx.answer_inline([card])


@routes.callback("more", chat=ANY)
async def more(ctx: Context) -> None:
    """Counts."""
    count = await ctx.change(Counted, lambda old: Counted(n=old.n + 1))
    ctx.edit(f"{count.n}", [[ctx.button("More", more())]])


@routes.callback("no", chat=ANY)
async def no(ctx: Context) -> None:
    """Refuses."""
    raise Refuse(f"Not <you>, {ctx.user.first_name}.")


@routes.callback("slow", chat=ANY, answer="manual")
async def slow(ctx: Context) -> None:
    """Refuses in a group before it has answered."""
    raise Refuse("You have had your turn.")


@routes.callback("broken", chat=ANY)
async def broken(ctx: Context) -> None:
    """Fails."""
    raise ValueError("no")


@routes.callback("where", chat=ANY)
async def where(ctx: Context) -> None:
    """Asks for what nobody knows."""
    await ctx.load(Here)


@routes.callback("chat", chat=ANY)
async def chat_of(ctx: Context) -> None:
    """Asks in which chat the message is."""
    ctx.edit(f"{ctx.chat.id}")


@routes.command("card", chat=ANY)
async def card(ctx: Context) -> None:
    """Shows a button in a group."""
    ctx.reply("card", [[ctx.button("Slow", slow())]])


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of these tests."""
    return [make_plugin("party", routes, states=[Counted, Here])]


async def card_of(anna: Chat) -> Message:
    """A card that Anna has sent through the bot."""
    results = await anna.inline("card")
    return await results.choose()


async def test_what_many_press_at_once_ends_with_the_last_text(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """All edits of one message come in one order, whoever presses, also where the first one takes long."""
    async with bot_kit(database_url, plugins) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        message = await card_of(anna)
        kit.telegram.fail("editMessageText", "slow", delay=1, times=1)
        await asyncio.gather(*(who.tap("More", message=message) for who in (anna, ben, anna)))
        assert message.text == "3"


async def test_a_refusal_is_for_the_eyes_of_who_pressed(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """It is a toast, as text; so is an apology, with its code. Nothing is written into anybody's chat."""
    async with bot_kit(database_url, plugins) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        message = await card_of(anna)
        before = len(ben.messages)
        await ben.tap("No", message=message)
        assert ben.toasts == ["Not <you>, Ben."]
        await ben.forge("party:broken", message=message)
        assert ben.toasts[-1].startswith("Something went wrong on our side.")
        assert "Code: " in ben.toasts[-1]
        assert len(ben.messages) == before


async def test_in_a_group_a_press_that_is_not_answered_yet_is_refused_by_a_toast(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """The group need not read it."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Friends", members=[anna])
        await group.send(anna, "/card")
        await group.tap(anna, "Slow")
        assert anna.toasts == ["You have had your turn."]
        assert group.texts == ["card"]


async def test_its_chat_is_unknown(
    database_url: str, plugins: list[LoadedPlugin], caplog: pytest.LogCaptureFixture
) -> None:
    """There is no state of it, and no ctx.chat: the errors say what to use."""
    async with bot_kit(database_url, plugins) as kit:
        anna = kit.chat("Anna")
        await anna.forge("party:where", message=await card_of(anna))
        assert "keep it in a table, by ctx.query.inline_message_id" in caplog.text
        await anna.forge("party:chat", message=await card_of(anna))
        assert "Fix: keep what belongs to it under ctx.query.inline_message_id" in caplog.text
