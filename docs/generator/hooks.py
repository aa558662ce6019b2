"""The page of hooks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from astral_core.cli.plugins import specifications
from astral_core.host.runner import colour
from generator.shipped import host
from generator.text import code, page, signature

WORDS = ("When", "Returns", "Example")


def hooks() -> str:
    """Every hook, the core's and those that plugins bring."""
    blocks = []
    for name, function, owner in specifications(host()):
        told = explain(function)
        who = ", ".join(code(plugin) for plugin in host().runner.implementations(name) if plugin != "core")
        facts = [f"{word}\n: {told[word].removesuffix('.')}." for word in WORDS if word in told]
        facts.append(f"Implemented by\n: {who or 'no plugin of this repository'}")
        keyword = "async def" if colour(function) != "sync" else "def"
        origin = "" if owner == "core" else f" Brought by the plugin `{owner}`."
        head = f"{told['']} This hook is **{colour(function)}**.{origin}"
        blocks += [f"## {name}", f"```python\n{keyword} {name}{signature(function)}\n```", head, "\n\n".join(facts)]
    intro = (
        "A plugin is a module of functions marked `@hookimpl`. A hook may take fewer arguments than stand here, by "
        "their names; sync or async is part of the hook, and the host refuses the other colour. `astral hooks` shows "
        "who implements what in your bot."
    )
    return page("Hooks", intro, *blocks)


def explain(function: Callable[..., Any]) -> dict[str, str]:
    """The parts of a hook's docstring: what it is for, under "", and the text after When, Returns and Example."""
    text = " ".join((inspect.getdoc(function) or "").split())
    head, *rest = re.split(rf"\b({'|'.join(WORDS)}): ", text)
    return {"": head.strip(), **{word: part.strip() for word, part in zip(rest[::2], rest[1::2], strict=True)}}
