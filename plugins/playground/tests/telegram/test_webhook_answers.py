"""Calls that a bot puts into its answer to the webhook as multipart, as aiogram does."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram import EmulatedUser, TelegramEmulator
from astral_playground.telegram.forms import FormError, read_parts
from astral_playground.telegram.params import Params


def form(fields: dict[str, str], files: dict[str, bytes]) -> aiohttp.MultipartWriter:
    """A form as aiogram writes it."""
    writer = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        writer.append(value).set_content_disposition("form-data", name=name)
    for name, data in files.items():
        part = writer.append(data, {"Content-Type": "application/octet-stream"})
        part.set_content_disposition("form-data", name=name, filename=f"{name}.bin")
    return writer


async def test_an_answer_with_a_file(
    tg: TelegramEmulator, receiver: Any, anna: EmulatedUser, http: aiohttp.ClientSession
) -> None:
    """A document in the answer to an update reaches the person, to the last byte."""
    data = bytes(range(256)) + b"\r\n--\r\n"
    fields = {"method": "sendDocument", "chat_id": str(anna.id), "caption": "Привет", "document": "attach://one"}
    receiver.answers += [lambda: web.Response(body=form(fields, {"one": data}))]
    async with http.post(f"{tg.base_url}{tg.token}/setWebhook", json={"url": receiver.url}) as answer:
        assert answer.status == 200
    message = await anna.wait_for("Привет")
    file = tg.world.files.by_id(message.content["document"]["file_id"])
    assert file is not None
    assert file.data == data
    assert [call.via for call in tg.calls_of("sendDocument")] == ["webhook_answer"]


@given(text=st.text(st.characters(codec="utf-8")), data=st.binary())
async def test_any_form(text: str, data: bytes) -> None:
    """What is written is read, whatever bytes it has."""
    writer, params = form({"text": text}, {"file": data}), Params()
    read_parts(writer.headers["Content-Type"], await writer.as_bytes(), params)
    assert params.values == {"text": text}
    assert params.files["file"].data == data


@given(
    body=st.binary(), kind=st.sampled_from(["multipart/form-data", "multipart/form-data; boundary=x", "text/plain"])
)
def test_any_bytes(body: bytes, kind: str) -> None:
    """What is no form is refused, and nothing else goes wrong."""
    try:
        read_parts(kind, body, Params())
    except FormError:
        return
    assert "boundary" in kind


def test_a_text_is_no_form() -> None:
    """A body without a boundary has no parts."""
    with pytest.raises(FormError):
        read_parts("multipart/form-data", b"method=sendMessage", Params())
