"""The analytics plugin: telemetry into rows, figures for admins."""

from __future__ import annotations

from astral_analytics import recorder
from astral_analytics.handlers import stats
from astral_analytics.tables import metadata
from astral_core import N_, Plugin, Tables

plugin = Plugin(
    tables=Tables(metadata),
    routes=[stats.routes, recorder.routes],
    personal=N_("Which of my functions you use, and when: so that my owner sees what works. Never what you write."),
)
