"""What a person of the kit can do beside writing and tapping: media, albums, edits, reactions, votes, inline mode."""

from __future__ import annotations

import sys

import pytest
from telegram import InlineQueryResultArticle, InputTextMessageContent, Update
from telegram.ext import InlineQueryHandler, MessageHandler, filters

from astral_core import GROUP, Context, Plugin, RawContext
from astral_playground.telegram import PageError
from astral_playground.telegram.acts_media import Piece
from astral_playground.testkit.bot import BotKit
from astral_playground.testkit.chat import Chat

pytestmark = pytest.mark.astral(plugins=[sys.modules[__name__]])
PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)
KINDS = ("voice", "video", "video_note", "animation", "audio", "sticker", "dice", "venue", "poll", "photo")
plugin = Plugin()


@plugin.command("card", chat=GROUP)
async def card(ctx: Context) -> None:
    """Shows a button."""
    ctx.reply("card", [[ctx.button("Press", press())]])


@plugin.callback("press", chat=GROUP)
async def press(ctx: Context) -> None:
    """Changes the card."""
    ctx.edit("pressed")


async def received(update: Update, context: RawContext) -> None:
    """Names what came."""
    message = update.effective_message
    if message is not None:
        kind = next(kind for kind in KINDS if getattr(message, kind))
        await message.reply_text(f"got {kind}{' of an album' if message.media_group_id else ''}")


async def offered(update: Update, context: RawContext) -> None:
    """Offers two results."""
    query = update.inline_query
    if query is not None and query.query != "nothing":
        texts = [f"{query.query} {n}" for n in (1, 2)]
        await query.answer([InlineQueryResultArticle(t, t.title(), InputTextMessageContent(t)) for t in texts])


plugin.raw(InlineQueryHandler(offered))
plugin.raw(MessageHandler(~filters.TEXT & ~filters.StatusUpdate.ALL, received))


async def test_every_kind_of_message_reaches_the_bot(chat: Chat) -> None:
    """As Telegram would send it; data is made up where a test gives none."""
    await chat.send_voice(duration=3)
    await chat.send_video(caption="look")
    await chat.send_video_note()
    await chat.send_animation()
    await chat.send_audio(title="Song")
    await chat.send_sticker(PIXEL)
    await chat.send_dice(value=6)
    await chat.send_venue(55.75, 37.62, "Square", "Moscow")
    poll = await chat.send_poll("Tea?", ["Yes", "No"])
    kinds = ("voice", "video", "video_note", "animation", "audio", "sticker", "dice", "venue", "poll")
    assert chat.texts == [f"got {kind}" for kind in kinds]
    assert "Anna: <dice>" in chat.transcript()
    await chat.vote(poll, "Yes")
    forwarded = await chat.forward(poll)
    assert "poll" in forwarded.content


async def test_an_album_is_several_messages_of_one_group(chat: Chat) -> None:
    """Pictures as bytes, other files as pieces; the caption is the first one's."""
    sent = await chat.send_album([PIXEL, Piece("video", b"video")], caption="two")
    assert [message.text for message in sent] == ["two", ""]
    assert len({message.content["media_group_id"] for message in sent}) == 1
    assert sorted(chat.texts) == ["got photo of an album", "got video of an album"]


async def test_people_edit_delete_and_react(bot: BotKit, chat: Chat) -> None:
    """The bot hears of what Telegram tells bots."""
    sent = await chat.send("first")
    await chat.edit(sent, "second")
    assert sent.text == "second"
    await chat.react(sent, "👍")
    assert "message_reaction" not in [update.type for update in bot.telegram.world.updates.history]  # not asked for
    assert sent.reactions[chat.id] == [{"type": "emoji", "emoji": "👍"}]
    assert bot.telegram.world.updates.history[-1].type == "edited_message"
    await chat.delete(sent)
    assert sent not in chat.messages


async def test_groups_have_these_acts_too(bot: BotKit) -> None:
    """With the person first, and all of them from a seat."""
    anna, ben = bot.chat("Anna"), bot.chat("Ben")
    group = bot.group("Quiz", admins=[anna], members=[ben], topics=["Rules"], privacy=False)
    await group.send_album(ben, [PIXEL, PIXEL], topic="Rules")
    assert group.topic("Rules").texts == ["got photo of an album"] * 2
    sent = await group.send(ben, "first")
    await group.edit(ben, sent, "second")
    await group.react(anna, sent, "🔥")
    assert list(sent.reactions) == [anna.id]
    with pytest.raises(PageError, match="Anna did not write"):
        await group.edit(anna, sent, "third")
    await group.delete(anna, sent)
    assert sent not in group.messages
    await group.seat(ben).send_voice()
    assert group.last.text == "got voice"


async def test_inline_results_are_seen_and_chosen(bot: BotKit, chat: Chat) -> None:
    """Into the chat of the query or another one; what is not there is an error that lists what is."""
    group = bot.group("Quiz", members=[chat])
    results = await chat.inline("quiz")
    assert (len(results), results.titles) == (2, ["Quiz 1", "Quiz 2"])
    assert results[1]["id"] == "quiz 2"
    assert (await results.choose()).text == "quiz 1"
    assert "quiz 1" in [message.text for message in chat.messages]
    await results.choose("Quiz 2", chat=group)
    assert group.messages[-1].text == "quiz 2"
    with pytest.raises(LookupError, match=r"no result 'Quiz 3'; there are: \['Quiz 1', 'Quiz 2'\]"):
        await results.choose("Quiz 3")
    in_group = await chat.inline("tea", chat=group)
    assert in_group.asked.chat_type == "supergroup"
    with pytest.raises(LookupError, match="has not answered the inline query 'nothing'"):
        await chat.inline("nothing")


async def test_a_button_is_looked_for_in_the_topic_that_is_named(bot: BotKit, chat: Chat) -> None:
    """Another topic may have a newer one with the same text."""
    group = bot.group("Friends", admins=[chat], topics=["One", "Two"])
    for topic in ("One", "Two"):
        await group.send(chat, "/card", topic=topic)
    await group.tap(chat, "Press", topic="One")
    assert (group.topic("One").last.text, group.topic("Two").last.text) == ("pressed", "card")
    await group.topic("Two").tap(chat, "Press")
    assert group.topic("Two").last.text == "pressed"
