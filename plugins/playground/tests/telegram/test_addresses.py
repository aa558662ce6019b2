"""Files by an address: the emulator fetches nothing, and gives something that stands for it."""

from __future__ import annotations

from typing import Any

import pytest

from astral_playground.telegram import TelegramEmulator
from astral_playground.telegram.images import image_size


async def test_a_picture_of_an_address_is_a_grey_one(tg: TelegramEmulator, call: Any) -> None:
    """It has a file_id that can be sent again, and bytes that are a picture."""
    anna = tg.user("Anna")
    await anna.send("hi")
    sent = (await call("sendPhoto", chat_id=anna.id, photo="https://example.org/cat.jpg"))[1]["result"]["photo"][-1]
    assert (sent["width"], sent["height"]) == (640, 480)
    stored = tg.world.files.by_id(sent["file_id"])
    assert stored is not None
    assert image_size(stored.data) == (640, 480)
    again = (await call("sendPhoto", chat_id=anna.id, photo=sent["file_id"]))[1]["result"]["photo"][-1]
    assert again["file_unique_id"] == sent["file_unique_id"]


async def test_any_kind_has_a_stand_in(tg: TelegramEmulator, call: Any) -> None:
    """Under the name that the address ends with."""
    anna = tg.user("Anna")
    await anna.send("hi")
    _, body = await call("sendDocument", chat_id=anna.id, document="http://example.org/a/terms.pdf?x=1")
    assert body["result"]["document"]["file_name"] == "terms.pdf"


@pytest.mark.parametrize("address", ["http://", "https:///cat.jpg", "https://example.org/a cat.jpg"])
async def test_what_is_no_address_is_refused(tg: TelegramEmulator, call: Any, address: str) -> None:
    """As Telegram words it."""
    anna = tg.user("Anna")
    await anna.send("hi")
    _, body = await call("sendPhoto", chat_id=anna.id, photo=address)
    assert body["description"] == "Bad Request: wrong HTTP URL specified"
