"""Files of every kind: bytes, paths, file ids and addresses, in messages, albums, edits and other calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_core import Context, Media, Routes, Upload, limits
from astral_core.bot import uploads
from astral_core.errors import EffectError
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Doing = Callable[[Context], Any]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c63f8cfc0f01f00050001ff89993d1d0000000049454e44ae426082"
)
MP4 = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 32
routes = Routes()
doing: list[Doing] = []
waiting: list[Doing] = []
failed: list[Exception] = []


def attempt(ctx: Context) -> None:
    """Do what the test wants, and keep what it raises."""
    try:
        doing[0](ctx)
    except EffectError as error:
        failed.append(error)


@routes.command("do")
async def do(ctx: Context) -> None:
    """Does it after a command."""
    attempt(ctx)


@routes.callback("press")
async def press(ctx: Context) -> None:
    """Does it after a press."""
    attempt(ctx)


@routes.command("wait")
async def wait(ctx: Context) -> None:
    """Calls at once, and says the id of the file."""
    ctx.reply((await waiting[0](ctx))["document"]["file_id"])


@routes.step("again")
async def again(ctx: Context) -> None:
    """Nothing: that it is deferred is a write."""


class Bench:
    """A bot whose command does what the test wants."""

    def __init__(self, kit: BotKit) -> None:
        self.kit = kit
        self.chat = kit.chat("Anna")
        failed.clear()

    async def do(self, what: Doing, *, tap: str | None = None) -> Any:
        """Let the bot do `what`; the message that came last."""
        doing[:] = [what]
        await (self.chat.tap(tap) if tap else self.chat.send("/do"))
        assert not failed, failed
        return self.chat.last

    async def refused(self, what: Doing) -> str:
        """What `what` raises at once; nothing is sent."""
        doing[:] = [what]
        before = len(self.chat.messages)
        await self.chat.send("/do")
        assert len(self.chat.messages) == before + 1, self.chat.transcript()
        return str(failed.pop())

    def data(self, message: Any = None) -> bytes:
        """The bytes of a message's file."""
        return self.chat.file(message or self.chat.last).data


@pytest.fixture
async def bench(sqlite_url: str, make_plugin: MakePlugin) -> Any:
    """A bot on SQLite."""
    async with bot_kit(sqlite_url, plugins=[make_plugin("weather", routes)]) as kit:
        yield Bench(kit)


KINDS: dict[str, tuple[Callable[..., Any], bytes]] = {
    "photo": (lambda ctx, file, **more: ctx.send_photo(file, **more), PNG),
    "video": (lambda ctx, file, **more: ctx.send_video(file, **more), MP4),
    "animation": (lambda ctx, file, **more: ctx.send_animation(file, **more), b"GIF89a..."),
    "audio": (lambda ctx, file, **more: ctx.send_audio(file, **more), b"ID3..."),
    "voice": (lambda ctx, file, **more: ctx.send_voice(file, **more), b"OggS..."),
    "video_note": (lambda ctx, file, **more: ctx.send_video_note(file, **more), MP4),
    "sticker": (lambda ctx, file, **more: ctx.send_sticker(file, **more), b"\x1f\x8b..."),
    "document": (lambda ctx, file, **more: ctx.send_document(file, **more), b"%PDF-1.7"),
}
NAMES = {"photo": "png", "video": "mp4", "animation": "gif", "audio": "mp3", "voice": "ogg", "video_note": "mp4",
         "sticker": "tgs", "document": "pdf"}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_goes_out_of_bytes_a_path_a_file_id_and_an_address(
    bench: Bench, kind: str, tmp_path: Path
) -> None:
    """The file is what was given; a path gives its name, bytes get one whose ending tells what they are."""
    send, content = KINDS[kind]
    named = {"filename": f"{kind}.pdf"} if kind == "document" else {}
    sent = await bench.do(lambda ctx: send(ctx, content, **named))
    assert (sent.kind, bench.data()) == (kind, content)
    assert bench.chat.file(sent).file_name == f"{kind}.{NAMES[kind]}"
    path = tmp_path / f"my file.{NAMES[kind]}"
    path.write_bytes(content)
    sent = await bench.do(lambda ctx: send(ctx, path))
    assert (sent.kind, bench.data(), bench.chat.file(sent).file_name) == (kind, content, path.name)
    known = bench.chat.file(sent).identifier()
    sent = await bench.do(lambda ctx: send(ctx, known))
    assert (sent.kind, bench.data()) == (kind, content)
    sent = await bench.do(lambda ctx: send(ctx, Upload(content, f"given.{NAMES[kind]}")))
    assert bench.chat.file(sent).file_name == f"given.{NAMES[kind]}"
    if kind not in ("video_note",):
        sent = await bench.do(lambda ctx: send(ctx, "https://example.org/a.png"))
        assert sent.kind == kind


