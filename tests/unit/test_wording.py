"""An owner's own words and a plugin's: whatever is accepted can be said, and whatever is refused says why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import N_, Markup, limits
from astral_core.config import Settings, load_settings, try_settings
from astral_core.errors import ConfigError, DeclarationError
from astral_core.i18n import html
from astral_core.markup import parts, utf16, visible
from astral_core.wording import NAME_LIMIT, PLACEHOLDERS, TOLD_LIMIT, Introduction

ODD = "Ан'на=x \"<b>&amp; {x}"


def own(texts: dict[str, Any]) -> Settings:
    """Settings with these texts."""
    return load_settings(texts=texts)


# --- the owner's ---


def test_a_text_is_for_everybody_unless_there_is_one_for_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """The language itself, then its base, then the text without a language; the environment has them, too."""
    monkeypatch.setenv("ASTRAL_TEXTS__DE__ABOUT", "Hallo")
    texts = own(
        {"start": "all", "bot": "Sky", "ru": {"start": "все"}, "pt_BR": {"start": "br"}, "pt": {"bot": "Céu"}}
    )
    find = texts.texts.find
    assert [find("start", code) for code in ("en", "ru", "pt_BR", "pt_PT", "pt", "de")] == [
        "all", "все", "br", "all", "all", "all",
    ]  # fmt: skip
    assert [find("bot", code) for code in ("en", "pt_BR")] == ["Sky", "Céu"]
    assert [find("about", code) for code in ("en", "de")] == [None, "Hallo"]


@pytest.mark.parametrize(
    ("texts", "where", "said"),
    [
        ({"start": "Hi {nmae}"}, "texts.start", "Did you mean 'name'? Allowed: {name}, {bot}, {version}, {plugins}"),
        ({"forgotten": "{name}"}, "texts.forgotten", "{name} is not filled in here"),
        ({"start": "Hi {name"}, "texts.start", "write {{ and }} for braces"),
        ({"start": "Hi {}"}, "texts.start", "{} is not just a name"),
        ({"start": "{name.__class__}"}, "texts.start", "{name.__class__} is not just a name"),
        ({"start": "{name!r:>9}"}, "texts.start", "{name!r:>9} is not just a name"),
        ({"about": "<b>Sky"}, "texts.about", "<b> is never closed. Fix: write </b> where it ends"),
        ({"about": "1 < 2"}, "texts.about", "begins with a bare '<'"),
        ({"about": "<big>Sky</big>"}, "texts.about", "<big> is not one of Telegram's tags"),
        ({"about": "<a href={bot}>Sky</a>"}, "texts.about", "</a> closes nothing"),
        ({"about": "<b{bot}>Sky</b>"}, "texts.about", "</b> closes nothing"),
        ({"about": "x" * 4097}, "texts.about", "has 4097 UTF-16 units, at most 4096 are allowed"),
        ({"about": " "}, "texts.about", "is empty. Fix: write a text, or take the line out"),
        ({"bot": "x" * 65}, "texts.bot", "has 65 characters. Fix: a name has 1 to 64"),
        ({"bot": " "}, "texts.bot", "has 0 characters"),
        ({"ru": {"start": "<i>"}}, "texts.ru.start", "<i> is never closed"),
        ({"strat": "Hi"}, "texts", "there is no text 'strat'. Did you mean 'start'?"),
        ({"ru": {"strat": "Hi"}}, "texts", "there is no text 'ru.strat'. Did you mean 'start'?"),
        ({"Russian!": {"start": "Hi"}}, "texts", "such as [texts.de]"),
        ({"ru": "Привет"}, "texts", "there is no text 'ru'"),
        ({"pt_BR": {}, "pt-br": {}}, "texts", "mean the same language"),
        ({"start": 5}, "texts.start", "valid string"),
        ("Hi", "texts", "valid dictionary"),
    ],
)  # fmt: skip
def test_a_text_that_could_not_be_said_stops_the_start(texts: Any, where: str, said: str) -> None:
    """The error names the text, what is wrong, and what is allowed."""
    settings, problems = try_settings(texts=texts)
    assert settings is None
    (problem,) = problems
    assert problem.partition(": ")[0] == where
    assert said in problem
    with pytest.raises(ConfigError, match="settings are wrong"):
        load_settings(texts=texts)


PIECES = ["{name}", "{bot}", "{plugins}", "{x}", "{{", "}}", "{", "}", "<b>", "</b>", "<a href='{bot}'>", "</a>",
          "<", "&lt;", "&", " ", "\n\n", "'", '"', "слово"]  # fmt: skip


@given(st.sampled_from(sorted(set(PLACEHOLDERS) - {"bot"})), st.lists(st.sampled_from(PIECES)).map("".join))
def test_whatever_is_accepted_can_be_said(key: str, text: str) -> None:
    """With a person's name that holds all that could break it, and with HTML from plugins."""
    settings, _ = try_settings(texts={key: text})
    if settings is not None:
        values = dict.fromkeys(PLACEHOLDERS[key], ODD) | {"plugins": Markup("<b>a</b>")}
        said = html(settings.texts.find(key, "en") or "", **values)
        visible(said)


