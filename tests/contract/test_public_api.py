"""The public API as a contract: what plugins may import, with its signatures, is what `public_api.txt` says."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import os
import re
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

import astral_core
from astral_core import errors, hookspecs

SNAPSHOT = Path(__file__).with_name("public_api.txt")
ACCEPT = "ASTRAL_TEST_ACCEPT_API"
HOW = (
    "The public API is not what {file} says:\n\n{diff}\n\n"
    "Plugins of other people depend on it. If the change is meant: name it in CHANGELOG.md, say there what authors "
    "have to do, and accept it with\n\n    {accept}=1 pytest {test}\n"
)
# Authors are given these: their arguments may change.
MADE_BY_THE_CORE = {"Call", "ChatInfo", "Context", "PluginContext", "RawContext", "Route", "Session", "View", "Work"}
SPECIAL = {"__aenter__", "__aexit__", "__await__", "__call__", "__iter__", "__len__"}  # what callers use by syntax


class Verbatim:
    """Shows as the text itself where `str(signature)` shows a repr."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


# --- describing one thing


def type_text(annotation: Any) -> str:
    """An annotation as the source has it: the modules of the project have string annotations."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def value_text(value: Any) -> str:
    """A default value, the same in every process."""
    if inspect.isroutine(value) or isinstance(value, type):
        return str(value.__qualname__)
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def signature_text(call: Callable[..., Any], *, bound: bool = False) -> str:
    """The signature of a callable, without the first argument where it is bound."""
    signature = inspect.signature(call)
    empty = inspect.Parameter.empty
    parameters = [
        item.replace(
            annotation=empty if item.annotation is empty else Verbatim(type_text(item.annotation)),
            default=empty if item.default is empty else Verbatim(value_text(item.default)),
        )
        for item in list(signature.parameters.values())[1 if bound else 0 :]
    ]
    returns = signature.return_annotation
    returned = empty if returns is empty else Verbatim(type_text(returns))
    return str(signature.replace(parameters=parameters, return_annotation=returned))


def colour(function: Any) -> str:
    """How a function is called: async ones are awaited, async generators iterated."""
    if inspect.isasyncgenfunction(function):
        return "async generator "
    return "async " if inspect.iscoroutinefunction(function) else ""


def method_lines(name: str, value: Any) -> Iterator[str]:
    """One line for a member of a class, or one for each overload."""
    kind = {classmethod: "classmethod ", staticmethod: "staticmethod "}.get(type(value), "")
    function = getattr(value, "__func__", value)
    for one in typing.get_overloads(function) or [function]:
        text = signature_text(one, bound=kind != "staticmethod ")
        yield f"{kind}{colour(function)}{name}{text}"


def member_lines(cls: type) -> Iterator[str]:
    """The public members that a class has from this project, inherited ones included, by name."""
    found: dict[str, Any] = {}
    for base in reversed(own_bases(cls)):
        found |= dict.fromkeys(instance_attributes(base))
        found |= vars(base)
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    fields |= set(getattr(cls, "__struct_fields__", ()))
    for name in sorted(found.keys() - fields):
        value = found[name]
        if name.startswith("_") and name not in SPECIAL:
            continue
        if isinstance(value, property):
            yield f"property {name}: {type_text(inspect.signature(value.fget).return_annotation)}"  # type: ignore[arg-type]
        elif inspect.isroutine(value):
            yield from method_lines(name, value)
        elif value is None:
            yield f"attribute {name}"
        else:
            yield f"value {name} = {value_text(value)}"


def own_bases(cls: type) -> list[type]:
    """The class and its bases that this project has made."""
    return [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "astral_core"]


def instance_attributes(cls: type) -> set[str]:
    """The public attributes that `__init__` sets."""
    init = vars(cls).get("__init__")
    generated = dataclasses.is_dataclass(cls) or issubclass(cls, msgspec.Struct)
    if init is None or generated:
        return set()
    return set(re.findall(r"^\s+self\.([a-z]\w*)(?:: [^=\n]+)? = ", inspect.getsource(init), re.MULTILINE))


def class_lines(name: str, cls: type) -> Iterator[str]:
    """A class with its bases, the arguments that make one, and its members."""
    if not own_bases(cls):
        yield f"class {name} = {cls.__module__.partition('.')[0]}.{cls.__qualname__}"
        return
    kind = "struct" if issubclass(cls, msgspec.Struct) else "dataclass" if dataclasses.is_dataclass(cls) else "class"
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    frozen = ", frozen" if getattr(getattr(cls, "__dataclass_params__", None), "frozen", False) else ""
    yield f"{kind} {name}({bases}){frozen}"
    if cls.__name__ not in MADE_BY_THE_CORE and made_here(cls):
        yield f"    made by {signature_text(cls)}"
    yield from (f"    {line}" for line in member_lines(cls))


def made_here(cls: type) -> bool:
    """Whether this project says which arguments make one."""
    return issubclass(cls, msgspec.Struct) or any("__init__" in vars(base) for base in own_bases(cls))


def table_lines(name: str, table: Table) -> Iterator[str]:
    """A table's columns, as PostgreSQL has them."""
    yield f"table {name}"
    for column in table.columns:
        marks = f"{' primary key' if column.primary_key else ''}{'' if column.nullable else ' not null'}"
        yield f"    {column.name} {column.type.compile(postgresql.dialect())}{marks}"


