"""A call that a page or a docstring names in a sentence exists, and takes these arguments.

The reference is written from docstrings, so those are looked at, too. Whole files of a page run elsewhere
(test_blocks.py).
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import astral_core
from astral_core import Context, Plugin, PluginContext, Routes, Work

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.ru.md", *sorted((ROOT / "docs").rglob("*.md"))]
OBJECTS: dict[str, tuple[type, ...]] = {
    "ctx": (Context, PluginContext),
    "work": (Work,),
    "routes": (Routes,),
    "plugin": (Plugin,),
}
FILES = ("py", "toml", "md")


def spans(text: str) -> Iterator[str]:
    """What stands between backticks in a sentence."""
    for block in MarkdownIt().parse(text):
        for token in block.children or ():
            if token.type == "code_inline":
                yield token.content


def members(span: str) -> set[tuple[str, str]]:
    """(object, attribute) of all that is read from an object of the API, also where the span is no whole program."""
    found = set(re.findall(rf"(?<![\w./-])({'|'.join(OBJECTS)})\.([a-z]\w*)", span))
    return {(name, attribute) for name, attribute in found if attribute not in FILES}


def calls(span: str) -> Iterator[ast.Call]:
    """The calls in a span, where it is Python."""
    try:
        tree = ast.parse(span.removeprefix("@").strip())
    except SyntaxError:
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def candidates(node: ast.Call) -> list[Any]:
    """What is called, with its own `self` where it is a method; nothing if it is not of the API."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in OBJECTS:
            found = [inspect.getattr_static(kind, attribute, None) for kind in OBJECTS[name]]
            return [function for function in found if inspect.isfunction(function)]
        case ast.Name(id=name) if name in astral_core.__all__:
            kind = getattr(astral_core, name)
            return [kind] if kind.__module__.startswith("astral_") else []
    return []


def fits(node: ast.Call, function: Any) -> bool:
    """Whether `function` takes the arguments; `...` and `**args` stand for any others."""
    signature = inspect.signature(function)
    if inspect.isfunction(function) and "." in function.__qualname__:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    places = [arg for arg in node.args if not isinstance(arg, ast.Starred) and not _is_ellipsis(arg)]
    words = {word.arg: word.value for word in node.keywords if word.arg is not None}
    open_end = len(places) < len(node.args) or len(words) < len(node.keywords)
    try:
        (signature.bind_partial if open_end else signature.bind)(*places, **words)
    except TypeError:
        return False
    return True


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def wrong(text: str) -> list[str]:
    """What a page names and the API has not."""
    found = []
    for span in spans(text):
        found += [
            f"{name}.{attribute}"
            for name, attribute in sorted(members(span))
            if not any(hasattr(kind, attribute) for kind in OBJECTS[name])
        ]
        for node in calls(span):
            functions = candidates(node)
            if functions and not any(fits(node, function) for function in functions):
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_calls_takes_these_arguments(page: Path) -> None:
    """Guides, explanations, and the docstrings that the reference is made from."""
    assert wrong(page.read_text(encoding="utf-8")) == []


def test_a_wrong_call_is_found() -> None:
    """A missing method, a word that is not there, one argument too few; open ends pass."""
    text = (
        "`ctx.sing()` `ctx.defer(fire, sooner=1)` `ctx.defer()` `@routes.step('fire', times=5)` `Tables()` "
        "`ctx.defer(fire(item=5), ...)` `@routes.callback(..., answer='manual')` `plugin.py` "
        "`ctx.reply(text, **words)`"
    )
    assert wrong(text) == [
        "ctx.sing", "ctx.defer(fire, sooner=1)", "ctx.defer()", "routes.step('fire', times=5)", "Tables()",
    ]  # fmt: skip
