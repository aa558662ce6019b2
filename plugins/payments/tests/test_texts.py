"""Every text that people read has its Russian, with the same placeholders and tags."""

from __future__ import annotations

import ast
import re
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import astral_payments
from astral_core.markup import check_html, utf16

PACKAGE = Path(astral_payments.__file__).parent
MARKS = {"t", "N_"}


def source_texts() -> dict[str, str]:
    """Every text given to `t` or `N_`, with the file where it stands."""
    found: dict[str, str] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            found |= dict.fromkeys(texts if name in MARKS else [], file.name)
    return found


def russian() -> dict[str, str]:
    """The Russian catalogue."""
    with resources.files("astral_payments").joinpath("locales", "ru.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, locale="ru") if entry.id}


def test_the_catalogue_is_complete_and_has_nothing_old() -> None:
    """Each source text is translated, and no translation is left of a text that is gone."""
    source, catalogue = source_texts(), russian()
    assert len(source) > 60
    assert {text: source[text] for text in source if not catalogue.get(text)} == {}
    assert catalogue.keys() - source.keys() == set()


@pytest.mark.parametrize(("text", "translation"), sorted(russian().items()))
def test_translations_keep_placeholders_and_tags(text: str, translation: str) -> None:
    """What is filled in and what is bold is so in both languages; both are messages that Telegram takes."""
    for pattern in (r"\{\w+\}", r"</?\w+>", r"(?<![\w<])/[a-z]+"):
        assert sorted(re.findall(pattern, text)) == sorted(re.findall(pattern, translation)), pattern
    assert check_html(translation, 4096)
    assert re.search(r"[А-Яа-яЁё№]", translation)


def test_what_telegram_cuts_is_short_enough() -> None:
    """Toasts and declined payments have at most 200 UTF-16 units, in both languages."""
    short = [text for text, file in source_texts().items() if file == "stars.py"]
    assert len(short) >= 4
    for text in short:
        assert utf16(text) <= 200
        assert utf16(russian()[text]) <= 200
