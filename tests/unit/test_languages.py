"""Languages: what replaces a text that is missing or broken, which languages a bot offers, how they are named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from astral_core.i18n import Texts, fill
from astral_core.languages.catalogs import MANY, Catalogs
from astral_core.languages.po import read
from astral_core.languages.spoken import Languages, own_name
from astral_core.languages.tags import canonical, lineage, pick

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
Write = Callable[..., Catalogs]


def po(texts: Mapping[str, str]) -> str:
    """A catalogue of plain texts."""
    return HEAD + "".join(f'\nmsgid "{text}"\nmsgstr "{said}"\n' for text, said in texts.items())


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """`write("one", de={"Hello": "Hallo"}, owner_ru={...})`: a package with catalogues, and those of an owner."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(package: str, default: str = "en", **catalogues: Mapping[str, str] | str) -> Catalogs:
        made.append(name := f"{package}_{tmp_path.name}")
        (tmp_path / name / "locales").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for language, texts in catalogues.items():
            if language.startswith("owner_"):
                path = tmp_path / "own" / language.removeprefix("owner_") / f"{name}.po"
            else:
                path = tmp_path / name / "locales" / f"{language}.po"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts if isinstance(texts, str) else po(texts), encoding="utf-8")
        return Catalogs(name, tmp_path / "own", default=default)

    yield make
    for name in made:
        sys.modules.pop(name, None)


# --- what replaces what ---

TAGS = ("pt_BR", "pt", "de", "ru", "en")
TEXTS = ("one", "two", "three")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(TAGS), st.sets(st.sampled_from(TEXTS))),
    st.dictionaries(st.sampled_from(TAGS), st.sets(st.sampled_from(TEXTS))),
    st.sampled_from(TAGS), st.sampled_from(TAGS),
)  # fmt: skip
@example({"ru": {"one"}}, {}, "de", "ru")
@example({"pt": {"one"}}, {}, "pt", "pt_BR")
def test_a_text_is_looked_for_in_one_order(
    tmp_path_factory: pytest.TempPathFactory, package: dict[str, set[str]], owners: dict[str, set[str]],
    wanted: str, default: str,
) -> None:  # fmt: skip
    """The language, what it is a form of, the bot's own, English; in each the owner's text before the package's."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "locales").mkdir()
    for language, texts in package.items():
        (folder / "locales" / f"{language}.po").write_text(po({t: f"{t} {language}" for t in texts}), "utf-8")
    for language, texts in owners.items():
        (folder / "own" / language).mkdir(parents=True)
        changed = po({t: f"{t} {language} changed" for t in texts})
        (folder / "own" / language / "said.po").write_text(changed, "utf-8")
    catalog = Catalogs("said", folder / "own", folder=folder, default=default).for_language(wanted)
    order = list(dict.fromkeys([*lineage(wanted), *lineage(default), "en"]))
    order = order[: order.index("en") + 1]  # behind the source language there is nothing to look for
    for text in TEXTS:
        found = [
            f"{text} {language}{ending}"
            for language in order
            for ending, some in ((" changed", owners), ("", package))
            if text in some.get(language, ())
        ]
        assert catalog.gettext(text) == next(iter(found), text)


def test_plural_forms_are_those_of_the_language_that_is_shown(write: Write) -> None:
    """A Russian sentence in a German conversation counts as Russians do, a source text as the English do."""
    forms = 'msgid "{n} day"\nmsgid_plural "{n} days"\n'
    forms += 'msgstr[0] "{n} день"\nmsgstr[1] "{n} дня"\nmsgstr[2] "{n} дней"\n'
    catalogs = write("days", "ru", ru=f"{HEAD}\n{forms}", de={"Hello": "Hallo"})
    texts = Texts(catalogs.for_language("de"), "de")
    assert [texts.nt("{n} day", "{n} days", n) for n in (1, 3, 5)] == ["1 день", "3 дня", "5 дней"]
    assert [texts.nt("{n} star", "{n} stars", n) for n in (1, 3)] == ["1 star", "3 stars"]
    assert texts.t("Hello") == "Hallo"


def test_a_plugin_may_ask_for_any_language(write: Write) -> None:
    """Names that people make up fill no memory, and are answered in the bot's own language."""
    catalogs = write("asked", "ru", ru={"Hello": "Привет"})
    assert {catalogs.for_language(f"no such {n}").gettext("Hello") for n in range(2 * MANY)} == {"Привет"}
    assert len(catalogs._chains) == MANY


