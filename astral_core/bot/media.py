"""Files of messages: which kinds there are, what belongs to each, and what Telegram refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from astral_core import limits
from astral_core.bot.uploads import Attached, File
from astral_core.errors import EffectError

TOGETHER = "An album has photos and videos, or documents alone, or audio files alone."
_FILES = ("thumbnail", "cover")  # files that belong to another one


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of media: its method, how large an upload may be, and where it may be.

    `album`: kinds of the same word share an album. `edited`: whether it may take the place of another file.
    """

    method: str
    size: int = limits.FILE_BYTES
    captioned: bool = True
    album: str | None = None
    edited: bool = True


KINDS = {
    "photo": Kind("sendPhoto", limits.PHOTO_BYTES, album="pictures"),
    "video": Kind("sendVideo", album="pictures"),
    "animation": Kind("sendAnimation"),
    "audio": Kind("sendAudio", album="audio"),
    "voice": Kind("sendVoice", edited=False),
    "video_note": Kind("sendVideoNote", captioned=False, edited=False),
    "sticker": Kind("sendSticker", limits.STICKER_BYTES, captioned=False, edited=False),
    "document": Kind("sendDocument", album="documents"),
}


@dataclass(frozen=True, slots=True)
class Media:
    """A file with what belongs to it: a piece of an album, or what takes the place of another file.

    `Media.photo(file, "A caption")`, and so on for each kind. `options` have the Bot API's names.
    """

    kind: str
    file: File
    caption: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Media {self.kind}>"

    @classmethod
    def photo(cls, file: File, caption: str = "", *, spoiler: bool = False, caption_above: bool = False) -> Media:
        """A picture: up to 10 MB."""
        return cls("photo", file, caption, _given(has_spoiler=spoiler, show_caption_above_media=caption_above))

    @classmethod
    def video(
        cls, file: File, caption: str = "", *, duration: int | None = None, width: int | None = None,
        height: int | None = None, thumbnail: File | None = None, cover: File | None = None,
        start_timestamp: int | None = None, supports_streaming: bool = False, spoiler: bool = False,
        caption_above: bool = False,
    ) -> Media:  # fmt: skip
        """A video: MPEG-4. `duration` and `start_timestamp` are in seconds; a `thumbnail` is an upload of 200 kB."""
        return cls("video", file, caption, _given(
            duration=duration, width=width, height=height, thumbnail=thumbnail, cover=cover,
            start_timestamp=start_timestamp, supports_streaming=supports_streaming, has_spoiler=spoiler,
            show_caption_above_media=caption_above,
        ))  # fmt: skip

    @classmethod
    def animation(
        cls, file: File, caption: str = "", *, duration: int | None = None, width: int | None = None,
        height: int | None = None, thumbnail: File | None = None, spoiler: bool = False, caption_above: bool = False,
    ) -> Media:  # fmt: skip
        """A GIF, or a video without sound."""
        return cls("animation", file, caption, _given(
            duration=duration, width=width, height=height, thumbnail=thumbnail, has_spoiler=spoiler,
            show_caption_above_media=caption_above,
        ))  # fmt: skip

    @classmethod
    def audio(
        cls, file: File, caption: str = "", *, duration: int | None = None, performer: str | None = None,
        title: str | None = None, thumbnail: File | None = None,
    ) -> Media:  # fmt: skip
        """Music: MP3 or M4A."""
        return cls("audio", file, caption, _given(
            duration=duration, performer=performer, title=title, thumbnail=thumbnail
        ))  # fmt: skip

    @classmethod
    def voice(cls, file: File, caption: str = "", *, duration: int | None = None) -> Media:
        """A voice message: OGG with OPUS, MP3 or M4A."""
        return cls("voice", file, caption, _given(duration=duration))

    @classmethod
    def video_note(
        cls, file: File, *, duration: int | None = None, length: int | None = None, thumbnail: File | None = None
    ) -> Media:
        """A round video: up to a minute, `length` is its side. Telegram takes no address for it."""
        return cls("video_note", file, "", _given(duration=duration, length=length, thumbnail=thumbnail))

    @classmethod
    def sticker(cls, file: File, *, emoji: str | None = None) -> Media:
        """A sticker: WEBP, TGS or WEBM, up to 512 KB."""
        return cls("sticker", file, "", _given(emoji=emoji))

    @classmethod
    def document(
        cls, file: File, caption: str = "", *, thumbnail: File | None = None,
        disable_content_type_detection: bool = False,
    ) -> Media:  # fmt: skip
        """Any file. `Upload(data, "report.pdf")` gives bytes a name."""
        return cls("document", file, caption, _given(
            thumbnail=thumbnail, disable_content_type_detection=disable_content_type_detection
        ))  # fmt: skip


