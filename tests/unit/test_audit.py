"""The audit of a plugin: a good one has no findings, and each mistake is found by its own code."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import astral_core.audit
from astral_core.audit import CODES, audit_plugin
from astral_core.cli.check import check
from astral_core.finding import Finding

Install = Callable[..., None]
CORE = "astral-core>=0.1,<0.2"
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: ru\\n"\n'
PLURALS = HEADER + '"Plural-Forms: nplurals=3; plural=(n%10==1 ? 0 : n%10<5 ? 1 : 2);\\n"\n'
EMPTY = "from astral_core import Plugin\nplugin = Plugin()\n"
GOOD = """
from pydantic import BaseModel, ConfigDict, Field
from astral_core import N_, Plugin

class WeatherSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: int = Field(default=3, description="how many days to look ahead")

plugin = Plugin(settings=WeatherSettings)

@plugin.command("weather", description=N_("The weather"))
async def weather(ctx):
    ctx.reply(ctx.t("It is {degrees} in {city}", degrees=7, city="Omsk") + ctx.nt("{n} day", "{n} days", 3))
"""
RUSSIAN = (
    PLURALS + '\nmsgid "The weather"\nmsgstr "Погода"\n'
    '\nmsgid "It is {degrees} in {city}"\nmsgstr "В {city} {degrees}"\n'
    '\nmsgid "{n} day"\nmsgid_plural "{n} days"\n'
    'msgstr[0] "{n} день"\nmsgstr[1] "{n} дня"\nmsgstr[2] "{n} дней"\n'
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install(source, ru=catalogue)`: an installed distribution with one plugin; keywords change its metadata."""

    def make(
        source: str, *, ru: str | None = None, plugin: str = "weather", requires: tuple[str, ...] = (CORE,),
        typed: bool = True, dist: str | None = None,
    ) -> None:  # fmt: skip
        name = dist or f"astral-{plugin}"
        site = tmp_path / f"site-{name}"
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {r}" for r in requires)]
        (info / "METADATA").write_text("\n".join([*lines, ""]), encoding="utf-8")
        (info / "entry_points.txt").write_text(
            f"[astral.plugins]\n{plugin} = astral_{plugin}.plugin:plugin\n", "utf-8"
        )
        package = site / f"astral_{plugin}"
        (package / "locales").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "plugin.py").write_text(source, encoding="utf-8")
        if typed:
            (package / "py.typed").touch()
        if ru is not None:
            (package / "locales" / "ru.po").write_text(ru, encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))

    return make


