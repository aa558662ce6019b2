"""The kinds of things that plugins declare, a module each: how one is declared, checked, found and described.

A kind is a class of declarations and a `Kind` that holds all of them: `kinds/base.py` says what a kind answers.
Registry, router, `astral routes`, `astral plugins info`, the memory of plugins that are away, conflicts and the
reference go over `KINDS`. A new kind is a new module here, its name in `KINDS`, and a decorator in `plugin.py`.
"""

from __future__ import annotations

from astral_core.kinds.base import Kind, RegisteredHandler
from astral_core.kinds.callback import Callbacks
from astral_core.kinds.command import Commands
from astral_core.kinds.deep_link import DeepLinks
from astral_core.kinds.event import Subscribers
from astral_core.kinds.inline import InlineQueries
from astral_core.kinds.job import Jobs
from astral_core.kinds.menu import Menu
from astral_core.kinds.message import Messages
from astral_core.kinds.middleware import Middlewares
from astral_core.kinds.payment import Payments
from astral_core.kinds.pre_checkout import PreCheckouts
from astral_core.kinds.question import Questions
from astral_core.kinds.raw import Raws
from astral_core.kinds.refund import Refunds
from astral_core.kinds.shipping import Shippings
from astral_core.kinds.step import Steps
from astral_core.kinds.telemetry import TelemetrySubscribers
from astral_core.kinds.text import Texts
from astral_core.kinds.update import Updates
from astral_core.kinds.web import Pages, Webhooks
from astral_core.kinds.web_app_data import WebAppDatas

__all__ = ["KINDS", "Kind", "RegisteredHandler"]

# In the order in which the router asks those that take updates.
KINDS: tuple[type[Kind], ...] = (
    Payments,
    Refunds,
    PreCheckouts,
    Shippings,
    Callbacks,
    DeepLinks,
    Commands,
    Questions,
    WebAppDatas,
    InlineQueries,
    Messages,
    Updates,
    Raws,
    Texts,
    Steps,
    Subscribers,
    Jobs,
    Menu,
    Middlewares,
    TelemetrySubscribers,
    Pages,
    Webhooks,
)
