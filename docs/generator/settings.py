"""The page of settings."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from astral_core.config import PREFIX, Settings, is_secret
from generator.shipped import SHIPPED, host
from generator.text import code, page, sentence, table

BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
NAMES = {str: "text", bool: "true or false", int: "whole number", float: "number"}
Path = tuple[str, ...]
Rows = list[tuple[Path, FieldInfo]]


def settings() -> str:
    """Every setting of the core and of the plugins, from the models that check them."""
    blocks = ["## The core"]
    for path, rows, meaning in _sections(Settings, ()):
        blocks += [
            f"### `[{'.'.join(path)}]`\n\n{meaning}" if path else "### Without a section",
            _settings_table(rows),
        ]
    for plugin in SHIPPED:
        model = host().plugin_settings.get(plugin)
        blocks.append(f"## Plugin {plugin}")
        if model is None:
            blocks.append("It has no settings.")
            continue
        for _, rows, meaning in _sections(type(model), ("plugins", plugin)):
            blocks += [f"{meaning}\n\n{_settings_table(rows)}"]
    intro = (
        "Put a setting in the environment or in `astral.toml` (another file with `ASTRAL_CONFIG`); the "
        "environment wins. In the environment a list or a table is JSON. Keep **secrets** in the environment. "
        "`astral config example` writes a whole `astral.toml`, `astral config show --origin` tells what is set where."
    )
    return page("Settings", intro, *blocks)


def _sections(model: type[BaseModel], path: Path) -> Iterator[tuple[Path, Rows, str]]:
    """(path, settings, meaning) of a model and of the models inside it."""
    inner = {name: item.annotation for name, item in model.model_fields.items() if _is_section(item.annotation)}
    own = [((*path, name), item) for name, item in model.model_fields.items() if name not in inner]
    if own:
        yield path, own, inspect.getdoc(model) or ""
    for name, kind in inner.items():
        yield from _sections(kind, (*path, name))  # type: ignore[arg-type]  # looked at just above


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _settings_table(rows: Rows) -> str:
    cells = []
    for path, item in rows:
        secret = "**Secret.** " if is_secret(item.annotation) else ""
        variable = f"{PREFIX}{'__'.join(path)}".upper()
        meaning = f"{secret}{sentence(item.description or '')}"
        cells.append([code(path[-1]), code(variable), _kind(item), _default(item), meaning])
    return table(["key", "variable", "type", "default", "meaning"], cells)


def _kind(item: FieldInfo) -> str:
    """The type in an owner's words, with its bounds."""
    limits = [
        f"{sign} {getattr(limit, name)}"
        for limit in item.metadata
        for name, sign in BOUNDS.items()
        if hasattr(limit, name)
    ]
    return ", ".join([_type_name(item.annotation), *limits])


def _type_name(kind: Any) -> str:
    origin, args = get_origin(kind), [part for part in get_args(kind) if part not in (type(None), Ellipsis)]
    if is_secret(kind):
        return "text"
    if origin is Literal:
        return " or ".join(code(value) for value in args)
    if origin in (tuple, list, set, frozenset):
        return f"list of {_type_name(args[0])}s"
    if origin is dict:
        return "table"
    if origin in (Union, UnionType):
        return " or ".join(_type_name(part) for part in args)
    return NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def _default(item: FieldInfo) -> str:
    if item.is_required():
        return "must be set"
    value = item.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "–"
    plain = value.get_secret_value() if is_secret(type(value)) else to_jsonable_python(value, fallback=str)
    return code(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)) or "empty"
