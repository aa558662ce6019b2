"""What stood on the ApplicationBuilder of a bot of python-telegram-bot."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from telegram.ext import BasePersistence, ContextTypes, Defaults

from astral_core.errors import DeclarationError

Callback = Callable[[Any], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Options:
    """What stood on the ApplicationBuilder in `main()`."""

    defaults: Defaults | None = None
    context_types: ContextTypes[Any, Any, Any, Any] | None = None
    post_init: Callback | None = None
    post_shutdown: Callback | None = None
    arbitrary_callback_data: bool | int = False
    persistence: BasePersistence[Any, Any, Any] | None = None


def check_options(plugin: str, options: Options) -> None:
    """DeclarationError for what stood on the builder and cannot work here."""
    if options.defaults is not None and not options.defaults.block:
        raise DeclarationError(
            plugin, "ptb(defaults=Defaults(block=False)) runs handlers outside of their updates.", "leave block out."
        )
    if options.arbitrary_callback_data is not False:
        raise DeclarationError(
            plugin, "ptb(arbitrary_callback_data=...) would keep what is behind buttons in memory.",
            "up to 64 bytes in callback_data, and the rest in user_data or chat_data under a key that fits.",
        )  # fmt: skip
    if options.persistence is not None and not isinstance(options.persistence, BasePersistence):
        raise DeclarationError(plugin, f"ptb(persistence={options.persistence!r}) is no persistence of the library.")
    types = options.context_types
    for name in ("user_data", "chat_data", "bot_data") if types is not None else ():
        if getattr(types, name) is not dict:
            given = getattr(types, name).__name__
            raise DeclarationError(
                plugin, f"ptb(context_types=ContextTypes({name}={given})): the data is a dict.",
                "keep a dict; what a class of yours adds can be properties of the context's class.",
            )  # fmt: skip
    for name in ("post_init", "post_shutdown"):
        callback = getattr(options, name)
        if callback is not None and not inspect.iscoroutinefunction(callback):
            raise DeclarationError(plugin, f"ptb({name}={callback!r}): it is no coroutine function.")
