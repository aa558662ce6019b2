"""Classification of updates: whatever the bytes are, they are an envelope or unreadable, and both can be stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.inbox.address import Address
from astral_core.inbox.envelope import NOBODY, Envelope, Sender, UnreadableUpdate, as_json, open_envelope
from astral_core.inbox.rows import EXPRESS_LANES, chat_of, is_express

ANNA = {"id": 1001, "is_bot": False, "first_name": "Anna", "language_code": "ru"}
PRIVATE = {"id": 1001, "type": "private", "first_name": "Anna"}
GROUP = {"id": -1002003, "type": "supergroup", "title": "Stars"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
parts = st.dictionaries(st.sampled_from(["id", "from", "user", "chat", "message", "data", "x"]), json_values)
KINDS = ["message", "callback_query", "poll_answer", "pre_checkout_query", "inline_query", "", "\x00", "k" * 40, "é"]


def check_storable(envelope: Envelope) -> None:
    """Everything fits into its column on both engines."""
    for text, width in ((envelope.ext_id, 255), (envelope.kind, 32), (envelope.payload, None)):
        assert "\x00" not in text
        assert text.encode().decode() == text
        assert width is None or len(text) <= width
    assert -(2**63) <= envelope.lane < 2**63
    for value in (envelope.sender.columns() if envelope.sender else {}).values():
        assert value is None or isinstance(value, int) or "\x00" not in value


def check_kept(unreadable: UnreadableUpdate) -> None:
    """What is kept of an unreadable body can be stored."""
    assert unreadable.ext_id.startswith("sha256:")
    assert len(unreadable.ext_id) == 71
    assert "\x00" not in unreadable.payload
    assert len(unreadable.payload.encode()) <= 4 * 65536


def open_any(body: bytes) -> Envelope | None:
    """The envelope, or None where the body is unreadable in the promised way."""
    try:
        envelope = open_envelope(body)
    except UnreadableUpdate as error:
        check_kept(error)
        return None
    check_storable(envelope)
    return envelope


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_unreadable(body: bytes) -> None:
    """No body raises anything but UnreadableUpdate."""
    open_any(body)


@given(json_values)
def test_any_json_is_an_envelope_or_unreadable(value: Any) -> None:
    """The same for every JSON document."""
    open_any(json.dumps(value).encode())


@given(st.integers(), st.sampled_from(KINDS), parts | json_values, st.booleans())
def test_anything_shaped_like_an_update_is_an_envelope_or_unreadable(
    number: int, kind: str, part: Any, update_id_last: bool
) -> None:
    """Wrong types, huge numbers and odd keys inside an update: classified or unreadable, never a failing commit."""
    fields = {kind: part, "update_id": number} if update_id_last else {"update_id": number, kind: part}
    envelope = open_any(json.dumps(fields).encode())
    if envelope is not None:
        assert envelope.ext_id == str(number)
        assert json.loads(envelope.payload) == json.loads(json.dumps(fields))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"update_id":"1"}', b'{"update_id":1.5}', b'{"update_id":9223372036854775808}',
        b'{"update_id":1,"message":{"chat":{"id":9223372036854775808}}}', b'{"update_id":1,"message":[]}',
        b'{"update_id":1,"message":{"text":"\xff"}}', b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000,
        b'{"update_id":1,"message":' + b'{"message":' * 50_000 + b"1" + b"}" * 50_001,
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_update_is_unreadable(body: bytes) -> None:
    """Broken JSON, wrong types, numbers beyond the database's, bottomless nesting."""
    with pytest.raises(UnreadableUpdate):
        open_envelope(body)


def test_an_unreadable_body_is_one_row_however_often_it_comes() -> None:
    """Its id is its content; other content is another row; what is kept of it is bounded."""

    def unreadable(body: bytes) -> UnreadableUpdate:
        with pytest.raises(UnreadableUpdate) as caught:
            open_envelope(body)
        return caught.value

    assert unreadable(b"x\x00").ext_id == unreadable(b"x\x00").ext_id != unreadable(b"y").ext_id
    assert unreadable(b"x\x00").payload == "x\ufffd"
    assert len(unreadable(b"x" * 100_000).payload) == 65536