def test_a_plugin_in_one_file_has_its_texts_beside_it(tmp_path: Path) -> None:
    """By its name, in a folder for each language; the owner's folder may be the same one."""
    (tmp_path / "hello.py").touch()
    (tmp_path / "locales" / "de").mkdir(parents=True)
    (tmp_path / "locales" / "de" / "hello.po").write_text(po({"Hello": "Hallo"}), "utf-8")
    for owners in (None, tmp_path / "locales", tmp_path / "elsewhere"):
        catalogs = Catalogs("astral_file_hello", owners, file=tmp_path / "hello.py")
        assert catalogs.languages() == ("en", "de")
        assert catalogs.for_language("de").gettext("Hello") == "Hallo"
        assert catalogs.faults() == []


# --- what is broken ---


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Hallo {nam}", "{nam}"),
        ("Hallo", "nothing"),
        ("Hallo {name} {name.first}", "{name.first}"),
        ("Hallo {name:>9999999}", "{name:>9999999}"),
        ("Hallo {name", "single brace"),
        ("<b>Hallo {name}", "never closed"),
        ("<h1>Hallo {name}</h1>", "begins with a bare '<'"),
        ("a < b {name}", "bare '<'"),
        ("x" * 4100 + "{name}", "4106 UTF-16 units"),
    ],
)
def test_a_broken_text_is_found_and_another_language_is_shown(write: Write, said: str, what: str) -> None:
    """The owner's mistake costs the owner's text alone; the package's own comes through, and all other texts."""
    catalogs = write(
        "broken", de={"Hello {name}": "Guten Tag {name}"}, owner_de={"Hello {name}": said, "Bye": "Servus"}
    )
    texts = Texts(catalogs.for_language("de"), "de")
    assert texts.t("Hello {name}", name="Anna") == "Guten Tag Anna"
    assert texts.t("Bye") == "Servus"
    (fault,) = catalogs.faults()
    assert what in fault.cause
    assert fault.where == f"locales/de/{catalogs.domain}.po"


@pytest.mark.parametrize(
    ("was", "becomes", "line"),
    [
        ('msgstr "Eins"', 'msgst "Eins"', ":5"),
        ('msgstr "Eins"', 'msgstr "Eins\n', ":5"),
        ('msgstr "Eins"', "", ":5"),
        ('msgstr "Eins"', '<<<<<<< HEAD\nmsgstr "Eins"', ":5"),
        ('msgstr "Eins"', 'msgstr "Ei"ns"', ":5"),
    ],
)
def test_a_line_that_cannot_be_read_costs_one_text(write: Write, was: str, becomes: str, line: str) -> None:
    """With the place where it is; every other text is read."""
    content = po({"One": "Eins", "Two": "Zwei", "Three": "Drei"})
    assert was in content
    catalogs = write("lines", de=content.replace(was, becomes))
    german = catalogs.for_language("de")
    assert [german.gettext(text) for text in ("Two", "Three")] == ["Zwei", "Drei"]
    assert catalogs.faults() != []
    assert {fault.where for fault in catalogs.faults()} == {f"{catalogs.domain}/locales/de.po{line}"}


@pytest.mark.parametrize("rule", ["nplurals=INTEGER; plural=EXPRESSION;", "nplurals=2; plural=n%0;",
                                  "nplurals=2; plural=n;", "nplurals=1000000; plural=0;"])  # fmt: skip
def test_a_wrong_rule_for_plurals_is_replaced_by_babels(write: Write, rule: str) -> None:
    """A header as a tool makes it, or one that would fail while a message is written."""
    forms = 'msgid "{n} day"\nmsgid_plural "{n} days"\nmsgstr[0] "{n} Tag"\nmsgstr[1] "{n} Tage"\n'
    catalogs = write("rules", de=f'{HEAD}"Plural-Forms: {rule}\\n"\n\n{forms}')
    texts = Texts(catalogs.for_language("de"), "de")
    assert [texts.nt("{n} day", "{n} days", n) for n in (0, 1, 2)] == ["0 Tage", "1 Tag", "2 Tage"]
    (fault,) = catalogs.faults()
    assert '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"' in fault.fix


