"""Messages through the real client: sending, editing, deleting, and Telegram's words for mistakes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, InvalidToken

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator


async def test_get_me_is_a_bot(bot: telegram.Bot) -> None:
    """getMe gives a bot with the id of the token, so that the client can start."""
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.username) == (42, True, "playground_bot")


async def test_send_message_reaches_the_person(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A sent text comes back as a message with a growing id and appears in the person's chat."""
    first = await bot.send_message(anna.id, "Привет")
    second = await bot.send_message(anna.id, "Как дела?")
    assert second.message_id == first.message_id + 1
    assert first.chat.type == "private"
    assert first.chat.first_name == "Анна"
    assert first.from_user is not None
    assert first.from_user.is_bot
    assert [message.text for message in anna.messages] == ["/start", "Привет", "Как дела?"]
    assert anna.last.text == "Как дела?"


async def test_date_is_the_worlds_clock(frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock) -> None:
    """Dates are whole seconds of the injected clock."""
    message = await frozen_bot.send_message(olga.id, "x")
    assert message.date == datetime.fromtimestamp(clock.time(), tz=UTC)


async def test_html_becomes_entities(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """parse_mode HTML gives the plain text with entities, offsets in UTF-16 units."""
    message = await bot.send_message(anna.id, "🌟 <b>Солнце</b> в <i>Овне</i>", parse_mode=ParseMode.HTML)
    assert message.text == "🌟 Солнце в Овне"
    assert [(e.type, e.offset, e.length) for e in message.entities] == [("bold", 3, 6), ("italic", 12, 4)]
    assert message.parse_entities() == {message.entities[0]: "Солнце", message.entities[1]: "Овне"}


async def test_markdown_v2(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """parse_mode MarkdownV2 works too."""
    message = await bot.send_message(anna.id, r"*жирно* и \(скобки\)", parse_mode=ParseMode.MARKDOWN_V2)
    assert message.text == "жирно и (скобки)"
    assert message.entities[0].type == "bold"


async def test_explicit_entities(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Entities may be given instead of a parse mode."""
    entity = telegram.MessageEntity("text_link", 0, 4, url="https://example.org/")
    message = await bot.send_message(anna.id, "сайт", entities=[entity])
    assert message.entities[0].url == "https://example.org/"


async def test_mention_of_a_known_user(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """tg://user?id= of a person whom the bot knows becomes a mention, of a stranger it loses its entity."""
    known = await bot.send_message(anna.id, f'<a href="tg://user?id={anna.id}">ты</a>', parse_mode="HTML")
    assert known.entities[0].user is not None
    assert known.entities[0].user.id == anna.id
    unknown = await bot.send_message(anna.id, '<a href="tg://user?id=987654">кто</a>', parse_mode="HTML")
    assert unknown.entities == ()


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "Message text is empty"),
        ("   ", {}, "Text must be non-empty"),
        ("<b></b>", {"parse_mode": "HTML"}, "Text must be non-empty"),
        ("я" * 4097, {}, "Message is too long"),
        ("🌟" * 2049, {}, "Message is too long"),
        ("я" * 16385, {}, "Text is too long"),
        ("<b>x", {"parse_mode": "HTML"}, "Can't parse entities: can't find end tag corresponding to start tag \"b\""),
        ("a.b", {"parse_mode": "MarkdownV2"}, "Can't parse entities: character '.' is reserved and must be escaped"),
        ("x", {"parse_mode": "BBCode"}, "Unsupported parse_mode"),
        ("x", {"reply_to_message_id": 999}, "Message to be replied not found"),
    ],
)
async def test_refused_texts(
    bot: telegram.Bot, anna: EmulatedUser, text: str, options: dict[str, Any], words: str
) -> None:
    """Bad texts are refused in Telegram's words, and nothing is sent."""
    with pytest.raises(BadRequest) as error:
        await bot.send_message(anna.id, text, **options)
    assert words.lower() in error.value.message.lower()
    assert len(anna.messages) == 1


