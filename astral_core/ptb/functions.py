"""Functions of jobs by their names: a job is kept as `module:qualname`, and found again when it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from astral_core.errors import HandlerError


def name_of(plugin: str, callback: Any) -> str:
    """`module:qualname` of a function of a module. HandlerError for any other: it could not be found again."""
    module, name = getattr(callback, "__module__", None), getattr(callback, "__qualname__", "<lambda>")
    if module is None or "<" in name or _found(module, name) is not callback:
        raise HandlerError(
            f"plugin {plugin!r}: the job {callback!r} could not be found again after a restart. "
            "Fix: give a function of a module, no lambda, no method and no function inside of another one; "
            "what it needs can be in data=."
        )
    return f"{module}:{name}"


def function_of(plugin: str, text: str, modules: Iterable[str]) -> Any:
    """The function of that name. One that is not in its module any more is looked for in `modules`, the bot's own.

    What is found nowhere gives a function that raises HandlerError: the job may still be seen and removed.
    """
    module, _, name = text.partition(":")
    for place in (module, *modules):
        found = _found(place, name)
        if found is not None:
            return found

    async def gone(_: object) -> NoReturn:
        raise HandlerError(f"plugin {plugin!r}: a job calls {text}, which is not there any more.")

    return gone


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    if found is None:
        try:
            found = importlib.import_module(module)
        except ImportError:
            return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
