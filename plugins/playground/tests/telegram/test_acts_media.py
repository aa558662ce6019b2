"""What people send into private chats, groups, topics and channels, and what the bot hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import telegram

from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator, actions, acts_media, membership
from astral_playground.telegram.acts_media import Piece
from astral_playground.telegram.errors import PageError
from astral_playground.telegram.groups import Group, Member, Topic
from astral_playground.telegram.records import Message, User
from astral_playground.telegram.state import World

WEBP = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (511).to_bytes(3, "little") + (300).to_bytes(3, "little")
TGS, WEBM = b"\x1f\x8b\x08", b"\x1a\x45\xdf\xa3"
Act = Callable[[World, User], tuple[Message, Any]]


@pytest.fixture
def group(tg: TelegramEmulator, anna: EmulatedUser) -> Group:
    """A forum of Anna's; the bot hears everything in it."""
    made = membership.add_group(tg.world, "Hall", anna.user, forum=True)
    membership.join(tg.world, made, tg.world.bot.id, anna.id)
    made.topics[77] = Topic(77, "Questions")
    tg.world.bot.privacy = False
    return made


def _last(tg: TelegramEmulator) -> Any:
    update = tg.world.updates.history[-1]
    return telegram.Update.de_json(update.to_dict(), None)


@pytest.mark.parametrize(
    ("act", "kind", "facts"),
    [
        (lambda w, u: acts_media.send_voice(w, u, duration=4), "voice", {"duration": 4, "mime_type": "audio/ogg"}),
        (lambda w, u: acts_media.send_video(w, u, width=320, duration=9), "video", {"width": 320, "duration": 9}),
        (lambda w, u: acts_media.send_video_note(w, u, length=240), "video_note", {"length": 240}),
        (lambda w, u: acts_media.send_animation(w, u, caption="ha"), "animation", {"width": 320}),
        (
            lambda w, u: acts_media.send_audio(w, u, title="Aria", performer="Bach"),
            "audio",
            {"title": "Aria", "performer": "Bach"},
        ),
        (
            lambda w, u: acts_media.send_sticker(w, u, WEBP, emoji="😺"),
            "sticker",
            {"width": 512, "height": 301, "emoji": "😺", "is_animated": False, "is_video": False},
        ),
        (lambda w, u: acts_media.send_sticker(w, u, TGS), "sticker", {"is_animated": True}),
        (lambda w, u: acts_media.send_sticker(w, u, WEBM), "sticker", {"is_video": True}),
        (lambda w, u: acts_media.send_dice(w, u, "🎯", value=6), "dice", {"emoji": "🎯", "value": 6}),
        (lambda w, u: acts_media.send_venue(w, u, 1, 2, "Zoo", "Street 1"), "venue", {"title": "Zoo"}),
    ],
)
async def test_each_kind_reaches_the_bot(
    tg: TelegramEmulator, anna: EmulatedUser, act: Act, kind: str, facts: dict[str, Any]
) -> None:
    """A real client reads the object of the kind out of the update."""
    act(tg.world, anna.user)
    message = _last(tg).message
    assert message.from_user.id == anna.id
    found = getattr(message, kind).to_dict()
    assert {name: found[name] for name in facts} == facts


async def test_a_file_of_a_person_can_be_fetched_and_sent_back(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser
) -> None:
    """The bot downloads the voice that it heard, and sends it by its file_id: it stays a voice."""
    acts_media.send_voice(tg.world, anna.user, b"OggS-voice", duration=3)
    voice = _last(tg).message.voice
    file = await bot.get_file(voice.file_id)
    assert bytes(await file.download_as_bytearray()) == b"OggS-voice"
    sent = await bot.send_voice(anna.id, voice.file_id, caption="again")
    assert (sent.voice.file_unique_id, sent.voice.to_dict()["duration"]) == (voice.file_unique_id, 3)
    assert (await bot.send_audio(anna.id, voice.file_id)).voice == sent.voice
    with pytest.raises(telegram.error.BadRequest, match="Can't use file of type voicenote as photo"):
        await bot.send_photo(anna.id, voice.file_id)


