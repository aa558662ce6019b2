"""Checks of handlers when they are declared: what would fail at the first press fails at the start instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from astral_core.declare import Route
from astral_core.errors import DeclarationError


def colour(function: Callable[..., Any]) -> str:
    """How a function is to be called: "sync", "async" or "async generator"."""
    target = inspect.unwrap(function)
    if inspect.isasyncgenfunction(target):
        return "async generator"
    return "async" if inspect.iscoroutinefunction(target) else "sync"


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
    _check_names(plugin, what, signature, len(positional))
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


def _check_names(plugin: str, what: str, signature: inspect.Signature, given: int) -> None:
    """What is stored of a call is kept by name: an argument that has none to be called by could never arrive."""
    for parameter in list(signature.parameters.values())[given:]:
        if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            raise DeclarationError(plugin, f"{what}: the argument {parameter.name!r} cannot be given by name.")


def refuse_old_style(target: Any) -> None:
    """DeclarationError, with the line to write, for a handler with the update first as other libraries call it."""
    try:
        names = list(inspect.signature(target).parameters) if callable(target) else []
    except (TypeError, ValueError):  # something built in, which is told when the plugin loads
        names = []
    if names[:1] != ["update"]:
        return
    rest = names[2:]
    line = f"async def {getattr(target, '__name__', 'handler')}({', '.join(('ctx: Context', *rest))}) -> None:"
    raise DeclarationError(
        "?", f"the handler {_name(target)} takes the update first.",
        f"write `{line}`; python-telegram-bot's object is ctx.update.",
    )  # fmt: skip


def _target(handler: Any) -> Any:
    while isinstance(handler, Route):  # stacked decorators
        handler = handler.handler
    return handler


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__qualname__", repr(target))
