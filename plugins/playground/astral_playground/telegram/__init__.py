"""Telegram on this machine: a Bot API server with memory, people who use the bot, and faults on purpose."""

from __future__ import annotations

from .checkout import Outcome
from .client import EmulatedUser
from .clock import Clock, ManualClock, SystemClock
from .emulator import TelegramEmulator
from .errors import ApiError, PageError
from .faults import Fault, Switches
from .records import Call, CallbackQuery, Invoice, Message, User
from .server import make_app
from .state import DEFAULT_TOKEN, World, looks_real
from .updates import Update

__all__ = [
    "DEFAULT_TOKEN",
    "ApiError",
    "Call",
    "CallbackQuery",
    "Clock",
    "EmulatedUser",
    "Fault",
    "Invoice",
    "ManualClock",
    "Message",
    "Outcome",
    "PageError",
    "Switches",
    "SystemClock",
    "TelegramEmulator",
    "Update",
    "User",
    "World",
    "looks_real",
    "make_app",
]
