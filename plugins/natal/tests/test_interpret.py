"""Readings: what is told of a chart, in which order, in which pieces, and what is left unsaid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core import text_length
from astral_natal.aspects import find_aspects
from astral_natal.houses import house_of
from astral_natal.interpret import (
    Reading,
    big_three,
    placement,
    reading,
    strongest_aspects,
)
from astral_natal.lexicon import LANGUAGES
from astral_natal.model import (
    PLANETS,
    SIGNS,
    Aspect,
    Chart,
    Houses,
    HouseSystem,
    Ingress,
    MoonDay,
    Point,
    normalize,
    sign_of,
)
from astral_natal.ranking import angularity, aspect_score, balance, prominence, ranked_aspects, whole_percents

CHAPTERS = ["character", "feelings", "mind", "love", "work", "growth", "balance", "aspects"]
MOSCOW_1990 = {
    "sun": (84.069861, 0.955109), "moon": (344.523625, 13.339529), "mercury": (65.583545, 1.71308),
    "venus": (48.704101, 1.175929), "mars": (10.996374, 0.719016), "jupiter": (105.875947, 0.216605),
    "saturn": (294.035598, -0.058574), "uranus": (278.167643, -0.038913), "neptune": (283.718641, -0.025014),
    "pluto": (225.402768, -0.020202), "true_node": (308.121044, 0.014395), "mean_node": (309.701194, -0.05297),
}  # fmt: skip
ANGLES_1990 = (185.703894, 97.869837)
HOUSES_1990 = {"sun": 9, "moon": 6, "mercury": 8, "venus": 8, "mars": 7, "jupiter": 10}
languages = pytest.mark.parametrize("language", LANGUAGES)


def make_chart(
    positions: dict[str, tuple[float, float]],
    angles: tuple[float, float] | None,
    ingresses: tuple[Ingress, ...] = (),
) -> Chart:
    """A chart of these longitudes and speeds, with equal houses from the Ascendant if the angles are known."""
    houses = None
    if angles is not None:
        cusps = tuple(normalize(angles[0] + 30 * number) for number in range(12))
        houses = Houses(HouseSystem.EQUAL, HouseSystem.EQUAL, *angles, cusps)
    points = tuple(
        Point(body, longitude, 0.0, speed, house_of(longitude, houses.cusps) if houses else None)
        for body, (longitude, speed) in positions.items()
    )
    moon = positions["moon"][0]
    day = None if houses else MoonDay(normalize(moon - 6.5), normalize(moon + 6.5), None)
    return Chart(2448057.9375, 55.75, 37.62, points, find_aspects(points), houses, day, "test", ingresses)


@pytest.fixture
def moscow() -> Chart:
    """15 June 1990, 14:30, Moscow."""
    return make_chart(MOSCOW_1990, ANGLES_1990)


@pytest.fixture
def timeless() -> Chart:
    """The same day without a time; for the test's sake the Moon and Mercury change sign."""
    ingresses = (Ingress("moon", "14:20", "aquarius", "pisces"), Ingress("mercury", "03:05", "taurus", "gemini"))
    return make_chart(MOSCOW_1990, None, ingresses)


longitudes = st.floats(0, 359.9999)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Any sky: any longitudes, any direction, with or without a birth time, with any bodies changing sign."""
    positions = {
        body: (draw(longitudes), draw(st.floats(-1, 2)))
        for body in (*PLANETS, *draw(st.sampled_from([("true_node", "mean_node"), ("mean_node",), ()])))
    }
    if draw(st.booleans()):
        return make_chart(positions, (draw(longitudes), draw(longitudes)))
    changing = draw(st.sets(st.sampled_from(PLANETS)))
    ingresses = tuple(
        Ingress(body, "14:20", SIGNS[sign_of(positions[body][0])], SIGNS[(sign_of(positions[body][0]) + 1) % 12])
        for body in PLANETS
        if body in changing
    )
    return make_chart(positions, None, ingresses)


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


def everything(found: Reading) -> str:
    """All words of a reading."""
    return "\n".join(f"{p.title}\n{p.text}" for chapter in found.chapters for p in chapter.paragraphs)


def test_titles_in_russian(moscow: Chart) -> None:
    """Titles name body, sign in its case, and house."""
    titles = [paragraph.title for paragraph in big_three(moscow, "ru")]
    assert titles == ["Солнце в Близнецах, 9-й дом", "Луна в Рыбах, 6-й дом", "Асцендент в Весах"]
    assert placement(moscow, "mc", "ru").title == "Середина неба в Раке"
    assert placement(moscow, "true_node", "ru").title.startswith("Северный узел в Водолее")


def test_titles_in_english(moscow: Chart) -> None:
    """The same in English."""
    titles = [paragraph.title for paragraph in big_three(moscow, "en")]
    assert titles == ["Sun in Gemini, 9th house", "Moon in Pisces, 6th house", "Ascendant in Libra"]
    assert "Mars square Neptune" in {paragraph.title for paragraph in strongest_aspects(moscow, "en", 20)}


def test_houses_of_the_fixture_are_those_meant(moscow: Chart) -> None:
    """The fixture's houses, against which the titles above are checked."""
    assert {body: moscow.point(body).house for body in HOUSES_1990} == HOUSES_1990


