"""Inline mode: people ask from any chat, choose, press, and the bot edits what was sent through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram
from telegram import InlineKeyboardButton as Button
from telegram import InlineKeyboardMarkup as Keyboard
from telegram import InlineQueryResultArticle, InlineQueryResultCachedPhoto, InputTextMessageContent
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator, actions, acts_inline, membership
from astral_playground.telegram.errors import PageError
from astral_playground.telegram.groups import Group
from astral_playground.telegram.inline import InlineQuery
from astral_playground.telegram.records import User


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A group of Anna's with the bot, in privacy mode."""
    made = membership.add_group(tg.world, "Quiz", anna.user)
    membership.join(tg.world, made, tg.world.bot.id, anna.id)
    return made


@pytest.fixture
def ben(tg: TelegramEmulator) -> User:
    """Another person."""
    return tg.world.add_user("Ben")


def _payloads(tg: TelegramEmulator, kind: str) -> list[dict[str, Any]]:
    return [update.payload for update in tg.world.updates.history if update.type == kind]


BUTTONS = Keyboard([[Button("press", callback_data="p")]])


def _article(name: str, *, buttons: Keyboard | None = None) -> InlineQueryResultArticle:
    return InlineQueryResultArticle(name, name.title(), InputTextMessageContent(f"I am {name}"), reply_markup=buttons)


async def _ask(tg: TelegramEmulator, bot: telegram.Bot, user: User, **where: Any) -> InlineQuery:
    """A question, answered with an article with a button and one without."""
    asked, update = acts_inline.inline_query(tg.world, user, "quiz", **where)
    assert update is not None
    assert await bot.answer_inline_query(asked.id, [_article("tea", buttons=BUTTONS), _article("milk")])
    assert asked.titles == ["Tea", "Milk"]
    return asked


async def test_a_query_tells_where_it_is_asked(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, ben: User
) -> None:
    """chat_type is sender, private, supergroup or channel; a real client reads the update."""
    channel = membership.add_group(tg.world, "News", anna.user, kind="channel")
    for room in (None, ben, group, channel):
        acts_inline.inline_query(tg.world, anna.user, "q", room=room, at=(1.0, 2.0))
    found = [update.inline_query for update in await bot.get_updates(timeout=0) if update.inline_query]
    assert [query.chat_type for query in found] == ["sender", "private", "supergroup", "channel"]
    assert (found[0].query, found[0].from_user.id, found[0].location.latitude) == ("q", anna.id, 1.0)


async def test_a_chosen_result_is_sent_through_the_bot(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group
) -> None:
    """It is the person's message with via_bot, which the bot hears in spite of privacy; and of the choice."""
    asked = await _ask(tg, bot, anna.user, room=group)
    message, chosen = acts_inline.choose(tg.world, anna.user, asked, "Milk")
    assert chosen is not None
    assert chosen.payload == {"from": anna.user.to_dict(), "query": "quiz", "result_id": "milk"}
    heard = _payloads(tg, "message")[-1]
    assert (heard["text"], heard["from"]["id"], heard["via_bot"]["id"]) == ("I am milk", anna.id, bot.id)
    assert message.inline_message_id == ""


async def test_buttons_and_edits_of_an_inline_message(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, ben: User
) -> None:
    """A press carries inline_message_id and no message; the bot edits by that id and gets True."""
    membership.join(tg.world, group, ben.id)
    asked = await _ask(tg, bot, anna.user, room=group)
    message, chosen = acts_inline.choose(tg.world, anna.user, asked, 0)
    assert chosen is not None
    name = chosen.payload["inline_message_id"]
    query, update = actions.press(tg.world, ben, message, "p")
    assert update is not None
    assert update.payload["inline_message_id"] == name
    assert "message" not in update.payload
    assert await bot.answer_callback_query(query.id, "ok")
    assert await bot.edit_message_text("edited", inline_message_id=name, reply_markup=BUTTONS) is True
    assert tg.world.messages[group.id][message.message_id].text == "edited"
    assert await bot.edit_message_reply_markup(inline_message_id=name) is True
    assert message.buttons == []
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_reply_markup(inline_message_id=name)
    with pytest.raises(BadRequest, match="Message_id_invalid"):
        await bot.edit_message_text("x", inline_message_id="nobody's")


async def test_a_chat_that_the_bot_cannot_see(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, ben: User
) -> None:
    """Between two people the bot has only the message's name; it hears of no message, and may edit it."""
    asked = await _ask(tg, bot, anna.user, room=ben)
    before = len(_payloads(tg, "message"))
    message, chosen = acts_inline.choose(tg.world, anna.user, asked, "tea")
    assert chosen is not None
    assert len(_payloads(tg, "message")) == before
    assert tg.world.messages[ben.id] == {}
    actions.press(tg.world, ben, message, "p")
    assert _payloads(tg, "callback_query")[-1]["inline_message_id"] == chosen.payload["inline_message_id"]
    assert await bot.edit_message_text("x", inline_message_id=message.inline_message_id) is True
    assert message.text == "x"


