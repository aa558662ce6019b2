"""What people send besides texts: voice, video, stickers, dice, places, polls, albums, forwards, quotes, edits.

`where` of each act are `room` (a Group; the chat with the bot unless told), `thread` (a topic's number) and
`reply_to` (a message's number in that chat).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import ballots
from .actions import Sent, file_content, location, plain_text, say
from .copying import after_forward, can_forward, forward_facts, taken
from .entities import detect
from .errors import ApiError, PageError
from .groups import Group
from .media import CAPTIONED
from .methods.media import MAX_ALBUM, album_id, check_album
from .methods.places import thrown
from .origins import external_reply, text_quote
from .params import Upload
from .polls import Option, Poll
from .records import Message, User
from .speaking import is_heard
from .state import World
from .texts import MAX_CAPTION, MAX_TEXT, caption_fields, text_fields
from .updates import Update

_TYPES = {
    "voice": ("voice.ogg", "audio/ogg"), "video": ("video.mp4", "video/mp4"), "video_note": ("note.mp4", "video/mp4"),
    "animation": ("animation.mp4", "video/mp4"), "audio": ("audio.mp3", "audio/mpeg"),
    "sticker": ("sticker.webp", "image/webp"), "photo": ("photo.jpg", "image/jpeg"),
    "document": ("file", "application/octet-stream"),
}  # fmt: skip
_WORDS = frozenset({"text", "entities", "caption", "caption_entities"})
_EDIT_WITHIN = 48 * 3600  # s


@dataclass(slots=True, frozen=True)
class Piece:
    """A file to send: `kind` is the Bot API's; `facts` are duration (s), width, height, title, performer, emoji."""

    kind: str
    data: bytes
    caption: str = ""
    file_name: str = ""
    mime_type: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def upload(self) -> Upload:
        """The file under its name; one that fits its kind unless told."""
        name, mime_type = _TYPES[self.kind]
        return Upload(self.data, self.file_name or name, self.mime_type or mime_type)


def _content(world: World, piece: Piece) -> dict[str, Any]:
    if piece.kind not in _TYPES:
        raise PageError(400, f"{piece.kind!r} is no kind of file; there are {', '.join(_TYPES)}", "kind")
    if piece.caption and piece.kind not in CAPTIONED:
        raise PageError(400, f"a {piece.kind.replace('_', ' ')} has no caption", "caption")
    return file_content(world, piece.kind, piece.upload(), piece.caption, **piece.facts)


def send_media(world: World, user: User, piece: Piece, **where: Any) -> Sent:
    """Send one file of any kind."""
    return say(world, user, _content(world, piece), piece.caption or piece.kind, **where)


def send_voice(world: World, user: User, data: bytes = b"OggS", *, duration: int = 1, **where: Any) -> Sent:
    """Speak into the telephone for `duration` seconds."""
    return send_media(world, user, Piece("voice", data, facts={"duration": duration}), **where)


def send_video(
    world: World, user: User, data: bytes = b"video", *, caption: str = "", duration: int = 1, width: int = 640,
    height: int = 480, **where: Any,
) -> Sent:  # fmt: skip
    """Send a video of `duration` seconds and so many pixels."""
    facts = {"duration": duration, "width": width, "height": height}
    return send_media(world, user, Piece("video", data, caption, facts=facts), **where)


def send_video_note(
    world: World, user: User, data: bytes = b"video", *, duration: int = 1, length: int = 384, **where: Any
) -> Sent:
    """Send a round video of `duration` seconds and `length` pixels."""
    facts = {"duration": duration, "width": length, "height": length}
    return send_media(world, user, Piece("video_note", data, facts=facts), **where)


def send_animation(
    world: World, user: User, data: bytes = b"video", *, caption: str = "", duration: int = 1, width: int = 320,
    height: int = 240, **where: Any,
) -> Sent:  # fmt: skip
    """Send a GIF, which Telegram keeps as a video without sound."""
    facts = {"duration": duration, "width": width, "height": height}
    return send_media(world, user, Piece("animation", data, caption, facts=facts), **where)


