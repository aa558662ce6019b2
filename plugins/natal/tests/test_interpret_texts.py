"""The texts: complete and alike in both languages, of the promised length, clean, and part of the package."""

from __future__ import annotations

import re
import string
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_natal import lexicon as lexicon_module
from astral_natal.lexicon import (
    ANGLES,
    BODIES,
    LANGUAGES,
    NATURES,
    SLOW,
    aspect_key,
    aspect_text,
    house_text,
    lexicon,
    ordered,
    sign_text,
)
from astral_natal.model import SIGNS

PERSONAL = ("sun", "moon", "mercury", "venus", "mars")
PAIRS = (
    ("sun", "moon"), ("sun", "mars"), ("sun", "jupiter"), ("sun", "saturn"), ("moon", "mercury"),
    ("moon", "venus"), ("moon", "mars"), ("moon", "saturn"), ("venus", "mars"), ("mars", "saturn"),
)  # fmt: skip
TABLES = ("chapter.", "frame.", "planet.", "sign.", "house.", "kind.")
PLACEHOLDERS = {
    "frame.roles": {"first", "second", "first_role", "second_role"},
    "frame.sign_change": {"body", "before", "after", "time"},
    "frame.sign_change_title": {"body"},
} | {f"kind.{kind}.title": {"first", "second"} for kind in NATURES}
PACKAGE = Path(lexicon_module.__file__).parent

languages = pytest.mark.parametrize("language", LANGUAGES)


def written(language: str) -> dict[str, str]:
    """The texts that are read whole: no phrases, no names."""
    return {
        key: text
        for key, text in lexicon(language).items()
        if not key.startswith(TABLES) and not key.endswith(".name")
    }


def test_languages_have_the_same_keys() -> None:
    """Whatever is written in one language is written in the other."""
    russian, english = (set(lexicon(language)) for language in LANGUAGES)
    assert russian ^ english == set()


@languages
def test_promised_texts_are_written(language: str) -> None:
    """Luminaries, angles and personal planets have a text of their own in each sign and house."""
    texts = lexicon(language)
    promised = [f"{body}.{sign}" for body in (*PERSONAL, *ANGLES) for sign in SIGNS]
    promised += [f"{body}.house.{house}" for body in BODIES for house in range(1, 13)]
    promised += [f"{body}.{sign}" for body in ("jupiter", "saturn", "node") for sign in SIGNS]
    promised += [f"aspect.{a}.{b}.{nature}" for a, b in PAIRS for nature in set(NATURES.values())]
    promised += [f"element.{name}.{side}" for name in ("fire", "earth", "air", "water") for side in ("high", "low")]
    promised += [f"cross.{name}.{side}" for name in ("cardinal", "fixed", "mutable") for side in ("high", "low")]
    promised += ["element.balanced", "cross.balanced"]
    promised += [f"retro.{body}" for body in BODIES if body not in {"sun", "moon", "node"}]
    assert [key for key in promised if key not in texts] == []


@languages
def test_every_written_key_can_be_reached(language: str) -> None:
    """No text hides under a key that no chart asks for, misspelt or with its pair in the wrong order."""
    reachable = {f"{body}.{sign}" for body in (*BODIES, *ANGLES) for sign in SIGNS}
    reachable |= {f"{body}.house.{house}" for body in BODIES for house in range(1, 13)}
    reachable |= {aspect_key(a, b, kind) for a, b in combinations(BODIES, 2) for kind in NATURES}
    reachable |= {f"retro.{body}" for body in BODIES}
    strangers = [key for key in written(language) if key not in reachable]
    assert all(re.fullmatch(r"(element|cross)\.(\w+\.(high|low)|balanced)", key) for key in strangers), strangers


@languages
def test_written_texts_have_the_promised_length(language: str) -> None:
    """A text is long enough to say something and short enough to be read on a phone."""
    brief = re.compile(rf"({'|'.join(SLOW)}|jupiter|saturn|node)\.house\.|retro\.|(jupiter|saturn|node)\.")
    wrong = {
        key: len(text)
        for key, text in written(language).items()
        if not (90 if brief.match(key) else 200) <= len(text) <= 350
    }
    assert wrong == {}


