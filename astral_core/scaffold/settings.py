"""The core's settings as an owner writes them: astral.toml and .env, derived from the models that check them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from astral_core.config import Settings

Path = tuple[str, ...]


def settings_as_toml() -> str:
    """Every setting with its meaning and default, commented out; of a secret only the variable that sets it."""
    return "\n".join(_section((), Settings)).strip("\n") + "\n"


def settings_as_env() -> str:
    """Every secret with its meaning, as the commented line of a file of environment variables."""
    lines = []
    for path, field in _fields((), Settings):
        if _is_secret(field):
            default = field.get_default(call_default_factory=True)
            value = default.get_secret_value() if isinstance(default, SecretStr) else ""
            lines += [f"# {field.description or path[-1]}", f"#{variable(path)}={value}", ""]
    return "\n".join(lines).strip("\n") + "\n"


def variable(path: Path) -> str:
    """The environment variable of a setting, such as ASTRAL_WEB__PORT of ("web", "port")."""
    prefix, delimiter = Settings.model_config["env_prefix"], Settings.model_config["env_nested_delimiter"]
    return f"{prefix}{delimiter.join(path)}".upper() if delimiter else prefix


def _fields(path: Path, model: type[BaseModel]) -> Iterator[tuple[Path, FieldInfo]]:
    """The settings of a model and of its sections."""
    for name, field in model.model_fields.items():
        section = _model_of(field)
        if section is None:
            yield (*path, name), field
        else:
            yield from _fields((*path, name), section)


def _section(path: Path, model: type[BaseModel]) -> list[str]:
    """A section of astral.toml. Its own settings come first: below the next header they would belong there."""
    own: list[str] = []
    below: list[str] = []
    for name, field in model.model_fields.items():
        inner = (*path, name)
        section = _model_of(field)
        if section is not None:
            below += ["", f"# {inspect.getdoc(section)}", f"[{'.'.join(inner)}]", *_section(inner, section)]
        elif get_origin(field.annotation) is dict:
            below += ["", f"# {field.description or name}", f"#[{'.'.join(inner)}{_keys_of(field)}]"]
        else:
            own += _setting(inner, field)
    return own + below


def _setting(path: Path, field: FieldInfo) -> list[str]:
    meaning = field.description or path[-1]
    if _is_secret(field):
        return [f"# {meaning}: a secret, {variable(path)} in the environment"]
    default = field.get_default(call_default_factory=True)
    value = "# not set" if default is None else json.dumps(default, ensure_ascii=False)
    return [f"# {meaning}", f"#{path[-1]} = {value}"]


def _keys_of(field: FieldInfo) -> str:
    """What a table's header adds where its values are tables too."""
    return ".<id>" if get_origin(get_args(field.annotation)[1]) is dict else ""


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    kind: Any = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))
