"""`astral texts`: extract, update and check, for a plugin's author, a plugin in one file, and a bot's owner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from astral_core.cli import cli
from astral_core.errors import TextsError
from astral_core.languages.catalogs import Catalogs
from astral_core.languages.po import Key, read
from astral_core.texts.files import update, write_template
from astral_core.texts.project import Target, find_project
from astral_core.texts.sources import Source, sources_of

CODE = """
from astral_core import N_, Plugin

plugin = Plugin()

@plugin.command("sky", description=N_("The sky"))
async def sky(ctx):
    # Translators: of a picture.
    # Keep it short.
    ctx.reply(ctx.t("{n} stars of {city}", n=3, city="Omsk") + ctx.nt("{n} star", "{n} stars", 3))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a plugin's project, which the command line is in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "astral-sky"\n[project.entry-points."astral.plugins"]\nsky = "astral_sky:plugin"\n',
        "utf-8",
    )
    (tmp_path / "astral_sky").mkdir()
    (tmp_path / "astral_sky" / "__init__.py").write_text(CODE, "utf-8")
    return tmp_path


def texts(*arguments: str) -> Result:
    """`astral texts ...`."""
    return CliRunner().invoke(cli, ["texts", *arguments])


def changed(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace text in a file; each has to be there."""
    content = path.read_text("utf-8")
    for was, becomes in pairs:
        assert was in content
        content = content.replace(was, becomes)
    path.write_text(content, "utf-8")


def test_an_author_extracts_all_texts(project: Path) -> None:
    """The same file each time, with files and notes, without dates, lines and paths of this machine."""
    done = texts("extract")
    assert (done.exit_code, done.output) == (0, "astral_sky/locales/astral_sky.pot: 3 texts\n")
    content = (project / "astral_sky" / "locales" / "astral_sky.pot").read_text("utf-8")
    assert content.startswith('# Texts of astral_sky.\nmsgid ""\n')
    assert "#. Translators: of a picture.\n#. Keep it short.\n#: astral_sky/__init__.py\n" in content
    assert '#, python-brace-format\nmsgid "{n} stars of {city}"\nmsgstr ""\n' in content
    assert 'msgid "{n} star"\nmsgid_plural "{n} stars"\nmsgstr[0] ""\n' in content
    assert str(project) not in content
    assert "Date" not in content
    assert texts("extract").output.endswith("3 texts, unchanged\n")
    changed(project / "astral_sky" / "__init__.py", ("plugin = Plugin()", "\n\nplugin = Plugin()"))
    assert texts("extract").output.endswith("unchanged\n")


def test_an_author_begins_a_translation_and_keeps_it(project: Path) -> None:
    """What is there stays, through every change of the code: translations, comments, the header; old texts too."""
    path = project / "astral_sky" / "locales" / "de.po"
    assert texts("update", "de").output == f"{path.relative_to(project)}: 3 texts, 3 missing\n"
    assert '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"' in path.read_text("utf-8")
    changed(
        path,
        ("# German texts of astral_sky.", "# German texts of astral_sky.\n# By Anna."),
        ('msgid "The sky"\nmsgstr ""', 'msgid "The sky"\nmsgstr "Der Himmel"'),
        ("#. Translators: of a picture.", "# Is this right?\n#. Translators: of a picture."),
        ('{city}"\nmsgstr ""', '{city}"\nmsgstr "{n} Sterne von {city}"'),
        ('msgstr[0] ""\nmsgstr[1] ""', 'msgstr[0] "{n} Stern"\nmsgstr[1] "{n} Sterne"'),
    )
    before = path.read_bytes()
    assert texts("update").output.endswith("3 texts, complete, unchanged\n")
    assert path.read_bytes() == before
    changed(project / "astral_sky" / "__init__.py", ("The sky", "A cow"), ("stars of {city}", "stars of {town}"))
    assert "3 texts, 1 missing, 1 fuzzy, 1 obsolete" in texts("update").output
    content = path.read_text("utf-8")
    assert content.startswith("# German texts of astral_sky.\n# By Anna.\n")
    assert '#~ msgid "The sky"\n#~ msgstr "Der Himmel"\n' in content
    assert '#, fuzzy, python-brace-format\nmsgid "{n} stars of {town}"\nmsgstr "{n} Sterne von {city}"\n' in content
    assert "# Is this right?\n" in content
    assert 'msgstr[0] "{n} Stern"\nmsgstr[1] "{n} Sterne"' in content
    assert texts("update").output.endswith("unchanged\n")


def test_a_check_counts_and_its_exit_code_tells_of_what_is_broken(project: Path) -> None:
    """What is missing is work to do; what is broken is a mistake. Machines read the same."""
    path = project / "astral_sky" / "locales" / "de.po"
    texts("update", "de")
    done = texts("check")
    assert (done.exit_code, done.output.split()) == (0, ["de", "astral_sky", "0", "of", "3", "3", "missing"])
    changed(path, ('"The sky"\nmsgstr ""', '"The sky"\nmsgstr "<b>Himmel"'),
            ('{city}"\nmsgstr ""', '{city}"\nmsgstr "{city}: {n}"'))  # fmt: skip
    with path.open("a", encoding="utf-8") as file:
        file.write('\nmsgid "Old"\nmsgstr "Alt"\n')
    done = texts("check", "DE")
    assert done.exit_code == 1
    assert " ".join(done.output.splitlines()[0].split()) == "de astral_sky 1 of 3 1 missing, 1 broken, 1 obsolete"
    assert "error: astral_sky/locales/de.po: the translation of 'The sky' cannot be sent" in done.output
    record = json.loads(texts("check", "--json").stdout)
    assert record["catalogues"][0]["broken"] == 1
    assert record["catalogues"][0]["faults"][0]["kind"] == "html"


def test_a_file_with_a_mistake_is_not_written_over(project: Path) -> None:
    """What cannot be read would be lost: the line is named, and the other languages are brought up to date."""
    texts("update", "de", "fr")
    path = project / "astral_sky" / "locales" / "de.po"
    changed(path, ('msgid "The sky"\nmsgstr ""', 'msgid "The sky"\nmsgstr "Himmel'))
    before = path.read_bytes()
    changed(project / "astral_sky" / "__init__.py", ("The sky", "A cow"))
    done = texts("update")
    assert done.exit_code == 1
    assert "astral_sky/locales/de.po:" in done.stderr
    assert "is left as it is" in done.stderr
    assert path.read_bytes() == before
    assert 'msgid "A cow"' in (project / "astral_sky" / "locales" / "fr.po").read_text("utf-8")


def test_a_language_of_a_region_keeps_the_name_of_its_file(project: Path) -> None:
    """New ones are named as gettext names them."""
    texts("update", "pt-br")
    folder = project / "astral_sky" / "locales"
    assert [file.name for file in folder.iterdir()] == ["pt_BR.po"]
    (folder / "pt_BR.po").rename(folder / "pt-br.po")
    changed(project / "astral_sky" / "__init__.py", ("The sky", "A cow"))
    texts("update", "pt_BR")
    assert [file.name for file in folder.iterdir()] == ["pt-br.po"]
    assert "A cow" in (folder / "pt-br.po").read_text("utf-8")


def test_a_project_may_have_its_package_in_src(project: Path) -> None:
    """As many have."""
    (project / "src").mkdir()
    (project / "astral_sky").rename(project / "src" / "astral_sky")
    assert texts("update", "de").output.startswith("src/astral_sky/locales/de.po: 3 texts")


def test_a_plugin_in_one_file_has_its_translations_beside_it(project: Path) -> None:
    """Where a bot finds them, and where the owner's files are, too."""
    (project / "hello.py").write_text(CODE, "utf-8")
    assert texts("update", "de", "--plugin", "hello.py").output == "locales/de/hello.po: 3 texts, 3 missing\n"
    assert texts("extract", "--plugin", "hello.py").output == "locales/hello.pot: 3 texts\n"
    assert "#: hello.py\n" in (project / "locales" / "hello.pot").read_text("utf-8")
    assert texts("check", "--plugin", "hello.py").output.split()[:2] == ["de", "hello"]


def test_an_owner_translates_what_the_packages_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a language that a package speaks nothing is missing; what the owner changed in it stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "astral.toml").write_text("[host]\nenabled = []\n", "utf-8")
    assert texts("update").exit_code == 1
    assert "name the language" in str(texts("update").exception)
    assert texts("update", "ru").output == "astral_core: ru is complete.\n"
    assert not (tmp_path / "locales").exists()
    assert texts("update", "de").output.startswith(f"{tmp_path}/locales/de/astral_core.po: ")
    own = tmp_path / "locales" / "ru" / "astral_core.po"
    own.parent.mkdir()
    own.write_text('msgid "Menu"\nmsgstr "Дом"\n\nmsgid "Gone"\nmsgstr "Нет"\n', "utf-8")
    assert "1 texts, 1 obsolete" in texts("update", "ru").output
    content = own.read_text("utf-8")
    assert 'msgid "Menu"\nmsgstr "Дом"\n' in content
    assert '#~ msgid "Gone"\n#~ msgstr "Нет"\n' in content
    done = texts("check")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert lines[0][:4] == ["de", "astral_core", "0", "of"]
    assert lines[1][:2] == ["ru", "astral_core"]
    assert lines[1][2] == lines[1][4]
    assert "de 0% of all, not offered" in " ".join(done.output.split())
    own.write_text('msgid "Menu"\nmsgstr "<b>Дом"\n', "utf-8")
    (own.parent / "astral_cor.po").write_text("", "utf-8")
    done = texts("check", "ru")
    assert done.exit_code == 1
    assert "never closed" in done.output
    assert "did you mean astral_core.po?" in done.output


