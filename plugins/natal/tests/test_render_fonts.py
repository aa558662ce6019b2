"""Fonts, labels, themes: every character has a glyph, every colour can be read, every word is there."""

from __future__ import annotations

import dataclasses
import unicodedata
from dataclasses import fields, replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal.model import NODES, PLANETS, HouseSystem
from astral_natal.render import LABELS, THEMES, Labels, Theme, fonts, symbols


def words(labels: Labels) -> list[str]:
    """All texts of a set of labels."""
    found: list[str] = []
    for field in fields(labels):
        value = getattr(labels, field.name)
        found.extend([value] if isinstance(value, str) else value.values() if hasattr(value, "values") else value)
    return found


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio as WCAG 2 defines it, 1..21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_the_text_font_has_latin_and_cyrillic_and_known_widths() -> None:
    """The reader finds the alphabets of both languages and the widths that the font states."""
    face = fonts.text_face()
    alphabet = "abcdefghijklmnopqrstuvwxyzабвгдеёжзийклмнопрстуфхцчшщъыьэюя0123456789°·«»–…"
    assert all(ord(char) in face.advances for char in alphabet + alphabet.upper())
    assert face.advances[ord("W")] > face.advances[ord("i")] > 0


@pytest.mark.parametrize(
    "char", [*symbols.BODIES.values(), *symbols.SIGNS, *symbols.ASPECTS.values(), symbols.RETROGRADE, symbols.PRIME]
)
def test_every_symbol_has_a_glyph_with_ink(char: str) -> None:
    """No symbol of the picture would come out as an empty box."""
    left, bottom, right, top = fonts.ink(char)
    assert ord(char) in fonts.glyph_face().advances
    assert right > left
    assert top > bottom


def test_widths_add_up_and_grow_with_size_and_weight() -> None:
    """A line is as wide as its letters; bold and bigger lines are wider."""
    assert fonts.width("ab", 20) == pytest.approx(fonts.width("a", 20) + fonts.width("b", 20))
    assert fonts.width("Луна", 40) == pytest.approx(2 * fonts.width("Луна", 20))
    assert fonts.width("Луна", 20, 700) > fonts.width("Луна", 20)
    assert fonts.width("", 20) == 0


def test_a_line_is_made_to_fit() -> None:
    """A line too wide shrinks to its room; one that fits keeps its size."""
    assert fonts.fit("Moon", 20, 500) == 20
    size = fonts.fit("Moon" * 20, 20, 100)
    assert fonts.width("Moon" * 20, size) == pytest.approx(100)


def test_a_line_is_cut_where_its_font_changes() -> None:
    """Characters that the text font lacks form pieces of their own in the other font."""
    assert fonts.runs("5°07′ N") == [
        (fonts.TEXT_FAMILY, "5°07"),
        (fonts.GLYPH_FAMILY, "′"),
        (fonts.TEXT_FAMILY, " N"),
    ]
    assert fonts.runs("") == [(fonts.TEXT_FAMILY, "")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Анна 🌟", "Анна"),
        ("🌟🚀", ""),
        ("  Ann\t\nLee  ", "Ann Lee"),
        ("Zoe\u0308", "Zoë"),
        ("a\x00\x1b\u202eb\ufffe", "ab"),
        ("Луна ☽", "Луна ☽"),
        ("李小龍", ""),
    ],
)
def test_names_lose_only_what_no_font_can_draw(name: str, shown: str) -> None:
    """Emoji, control characters and foreign scripts go, accents are composed, spaces collapse."""
    assert fonts.drawable(name) == shown


@given(st.text(max_size=200), st.integers(2, 40))
def test_any_text_becomes_short_and_covered(text: str, limit: int) -> None:
    """Whatever comes in, what goes out is composed, short enough and covered by the fonts."""
    shown = fonts.drawable(text, limit)
    assert len(shown) <= limit
    assert all(fonts.covered(char) for char in shown)
    assert shown == " ".join(shown.split())


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=24))
def test_covered_text_passes_unchanged(text: str) -> None:
    """Of ordinary Latin text nothing is lost but characters without a glyph and double spaces."""
    kept = [char for char in unicodedata.normalize("NFC", text) if fonts.covered(char) and not char.isspace()]
    assert [char for char in fonts.drawable(text) if char != " "] == kept