async def test_what_belongs_to_a_file_goes_along(bench: Bench) -> None:
    """Captions, spoilers, sides, durations, thumbnails, covers: under the Bot API's names."""
    sent = await bench.do(
        lambda ctx: ctx.send_video(
            MP4, "A <film>", [[ctx.button("Go", press())]], duration=7, width=320, height=240, thumbnail=PNG,
            cover=PNG, start_timestamp=2, supports_streaming=True, spoiler=True, caption_above=True, silent=True,
            protect=True,
        )
    )  # fmt: skip
    video = sent.content["video"]
    assert (sent.text, sent.buttons) == ("A <film>", ["Go"])
    assert (video["duration"], video["width"], video["height"], video["start_timestamp"]) == (7, 320, 240, 2)
    assert video["thumbnail"]["file_size"] == len(PNG)
    assert video["cover"][0]["file_size"] == len(PNG)
    flags = ("has_media_spoiler", "show_caption_above_media", "has_protected_content")
    assert all(sent.content[flag] for flag in flags)
    sent = await bench.do(lambda ctx: ctx.send_audio(b"ID3", title="Aria", performer="Bach", duration=3))
    assert (sent.content["audio"]["title"], sent.content["audio"]["performer"]) == ("Aria", "Bach")
    sent = await bench.do(lambda ctx: ctx.send_photo(PNG, spoiler=True))
    assert sent.content["has_media_spoiler"]