@languages
@given(chart=charts())
@settings(max_examples=60, deadline=None)
def test_big_three_fits_a_caption(language: str, chart: Chart) -> None:
    """Two or three short paragraphs, together well below 1024 UTF-16 units, in whole sentences."""
    found = big_three(chart, language)
    assert [each.key for each in found] == ["sun", "moon"] + (["asc"] if chart.houses else [])
    assert text_length("\n\n".join(each.html for each in found)) <= 960
    for each in found:
        assert len(each.text) >= 60
        assert each.text[-1] in ".!?"


@languages
def test_big_three_of_every_sign_is_substantial(language: str) -> None:
    """No combination leaves a caption with a mere fragment or an overlong one."""
    for sign in range(12):
        chart = make_chart(
            {**MOSCOW_1990, "sun": (sign * 30 + 15, 1.0), "moon": (sign * 30 + 15, 13.0)}, (sign * 30.0 + 15, 97.0)
        )
        for paragraph in big_three(chart, language):
            assert 110 <= text_length(paragraph.text) <= 260, paragraph


@languages
def test_placement_tells_sign_house_and_retrogradation(moscow: Chart, language: str) -> None:
    """A retrograde planet has three parts, a direct one two, an angle one."""
    assert placement(moscow, "saturn", language).text.count("\n") == 2
    assert placement(moscow, "sun", language).text.count("\n") == 1
    assert placement(moscow, "asc", language).text.count("\n") == 0


@languages
def test_placement_of_a_slow_planet_is_about_its_house(moscow: Chart, language: str) -> None:
    """The sign of a slow planet belongs to a generation: it is read only where there are no houses."""
    other_sign = make_chart({**MOSCOW_1990, "pluto": (210.0, -0.02)}, (170.3011, 97.0))
    same_house = make_chart({**MOSCOW_1990, "pluto": (225.0, -0.02)}, (185.3011, 97.0))
    assert placement(other_sign, "pluto", language).text == placement(same_house, "pluto", language).text
    timeless = [
        placement(make_chart({**MOSCOW_1990, "pluto": (at, -0.02)}, None), "pluto", language).text
        for at in (195.0, 225.0)
    ]
    assert timeless[0] != timeless[1]


def test_placement_of_something_absent(moscow: Chart, timeless: Chart) -> None:
    """A body the chart has not, or an angle without a birth time, is a KeyError that says why."""
    with pytest.raises(KeyError, match="chiron"):
        placement(moscow, "chiron", "en")
    with pytest.raises(KeyError, match="birth time is unknown"):
        placement(timeless, "asc", "en")


@languages
def test_reading_has_all_chapters_in_order(moscow: Chart, language: str) -> None:
    """From character to the strongest aspects, each planet once, closing with the line on reflection and fun."""
    found = reading(moscow, language)
    assert [chapter.key for chapter in found.chapters] == CHAPTERS
    told = [paragraph.key for chapter in found.chapters[:6] for paragraph in chapter.paragraphs]
    assert sorted(told) == sorted([*PLANETS, "true_node", "asc", "mc"])
    assert {"ru": "для размышления и удовольствия", "en": "for reflection and fun"}[language] in found.closing


