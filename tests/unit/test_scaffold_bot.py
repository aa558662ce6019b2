"""The project of `astral new bot`: settings that the core reads, secrets in one place, a service with few rights."""

from __future__ import annotations

import configparser
import itertools
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from astral_core.config import Section, Settings, load_settings
from astral_core.scaffold import settings as scaffold_settings
from astral_core.scaffold.make import new_bot

DEFAULT = re.compile(r"^#(?=\w+ = (?!# not set))", re.MULTILINE)
UNSET = re.compile(r"^#(\w+) = # not set$", re.MULTILINE)


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    """A bot's project."""
    return new_bot("sky", tmp_path)


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], bool]:
    """Every setting of the core, and whether it is a secret."""
    found: dict[tuple[str, ...], bool] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= leaves(field.annotation, (*path, name))
        else:
            found[(*path, name)] = "SecretStr" in str(field.annotation)
    return found


def test_the_settings_load_as_they_are(bot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner who changes nothing has the defaults."""
    default = load_settings()
    monkeypatch.setenv("ASTRAL_CONFIG", str(bot / "astral.toml"))
    assert load_settings() == default


def test_every_line_that_is_commented_out_tells_the_default(bot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the # in front of them the settings are read, are understood, and are still the defaults."""
    default = load_settings()
    text = DEFAULT.sub("", (bot / "astral.toml").read_text())
    assert tomllib.loads(text)["inbox"]["handlers"] == default.inbox.handlers
    (bot / "astral.toml").write_text(text)
    monkeypatch.setenv("ASTRAL_CONFIG", str(bot / "astral.toml"))
    assert load_settings() == default


def test_every_setting_stands_in_the_file_and_secrets_only_in_the_environment(bot: Path) -> None:
    """astral.toml has a line for each setting that is no secret; .env.example has one for each that is."""
    toml, env = (bot / "astral.toml").read_text(), (bot / ".env.example").read_text()
    shown = tomllib.loads(DEFAULT.sub("", UNSET.sub(r'\1 = "?"', toml)))
    for path, secret in leaves(Settings).items():
        if path in {("commands",), ("plugins",), ("roles",)}:
            assert f"#[{path[0]}" in toml
            continue
        section = shown
        for part in path[:-1]:
            section = section[part]
        assert (path[-1] in section) is not secret, path
        assert bool(re.search(f"^#?ASTRAL_{'__'.join(path).upper()}=", env, re.MULTILINE)) is secret, path


def test_every_setting_says_what_it_means(bot: Path) -> None:
    """Above each setting is a sentence that is not just its name."""
    lines = (bot / "astral.toml").read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if found := re.match(r"#(\w+) = ", line):
            assert above.startswith("# ")
            assert above != f"# {found[1]}"


def test_settings_added_later_come_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section within a section, a secret with a default, and a setting without a word are all written down."""

    class Inner(Section):
        """Deep down."""

        word: str = 'a "quoted" word'

    class Outer(Section):
        """Above it."""

        inner: Inner = Inner()
        key: SecretStr = SecretStr("initial")

    class Grown(Settings):
        outer: Outer = Outer()

    monkeypatch.setattr(scaffold_settings, "Settings", Grown)
    text = scaffold_settings.settings_as_toml()
    assert tomllib.loads(DEFAULT.sub("", text))["outer"] == {"inner": {"word": 'a "quoted" word'}}
    assert "# Deep down.\n[outer.inner]\n" in text
    assert "initial" not in text
    assert "#ASTRAL_OUTER__KEY=initial" in scaffold_settings.settings_as_env()


def test_the_example_of_the_environment_is_read_by_everybody(bot: Path) -> None:
    """The token alone is asked for, and a value has nothing that shell, systemd and compose read differently."""
    lines = [line for line in (bot / ".env.example").read_text().splitlines() if line and not line.startswith("# ")]
    assert [line for line in lines if not line.startswith("#")] == ["ASTRAL_TELEGRAM__TOKEN="]
    assert all(re.fullmatch(r"#?[A-Z_]+=[^\s$'\"`]*", line) for line in lines)


def test_no_secret_gets_into_git_or_an_image(bot: Path) -> None:
    """.env is ignored by git, and the image takes only what it names."""
    assert ".env" in (bot / ".gitignore").read_text().splitlines()
    allowed = [line for line in (bot / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert allowed == ["*", "!requirements.txt", "!astral.toml", "!locales"]
    assert re.search(r"^USER [1-9]\d*$", (bot / "Dockerfile").read_text(), re.MULTILINE)


def test_the_service_may_do_little(bot: Path) -> None:
    """It runs as a user of its own, writes to one folder, gains no rights, and is given time to stop."""

    class Unit(configparser.ConfigParser):
        optionxform = staticmethod(str)

    unit = Unit(strict=False, interpolation=None)
    unit.read(bot / "sky.service")
    service = unit["Service"]
    assert (service["User"], service["StateDirectory"], service["EnvironmentFile"]) == ("sky", "sky", "/opt/sky/.env")
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert {service[key] for key in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID")} == {
        "yes"
    }
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["KillMode"] == "mixed"


def test_the_readme_names_files_that_are_there(bot: Path) -> None:
    """Each file of its table is made."""
    rows = re.findall(r"^\| (`[^|]+) \|", (bot / "README.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert named >= {"astral.toml", "requirements.txt", "sky.service", "compose.yaml", "Dockerfile"}
    assert all((bot / name).exists() for name in named - {".env"} if not name.startswith("pg_"))
