"""Functions of a plugin in one file, in another process, where its module has no name to be imported by."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

PREFIX = "astral_file_"  # of the modules that plugins in one file are


def from_file(function: Callable[..., Any]) -> tuple[str, str, str] | None:
    """The file, the module and the name of a function of such a plugin; None for every other one."""
    name = getattr(function, "__module__", None) or ""
    path = getattr(sys.modules.get(name), "__file__", None)
    return (path, name, function.__qualname__) if name.startswith(PREFIX) and path is not None else None


def call_in_file(path: str, module: str, name: str, args: tuple[Any, ...]) -> Any:
    """Run the function `name` of the file, which is imported once a process."""
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} cannot be imported")
        made = importlib.util.module_from_spec(spec)
        sys.modules[module] = made  # before it runs: it may name itself
        try:
            spec.loader.exec_module(made)
        except BaseException:
            del sys.modules[module]
            raise
    return getattr(sys.modules[module], name)(*args)