@languages
def test_without_a_time_nothing_is_said_of_houses_and_angles(timeless: Chart, language: str) -> None:
    """No Ascendant, no Midheaven, no house anywhere, except in the note that says why."""
    found = reading(timeless, language)
    note = found.chapters[0].paragraphs[0]
    assert note.key == "time_unknown"
    rest = everything(found).replace(note.text, "")
    assert not re.search(r"Асцендент|Середина неба|-й дом|Ascendant|Midheaven|\d(st|nd|rd|th) house", rest)


def test_a_moon_that_changes_sign_is_told_as_such(timeless: Chart) -> None:
    """The fact, the time and the two signs in the right cases, and no text of either sign."""
    told = placement(timeless, "moon", "ru")
    assert told.title == "Луна: два знака за день"
    assert told.text.startswith("Луна в день вашего рождения переходит из Водолея в Рыбы в 14:20, и без времени")
    for sign in (10.5, 11.5):
        other = make_chart({**MOSCOW_1990, "moon": (sign * 30, 13.0)}, None)
        assert placement(other, "moon", "ru").text not in everything(reading(timeless, "ru"))
    english = placement(timeless, "moon", "en").text
    assert english.startswith("The Moon moves from Aquarius to Pisces at 14:20 on the day you were born")


def test_a_moon_that_keeps_its_sign_is_read(timeless: Chart) -> None:
    """An unknown time alone does not silence the Moon."""
    certain = replace(timeless, ingresses=())
    assert placement(certain, "moon", "ru").title == "Луна в Рыбах"
    assert big_three(certain, "ru")[1].title == "Луна в Рыбах"


def test_balance_leaves_out_what_is_open(moscow: Chart, timeless: Chart) -> None:
    """Bodies changing sign and the unknown Ascendant do not count; shares sum to one."""
    known, open_ = balance(moscow), balance(timeless)
    assert known.elements["air"] == pytest.approx(16 / 37)
    assert open_.elements["air"] == pytest.approx(6 / 21)
    assert known.crosses["fixed"] == pytest.approx(5 / 37)
    for shares in (known.elements, known.crosses, open_.elements, open_.crosses):
        assert sum(shares.values()) == pytest.approx(1)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_percents_sum_to_a_hundred(parts: list[int]) -> None:
    """What the title shows adds up, and no percent is off by more than its rounding."""
    shares = [part / sum(parts) for part in parts]
    percents = whole_percents(shares)
    assert sum(percents) == 100
    assert all(abs(percent - share * 100) < 1 for percent, share in zip(percents, shares, strict=True))


@languages
def test_balance_of_nothing_is_silent(language: str) -> None:
    """If every planet changes sign, the chapter on balance is left out instead of dividing by zero."""
    ingresses = tuple(Ingress(body, "12:00", "aries", "taurus") for body in PLANETS)
    found = reading(make_chart(MOSCOW_1990, None, ingresses), language)
    assert "balance" not in [chapter.key for chapter in found.chapters]


def test_balance_names_strong_and_weak(moscow: Chart) -> None:
    """The title gives the shares; the text speaks of what stands out, or of evenness."""
    chapter = next(chapter for chapter in reading(moscow, "ru").chapters if chapter.key == "balance")
    elements, crosses = chapter.paragraphs
    assert elements.title == "Огонь 11%, земля 22%, воздух 43%, вода 24%"
    assert "много воздуха" in elements.text
    assert crosses.title == "Кардинальный крест 43%, фиксированный 14%, мутабельный 43%"
    assert "Фиксированного креста у вас мало" in crosses.text
    even = {body: (30.0 * number + 1, 1.0) for number, body in enumerate(MOSCOW_1990)}
    told = reading(make_chart(even, None), "en")
    assert "spread" in everything(told)


def test_angularity_peaks_on_an_angle(moscow: Chart) -> None:
    """Two on any end of an axis, one from ten degrees on, one without a time."""
    on_descendant = make_chart({**MOSCOW_1990, "mars": (ANGLES_1990[0] - 180, 0.7)}, ANGLES_1990)
    assert angularity(on_descendant, "mars") == pytest.approx(2)
    assert angularity(moscow, "sun") == 1
    assert angularity(moscow, "mars") == pytest.approx(2 - (10.996374 - 5.703894) / 10)
    assert angularity(make_chart(MOSCOW_1990, None), "mars") == 1
    assert prominence(moscow, "sun") > prominence(moscow, "true_node")


