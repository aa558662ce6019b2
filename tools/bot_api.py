"""`python3 dev.py bot-api FILE`: make the Bot API's table, `astral_core/botapi/table.json`.

FILE is aiogram's source distribution (`pip download --no-deps --no-binary :all: aiogram`), which carries what its
authors read from https://core.telegram.org/bots/api, under the MIT licence: `.butcher/schema/schema.json` with the
methods and types, and in `aiogram/methods/*.py` what each method returns. Its licence is kept beside the table.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

HOME = Path(__file__).parent.parent / "astral_core" / "botapi"
_LENGTH = re.compile(r"\b(\d+)-(\d+) (characters|bytes)(?: (after entit(?:ies|y) parsing))?")
_CONSTANT = re.compile(r"(?:always|must be) [\"'“]?([a-z_0-9]+)[\"'”]?(?:$|[.;,])")
_RETURNS = re.compile(r"__returning__ = (\S.*)")
_MEMBER = re.compile(r"^ - (\w+)$", re.MULTILINE)
_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
_PYTHON = {"bool": "Boolean", "str": "String", "int": "Integer"}
_EDGE = re.compile(r", | and | or ")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(file: Path) -> None:
    """Read aiogram's source distribution FILE and write the table."""
    with tarfile.open(file) as archive:
        texts = {member.name.partition("/")[2]: member for member in archive.getmembers() if member.isfile()}

        def read(name: str) -> str:
            found = archive.extractfile(texts[name])
            if found is None:
                raise click.ClickException(f"{file} has no {name}: is it aiogram's source distribution?")
            return found.read().decode()

        for needed in (".butcher/schema/schema.json", "LICENSE"):
            if needed not in texts:
                raise click.ClickException(f"{file} has no {needed}: is it aiogram's source distribution?")
        schema = json.loads(read(".butcher/schema/schema.json"))
        returns = dict(_returns(read(name) for name in texts if re.fullmatch(r"aiogram/methods/\w+\.py", name)))
        licence = read("LICENSE")
    table = make_table(schema, returns, file.name.removesuffix(".tar.gz"))
    (HOME / "table.json").write_text(_encoded(table), encoding="utf-8", newline="\n")
    (HOME / "LICENSE").write_text(licence, encoding="utf-8", newline="\n")
    click.echo(f"Bot API {table['version']}: {len(table['methods'])} methods, {len(table['types'])} types")


def make_table(schema: dict[str, Any], returns: dict[str, str], source: str) -> dict[str, Any]:
    """The table as JSON values; `astral_core/botapi/table.py` says what they mean."""
    methods, types, unions = {}, {}, {}
    for group in schema["items"]:
        for item in group["children"]:
            name, members = item["name"], _MEMBER.findall(item["description"])
            if name[0].islower():
                methods[name] = {"returns": returns.get(name.lower(), ""), "parameters": _fields(item)}
            elif members and not item["annotations"]:
                unions[name] = members
            else:
                types[name] = _fields(item)
    return {
        "version": schema["api"]["version"], "released": schema["api"]["release_date"], "source": f"{source} (MIT)",
        "methods": methods, "types": types, "unions": unions,
    }  # fmt: skip


def _fields(item: dict[str, Any]) -> dict[str, list[Any]]:
    return {note["name"]: _field(note) for note in item["annotations"]}


def _field(note: dict[str, Any]) -> list[Any]:
    """[type, required, lowest and highest length, its unit, the one value], without what is missing at the end."""
    length = _LENGTH.search(note["description"]) if note["type"] == "String" else None
    constant = _CONSTANT.search(note["description"]) if note["type"] == "String" and note["required"] else None
    values: list[Any] = [type_of(note["type"]), bool(note["required"]), 0, 0, "", ""]
    if length is not None:
        unit = "parsed" if length[4] else length[3]
        values[2:5] = [int(length[1]), int(length[2]), unit]
    if constant is not None and note["name"] in ("type", "status", "source"):
        values[5] = constant[1]
    while len(values) > 1 and not values[-1]:
        values.pop()
    return values


def type_of(text: str) -> str:
    """`Array of Integer or String` as `[Integer]|String`: what stands after `Array of` with commas is in the list."""
    if text.startswith("Array of "):
        return f"[{type_of(text.removeprefix('Array of '))}]"
    return "|".join(_EDGE.split(text))


def _returns(sources: Iterable[str]) -> Iterator[tuple[str, str]]:
    for source in sources:
        name, found = _CLASS.search(source), _RETURNS.search(source)
        if name is not None and found is not None:
            yield name[1].lower(), _returned(found[1])


def _returned(text: str) -> str:
    """`list[Message]` as `[Message]`, `Message | bool` as `Message|Boolean`."""
    text = text.strip().replace("Result", "").replace("Union", "")
    if text.startswith("list["):
        return f"[{_returned(text[5:-1])}]"
    return "|".join(_PYTHON.get(part.strip(), part.strip()) for part in text.split("|"))


def _encoded(table: dict[str, Any]) -> str:
    """One line for each method and type, so that a difference between two versions can be read."""
    lines = []
    for key, value in table.items():
        if isinstance(value, dict):
            rows = [f"{json.dumps(name)}:{_compact(value[name])}" for name in sorted(value)]
            lines.append(f"{json.dumps(key)}:{{\n" + ",\n".join(rows) + "\n}")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("true", "1")


if __name__ == "__main__":
    sys.exit(main())
