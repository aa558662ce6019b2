"""The page of hooks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from astral_core.cli.plugins import specifications
from astral_core.kinds.signatures import colour
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
        "Hooks are for what is decided while the bot runs; what is constant is an argument of "
        "[`Plugin`](api.md#plugin). Write a function with the hook's name under `@plugin.hook`. It may leave out "
        "arguments. A hook is either sync or async; the host rejects an implementation of the other kind. "
        "`astral hooks` shows which plugin implements what in your bot."
    )
    return page("Hooks", intro, *blocks)


def explain(function: Callable[..., Any]) -> dict[str, str]:
    """The parts of a hook's docstring: what it is for, under "", and the text after When, Returns and Example."""
    text = " ".join((inspect.getdoc(function) or "").split())
    head, *rest = re.split(rf"\b({'|'.join(WORDS)}): ", text)
    return {"": head.strip(), **{word: part.strip() for word, part in zip(rest[::2], rest[1::2], strict=True)}}
