"""The page of public names."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from types import ModuleType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from msgspec import Struct

import astral_core
from generator.shipped import SHIPPED
from generator.text import code, page, sentence, signature


def api() -> str:
    """Every public name of the core, and of the plugins' api modules."""
    intro = (
        "All that a plugin imports: names of `astral_core`, [errors](errors.md), and the `api` module of plugins "
        "that it depends on. What is not on this page may change at any time."
    )
    blocks = ["## astral_core", *_names(astral_core, astral_core.__all__)]
    for plugin in SHIPPED:
        name = f"astral_{plugin}.api"
        if find_spec(name) is not None:
            module = importlib.import_module(name)
            blocks += [f"## {name}", inspect.getdoc(module) or "", *_names(module, _public(module))]
    return page("Python API", intro, *blocks)


def _public(module: ModuleType) -> list[str]:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return sorted(getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")])


def _names(module: ModuleType, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = getattr(module, name)
        yield f"### {name}"
        if inspect.isclass(value) and not value.__module__.startswith("astral_"):
            yield f"`{value.__module__.partition('.')[0]}.{value.__name__}`, as it is."
        elif inspect.isclass(value):
            yield f"```python\nclass {name}{_construction(value)}\n```"
            yield inspect.getdoc(value) or ""
            yield "\n".join(_members(value))
        elif inspect.isfunction(inspect.unwrap(value)):
            yield f"```python\n{_keyword(value)}{name}{signature(value)}\n```"
            yield inspect.getdoc(value) or ""
        else:
            yield _constant(name, value)


def _construction(kind: type) -> str:
    """The arguments that make one; where the class leaves that to another library's, what it is made from."""
    maker = next(base for base in kind.__mro__ if "__init__" in vars(base))
    own = maker.__module__.startswith("astral_") and Protocol not in kind.__bases__
    return signature(kind) if own or issubclass(kind, Struct) else f"({kind.__bases__[0].__name__})"


def _keyword(function: Callable[..., Any]) -> str:
    return "async def " if inspect.iscoroutinefunction(function) else "def "


def _constant(name: str, value: Any) -> str:
    origin, parts = get_origin(value), [code(getattr(get_origin(p) or p, "__name__", p)) for p in get_args(value)]
    if name == "__version__":
        return "The version of the core."
    if origin in (Union, UnionType, Literal):
        return f"One of {', '.join(parts)}."
    if origin is not None:
        return f"The type {code(re.sub(r'[a-z_.]+[.]', '', str(value)))}."
    kind = type(value)
    return f"A {code(kind.__name__)} of {kind.__module__.partition('.')[0]}."


def _members(kind: type) -> Iterator[str]:
    """Methods and properties that the class itself has, in the order of the source."""
    for name, value in vars(kind).items():
        function = getattr(value, "__func__", value)
        if name.startswith("_") or not (isinstance(value, property) or inspect.isfunction(function)):
            continue
        shown = name if isinstance(value, property) else f"{name}{signature(getattr(kind, name))}"
        prefix = "await " if inspect.iscoroutinefunction(function) else ""
        yield f"- `{prefix}{shown}`: {sentence(inspect.getdoc(value) or '')}"
