"""The command line: lazy help, commands without a token or a database, one sentence instead of a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from astral_core import cli as package
from astral_core._version import __version__
from astral_core.cli import cli, main
from astral_core.config import load_settings
from astral_core.errors import AstralError


def astral(*arguments: str, **environment: str) -> Result:
    """`astral ...` in this process."""
    return CliRunner().invoke(cli, list(arguments), env=environment)


def python(code: str, tmp_path: Path, **environment: str) -> str:
    """What a fresh interpreter prints."""
    import os

    env = {name: value for name, value in os.environ.items() if not name.startswith("ASTRAL_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**env, **environment}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_core_imports_nothing_heavy(tmp_path: Path) -> None:
    """numpy and the drawing belong to workers; Babel and jinja2 are imported where they are first needed."""
    heavy = "('numpy', 'babel', 'jinja2', 'yookassa', 'skyfield')"
    code = f"import sys, astral_core; print([m for m in {heavy} if m in sys.modules])"
    assert python(code, tmp_path).strip() == "[]"


def test_help_loads_no_bot_and_no_plugin(tmp_path: Path) -> None:
    """`astral --help` lists everything, though no command and no plugin is imported."""
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom astral_core.cli import cli\n"
        "print(CliRunner().invoke(cli, ['--help']).output)\n"
        "late = ('astral_core.app', 'astral_core.cli.run', 'astral_natal', 'astral_profile', 'babel')\n"
        "print('LOADED', [m for m in late if m in sys.modules])"
    )
    output = python(code, tmp_path)
    assert "LOADED []" in output
    for name in ("run", "plugins", "routes", "inbox", "outbox", "replicas", "db", "natal"):
        assert f"  {name} " in output


def test_every_command_has_the_help_that_the_list_shows() -> None:
    """The one-line helps in the lazy table are those of the commands."""
    for name, (_, _, line) in package._COMMANDS.items():
        shown = astral(name, "--help")
        assert shown.exit_code == 0, name
        assert line in shown.output


@pytest.mark.rest
def test_the_collector_is_on_while_other_commands_run(tmp_path: Path) -> None:
    """Only the start of `astral run` goes without it; a plugin's own command may run for hours."""
    code = (
        "import gc, sys\nsys.argv = ['astral', 'plugins', 'list']\nimport atexit\n"
        "atexit.register(lambda: print('collects', gc.isenabled()))\nfrom astral_core.cli import main\nmain()"
    )
    assert "collects True" in python(code, tmp_path)


def test_the_version_is_told() -> None:
    """For reports of errors."""
    assert __version__ in astral("--version").output


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`installed("moon", source)`: a distribution with this plugin, which the settings demand."""

    def install(name: str, source: str) -> None:
        info = tmp_path / "site" / f"astral_{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: astral-{name}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(
            f"[astral.plugins]\n{name} = astral_{name}.plugin:plugin\n", encoding="utf-8"
        )
        (info / "RECORD").touch()
        package = tmp_path / "site" / f"astral_{name}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "plugin.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        config = tmp_path / "astral.toml"
        config.write_text(f'[host]\nenabled = ["{name}"]\nrequired = ["{name}"]\n', encoding="utf-8")

    return install


@pytest.fixture
def broken(installed: Callable[[str, str], None]) -> None:
    """An installed distribution whose plugin cannot be imported."""
    installed("broken", "raise RuntimeError('no key')\n")


@pytest.mark.usefixtures("broken")
def test_plugins_list_shows_a_broken_plugin_and_does_not_break() -> None:
    """Without token or database, and though the plugin is required: phase and reason, also for machines."""
    text = astral("plugins", "list")
    assert text.exit_code == 0, text.output
    assert "broken" in text.output
    assert "import: RuntimeError: no key" in text.output
    records: list[dict[str, Any]] = json.loads(astral("plugins", "list", "--json").stdout)
    found = {record["id"]: record for record in records}["broken"]
    assert (found["state"], found["phase"], found["version"]) == ("failed", "import", "1.0")


@pytest.mark.usefixtures("broken")
def test_help_survives_a_broken_plugin_and_its_own_command_says_why() -> None:
    """The list of commands imports nothing; asking for that plugin's commands gives its reason."""
    assert "broken" in astral("--help").output
    result = astral("broken", "--help")
    assert isinstance(result.exception, AstralError)
    assert "plugin 'broken': import: RuntimeError: no key" in str(result.exception)


