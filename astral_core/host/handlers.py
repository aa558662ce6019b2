"""Checks of handlers when they are declared: what would fail at the first press fails at the start instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from astral_core.declare import Route
from astral_core.errors import DeclarationError
from astral_core.host.runner import colour


def check_handler(
    plugin: str, what: str, handler: Any, positional: tuple[str, ...], named: Iterable[str] | None = ()
) -> None:
    """DeclarationError where `handler` is not async or cannot be called with these arguments.

    `named` None: further arguments are known only when the route is asked for (questions, steps).
    """
    target = _target(handler)
    if not callable(target):
        raise DeclarationError(plugin, f"{what}: {target!r} is no function.")
    if colour(target) != "async" and colour(target.__call__) != "async":
        raise DeclarationError(plugin, f"{what}: the handler {_name(target)} must be `async def`.")
    signature = inspect.signature(target)
    try:
        if named is None:
            signature.bind_partial(*positional)
        else:
            signature.bind(*positional, **dict.fromkeys(named))
    except TypeError as error:
        wanted = ", ".join((*positional, *(named or ())))
        raise DeclarationError(
            plugin, f"{what}: the handler {_name(target)} is called with ({wanted}), but takes {signature}: {error}."
        ) from None


def _target(handler: Any) -> Any:
    while isinstance(handler, Route):  # stacked decorators
        handler = handler.handler
    return handler


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__qualname__", repr(target))