def send_audio(
    world: World, user: User, data: bytes = b"ID3", *, caption: str = "", duration: int = 1, title: str = "",
    performer: str = "", **where: Any,
) -> Sent:  # fmt: skip
    """Send a piece of music of `duration` seconds."""
    named = {name: value for name, value in (("title", title), ("performer", performer)) if value}
    return send_media(world, user, Piece("audio", data, caption, facts={"duration": duration, **named}), **where)


def send_sticker(world: World, user: User, data: bytes, *, emoji: str = "🙂", **where: Any) -> Sent:
    """Send a sticker: WebP, PNG, TGS or WebM."""
    return send_media(world, user, Piece("sticker", data, facts={"emoji": emoji}), **where)


def send_dice(world: World, user: User, emoji: str = "🎲", *, value: int | None = None, **where: Any) -> Sent:
    """Throw a die; `value` is how it falls, by chance unless told."""
    try:
        content = thrown(world, emoji)
    except ApiError as error:
        raise PageError(400, error.description, "emoji") from None
    if value is not None:
        content["dice"]["value"] = value
    return say(world, user, content, f"{emoji} {content['dice']['value']}", **where)


def send_venue(
    world: World, user: User, latitude: float, longitude: float, title: str, address: str, **where: Any
) -> Sent:
    """Share a place with a name; degrees."""
    point = location(latitude, longitude)
    venue = {"location": point, "title": title, "address": address}
    return say(world, user, {"venue": venue, "location": point}, title, **where)


def send_poll(
    world: World, user: User, question: str, options: Sequence[str], *, anonymous: bool = True, several: bool = False,
    correct: int | None = None, **where: Any,
) -> Sent:  # fmt: skip
    """Ask a question of one's own; the bot hears of no votes. `correct`: the right option of a quiz."""
    poll = Poll(
        ballots.poll_id(world), {"question": question}, [Option(f"{n}", {"text": o}) for n, o in enumerate(options)],
        by_bot=False, is_anonymous=anonymous, several=several, quiz=correct is not None,
        correct=[] if correct is None else [correct], revoting=correct is None,
    )  # fmt: skip
    sent = say(world, user, {"poll": poll.to_dict()}, question[:80], **where)
    ballots.enter(world, poll, sent[0])
    return sent


def send_album(world: World, user: User, pieces: Sequence[Piece], **where: Any) -> list[Sent]:
    """Send 2-10 files as an album: one message and one update each, with one media_group_id."""
    if not 2 <= len(pieces) <= MAX_ALBUM:
        raise PageError(400, f"an album has 2 to {MAX_ALBUM} pieces", "pieces")
    contents = [_content(world, piece) for piece in pieces]
    if any(not {"photo", "video", "audio", "document"} & content.keys() or "animation" in content
           for content in contents):  # fmt: skip
        raise PageError(400, "an album is of photos and videos, or documents, or audio files", "pieces")
    try:
        check_album(contents)
    except ApiError as error:
        raise PageError(400, error.description, "pieces") from None
    group, facts = album_id(world), where.pop("facts", {})
    shown = [{"media_group_id": group, **content} for content in contents]
    return [
        _say_piece(world, user, content, piece, facts, where) for content, piece in zip(shown, pieces, strict=True)
    ]


def _say_piece(
    world: World, user: User, content: dict[str, Any], piece: Piece, facts: dict[str, Any], where: dict[str, Any]
) -> Sent:
    """Slow mode counts an album once: it looks at the first piece only."""
    room = where.get("room")
    if isinstance(room, Group) and room.slow_mode and world.messages[room.id]:
        newest = next(reversed(world.messages[room.id].values()))
        if newest.content.get("media_group_id") == content["media_group_id"]:
            room.last_posts.pop(user.id, None)
    return say(world, user, content, piece.caption or piece.kind, **facts, **where)