@pytest.fixture(autouse=True)
def _imports_are_tried_where_they_are_the_point(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit imports a plugin in a process of its own, which takes most of a second."""
    if request.node.get_closest_marker("imports") is None:
        monkeypatch.setattr(astral_core.audit.package, "check_import", lambda _plugin: iter(()))


def only(findings: list[Finding]) -> Finding:
    """The one finding that there is."""
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


@pytest.mark.imports
def test_a_good_plugin_has_no_findings(install: Install) -> None:
    """Settings, a command, texts with plural forms: everything by the rules is silence."""
    install(GOOD, ru=RUSSIAN)
    assert audit_plugin("weather") == []


@pytest.mark.imports
def test_an_import_leaves_bytecode_where_the_caller_does(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that keeps bytecode elsewhere gets none beside the plugin's sources."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr("sys.pycache_prefix", str(tmp_path / "bytecode"))
    install("import colorsys")  # GOOD would compile Astral anew
    assert "has no 'plugin'" in only(audit_plugin("weather")).cause
    assert list((tmp_path / "bytecode").rglob("plugin.*.pyc")) != []
    assert list((tmp_path / "site-astral-weather").rglob("*.pyc")) == []


def test_a_plugin_that_is_not_installed_is_told_with_the_nearest_name(install: Install) -> None:
    """The finding names the entry-point group and what it may have been called."""
    install(GOOD, ru=RUSSIAN)
    found = only(audit_plugin("wether"))
    assert found.code == "plugin-missing"
    assert "Did you mean 'weather'?" in found.fix


def test_two_distributions_with_one_id(install: Install) -> None:
    """Both are named, and neither is imported."""
    install("raise SystemExit", dist="first-weather")
    install("raise SystemExit", dist="second-weather")
    found = only(audit_plugin("weather"))
    assert found.code == "plugin-discovery"
    assert "first-weather 1.0" in found.cause
    assert "second-weather 1.0" in found.cause


@pytest.mark.parametrize(
    ("requires", "cause"),
    [
        ((), "does not require astral-core"),
        (("astral-core>=0.1",), "has no upper bound"),
        (("Astral_Core<0.2",), "has no lower bound"),
        (("astral-core",), "has no lower bound"),
    ],
)
def test_the_range_of_core_versions_has_two_ends(install: Install, requires: tuple[str, ...], cause: str) -> None:
    """Without it an incompatible core would be found out by a crash."""
    install(EMPTY, requires=requires)
    found = only(audit_plugin("weather"))
    assert (found.code, found.where) == ("package-core", "astral-weather")
    assert cause in found.cause


@pytest.mark.imports
def test_a_plugin_for_another_core_is_not_imported(install: Install) -> None:
    """The finding says what it wants and what is here."""
    install("raise SystemExit", requires=("astral-core>=98,<99",))
    found = only(audit_plugin("weather"))
    assert found.code == "plugin-compatibility"
    assert "astral-core<99,>=98" in found.cause


def test_a_package_without_py_typed(install: Install) -> None:
    """Its annotations would be invisible; it works nevertheless."""
    install(EMPTY, typed=False)
    found = only(audit_plugin("weather"))
    assert (found.code, found.fatal) == ("package-typed", False)


@pytest.mark.imports
@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise RuntimeError('no key')", "RuntimeError: no key"),
        ("import os\nos.environ['WEATHER_KEY']", "KeyError: 'WEATHER_KEY'"),
        ("open('weather.ini')", "FileNotFoundError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("import os\nos._exit(7)", "ended the process with code 7"),
        ("x =", "SyntaxError"),
        ("from astral_core import Plugin\nPlugin(routes=[42])", "Plugin(routes=[...]) holds 42, which is no Routes"),
    ],
)
def test_an_import_that_needs_something_is_found(
    install: Install, monkeypatch: pytest.MonkeyPatch, source: str, cause: str
) -> None:
    """It runs in a process with an empty environment and folder, whatever is set here, and cannot end this one."""
    monkeypatch.setenv("WEATHER_KEY", "here")
    install(source)
    found = only(audit_plugin("weather"))
    assert (found.code, found.where) == ("import-failed", "astral_weather.plugin")
    assert cause in found.cause


@pytest.mark.imports
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("import socket\nsocket.create_connection(('127.0.0.1', 1))", "import-network"),
        ("import socket\ntry:\n    socket.getaddrinfo('localhost', 1)\nexcept OSError:\n    pass", "import-network"),
        ("import sqlite3\nsqlite3.connect(':memory:')", "import-database"),
    ],
)
def test_an_import_that_reaches_out_is_stopped_and_told(install: Install, source: str, code: str) -> None:
    """Network and database at import are found also where the plugin swallows the refusal."""
    install(source)
    found = only(audit_plugin("weather"))
    assert (found.code, found.fatal) == (code, True)
    assert "astral_lifespan" in found.fix


@pytest.mark.imports
def test_an_import_that_prints(install: Install) -> None:
    """It would spoil the output of commands with --json."""
    install(f"{EMPTY}print('weather is here')")
    found = only(audit_plugin("weather"))
    assert (found.code, found.fatal) == ("import-prints", False)
    assert "weather is here" in found.cause


HOOK = f"{EMPTY}@plugin.hook\n"


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("async def astral_helth(ctx):\n    pass", "there is no hook 'astral_helth'"),
        ("def astral_health(ctx):\n    pass", "astral_health is sync, the hook is async"),
        ("async def astral_health(context):\n    pass", "context"),
    ],
)
def test_hooks_have_their_names_colours_and_arguments(install: Install, source: str, cause: str) -> None:
    """A misspelt or miscoloured hook would never be called."""
    install(HOOK + source)
    found = only(audit_plugin("weather"))
    assert found.code == "hooks-wrong"
    assert cause in found.cause


MODEL = """
from pydantic import BaseModel, ConfigDict, Field
from astral_core import Plugin
class WeatherSettings(BaseModel):
    model_config = ConfigDict(extra="{extra}")
    {field}
plugin = Plugin(settings={model})
"""


@pytest.mark.parametrize(
    ("extra", "field", "model", "code"),
    [
        ("ignore", 'days: int = Field(3, description="days")', "WeatherSettings", "settings-extra"),
        ("forbid", "days: int = 3", "WeatherSettings", "settings-description"),
        ("forbid", 'key: str = Field(description="the key")', "WeatherSettings", "settings-unset"),
        ("forbid", 'days: int = Field(3, description="days")', "42", "settings-wrong"),
    ],
)
def test_settings_refuse_and_explain(install: Install, extra: str, field: str, model: str, code: str) -> None:
    """Unknown keys, keys without a word, keys that must be set before anything can be checked, no model at all."""
    install(MODEL.format(extra=extra, field=field, model=model))
    found = only(audit_plugin("weather"))
    assert found.code == code
    assert found.fatal == (code == "settings-wrong")


def test_a_setting_without_a_default_is_no_finding_once_it_is_set(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it is set to is read as the bot reads it, and the rest is checked."""
    install(MODEL.format(extra="forbid", field='key: str = Field(description="the key")', model="WeatherSettings"))
    assert "ASTRAL_PLUGINS__WEATHER__KEY" in only(audit_plugin("weather")).fix
    monkeypatch.setenv("ASTRAL_PLUGINS__WEATHER__KEY", "abc")
    assert audit_plugin("weather") == []


TABLES = """
from sqlalchemy import BigInteger, Column, ForeignKey, Table
from astral_core import Event, Plugin, Tables, core_users, plugin_metadata
class Sunny(Event):
    name = "sun.out"
metadata = plugin_metadata("weather")
def table(name, *people):
    keys = [Column(one, BigInteger, ForeignKey(core_users.c.id), primary_key=True) for one in people or ("user_id",)]
    Table(name, metadata, *keys)
    return Tables(metadata)
"""


HOOKS = """
@plugin.hook
async def astral_export_user(ctx, user_id):
    return {}
@plugin.hook
async def astral_delete_user(ctx, user_id):
    return 0
"""


@pytest.mark.parametrize(
    ("declared", "cause"),
    [
        ("tables=table('climate')", "table 'climate' must be called weather or weather_"),
        ("tables=table('weather_users', 'one', 'other')", "has more than one key to people (one, other)"),
        ("events=[Sunny]", "event 'sun.out' must be called weather."),
        ("events=[42]", "Plugin(events=[...]) holds 42, which is no Event"),
    ],
)
def test_declarations_keep_the_rules(install: Install, declared: str, cause: str) -> None:
    """Names of tables and events; rows of which it is unclear whose they are; things that are no declarations."""
    install(f"{TABLES}plugin = Plugin({declared})\n")
    found = only(audit_plugin("weather"))
    assert found.code == "declarations-wrong"
    assert cause in found.cause


def test_whoever_keeps_something_of_people_says_what_and_why(install: Install) -> None:
    """/privacy tells it to people; without it the page can name only the plugin."""
    install(f"{TABLES}plugin = Plugin(tables=table('weather_users'))\n{HOOKS}")
    found = [finding for finding in audit_plugin("weather") if finding.code == "texts-personal"]
    assert [(finding.where, finding.fatal) for finding in found] == [("weather", False)]
    assert "Plugin(personal=N_(" in found[0].fix


def test_a_plugin_that_says_what_it_keeps_has_no_finding_and_its_words_are_translated(install: Install) -> None:
    """What a plugin says of itself is among the texts that its catalogues need."""
    install(
        f'from astral_core import N_\n{TABLES}WORDS = "Your towns."\n'
        "plugin = Plugin(tables=table('weather_users'), personal=N_(WORDS), about='Weather.')\n"
        f"{HOOKS}", ru=HEADER,
    )  # fmt: skip
    found = {finding.code: finding for finding in audit_plugin("weather")}
    assert "texts-personal" not in found
    assert "'Your towns.' (personal of the plugin)" in found["texts-missing"].cause


def test_a_mention_that_cannot_be_emptied_is_found(install: Install) -> None:
    """It starts all the same: the id stays after /forget, and its author is told."""
    table = "Table('weather', metadata, key('one', 'owner'), key('other', 'mention'))"
    key = """
def key(name, person):
    reference = ForeignKey(core_users.c.id)
    return Column(name, BigInteger, reference, primary_key=True, info={"person": person})
"""
    install(f"{TABLES}{key}{table}\nplugin = Plugin(tables=Tables(metadata), personal='Towns.')\n")
    found = [finding for finding in audit_plugin("weather") if not finding.code.startswith("migrations")]
    assert [(finding.code, finding.where, finding.fatal) for finding in found] == [
        ("people-mention", "weather.other", False)
    ]


def test_a_command_of_the_core_is_a_conflict(install: Install) -> None:
    """It would clash in every bot. The finding names both sides."""
    install(GOOD.replace('"weather", description=N_("The weather")', '"start"'))
    found = only(audit_plugin("weather"))
    assert found.code == "declarations-conflict"
    assert "'core'" in found.cause


def test_a_broken_dependency_is_named(install: Install) -> None:
    """The plugin cannot be checked without what it needs."""
    install(EMPTY, requires=(CORE, "astral-sky"))
    install("raise RuntimeError('no stars')", plugin="sky")
    found = only(audit_plugin("weather"))
    assert found.code == "plugin-dependencies"
    assert "no stars" in found.cause


def test_an_absolute_path_is_the_owners_business(install: Install) -> None:
    """A webhook that these settings do not allow is no mistake of the plugin."""
    install(f"{EMPTY}@plugin.webhook('/webhook/weather')\nasync def take(ctx, request):\n    pass\n")
    assert audit_plugin("weather") == []


@pytest.mark.parametrize(
    ("was", "becomes", "code", "cause"),
    [
        ('msgstr "В {city} {degrees}"', 'msgstr ""', "texts-missing", "empty translation"),
        ('\nmsgid "The weather"\nmsgstr "Погода"\n', "", "texts-missing", "description of /weather"),
        ('msgid "It is {degrees} in {city}"', 'msgid "It was"', "texts-stale", "'It was', which no code says"),
        ('msgstr "В {city} {degrees}"', 'msgstr "В {town} {degrees}"', "texts-placeholders", "{degrees}, {town}"),
        ('msgstr[1] "{n} дня"', 'msgstr[1] "дня"', "texts-placeholders", "its translation nothing"),
        ('msgstr[2] "{n} дней"', 'msgstr[2] ""', "texts-missing", "'{n} day' has an empty translation"),
        ('\nmsgid "The weather"', '\n#, fuzzy\nmsgid "The weather"', "texts-fuzzy", "is fuzzy and not used"),
        ('msgstr "Погода"', 'mgstr "Погода"', "texts-unreadable", "is no catalogue"),
        ('msgstr "Погода"', 'msgstr "<b>Погода"', "texts-html", "<b> is never closed"),
        ('msgstr "Погода"', 'msgstr "< Погода"', "texts-html", "a bare '<'"),
        ("nplurals=3", "nplurals=INTEGER", "texts-plurals", "its header is wrong"),
        ('msgstr[2] "{n} дней"', 'msgstr[3] "{n} дней"', "texts-plurals", "more plural forms than ru has (3)"),
    ],
)
def test_catalogues_are_whole(install: Install, was: str, becomes: str, code: str, cause: str) -> None:
    """Every text is there, checked, with all forms and the same placeholders, and nothing is left of old ones."""
    assert was in RUSSIAN
    install(GOOD, ru=RUSSIAN.replace(was, becomes))
    found = {finding.code: finding for finding in audit_plugin("weather")}
    assert cause in found[code].cause
    assert found[code].where.partition(":")[0] == "astral_weather/locales/ru.po"
    assert found.keys() <= {code, "texts-missing"}  # what is called otherwise is missing too


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("german.po", "'german' is not the code of a language"),
        ("xx.po", "no language that Babel knows"),
        ("ru_.po", "'ru_' is not the code"),
        ("RU.po", "is a second catalogue of 'ru'"),
    ],
)
def test_a_catalogue_that_nobody_reads_is_found_by_its_name(
    install: Install, tmp_path: Path, name: str, cause: str
) -> None:
    """Its language is unknown, or there is another file for it."""
    install(GOOD, ru=RUSSIAN)
    folder = tmp_path / "site-astral-weather" / "astral_weather" / "locales"
    (folder / name).write_text(RUSSIAN, encoding="utf-8")
    found = only(audit_plugin("weather"))
    assert found.code == "texts-language"
    assert cause in found.cause