@pytest.mark.parametrize(
    ("toml", "files", "what"),
    [
        ("", {}, "no plugin's pyproject.toml in this folder, and no astral.toml"),
        ("[project", {}, "pyproject.toml cannot be read"),
        ('[project.entry-points."astral.plugins"]\nsky = "astral_sky:plugin"', {}, "neither here nor in src/"),
        ('[project.entry-points."astral.plugins"]\nsky = "astral_sky:plugin"', {"astral_sky/__init__.py": "x ="},
         "astral_sky/__init__.py:1 is no Python"),
        ('[project.entry-points."astral.plugins"]\nsky = "astral_sky:plugin"', {"astral_sky/__init__.py": "x = 1"},
         "no text to translate"),
    ],
)  # fmt: skip
def test_what_cannot_be_translated_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str, files: Mapping[str, str], what: str
) -> None:
    """With a way out, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    if toml:
        (tmp_path / "pyproject.toml").write_text(toml, "utf-8")
    for name, content in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content, "utf-8")
    done = texts("update", "de")
    assert isinstance(done.exception, TextsError)
    assert what in str(done.exception)
    assert list(tmp_path.rglob("*.po*")) == []


@pytest.mark.parametrize("name", ["german", "xx", "d"])
def test_a_language_has_a_code(project: Path, name: str) -> None:
    """One that Babel knows, for the dates and numbers in it."""
    done = texts("update", name)
    assert done.exit_code == 2
    assert name in done.output


def test_a_file_that_is_no_plugin_is_refused(project: Path) -> None:
    """In words."""
    with pytest.raises(TextsError, match="there is no file"):
        find_project([Path("nothing.py")])


# --- any text ---

TEXT = st.text(min_size=1).filter(lambda text: text.strip() and "\r" not in text and "\0" not in text)


@given(st.dictionaries(TEXT, TEXT, min_size=1, max_size=5))
@example({'a "quoted"\n\\n text': '"„x“\n'})
@example({"50 % of {n}": "{n}: 50 %"})
def test_any_text_comes_through_code_template_and_catalogue(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, str]
) -> None:
    """Quotes, line ends, percent signs, every letter: what a translator wrote is what people read."""
    folder = tmp_path_factory.mktemp("any")
    code = "".join(f"t({text!a})\n" for text in said)
    (folder / "any.py").write_text(code, "utf-8")
    found = sources_of(folder / "any.py")
    assert set(found) == {(text,) for text in said}
    target = Target("any", found, Catalogs("any", folder=folder), folder / "locales", is_owners=False)
    write_template(target)
    update(target, "de")
    path = folder / "locales" / "de.po"
    catalog = read(path.read_bytes(), "de", "de.po").catalog
    for text, german in said.items():
        catalog[text].string = german
    _write(path, catalog)
    update(target, "de")
    again = read(path.read_bytes(), "de", "de.po")
    assert again.faults == []
    assert {entry.id: entry.string for entry in again.catalog if entry.id} == said


def _write(path: Path, catalog: object) -> None:
    from babel.messages.pofile import write_po

    with path.open("wb") as file:
        write_po(file, catalog, width=0)


def test_a_text_is_where_it_is_said(tmp_path: Path) -> None:
    """Each place counts, a condition's both arms too, and what is no constant is no text."""
    code = "N_('a')\nx.t('b' if y else 'a')\nnt('{n} c', '{n} cs', n)\nt(z)\nt('')\nN_(\n    'd'\n    'e')\n"
    (tmp_path / "one.py").write_text(code, "utf-8")
    found = sources_of(tmp_path / "one.py")
    expected: dict[Key, Source] = {
        ("a",): Source(["one.py:1", "one.py:2"]), ("b",): Source(["one.py:2"]),
        ("{n} c", "{n} cs"): Source(["one.py:3"]), ("de",): Source(["one.py:6"]),
    }  # fmt: skip
    assert found == expected
    assert found["a",].files == ["one.py"]
