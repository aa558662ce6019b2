"""Every text of the plugin is there in Russian, with the same placeholders and tags."""

from __future__ import annotations

import re
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import astral_profile

FOLDER = Path(astral_profile.__file__).parent
PLACEHOLDER = re.compile(r"\{\w+\}")
TAG = re.compile(r"</?[a-z]+>")


def _catalog() -> dict[str, str]:
    content = files("astral_profile").joinpath("locales", "ru.po").read_bytes()
    return {str(message.id): str(message.string) for message in read_po(BytesIO(content), locale="ru") if message.id}


def _sources() -> set[str]:
    found = extract_from_dir(FOLDER, [("**.py", "python")], keywords={"t": None, "N_": None})
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def test_every_source_text_has_a_russian_one() -> None:
    """Neither an untranslated text nor a translation of a text that is no more."""
    catalog = _catalog()
    assert len(catalog) > 50
    assert _sources() == set(catalog)
    assert all(catalog.values())


def test_placeholders_and_tags_are_the_same() -> None:
    """A translation fills the same values and nests the same tags."""
    for source, russian in _catalog().items():
        assert sorted(set(PLACEHOLDER.findall(source))) == sorted(set(PLACEHOLDER.findall(russian))), source
        assert sorted(TAG.findall(source)) == sorted(TAG.findall(russian)), source


def test_russian_is_written_as_russian() -> None:
    """Translations have Cyrillic letters, guillemets instead of English quotes, and no doubled spaces."""
    for source, russian in _catalog().items():
        letters = PLACEHOLDER.sub("x", TAG.sub("", russian))
        assert re.search("[а-яё]", letters, re.IGNORECASE), source
        assert not re.search('[“”"]|  ', letters), source