async def test_what_a_person_may_not_choose(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, ben: User
) -> None:
    """Nothing before the answer, no result that is not there, and nothing where bots' results are not allowed."""
    asked, _ = acts_inline.inline_query(tg.world, anna.user, "q")
    with pytest.raises(PageError, match="not answered"):
        acts_inline.choose(tg.world, anna.user, asked)
    asked = await _ask(tg, bot, anna.user)
    for wrong in (2, "coffee"):
        with pytest.raises(PageError, match="result"):
            acts_inline.choose(tg.world, anna.user, asked, wrong)
    membership.join(tg.world, group, ben.id)
    group.permissions = frozenset({"can_send_messages"})
    asked = await _ask(tg, bot, ben, room=group)
    with pytest.raises(PageError, match="through bots"):
        acts_inline.choose(tg.world, ben, asked)
    tg.world.bot.inline_feedback = False
    asked = await _ask(tg, bot, anna.user)
    assert acts_inline.choose(tg.world, anna.user, asked)[1] is None
    tg.world.bot.inline = False
    with pytest.raises(PageError, match="no inline mode"):
        acts_inline.inline_query(tg.world, anna.user, "q")


async def test_answers_come_in_time(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock
) -> None:
    """A query waits for 30 seconds and takes one answer."""
    asked, _ = acts_inline.inline_query(frozen.world, olga.user, "q")
    assert await frozen_bot.answer_inline_query(
        asked.id, [], button=telegram.InlineQueryResultsButton("go", None, "s")
    )
    assert asked.button == {"text": "go", "start_parameter": "s"}
    late, _ = acts_inline.inline_query(frozen.world, olga.user, "q")
    clock.advance(31)
    for number in (asked.id, late.id, "nobody's"):
        with pytest.raises(BadRequest, match="Query is too old"):
            await frozen_bot.answer_inline_query(number, [])


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({}, "expected an Array of inline query results"),
        ([{"type": "article", "id": "1"}] * 51, "too many inline query results specified"),
        ([5], "can't parse inline query result: Inline query result must be an object"),
        ([{"id": "1"}], "can't parse inline query result: Can't find field \"type\""),
        ([{"type": "hologram", "id": "1"}], 'type "hologram" is unsupported for the inline query result'),
        ([{"type": "article", "id": "1", "title": "t"}], 'Can\'t find field "message_text"'),
        ([{"type": "photo", "id": "1"}], 'Can\'t find field "photo_file_id"'),
        ([{"type": "photo", "id": "1", "photo_file_id": "x"}], "wrong file identifier/HTTP URL specified"),
        (
            [{"type": "article", "id": "1", "title": "t", "input_message_content": {}}],
            "Input message content is not specified",
        ),
        (
            [{"type": "article", "id": "1", "title": "t", "input_message_content": {"message_text": "x"}}] * 2,
            "RESULT_ID_DUPLICATE",
        ),
        (
            [{"type": "article", "id": "x" * 65, "title": "t", "input_message_content": {"message_text": "x"}}],
            "RESULT_ID_INVALID",
        ),
    ],
)
async def test_refused_answers(
    tg: TelegramEmulator, anna: EmulatedUser, call: Callable[..., Any], results: object, words: str
) -> None:
    """A wrong result is refused in the real server's words, and the query still waits."""
    asked, _ = acts_inline.inline_query(tg.world, anna.user, "q")
    status, answer = await call("answerInlineQuery", inline_query_id=asked.id, results=results)
    assert status == 400
    assert words in answer["description"]
    assert not asked.answered


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({"type": "photo", "photo_url": "https://example.org/a.jpg", "thumbnail_url": "https://e.org/b"}, "photo"),
        ({"type": "gif", "gif_url": "https://example.org/a.gif", "thumbnail_url": "https://e.org/b"}, "animation"),
        (
            {"type": "video", "title": "v", "video_url": "https://example.org/a.mp4", "mime_type": "video/mp4",
             "thumbnail_url": "https://e.org/b", "video_duration": 5},
            "video",
        ),
        ({"type": "location", "title": "l", "latitude": 1, "longitude": 2}, "location"),
        ({"type": "venue", "title": "v", "latitude": 1, "longitude": 2, "address": "a"}, "venue"),
        ({"type": "contact", "phone_number": "+1", "first_name": "C"}, "contact"),
        ({"type": "game", "game_short_name": "chess"}, "game"),
    ],
)  # fmt: skip
async def test_each_kind_of_result_is_sent(
    tg: TelegramEmulator, anna: EmulatedUser, call: Callable[..., Any], result: dict[str, Any], kind: str
) -> None:
    """Results other than articles send their own content; what stands at an address is a stand-in."""
    asked, _ = acts_inline.inline_query(tg.world, anna.user, "q")
    status, answer = await call("answerInlineQuery", inline_query_id=asked.id, results=[{"id": "1", **result}])
    assert (status, answer.get("description")) == (200, None)
    message, _ = acts_inline.choose(tg.world, anna.user, asked)
    assert kind in message.content
    assert telegram.Message.de_json(tg.world.message_json(message), None).via_bot is not None