async def test_what_is_no_sticker(tg: TelegramEmulator, anna: EmulatedUser) -> None:
    """A text is no sticker, a sticker has no caption, and a die has no other faces."""
    with pytest.raises(PageError, match="STICKER_FILE_INVALID"):
        acts_media.send_sticker(tg.world, anna.user, b"text")
    with pytest.raises(PageError, match="no caption"):
        acts_media.send_media(tg.world, anna.user, Piece("sticker", WEBP, "words"))
    with pytest.raises(PageError, match="no kind of file"):
        acts_media.send_media(tg.world, anna.user, Piece("hologram", b"x"))
    with pytest.raises(PageError):
        acts_media.send_dice(tg.world, anna.user, "🙂")


async def test_a_topic_and_its_rights(tg: TelegramEmulator, anna: EmulatedUser, group: Group) -> None:
    """`room` and `thread` say where; who may not send voice notes there cannot."""
    acts_media.send_voice(tg.world, anna.user, room=group, thread=77)
    message = _last(tg).message
    assert (message.chat.id, message.message_thread_id, message.is_topic_message) == (group.id, 77, True)
    ben = tg.world.add_user("Ben")
    membership.join(tg.world, group, ben.id)
    group.put(Member(ben.id, "restricted", frozenset({"can_send_messages"})))
    with pytest.raises(PageError, match="can_send_voice_notes"):
        acts_media.send_voice(tg.world, ben, room=group)


async def test_a_press_in_a_group(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group) -> None:
    """The query carries the group's message; who does not see a private group cannot press there."""
    keyboard = telegram.InlineKeyboardMarkup.from_button(telegram.InlineKeyboardButton("4", callback_data="q:4"))
    sent = await bot.send_message(group.id, "2 + 2?", reply_markup=keyboard, message_thread_id=77)
    message = tg.world.messages[group.id][sent.message_id]
    query, _ = actions.press(tg.world, anna.user, message, "q:4")
    heard = _last(tg).callback_query
    assert (heard.message.chat.id, heard.message.message_thread_id, heard.data) == (group.id, 77, "q:4")
    assert await bot.answer_callback_query(query.id)
    carl = tg.world.add_user("Carl")
    with pytest.raises(PageError, match="is not in"):
        actions.press(tg.world, carl, message, "q:4")


async def test_an_album_is_several_updates(
    tg: TelegramEmulator, anna: EmulatedUser, group: Group, png: Callable[[int, int], bytes]
) -> None:
    """One update for each piece, all with one media_group_id; slow mode counts it once."""
    ben = tg.world.add_user("Ben")
    membership.join(tg.world, group, ben.id)
    group.slow_mode = 60
    pieces = [Piece("photo", png(4, 4), "first"), Piece("video", b"v", facts={"duration": 2})]
    sent = acts_media.send_album(tg.world, ben, pieces, room=group, thread=77)
    payloads = [update.payload for _, update in sent if update is not None]
    assert len(payloads) == 2
    assert len({payload["media_group_id"] for payload in payloads}) == 1
    assert payloads[0]["caption"] == "first"
    assert {payload["message_thread_id"] for payload in payloads} == {77}
    with pytest.raises(PageError, match="slow mode"):
        acts_media.send_album(tg.world, ben, pieces, room=group)
    for bad, words in (
        (pieces[:1], "2 to 10"),
        ([pieces[0], Piece("audio", b"a")], "mixed"),
        ([pieces[0], Piece("voice", b"a")], "an album is of"),
    ):
        with pytest.raises(PageError, match=words):
            acts_media.send_album(tg.world, anna.user, bad)


async def test_forwards_say_where_they_come_from(tg: TelegramEmulator, anna: EmulatedUser, group: Group) -> None:
    """Origins: a person, one who hides it, an anonymous administrator, a channel; a forward's own stays."""
    world = tg.world
    carl = world.add_user("Carl", last_name="Cox", hides_forwards=True)
    channel = membership.add_group(world, "News", anna.user, kind="channel")
    membership.join(world, group, carl.id)
    said = [acts_media.send_dice(world, anna.user), acts_media.send_dice(world, carl, room=group)]
    group.put(Member(anna.id, "creator", anonymous=True))
    said.append(acts_media.send_dice(world, anna.user, room=group))
    said.append(acts_media.send_dice(world, anna.user, room=channel))
    kinds = []
    for message, _ in said:
        acts_media.forward(world, anna.user, message)
        kinds.append(_last(tg).message.forward_origin)
    assert [origin.type for origin in kinds] == ["user", "hidden_user", "chat", "channel"]
    assert kinds[0].sender_user.id == anna.id
    assert kinds[1].sender_user_name == "Carl Cox"
    assert kinds[2].sender_chat.id == group.id
    assert (kinds[3].chat.id, kinds[3].message_id) == (channel.id, said[3][0].message_id)
    acts_media.forward(world, anna.user, anna.messages[-1])
    assert _last(tg).message.forward_origin.type == "channel"
    joined = next(one for one in world.messages[group.id].values() if one.sender == "service")
    with pytest.raises(PageError, match="cannot be forwarded"):
        acts_media.forward(world, anna.user, joined)


