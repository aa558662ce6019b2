"""Cutting a reading into Telegram messages, whoever wrote it: limits, escaping, nothing lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core import text_length
from astral_natal.interpret import Chapter, Paragraph, Reading


class TagBalance(HTMLParser):
    """Fails on any tag that is left open, closed out of turn or unknown to Telegram."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in {"b", "i", "u"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def plain(message: str) -> str:
    """The visible text of a message, after checking its markup."""
    parser = TagBalance()
    parser.feed(str(message))
    parser.close()
    assert parser.open == []
    return parser.text


def reading_of(*paragraphs: Paragraph, closing: str = "") -> Reading:
    """A reading as another provider may give it."""
    return Reading((Chapter("one", "A & B", paragraphs),), closing)


def test_html_is_escaped() -> None:
    """Foreign texts cannot bring markup of their own."""
    messages = reading_of(Paragraph("x", "<b>1</b>", 'a < b & "c"'), closing="<i>").messages()
    assert messages == [
        '<b><u>A &amp; B</u></b>\n\n<b>&lt;b&gt;1&lt;/b&gt;</b>\na &lt; b &amp; "c"\n\n<i>&lt;i&gt;</i>'
    ]


@given(
    text=st.text(st.sampled_from("ab& <😀\n"), min_size=1, max_size=3000),
    title=st.text(min_size=1, max_size=400),
    closing=st.text(st.sampled_from("z& 😀"), max_size=600),
    limit=st.integers(256, 900),
)
@settings(max_examples=150, deadline=None)
def test_overlong_foreign_paragraphs_lose_nothing(text: str, title: str, closing: str, limit: int) -> None:
    """A paragraph longer than a message goes on in the next one; no word is lost, no entity is cut."""
    title = title.encode("utf-16", "ignore").decode("utf-16")
    messages = reading_of(Paragraph("x", title, text), closing=closing).messages(limit)
    assert all(text_length(message) <= limit for message in messages)
    visible = "".join(plain(message) for message in messages)
    assert re.sub(r"\s", "", visible) == re.sub(r"\s", "", f"A & B{title}{text}{closing}")


def test_a_limit_too_small_is_refused() -> None:
    """Below 256 units there is no sensible message: the error says what to give."""
    with pytest.raises(ValueError, match="at least 256"):
        reading_of(Paragraph("x", "t", "t")).messages(255)