@pytest.mark.parametrize("text", ["я" * 4096, "🌟" * 2048, "<b>" + "я" * 4096 + "</b>"])
async def test_the_longest_text(bot: telegram.Bot, anna: EmulatedUser, text: str) -> None:
    """4096 UTF-16 units pass, counted after the markup is gone."""
    message = await bot.send_message(anna.id, text, parse_mode="HTML")
    assert message.text is not None
    assert len(message.text.encode("utf-16-le")) == 8192


@pytest.mark.parametrize("chat_id", [999, 1, -100123, "@durov", "abc"])
async def test_unknown_chat(bot: telegram.Bot, anna: EmulatedUser, chat_id: int | str) -> None:
    """A chat that does not exist is `chat not found`."""
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(chat_id, "x")


async def test_person_who_never_wrote(tg: TelegramEmulator, bot: telegram.Bot) -> None:
    """A bot cannot write first."""
    stranger = tg.user("Чужой")
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(stranger.id, "x")
    await stranger.send("/start")
    assert await bot.send_message(stranger.id, "x")


async def test_blocked(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A person who blocked the bot gets nothing: 403; after unblocking it works again."""
    await anna.block()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(anna.id, "x")
    await anna.unblock()
    assert await bot.send_message(anna.id, "x")


async def test_wrong_token(tg: TelegramEmulator, new_bot: Callable[..., telegram.Bot]) -> None:
    """Another token is 401."""
    with pytest.raises(InvalidToken):
        async with new_bot(tg, "43:OTHER"):
            pass


async def test_reply(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A reply carries the message that it answers; a missing one is forgiven on demand."""
    start = anna.messages[0]
    reply = await bot.send_message(anna.id, "да", reply_parameters=telegram.ReplyParameters(start.message_id))
    assert reply.reply_to_message is not None
    assert reply.reply_to_message.text == "/start"
    forgiven = await bot.send_message(
        anna.id, "да", reply_parameters=telegram.ReplyParameters(999, allow_sending_without_reply=True)
    )
    assert forgiven.reply_to_message is None


async def test_edit_text_keeps_history(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """An edit changes text and buttons in place; the former version is kept for the page."""
    keyboard = Keyboard([[Button("Да", callback_data="yes")]])
    sent = await bot.send_message(anna.id, "раз", reply_markup=keyboard)
    edited = await bot.edit_message_text("два", anna.id, sent.message_id)
    assert isinstance(edited, telegram.Message)
    assert (edited.text, edited.reply_markup) == ("два", None)
    assert edited.edit_date is not None
    assert [version.content["text"] for version in anna.last.history] == ["раз"]
    assert anna.last.buttons == []


async def test_not_modified(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """An edit that changes nothing is refused with Telegram's sentence."""
    keyboard = Keyboard([[Button("Да", callback_data="yes")]])
    sent = await bot.send_message(anna.id, "раз", reply_markup=keyboard)
    with pytest.raises(BadRequest) as error:
        await bot.edit_message_text("раз", anna.id, sent.message_id, reply_markup=keyboard)
    assert error.value.message == (
        "Message is not modified: specified new message content and reply markup are exactly the same as a current "
        "content and reply markup of the message"
    )
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_reply_markup(anna.id, sent.message_id, reply_markup=keyboard)
    assert anna.last.history == []


async def test_edit_errors(bot: telegram.Bot, anna: EmulatedUser, png: Callable[[int, int], bytes]) -> None:
    """Messages that are not there, not the bot's or of another kind cannot be edited."""
    start = anna.messages[0]
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", anna.id, 999)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", anna.id, start.message_id)
    with pytest.raises(BadRequest, match="Message identifier is not specified"):
        await bot.edit_message_text("x", anna.id)
    photo = await bot.send_photo(anna.id, png(4, 4))
    with pytest.raises(BadRequest, match="There is no text in the message to edit"):
        await bot.edit_message_text("x", anna.id, photo.message_id)
    text = await bot.send_message(anna.id, "x")
    with pytest.raises(BadRequest, match="There is no caption in the message to edit"):
        await bot.edit_message_caption(anna.id, text.message_id, caption="y")
    await anna.block()
    with pytest.raises(Forbidden):
        await bot.edit_message_text("z", anna.id, text.message_id)


async def test_edit_reply_markup(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Buttons can be changed and taken away without touching the text."""
    sent = await bot.send_message(anna.id, "x", reply_markup=Keyboard([[Button("a", callback_data="1")]]))
    await bot.edit_message_reply_markup(
        anna.id, sent.message_id, reply_markup=Keyboard([[Button("b", callback_data="2")]])
    )
    assert (anna.last.text, anna.last.buttons) == ("x", ["b"])
    await bot.edit_message_reply_markup(anna.id, sent.message_id)
    assert anna.last.buttons == []


async def test_delete(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """The bot deletes its own and the person's messages; what is gone cannot be deleted again."""
    sent = await bot.send_message(anna.id, "x")
    assert await bot.delete_message(anna.id, sent.message_id)
    assert await bot.delete_message(anna.id, anna.messages[0].message_id)
    assert anna.messages == []
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(anna.id, sent.message_id)


async def test_delete_within_48_hours(frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock) -> None:
    """After 48 hours a message stays."""
    sent = await frozen_bot.send_message(olga.id, "x")
    clock.advance(48 * 3600 - 1)
    other = await frozen_bot.send_message(olga.id, "y")
    clock.advance(1)
    with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
        await frozen_bot.delete_message(olga.id, sent.message_id)
    assert await frozen_bot.delete_message(olga.id, other.message_id)


async def test_delete_messages(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """Several messages go at once; those that are not there are passed over; at most 100 ids."""
    ids = [(await bot.send_message(anna.id, str(number))).message_id for number in range(3)]
    assert await bot.delete_messages(anna.id, [*ids, 999])
    assert len(anna.messages) == 1
    with pytest.raises(BadRequest, match="Too many message identifiers"):
        await bot.delete_messages(anna.id, list(range(1, 102)))
    with pytest.raises(BadRequest, match="Message identifiers are not specified"):
        await bot.delete_messages(anna.id, [])


async def test_chat_action(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """`typing` is shown, an unknown action is refused."""
    seen: list[dict[str, Any]] = []
    tg.world.listen(lambda name, data: seen.append(data) if name == "typing" else None)
    assert await bot.send_chat_action(anna.id, "typing")
    assert seen == [{"user_id": anna.id, "action": "typing"}]
    with pytest.raises(BadRequest, match="Wrong parameter action in request"):
        await bot.send_chat_action(anna.id, "dancing")


async def test_location_and_contact(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A place and a phone number arrive as such; impossible places are refused."""
    place = await bot.send_location(anna.id, 55.75, 37.62)
    assert place.location is not None
    assert (place.location.latitude, place.location.longitude) == (55.75, 37.62)
    contact = await bot.send_contact(anna.id, "+79990000000", "Иван", last_name="Петров")
    assert contact.contact is not None
    assert contact.contact.last_name == "Петров"
    with pytest.raises(BadRequest, match="latitude"):
        await bot.send_location(anna.id, 91, 0)


async def test_what_a_person_writes_is_marked_up(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A person's text has the entities of its commands and links, which command handlers need."""
    await anna.send("/natal@playground_bot 1990 см. https://example.org/a и #тег @durov me@example.org")
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    found = update.message.parse_entities()
    assert {(entity.type, text) for entity, text in found.items()} == {
        ("bot_command", "/natal@playground_bot"),
        ("url", "https://example.org/a"),
        ("hashtag", "#тег"),
        ("mention", "@durov"),
        ("email", "me@example.org"),
    }
