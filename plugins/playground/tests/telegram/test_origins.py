"""Quotes: where a part of a message stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from astral_playground.telegram.origins import text_quote
from astral_playground.telegram.records import Message

TEXTS = st.text(st.sampled_from("ab 🌟я\n"), min_size=1, max_size=12)


def _message(text: str) -> Message:
    return Message(1, 1, "user", 0, {"text": text})


@given(TEXTS, st.data(), st.integers(0, 30))
def test_a_quote_is_the_nearest_place_of_its_text(text: str, data: st.DataObject, wanted: int) -> None:
    """Its position is in UTF-16 units, the text stands there, and at no place that is nearer to the wanted one."""
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start + 1, len(text)))]
    found = text_quote(_message(text), part, wanted)
    assert found is not None
    units, quoted = text.encode("utf-16-le"), part.encode("utf-16-le")
    places = [n for n in range(len(units) // 2) if units[2 * n :].startswith(quoted)]
    assert found["position"] in places
    assert abs(found["position"] - wanted) == min(abs(place - wanted) for place in places)


@given(TEXTS, TEXTS)
def test_what_is_not_there_is_no_quote(text: str, part: str) -> None:
    """A quote exists exactly if the message has the text."""
    assert (text_quote(_message(text), part) is None) == (part not in text)
    assert text_quote(_message(text), "") is None