async def test_a_cached_photo(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, png: Callable[[int, int], bytes]
) -> None:
    """A result by file_id sends that very file with its caption."""
    sent = await bot.send_photo(anna.id, png(8, 8))
    asked, _ = acts_inline.inline_query(tg.world, anna.user, "q")
    cached = InlineQueryResultCachedPhoto("1", sent.photo[-1].file_id, caption="<b>b</b>", parse_mode="HTML")
    await bot.answer_inline_query(asked.id, [cached])
    message, _ = acts_inline.choose(tg.world, anna.user, asked)
    assert message.content["photo"][-1]["file_unique_id"] == sent.photo[-1].file_unique_id
    assert message.text == "b"


async def test_prepared_messages_and_web_apps(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, ben: User
) -> None:
    """A prepared message goes where it may; a web app's query is answered once."""
    prepared = await bot.save_prepared_inline_message(anna.id, _article("tea"), allow_group_chats=True)
    message = acts_inline.send_prepared(tg.world, anna.user, prepared.id, room=group)
    assert message.chat_id == group.id
    with pytest.raises(PageError, match="may not be sent"):
        acts_inline.send_prepared(tg.world, anna.user, prepared.id)
    with pytest.raises(PageError, match="no prepared message"):
        acts_inline.send_prepared(tg.world, ben, prepared.id)
    number = acts_inline.open_web_app(tg.world, anna.user)
    sent = await bot.answer_web_app_query(number, _article("milk"))
    assert sent.inline_message_id
    assert anna.messages[-1].text == "I am milk"
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_web_app_query(number, _article("milk"))


async def test_buttons_below_the_chat(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, ben: User
) -> None:
    """Buttons write their text, share a contact or a place, or ask for people, chats and web apps."""
    keyboard = telegram.ReplyKeyboardMarkup(
        [
            ["yes", telegram.KeyboardButton("me", request_contact=True)],
            [telegram.KeyboardButton("here", request_location=True)],
            [telegram.KeyboardButton("who", request_users=telegram.KeyboardButtonRequestUsers(5, request_name=True))],
            [telegram.KeyboardButton("where", request_chat=telegram.KeyboardButtonRequestChat(6, False))],
            [telegram.KeyboardButton("app", web_app=telegram.WebAppInfo("https://example.org"))],
        ]
    )
    await bot.send_message(anna.id, "?", reply_markup=keyboard)
    world, user = tg.world, anna.user
    assert acts_inline.tap_keyboard(world, user, "yes")[0].text == "yes"
    assert acts_inline.tap_keyboard(world, user, "me")[0].content["contact"]["user_id"] == anna.id
    assert acts_inline.tap_keyboard(world, user, "here", at=(1, 2))[0].content["location"]["longitude"] == 2
    with pytest.raises(PageError, match="asks for request_users"):
        acts_inline.tap_keyboard(world, user, "who")
    with pytest.raises(PageError, match="no button 'no'"):
        acts_inline.tap_keyboard(world, user, "no")
    acts_inline.share_users(world, user, "who", [ben])
    acts_inline.share_chat(world, user, "where", group)
    acts_inline.send_web_app_data(world, user, "app", "data")
    found = [update.message for update in await bot.get_updates(timeout=0) if update.message][-3:]
    assert (found[0].users_shared.request_id, found[0].users_shared.users[0].first_name) == (5, "Ben")
    assert (found[1].chat_shared.request_id, found[1].chat_shared.chat_id) == (6, group.id)
    assert (found[2].web_app_data.data, found[2].web_app_data.button_text) == ("data", "app")
    channel = membership.add_group(world, "News", user, kind="channel")
    with pytest.raises(PageError, match="chat_is_channel"):
        acts_inline.share_chat(world, user, "where", channel)
    with pytest.raises(PageError, match="1 to 1 people"):
        acts_inline.share_users(world, user, "who", [ben, user])
