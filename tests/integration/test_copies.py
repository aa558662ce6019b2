"""`ctx.copy` and `ctx.forward`: messages that are there already, sent here or to another chat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_core import GROUP, PRIVATE, Context, Plugin, html
from astral_core.errors import EffectError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
DESK = -1001
VOICE = b"OggS what was said"
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
BOTH = PRIVATE | GROUP


def relay() -> Plugin:
    """What people write goes to the desk, and what the desk writes in a topic goes to the person of that name."""
    plugin = Plugin()

    @plugin.command("topic")
    async def opens(ctx: Context) -> None:
        made = await ctx.once(f"topic:{ctx.user.id}", "createForumTopic", chat_id=DESK, name=ctx.user.first_name)
        ctx.edit("A note of the bot", ref=ctx.copy(to=DESK, topic=made["message_thread_id"]))
        ctx.forward(to=DESK, topic=made["message_thread_id"], silent=True, protect=True)

    @plugin.message("voice", "photo")
    async def voice(ctx: Context) -> None:
        ctx.copy(
            to=DESK,
            caption=html("<b>From</b> a {who}", who="<person>"),
            buttons=[[ctx.url_button("Look", "https://t.me")]],
        )

    @plugin.command("here", chat=BOTH)
    async def here(ctx: Context) -> None:
        said = ctx.reply("Said once")
        ctx.copy(said)
        ctx.forward(said)

    @plugin.command("all")
    async def everything(ctx: Context) -> None:
        first, last = (int(word) for word in ctx.args.split())
        ctx.edit("The first one", ref=ctx.copy(list(range(last, first - 1, -1)), DESK))
        ctx.forward((ctx.chat.id, list(range(first, last + 1))), str(DESK))
        ctx.copy([ctx.message], DESK)

    return plugin


@pytest.fixture
def plugins(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The relay."""
    return [make_plugin("relay", relay())]


def forum(kit: BotKit) -> Any:
    """The group of the helpers."""
    olga = kit.chat("Olga")
    return kit.group("Desk", admins=[olga], topics=["News"], bot="administrator", id=DESK)


async def test_the_handled_message_goes_to_a_topic_elsewhere(database_url: str, plugins: list[LoadedPlugin]) -> None:
    """A copy is the bot's own and can be changed by its reference; a forward says where it comes from."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, desk = kit.chat("Anna"), forum(kit)
        await anna.send("/topic")
        copy, forward = desk.topic("Anna").messages[-2:]
        assert (copy.text, copy.sender) == ("A note of the bot", "bot")
        assert (forward.text, forward.facts["forward_origin"]["sender_user"]["id"]) == ("/topic", anna.id)
        (call,) = kit.calls("forwardMessage")
        assert call.params["disable_notification"] in (True, "true", "True")
        assert call.params["protect_content"] in (True, "true", "True")


async def test_media_keep_their_file_and_may_get_another_caption(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """A voice message with a caption as HTML, and with buttons."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, desk = kit.chat("Anna"), forum(kit)
        sent = await anna.send_voice(VOICE)
        copy = desk.last
        assert copy.content["voice"]["file_unique_id"] == sent.content["voice"]["file_unique_id"]
        assert (copy.text, copy.content["caption_entities"][0]["type"]) == ("From a <person>", "bold")
        assert copy.button_rows[0][0]["text"] == "Look"