@languages
def test_texts_are_clean(language: str) -> None:
    """No stray placeholders, markup, double spaces or unfinished sentences."""
    for key, text in lexicon(language).items():
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        assert fields == PLACEHOLDERS.get(key, set()), key
        assert not re.search(r"[<>&{}]|  |\s[,.;:!?]|\.\.|^\s|\s$", text.translate({ord("{"): "", ord("}"): ""})), key
    for key, text in written(language).items():
        assert text[0].isupper(), key
        assert text[-1] in ".!?", key


def test_each_language_keeps_to_its_script() -> None:
    """No Latin letter slips into a Russian word and no Cyrillic one into English."""
    assert [key for key, text in written("ru").items() if re.search(r"[A-Za-z]", text)] == []
    assert [key for key, text in lexicon("en").items() if re.search(r"[Ѐ-ӿ]", text)] == []


@languages
def test_no_text_is_used_twice(language: str) -> None:
    """Every written text is its own: nothing is copied from one sign or house to another."""
    counted = Counter(written(language).values())
    assert [text for text, times in counted.items() if times > 1] == []


@languages
def test_no_sentence_is_used_twice(language: str) -> None:
    """Sentences too do not repeat between texts, so that a reading does not echo itself."""
    sentences = Counter(
        sentence for text in written(language).values() for sentence in re.split(r"(?<=[.!?])\s", text)
    )
    assert [sentence for sentence, times in sentences.items() if times > 1] == []


@languages
def test_no_threats_and_no_promises(language: str) -> None:
    """Nothing about illness, death, diagnoses or wealth to come."""
    banned = {
        "ru": r"\b(смерт|умр|умер(?!ен)|болезн|диагноз|лечит|развод|разбогате|богатств|суждено|обреч[её]н|неизбежн)",
        "en": r"\b(death|die|dying|illness|disease|diagnos|heal|divorce|bankrupt|get rich|doomed|destined|inevit)",
    }[language]
    found = {key: text for key, text in written(language).items() if re.search(banned, text, re.IGNORECASE)}
    assert found == {}


def test_russian_does_not_guess_the_readers_gender() -> None:
    """The reader is addressed as plural «вы»: no «вы рад(а)», no singular past or slashed endings."""
    pattern = re.compile(r"\b[Вв]ы (\w+(ый|ой|ая|ен|на|лся|лась)|был[аи]?)\b|\w\(\w+\)|\w/а\b")
    found = {key: match[0] for key, text in written("ru").items() if (match := pattern.search(text))}
    assert found == {}


@languages
def test_every_placement_has_a_text(language: str) -> None:
    """Any body in any sign and any house, and any angle in any sign, reads as whole sentences."""
    texts = lexicon(language)
    for sign in range(12):
        for body in (*BODIES, *ANGLES):
            assert 100 <= len(sign_text(texts, body, sign)) <= 450
    for body in BODIES:
        for house in range(1, 13):
            assert 90 <= len(house_text(texts, body, house)) <= 450


@languages
def test_every_aspect_has_a_text(language: str) -> None:
    """Any two bodies in any kind of aspect read as whole sentences, whichever is named first."""
    texts = lexicon(language)
    for first, second in combinations((*BODIES[:-1], "true_node"), 2):
        for kind in NATURES:
            text = aspect_text(texts, first, second, kind)
            assert 120 <= len(text) <= 450
            assert not set("{}") & set(text)
            assert text[0].isupper()
            assert text == aspect_text(texts, second, first, kind)


@languages
def test_fallback_alone_covers_everything(language: str) -> None:
    """With no written text at all, the phrase tables still give one for every case."""
    phrases = {key: text for key, text in lexicon(language).items() if key.startswith(TABLES)}
    for body in (*BODIES, *ANGLES):
        assert all(len(sign_text(phrases, body, sign)) > 80 for sign in range(12))
    for body in BODIES:
        assert all(len(house_text(phrases, body, house)) > 80 for house in range(1, 13))
    for first, second in combinations(BODIES, 2):
        assert all(len(aspect_text(phrases, first, second, kind)) > 100 for kind in NATURES)


