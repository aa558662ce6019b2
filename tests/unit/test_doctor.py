"""`astral doctor`: each thing that it can find, found in a real failing case, and no secret in what it says."""

from __future__ import annotations

import ast
import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

import astral_core.doctor
from astral_core.cli import cli
from astral_core.descriptors import needed
from astral_core.doctor import CODES, diagnose, guarded
from astral_core.doctor.machine import check_descriptors, check_machine
from astral_core.finding import Finding
from astral_playground.telegram import server
from astral_playground.telegram.emulator import TelegramEmulator

TOKEN = "42:some-token-of-nobody-but-the-tests"
Install = Callable[..., None]


def found(findings: list[Finding]) -> dict[str, Finding]:
    """By code."""
    return {finding.code: finding for finding in findings}


def doctor(*arguments: str, **environment: str) -> Result:
    """`astral doctor ...` in this process."""
    return CliRunner().invoke(cli, ["doctor", *arguments], env=environment)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], int]:
    """`toml(text)` writes the astral.toml that is read."""
    return (tmp_path / "astral.toml").write_text


@pytest.fixture
def bot(toml: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A bot with which nothing is wrong, without plugins; what is returned sets more variables."""
    toml("admins = [1]\n[host]\nenabled = []\n[web]\nport = 0\n")
    monkeypatch.setenv("ASTRAL_TELEGRAM__TOKEN", TOKEN)
    monkeypatch.setenv("ASTRAL_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    return monkeypatch


@pytest.fixture
async def telegram(bot: pytest.MonkeyPatch) -> AsyncIterator[TelegramEmulator]:
    """Telegram, which knows the bot."""
    emulator = TelegramEmulator()
    emulator.app.on_response_prepare.append(_other_clock)
    async with emulator:
        bot.setenv("ASTRAL_TELEGRAM__TOKEN", emulator.token)
        bot.setenv("ASTRAL_TELEGRAM__API_URL", emulator.api_url)
        yield emulator


EMPTY = "from astral_core import Plugin\n\nplugin = Plugin()\n"
CLOCK: dict[str, float] = {"off": 0.0}


async def _other_clock(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Date"] = formatdate(time.time() + CLOCK["off"], usegmt=True)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install("weather", source, requires=())`: a distribution with a plugin, as pip would leave it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, source: str, requires: tuple[str, ...] = ()) -> None:
        info = site / f"astral_{name}-1.0.dist-info"
        info.mkdir()
        lines = [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: astral-{name}", "Version: 1.0", *lines, ""]), encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[astral.plugins]\n{name} = astral_{name}:plugin\n", encoding="utf-8")
        (info / "RECORD").touch()
        (site / f"astral_{name}.py").write_text(source, encoding="utf-8")

    return make


def command(name: str) -> str:
    """The source of a plugin with one command."""
    return f"{EMPTY}\n@plugin.command({name!r})\nasync def run(ctx):\n    pass\n"


# --- the doctor as a whole ---


def test_a_bot_with_which_nothing_is_wrong_is_well(bot: pytest.MonkeyPatch) -> None:
    """Exit code 0 and a sentence; for machines an empty list."""
    result = doctor("--offline")
    assert (result.exit_code, result.output) == (0, "all is well\n")
    assert json.loads(doctor("--offline", "--json").stdout) == []


def test_a_finding_has_code_place_cause_and_fix_and_the_exit_code_tells_of_fatal_ones(
    bot: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A note leaves 0, what has to be mended gives 1; machines read the same."""
    bot.setenv("ASTRAL_ADMINS", "")
    note = doctor("--offline")
    assert note.exit_code == 0
    assert "admins-empty (admins): nobody" in note.output
    assert note.output.endswith("all is well\n")
    bot.delenv("ASTRAL_TELEGRAM__TOKEN")
    wrong = doctor("--offline", "--json")
    assert wrong.exit_code == 1
    records = {record["code"]: record for record in json.loads(wrong.stdout)}
    assert records["token-missing"]["fatal"] is True
    assert records["admins-empty"]["fatal"] is False
    assert all(record["where"] and record["cause"] and record["fix"] for record in records.values())
    assert not (tmp_path / "bot.db").exists()


def test_the_registry_names_every_code_that_the_source_gives_and_no_other() -> None:
    """CODES is what documentation is made from."""
    given_codes = set()
    for file in Path(astral_core.doctor.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                assert isinstance(node.args[0], ast.Constant), f"{file.name}:{node.lineno}"
                given_codes.add(node.args[0].value)
    assert given_codes == set(CODES)
    assert all(text.endswith(".") for text in CODES.values())


def test_every_code_has_a_failing_case() -> None:
    """The tests of the doctor speak of each code."""
    files = [Path(__file__), *(Path(__file__).parents[1] / "integration").glob("test_doctor_*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    said = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(CODES) - said == set()


def test_a_check_that_fails_is_a_finding_and_shows_no_text_of_the_error() -> None:
    """The others go on; the error's own text may hold anything."""

    def broken() -> list[Finding]:
        raise RuntimeError(TOKEN)

    (finding,) = guarded("weather", broken)
    assert (finding.code, finding.where, finding.fatal) == ("check-failed", "weather", False)
    assert "RuntimeError" in finding.cause
    assert TOKEN not in str(finding)


# --- settings ---


def test_each_wrong_setting_is_a_finding_and_the_machine_is_looked_at_all_the_same(
    toml: Callable[[str], int],
) -> None:
    """Unknown keys come with the nearest name; no value is shown."""
    toml('[databse]\nurl = "hunter2"\n[web]\nport = "hunter2"\n')
    findings = diagnose(offline=True)
    wrong = {finding.where: finding for finding in findings if finding.code == "settings-invalid"}
    assert set(wrong) == {"databse", "web.port"}
    assert "Did you mean 'database'?" in wrong["databse"].cause
    assert "hunter2" not in str(findings)


def test_a_file_that_is_no_toml_is_a_finding(toml: Callable[[str], int]) -> None:
    """With the line."""
    toml("admins = [1]\nlanguage = \n")
    finding = found(diagnose(offline=True))["settings-invalid"]
    assert finding.where == "astral.toml"
    assert "line 2" in finding.cause


def test_a_configured_file_that_is_not_there_is_a_note(bot: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A start would silently take the defaults."""
    (tmp_path / "astral.toml").unlink()
    assert not found(diagnose(offline=True))["settings-file-missing"].fatal


def test_a_variable_that_nothing_reads_is_a_note_with_the_nearest_name(bot: pytest.MonkeyPatch) -> None:
    """One underscore instead of two is the usual mistake; its value is not shown."""
    bot.setenv("ASTRAL_WEB_PORT", "hunter2")
    finding = found(diagnose(offline=True))["settings-unknown-variable"]
    assert (finding.where, finding.fix, finding.fatal) == ("ASTRAL_WEB_PORT", "did you mean ASTRAL_WEB__PORT?", False)
    assert "hunter2" not in str(finding)


def test_settings_of_a_plugin_that_is_not_installed_are_a_note(bot: pytest.MonkeyPatch, install: Install) -> None:
    """Most often the plugin's name is misspelt."""
    install("weather", EMPTY)
    bot.setenv("ASTRAL_HOST__ENABLED", '["weather"]')
    bot.setenv("ASTRAL_PLUGINS__WETHER__KEY", "hunter2")
    finding = found(diagnose(offline=True))["settings-unknown-plugin"]
    assert (finding.where, finding.fix) == ("plugins.wether", "did you mean 'weather'?")


def test_people_with_a_role_that_no_plugin_names_are_a_note(bot: pytest.MonkeyPatch, install: Install) -> None:
    """With the nearest name that some plugin names."""
    install("weather", 'from astral_core import Plugin\nplugin = Plugin(roles={"support": "Answers people"})\n')
    bot.setenv("ASTRAL_HOST__ENABLED", '["weather"]')
    bot.setenv("ASTRAL_ROLES__SUPORT", "[1]")
    finding = found(diagnose(offline=True))["settings-unknown-role"]
    assert (finding.where, finding.fix, finding.fatal) == ("roles.suport", "did you mean 'support'?", False)


def test_own_texts_that_nobody_reads_are_a_note(bot: pytest.MonkeyPatch) -> None:
    """So is a privacy notice without what the core and the plugins keep."""
    bot.setenv("ASTRAL_TEXTS__RUS__START", "Привет")
    finding = found(diagnose(offline=True))["texts-doubtful"]
    assert (finding.where, finding.fix, finding.fatal) == ("[texts.rus]", "did you mean 'ru'?", False)
    bot.setenv("ASTRAL_TEXTS__RUS__START", "")
    assert "is empty" in found(diagnose(offline=True))["settings-invalid"].cause
    bot.delenv("ASTRAL_TEXTS__RUS__START")
    bot.setenv("ASTRAL_TEXTS__PRIVACY", "Nothing but {plugins}")
    assert "does not hold {core}" in found(diagnose(offline=True))["texts-doubtful"].cause


def test_a_public_address_needs_https_a_secret_and_a_token_for_the_metrics(bot: pytest.MonkeyPatch) -> None:
    """All three are told; a Bot API server of one's own takes http, too."""
    bot.setenv("ASTRAL_TELEGRAM__PUBLIC_URL", "http://bot.example")
    findings = found(diagnose(offline=True))
    expected = {"public-url-not-https": True, "webhook-secret-missing": True, "metrics-token-missing": False}
    assert {code: finding.fatal for code, finding in findings.items()} == expected
    bot.setenv("ASTRAL_TELEGRAM__API_URL", "http://127.0.0.1:8081")
    assert not found(diagnose(offline=True))["public-url-not-https"].fatal


# --- Telegram ---


@pytest.mark.parametrize("token", ["no-token", "0:abc", " 42:abc", "42:", "42:abc def"])
def test_a_token_that_looks_like_none_is_not_sent_anywhere(bot: pytest.MonkeyPatch, token: str) -> None:
    """It is told without the network, and not shown."""
    bot.setenv("ASTRAL_TELEGRAM__TOKEN", token)
    findings = diagnose()
    assert [finding.code for finding in findings] == ["token-malformed"]
    assert token not in findings[0].cause


async def test_telegram_that_knows_the_bot_gives_no_finding(telegram: TelegramEmulator) -> None:
    """Nothing is changed there."""
    assert await asyncio.to_thread(diagnose) == []
    assert [call.method for call in telegram.calls] == ["getMe", "getWebhookInfo"]


async def test_a_token_that_telegram_does_not_know_is_told(
    telegram: TelegramEmulator, bot: pytest.MonkeyPatch
) -> None:
    """And not shown."""
    bot.setenv("ASTRAL_TELEGRAM__TOKEN", TOKEN)
    findings = await asyncio.to_thread(diagnose)
    assert [(finding.code, finding.fatal) for finding in findings] == [("token-refused", True)]
    assert TOKEN not in str(findings)


async def test_telegram_that_is_away_or_ill_is_told(telegram: TelegramEmulator, bot: pytest.MonkeyPatch) -> None:
    """The cause is the kind of failure; the token, which stands in the URL, is not shown."""
    telegram.fail("getMe", "500")
    assert "500" in found(await asyncio.to_thread(diagnose))["telegram-unreachable"].cause
    bot.setenv("ASTRAL_TELEGRAM__API_URL", "http://127.0.0.1:1")
    findings = await asyncio.to_thread(diagnose)
    assert "connection failed" in found(findings)["telegram-unreachable"].cause
    assert telegram.token not in str(findings)


@pytest.mark.parametrize(
    ("status", "body"), [(404, "<html>no such page</html>"), (200, '{"ok": true, "result": []}')]
)
async def test_an_odd_answer_says_nothing_about_the_token(bot: pytest.MonkeyPatch, status: int, body: str) -> None:
    """A proxy's page, or a result of another form: the server is unwell, and the token may be right."""

    async def odd(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    bot.setattr(server, "_bot_api", odd)
    async with TelegramEmulator() as telegram:
        bot.setenv("ASTRAL_TELEGRAM__API_URL", telegram.api_url)
        assert list(found(await asyncio.to_thread(diagnose))) == ["telegram-unreachable"]


async def test_a_webhook_elsewhere_and_failed_deliveries_are_notes(
    telegram: TelegramEmulator, bot: pytest.MonkeyPatch
) -> None:
    """Telegram's own words about the failure are repeated."""
    for name, value in {"PUBLIC_URL": "https://bot.example/", "WEBHOOK_SECRET": "some-secret"}.items():
        bot.setenv(f"ASTRAL_TELEGRAM__{name}", value)
    bot.setenv("ASTRAL_WEB__METRICS_TOKEN", "some-token")
    assert "has no webhook" in found(await asyncio.to_thread(diagnose))["webhook-differs"].cause
    hook = telegram.world.webhook
    hook.url, hook.last_error_date, hook.last_error_message = "https://else.example", int(time.time()), "Bad Gateway"
    findings = found(await asyncio.to_thread(diagnose))
    assert "elsewhere" in findings["webhook-differs"].cause
    assert "Bad Gateway" in findings["webhook-error"].cause
    assert not any(finding.fatal for finding in findings.values())
    hook.url, hook.last_error_date = "https://bot.example/webhook/telegram", int(time.time()) - 3 * 24 * 3600
    assert await asyncio.to_thread(diagnose) == []


@pytest.mark.parametrize(("off", "word"), [(100.0, "behind"), (-100.0, "ahead of")])
async def test_a_clock_that_is_off_is_a_note(
    telegram: TelegramEmulator, monkeypatch: pytest.MonkeyPatch, off: float, word: str
) -> None:
    """By the date in Telegram's answer."""
    monkeypatch.setitem(CLOCK, "off", off)
    finding = found(await asyncio.to_thread(diagnose))["clock-off"]
    assert word in finding.cause
    assert not finding.fatal


async def test_offline_asks_telegram_nothing(telegram: TelegramEmulator) -> None:
    """For machines without a network."""
    assert await asyncio.to_thread(diagnose, offline=True) == []
    assert telegram.calls == []


# --- plugins ---


def test_plugins_in_each_bad_state_are_told_with_phase_and_reason(bot: pytest.MonkeyPatch, install: Install) -> None:
    """The one that cannot be imported, the one that needs it, and the one for another core; the rest is looked at."""
    install("broken", "raise RuntimeError('no\\nkey')\n")
    install("needy", EMPTY, requires=("astral-broken",))
    install("future", EMPTY, requires=("astral-core>=99",))
    bot.setenv("ASTRAL_HOST__ENABLED", '["broken", "needy", "future"]')
    bot.setenv("ASTRAL_HOST__REQUIRED", '["broken"]')
    findings = found(diagnose(offline=True))
    assert set(findings) == {"plugin-failed", "plugin-quarantined", "plugin-incompatible"}
    assert findings["plugin-failed"].where == "plugin broken"
    assert "phase import: RuntimeError: no key. The bot does not start." in findings["plugin-failed"].cause
    assert "needs 'broken'" in findings["plugin-quarantined"].cause
    assert "astral-core>=99" in findings["plugin-incompatible"].cause
    assert all(finding.fatal for finding in findings.values())


def test_a_plugins_own_words_do_not_show_its_settings(bot: pytest.MonkeyPatch, install: Install) -> None:
    """Only the plugin knows which of them is secret, and it may quote one in its error."""
    names = ("ASTRAL_PLUGINS__CHATTY__WORD", "ASTRAL_TELEGRAM__TOKEN")
    source = f"import os\nraise RuntimeError(*(os.environ[name] for name in {names}))\n"
    install("chatty", source)
    bot.setenv("ASTRAL_HOST__ENABLED", '["chatty"]')
    bot.setenv("ASTRAL_PLUGINS__CHATTY__WORD", 'hunter2 "with" quotes')
    finding = found(diagnose(offline=True))["plugin-failed"]
    assert "hunter2" not in str(finding)
    assert TOKEN not in str(finding)


def test_a_wrong_setting_of_a_plugin_leads_to_its_section(bot: pytest.MonkeyPatch, install: Install) -> None:
    """With the nearest key, and without the value."""
    source = (
        "from pydantic import BaseModel\nfrom astral_core import Plugin\n\nclass Model(BaseModel):\n"
        "    api_key: str = ''\n\nplugin = Plugin(settings=Model)\n"
    )
    install("keyed", source)
    bot.setenv("ASTRAL_HOST__ENABLED", '["keyed"]')
    bot.setenv("ASTRAL_PLUGINS__KEYED__API_KYE", "hunter2")
    finding = found(diagnose(offline=True))["plugin-failed"]
    assert "Did you mean 'api_key'?" in finding.cause
    assert "[plugins.keyed]" in finding.fix
    assert "hunter2" not in str(finding)


def test_plugins_that_claim_the_same_are_told(bot: pytest.MonkeyPatch, install: Install) -> None:
    """Each conflict with both providers and the way out."""
    install("one", command("same"))
    install("two", command("same"))
    bot.setenv("ASTRAL_HOST__ENABLED", '["one", "two"]')
    finding = found(diagnose(offline=True))["plugin-conflict"]
    assert "'one' (astral-one 1.0)" in finding.cause
    assert "'two' (astral-two 1.0)" in finding.cause
    assert finding.fatal


@pytest.mark.parametrize(("enabled", "what"), [('["absent"]', "not installed"), ("[]", "switched off")])
def test_a_required_plugin_that_is_not_there_is_told(
    bot: pytest.MonkeyPatch, install: Install, enabled: str, what: str
) -> None:
    """A start only warns; who requires a plugin wants to know."""
    install("present", EMPTY)
    name = "absent" if "absent" in enabled else "present"
    bot.setenv("ASTRAL_HOST__ENABLED", enabled)
    bot.setenv("ASTRAL_HOST__REQUIRED", json.dumps([name]))
    assert what in found(diagnose(offline=True))["plugin-required-missing"].cause


def test_a_plugin_error_out_of_the_whole_is_the_plugins(bot: pytest.MonkeyPatch, install: Install) -> None:
    """What shows only when all are put together is told with its plugin, too."""
    source = (
        "from astral_core import Plugin, Routes\n\nroutes = Routes()\n\n@routes.callback('x')\n"
        "async def x(ctx):\n    pass\n\nplugin = Plugin()\nplugin.menu('Text', x())\n"
    )
    install("menu", source)
    bot.setenv("ASTRAL_HOST__ENABLED", '["menu"]')
    finding = found(diagnose(offline=True))["plugin-failed"]
    assert finding.where == "plugin menu"


# --- texts ---


def test_translations_and_languages_of_the_settings_are_looked_at(bot: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be used is a note: the bot works, and speaks another language there."""
    (tmp_path / "locales" / "ru").mkdir(parents=True)
    (tmp_path / "locales" / "ru" / "astral_core.po").write_text('msgid "Menu"\nmsgstr "<b>"\n', "utf-8")
    bot.setenv("ASTRAL_LANGUAGES", "en,ru,rn")
    wrong = [finding for finding in diagnose(offline=True) if finding.code == "texts-wrong"]
    assert [(finding.where, finding.fatal) for finding in wrong] == [
        ("languages", False), ("locales/ru/astral_core.po", False)
    ]  # fmt: skip
    assert "there are en, ru." in wrong[0].fix


# --- machine and port ---


def test_an_old_python_and_a_full_disk_and_too_many_workers(bot: pytest.MonkeyPatch, make_settings: Any) -> None:
    """Python is fatal, the others are notes."""
    findings = found(list(check_machine(make_settings(pool={"workers": 32}), python="3.9.2", least_free=2**80)))
    expected = {"python-too-old": True, "disk-nearly-full": False, "pool-too-large": False}
    assert {code: finding.fatal for code, finding in findings.items()} == expected
    assert "3.9.2" in findings["python-too-old"].cause


def test_too_few_descriptors_are_told(make_settings: Any) -> None:
    """What is wrong, and how many would be right."""
    settings = make_settings(web={"max_connections": 500})
    (finding,) = check_descriptors(settings, 256)
    assert finding.code == "descriptors-few"
    assert not finding.fatal
    assert f"takes {256 - needed(settings)} connections instead of 500" in finding.cause
    assert f"ulimit -n {needed(settings) + 500}" in finding.fix
    assert list(check_descriptors(settings, None)) == []


def test_a_port_that_a_stranger_holds_is_told(bot: pytest.MonkeyPatch) -> None:
    """The bot could not listen."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        bot.setenv("ASTRAL_WEB__PORT", str(port))
        finding = found(diagnose(offline=True))["port-taken"]
    assert finding.fatal
    assert str(port) in finding.cause


def test_an_address_of_another_machine_is_told(bot: pytest.MonkeyPatch) -> None:
    """The same finding: the bot cannot listen there."""
    bot.setenv("ASTRAL_WEB__HOST", "192.0.2.1")
    assert found(diagnose(offline=True))["port-taken"].fatal
