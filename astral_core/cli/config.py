"""`astral config`: what is set and where it comes from, a complete astral.toml, and its JSON Schema."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin

import click
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from astral_core.cli.hiding import complain
from astral_core.config import PREFIX, Host, Settings, config_file, is_secret, load_settings, plugin_settings
from astral_core.errors import AstralError, DeclarationError
from astral_core.host.discover import discover, import_plugin
from astral_core.host.state import LoadedPlugin
from astral_core.known_secrets import secrets_of_text
from astral_core.observe.redactor import Redactor

HIDDEN = "not shown"
_HEADER = re.compile(r"\s*\[[^\[].*\]\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
Path = tuple[str, ...]
Models = Mapping[str, type[BaseModel]]


@click.group()
def config() -> None:
    """The settings of the core and of the plugins."""


@config.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show(origin: bool, as_json: bool) -> None:  # click passes flags so
    """Every setting as it is now. Of a secret only whether it is set."""
    settings = load_settings()
    records, problems = _records(settings)
    if origin:
        origins = Origins.read()
        for record in records:
            record["origin"] = origins.of(record["path"])
    for record in records:
        record["key"] = ".".join(record.pop("path"))
    if as_json:
        click.echo(json.dumps(records, ensure_ascii=False, indent=2))
    else:
        for record in records:
            value = _text(record["value"], record["secret"])
            click.echo(f"{record['key']:<36} {value:<40} {record.get('origin', '')}".rstrip())
    for problem in problems:
        complain(problem)
    if problems:
        raise SystemExit(1)


@config.command("example")
def example() -> None:
    """A complete astral.toml: every setting, its meaning and its default. It loads as it is."""
    plugins, models = _installed()
    click.echo("\n".join(_example(plugins, models)))


@config.command("schema")
def schema() -> None:
    """The JSON Schema of astral.toml, for editors."""
    _, models = _installed()
    fields: dict[str, Any] = {name: (model, Field(default_factory=model)) for name, model in models.items()}
    sections = create_model("Plugins", __config__=ConfigDict(extra="allow"), **fields)
    whole = create_model("AstralToml", __base__=Settings, plugins=(sections, Field(default_factory=sections)))
    document = whole.model_json_schema()
    click.echo(json.dumps({**document, "title": "astral.toml"}, ensure_ascii=False, indent=2))


def _installed() -> tuple[list[LoadedPlugin], dict[str, type[BaseModel]]]:
    """All plugins, those that are switched off too, and the settings' model of each that declares one."""
    plugins, models = discover(Host(disabled=())), {}
    for plugin in plugins:
        try:
            model = _model_of(plugin)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # one plugin's failure hides no other's settings
            plugin.fail("configure", error)
        else:
            if model is not None:
                models[plugin.id] = model
    return plugins, models


def _model_of(plugin: LoadedPlugin) -> type[BaseModel] | None:
    if plugin.alive:
        import_plugin(plugin)
    model = plugin.declared.settings
    if model is not None and not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise DeclarationError(plugin.id, f"Plugin(settings={model!r}) is no pydantic model.")
    return model


def _records(settings: Settings) -> tuple[list[dict[str, Any]], list[str]]:
    """One record a setting, and a sentence for each section of a plugin that is wrong."""
    plugins, models = _installed()
    records = [item for item in _values(settings, ()) if item["path"][0] != "plugins"]
    problems = []
    for name in sorted({*models, *settings.plugins}):
        try:
            if name in models:
                section = plugin_settings(settings, name, models[name])
                records += _values(section, ("plugins", name))
                continue
        except AstralError as error:
            problems.append(f"plugin {name!r}: {error}")
        records += [_record(("plugins", name, key), HIDDEN, secret=True) for key in settings.plugins.get(name, {})]
    problems += [f"plugin {p.id!r}: {p.phase}: {type(p.error).__name__}" for p in plugins if p.error is not None]
    return records, problems


def _values(section: BaseModel, path: Path) -> Iterator[dict[str, Any]]:
    for name, item in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _values(value, (*path, name))
        elif is_secret(item.annotation):
            yield _record((*path, name), "set" if value else "not set", secret=True)
        else:
            yield _record((*path, name), _plain(value))
    for name, value in (section.model_extra or {}).items():  # texts of one language
        if isinstance(value, BaseModel):
            yield from _values(value, (*path, name))


def _record(path: Path, value: object, *, secret: bool = False) -> dict[str, Any]:
    return {"path": path, "value": value, "secret": secret}


def _plain(value: object) -> Any:
    """As JSON values; secrets deep inside say only whether they are set, URLs lose their user and password."""
    if isinstance(value, BaseModel):
        return {".".join(item["path"]): item["value"] for item in _values(value, ())}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if is_secret(type(value)):
        return "set" if value else "not set"
    plain = to_jsonable_python(value, fallback=str)
    return _shown(plain) if isinstance(plain, str) else plain