def forward(world: World, user: User, message: Message, **where: Any) -> Sent:
    """Forward a message that one sees into a chat; that with the bot unless told."""
    if not can_forward(message):
        raise PageError(409, f"message {message.message_id} cannot be forwarded")
    sent = say(world, user, taken(message), f"→ {message.text[:80]}", **where, **forward_facts(world, message))
    after_forward(world, message, sent[0])
    return sent


def reply(world: World, user: User, message: Message, text: str, *, quote: str = "", **where: Any) -> Sent:
    """Answer a message, perhaps quoting a part of it; one of another chat when `room` is not the message's."""
    facts: dict[str, Any] = {}
    if quote:
        found = text_quote(message, quote)
        if found is None:
            raise PageError(400, f"message {message.message_id} has no text {quote!r}", "quote")
        facts["quote"] = found
    room = where.pop("room", None)
    if room is None:
        room = world.groups.get(message.chat_id)
    if (user.id if room is None else room.id) == message.chat_id:
        where.setdefault("thread", message.thread)
        where["reply_to"] = message.message_id
    else:
        facts["external_reply"] = external_reply(world, message)
    plain = plain_text(text, MAX_TEXT, "text")
    if not plain:
        raise PageError(400, "the text is empty", "text")
    return say(world, user, text_fields(plain, detect(plain, []), {}), plain[:80], room=room, **where, **facts)


def edit(world: World, user: User, message: Message, text: str) -> Update | None:
    """Change the text or caption of one's own message; the bot's edited_message or edited_channel_post, if it hears.

    In a channel an administrator who may edit changes everybody's posts.
    """
    group = world.groups.get(message.chat_id)
    posts = group is not None and group.type == "channel" and group.member(user.id).may("can_edit_messages")
    if (message.author != user.id and not posts) or message.sender == "service":
        raise PageError(409, f"{user.first_name} did not write message {message.message_id}")
    if not posts and world.now - message.date >= _EDIT_WITHIN:
        raise PageError(409, "a message can be edited for 48 hours")
    content = _reworded(message, text)
    try:
        world.edit(message, content, message.markup)
    except ApiError as error:
        raise PageError(409, error.description, "text") from None
    return _edited(world, user, message)


def _reworded(message: Message, text: str) -> dict[str, Any]:
    """The content of a message with another text or caption."""
    kept = {name: value for name, value in message.content.items() if name not in _WORDS}
    if "text" in message.content:
        plain = plain_text(text, MAX_TEXT, "text")
        if not plain:
            raise PageError(400, "the text is empty", "text")
        return {**text_fields(plain, detect(plain, []), {}), **kept}
    if CAPTIONED & message.content.keys():
        plain = plain_text(text, MAX_CAPTION, "caption")
        return {**kept, **caption_fields(plain, detect(plain, []), {})}
    raise PageError(409, f"message {message.message_id} has no words to edit")


def _edited(world: World, user: User, message: Message) -> Update | None:
    group = world.groups.get(message.chat_id)
    if group is not None and not is_heard(world, group, message):
        return None
    kind = "edited_channel_post" if group is not None and group.type == "channel" else "edited_message"
    return world.updates.add(
        kind, world.message_json(message), user_id=user.id, chat_id=message.chat_id, queue_id=message.chat_id,
        message_id=message.message_id, summary=message.text[:80],
    )  # fmt: skip


def delete(world: World, user: User, messages: Sequence[Message]) -> None:
    """Delete messages of one chat: one's own, all of the chat with the bot, or others' as an administrator.

    Telegram tells bots nothing of that.
    """
    for message in messages:
        group = world.groups.get(message.chat_id)
        if group is None:
            allowed = message.chat_id == user.id
        else:
            allowed = message.author == user.id or group.member(user.id).may("can_delete_messages")
        if not allowed:
            raise PageError(409, f"{user.first_name} may not delete message {message.message_id}")
        if world.find(message.chat_id, message.message_id) is None:
            raise PageError(404, f"there is no message {message.message_id}", "message_id")
    if len({message.chat_id for message in messages}) > 1:
        raise PageError(400, "the messages are of several chats", "messages")
    world.delete(list(messages))
