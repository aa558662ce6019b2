"""UTF-16 arithmetic, automatic entities, spans for the page, and the texts of messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram.entities import Entity, checked_link, detect, from_json, spans, trim, utf16_length
from astral_playground.telegram.errors import ApiError
from astral_playground.telegram.texts import message_caption, message_text

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(TEXT)
def test_length_is_that_of_utf_16(text: str) -> None:
    """Characters outside the basic plane count twice."""
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start", [("bot_command", "/start")]),
        ("/start@my_bot deep", [("bot_command", "/start@my_bot")]),
        ("иди /help и /me", [("bot_command", "/help"), ("bot_command", "/me")]),
        ("a/b /привет //x", []),
        ("🌟 https://example.org/a?b=1.", [("url", "https://example.org/a?b=1")]),
        ("(https://example.org)", [("url", "https://example.org")]),
        ("пиши me@example.org", [("email", "me@example.org")]),
        ("@anna_b и @ab", [("mention", "@anna_b")]),
        ("#астрология #123 a#b", [("hashtag", "#астрология")]),
        ("$USD $usd", [("cashtag", "$USD")]),
    ],
)
def test_detection(text: str, found: list[tuple[str, str]]) -> None:
    """Commands, links, mentions and tags are found where Telegram finds them."""
    raw = text.encode("utf-16-le")
    got = [(e.type, raw[2 * e.offset : 2 * e.end].decode("utf-16-le")) for e in detect(text, [])]
    assert got == found


def test_nothing_is_detected_in_code() -> None:
    """Code and links hide what stands in them, bold text does not."""
    for kind, count in (("code", 1), ("pre", 1), ("text_link", 1), ("bold", 2)):
        assert len(detect("/start", [Entity(kind, 0, 6)])) == count


@given(TEXT)
def test_detection_stays_inside(text: str) -> None:
    """Detected entities lie inside the text and do not overlap."""
    end = 0
    for found in sorted(detect(text, []), key=lambda e: e.offset):
        assert found.offset >= end
        end = found.end
    assert end <= utf16_length(text)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("example.org", "http://example.org/"),
        ("example.org/x", "http://example.org/x"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org/a?b#c", "https://example.org/a?b#c"),
        ("http://127.0.0.1:8080/pay", "http://127.0.0.1:8080/pay"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
        ("tel:+79990000000", "tel:+79990000000"),
        ("ftp://example.org/x", "ftp://example.org/x"),
        ("http://localhost/", None),
        ("http://", None),
        ("нет", None),
        ("a b.c", None),
        ("javascript:alert(1)", None),
        ("data://x.y", None),
        ("", None),
    ],
)
def test_links(url: str, checked: str | None) -> None:
    """Addresses get their scheme and slash; what is none is refused."""
    assert checked_link(url) == checked


@given(TEXT, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=5))
def test_trim_moves_entities(text: str, places: list[tuple[int, int]]) -> None:
    """After trimming every entity still covers the same characters, less those that were cut."""
    size = utf16_length(text)
    entities = [Entity("bold", offset, min(length, size - offset)) for offset, length in places if offset < size]
    plain, kept = trim(text, entities)
    assert plain in text
    assert plain == plain.strip(" \t\n\r\v\f\0")
    assert all(e.length > 0 and e.end <= utf16_length(plain) for e in kept)
    if plain == text:
        assert kept == entities


@given(TEXT, st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=6))
def test_spans_cover_the_text(text: str, places: list[tuple[int, int]]) -> None:
    """Spans in a row are the text, whatever the entities; none is empty."""
    entities = [{"type": "bold", "offset": offset, "length": length} for offset, length in places]
    cut = spans(text, entities)
    assert "".join(span["text"] for span in cut) == text
    assert all(span["text"] for span in cut)


def test_spans_of_nested_entities() -> None:
    """Each span knows all styles that cover it, and its address or language."""
    text = "🌟 сайт код"
    entities: list[dict[str, Any]] = [
        {"type": "bold", "offset": 0, "length": 7},
        {"type": "text_link", "offset": 3, "length": 4, "url": "https://example.org/"},
        {"type": "pre", "offset": 8, "length": 3, "language": "python"},
    ]
    assert spans(text, entities) == [
        {"text": "🌟 ", "styles": ["bold"]},
        {"text": "сайт", "styles": ["bold", "text_link"], "url": "https://example.org/"},
        {"text": " ", "styles": []},
        {"text": "код", "styles": ["pre"], "language": "python"},
    ]


def test_span_of_a_bare_address() -> None:
    """A link that Telegram found itself opens what it shows."""
    entities = [e.to_dict() for e in detect("см. https://example.org/x", [])]
    assert spans("см. https://example.org/x", entities)[1]["url"] == "https://example.org/x"


@pytest.mark.parametrize(
    ("given_entities", "words"),
    [
        ([{"offset": 0, "length": 1}], "Type is not specified"),
        ([{"type": "bold", "length": 1}], 'Can\'t find field "offset"'),
        ([{"type": "bold", "offset": 0, "length": True}], 'Can\'t find field "length"'),
        ([{"type": "bold", "offset": 9, "length": 1}], "beyond the end"),
        ([{"type": "bold", "offset": -1, "length": 1}], "beyond the end"),
        ([5], "expected an Object"),
    ],
)
def test_bad_entities(given_entities: list[Any], words: str) -> None:
    """Entities that cannot be are refused."""
    with pytest.raises(ApiError, match=words):
        from_json(given_entities, "abc")


def test_good_entities() -> None:
    """Known kinds stay, too long ones are cut, detected kinds and unknown ones are left to Telegram."""
    items = [
        {"type": "bold", "offset": 1, "length": 99},
        {"type": "url", "offset": 0, "length": 3},
        {"type": "nonsense", "offset": 0, "length": 3},
        {"type": "text_link", "offset": 0, "length": 1, "url": "no address"},
        {"type": "text_mention", "offset": 0, "length": 1, "user": {"id": 5}},
        {"type": "pre", "offset": 0, "length": 1, "language": "c"},
        {"type": "custom_emoji", "offset": 0, "length": 1, "custom_emoji_id": "7"},
    ]
    got = [(e.type, e.offset, e.length, e.extra) for e in from_json(items, "abc")]
    assert ("bold", 1, 2, {}) in got
    assert {kind for kind, *_ in got} == {"bold", "text_mention", "pre", "custom_emoji"}
    assert from_json("text", "abc") == []


def test_texts_are_counted_after_parsing() -> None:
    """Limits hold for the plain text; markup and outer white space are free."""
    text, entities = message_text(" <b>" + "я" * 4096 + "</b>\n", "HTML")
    assert (len(text), entities[0].length) == (4096, 4096)
    assert message_caption("", "HTML") == ("", [])
    with pytest.raises(ApiError, match="message caption is too long"):
        message_caption("я" * 1025)
    with pytest.raises(ApiError, match="can't parse entities JSON object"):
        message_text("x", "", "{")
    entity = json.dumps([{"type": "bold", "offset": 1, "length": 1}])
    assert message_text("abc", "None", entity)[1] == [Entity("bold", 1, 1)]


def test_at_most_100_entities() -> None:
    """What is above 100 entities is dropped."""
    assert len(message_text("<b>a</b> " * 150, "HTML")[1]) == 100
