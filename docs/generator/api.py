"""The page of public names."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from types import ModuleType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin, is_typeddict

from msgspec import Struct

import astral_core
from generator.members import Member, by_group, members
from generator.shipped import SHIPPED
from generator.text import call, code, page, sentence, signature

# By task; what nobody put into a group comes last.
GROUPS = {
    "A plugin and its routes": (
        "Plugin", "Routes", "Route", "Call", "CallbackRoute", "CallbackCall", "DeepLink", "LinkCall", "QuestionRoute",
        "QuestionCall", "StepRoute", "StepCall", "named_route", "ChatKind", "PRIVATE", "GROUP", "CHANNEL", "ANY",
        "Flood", "MenuItem", "Tables",
    ),
    "What handlers and hooks get": ("Context", "PluginContext", "Work", "User", "ChatInfo", "View", "Ref"),
    "Texts and buttons": (
        "N_", "Message", "Markup", "html", "text_length", "cut", "limits", "Button", "Buttons", "Keyboard", "rows",
    ),
    "Files and how messages are sent": ("File", "Upload", "Media", "SendOptions"),
    "Storage": (
        "State", "Session", "Serial", "UtcDateTime", "core_users", "plugin_metadata", "in_batches", "json_array",
        "now",
    ),
    "Events, health and telemetry": ("Event", "EventFailed", "Health", "HealthFinding", "Handled"),
    "Errors": ("AstralError", "Refuse", "Skip"),
}  # fmt: skip
# How pages call an object of these; their members have headings of their own.
OBJECTS = {"Plugin": "plugin", "Routes": "routes", "Context": "ctx", "PluginContext": "ctx", "Work": "work"}
TOLD_BY = {"Plugin": "Routes", "PluginContext": "Context", "Work": "Context"}  # where what both have is explained


def api() -> str:
    """Every public name of the core, and of the plugins' api modules."""
    intro = (
        "All that a plugin imports: names of `astral_core`, [errors](errors.md), and the `api` module of plugins "
        "that it depends on. What is not on this page may change at any time. How a plugin is written: "
        "[write a handler](../how-to/write-a-handler.md)."
    )
    blocks = []
    for title, names in _grouped(astral_core.__all__):
        blocks += [f"## {title}", *_names(astral_core, names)]
    for plugin in SHIPPED:
        name = f"astral_{plugin}.api"
        if find_spec(name) is not None:
            module = importlib.import_module(name)
            blocks += [f"## {name}", inspect.getdoc(module) or "", *_names(module, _public(module))]
    return page("Python API", intro, *blocks)


def _grouped(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The public names by task, in the order of `GROUPS`."""
    grouped = {name for inner in GROUPS.values() for name in inner}
    for title, inner in GROUPS.items():
        yield title, [name for name in inner if name in names]
    yield "Others", [name for name in names if name not in grouped]


def _public(module: ModuleType) -> list[str]:
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return sorted(getattr(module, "__all__", None) or [name for name in own if not name.startswith("_")])


def _names(module: ModuleType, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = getattr(module, name)
        yield f"### {name}"
        if inspect.ismodule(value):
            yield from _values(value)
        elif is_typeddict(value):
            yield inspect.getdoc(value) or ""
            yield "\n".join(f"- `{key}: {kind}`" for key, kind in _keys(value))
        elif inspect.isclass(value) and not value.__module__.startswith("astral_"):
            yield f"`{value.__module__.partition('.')[0]}.{value.__name__}`, as it is."
        elif inspect.isclass(value) and name in OBJECTS:
            yield from _object(name, value)
        elif inspect.isclass(value):
            yield f"```python\nclass {name}{_construction(value)}\n```"
            yield inspect.getdoc(value) or ""
            yield "\n".join(_member(member) for member in members(value) if member.owner is value)
        elif inspect.isfunction(inspect.unwrap(value)):
            yield f"```python\n{_keyword(value)}{name}{signature(value)}\n```"
            yield inspect.getdoc(value) or ""
        else:
            yield _constant(name, value)


def _values(module: ModuleType) -> Iterator[str]:
    """A module of values, with the comments behind them."""
    yield inspect.getdoc(module) or ""
    found = []
    for line in inspect.getsource(module).splitlines():
        if mark := re.match(r"([A-Z_]+(?:, [A-Z_]+)*) = [^#]+(?:# (.+))?", line):
            names = mark[1].split(", ")
            values = ", ".join(f"`{name} = {getattr(module, name)}`" for name in names)
            found.append(f"- {values}{f': {mark[2]}' if mark[2] else ''}")
    yield "\n".join(found)


def _keys(kind: Any) -> Iterator[tuple[str, str]]:
    """The keys of a TypedDict with their types as the source has them."""
    for key, hint in kind.__annotations__.items():
        yield key, getattr(hint, "__forward_arg__", str(hint))


def _object(name: str, kind: type) -> Iterator[str]:
    """A class with many members: one heading for each, by task. What another class explains is named only."""
    if name in ("Plugin", "Routes"):
        yield f"```python\n{call(name, kind)}\n```"
    yield inspect.getdoc(kind) or ""
    told = TOLD_BY.get(name)
    others = {member.name: member for member in members(getattr(astral_core, told))} if told else {}
    found = list(members(kind))
    shared = [member.name for member in found if member.says_the_same(others.get(member.name))]
    if shared:
        yield f"As in [{told}](#{told.lower() if told else ''}): {', '.join(code(name) for name in shared)}."
    groups = by_group([member for member in found if member.name not in shared])
    for title, inner in groups.items():
        if len(groups) > 1:
            yield f"#### {name}: {title}"
        for member in inner:
            yield f"####{'#' * (len(groups) > 1)} {OBJECTS[name]}.{member.name}"
            if not member.is_property:
                head = f"{_await(member)}{OBJECTS[name]}.{member.name}"
                yield f"```python\n{call(head, getattr(kind, member.name), member.owner)}\n```"
            yield inspect.getdoc(member.function) or ""


def _await(member: Member) -> str:
    return "await " if inspect.iscoroutinefunction(member.function) else ""


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
    if isinstance(value, astral_core.ChatKind):
        return f"{code(f'ChatKind.{name}')}: see [ChatKind](#chatkind)."
    if origin in (Union, UnionType, Literal):
        return f"One of {', '.join(parts)}."
    if origin is not None:
        return f"The type {code(re.sub(r'[a-z_.]+[.]', '', str(value)))}."
    kind = type(value)
    return f"A {code(kind.__name__)} of {kind.__module__.partition('.')[0]}."


def _member(member: Member) -> str:
    shown = member.name if member.is_property else f"{member.name}{signature(member.function)}"
    return f"- `{_await(member)}{shown}`: {sentence(inspect.getdoc(member.function) or '')}"