@pytest.mark.usefixtures("broken")
def test_other_commands_tell_of_a_required_broken_plugin_in_one_sentence() -> None:
    """`astral routes` shows what the others bring, and says which one is missing."""
    result = astral("routes")
    assert result.exit_code == 0
    assert "core:menu" in result.stdout
    assert "is failed in phase import: RuntimeError: no key" in result.stderr


@pytest.mark.usefixtures("broken")
def test_plugins_info_tells_all_that_is_known_of_a_broken_plugin() -> None:
    """Its state and reason, though nothing of it could be loaded; a misspelt name gets the nearest one."""
    record = json.loads(astral("plugins", "info", "broken", "--json").stdout)
    assert (record["state"], record["phase"], record["module"]) == ("failed", "import", "astral_broken.plugin")
    assert record["commands"] == []
    assert "Did you mean 'broken'?" in astral("plugins", "info", "borken").output


def test_routes_that_answer_in_groups_say_so(installed: Callable[[str, str], None]) -> None:
    """Where one answers stands behind it, unless it is the private chat alone; in `routes` and in `plugins info`.

    A command without a description is in no menu of Telegram's, which is told too.
    """
    installed(
        "tally",
        "from astral_core import ANY, CHANNEL, GROUP, Plugin\n\nplugin = Plugin()\n\n"
        "@plugin.command('coffee', chat=GROUP, description='Coffee')\n@plugin.callback('cup', chat=GROUP | CHANNEL)\n"
        "@plugin.command('mine')\n@plugin.text(chat=ANY)\nasync def coffee(ctx):\n    ...\n",
    )
    records = json.loads(astral("routes", "--json").stdout)
    assert {"kind": "command", "key": "/coffee", "plugin": "tally", "chat": ["group"]} in records
    assert {"kind": "command", "key": "/mine", "plugin": "tally", "note": "hidden"} in records
    assert {"kind": "text", "key": "*", "plugin": "tally", "chat": ["private", "group", "channel"]} in records
    lines = astral("routes").stdout.splitlines()
    assert next(line for line in lines if " /coffee " in line).split() == ["command", "/coffee", "tally", "group"]
    assert next(line for line in lines if " /mine " in line).split() == ["command", "/mine", "tally", "hidden"]
    brought = json.loads(astral("plugins", "info", "tally", "--json").stdout)
    assert sorted(brought["commands"]) == ["/coffee (group)", "/mine (hidden)"]
    assert brought["buttons"] == ["tally:cup (group, channel)"]


def test_plugins_info_tells_what_a_plugin_brings() -> None:
    """Hooks, commands, buttons, tables, settings and what it listens to, by their full names."""
    record = json.loads(astral("plugins", "info", "natal", "--json").stdout)
    assert "/chart" in record["commands"]
    assert "natal:chart" in record["buttons"]
    assert "natal_charts" in record["tables"]
    assert "astral_products" in record["hooks"]
    assert "payments.order_paid" in record["listens_to"]
    text = astral("plugins", "info", "payments").output
    for said in ("/payments", "payments:buy", "/webhook/yookassa", "yookassa_shop_id"):
        assert said in text


def test_hooks_are_listed_with_who_implements_them() -> None:
    """In the order of the calls; a hook that a plugin brings for others is among them, and names it."""
    records = {item["hook"]: item for item in json.loads(astral("hooks", "--json").stdout)}
    assert records["astral_health"]["implemented_by"][0] == "core"
    order = records["astral_lifespan"]["implemented_by"]
    assert order.index("profile") < order.index("natal")
    assert records["astral_lifespan"]["colour"] == "async generator"
    assert (records["astral_products"]["from"], records["astral_products"]["implemented_by"]) == (
        "payments",
        ["natal"],
    )
    assert "astral_products (of payments)" in astral("hooks").output


