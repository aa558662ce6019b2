"""The Russian catalogue says everything that the code says, with the same placeholders and tags."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import astral_natal

SOURCE = Path(astral_natal.__file__).parent
PLACEHOLDER = re.compile(r"\{\w+\}|</?\w+>")


def source_texts() -> set[str]:
    """All texts that the code marks for translation."""
    found = extract_from_dir(SOURCE, keywords={"t": None, "N_": None, "nt": (1, 2)}, method_map=[("**.py", "python")])
    return {text for _, _, text, _, _ in found if isinstance(text, str)}


def catalogue() -> dict[str, str]:
    """The Russian catalogue."""
    with files("astral_natal").joinpath("locales/ru.po").open("rb") as stream:
        return {message.id: message.string for message in read_po(stream) if message.id}


def test_the_catalogue_is_complete_and_has_nothing_old():
    """Every text of the code is translated, and no other stands in the catalogue."""
    texts = source_texts()
    assert len(texts) > 20
    assert set(catalogue()) == texts
    assert all(catalogue().values())


def test_placeholders_and_tags_are_equal():
    """A translation has the placeholders and tags of its source, each as often."""
    for source, russian in catalogue().items():
        assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(russian)), source


def test_translations_are_russian():
    """No text was left in English, and none has a double space or hangs in the air."""
    for source, russian in catalogue().items():
        assert re.search("[А-Яа-яё]", russian), source
        assert russian == russian.strip()
        assert "  " not in russian