async def test_a_message_of_this_handler_is_passed_on_in_its_own_chat(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """In a private chat, and in a topic of a group, where the copies stay in the topic."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, desk = kit.chat("Anna"), forum(kit)
        await anna.send("/here")
        assert anna.texts == ["Said once"] * 3
        await desk.join(anna)
        news = desk.topic("News")
        await news.send(anna, "/here")
        assert [message.text for message in news.messages][-3:] == ["Said once"] * 3


async def test_several_messages_are_one_call_and_albums_stay_together(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """In the order in which Telegram wants them, whatever the order that was given; the reference is the first's."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, desk = kit.chat("Anna"), forum(kit)
        album = await anna.send_album([PNG, PNG, PNG])
        numbers = [message.message_id for message in album]
        first = await anna.send("a text")
        await anna.send(f"/all {first.message_id} {first.message_id}")
        assert desk.texts[-3:] == ["The first one", "a text", f"/all {first.message_id} {first.message_id}"]
        before = len(desk.messages)
        await anna.send(f"/all {numbers[0]} {numbers[-1]}")
        copies = desk.messages[before : before + 3]
        assert len({message.content["media_group_id"] for message in copies}) == 1
        assert kit.calls("copyMessages")[0].params["message_ids"] in (
            numbers,
            str(numbers),
            str(numbers).replace(" ", ""),
        )
        assert len(kit.calls("forwardMessages")) == 1


async def test_a_desk_that_telegram_makes_wait_holds_nobody_up(
    database_url: str, plugins: list[LoadedPlugin]
) -> None:
    """Copies are sent in the lane of the chat that they go to."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, desk = kit.chat("Anna"), forum(kit)
        kit.telegram.world.faults.add("copyMessage", "429", chat_id=DESK, retry_after=1)
        await anna.send_voice(VOICE)
        await anna.send("/here")
        assert anna.texts == ["Said once"] * 3
        await kit.settled()
        assert "voice" in desk.last.content
        assert [call.ok for call in kit.calls("copyMessage", desk)] == [False, True]


async def test_what_cannot_be_passed_on_fails_in_the_handler(database_url: str, make_plugin: MakePlugin) -> None:
    """With the plugin, the route, and what to do instead."""
    plugin, wrong = Plugin(), list[str]()

    def refused(act: Callable[[], object]) -> None:
        with pytest.raises(EffectError) as error:
            act()
        wrong.append(str(error.value))

    @plugin.command("try")
    async def tries(ctx: Context) -> None:
        said = ctx.reply("x")
        refused(lambda: ctx.copy(said, DESK))
        refused(lambda: ctx.copy([1, 2], caption="c"))
        refused(lambda: ctx.copy([]))
        refused(lambda: ctx.copy(0))
        refused(lambda: ctx.copy(list(range(1, 102))))
        refused(lambda: ctx.copy((1, 2, 3)))
        refused(lambda: ctx.forward(1, 2**60))
        refused(lambda: ctx.copy([ctx.user]))  # type: ignore[list-item]  # that is the mistake
        refused(lambda: ctx.forward(1, reply_to=True))
        refused(lambda: ctx.copy(1, DESK, reply_to=True))
        refused(lambda: ctx.copy([1, 2], reply_to=5))
        ctx.copy(reply_to=True, caption="")
        ctx.defer(step())

    @plugin.step("step")
    async def step(ctx: Context) -> None:
        refused(ctx.forward)

    async with bot_kit(database_url, plugins=[make_plugin("relay", plugin)]) as kit:
        anna = kit.chat("Anna")
        await anna.send("/try")
        assert anna.texts == ["x", "/try"]
        assert anna.last.reply_to == anna.messages[0].message_id
    assert len(wrong) == 12
    assert all("plugin 'relay'" in one and "Fix: " in one for one in wrong)
    assert "goes to its own chat only" in wrong[0]
    assert "this handler handles no message" in wrong[-1]


async def test_nothing_is_copied_out_of_the_chat_of_a_business_account(
    sqlite_url: str, start: Any, plugins: list[LoadedPlugin], make_plugin: MakePlugin
) -> None:
    """Its messages have numbers of their own: the bot's chat with the same person has others under these."""
    plugin, wrong = Plugin(), list[str]()

    @plugin.on("business_message", chat=GROUP)
    async def heard(ctx: Context, message: Any) -> None:
        for source in (..., 5, message):
            with pytest.raises(EffectError) as error:
                ctx.copy(source, DESK)
            wrong.append(str(error.value))

    async with start(sqlite_url, [make_plugin("relay", plugin)]) as groups:
        made = groups.update("hi", 7, business_connection_id="b1")
        await groups.send({"update_id": made["update_id"], "business_message": made["message"]})
    assert len(wrong) == 3
    assert all("out of the chat of a business account" in one for one in wrong)
