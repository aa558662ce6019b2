"""What the bot sends besides texts, photos and documents: options, rights, replies, edits, live locations, albums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator, acts_media, api, membership
from astral_playground.telegram.errors import ApiError
from astral_playground.telegram.groups import Group, Member, Topic
from astral_playground.telegram.params import Params

WEBP = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (511).to_bytes(3, "little") + (511).to_bytes(3, "little")
Png = Callable[[int, int], bytes]


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A forum of Anna's with the bot as a member."""
    made = membership.add_group(tg.world, "Hall", anna.user, forum=True)
    membership.join(tg.world, made, tg.world.bot.id, anna.id)
    made.topics[77] = Topic(77, "Questions")
    return made


async def test_options_of_files(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Sides, durations, titles, thumbnails and covers come back as they were given."""
    video = await bot.send_video(
        anna.id, b"v", duration=3, width=640, height=360, thumbnail=png(90, 50), cover=png(640, 360),
        start_timestamp=1, has_spoiler=True, supports_streaming=True, caption="c", show_caption_above_media=True,
    )  # fmt: skip
    found = video.video.to_dict()
    assert (found["duration"], found["width"], found["thumbnail"]["width"]) == (3, 640, 90)
    assert (len(found["cover"]), found["start_timestamp"]) == (3, 1)
    assert (video.has_media_spoiler, video.show_caption_above_media) == (True, True)
    audio = await bot.send_audio(anna.id, b"a", title="Aria", performer="Bach", filename="aria.mp3")
    assert (audio.audio.title, audio.audio.performer, audio.audio.file_name) == ("Aria", "Bach", "aria.mp3")
    animation = await bot.send_animation(anna.id, b"gif", filename="a.gif")
    assert animation.animation.file_id == animation.document.file_id
    note = await bot.send_video_note(anna.id, b"n", length=240)
    assert note.video_note.length == 240
    sticker = await bot.send_sticker(anna.id, WEBP, emoji="😺")
    assert (sticker.sticker.width, sticker.sticker.emoji) == (512, "😺")
    again = await bot.send_sticker(anna.id, sticker.sticker.file_id)
    assert again.sticker == sticker.sticker
    with pytest.raises(BadRequest, match="Sticker_file_invalid"):
        await bot.send_sticker(anna.id, b"text")
    live = await tg_call(tg, "sendVoice", chat_id=anna.id)
    assert live == "Bad Request: there is no voice in the request"


async def tg_call(tg: TelegramEmulator, method: str, **params: Any) -> str:
    """The description of a refused call."""
    given = Params()
    given.add_json(params)
    with pytest.raises(ApiError) as refused:
        await api.call(tg.world, method, given)
    return refused.value.description


@pytest.mark.parametrize(
    ("send", "words"),
    [
        (lambda b, c: b.send_message(c, "x"), "text messages"),
        (lambda b, c: b.send_voice(c, b"x"), "voice notes"),
        (lambda b, c: b.send_video(c, b"x"), "videos"),
        (lambda b, c: b.send_animation(c, b"x"), "animations"),
        (lambda b, c: b.send_audio(c, b"x"), "music"),
        (lambda b, c: b.send_document(c, b"x"), "documents"),
        (lambda b, c: b.send_video_note(c, b"x"), "video notes"),
        (lambda b, c: b.send_sticker(c, WEBP), "stickers"),
        (lambda b, c: b.send_dice(c), "dice"),
        (lambda b, c: b.send_poll(c, "?", ["a", "b"]), "polls"),
        (lambda b, c: b.send_contact(c, "+1", "C"), "contacts"),
        (lambda b, c: b.send_venue(c, 1, 2, "t", "a"), "venues"),
        (lambda b, c: b.send_location(c, 1, 2), "locations"),
        (lambda b, c: b.send_location(c, 1, 2, live_period=60), "live locations"),
        (
            lambda b, c: b.send_invoice(c, "t", "d", "p", "XTR", [telegram.LabeledPrice("l", 1)], ""),
            "invoice messages",
        ),
        (lambda b, c: b.send_media_group(c, [telegram.InputMediaVideo(b"x")] * 2), "videos"),
    ],
)
async def test_a_restricted_bot(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group, send: Callable[..., Any], words: str
) -> None:
    """Each kind needs its own permission, and is refused in TDLib's words; with all of them it is sent."""
    group.put(Member(bot.id, "restricted", frozenset()))
    with pytest.raises(BadRequest, match=f"Not enough rights to send {words} to the chat"):
        await send(bot, group.id)
    membership.promote(tg.world, group, bot.id, anna.id)
    assert await send(bot, group.id)


async def test_replies(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group) -> None:
    """An answer stays in the topic of what it answers; from another chat or topic it is an external reply."""
    asked, _ = acts_media.send_dice(tg.world, anna.user, room=group, thread=77)
    sent = await bot.send_message(group.id, "x", reply_to_message_id=asked.message_id)
    assert (sent.message_thread_id, sent.reply_to_message.message_id) == (77, asked.message_id)
    params = telegram.ReplyParameters(asked.message_id, chat_id=group.id)
    other = await bot.send_message(anna.id, "y", reply_parameters=params)
    assert other.reply_to_message is None
    assert other.external_reply.chat.id == group.id
    assert other.external_reply.dice.emoji == "🎲"
    text = await anna.send("tea or coffee or tea")
    quoted = await bot.send_message(
        anna.id, "z", reply_parameters=telegram.ReplyParameters(text.message_id, quote="tea", quote_position=16)
    )
    assert (quoted.quote.text, quoted.quote.position) == ("tea", 17)
    with pytest.raises(BadRequest, match="Quote_text_invalid"):
        await bot.send_message(anna.id, "z", reply_parameters=telegram.ReplyParameters(text.message_id, quote="milk"))
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await bot.send_message(anna.id, "z", reply_parameters=telegram.ReplyParameters(999, chat_id=group.id))


async def test_edit_media_of_all_kinds(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Any of the kinds takes the place of any other; in an album only its own."""
    sent = await bot.send_photo(anna.id, png(4, 4))
    for media, kind in (
        (telegram.InputMediaVideo(b"v", duration=4, width=5, height=6), "video"),
        (telegram.InputMediaAnimation(b"a"), "animation"),
        (telegram.InputMediaAudio(b"a", title="t"), "audio"),
        (telegram.InputMediaDocument(b"d"), "document"),
    ):
        edited = await bot.edit_message_media(media, anna.id, sent.message_id)
        assert getattr(edited, kind)
    album = await bot.send_media_group(anna.id, [telegram.InputMediaPhoto(png(4, 4)), telegram.InputMediaVideo(b"v")])
    for media, words in (
        (telegram.InputMediaAnimation(b"a"), "Message content type can't be used in an album"),
        (telegram.InputMediaAudio(b"a"), "Can't change media type in the album"),
    ):
        with pytest.raises(BadRequest, match=words):
            await bot.edit_message_media(media, anna.id, album[0].message_id)
    edited = await bot.edit_message_media(telegram.InputMediaVideo(b"v"), anna.id, album[0].message_id)
    assert edited.media_group_id == album[0].media_group_id
    dice = await bot.send_dice(anna.id)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_media(telegram.InputMediaAudio(b"a"), anna.id, dice.message_id)


async def test_live_locations(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock
) -> None:
    """A live location moves until its time is over or it is stopped."""
    bot = frozen_bot
    sent = await bot.send_location(olga.id, 1, 2, live_period=60, heading=90)
    assert (sent.location.heading, sent.location.to_dict()["live_period"]) == (90, 60)
    moved = await bot.edit_message_live_location(olga.id, sent.message_id, latitude=3, longitude=4)
    assert (moved.location.latitude, moved.location.to_dict()["live_period"]) == (3, 60)
    stopped = await bot.stop_message_live_location(olga.id, sent.message_id)
    assert "live_period" not in stopped.location.to_dict()
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.stop_message_live_location(olga.id, sent.message_id)
    late = await bot.send_location(olga.id, 1, 2, live_period=60)
    still = await bot.send_location(olga.id, 1, 2)
    clock.advance(60)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_live_location(olga.id, late.message_id, latitude=3, longitude=4)
    with pytest.raises(BadRequest, match="There is no live location in the message to edit"):
        await bot.edit_message_live_location(olga.id, still.message_id, latitude=3, longitude=4)


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("sendLocation", {"live_period": 59}, "wrong live location period specified"),
        ("sendLocation", {"live_period": 60, "heading": 361}, "wrong live location heading specified"),
        (
            "sendLocation",
            {"live_period": 60, "proximity_alert_radius": 100_001},
            "wrong live location proximity alert radius specified",
        ),
        ("sendVenue", {"title": " ", "address": "a"}, "MEDIA_INVALID"),
        ("sendDice", {"emoji": "🙂"}, "EMOTICON_INVALID"),
        ("sendPaidMedia", {"star_count": 1, "media": []}, "paid media must be non-empty"),
        ("sendPaidMedia", {"star_count": 1}, 'parameter "media" is required'),
        (
            "sendPaidMedia",
            {"star_count": 1, "media": [{"type": "audio", "media": "x"}]},
            'can\'t parse InputPaidMedia: type "audio" is unsupported',
        ),
        ("sendMessageDraft", {"text": "x"}, "RANDOM_ID_INVALID"),
        ("sendRichMessage", {"rich_message": []}, "object expected as rich message"),
        ("sendRichMessage", {"rich_message": {"html": " "}}, "rich message must be non-empty"),
        ("sendRichMessage", {"rich_message": {}}, "rich message must be non-empty"),
        ("sendMessage", {"text": "x", "link_preview_options": []}, "object expected as link preview options"),
        (
            "sendMediaGroup",
            {"media": [{"type": "animation", "media": "x"}]},
            "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
        ),
        (
            "sendMediaGroup",
            {"media": [{"type": "live_photo", "media": "x"}]},
            "can't parse InputMedia: photo not found",
        ),
    ],
)
async def test_refused_kinds(
    tg: TelegramEmulator, anna: EmulatedUser, method: str, params: dict[str, Any], words: str
) -> None:
    """What cannot be sent is refused in the real server's words."""
    given = {"chat_id": anna.id, "latitude": 1, "longitude": 2, **params}
    assert await tg_call(tg, method, **given) == f"Bad Request: {words}"
    assert len(anna.messages) == 1


async def test_paid_media(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Photos and videos for Stars."""
    media = [telegram.InputPaidMediaPhoto(png(4, 4)), telegram.InputPaidMediaVideo(b"v", duration=2)]
    sent = await bot.send_paid_media(anna.id, 5, media, caption="look")
    assert sent.paid_media is not None
    assert (sent.paid_media.star_count, [one.type for one in sent.paid_media.paid_media]) == (5, ["photo", "video"])
    assert sent.caption == "look"


async def test_rich_messages_and_drafts(tg: TelegramEmulator, anna: EmulatedUser, call: Callable[..., Any]) -> None:
    """Paragraphs stand where the empty lines were; a draft is shown and not kept."""
    shown: list[tuple[str, dict[str, Any]]] = []
    tg.world.listen(lambda name, data: shown.append((name, data)))
    _, answer = await call("sendRichMessage", chat_id=anna.id, rich_message={"html": "<b>a</b>\n\nb"})
    assert [block["text"] for block in answer["result"]["rich_message"]["blocks"]] == ["a", "b"]
    edit = {"chat_id": anna.id, "message_id": answer["result"]["message_id"], "rich_message": {"markdown": "c"}}
    _, answer = await call("editMessageText", **edit)
    assert answer["result"]["rich_message"]["blocks"] == [{"type": "paragraph", "text": "c"}]
    before = len(anna.messages)
    await call("sendMessageDraft", chat_id=anna.id, draft_id=7, text="<b>h</b>", parse_mode="HTML")
    assert [data["text"] for name, data in shown if name == "draft"] == ["h"]
    assert len(anna.messages) == before


async def test_deletions_by_rights(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group) -> None:
    """A member deletes its own messages; others' need can_delete_messages."""
    own = await bot.send_message(group.id, "x")
    said, _ = acts_media.send_dice(tg.world, anna.user, room=group)
    assert await bot.delete_message(group.id, own.message_id)
    for ids in ([said.message_id], [said.message_id, 999]):
        with pytest.raises(BadRequest, match="Message can't be deleted"):
            await bot.delete_messages(group.id, ids)
    membership.promote(tg.world, group, bot.id, anna.id, rights=frozenset({"can_delete_messages"}))
    assert await bot.delete_messages(group.id, [said.message_id])
    basic = membership.add_group(tg.world, "Small", anna.user, kind="group")
    membership.join(tg.world, basic, bot.id, anna.id)
    said, _ = acts_media.send_dice(tg.world, anna.user, room=basic)
    with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
        await bot.delete_message(basic.id, said.message_id)


async def test_dice_stay_a_day(
    frozen: TelegramEmulator, frozen_bot: telegram.Bot, olga: EmulatedUser, clock: ManualClock
) -> None:
    """In a private chat a die can be deleted after 24 hours only."""
    dice = await frozen_bot.send_dice(olga.id)
    with pytest.raises(BadRequest, match="Message can't be deleted for everyone"):
        await frozen_bot.delete_message(olga.id, dice.message_id)
    clock.advance(24 * 3600)
    assert await frozen_bot.delete_message(olga.id, dice.message_id)


async def test_posts_of_others_in_a_channel(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser) -> None:
    """With can_edit_messages the bot edits what people post."""
    channel = membership.add_group(tg.world, "News", anna.user, kind="channel")
    membership.promote(tg.world, channel, bot.id, anna.id, rights=frozenset({"can_post_messages"}))
    post, _ = acts_media.send_video(tg.world, anna.user, room=channel, caption="old")
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_caption(channel.id, post.message_id, caption="new")
    membership.promote(tg.world, channel, bot.id, anna.id)
    await bot.edit_message_caption(channel.id, post.message_id, caption="new")
    assert post.text == "new"
    own = await bot.send_message(channel.id, "post")
    assert own.sender_chat.id == channel.id