@pytest.mark.parametrize("size", [10, uploads.AT_ONCE + 1])
async def test_a_path_is_sent_as_it_was_when_it_was_named(bench: Bench, tmp_path: Path, size: int) -> None:
    """The handler may delete the file at once. One that is changed while it is read fails the handler."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * size)

    def sends(ctx: Context) -> None:
        ctx.send_document(path)
        path.unlink()

    await bench.do(sends)
    assert bench.data() == b"x" * size


def test_a_file_that_changes_while_it_is_read_is_not_sent(tmp_path: Path) -> None:
    """Neither the old nor the new content would be what was meant."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 10)
    handle, found = os.open(path, os.O_RDONLY), path.stat()
    path.write_bytes(b"y" * 11)
    assert "was changed while it was read" in str(uploads._read(path, handle, found))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda ctx: ctx.send_photo(Path("/nowhere/a.png")), "cannot be opened (No such file"),
        (lambda ctx: ctx.send_photo(Path("/")), "is no file"),
        (lambda ctx: ctx.send_photo(Path("/dev/null")), "is no file"),
        (lambda ctx: ctx.send_photo(Path("a\0b")), "cannot be opened"),
        (lambda ctx: ctx.send_photo(b""), "the photo is empty"),
        (lambda ctx: ctx.send_photo(bytes(limits.PHOTO_BYTES + 1)), "Telegram takes 1 to 10485760"),
        (lambda ctx: ctx.send_sticker(bytes(limits.STICKER_BYTES + 1)), "Telegram takes 1 to 524288"),
        (lambda ctx: ctx.send_video(MP4, thumbnail=bytes(limits.THUMBNAIL_BYTES + 1)), "1 to 200000"),
        (lambda ctx: ctx.send_video(MP4, thumbnail="id"), "a thumbnail as an upload only"),
        (lambda ctx: ctx.send_photo(7), "photo is of the type int"),
        (lambda ctx: ctx.send_photo("attach://x"), "a file_id or an address"),
        (lambda ctx: ctx.send_video_note("https://example.org/a.mp4"), "no address for a video note"),
        (lambda ctx: ctx.send_document(b"x"), 'filename="report.pdf"'),
        (lambda ctx: ctx.send_document(b"x", filename="../x"), "is no name for a file"),
        (lambda ctx: ctx.send_video(MP4, duration="long"), "sendVideo: duration is of the type str"),
        (lambda ctx: ctx.send_photo(PNG, "x" * 1025), "1025 UTF-16 units, Telegram allows 1024"),
        (lambda ctx: ctx.send_photo(PNG, silnet=True), "no keyword 'silnet'. Fix: did you mean 'silent'?"),
        (lambda ctx: ctx.send_photo(PNG, reply_to="x"), "reply_to= is of the type str"),
        (lambda ctx: ctx.send_photo(PNG, effect=5), "effect= is the id"),
        (lambda ctx: ctx.send_album([PNG]), "2 to 10 pieces, this one 1"),
        (lambda ctx: ctx.send_album(PNG), "takes a list"),
        (lambda ctx: ctx.send_album([PNG, Media.document(b"x")]), "cannot be in one album: photo, document"),
        (lambda ctx: ctx.send_album([Media.voice(b"x"), PNG]), "a voice cannot be in an album"),
        (lambda ctx: ctx.send_album([Media.photo(PNG, "a"), PNG], "b"), "has a caption of its own"),
        (lambda ctx: ctx.send_album([Media("film", PNG), PNG]), "no kind of media 'film'"),
        (lambda ctx: ctx.edit_media(Media.sticker(b"x"), ref=1), "a sticker cannot take the place"),
        (lambda ctx: ctx.edit_media(PNG, ref=1), "takes a Media"),
        (lambda ctx: ctx.call("sendMessage", chat_id=1, text=b"x"), "text is a file (bytes)"),
        (lambda ctx: ctx.call("sendInvoice", prices=[{"label": b"x"}]), "prices[0].label is a file"),
    ],
)  # fmt: skip
async def test_what_telegram_would_refuse_fails_at_the_call(bench: Bench, what: Doing, told: str) -> None:
    """With what is wrong and what to do instead; nothing is sent."""
    assert told in await bench.refused(what)


async def test_an_album_has_pieces_of_several_kinds(bench: Bench, tmp_path: Path) -> None:
    """Photos and videos together: bytes, paths, ids and addresses, a caption for each."""
    path = tmp_path / "film.mp4"
    path.write_bytes(MP4)
    known = await bench.do(lambda ctx: ctx.send_photo(PNG))
    file_id = bench.chat.file(known).identifier()
    await bench.do(
        lambda ctx: ctx.send_album([
            Media.photo(PNG, "one & only", spoiler=True), Media.video(path, "two", thumbnail=PNG, duration=3),
            file_id, "https://example.org/a.png",
        ], reply_to=known.message_id)
    )  # fmt: skip
    pieces = bench.chat.messages[-4:]
    assert [piece.kind for piece in pieces] == ["photo", "video", "photo", "photo"]
    assert [piece.text for piece in pieces] == ["one & only", "two", "", ""]
    assert len({piece.content["media_group_id"] for piece in pieces}) == 1
    assert pieces[0].content["has_media_spoiler"]
    assert bench.data(pieces[1]) == MP4
    assert bench.chat.file(pieces[1]).file_name == "film.mp4"
    assert pieces[1].content["video"]["thumbnail"]["file_size"] == len(PNG)
    assert pieces[0].reply_to == known.message_id
    await bench.do(
        lambda ctx: ctx.send_album([Media.document(Upload(b"1", "a.txt")), Media.document(Upload(b"2", "b.txt"))])
    )
    assert [bench.chat.file(one).file_name for one in bench.chat.messages[-2:]] == ["a.txt", "b.txt"]
    await bench.do(lambda ctx: ctx.send_album([Media.audio(b"ID3"), Media.audio(b"ID3")], "both"))
    assert [one.kind for one in bench.chat.messages[-2:]] == ["audio", "audio"]


