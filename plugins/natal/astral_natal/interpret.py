"""What a natal chart says, in Russian or English: pure functions from a `Chart` to paragraphs.

Nothing here needs a network, a clock or chance: the same chart gives the same words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from astral_core import Markup, limits, text_length
from astral_natal.lexicon import (
    ANGLES,
    SLOW,
    aspect_key,
    aspect_text,
    capitalized,
    house_text,
    lexicon,
    ordered,
    sign_text,
    text_body,
)
from astral_natal.model import SIGNS, Aspect, Chart, Houses, Ingress, Point, sign_of
from astral_natal.ranking import balance, prominence, ranked_aspects, whole_percents

SMALLEST_LIMIT = 256
BRIEF_LIMIT = 260
"""UTF-16 code units of one text in the Big Three: three of them, titled, fit a caption of 1024."""
READING_ASPECTS = 7
ELEMENT_HIGH, ELEMENT_LOW = 0.38, 0.09
CROSS_HIGH, CROSS_LOW = 0.48, 0.15


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One titled piece of a reading, in plain text; `key` names what it is about (`sun`, `element`, ...)."""

    key: str
    title: str
    text: str

    @property
    def html(self) -> Markup:
        """The paragraph as Telegram HTML, escaped."""
        return _markup(f"<b>{escape(self.title, quote=False)}</b>\n{escape(self.text, quote=False)}")


