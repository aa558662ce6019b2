"""What a bot of python-telegram-bot cannot do in a plugin: refused when it is declared, with what to use instead."""

from __future__ import annotations

import inspect
from typing import Any

from telegram import Update
from telegram.ext import (
    BaseHandler,
    ConversationHandler,
    StringCommandHandler,
    StringRegexHandler,
    TypeHandler,
)

from astral_core.errors import DeclarationError


def check_handler(plugin: str, handler: object, group: object) -> None:
    """DeclarationError for a handler that would not work, or not as its author expects."""
    who = type(handler).__name__
    if not isinstance(handler, BaseHandler):
        raise DeclarationError(plugin, f"{handler!r} is no handler of python-telegram-bot.")
    if not isinstance(group, int):
        raise DeclarationError(plugin, f"{who}: group={group!r} is no int.")
    if isinstance(handler, (StringCommandHandler, StringRegexHandler)):
        raise DeclarationError(
            plugin, f"{who} takes texts that a program puts into update_queue, and there is none.",
            "context.job_queue.run_once(callback, 0, data=...).",
        )  # fmt: skip
    if isinstance(handler, TypeHandler) and not issubclass(Update, handler.type):
        raise DeclarationError(
            plugin, f"TypeHandler({handler.type.__name__}) takes what a program puts into update_queue, and there is "
            "none.", "a webhook of the plugin (plugin.webhook), or TypeHandler(Update).",
        )  # fmt: skip
    if not bool(getattr(handler.block, "value", handler.block)):
        raise DeclarationError(
            plugin, f"{who}: block=False runs outside of the update, and would be lost with the process.",
            "leave block out: chats do not wait for each other; for long work context.job_queue.run_once.",
        )  # fmt: skip
    if isinstance(handler, ConversationHandler):
        for one in (*handler.entry_points, *_in_states(handler), *handler.fallbacks):
            check_handler(plugin, one, group)
    elif not inspect.iscoroutinefunction(handler.callback) and not _is_awaited(handler.callback):
        raise DeclarationError(plugin, f"{who}: its callback {handler.callback!r} is no coroutine function.")


def _is_awaited(callback: Any) -> bool:
    """Whether it is an object with `async def __call__`, a functools.partial of one, or the like."""
    inner = getattr(callback, "func", callback)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def _in_states(handler: Any) -> list[Any]:
    return [one for handlers in handler.states.values() for one in handlers]