def _shown(text: str) -> str:
    """A text without a URL's user and password, and without parameters whose name says that they are secret."""
    scheme, mark, rest = text.partition("://")
    if mark and "@" in rest:
        text = f"{scheme}://***@{rest.rpartition('@')[2]}"
    return Redactor(secrets_of_text(text))(text)


def _text(value: Any, secret: bool) -> str:
    if value is None:
        return "not set"
    return str(value) if secret else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Origins:
    """Where values come from: the environment over astral.toml over the default."""

    environment: Mapping[str, Any]
    file: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Origins:
        """What both sources hold now."""
        path = config_file()
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return cls(
            EnvSettingsSource(Settings)(), TomlConfigSettingsSource(Settings, toml_file=path)(), lines_of(text)
        )

    def of(self, path: Path) -> str:
        """The variable's name, the file with its line where that is known, or "default"."""
        if _holds(self.environment, path):
            return self._variable(path)
        if _holds(self.file, path):
            line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
            return f"{config_file()}:{line}" if line else str(config_file())
        return "default"

    @staticmethod
    def _variable(path: Path) -> str:
        """The variable of `path` itself, else one of a part of it, else that of a whole section."""
        names = {name.upper(): name for name in os.environ}
        exact = f"{PREFIX}{'__'.join(path)}".upper()
        parts = [names[name] for name in sorted(names) if name.startswith(f"{exact}__")]
        wholes = [exact.rsplit("__", n)[0] for n in range(1, len(path))]
        found = [names[exact]] if exact in names else parts or [names[name] for name in wholes if name in names]
        return found[0] if found else "environment"


def _holds(values: Any, path: Path) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def lines_of(text: str) -> dict[Path, int]:
    """The line of each table and key of a TOML file; what is written in no plain way may be missing."""
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        key = _KEY.match(line)
        try:
            if _HEADER.match(line):
                table = _only_path(tomllib.loads(line))
                found.setdefault(table, number)
            elif key:
                found.setdefault((*table, *_only_path(tomllib.loads(f"{key[1]} = 0"))), number)
        except tomllib.TOMLDecodeError:
            continue  # a line inside a long string that looks like a table
    return found


def _only_path(values: Any) -> Path:
    path: Path = ()
    while isinstance(values, dict) and values:
        name, values = next(iter(values.items()))
        path = (*path, name)
    return path


def _example(plugins: Sequence[LoadedPlugin], models: Models) -> Iterator[str]:
    yield "# astral.toml: settings of the bot. What is commented out is the default."
    yield "# The environment is stronger than this file; secrets belong there and not here."
    yield from _table(Settings, ())
    for plugin in plugins:
        if plugin.id in models:
            yield from _table(models[plugin.id], ("plugins", plugin.id))
        elif not plugin.alive:
            yield from (
                "",
                f"# Plugin {plugin.id!r} cannot be loaded (phase {plugin.phase}): no settings known.",
            )


def _table(model: type[BaseModel], path: Path) -> Iterator[str]:
    """A table's keys, then the tables inside it: TOML wants this order."""
    if path:
        yield from ("", f"[{'.'.join(path)}]")
        yield from _comment((model.__doc__ or "").strip().partition("\n")[0])
    inner = {name: item for name, item in model.model_fields.items() if _is_table(item)}
    for name, item in model.model_fields.items():
        if name not in inner:
            yield ""
            yield from _comment(item.description or "")
            yield _setting((*path, name), item)
    for name, item in inner.items():
        below = (*path, name)
        if isinstance(item.annotation, type) and issubclass(item.annotation, BaseModel):
            yield from _table(item.annotation, below)
        elif below != ("plugins",):
            yield from ("", f"[{'.'.join(below)}]", *_comment(item.description or ""))
            yield from (f"#{json.dumps(key)} = {_toml(value)}" for key, value in (_default(item) or {}).items())


def _is_table(item: FieldInfo) -> bool:
    kind = item.annotation
    return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, BaseModel))


def _setting(path: Path, item: FieldInfo) -> str:
    """`#key = default`: without the mark it is a line of TOML, where there is a default to write."""
    name = path[-1]
    if is_secret(item.annotation):
        return f"# {name} is secret: set {PREFIX}{'__'.join(path).upper()} in the environment."
    if item.is_required():
        return f"# {name} has no default: it must be set."
    default = _default(item)
    return f"# {name} is not set." if default is None else f"#{name} = {_toml(default)}"


def _default(item: FieldInfo) -> Any:
    """As JSON values; None where there is none."""
    if item.is_required():
        return None
    return to_jsonable_python(item.get_default(call_default_factory=True, validated_data={}), fallback=str)


def _toml(value: Any) -> str:
    """A JSON value in TOML: strings and numbers are written alike."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {_toml(item)}' for key, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]