@dataclass(frozen=True, slots=True)
class Chapter:
    """Paragraphs on one side of life."""

    key: str
    title: str
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A full reading; `closing` is the line under it."""

    chapters: tuple[Chapter, ...]
    closing: str

    def messages(self, limit: int = limits.TEXT) -> list[Markup]:
        """The reading as Telegram HTML messages of at most `limit` UTF-16 code units each, in order.

        A message ends between paragraphs, and a chapter's heading stays with its first one. Only a paragraph
        that is itself longer than a message (the built-in texts have none) is continued in the next, between
        words. ValueError for a limit below 256.
        """
        if limit < SMALLEST_LIMIT:
            raise ValueError(f"a reading cannot be cut into messages of {limit}; give at least {SMALLEST_LIMIT}")
        messages: list[str] = []
        for block in self._blocks(limit):
            joined = f"{messages[-1]}\n\n{block}" if messages else block
            if messages and text_length(joined) <= limit:
                messages[-1] = joined
            else:
                messages.append(block)
        return [_markup(message) for message in messages]

    def _blocks(self, limit: int) -> Iterator[str]:
        for chapter in self.chapters:
            heading = f"<b><u>{escape(chapter.title, quote=False)}</u></b>"
            for number, paragraph in enumerate(chapter.paragraphs):
                block = paragraph.html if number else f"{heading}\n\n{paragraph.html}"
                if text_length(block) <= limit:
                    yield block
                    continue
                if not number:
                    yield from _cut(chapter.title, limit)
                yield from _cut(f"{paragraph.title}\n{paragraph.text}", limit)
        if self.closing:
            yield from (f"<i>{part}</i>" for part in _cut(self.closing, limit - len("<i></i>")))


def _markup(html: str) -> Markup:
    # The quotes stay as they are, unlike in core's `html`: a limit counts what is written, entities included.
    return Markup(html)  # noqa: S704  # the callers have escaped every text


def _cut(text: str, limit: int) -> Iterator[str]:
    """Escaped pieces of a plain text, at most `limit` units each, cut between words where there are any."""
    piece = ""
    for word in re.findall(r"\s{0,2}\S+", text):
        # Escaping makes at most five units of a character ("&amp;"), so a fifth of the limit always fits.
        for start in range(0, len(word), limit // 5):
            part = escape(word[start : start + limit // 5], quote=False)
            if piece and text_length(piece + part) > limit:
                yield piece
                part, piece = part.lstrip(), ""
            piece += part
    if piece:
        yield piece


def big_three(chart: Chart, language: str) -> list[Paragraph]:
    """Sun, Moon and, where the birth time is known, Ascendant, each in a few sentences for one caption."""
    texts = lexicon(language)
    found = [_in_sign(texts, chart, chart.point(body)) for body in ("sun", "moon")]
    if chart.houses is not None:
        found.append(_angle(texts, chart.houses, "asc"))
    return [Paragraph(each.key, each.title, _brief(each.text)) for each in found]


def _brief(text: str) -> str:
    sentences = re.split(r"(?<=[.!?…])\s+", text)
    brief = sentences[0]
    for sentence in sentences[1:]:
        if text_length(f"{brief} {sentence}") > BRIEF_LIMIT:
            break
        brief = f"{brief} {sentence}"
    return brief


def placement(chart: Chart, body: str, language: str) -> Paragraph:
    """The text of one body, or of the angle `asc` or `mc`: sign, then house and retrogradation if they apply.

    KeyError if the chart has no such body, as with an angle where the birth time is unknown.
    """
    texts = lexicon(language)
    if body in ANGLES:
        if chart.houses is None:
            raise KeyError(f"the chart has no {body}: the birth time is unknown")
        return _angle(texts, chart.houses, body)
    point = chart.point(body)
    paragraph = _in_sign(texts, chart, point)
    name = text_body(body)
    parts = [paragraph.text]
    if chart.houses is not None and point.house is not None:
        if name in SLOW:
            parts = [texts[f"planet.{name}.about"]]
        parts.append(house_text(texts, name, point.house))
    if point.retrograde and f"retro.{name}" in texts:
        parts.append(texts[f"retro.{name}"])
    return Paragraph(paragraph.key, paragraph.title, "\n".join(parts))


def _in_sign(texts: Mapping[str, str], chart: Chart, point: Point) -> Paragraph:
    for ingress in chart.ingresses:
        if ingress.body == point.id:
            return _open_sign(texts, ingress)
    body = text_body(point.id)
    title = f"{texts[f'planet.{body}.name']} {texts[f'sign.{SIGNS[point.sign]}.in']}"
    if chart.houses is not None and point.house is not None:
        title = f"{title}, {texts[f'house.{point.house}.name']}"
    return Paragraph(point.id, title, sign_text(texts, body, point.sign))


def _open_sign(texts: Mapping[str, str], ingress: Ingress) -> Paragraph:
    """What is said of a body that changes sign on a day of birth without a time: the fact, and no guess."""
    note = texts["frame.sign_change"].format(
        body=texts[f"planet.{ingress.body}.called"],
        before=texts[f"sign.{ingress.before}.from"],
        after=texts[f"sign.{ingress.after}.to"],
        time=ingress.time,
    )
    title = texts["frame.sign_change_title"].format(body=texts[f"planet.{ingress.body}.name"])
    return Paragraph(ingress.body, title, f"{capitalized(note)} {texts[f'planet.{ingress.body}.about']}")


def _angle(texts: Mapping[str, str], houses: Houses, angle: str) -> Paragraph:
    sign = sign_of(houses.ascendant if angle == "asc" else houses.midheaven)
    title = f"{texts[f'planet.{angle}.name']} {texts[f'sign.{SIGNS[sign]}.in']}"
    return Paragraph(angle, title, sign_text(texts, angle, sign))


def strongest_aspects(chart: Chart, language: str, limit: int = 3) -> list[Paragraph]:
    """The `limit` strongest aspects, the first the strongest."""
    texts = lexicon(language)
    used: Counter[str] = Counter()
    return [_aspect(texts, aspect, used) for aspect in ranked_aspects(chart)[:limit]]


def _aspect(texts: Mapping[str, str], aspect: Aspect, used: Counter[str]) -> Paragraph:
    first, second = (texts[f"planet.{body}.name"] for body in ordered(aspect.first, aspect.second))
    return Paragraph(
        aspect_key(aspect.first, aspect.second, aspect.kind),
        texts[f"kind.{aspect.kind}.title"].format(first=first, second=second),
        aspect_text(texts, aspect.first, aspect.second, aspect.kind, used),
    )


def reading(chart: Chart, language: str) -> Reading:
    """The full reading: chapters from character to the strongest aspects; what is unknown is left out."""
    texts = lexicon(language)
    node = next((point.id for point in chart.points if text_body(point.id) == "node"), None)
    slow = sorted(SLOW, key=lambda body: -prominence(chart, body))
    chapters = {
        "character": [*_opening(texts, chart), *_placements(chart, language, "sun", "asc")],
        "feelings": _placements(chart, language, "moon"),
        "mind": _placements(chart, language, "mercury"),
        "love": _placements(chart, language, "venus"),
        "work": _placements(chart, language, "mars", "mc"),
        "growth": _placements(chart, language, "jupiter", "saturn", *([node] if node else []), *slow),
        "balance": _balance(texts, chart),
        "aspects": strongest_aspects(chart, language, READING_ASPECTS),
    }
    return Reading(
        tuple(
            Chapter(key, texts[f"chapter.{key}"], tuple(paragraphs))
            for key, paragraphs in chapters.items()
            if paragraphs
        ),
        texts["frame.closing"],
    )


def _opening(texts: Mapping[str, str], chart: Chart) -> list[Paragraph]:
    if chart.houses is not None:
        return []
    return [Paragraph("time_unknown", texts["frame.time_unknown_title"], texts["frame.time_unknown"])]


def _placements(chart: Chart, language: str, *bodies: str) -> list[Paragraph]:
    known = bodies if chart.houses is not None else [body for body in bodies if body not in ANGLES]
    return [placement(chart, body, language) for body in known]


def _balance(texts: Mapping[str, str], chart: Chart) -> list[Paragraph]:
    shares = balance(chart)
    return [
        *_group(texts, "element", shares.elements, ELEMENT_HIGH, ELEMENT_LOW),
        *_group(texts, "cross", shares.crosses, CROSS_HIGH, CROSS_LOW),
    ]


def _group(
    texts: Mapping[str, str], group: str, shares: Mapping[str, float], high: float, low: float
) -> Iterator[Paragraph]:
    """The heading line of a group of shares with what is said about its strong and weak members."""
    if not shares:
        return
    percents = whole_percents(shares.values())
    title = ", ".join(
        f"{texts[f'{group}.{name}.name']} {percent}%" for name, percent in zip(shares, percents, strict=True)
    )
    told = [texts[f"{group}.{name}.high"] for name, share in shares.items() if share >= high]
    told += [texts[f"{group}.{name}.low"] for name, share in shares.items() if share <= low]
    yield Paragraph(group, capitalized(title), "\n".join(told) or texts[f"{group}.balanced"])