@pytest.mark.parametrize("name", ["pt_BR.po", "pt-br.po", "PT-BR.po"])
def test_a_catalogue_of_a_region_is_read_in_every_spelling(install: Install, tmp_path: Path, name: str) -> None:
    """Each language that is found is checked, not Russian alone."""
    install(GOOD, ru=RUSSIAN)
    folder = tmp_path / "site-astral-weather" / "astral_weather" / "locales"
    (folder / name).write_text('msgid "The weather"\nmsgstr "O {tempo}"\n', encoding="utf-8")
    codes = {finding.code for finding in audit_plugin("weather") if finding.where.endswith(name)}
    assert codes == {"texts-placeholders", "texts-missing"}


def test_texts_are_found_in_all_forms_of_a_call(install: Install) -> None:
    """In any language, in both arms of a condition, and never in another argument."""
    source = (
        "from astral_core import N_, Plugin\nplugin = Plugin()\n"
        "def say(ctx, cold, names):\n"
        "    ctx.t('Cold' if cold else 'Warm')\n    ctx.texts('ru').t('Outside')\n"
        "    ctx.reply(N_('Inside'))\n    ctx.t('Beside', why='no text')\n"
        "    ctx.texts('ru').nt('{n} cloud', '{n} clouds', 2)\n    ctx.t(names['other'])\n"
    )
    install(source, ru=PLURALS)
    missing = sorted(finding.cause.split("'")[1] for finding in audit_plugin("weather"))
    assert missing == ["Beside", "Cold", "Inside", "Outside", "Warm", "{n} cloud"]


