"""How a handler sends files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from astral_core.bot.buttons import Buttons, Keyboard, reply_markup
from astral_core.bot.handling import Handling, check_name
from astral_core.bot.media import Kind, Media, attach, check_album, kind_of
from astral_core.bot.options import Options, SendOptions, with_caption
from astral_core.bot.uploads import Attached, File, Upload
from astral_core.bot.values import plain_values
from astral_core.botapi.check import check_call
from astral_core.db.tables import CACHE_WIDTH
from astral_core.errors import EffectError
from astral_core.inbox.effect import Effect, Ref


class MediaVerbs(Handling):
    """Messages with a file, albums, and other files in old messages."""

    # --- messages

    def send_photo(
        self, photo: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *, spoiler: bool = False,
        caption_above: bool = False, cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a picture, up to 10 MB.

        A file is bytes, a `pathlib.Path`, an `Upload`, or as a str a file_id or an address. A path is opened now, so
        that what is sent is what is in it now. `cache` keeps Telegram's file_id under that key for the next time, for
        as long as nobody asks the bot to forget the person for whom it was sent last.
        """
        media = Media.photo(photo, caption, spoiler=spoiler, caption_above=caption_above)
        return self._send("ctx.send_photo", media, buttons, cache, options)

    def send_video(
        self, video: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *,
        duration: int | None = None, width: int | None = None, height: int | None = None,
        thumbnail: File | None = None, cover: File | None = None, start_timestamp: int | None = None,
        supports_streaming: bool = False, spoiler: bool = False, caption_above: bool = False,
        cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a video: MPEG-4, up to 50 MB."""
        media = Media.video(
            video, caption, duration=duration, width=width, height=height, thumbnail=thumbnail, cover=cover,
            start_timestamp=start_timestamp, supports_streaming=supports_streaming, spoiler=spoiler,
            caption_above=caption_above,
        )  # fmt: skip
        return self._send("ctx.send_video", media, buttons, cache, options)

    def send_animation(
        self, animation: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *,
        duration: int | None = None, width: int | None = None, height: int | None = None,
        thumbnail: File | None = None, spoiler: bool = False, caption_above: bool = False, cache: str | None = None,
        **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a GIF or a video without sound, up to 50 MB."""
        media = Media.animation(
            animation, caption, duration=duration, width=width, height=height, thumbnail=thumbnail, spoiler=spoiler,
            caption_above=caption_above,
        )  # fmt: skip
        return self._send("ctx.send_animation", media, buttons, cache, options)

    def send_audio(
        self, audio: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *,
        duration: int | None = None, performer: str | None = None, title: str | None = None,
        thumbnail: File | None = None, cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send music: MP3 or M4A, up to 50 MB."""
        media = Media.audio(audio, caption, duration=duration, performer=performer, title=title, thumbnail=thumbnail)
        return self._send("ctx.send_audio", media, buttons, cache, options)

    def send_voice(
        self, voice: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *,
        duration: int | None = None, cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a voice message: OGG with OPUS, MP3 or M4A, up to 50 MB."""
        return self._send("ctx.send_voice", Media.voice(voice, caption, duration=duration), buttons, cache, options)

    def send_video_note(
        self, video_note: File, buttons: Buttons | Keyboard | None = None, *, duration: int | None = None,
        length: int | None = None, thumbnail: File | None = None, cache: str | None = None,
        **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a round video, up to a minute; `length` is its side. Telegram takes no address for it."""
        media = Media.video_note(video_note, duration=duration, length=length, thumbnail=thumbnail)
        return self._send("ctx.send_video_note", media, buttons, cache, options)

    def send_sticker(
        self, sticker: File, buttons: Buttons | Keyboard | None = None, *, emoji: str | None = None,
        cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send a sticker: WEBP, TGS or WEBM, up to 512 KB."""
        return self._send("ctx.send_sticker", Media.sticker(sticker, emoji=emoji), buttons, cache, options)

    def send_document(
        self, document: File, caption: str = "", buttons: Buttons | Keyboard | None = None, *,
        filename: str | None = None, thumbnail: File | None = None, disable_content_type_detection: bool = False,
        cache: str | None = None, **options: Unpack[SendOptions],
    ) -> Ref:  # fmt: skip
        """Send any file, up to 50 MB. `filename` is the name that people see: bytes need one, a path has its own."""
        if isinstance(document, (bytes, bytearray, memoryview)) and filename is None:
            raise EffectError('ctx.send_document: bytes have no name. Fix: filename="report.pdf".')
        if filename is not None and isinstance(document, (bytes, bytearray, memoryview, Path)):
            document = Upload(document if isinstance(document, Path) else bytes(document), filename)
        media = Media.document(
            document, caption, thumbnail=thumbnail, disable_content_type_detection=disable_content_type_detection
        )
        return self._send("ctx.send_document", media, buttons, cache, options)

    def send_album(self, pieces: Sequence[Media | File], caption: str = "", **options: Unpack[SendOptions]) -> Ref:
        """Send 2 to 10 files as one album: a file is a picture, `Media.video(...)` and so on are other kinds.

        `caption` stands under the first one. The reference is to that one.
        """
        scope, how = self._scope, Options("ctx.send_album", self._scope, options)
        if isinstance(pieces, (str, bytes, bytearray, memoryview)) or not isinstance(pieces, Sequence):
            raise EffectError(f"ctx.send_album takes a list, not a value of the type {type(pieces).__name__}.")
        whole = [piece if isinstance(piece, Media) else Media.photo(piece) for piece in pieces]
        if caption and whole:
            if whole[0].caption:
                raise EffectError("ctx.send_album: the first piece has a caption of its own. Fix: leave one out.")
            whole[0] = replace(whole[0], caption=caption)
        check_album(whole)
        attached = self._attached()
        params = {
            **scope.effects.to(scope.plugin, scope.address, "sendMediaGroup"),
            "media": [
                self._piece("ctx.send_album", piece, attached, str(number)) for number, piece in enumerate(whole)
            ],
            **how.params,
        }
        check_call(scope.plugin, "sendMediaGroup", params)
        effect = Effect(
            method="sendMediaGroup", params=params, plugin=scope.plugin, files=attached.names, **how.fields
        )
        return scope.effects.add(effect, attached)

    def edit_media(self, media: Media, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Put another file into the pressed message, or into the one `ref` names; an old one as in `edit`.

        A message that was sent through the bot, in inline mode, takes a file_id or an address, and no upload.
        """
        scope, verb = self._scope, "ctx.edit_media"
        kind = kind_of(media, verb)
        if not kind.edited:
            raise EffectError(f"{verb}: a {media.kind} cannot take the place of another file. Fix: send it.")
        if ref is None and scope.is_unreachable:
            return self._send(verb, media, buttons, None, {})
        attached, target = self._attached(), self._target(ref)
        params = {"media": self._piece(verb, media, attached, "")}
        if target is None and attached.contents:
            raise EffectError(
                f"{verb}: Telegram takes no upload for a message that was sent through the bot. Fix: give a file_id, "
                "or an address."
            )
        check_call(scope.plugin, "editMessageMedia", params)
        method = "editMessageMedia"
        return scope.effects.edit(scope.plugin, scope.address, method, target, params, buttons, attached)

    def _send(
        self, verb: str, media: Media, buttons: Buttons | Keyboard | None, cache: str | None, options: Any
    ) -> Ref:
        """Record a message with a file."""
        scope, how, attached = self._scope, Options(verb, self._scope, options), self._attached()
        kind = kind_of(media, verb)
        params = {
            **scope.effects.to(scope.plugin, scope.address, kind.method),
            **self._params(verb, media, kind, attached),
            **how.params,
        }
        if buttons is not None:
            params["reply_markup"] = reply_markup(buttons, scope.address)
        check_call(scope.plugin, kind.method, params)
        effect = Effect(
            method=kind.method, params={name: one for name, one in params.items() if name not in attached.names},
            plugin=scope.plugin, attachment=media.kind if media.kind in attached.names else None,
            files=attached.names, cache=self._cache(cache),
            owner=scope.user.id if cache and scope.user else None, **how.fields,
        )  # fmt: skip
        return scope.effects.add(effect, attached)

    def _params(
        self, verb: str, media: Media, kind: Kind, attached: Attached, nested: str | None = None
    ) -> dict[str, Any]:
        """The parameters of a file; or, `nested`, the members of an InputMedia."""
        if media.caption and not kind.captioned:
            raise EffectError(f"{verb}: a {media.kind} has no caption. Fix: say it in a message of its own.")
        found = plain_values(verb, self._translated(attach(media, kind, attached, nested=nested)))
        if media.caption:
            found |= with_caption(self._html(media.caption))
        return dict(found)

    def _piece(self, verb: str, media: Media, attached: Attached, number: str) -> dict[str, Any]:
        """The Bot API's InputMedia."""
        return {"type": media.kind, **self._params(verb, media, kind_of(media, verb), attached, number)}

    def _cache(self, key: str | None) -> str | None:
        if not key:
            return None
        name = f"{self.id}:{key}"
        check_name("a cache key with its plugin", name, CACHE_WIDTH)
        return name