def test_some_plural_forms_are_not_enough(write: Write) -> None:
    """The text falls back as a whole, and is found."""
    forms = 'msgid "{n} day"\nmsgid_plural "{n} days"\nmsgstr[0] "{n} день"\nmsgstr[1] ""\nmsgstr[2] ""\n'
    catalogs = write("forms", ru=f"{HEAD}\n{forms}")
    assert Texts(catalogs.for_language("ru"), "ru").nt("{n} day", "{n} days", 5) == "5 days"
    assert [fault.cause for fault in catalogs.faults()] == ["'{n} day' has 1 of 3 plural forms."]


def test_a_file_that_cannot_be_opened_is_told(write: Write, tmp_path: Path) -> None:
    """A folder of that name, say; the package's own texts come through."""
    catalogs = write("closed", de={"Hello": "Hallo"})
    (tmp_path / "own" / "de" / f"{catalogs.domain}.po").mkdir(parents=True)
    assert catalogs.for_language("de").gettext("Hello") == "Hallo"
    (fault,) = catalogs.faults()
    assert (fault.where, fault.kind) == (f"locales/de/{catalogs.domain}.po", "unreadable")


@given(st.binary(), st.sampled_from(["de", "ru", "ar", "zh_Hans"]))
@example(b"\xff", "de")
@example(b"msgstr[x] 1", "de")
@example(b'"', "de")
def test_any_file_can_be_read(content: bytes, language: str) -> None:
    """Nothing that is called a catalogue raises; what is no text of it is a fault or a comment."""
    reading = read(content, language, "de.po")
    assert reading.compiled().gettext("Hello") == "Hello"


@given(st.text(st.sampled_from('msgidtr_plural[0] "\\n#~,fuzzy{x}<b>\n'), max_size=200))
def test_anything_like_a_catalogue_can_be_read(body: str) -> None:
    """The same for what looks nearly right."""
    reading = read(f'{HEAD}\n{body}\n\nmsgid "Hello"\nmsgstr "Hallo"\n'.encode(), "de", "de.po")
    assert reading.compiled().gettext("Bye") == "Bye"


NAMES = st.lists(st.sampled_from(["n", "name", "city"]), max_size=3)
PIECES = st.sampled_from(["", "<b>x</b>", "{{", "&lt;", "<", "{", "}", "{0}", "{n!r}", "{n:>3}", "<i>"])


@given(NAMES, NAMES, PIECES)
def test_a_translation_is_filled_in_or_not_used(source: list[str], said: list[str], more: str) -> None:
    """Whatever is in a catalogue: no handler fails for it, and no value is lost."""
    text = "text" + "".join(f" {{{name}}}" for name in source)
    translation = "Text" + "".join(f" {{{name}}}" for name in said) + more
    reading = read(po({text: translation}).encode(), "de", "de.po")
    shown = reading.compiled().gettext(text)
    filled = fill(shown, {"n": "1", "name": "Anna", "city": "Omsk"})
    assert {"n": "1", "name": "Anna", "city": "Omsk"}.keys() >= set(source)
    assert all({"n": "1", "name": "Anna", "city": "Omsk"}[name] in filled for name in source)
    assert (shown == text) == bool(reading.broken)
    if set(source) == set(said) and more in ("", "<b>x</b>", "{{", "&lt;"):
        assert shown == translation


# --- which are offered ---


def bot(write: Write, *, default: str = "en", listed: tuple[str, ...] | None = None) -> Languages:
    """Two packages with four texts: Russian is whole, German half, French a quarter."""
    catalogs = {
        "core": write("core", default, ru={"a": "а", "b": "б"}, de={"a": "A", "b": "B"}, fr={"a": "A"}),
        "plugin": write("plugin", default, ru={"c": "в", "d": "г"}, de={"c": "", "d": ""}),
    }
    return Languages(catalogs, default, listed)


