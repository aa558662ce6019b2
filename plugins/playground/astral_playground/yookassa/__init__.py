"""A YooKassa emulator: the REST API, the pay page, notifications, virtual time and faults, in memory."""

from __future__ import annotations

from astral_playground.yookassa.cards import CARDS, TestCard
from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.emulator import YooKassaEmulator
from astral_playground.yookassa.notifications import GAPS, NotificationSettings
from astral_playground.yookassa.objects import Shop

__all__ = ["CARDS", "GAPS", "NotificationSettings", "Shop", "TestCard", "VirtualClock", "YooKassaEmulator"]