@given(chart=charts())
@settings(max_examples=60, deadline=None)
def test_aspects_come_strongest_first(chart: Chart) -> None:
    """Scores never rise along the list, and the head of the list is a prefix of the whole."""
    ranked = ranked_aspects(chart)
    scores = [aspect_score(chart, aspect) for aspect in ranked]
    assert scores == sorted(scores, reverse=True)
    assert strongest_aspects(chart, "en", 2) == strongest_aspects(chart, "en", 50)[:2]


def test_weight_exactness_and_angularity_decide() -> None:
    """Each of the three lifts an aspect above an otherwise equal one."""
    chart = make_chart(MOSCOW_1990, ANGLES_1990)

    def score(first: str, second: str, exactness: float) -> float:
        return aspect_score(chart, Aspect(first, second, "trine", 1.0, exactness, True))

    assert score("sun", "moon", 0.5) > score("uranus", "pluto", 0.5)
    assert score("sun", "moon", 0.9) > score("sun", "moon", 0.5)
    assert score("mars", "moon", 0.5) > score("mercury", "moon", 0.5)


def test_unknown_bodies_and_kinds_are_passed_over(moscow: Chart) -> None:
    """An engine with more bodies or aspect kinds than the texts know does not break a reading."""
    strange = (
        Aspect("sun", "chiron", "trine", 0.1, 0.99, True),
        Aspect("sun", "moon", "quincunx", 0.1, 0.99, True),
    )
    richer = replace(moscow, aspects=(*strange, *moscow.aspects))
    assert reading(richer, "ru") == reading(moscow, "ru")


def test_a_chart_without_aspects_has_no_chapter_on_them(moscow: Chart) -> None:
    """An empty chapter is left out."""
    assert "aspects" not in [chapter.key for chapter in reading(replace(moscow, aspects=()), "en").chapters]


def test_only_a_mean_node_is_read_too() -> None:
    """A chart with the mean node alone speaks of it as the North Node."""
    positions = {body: at for body, at in MOSCOW_1990.items() if body != "true_node"}
    assert "North Node in Aquarius" in everything(reading(make_chart(positions, ANGLES_1990), "en"))


@languages
@given(chart=charts())
@settings(max_examples=80, deadline=None)
def test_any_chart_gives_messages_that_telegram_takes(language: str, chart: Chart) -> None:
    """At most 4096 units each, balanced tags, every paragraph whole and in order, the same each time."""
    found = reading(chart, language)
    messages = found.messages()
    assert messages == reading(chart, language).messages()
    assert all(0 < text_length(message) <= 4096 for message in messages)
    visible = [plain(message) for message in messages]
    position = (0, 0)
    for chapter in found.chapters:
        for paragraph in chapter.paragraphs:
            whole = f"{paragraph.title}\n{paragraph.text}"
            at = next(
                (number, text.index(whole, position[1] if number == position[0] else 0))
                for number, text in enumerate(visible)
                if number >= position[0] and whole in text
            )
            assert at >= position
            position = at
    assert visible[-1].endswith(found.closing)
    assert not re.search(r"[{}]", "".join(visible))


@given(chart=charts(), limit=st.integers(700, 5000))
@settings(max_examples=40, deadline=None)
def test_a_heading_stays_with_its_first_paragraph(chart: Chart, limit: int) -> None:
    """No message ends with a chapter's heading, whatever the limit."""
    for message in reading(chart, "ru").messages(limit):
        assert text_length(message) <= limit
        assert not message.endswith("</u></b>")


@languages
def test_reference_charts_read_in_full(language: str) -> None:
    """Each reference chart gives a reading of several messages, with no sentence told twice."""
    reference = json.loads((Path(__file__).parent / "data" / "charts.json").read_text(encoding="utf-8"))
    for entry in reference["charts"]:
        positions = {body: (at["lon"], at["speed"]) for body, at in entry["points"].items()}
        houses = entry["houses"]
        found = reading(make_chart(positions, (houses["asc"], houses["mc"]) if houses else None), language)
        assert 2 <= len(found.messages()) <= 4
        for chapter in found.chapters[:-1]:
            sentences = [s for p in chapter.paragraphs for s in re.split(r"(?<=[.!?])\s", p.text)]
            repeated = {s for s in sentences if sentences.count(s) > 1}
            assert len(repeated) <= (0 if houses else 1), (entry["id"], repeated)
