"""Photos, documents and albums through the real client: real sizes, file ids, limits."""

from __future__ import annotations

import struct
from collections.abc import Callable

import aiohttp
import pytest
import telegram
from telegram.error import BadRequest

from astral_playground.telegram import EmulatedUser, TelegramEmulator
from astral_playground.telegram.files import image_size

Png = Callable[[int, int], bytes]


async def test_send_photo_reads_the_real_size(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """An uploaded picture has its own width and height, in growing copies with the right proportions."""
    sent = await bot.send_photo(anna.id, png(1200, 800), caption="<b>Карта</b>", parse_mode="HTML", has_spoiler=True)
    assert [(size.width, size.height) for size in sent.photo] == [(90, 60), (320, 213), (800, 533), (1200, 800)]
    assert sent.caption == "Карта"
    assert sent.caption_entities[0].type == "bold"
    assert sent.has_media_spoiler


async def test_photo_can_be_sent_again_by_file_id(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Any copy's file_id sends the same picture without an upload."""
    sent = await bot.send_photo(anna.id, png(100, 100))
    again = await bot.send_photo(anna.id, sent.photo[0].file_id)
    assert again.photo[-1].file_unique_id == sent.photo[-1].file_unique_id


async def test_download(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """getFile and the file server give the uploaded bytes back."""
    picture = png(50, 40)
    sent = await bot.send_photo(anna.id, picture)
    file = await sent.photo[-1].get_file()
    assert bytes(await file.download_as_bytearray()) == picture
    assert file.file_size == len(picture)


async def test_download_needs_the_token(
    tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, png: Png, http: aiohttp.ClientSession
) -> None:
    """The file server answers 401 to another token and 404 for a path that it does not have."""
    sent = await bot.send_photo(anna.id, png(50, 40))
    path = (await sent.photo[-1].get_file()).file_path or ""
    path = path.rpartition(tg.token)[2]
    async with http.get(f"{tg.url}/file/bot43:X{path}") as answer:
        assert answer.status == 401
    async with http.get(f"{tg.url}/file/bot{tg.token}/photos/file_99.png") as answer:
        assert answer.status == 404
        assert await answer.json() == {"ok": False, "error_code": 404, "description": "Not Found"}


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [(9000, 1001, "Photo_invalid_dimensions"), (210, 10, "Photo_invalid_dimensions"), (10, 210, "Photo_invalid")],
)
async def test_impossible_photo_sizes(
    bot: telegram.Bot, anna: EmulatedUser, png: Png, width: int, height: int, words: str
) -> None:
    """Width plus height is at most 10000, their ratio at most 20."""
    with pytest.raises(BadRequest, match=words):
        await bot.send_photo(anna.id, png(width, height))


async def test_limits_of_photo_sizes(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """The limits themselves pass."""
    assert await bot.send_photo(anna.id, png(200, 10))
    assert await bot.send_photo(anna.id, png(9500, 500))


async def test_what_is_no_photo(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Text, broken and empty files and files of more than 10 MB are no photos."""
    for data in (b"hello", png(10, 10)[:18], b"\xff\xd8\xff"):
        with pytest.raises(BadRequest, match="Image_process_failed"):
            await bot.send_photo(anna.id, data)
    with pytest.raises(BadRequest, match="File must be non-empty"):
        await bot.send_photo(anna.id, b"")
    big = png(10, 10) + b"\0" * (10 * 1024 * 1024)
    with pytest.raises(BadRequest, match=f"File of size {len(big)} bytes is too big for a photo"):
        await bot.send_photo(anna.id, big)
    assert len(anna.messages) == 1


@pytest.mark.parametrize(
    ("file_id", "words"),
    [
        ("nonsense", "Wrong file identifier/http url specified"),
        ("attach://nowhere", "There is no photo in the request"),
    ],
)
async def test_wrong_photo_references(bot: telegram.Bot, anna: EmulatedUser, file_id: str, words: str) -> None:
    """A file_id that is not known, an address, an attachment that is not there."""
    with pytest.raises(BadRequest) as error:
        await bot.send_photo(anna.id, file_id)
    assert error.value.message.lower() == words.lower()


async def test_wrong_kind_of_file_id(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """A document's file_id is no photo."""
    document = await bot.send_document(anna.id, b"data", filename="a.bin")
    assert document.document is not None
    with pytest.raises(BadRequest, match="Can't use file of type document as photo"):
        await bot.send_photo(anna.id, document.document.file_id)
    with pytest.raises(BadRequest, match="Invalid file_id"):
        await bot.get_file("nonsense")


async def test_caption_limit(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """A caption has at most 1024 UTF-16 units after the markup is gone."""
    sent = await bot.send_photo(anna.id, png(4, 4), caption="<i>" + "🌟" * 512 + "</i>", parse_mode="HTML")
    assert sent.caption == "🌟" * 512
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await bot.send_photo(anna.id, png(4, 4), caption="я" * 1025)


async def test_document(bot: telegram.Bot, anna: EmulatedUser) -> None:
    """A document keeps name, type, size and bytes."""
    sent = await bot.send_document(anna.id, b"%PDF-1.7", filename="карта.pdf", caption="Ваша карта")
    assert sent.document is not None
    assert (sent.document.file_name, sent.document.file_size) == ("карта.pdf", 8)
    assert sent.document.mime_type == "application/pdf"
    file = await sent.document.get_file()
    assert bytes(await file.download_as_bytearray()) == b"%PDF-1.7"


async def test_album(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """An album becomes messages with one media_group_id, captions in place."""
    media = [
        telegram.InputMediaPhoto(png(20, 10), caption="<b>один</b>", parse_mode="HTML"),
        telegram.InputMediaPhoto(png(10, 20)),
    ]
    sent = await bot.send_media_group(anna.id, media)
    assert len({message.media_group_id for message in sent}) == 1
    assert [message.caption for message in sent] == ["один", None]
    assert [message.photo[-1].width for message in sent] == [20, 10]
    other = await bot.send_media_group(anna.id, media)
    assert other[0].media_group_id != sent[0].media_group_id


async def test_album_errors(tg: TelegramEmulator, bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Up to 10 items that go together; a bad item spoils the whole album, and nothing is sent."""
    photo = telegram.InputMediaPhoto(png(4, 4))
    with pytest.raises(BadRequest, match="Too many"):
        await bot.send_media_group(anna.id, [photo] * 11)
    with pytest.raises(BadRequest, match="Document can't be mixed with other media types"):
        await bot.send_media_group(anna.id, [photo, telegram.InputMediaDocument(b"x")])
    with pytest.raises(BadRequest, match="Image_process_failed"):
        await bot.send_media_group(anna.id, [photo, telegram.InputMediaPhoto(b"no picture")])
    with pytest.raises(BadRequest, match="Audio can't be mixed with other media types"):
        await bot.send_media_group(anna.id, [photo, telegram.InputMediaAudio(b"x")])
    assert len(anna.messages) == 1


async def test_an_album_of_one_is_no_album(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """A single item is sent as an ordinary message."""
    (sent,) = await bot.send_media_group(anna.id, [telegram.InputMediaPhoto(png(4, 4))])
    assert sent.media_group_id is None


async def test_edit_caption_and_media(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """Caption and picture of a message can be changed; history keeps the former picture."""
    sent = await bot.send_photo(anna.id, png(20, 10), caption="раз")
    edited = await bot.edit_message_caption(anna.id, sent.message_id, caption="два")
    assert isinstance(edited, telegram.Message)
    assert edited.caption == "два"
    other = await bot.edit_message_media(telegram.InputMediaPhoto(png(10, 30)), anna.id, sent.message_id)
    assert isinstance(other, telegram.Message)
    assert (other.photo[-1].width, other.caption) == (10, None)
    assert [version.content.get("caption") for version in anna.last.history] == ["раз", "два"]
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_media(telegram.InputMediaPhoto(other.photo[-1].file_id), anna.id, sent.message_id)


async def test_text_can_become_a_photo(bot: telegram.Bot, anna: EmulatedUser, png: Png) -> None:
    """editMessageMedia turns a text into a picture, as the Bot API allows since 8.0."""
    sent = await bot.send_message(anna.id, "минуту…")
    await bot.edit_message_media(telegram.InputMediaPhoto(png(10, 10), caption="готово"), anna.id, sent.message_id)
    assert anna.last.text == "готово"
    assert "photo" in anna.last.content


def _jpeg(width: int, height: int) -> bytes:
    app = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app + b"\xff" + frame + b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (_jpeg(640, 480), (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 7, 9) + b"\0" * 8, (7, 9)),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 33, 44), (33, 44)),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (99 | 49 << 14).to_bytes(4, "little"), (100, 50)),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (299).to_bytes(3, "little") + (199).to_bytes(3, "little"), (300, 200)),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"RIFF\0\0\0\0WEBPALPH" + b"\0" * 20, None),
        (b"GIF89a", None),
        (b"\xff\xd8\x00\x00", None),
        (b"\xff\xd8\xff\xd9", None),
        (b"", None),
    ],
)
def test_image_headers(data: bytes, size: tuple[int, int] | None) -> None:
    """Sizes come from the headers of the four formats; what is cut off has none."""
    assert image_size(data) == size
