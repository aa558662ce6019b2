"""The judges themselves: they see each kind of lie in an answer or an update."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.rest
USER = {"id": 7, "is_bot": False, "first_name": "Anna"}
CHAT = {"id": 7, "type": "private", "first_name": "Anna"}
MESSAGE = {"message_id": 1, "date": 1_700_000_000, "chat": CHAT, "from": USER, "text": "Hi"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"date": None}, "date"), ({"message_id": "1"}, "message_id"), ({"text": 5}, "text"),
        ({"colour": "red"}, "colour"), ({"from": {**USER, "is_bot": 1}}, "is_bot"),
        ({"from": {**USER, "shoe_size": 40}}, "shoe_size"), ({"entities": {}}, "entities"),
        ({"photo": [{"file_id": "1"}]}, "photo"),
    ],
)  # fmt: skip
def test_a_lie_in_a_message(strict: ModuleType, change: dict[str, Any], word: str) -> None:
    """What is missing, unknown, or of another JSON type is named, at any depth."""
    assert strict.complaints(strict.returning("sendMessage"), MESSAGE) == []
    found = strict.complaints(strict.returning("sendMessage"), MESSAGE | change)
    assert found
    assert all(word in one for one in found)


@pytest.mark.parametrize(
    ("method", "raw"), [("send_message", True), ("get_me", []), ("delete_message", {"ok": True})]
)
def test_a_wrong_kind_of_answer(strict: ModuleType, method: str, raw: Any) -> None:
    """python-telegram-bot's method promises another type."""
    assert strict.complaints_of_ptb(method, raw)


def test_an_update_that_only_newer_types_know(strict: ModuleType) -> None:
    """A member that is in the table, and not in python-telegram-bot yet, is no lie; one that is in neither is."""
    update = {"update_id": 1, "message": MESSAGE}
    assert strict.complaints_about_update(update) == []
    assert len(strict.complaints_about_update({"update_id": 1, "message": MESSAGE | {"colour": "red"}})) == 2