def thing_lines(name: str, value: Any) -> Iterator[str]:
    """Any public name."""
    if isinstance(value, Table):
        yield from table_lines(name, value)
    elif isinstance(value, types.ModuleType):
        yield f"module {name}"
        yield from (f"    {key} = {found}" for key, found in sorted(vars(value).items()) if key.isupper())
    elif typing.is_typeddict(value):
        yield f"typed dict {name}"
        for key, hint in value.__annotations__.items():
            yield f"    {key}: {getattr(hint, '__forward_arg__', hint)}"
    elif isinstance(value, types.UnionType) or typing.get_origin(value) is typing.Union:
        yield f"union {name} = {' | '.join(item.__name__ for item in typing.get_args(value))}"
    elif typing.get_origin(value) is not None:
        yield f"alias {name} = {type_text(value)}"
    elif isinstance(value, type):
        yield from class_lines(name, value)
    elif inspect.isroutine(value):
        yield f"{colour(value)}function {name}{signature_text(value)}"
    elif isinstance(value, TypeEngine):
        yield f"column type {name} = {value.compile(postgresql.dialect())}"
    else:
        yield f"{type(value).__name__} {name}"


# --- describing all of it


def describe() -> list[str]:
    """The whole API as lines."""
    lines = ["# astral_core", ""]
    for name in sorted(astral_core.__all__):
        lines += [*thing_lines(name, getattr(astral_core, name)), ""]
    lines += ["# astral_core.errors", ""]
    for name, value in sorted(vars(errors).items()):
        if isinstance(value, type) and value.__module__ == errors.__name__ and not name.startswith("_"):
            lines += [*class_lines(name, value), ""]
    lines += ["# hooks", ""]
    for name, value in sorted(vars(hookspecs).items()):
        if hasattr(value, f"{hookspecs.PROJECT}_spec"):
            lines.append(f"{colour(value)}hook {name}{signature_text(value)}")
    return lines


def differences(snapshot: list[str], lines: list[str]) -> str:
    """What changed, each line below the class that it belongs to; empty where nothing did."""
    found = difflib.unified_diff(owned(snapshot), owned(lines), SNAPSHOT.name, "the code", lineterm="", n=0)
    return "\n".join(line for line in found if not line.startswith("@@"))


def owned(lines: list[str]) -> list[str]:
    """The lines, those of members with the name of their class."""
    owner, found = "", []
    for line in lines:
        if not line.startswith("    "):
            owner = re.sub(r"\(.*", "", line).rpartition(" ")[2]
        found.append(f"{owner}: {line.strip()}" if line.startswith("    ") else line)
    return found


def compare(snapshot: Path, lines: list[str]) -> None:
    """Fail where the snapshot has other lines; write it where the change is accepted."""
    if os.environ.get(ACCEPT) == "1":
        snapshot.write_text("\n".join(lines) + "\n", encoding="utf-8")
    stored = snapshot.read_text(encoding="utf-8").splitlines() if snapshot.is_file() else []
    diff = differences(stored, lines)
    if diff:
        pytest.fail(HOW.format(file=snapshot.name, diff=diff, accept=ACCEPT, test="tests/contract"), pytrace=False)


# --- the tests


def test_the_public_api_is_the_one_that_was_agreed() -> None:
    """Names, signatures, defaults, members, columns and hooks are those of the stored snapshot."""
    compare(SNAPSHOT, describe())


def test_a_change_is_told_as_a_difference_with_the_way_to_accept_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed default, a new name and a lost one are named with their class; the environment accepts them."""
    monkeypatch.delenv(ACCEPT, raising=False)
    stored = tmp_path / SNAPSHOT.name
    lines = describe()
    tables = next(n for n, line in enumerate(lines) if line.startswith("    made by (metadata: MetaData"))
    changed = lines[tables].replace("migrations: str = ''", "migrations: str = 'here'")
    old = [*lines[:tables], changed, *lines[tables + 1 :]]
    old.remove("async hook astral_health(ctx: PluginContext) -> Health")
    old.append("hook astral_gone(ctx: PluginContext) -> None")
    stored.write_text("\n".join(old) + "\n", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception) as failed:
        compare(stored, lines)
    message = str(failed.value)
    shown = [line for line in message.splitlines() if re.match(r"[-+][^-+]", line)]
    assert [line[0] for line in shown] == ["-", "+", "+", "-"]
    assert shown[0].startswith("-Tables: made by (metadata: MetaData")
    assert "migrations: str = 'here'" in shown[0]
    assert "migrations: str = ''" in shown[1]
    assert "astral_health" in shown[2]
    assert "astral_gone" in shown[3]
    assert f"{ACCEPT}=1 pytest tests/contract" in message
    assert "name it in CHANGELOG.md" in message
    monkeypatch.setenv(ACCEPT, "1")
    compare(stored, lines)
    monkeypatch.delenv(ACCEPT)
    compare(stored, lines)


def test_the_description_shows_what_an_author_can_use() -> None:
    """Arguments with defaults, overloads, properties, columns, attributes set at the start; nothing private."""

    class Sample:
        def __init__(self, name: str) -> None:
            self.name = name
            self._hidden = name

        @property
        def size(self) -> int:
            return 1

        async def fetch(self, n: int = 3, *, key: str | None = None) -> list[str]:
            return [self.name * n, str(key)]

    Sample.__module__ = "astral_core.sample"
    assert list(class_lines("Sample", Sample)) == [
        "class Sample()",
        "    made by (name: str) -> None",
        "    async fetch(n: int = 3, *, key: str | None = None) -> list[str]",
        "    attribute name",
        "    property size: int",
    ]
    table = Table("core_sample", MetaData(), Column("id", BigInteger, primary_key=True))
    assert list(table_lines("sample", table)) == ["table sample", "    id BIGINT primary key not null"]
    text = "\n".join(describe())
    assert text.count("    hook(") == 2  # the overloads
    assert " at 0x" not in text
