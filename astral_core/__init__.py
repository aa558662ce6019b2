"""All that a plugin author imports. These names are Astral's public API; nothing else is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from astral_core._version import __version__

if TYPE_CHECKING:
    from markupsafe import Markup

    from astral_core import limits
    from astral_core.bot.buttons import Button, Buttons, Keyboard, rows
    from astral_core.bot.context import Context
    from astral_core.bot.media import Media
    from astral_core.bot.options import SendOptions
    from astral_core.bot.people import User
    from astral_core.bot.scope import ChatInfo
    from astral_core.bot.uploads import File, Upload
    from astral_core.botapi.views import View
    from astral_core.clock import now
    from astral_core.db.session import Session
    from astral_core.db.tables import Serial, UtcDateTime, core_users, plugin_metadata
    from astral_core.declare import (
        ANY,
        CHANNEL,
        CHAT_ADMIN,
        GROUP,
        OWNER,
        PRIVATE,
        Call,
        ChatKind,
        Event,
        Flood,
        Route,
        Tables,
    )
    from astral_core.errors import AstralError, Refuse, Skip
    from astral_core.handled import Handled
    from astral_core.host.context import PluginContext, Work
    from astral_core.host.export import in_batches, json_array
    from astral_core.host.failed import EventFailed
    from astral_core.i18n import N_, Message, Texts, html
    from astral_core.inbox.effect import Ref
    from astral_core.kinds.callback import CallbackCall, CallbackRoute, named_route
    from astral_core.kinds.deep_link import DeepLink, LinkCall
    from astral_core.kinds.question import QuestionCall, QuestionRoute
    from astral_core.kinds.step import StepCall, StepRoute
    from astral_core.markup import cut, text_length
    from astral_core.observe.logs import LogThrottle
    from astral_core.offline import offline_context
    from astral_core.plugin import Plugin
    from astral_core.ptb.context import RawContext
    from astral_core.routes import Routes
    from astral_core.state import State
    from astral_core.vitals import Health, HealthFinding

__all__ = [
    "ANY",
    "CHANNEL",
    "CHAT_ADMIN",
    "GROUP",
    "N_",
    "OWNER",
    "PRIVATE",
    "AstralError",
    "Button",
    "Buttons",
    "Call",
    "CallbackCall",
    "CallbackRoute",
    "ChatInfo",
    "ChatKind",
    "Context",
    "DeepLink",
    "Event",
    "EventFailed",
    "File",
    "Flood",
    "Handled",
    "Health",
    "HealthFinding",
    "Keyboard",
    "LinkCall",
    "LogThrottle",
    "Markup",
    "Media",
    "Message",
    "Plugin",
    "PluginContext",
    "QuestionCall",
    "QuestionRoute",
    "RawContext",
    "Ref",
    "Refuse",
    "Route",
    "Routes",
    "SendOptions",
    "Serial",
    "Session",
    "Skip",
    "State",
    "StepCall",
    "StepRoute",
    "Tables",
    "Texts",
    "Upload",
    "User",
    "UtcDateTime",
    "View",
    "Work",
    "__version__",
    "core_users",
    "cut",
    "html",
    "in_batches",
    "json_array",
    "limits",
    "named_route",
    "now",
    "offline_context",
    "plugin_metadata",
    "rows",
    "text_length",
]

# The module of each name. They are imported when they are asked for: workers of the process pool and the command
# line import this package too, and need neither python-telegram-bot nor SQLAlchemy.
_HOMES = {
    "ANY": "astral_core.declare",
    "AstralError": "astral_core.errors",
    "Button": "astral_core.bot.buttons",
    "Buttons": "astral_core.bot.buttons",
    "CHANNEL": "astral_core.declare",
    "CHAT_ADMIN": "astral_core.declare",
    "Call": "astral_core.declare",
    "CallbackCall": "astral_core.kinds.callback",
    "CallbackRoute": "astral_core.kinds.callback",
    "ChatInfo": "astral_core.bot.scope",
    "ChatKind": "astral_core.declare",
    "Context": "astral_core.bot.context",
    "DeepLink": "astral_core.kinds.deep_link",
    "Event": "astral_core.declare",
    "EventFailed": "astral_core.host.failed",
    "File": "astral_core.bot.uploads",
    "Flood": "astral_core.declare",
    "GROUP": "astral_core.declare",
    "Handled": "astral_core.handled",
    "Health": "astral_core.vitals",
    "HealthFinding": "astral_core.vitals",
    "Keyboard": "astral_core.bot.buttons",
    "LinkCall": "astral_core.kinds.deep_link",
    "LogThrottle": "astral_core.observe.logs",
    "Markup": "markupsafe",
    "Media": "astral_core.bot.media",
    "Message": "astral_core.i18n",
    "N_": "astral_core.i18n",
    "OWNER": "astral_core.declare",
    "PRIVATE": "astral_core.declare",
    "Plugin": "astral_core.plugin",
    "PluginContext": "astral_core.host.context",
    "QuestionCall": "astral_core.kinds.question",
    "QuestionRoute": "astral_core.kinds.question",
    "RawContext": "astral_core.ptb.context",
    "Ref": "astral_core.inbox.effect",
    "Refuse": "astral_core.errors",
    "Route": "astral_core.declare",
    "Routes": "astral_core.routes",
    "SendOptions": "astral_core.bot.options",
    "Serial": "astral_core.db.tables",
    "Session": "astral_core.db.session",
    "Skip": "astral_core.errors",
    "State": "astral_core.state",
    "StepCall": "astral_core.kinds.step",
    "StepRoute": "astral_core.kinds.step",
    "Tables": "astral_core.declare",
    "Texts": "astral_core.i18n",
    "Upload": "astral_core.bot.uploads",
    "User": "astral_core.bot.people",
    "UtcDateTime": "astral_core.db.tables",
    "View": "astral_core.botapi.views",
    "Work": "astral_core.host.context",
    "core_users": "astral_core.db.tables",
    "cut": "astral_core.markup",
    "html": "astral_core.i18n",
    "in_batches": "astral_core.host.export",
    "json_array": "astral_core.host.export",
    "named_route": "astral_core.kinds.callback",
    "now": "astral_core.clock",
    "offline_context": "astral_core.offline",
    "plugin_metadata": "astral_core.db.tables",
    "rows": "astral_core.bot.buttons",
    "text_length": "astral_core.markup",
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
