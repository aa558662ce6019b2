"""All handlers of the plugin, in one collector."""

from __future__ import annotations

from astral_natal.handlers.chart import natal_chart
from astral_natal.handlers.common import N_, routes
from astral_natal.handlers.reading import deliver, draw_completed, take_back

MENU_TEXT = N_("Natal chart")

__all__ = ["MENU_TEXT", "deliver", "draw_completed", "natal_chart", "routes", "take_back"]