async def test_an_edit_puts_any_other_file_into_a_message(bench: Bench) -> None:
    """Kind, caption and buttons change; the buttons alone do, too."""
    sent = await bench.do(lambda ctx: ctx.send_photo(PNG, "old", [[ctx.button("Go", press())]]))
    film = Media.video(MP4, "new", duration=5, thumbnail=PNG)
    await bench.do(lambda ctx: ctx.edit_media(film, [[ctx.button("Again", press())]]), tap="Go")
    assert (sent.kind, sent.text, sent.buttons, bench.data(sent)) == ("video", "new", ["Again"], MP4)
    await bench.do(lambda ctx: ctx.edit_buttons([[ctx.button("More", press())]]), tap="Again")
    assert (sent.text, sent.buttons) == ("new", ["More"])
    file_id = bench.chat.file(sent).identifier()
    await bench.do(lambda ctx: ctx.edit_media(Media.video(file_id), ref=sent.message_id))
    assert (sent.kind, sent.text, sent.buttons) == ("video", "", [])
    for media in (Media.animation(b"GIF89a"), Media.audio(b"ID3"), Media.document(Upload(b"x", "x.txt"))):
        await bench.do(lambda ctx, media=media: ctx.edit_media(media, ref=sent.message_id))
        assert sent.kind == media.kind


async def test_any_call_uploads_files(bench: Bench, tmp_path: Path) -> None:
    """At the top level and inside of objects."""
    chat = bench.chat.id
    await bench.do(lambda ctx: ctx.call("sendDocument", chat_id=chat, document=Upload(b"report", "r.txt")))
    assert (bench.data(), bench.chat.file(bench.chat.last).file_name) == (b"report", "r.txt")
    path = tmp_path / "a.txt"
    path.write_bytes(b"z" * (uploads.AT_ONCE + 1))
    await bench.do(lambda ctx: ctx.call("sendDocument", chat_id=chat, document=path))
    assert len(bench.data()) == uploads.AT_ONCE + 1
    media = [
        {"type": "photo", "media": PNG, "caption": "1"},
        {"type": "video", "media": Upload(MP4, "v.mp4"), "thumbnail": PNG},
    ]
    await bench.do(lambda ctx: ctx.call("sendMediaGroup", chat_id=chat, media=media))
    assert [one.kind for one in bench.chat.messages[-2:]] == ["photo", "video"]
    assert bench.data() == MP4
    paid = [{"type": "photo", "media": PNG}]
    sent = await bench.do(lambda ctx: ctx.call("sendPaidMedia", chat_id=chat, star_count=3, media=paid))
    assert sent.content["paid_media"]["star_count"] == 3


async def test_a_call_at_once_uploads_files(bench: Bench, tmp_path: Path) -> None:
    """And gives the result: a large file of a path, whose handler waits for it."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"z" * (uploads.AT_ONCE + 1))
    waiting[:] = [lambda ctx: ctx.call_now("sendDocument", chat_id=ctx.chat.id, document=path, thumbnail=PNG)]
    await bench.chat.send("/wait")
    document = bench.chat.messages[-2].content["document"]
    assert (document["file_size"], document["file_name"]) == (uploads.AT_ONCE + 1, "a.txt")
    assert document["thumbnail"]["file_size"] == len(PNG)
    assert bench.chat.last.text == document["file_id"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cached_file_of_any_kind_is_uploaded_once(bench: Bench, kind: str) -> None:
    """The next message has Telegram's file_id; one that Telegram forgot costs an upload, not the message."""
    send, content = KINDS[kind]
    method = "send" + "".join(part.title() for part in kind.split("_"))

    async def uploads_again() -> bool:
        await bench.do(lambda ctx: send(ctx, Upload(content, "a.bin"), cache="key"))
        assert bench.chat.last.kind == kind
        return not isinstance(bench.kit.calls(method)[-1].params.get(kind), str)

    assert await uploads_again()
    assert not await uploads_again()
    bench.kit.telegram.fail(method, "400", description="Bad Request: wrong file identifier/HTTP URL specified")
    assert await uploads_again()


