"""`astral config`: what is set and where from, a complete file, its schema, and never a secret."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from astral_core.cli import cli
from astral_core.cli.config import lines_of
from astral_core.config import Settings, load_settings
from astral_core.errors import ConfigError

WEATHER = '''
from pydantic import BaseModel, Field, SecretStr

from astral_core import Plugin


class Station(BaseModel):
    """One station."""

    height: int = Field(default=3, description="metres")
    pin: SecretStr = SecretStr("")


class Weather(BaseModel):
    """Where the weather comes from."""

    api_key: SecretStr | None = Field(default=None, description="the provider's key")
    url: str = Field(default="https://weather.example", description="the provider")
    city: str = Field(description="whose weather")
    cities: tuple[str, ...] = ("Omsk", 'the "second"')
    scale: dict[str, float] = {"a b": 1.5}
    station: Station = Station()
    stations: list[Station] = []


plugin = Plugin(settings=Weather)
'''


def config(*arguments: str, **environment: str) -> Result:
    """`astral config ...` in this process."""
    return CliRunner().invoke(cli, ["config", *arguments], env=environment)


def shown(*arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """`astral config show --json` by key."""
    result = config("show", "--json", *arguments, **environment)
    assert result.exit_code == 0, result.output
    return {record["key"]: record for record in json.loads(result.stdout)}


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], int]:
    """`toml(text)` writes the astral.toml that is read."""
    return (tmp_path / "astral.toml").write_text


# --- show ---


def test_texts_of_one_language_are_shown_with_their_origin(toml: Callable[[str], int]) -> None:
    """Each in its own line, as those for all languages."""
    toml('[texts]\nstart = "Hi {name}"\n[texts.ru]\nstart = "Привет"\n')
    records = shown("--origin")
    assert records["texts.start"]["value"] == "Hi {name}"
    assert records["texts.ru.start"]["value"] == "Привет"
    assert records["texts.ru.start"]["origin"].endswith("astral.toml:4")
    assert records["texts.ru.about"]["value"] is None


def test_every_setting_of_the_core_and_of_the_installed_plugins_is_shown() -> None:
    """Also of plugins that are switched off."""
    records = shown()
    for section, item in Settings.model_fields.items():
        keys = getattr(item.annotation, "model_fields", None)
        names = [f"{section}.{key}" for key in keys] if keys else [section] if section != "plugins" else []
        assert set(names) <= set(records)
    assert records["web.port"]["value"] == 8080
    assert records["plugins.payments.stars"]["value"] is True
    assert "plugins.playground.trace_url" in records


def test_of_secrets_only_whether_they_are_set_is_shown(
    toml: Callable[[str], int], install: Callable[[str, str], None]
) -> None:
    """The core's and the plugin's, at any depth, and users in URLs; in both forms of output."""
    install("weather", WEATHER)
    toml('[plugins.weather]\nstations = [{pin = "hunter2"}, {}]\n')
    environment = {
        "ASTRAL_TELEGRAM__TOKEN": "42:hunter2",
        "ASTRAL_TELEGRAM__API_URL": "http://me:hunter2@x@proxy.example/",
        "ASTRAL_DATABASE__URL": "postgresql://me:hunter2@host/db",
        "ASTRAL_PLUGINS__WEATHER__CITY": "Omsk",
        "ASTRAL_PLUGINS__WEATHER__API_KEY": "hunter2",
        "ASTRAL_PLUGINS__WEATHER__URL": "https://hunter2@weather.example",
        "ASTRAL_PLUGINS__WEATHER__STATION__PIN": "hunter2",
    }
    records = shown(**environment)
    text = config("show", "--origin", **environment)
    assert "hunter2" not in json.dumps(records)
    assert "hunter2" not in text.output
    assert records["telegram.token"] == {"key": "telegram.token", "value": "set", "secret": True}
    assert records["telegram.webhook_secret"]["value"] == "not set"
    assert records["telegram.api_url"]["value"] == "http://***@proxy.example/"
    assert records["plugins.weather.api_key"]["value"] == "set"
    assert records["plugins.weather.station.pin"]["value"] == "set"
    assert [station["pin"] for station in records["plugins.weather.stations"]["value"]] == ["set", "not set"]


@pytest.mark.parametrize("source", ["raise RuntimeError('hunter2')", "from astral_core import no_such_name"])
def test_of_a_plugin_that_cannot_be_imported_no_value_is_shown(
    install: Callable[[str, str], None], source: str
) -> None:
    """Which of them is secret, only the plugin knows. The exit code says that something is missing."""
    install("weather", source)
    result = config("show", ASTRAL_PLUGINS__WEATHER__CITY="hunter2")
    assert result.exit_code == 1
    assert "plugins.weather.city" in result.output
    assert "not shown" in result.output
    assert "plugin 'weather': import" in result.stderr
    assert "hunter2" not in result.output


def test_a_wrong_section_is_told_and_its_values_are_not_shown(install: Callable[[str, str], None]) -> None:
    """The other sections are."""
    install("weather", WEATHER)
    result = config("show", ASTRAL_PLUGINS__WEATHER__CTY="hunter2")
    assert result.exit_code == 1
    assert "Did you mean 'city'?" in result.stderr
    assert "web.port" in result.stdout
    assert "hunter2" not in result.output


def test_the_origin_is_the_variable_or_the_files_line_or_the_default(
    toml: Callable[[str], int], tmp_path: Path
) -> None:
    """The environment is stronger than the file; a whole section may stand in one variable."""
    toml('language = "ru"\n\n[web]\n# a comment\nhost = "::1"\nport = 1\n[plugins]\nprofile = {draft_days = 5}\n')
    environment = {"ASTRAL_WEB__PORT": "2", "ASTRAL_POOL": '{"warm": false}', "astral_log_json": "true"}
    records = shown("--origin", **environment)
    origins = {key: record["origin"] for key, record in records.items()}
    file = tmp_path / "astral.toml"
    assert (records["web.port"]["value"], origins["web.port"]) == (2, "ASTRAL_WEB__PORT")
    assert origins["web.host"] == f"{file}:5"
    assert origins["language"] == f"{file}:1"
    assert origins["plugins.profile.draft_days"] == f"{file}:8"
    assert origins["pool.warm"] == "ASTRAL_POOL"
    assert origins["log_json"] == "astral_log_json"
    assert origins["pool.workers"] == origins["inbox.handlers"] == "default"


def test_lines_are_found_in_every_usual_way_to_write_a_key() -> None:
    """Dotted and quoted keys and tables; what only looks like a key inside a long text leads nowhere wrong."""
    text = 'a = 1\nb.c = 2\n[d]\n"e f" = 3\n[g."h"] # x\ni = 4\n[[j]]\n[broken\n'
    assert lines_of(text) == {
        ("a",): 1, ("b", "c"): 2, ("d",): 3, ("d", "e f"): 4, ("g", "h"): 5, ("g", "h", "i"): 6,
    }  # fmt: skip


def test_settings_that_do_not_load_are_one_error(toml: Callable[[str], int]) -> None:
    """As for every other command."""
    toml("[databse]\n")
    assert isinstance(config("show").exception, ConfigError)


# --- example ---


def test_the_example_loads_and_changes_nothing(
    toml: Callable[[str], int], install: Callable[[str, str], None]
) -> None:
    """As it is, it is the defaults."""
    install("weather", WEATHER)
    before = load_settings()
    text = config("example").stdout
    toml(text)
    after = load_settings()
    assert after.model_copy(update={"plugins": {}}) == before
    assert set(after.plugins) >= {"weather", "payments", "profile", "playground"}


def test_what_the_example_comments_out_is_the_default(
    toml: Callable[[str], int], install: Callable[[str, str], None]
) -> None:
    """Without the marks the file still loads, and nothing is different, plugins' sections included."""
    install("weather", WEATHER)
    before = load_settings()
    text = config("example").stdout
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()]
    toml("\n".join(lines))
    assert load_settings().model_copy(update={"plugins": {}}) == before
    section = tomllib.loads("\n".join(lines))["plugins"]["weather"]
    assert section["cities"] == ["Omsk", 'the "second"']
    assert section["station"] == {"height": 3}
    assert section["scale"] == {"a b": 1.5}