def kind_of(media: object, verb: str) -> Kind:
    """The kind of a Media; EffectError where it is none, or has no such kind."""
    if not isinstance(media, Media):
        raise EffectError(
            f"{verb} takes a Media, not a value of the type {type(media).__name__}. Fix: Media.photo(...), "
            "Media.video(...), ..."
        )
    found = KINDS.get(media.kind) if isinstance(media.kind, str) else None
    if found is None:
        raise EffectError(f"{verb}: there is no kind of media {media.kind!r:.40}. Fix: one of {', '.join(KINDS)}.")
    return found


def attach(media: Media, kind: Kind, attached: Attached, *, nested: str | None = None) -> dict[str, Any]:
    """The parameters of a file and of those that belong to it; uploads go into `attached`.

    `nested` is what the names of uploads end with where they belong to an object; else they are those of parameters.
    """
    found = {name: value for name, value in media.options.items() if name not in _FILES}
    found["media" if nested is not None else media.kind] = _file(media, attached, media.kind, kind.size, nested)
    if media.options.get("thumbnail") is not None:
        found["thumbnail"] = _file(media, attached, "thumbnail", limits.THUMBNAIL_BYTES, nested)
    if media.options.get("cover") is not None:
        found["cover"] = _file(media, attached, "cover", limits.PHOTO_BYTES, nested)
    return found


def _file(media: Media, attached: Attached, name: str, size: int, nested: str | None) -> str:
    value = media.file if name == media.kind else media.options[name]
    if not isinstance(value, str):
        return attached.put(value, name, f"{name}{nested or ''}", size)
    if name == "thumbnail":
        raise EffectError("Telegram takes a thumbnail as an upload only. Fix: pass its bytes or a pathlib.Path.")
    if name == "video_note" and value.lower().startswith(("http://", "https://")):
        raise EffectError("Telegram takes no address for a video note. Fix: pass bytes, a path or a file_id.")
    if not value or value.startswith("attach://"):
        raise EffectError(f"the {name} is {value[:40]!r}. Fix: pass bytes, a pathlib.Path, a file_id or an address.")
    return str(value)


def check_album(pieces: Sequence[Media]) -> None:
    """EffectError where Telegram would not take these as one album."""
    if not limits.ALBUM_LEAST <= len(pieces) <= limits.ALBUM_MOST:
        raise EffectError(
            f"an album has {limits.ALBUM_LEAST} to {limits.ALBUM_MOST} pieces, this one {len(pieces)}. Fix: send one "
            "piece with ctx.send_photo and its siblings, more of them as several albums."
        )
    for piece in pieces:
        if kind_of(piece, "ctx.send_album").album is None:
            raise EffectError(f"a {piece.kind} cannot be in an album. {TOGETHER} Fix: send it by itself.")
    if len({KINDS[piece.kind].album for piece in pieces}) > 1:
        kinds = ", ".join(dict.fromkeys(piece.kind for piece in pieces))
        raise EffectError(f"these cannot be in one album: {kinds}. {TOGETHER} Fix: send two albums.")
    above = {"show_caption_above_media" in piece.options for piece in pieces if piece.caption}
    if len(above) > 1:
        raise EffectError("the captions of an album are either all above the media or all below. Fix: choose one.")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None and value is not False}