# --- a plugin's ---


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"about": 5}, "Plugin(about=...) is of the type int. Fix: give a text"),
        ({"about": " "}, "Plugin(about=...) is empty"),
        ({"kept": ""}, "Plugin(kept=...) is empty"),
        ({"personal": N_("<b>Notes")}, "<b> is never closed"),
        ({"personal": N_("Notes of {name}")}, "has the placeholder {name}. Fix: only {bot}, the bot's name"),
        ({"about": N_("Hi {bot")}, "write {{ and }} for braces"),
        ({"greeting": "x" * (TOLD_LIMIT + 1)}, "has 1001 UTF-16 units, at most 1000 are allowed"),
    ],
)
def test_a_plugin_whose_text_could_not_be_shown_is_refused(texts: dict[str, Any], said: str) -> None:
    """The error names the plugin and the argument."""
    with pytest.raises(DeclarationError) as caught:
        Introduction(**texts).check("weather")
    assert "weather" in str(caught.value)
    assert said in str(caught.value)


def test_a_plain_text_may_hold_anything_and_an_empty_greeting_is_silence() -> None:
    """A plain str is shown as it is; `about` greets unless there is a greeting."""
    Introduction(about="1 < 2 {x}", greeting="", kept=Markup("<b>{x}</b>")).check("weather")
    assert Introduction(about="a").greets == "a"
    assert Introduction(about="a", greeting="").greets == ""


# --- long pages ---

WORDS = st.sampled_from(
    ["слово", "word", "✨", "<b>bold words</b>", "<i>a <u>b</u></i>", "&lt;", '<a href="a b">x</a>']
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "\n", "\n\n"]))).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


@given(TEXTS, st.integers(12, 60))
def test_a_long_page_is_cut_into_messages_that_lose_nothing(text: str, limit: int) -> None:
    """Each is whole HTML within the limit, and together they have all words in their order."""
    found = parts(text, limit)
    assert "".join("".join(found).split()) == "".join(text.split())
    for part in found:
        assert utf16(visible(part).strip()) <= limit


def test_a_page_is_cut_between_paragraphs_first() -> None:
    """Then between lines, then between words; what fits stays whole, and so does what has no gap."""
    assert parts("a b c\n\nd e\nf g", 9) == ["a b c", "d e\nf g"]
    assert parts("a\n\nb c d\ne f", 9) == ["a\n\nb c d", "e f"]  # "a" alone would be nearly empty
    assert parts("a b\nc d e", 6) == ["a b", "c d e"]
    assert parts("a b c", 3) == ["a b", "c"]
    assert parts("<b>a b c</b> d", 5) == ["<b>a b c</b>", "d"]
    assert parts("x" * (limits.TEXT + 1), limits.TEXT) == ["x" * (limits.TEXT + 1)]
    assert parts("", 5) == [""]


def test_the_limits_are_those_that_the_errors_name() -> None:
    """A name and a text of exactly the limit are accepted."""
    texts = own({"bot": "x" * NAME_LIMIT, "about": "✨" * limits.TEXT}).texts
    assert texts.find("about", "en") == "✨" * limits.TEXT
    Introduction(about="x" * TOLD_LIMIT).check("weather")