def test_a_long_name_ends_in_an_ellipsis() -> None:
    """24 characters are the most, the last of them an ellipsis, with no space before it."""
    shown = fonts.drawable("Константин Константинович Константинопольский", 24)
    assert len(shown) <= 24
    assert shown.endswith("…")
    assert not shown[:-1].endswith(" ")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_language_has_every_label_and_can_draw_it(language: str) -> None:
    """No label is empty, and each of their characters has a glyph."""
    texts = words(LABELS[language])
    assert all(text.strip() for text in texts)
    assert all(fonts.covered(char) for text in texts for char in text)
    assert set(LABELS[language].bodies) >= {*PLANETS, *NODES}
    assert set(LABELS[language].house_systems) == set(HouseSystem)


def test_languages_are_complete_and_differ() -> None:
    """Both sets have the same keys, and nothing was left in the other language."""
    english, russian = LABELS["en"], LABELS["ru"]
    for name in ("bodies", "angles", "aspects", "house_systems"):
        assert set(getattr(english, name)) == set(getattr(russian, name))
    assert not set(english.bodies.values()) & set(russian.bodies.values())
    assert not set(english.signs) & set(russian.signs)
    assert len(set(english.signs)) == len(set(russian.signs)) == 12


@pytest.mark.parametrize("language", ["en", "ru"])
def test_templates_take_their_fields(language: str) -> None:
    """Each template shows all that is put into it."""
    labels = LABELS[language]
    assert "12:34" in labels.enters.format(body="B", sign="S", time="12:34")
    assert labels.houses.format(system="Koch") != labels.houses
    shown = labels.substituted.format(requested="Koch", system="Morin")
    assert "Koch" in shown
    assert "Morin" in shown


def test_incomplete_labels_are_refused() -> None:
    """A set that lacks a name says which; one that lacks signs says how many."""
    with pytest.raises(ValueError, match="bodies lacks pluto"):
        replace(LABELS["en"], bodies={**LABELS["en"].bodies, "pluto": ""})
    with pytest.raises(ValueError, match="signs has 2 names"):
        replace(LABELS["en"], signs=("Aries", "Taurus"))


@pytest.mark.parametrize("theme", THEMES.values(), ids=str)
def test_every_colour_can_be_read(theme: Theme) -> None:
    """Texts reach the contrast that WCAG asks of text, coloured lines that of graphics."""
    for ground in (theme.sky[1], theme.sky[2], theme.disc):
        assert all(contrast(colour, ground) >= 4.5 for colour in (theme.ink, theme.muted, theme.accent))
        assert all(contrast(colour, ground) >= 4.5 for colour in theme.elements)
        assert contrast(theme.moon, ground) >= 3
        assert all(contrast(theme.aspect(kind), ground) >= 3 for kind in symbols.ASPECTS if kind != "conjunction")


@pytest.mark.parametrize("theme", THEMES.values(), ids=str)
def test_aspects_and_elements_differ_in_colour(theme: Theme) -> None:
    """No two kinds of aspect and no two elements share a colour."""
    for colours in ([theme.aspect(kind) for kind in symbols.ASPECTS], list(theme.elements)):
        assert all(first != second for first, second in combinations(colours, 2))


def test_an_unknown_aspect_has_no_colour() -> None:
    """The error names the theme and the kinds that it knows."""
    with pytest.raises(ValueError, match="theme night: no colour for the aspect 'quintile'"):
        THEMES["night"].aspect("quintile")


def test_themes_are_found_by_their_own_name() -> None:
    """A stored name leads back to its theme, and colours are all of the form #rrggbb."""
    assert set(THEMES) == {"night", "paper"}
    for name, theme in THEMES.items():
        assert theme.id == name
        colours = [value for value in dataclasses.astuple(theme) if isinstance(value, str) and value != name]
        assert all(len(colour) == 7 and colour.startswith("#") for colour in colours)
