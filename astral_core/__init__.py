"""All that a plugin author imports. What stands here is Astral's public API; nothing else is."""

from __future__ import annotations

from telegram import Update

from astral_core._version import __version__
from astral_core.bot.buttons import Button, Buttons
from astral_core.bot.context import Context, rows
from astral_core.bot.people import User
from astral_core.db.session import Session
from astral_core.db.tables import Serial, UtcDateTime, core_users, now, plugin_metadata
from astral_core.declare import (
    CallbackRoute,
    Command,
    Declared,
    Event,
    Handled,
    Job,
    MenuItem,
    Middleware,
    QuestionRoute,
    Raw,
    Routes,
    Schema,
    StepRoute,
    Subscriber,
    TelemetrySubscriber,
    Webhook,
    WebRoute,
)
from astral_core.errors import AstralError, Refuse
from astral_core.hookspecs import hookimpl, hookspec
from astral_core.host.context import PluginContext
from astral_core.i18n import fill
from astral_core.inbox.effect import Ref
from astral_core.inbox.work import Work

__all__ = [
    "AstralError",
    "Button",
    "Buttons",
    "CallbackRoute",
    "Command",
    "Context",
    "Declared",
    "Event",
    "Handled",
    "Job",
    "MenuItem",
    "Middleware",
    "PluginContext",
    "QuestionRoute",
    "Raw",
    "Ref",
    "Refuse",
    "Routes",
    "Schema",
    "Serial",
    "Session",
    "StepRoute",
    "Subscriber",
    "TelemetrySubscriber",
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
    "now",
    "plugin_metadata",
    "rows",
]