def test_a_language_is_offered_from_half_of_all_texts_on(write: Write) -> None:
    """The union of all packages counts, not the core's own catalogues."""
    languages = bot(write)
    assert [languages.share(one) for one in languages.spoken] == [1, 0.5, 0.25, 1]
    assert languages.spoken == ("en", "de", "fr", "ru")
    assert languages.offered == ("en", "de", "ru")
    assert [languages.pick(one) for one in ("de-AT", "fr", "ru", None)] == ["de", "en", "ru", "en"]


def test_the_bots_own_language_and_the_source_language_are_always_offered(write: Write) -> None:
    """However little there is of it: the owner wants it. Who speaks nothing that is offered reads it."""
    languages = bot(write, default="fr")
    assert languages.offered == ("en", "de", "fr", "ru")
    assert languages.pick("tlh") == "fr"
    assert list(languages.faults()) == []


def test_the_owner_may_name_the_languages(write: Write) -> None:
    """Then that is the whole list, in its order, with the bot's own at the end where it is missing."""
    languages = bot(write, listed=("ru", "fr"))
    assert languages.offered == ("ru", "fr", "en")
    assert languages.names == {"ru": "Русский", "fr": "Français", "en": "English"}


def test_a_language_that_nothing_speaks_is_left_out_and_told(write: Write) -> None:
    """With the nearest one that is spoken. It stops no bot: the plugin that spoke it may be away."""
    languages = bot(write, default="uk", listed=("ru", "dee"))
    assert languages.own == "en"
    assert languages.offered == ("ru", "en")
    assert [(fault.where, fault.cause) for fault in languages.faults()] == [
        ("language", "nothing speaks 'uk'; it is left out."),
        ("languages", "nothing speaks 'dee'; it is left out."),
    ]
    assert "did you mean 'de'?" in list(languages.faults())[1].fix


def test_a_region_has_what_its_language_has(write: Write) -> None:
    """Brazilian Portuguese is offered though only one text of it differs."""
    catalogs = {"core": write("core", pt={"a": "a", "b": "b"}, pt_BR={"c": "c"})}
    languages = Languages(catalogs)
    assert languages.offered == ("en", "pt", "pt_BR")
    assert [languages.pick(one) for one in ("pt", "pt-pt", "pt-br", "PT_br")] == ["pt", "pt", "pt_BR", "pt_BR"]
    assert languages.menus == {"": "en", "pt": "pt"}  # Telegram's menus know no regions


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("de/astral_cor.po", "is for no installed package"),
        ("de.po", "is read by nobody"),
        ("german/astral_core.po", "'german' is not the code of a language"),
        ("xx/astral_core.po", "no language that Babel knows"),
    ],
)
def test_what_lies_in_the_owners_folder_for_nobody_is_told(tmp_path: Path, path: str, cause: str) -> None:
    """A translation that is not shown would be looked for long."""
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(po({"Menu": "Menü"}), "utf-8")
    languages = Languages({"core": Catalogs("astral_core", tmp_path)}, "en", None, tmp_path, {"astral_core"})
    (fault,) = languages.faults()
    assert fault.where == f"locales/{path}"
    assert cause in fault.cause
    assert languages.offered == ("en", "ru")


# --- names ---


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "Deutsch"),
        ("uk", "Українська"),
        ("pt_BR", "Português (Brasil)"),
        ("zh_Hans", "中文 (简体)"),
        ("en", "English"),
    ],
)
def test_a_language_is_called_as_it_calls_itself(tag: str, name: str) -> None:
    """With a capital letter where it has one."""
    assert own_name(tag) == name


@given(st.from_regex(r"[a-z]{2,3}(-[a-z]{4})?(-[a-z]{2})?", fullmatch=True))
def test_a_tag_has_one_spelling(tag: str) -> None:
    """Whatever case and sign; and that is what it is picked by."""
    known = canonical(tag)
    assert known == canonical(tag.upper().replace("-", "_")) == canonical(known)
    assert pick(tag, ("en", known), "en") == known
    assert pick(tag, ("en", known.partition("_")[0]), "en") == known.partition("_")[0]


@given(st.text())
def test_any_tag_can_be_asked_for(tag: str) -> None:
    """What a person's Telegram says is no promise."""
    assert pick(tag, ("en", "ru"), "en") in ("en", "ru")