OF_Q = Address(chat=1001, inline="q").lane  # the message's own, whoever presses


@pytest.mark.parametrize(
    ("kind", "part", "lane", "sender"),
    [
        ("message", {"chat": PRIVATE, "from": ANNA}, 1001, 1001),
        ("edited_message", {"chat": GROUP, "from": ANNA}, -1002003, 1001),
        ("channel_post", {"chat": GROUP}, -1002003, None),
        ("message", {"chat": GROUP, "from": {**ANNA, "is_bot": True}}, -1002003, None),
        ("message", {"chat": GROUP, "from": {**ANNA, "id": 777000}, "sender_chat": GROUP}, -1002003, None),
        ("callback_query", {"id": "77", "from": ANNA, "message": {"chat": GROUP}, "data": "x:y"}, -1002003, 1001),
        ("callback_query", {"id": "77", "from": ANNA, "inline_message_id": "q", "data": "x:y"}, OF_Q, 1001),
        ("inline_query", {"id": "5", "from": ANNA, "query": ""}, 1001, 1001),
        ("chosen_inline_result", {"from": ANNA, "result_id": "1"}, 1001, 1001),
        ("shipping_query", {"id": "5", "from": ANNA}, 1001, 1001),
        ("pre_checkout_query", {"id": "5", "from": ANNA, "currency": "XTR"}, 1001, 1001),
        ("poll_answer", {"poll_id": "1", "user": ANNA}, 1001, 1001),
        ("poll", {"id": "1", "question": "?"}, NOBODY - 500, None),
        ("my_chat_member", {"chat": PRIVATE, "from": ANNA}, 1001, 1001),
        ("chat_join_request", {"chat": GROUP, "from": ANNA}, -1002003, 1001),
        ("message_reaction", {"chat": GROUP, "user": ANNA, "message_id": 5}, -1002003, 1001),
        ("business_connection", {"id": "abc", "user": ANNA}, 1001, 1001),
        ("something_new_in_2031", {"chat": GROUP}, -1002003, None),
    ],
)
def test_kind_lane_and_sender(kind: str, part: dict[str, Any], lane: int, sender: int | None) -> None:
    """One lane a chat; without a chat the user's; without a user the update's own. Bots and chats are no users."""
    envelope = open_envelope(json.dumps({"update_id": 500, kind: part}).encode())
    assert (envelope.kind, chat_of(envelope.lane), envelope.ext_id) == (kind, chat_of(lane), "500")
    assert is_express(envelope.lane) is (kind in EXPRESS_LANES)
    assert (envelope.sender.id if envelope.sender else None) == sender
    assert envelope.express is (kind in EXPRESS_LANES)
    assert (envelope.callback_id, envelope.callback_data) == (
        ("77" if "message" in part else None, "x:y") if kind == "callback_query" else (None, None)
    )


def test_what_must_be_answered_in_seconds_is_express() -> None:
    """Payment and inline questions; not the button press, whose order in the chat matters."""
    assert {"pre_checkout_query", "shipping_query", "inline_query"} == EXPRESS_LANES.keys()


def test_an_update_without_content_is_kept() -> None:
    """Telegram may add kinds: an empty update is a row in a lane where no chat is, not an error."""
    envelope = open_envelope(b'{"update_id": 7}')
    assert (envelope.kind, envelope.lane, envelope.express) == ("empty", NOBODY - 7, False)


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_names_fit_their_columns(first: str, last: str | None, username: str | None) -> None:
    """Any name is cut and cleaned, and a plain one is left as it is."""
    columns = Sender(id=1, first_name=first, last_name=last, username=username).columns()
    for key, value, width in (("first_name", first, 256), ("last_name", last, 256), ("username", username, 64)):
        if value is None:
            assert columns[key] is None
            continue
        assert len(columns[key]) == min(len(value), width)
        assert columns[key].replace("\ufffd", "\x00") == value[:width].replace("\ufffd", "\x00")


def test_as_json_is_compact() -> None:
    """Payloads of internal rows carry no blanks and keep Russian readable."""
    assert as_json({"step": "натал", "n": [1, 2]}) == '{"step":"натал","n":[1,2]}'