def test_routes_without_token_or_database(tmp_path: Path) -> None:
    """Every way in, with its plugin; `--json` for machines."""
    config = tmp_path / "astral.toml"
    config.write_text("[host]\nenabled = []\n", encoding="utf-8")
    assert "/start" not in astral("routes").stderr
    records = json.loads(astral("routes", "--json").stdout)
    assert {"kind": "command", "key": "/start", "plugin": "core"} in records
    assert {"kind": "callback", "key": "core:menu", "plugin": "core"} in records


@pytest.mark.parametrize(
    "command", [("inbox", "list"), ("outbox", "list"), ("inbox", "show", "1"), ("inbox", "drop", "1")]
)
def test_without_a_database_the_inbox_says_so(command: tuple[str, ...], tmp_path: Path) -> None:
    """A missing or empty database is one sentence with the way out, and shows no URL."""
    url = f"sqlite+aiosqlite:///{tmp_path}/none.db"
    result = astral(*command, ASTRAL_DATABASE__URL=url)
    assert isinstance(result.exception, AstralError), result.exception
    assert "astral db upgrade" in str(result.exception)
    assert "none.db" not in str(result.exception)


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    """PostgreSQL's URL holds a password."""
    url = "postgresql+asyncpg://owner:pass-of-the-owner@127.0.0.1:1/astral"
    result = astral("inbox", "list", ASTRAL_DATABASE__URL=url)
    assert isinstance(result.exception, AstralError), result.exception
    assert "pass-of-the-owner" not in str(result.exception)


def test_db_upgrade_then_an_empty_inbox(tmp_path: Path) -> None:
    """The schema is made without a token, and then there is nothing pending."""
    (tmp_path / "astral.toml").write_text("[host]\nenabled = []\n", encoding="utf-8")
    url = f"sqlite+aiosqlite:///{tmp_path}/new.db"
    before = json.loads(astral("db", "status", "--json", ASTRAL_DATABASE__URL=url).stdout)
    assert [(item["plugin"], item["up_to_date"]) for item in before] == [("core", False)]
    upgraded = astral("db", "upgrade", ASTRAL_DATABASE__URL=url)
    assert upgraded.exit_code == 0, upgraded.output
    assert "ok" in upgraded.output
    assert "nothing is pending, dead or parked" in astral("inbox", "list", ASTRAL_DATABASE__URL=url).output
    assert json.loads(astral("outbox", "list", "--json", ASTRAL_DATABASE__URL=url).stdout) == []
    missing = astral("inbox", "show", "7", ASTRAL_DATABASE__URL=url)
    assert "there is no row '7'" in missing.output


def test_run_without_a_token_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, exit code 1, and the name of the setting."""
    monkeypatch.setattr(sys, "argv", ["astral", "run"])
    monkeypatch.setattr("astral_core.cli.run.configure_logging", lambda *_, **__: None)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("astral: ")
    assert "ASTRAL_TELEGRAM__TOKEN" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("broken")
def test_a_start_that_cannot_be_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A required plugin that is broken ends `astral run` with exit code 1, its name, its reason and the way out."""
    monkeypatch.setattr(sys, "argv", ["astral", "run"])
    monkeypatch.setenv("ASTRAL_TELEGRAM__TOKEN", "42:some-token")
    monkeypatch.setattr("astral_core.cli.run.configure_logging", lambda *_, **__: None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("astral: plugin 'broken': failed in phase import: RuntimeError: no key")
    assert "Fix: mend it" in said


def test_settings_never_show_their_secrets() -> None:
    """Neither their repr nor an error about them."""
    settings = load_settings(telegram={"token": "42:secret-token-of-mine", "webhook_secret": "hidden-hook"})
    assert "secret-token" not in repr(settings)
    assert "hidden-hook" not in repr(settings)
    with pytest.raises(AstralError) as caught:
        load_settings(telegram={"webhook_secret": "ключ-секретный"})
    assert "ключ" not in str(caught.value)