@languages
def test_composed_aspects_vary_within_a_reading(language: str) -> None:
    """Aspects composed in one reading take turns in wording, starting again only when all were used."""
    texts = lexicon(language)
    used: Counter[str] = Counter()
    told = [aspect_text(texts, "jupiter", "pluto", "trine", used) for _ in range(4)]
    assert len(set(told[:3])) == 3
    assert told[3] == told[0]
    assert aspect_text(texts, "jupiter", "pluto", "trine") == told[0]


def test_russian_prepositions_and_cases() -> None:
    """Sign names stand in the right case, with the buffer vowel before «Льве»."""
    texts = lexicon("ru")
    assert [texts[f"sign.{sign}.in"] for sign in SIGNS] == [
        "в Овне", "в Тельце", "в Близнецах", "в Раке", "во Льве", "в Деве",
        "в Весах", "в Скорпионе", "в Стрельце", "в Козероге", "в Водолее", "в Рыбах",
    ]  # fmt: skip
    assert (texts["sign.virgo.from"], texts["sign.virgo.to"]) == ("из Девы", "в Деву")
    assert (texts["sign.leo.from"], texts["sign.leo.to"]) == ("из Льва", "в Лев")
    assert [texts[f"house.{house}.name"] for house in (1, 3, 12)] == ["1-й дом", "3-й дом", "12-й дом"]


def test_english_ordinals() -> None:
    """House names carry English ordinals."""
    texts = lexicon("en")
    names = [texts[f"house.{house}.name"].split()[0] for house in (1, 2, 3, 4, 11, 12)]
    assert names == ["1st", "2nd", "3rd", "4th", "11th", "12th"]


@pytest.mark.parametrize(
    ("tag", "name"),
    [("ru", "Солнце"), ("ru-RU", "Солнце"), ("RU_ru", "Солнце"), ("en", "Sun"), ("de", "Sun"), ("", "Sun")],
)
def test_language_tags(tag: str, name: str) -> None:
    """Regional tags find their language; any other language reads English."""
    assert lexicon(tag)["planet.sun.name"] == name


def test_texts_are_cached_and_read_only() -> None:
    """Files are read once, and no caller can change what others read."""
    assert lexicon("ru") is lexicon("ru-RU")
    with pytest.raises(TypeError):
        lexicon("ru")["sun.aries"] = ""  # type: ignore[index]


@given(st.sampled_from(BODIES), st.sampled_from(BODIES))
def test_order_of_bodies_is_canonical(first: str, second: str) -> None:
    """A pair has one order, whichever way it is given."""
    assert ordered(first, second) == ordered(second, first)
    assert [*ordered(first, second)] == sorted((first, second), key=BODIES.index)


def test_a_key_written_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of a language with the same key are a mistake that names the file and the key."""
    folder = tmp_path / "texts" / "xx"
    folder.mkdir(parents=True)
    (folder / "a.toml").write_text('[sun]\naries = "One."\n', encoding="utf-8")
    (folder / "b.toml").write_text('[sun]\naries = "Two."\n', encoding="utf-8")
    monkeypatch.setattr(lexicon_module.resources, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"xx/b\.toml: sun\.aries"):
        lexicon_module._load.__wrapped__("xx")


def test_a_text_that_is_not_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number where a text belongs is a mistake that names the key; other files in the folder are ignored."""
    folder = tmp_path / "texts" / "xx"
    folder.mkdir(parents=True)
    (folder / "notes.md").write_text("not a text", encoding="utf-8")
    (folder / "a.toml").write_text("[sun]\naries = 1\n", encoding="utf-8")
    monkeypatch.setattr(lexicon_module.resources, "files", lambda _: tmp_path)
    with pytest.raises(TypeError, match=r"sun\.aries is int"):
        lexicon_module._load.__wrapped__("xx")


def test_texts_live_inside_the_package() -> None:
    """The data files and their notice lie in the packaged folder, so the wheel has them."""
    for language in LANGUAGES:
        names = {path.name for path in (PACKAGE / "texts" / language).iterdir()}
        assert {"phrases.toml", "sun.toml", "moon.toml", "asc.toml", "aspects.toml"} <= names
    notice = (PACKAGE / "texts" / "NOTICE.md").read_text(encoding="utf-8")
    assert "CC0" in notice
    assert "MIT" in notice
