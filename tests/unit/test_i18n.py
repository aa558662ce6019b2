"""Texts: catalogues of a package, an owner's changes on top, placeholders that cannot break the markup."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from astral_core import N_, html
from astral_core.i18n import Texts, fill
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.tags import pick

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
PLURAL = (
    '"Plural-Forms: nplurals=3; '
    'plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"\n'
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plugin's package that speaks Russian."""
    name = f"speaking_{tmp_path.name}"
    folder = tmp_path / name / "locales"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "ru.po").write_text(
        HEAD + PLURAL + '\nmsgid "Hello"\nmsgstr "Привет"\n\nmsgid "Bye"\nmsgstr "Пока"\n'
        '\nmsgid "{n} star"\nmsgid_plural "{n} stars"\n'
        'msgstr[0] "{n} звезда"\nmsgstr[1] "{n} звезды"\nmsgstr[2] "{n} звёзд"\n',
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def test_a_package_speaks_the_source_language_and_its_catalogues(package: str) -> None:
    """English first, without a file of its own."""
    assert Catalogs(package).languages() == ("en", "ru")


def test_texts_and_plurals(package: str) -> None:
    """Known texts are translated, unknown ones and unknown languages stay as they are."""
    catalogs = Catalogs(package)
    russian = catalogs.for_language("ru")
    assert [russian.gettext("Hello"), russian.gettext("Unknown")] == ["Привет", "Unknown"]
    forms = [russian.ngettext("{n} star", "{n} stars", n) for n in (1, 2, 5, 11, 21)]
    assert forms == ["{n} звезда", "{n} звезды", "{n} звёзд", "{n} звёзд", "{n} звезда"]
    assert catalogs.for_language("en").gettext("Hello") == catalogs.for_language("xx").gettext("Hello") == "Hello"
    assert catalogs.for_language("ru") is russian


def test_an_owner_changes_single_texts(package: str, tmp_path: Path) -> None:
    """The owner's file wins where it says something, the plugin's own elsewhere; new languages may be added."""
    for language, text in (("ru", "Здравствуйте"), ("de", "Guten Tag")):
        (tmp_path / "own" / language).mkdir(parents=True)
        changed = f'{HEAD}\nmsgid "Hello"\nmsgstr "{text}"\n'
        (tmp_path / "own" / language / f"{package}.po").write_text(changed, encoding="utf-8")
    catalogs = Catalogs(package, tmp_path / "own")
    assert [catalogs.for_language("ru").gettext(text) for text in ("Hello", "Bye")] == ["Здравствуйте", "Пока"]
    assert [catalogs.for_language("de").gettext(text) for text in ("Hello", "Bye")] == ["Guten Tag", "Bye"]


def test_a_plugin_in_one_file_speaks_the_source_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder of texts, no error."""
    (tmp_path / "single_file_plugin.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    catalogs = Catalogs("single_file_plugin")
    assert catalogs.languages() == ("en",)
    assert catalogs.for_language("ru").gettext("Hello") == "Hello"


def test_values_are_escaped_and_markup_is_not() -> None:
    """A name with a bracket cannot break a message; markup of our own passes."""
    filled = fill("<b>{name}</b> {link}", {"name": "<i>&", "link": Markup("<a>x</a>")})
    assert filled == "<b>&lt;i&gt;&amp;</b> <a>x</a>"
    assert fill("100 % {braces} stay without values", {}) == "100 % {braces} stay without values"


@given(st.text())
def test_any_value_is_escaped(value: str) -> None:
    """Whatever a user is called."""
    assert fill("{x}", {"x": value}) == str(escape(value))


def test_a_text_is_shown_by_what_it_is(package: str) -> None:
    """A marked text is translated, Markup passes, any other text is escaped, whatever it says."""
    texts = Texts(Catalogs(package).for_language("ru"), "ru")
    said = (N_("Hello"), texts.t("Hello"), html("<b>{x}</b>", x="<"), "Hello", "<b>", str(N_("Bye")))
    assert [texts.shown(text) for text in said] == ["Привет", "Привет", "<b>&lt;</b>", "Hello", "&lt;b&gt;", "Bye"]


def test_a_text_without_markup_is_not_escaped(package: str) -> None:
    """Buttons and answers to presses take no HTML: a bracket stays one, and so does one out of Markup."""
    texts = Texts(Catalogs(package).for_language("ru"), "ru")
    said = (N_("Hello"), html("{x} & y", x="<"), "a < b", texts.nt("{n} star", "{n} stars", 5))
    assert [texts.plain(text) for text in said] == ["Привет", "< & y", "a < b", "5 звёзд"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("ru", "ru"),
        ("RU", "ru"),
        ("ru-RU", "ru"),
        ("pt-br", "en"),
        ("ru_XX-nonsense", "en"),
        ("", "en"),
        (None, "en"),
        ("en-GB", "en"),
        ("-", "en"),
    ],
)
def test_the_nearest_spoken_language(wanted: str | None, expected: str) -> None:
    """Regions do not matter; what is not spoken is the default."""
    assert pick(wanted, ("en", "ru"), "en") == expected