def test_the_example_has_every_key_with_its_description_and_points_secrets_to_the_environment(
    install: Callable[[str, str], None],
) -> None:
    """Nothing has to be looked up elsewhere."""
    install("weather", WEATHER)
    text = config("example").stdout
    for section, item in Settings.model_fields.items():
        for key, field in getattr(item.annotation, "model_fields", {}).items():
            assert field.description in text
            assert f"\n#{key} = " in text or f"\n# {key} is " in text, (section, key)
    assert "ASTRAL_TELEGRAM__TOKEN" in text
    assert "ASTRAL_PLUGINS__WEATHER__API_KEY" in text
    assert "# city has no default: it must be set." in text
    assert "\n[plugins.weather.station]\n# One station.\n" in text


def test_a_plugin_that_cannot_be_loaded_is_named_in_the_example(
    toml: Callable[[str], int], install: Callable[[str, str], None]
) -> None:
    """The rest is complete, and the file still loads."""
    install("weather", "raise RuntimeError('two\\nlines')")
    text = config("example").stdout
    assert "# Plugin 'weather' cannot be loaded (phase import)" in text
    toml(text)
    assert load_settings().web.port == 8080


# --- schema ---


def test_the_schema_describes_the_file_with_the_plugins_sections(install: Callable[[str, str], None]) -> None:
    """Pydantic's own: types, limits, descriptions, and no key that is unknown."""
    install("weather", WEATHER)
    document = json.loads(config("schema").stdout)
    assert document["title"] == "astral.toml"
    assert document["additionalProperties"] is False
    assert set(document["properties"]) == set(Settings.model_fields)
    definitions = document["$defs"]
    assert definitions["Web"]["properties"]["port"]["maximum"] == 65535
    assert definitions["Weather"]["properties"]["api_key"]["description"] == "the provider's key"
    assert definitions["Plugins"]["properties"]["weather"] == {"$ref": "#/$defs/Weather"}
    assert "weather" not in definitions["Plugins"].get("required", [])
