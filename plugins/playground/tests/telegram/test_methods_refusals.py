"""What Telegram refuses the emulator refuses, in its words: a bot that reads them must not be surprised later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from astral_playground.telegram import EmulatedUser

PHOTO = {"type": "photo", "media": "attach://none"}


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("sendMediaGroup", {"media": {}}, "Expected an Array of InputMedia"),
        ("sendMediaGroup", {"media": []}, "There are no messages to send"),
        ("sendMediaGroup", {"media": [PHOTO] * 11}, "Too many messages to send as an album"),
        ("sendMediaGroup", {}, 'Parameter "media" is required'),
        ("sendMediaGroup", {"media": [1, 2]}, "Can't parse InputMedia: expected an Object"),
        ("sendMediaGroup", {"media": [{"type": "photo"}] * 2}, "Can't parse InputMedia: media not found"),
        ("sendMediaGroup", {"media": [{"type": "hologram", "media": "x"}] * 2}, 'type "hologram" is unsupported'),
        ("getFile", {}, "File_id not specified"),
        ("getFile", {"file_id": "nobody's"}, "Invalid file_id"),
        ("sendMessage", {"text": "x", "reply_parameters": 5}, "Object expected as reply parameters"),
        ("sendMessage", {"text": "x", "reply_parameters": {"message_id": "x"}}, 'Can\'t find field "message_id"'),
        ("sendMessage", {"text": "x", "reply_to_message_id": 999}, "Message to be replied not found"),
        ("sendPhoto", {}, "There is no photo in the request"),
        ("sendChatAction", {"action": "dance"}, "Wrong parameter action in request"),
        ("editMessageText", {"text": "x", "inline_message_id": "1"}, "MESSAGE_ID_INVALID"),
        ("editMessageText", {"text": "x"}, "Message identifier is not specified"),
        ("editMessageText", {"text": "x", "message_id": 999}, "Message to edit not found"),
        ("editMessageText", {"text": "x", "message_id": 1}, "Message can't be edited"),
        ("editMessageCaption", {"message_id": 2, "caption": "x"}, "There is no caption in the message to edit"),
        ("editMessageMedia", {"message_id": 2}, "Media is empty"),
        ("deleteMessage", {"chat_id": None, "message_id": 1}, "Chat identifier is not specified"),
        ("deleteMessage", {}, "Message identifier is not specified"),
        ("deleteMessage", {"message_id": 999}, "Message to delete not found"),
        ("deleteMessages", {}, "Message identifiers are not specified"),
        ("deleteMessages", {"message_ids": []}, "Message identifiers are not specified"),
        ("deleteMessages", {"message_ids": {}}, "Expected an Array of message identifiers"),
        ("deleteMessages", {"message_ids": [True]}, "Message identifier must be a Number"),
        ("deleteMessages", {"message_ids": [1] * 101}, "Too many message identifiers specified"),
        ("setWebhook", {"url": "ftp://127.0.0.1"}, "Invalid webhook URL specified"),
        ("setWebhook", {"url": "http://[::1"}, "Invalid webhook URL specified"),
    ],
)
async def test_a_refusal_has_telegrams_words(
    anna: EmulatedUser, call: Callable[..., Any], method: str, params: dict[str, Any], words: str
) -> None:
    """400, and the reason; the person's chat stays as it is."""
    await call("sendMessage", chat_id=anna.id, text="a text of the bot")
    before = [message.text for message in anna.messages]
    given = {key: value for key, value in {"chat_id": anna.id, **params}.items() if value is not None}
    status, answer = await call(method, **given)
    assert (status, answer["ok"], answer["error_code"]) == (400, False, 400)
    assert words.lower() in answer["description"].lower()
    assert [message.text for message in anna.messages] == before


async def test_what_is_optional_is_passed_over(anna: EmulatedUser, call: Callable[..., Any]) -> None:
    """A reply to nothing, and one that may go without; a caption stands above where it is wanted."""
    status, _ = await call("sendMessage", chat_id=anna.id, text="x", reply_parameters={})
    lenient = {"message_id": 999, "allow_sending_without_reply": True}
    answered, answer = await call("sendMessage", chat_id=anna.id, text="y", reply_parameters=lenient)
    assert (status, answered) == (200, 200)
    assert "reply_to_message" not in answer["result"]