async def test_replies_with_quotes(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, group: Group) -> None:
    """A reply stays in its topic; a quote names its place in UTF-16 units; into another chat it is external."""
    sent = await bot.send_message(group.id, "🌟 tea or coffee", message_thread_id=77)
    message = tg.world.messages[group.id][sent.message_id]
    acts_media.reply(tg.world, anna.user, message, "tea!", quote="tea")
    heard = _last(tg).message
    assert (heard.message_thread_id, heard.reply_to_message.message_id) == (77, sent.message_id)
    assert (heard.quote.text, heard.quote.position, heard.quote.is_manual) == ("tea", 3, True)
    with pytest.raises(PageError, match="no text 'milk'"):
        acts_media.reply(tg.world, anna.user, message, "milk!", quote="milk")
    acts_media.reply(tg.world, anna.user, message, "here", room=anna.user)
    heard = _last(tg).message
    assert heard.reply_to_message is None
    assert (heard.external_reply.chat.id, heard.external_reply.message_id) == (group.id, sent.message_id)


async def test_edits_and_deletions(
    frozen: TelegramEmulator, olga: EmulatedUser, clock: ManualClock, png: Callable[[int, int], bytes]
) -> None:
    """Who edits their own message tells the bot; deletions tell it nothing; after 48 hours words stay."""
    message = await olga.send("tee")
    update = acts_media.edit(frozen.world, olga.user, message, "tea")
    assert update is not None
    assert (update.type, update.payload["text"], update.payload["edit_date"]) == (
        "edited_message",
        "tea",
        int(clock.time()),
    )
    photo = await olga.send_photo(png(4, 4), caption="a")
    assert acts_media.edit(frozen.world, olga.user, photo, "") is not None
    assert "caption" not in photo.content
    place = await olga.send_location(1, 2)
    for bad, text, words in ((place, "x", "no words"), (message, "", "empty"), (message, "tea", "not modified")):
        with pytest.raises(PageError, match=words):
            acts_media.edit(frozen.world, olga.user, bad, text)
    clock.advance(48 * 3600)
    with pytest.raises(PageError, match="48 hours"):
        acts_media.edit(frozen.world, olga.user, message, "late")
    before = len(frozen.world.updates.history)
    acts_media.delete(frozen.world, olga.user, [message, photo])
    assert message.deleted
    assert len(frozen.world.updates.history) == before
    with pytest.raises(PageError, match="there is no message"):
        acts_media.delete(frozen.world, olga.user, [message])


async def test_edits_and_deletions_in_groups_and_channels(
    tg: TelegramEmulator, anna: EmulatedUser, group: Group
) -> None:
    """Others' messages are not one's own; administrators delete them, and edit the posts of a channel."""
    world = tg.world
    ben = world.add_user("Ben")
    membership.join(world, group, ben.id)
    said, _ = acts_media.send_audio(world, ben, room=group, caption="la")
    with pytest.raises(PageError, match="did not write"):
        acts_media.edit(world, anna.user, said, "mine")
    update = acts_media.edit(world, ben, said, "li")
    assert update is not None
    assert update.type == "edited_message"
    other, _ = acts_media.send_dice(world, anna.user, room=group)
    with pytest.raises(PageError, match="may not delete"):
        acts_media.delete(world, ben, [other])
    acts_media.delete(world, anna.user, [said])
    channel = membership.add_group(world, "News", anna.user, kind="channel")
    membership.promote(world, channel, world.bot.id, anna.id)
    post, _ = acts_media.send_video(world, anna.user, room=channel, caption="old")
    update = acts_media.edit(world, anna.user, post, "new")
    assert update is not None
    assert (update.type, update.payload["caption"]) == ("edited_channel_post", "new")
    with pytest.raises(PageError, match="several chats"):
        acts_media.delete(world, anna.user, [post, other])