@pytest.mark.imports
def test_a_module_that_nothing_imports_must_be_python_too(install: Install, tmp_path: Path) -> None:
    """Its place is told; the audit goes on."""
    install(EMPTY, typed=False)
    (tmp_path / "site-astral-weather" / "astral_weather" / "old.py").write_text("x =\n", encoding="utf-8")
    found = audit_plugin("weather")
    assert [finding.code for finding in found] == ["package-typed", "package-syntax"]
    assert found[1].where.endswith("old.py:1")


@pytest.mark.rest
@pytest.mark.imports
def test_the_command_prints_findings_and_ends_with_1(install: Install) -> None:
    """One line each for people, records for machines, 0 for a plugin without findings."""
    install(f"{EMPTY}print('hello')", typed=False)
    text = CliRunner().invoke(check, ["weather"])
    assert text.exit_code == 1
    assert "warning: import-prints (astral_weather.plugin): " in text.output
    assert "weather: 2 found" in text.output
    records = json.loads(CliRunner().invoke(check, ["weather", "--json"]).stdout)
    assert [record["code"] for record in records] == ["import-prints", "package-typed"]
    install(GOOD, ru=RUSSIAN, plugin="sky")
    assert json.loads(CliRunner().invoke(check, ["sky", "--json"]).stdout) == []
    assert CliRunner().invoke(check, ["sky"]).exit_code == 0


def test_the_registry_names_every_code_that_the_source_gives_and_no_other() -> None:
    """CODES is what the reference is made from; the phases before a plugin is imported make their codes by name."""
    phases = {"plugin-discovery", "plugin-compatibility", "plugin-dependencies"}
    words = set()
    for file in Path(astral_core.audit.__file__).parent.glob("*.py"):
        if file.name != "codes.py":
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            words |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    heads = {code.partition("-")[0] for code in CODES}
    given = {word for word in words if word.partition("-")[0] in heads and "-" in word and " " not in word}
    assert given - {"plugin-"} | phases == set(CODES)
    assert all(text.endswith(".") for text in CODES.values())


def test_every_code_has_a_failing_case() -> None:
    """The tests of the audit speak of each code."""
    here = Path(__file__)
    text = here.read_text(encoding="utf-8") + (
        here.parents[1] / "integration" / "test_audit_migrations.py"
    ).read_text(encoding="utf-8")
    assert [code for code in CODES if f'"{code}"' not in text] == []