async def test_files_survive_a_crash_in_the_outbox(
    database_url: str, make_plugin: MakePlugin, until: Callable[..., Any]
) -> None:
    """They are written with the handler's commit, with their names; whoever comes next sends them."""
    async with bot_kit(database_url, plugins=[make_plugin("weather", routes)]) as kit:
        bench = Bench(kit)
        kit.telegram.fail("sendVideo", "500", times=3)

        def sends(ctx: Context) -> None:
            ctx.defer(again())
            ctx.send_video(Upload(MP4, "film.mp4"), "film", thumbnail=PNG)
            ctx.send_album([PNG, Media.video(Upload(MP4, "v.mp4"))], reply_to=True)

        doing[:] = [sends]
        await bench.chat.user.send("/do")
        await until(lambda: kit.calls("sendVideo"))
        await kit.crash()
        await kit.restart()
        await until(lambda: len([one for one in bench.chat.messages if one.sender == "bot"]) == 3)
        film, photo, other = [one for one in bench.chat.messages if one.sender == "bot"]
        assert [film.kind, photo.kind, other.kind] == ["video", "photo", "video"]
        assert bench.chat.file(film).file_name == "film.mp4"
        assert film.content["video"]["thumbnail"]["file_size"] == len(PNG)
        assert (bench.chat.file(other).file_name, bench.data(other)) == ("v.mp4", MP4)
        assert photo.reply_to == 1


async def test_answers_name_the_message_that_they_answer(bench: Bench) -> None:
    """The handled one, one by its number, one of the same handler; if it is gone, the answer comes all the same."""
    sent = await bench.do(lambda ctx: ctx.reply("yes", reply_to=True))
    asked = [one for one in bench.chat.messages if one.sender == "user"][-1]
    assert sent.reply_to == asked.message_id
    sent = await bench.do(lambda ctx: ctx.send_photo(PNG, reply_to=asked.message_id))
    assert sent.reply_to == asked.message_id

    def both(ctx: Context) -> None:
        ctx.reply("two", reply_to=ctx.reply("one"))

    await bench.do(both)
    one, two = bench.chat.messages[-2:]
    assert (one.text, two.reply_to) == ("one", one.message_id)
    sent = await bench.do(lambda ctx: ctx.reply("late", reply_to=9999))
    assert (sent.text, sent.reply_to) == ("late", None)


async def test_previews_effects_and_silence(bench: Bench) -> None:
    """Each keyword is the Bot API's parameter."""
    sent = await bench.do(lambda ctx: ctx.reply("https://a.b", preview=False))
    assert sent.content["link_preview_options"] == {"is_disabled": True}
    big = {"prefer_large_media": True, "show_above_text": True}
    sent = await bench.do(lambda ctx: ctx.reply("https://a.b", preview=big, effect="5104841245755180586"))
    assert sent.content["link_preview_options"] == big
    assert sent.content["effect_id"] == "5104841245755180586"
    await bench.do(lambda ctx: ctx.edit("https://c.d", ref=sent.message_id, preview=False))
    assert sent.content["link_preview_options"] == {"is_disabled": True}
    await bench.do(lambda ctx: ctx.reply("hush", silent=True))
    assert bench.kit.calls("sendMessage")[-1].params["disable_notification"] == "true"
    told = await bench.refused(lambda ctx: ctx.reply("x", preview={"prefer_larg_media": True}))
    assert "did you mean 'prefer_large_media'?" in told


async def test_a_slot_shows_a_picture_from_anywhere(bench: Bench, tmp_path: Path) -> None:
    """Bytes, a path or a file_id: the card stays one message."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    sent = await bench.do(lambda ctx: ctx.show("one", [[ctx.button("Go", press())]], photo=path))
    file_id = bench.chat.file(sent).identifier()
    await bench.do(lambda ctx: ctx.show("two", [[ctx.button("Go", press())]], photo=file_id), tap="Go")
    assert (bench.chat.last.message_id, sent.text, sent.kind) == (sent.message_id, "two", "photo")
    await bench.do(lambda ctx: ctx.show("three", photo=PNG), tap="Go")
    assert (sent.text, sent.kind) == ("three", "photo")
