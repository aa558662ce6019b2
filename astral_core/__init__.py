"""All that a plugin author imports. What stands here is Astral's public API; nothing else is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from astral_core._version import __version__

if TYPE_CHECKING:
    from telegram import Update

    from astral_core.bot.buttons import Button, Buttons, rows
    from astral_core.bot.context import Context
    from astral_core.bot.people import User
    from astral_core.clock import now
    from astral_core.db.session import Session
    from astral_core.db.tables import Serial, UtcDateTime, core_users, plugin_metadata
    from astral_core.declare import (
        ANY,
        CHANNEL,
        GROUP,
        PRIVATE,
        CallbackRoute,
        ChatKind,
        Command,
        Declared,
        DeepLink,
        Event,
        Job,
        MenuItem,
        Middleware,
        Payment,
        PreCheckout,
        QuestionRoute,
        Raw,
        RefundedPayment,
        Routes,
        Schema,
        StepRoute,
        Subscriber,
        TelemetrySubscriber,
        Text,
        Webhook,
        WebRoute,
    )
    from astral_core.errors import AstralError, Refuse
    from astral_core.handled import Handled
    from astral_core.hookspecs import hookimpl, hookspec
    from astral_core.host.context import PluginContext
    from astral_core.host.export import in_batches, json_array
    from astral_core.host.failed import EventFailed
    from astral_core.i18n import fill
    from astral_core.inbox.effect import Ref
    from astral_core.inbox.work import Work
    from astral_core.observe.logs import Seldom
    from astral_core.offline import offline_context
    from astral_core.vitals import Health, HealthFinding

__all__ = [
    "ANY",
    "CHANNEL",
    "GROUP",
    "PRIVATE",
    "AstralError",
    "Button",
    "Buttons",
    "CallbackRoute",
    "ChatKind",
    "Command",
    "Context",
    "Declared",
    "DeepLink",
    "Event",
    "EventFailed",
    "Handled",
    "Health",
    "HealthFinding",
    "Job",
    "MenuItem",
    "Middleware",
    "Payment",
    "PluginContext",
    "PreCheckout",
    "QuestionRoute",
    "Raw",
    "Ref",
    "RefundedPayment",
    "Refuse",
    "Routes",
    "Schema",
    "Seldom",
    "Serial",
    "Session",
    "StepRoute",
    "Subscriber",
    "TelemetrySubscriber",
    "Text",
    "Update",
    "User",
    "UtcDateTime",
    "WebRoute",
    "Webhook",
    "Work",
    "__version__",
    "core_users",
    "fill",
    "hookimpl",
    "hookspec",
    "in_batches",
    "json_array",
    "now",
    "offline_context",
    "plugin_metadata",
    "rows",
]

# Where each name stands. They are imported when they are asked for: workers of the process pool and the command
# line import this package too, and need neither python-telegram-bot nor SQLAlchemy.
_HOMES = {
    "ANY": "astral_core.declare",
    "CHANNEL": "astral_core.declare",
    "GROUP": "astral_core.declare",
    "PRIVATE": "astral_core.declare",
    "AstralError": "astral_core.errors",
    "Button": "astral_core.bot.buttons",
    "Buttons": "astral_core.bot.buttons",
    "CallbackRoute": "astral_core.declare",
    "ChatKind": "astral_core.declare",
    "Command": "astral_core.declare",
    "Context": "astral_core.bot.context",
    "Declared": "astral_core.declare",
    "DeepLink": "astral_core.declare",
    "Event": "astral_core.declare",
    "EventFailed": "astral_core.host.failed",
    "Handled": "astral_core.handled",
    "Health": "astral_core.vitals",
    "HealthFinding": "astral_core.vitals",
    "Job": "astral_core.declare",
    "MenuItem": "astral_core.declare",
    "Middleware": "astral_core.declare",
    "Payment": "astral_core.declare",
    "PluginContext": "astral_core.host.context",
    "PreCheckout": "astral_core.declare",
    "QuestionRoute": "astral_core.declare",
    "Raw": "astral_core.declare",
    "Ref": "astral_core.inbox.effect",
    "RefundedPayment": "astral_core.declare",
    "Refuse": "astral_core.errors",
    "Routes": "astral_core.declare",
    "Schema": "astral_core.declare",
    "Seldom": "astral_core.observe.logs",
    "Serial": "astral_core.db.tables",
    "Session": "astral_core.db.session",
    "StepRoute": "astral_core.declare",
    "Subscriber": "astral_core.declare",
    "TelemetrySubscriber": "astral_core.declare",
    "Text": "astral_core.declare",
    "Update": "telegram",
    "User": "astral_core.bot.people",
    "UtcDateTime": "astral_core.db.tables",
    "WebRoute": "astral_core.declare",
    "Webhook": "astral_core.declare",
    "Work": "astral_core.inbox.work",
    "core_users": "astral_core.db.tables",
    "fill": "astral_core.i18n",
    "hookimpl": "astral_core.hookspecs",
    "hookspec": "astral_core.hookspecs",
    "in_batches": "astral_core.host.export",
    "json_array": "astral_core.host.export",
    "now": "astral_core.clock",
    "offline_context": "astral_core.offline",
    "plugin_metadata": "astral_core.db.tables",
    "rows": "astral_core.bot.buttons",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'astral_core' has no public name {name!r}; see astral_core.__all__")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
