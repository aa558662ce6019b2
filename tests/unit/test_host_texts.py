"""Texts: every source text is translated with the same placeholders, values are escaped, owners may change texts."""

from __future__ import annotations

import importlib.util
import string
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from astral_core.i18n import fill
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.tags import pick

PACKAGES = ["astral_core", "astral_profile", "astral_natal", "astral_payments", "astral_analytics"]
KEYWORDS = {"t": None, "nt": (1, 2), "N_": None, "gettext": None, "ngettext": (1, 2), "translated": (3,)}


def folder(package: str) -> Path:
    """Where the package's source lies."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def source_texts(package: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """(place, text) of everything that Babel's extractor finds."""
    found = extract_from_dir(
        folder(package), method_map=[("**.py", "python")], keywords=KEYWORDS, strip_comment_tags=True
    )
    for filename, line, message, _, _ in found:
        if message:
            yield f"{filename}:{line}", message


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_source_text_is_translated_with_the_same_placeholders(package: str) -> None:
    """A missing translation would show English to Russian users; a missing placeholder would lose a value."""
    path = folder(package) / "locales" / "ru.po"
    texts = {text: place for place, text in source_texts(package)}
    if not texts:
        pytest.skip(f"{package} says nothing to users")
    assert path.is_file(), f"{package} has texts, but no locales/ru.po"
    catalog = read_po(BytesIO(path.read_bytes()), locale="ru")
    missing, wrong = [], []
    for text, place in texts.items():
        message = catalog.get(text[0] if isinstance(text, tuple) else text)
        if message is None or not _complete(message):
            missing.append(f"{place}: {text!r}")
            continue
        for one in message.string if isinstance(message.string, tuple) else (message.string,):
            wanted = placeholders(text[-1] if isinstance(text, tuple) else text)
            if placeholders(one) != wanted:
                wrong.append(f"{place}: {text!r} -> {one!r}")
    assert not missing, "not translated:\n" + "\n".join(missing)
    assert not wrong, "other placeholders:\n" + "\n".join(wrong)


def _complete(message: Message) -> bool:
    return not message.fuzzy and (all(message.string) if isinstance(message.string, tuple) else bool(message.string))


def test_values_are_escaped_and_markup_is_not() -> None:
    """A name cannot bring tags into a message."""
    from markupsafe import Markup

    assert fill("Hello, {name}!", {"name": "<b>"}) == "Hello, &lt;b&gt;!"
    assert fill("{bold}", {"bold": Markup("<b>x</b>")}) == "<b>x</b>"
    assert fill("a {brace}", {}) == "a {brace}"


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [("ru", "ru"), ("ru-RU", "ru"), ("RU", "ru"), ("pt-br", "en"), ("", "en"), (None, "en"), ("r", "en")],
)
def test_the_nearest_spoken_language_is_taken(wanted: str | None, spoken: str) -> None:
    """IETF tags are cut to their language; an unknown one is the default."""
    assert pick(wanted, ("en", "ru"), "en") == spoken


def test_an_owners_catalogue_goes_over_the_packages_own(tmp_path: Path) -> None:
    """One changed text is enough; all others stay."""
    (tmp_path / "ru").mkdir()
    (tmp_path / "ru" / "astral_core.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Menu"\nmsgstr "Дом"\n',
        encoding="utf-8",
    )
    own, changed = Catalogs("astral_core").for_language("ru"), Catalogs("astral_core", tmp_path).for_language("ru")
    assert changed.gettext("Menu") == "Дом" != own.gettext("Menu")
    assert changed.gettext("About this bot") == own.gettext("About this bot") != "About this bot"


def test_a_language_without_a_catalogue_speaks_the_source_text() -> None:
    """Nobody reads an error instead of a sentence."""
    assert Catalogs("astral_core").for_language("xx").gettext("Menu") == "Menu"
    assert Catalogs("astral_core").languages()[0] == "en"
