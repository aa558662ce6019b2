"""No pattern costs the square of what strangers write: all of the core and the plugins, with repetitive texts."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("astral_core", "astral_analytics", "astral_natal", "astral_payments", "astral_profile")
# What an owner or an author writes in files of their own, and the emulators and tools that only they run.
OWNERS = ("astral_core.cli", "astral_core.languages.po", "astral_core.scaffold", "astral_core.failpoint",
          "astral_core.db.autogenerate", "astral_core.texts", "astral_core.audit")  # fmt: skip
METHODS = ("match", "fullmatch", "search", "sub", "findall", "finditer", "split")
SIZE = 8_000  # characters: a pattern that takes the square of that takes at least some hundredths of a second
ENOUGH = 0.01  # seconds of CPU time
PIECES = (
    "1", "%3A", " ", ".", "<", "&", "&#", "@", "_", "-", "a", "A", "/", "\\", "\\\\u0041", "%25", ":", "\n", "'", '"',
    "a.", "1.", "1,", "a b", "[hidden]", "[hidden] ", "1:a", "<b", "</", "ж", "ж ", "{", "{a", "°", "+", "DETAIL:",
    "1 - ", "N", "a-", "a'", ", ", "12345678:", '="', "x='",
)  # fmt: skip
ENDS = ("!",)


def _modules() -> Iterator[str]:
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        yield name
        for module in pkgutil.walk_packages(spec.submodule_search_locations, f"{name}."):
            if (
                not module.name.startswith(OWNERS)
                and "__main__" not in module.name
                and "migrations" not in module.name
            ):
                yield module.name


def _called(tree: ast.Module, name: str) -> set[str]:
    """The methods by which a module uses its pattern `name`; the anchored ones if it hands the pattern on."""
    called = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    } & {*METHODS}
    return called or {"match", "fullmatch"}


def _patterns() -> Iterator[Any]:
    for name in _modules():
        spec = find_spec(name)
        source = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin else ""
        if "re.compile(" not in source:
            continue
        module, tree = importlib.import_module(name), ast.parse(source)
        stored = {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for attribute, value in vars(module).items():
            if attribute in stored and isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                for method in sorted(_called(tree, attribute)):
                    yield pytest.param(value, method, id=f"{name}.{attribute}.{method}")


def _cost(pattern: re.Pattern[str], method: str, text: str, runs: int = 1) -> float:
    """The CPU time of one run over `text`, the best of some."""
    if method == "sub":
        run = partial(pattern.sub, "", text)
    elif method == "finditer":
        run = partial(list, pattern.finditer(text))  # type: ignore[arg-type]
    else:
        run = partial(getattr(pattern, method), text)
    best = float("inf")
    for _ in range(runs):
        before = time.process_time()
        run()
        best = min(best, time.process_time() - before)
    return best


def _growth(pattern: re.Pattern[str], method: str, piece: str, end: str) -> float:
    """By how much the cost grows if a text becomes four times as long; 0 if even the long one takes no time."""
    text = piece * (SIZE // len(piece))
    if _cost(pattern, method, text + end) < ENOUGH:
        return 0.0
    return _cost(pattern, method, text + end, 3) / _cost(pattern, method, text[: SIZE // 4] + end, 3)


@pytest.mark.parametrize(("pattern", "method"), list(_patterns()))
def test_no_pattern_is_quadratic(pattern: re.Pattern[str], method: str) -> None:
    """Four times the text costs far less than sixteen times the time; what is too fast to measure is fast enough."""
    for piece in PIECES:
        for end in ENDS:
            growth = _growth(pattern, method, piece, end)
            assert growth < 10, f"{piece!r} … {end!r}: four times as much costs {growth:.1f} times the time"


def test_the_measure_finds_a_quadratic_pattern() -> None:
    """A token that is looked for at each of many digits."""
    assert _growth(re.compile(r"\d{6,}:x"), "search", "1", "") > 10
    assert _growth(re.compile(r"(?<!\d)\d{6,}:x"), "search", "1", "") < 10
