"""Errors of the natal plugin: one tree under `AstralError`, each picklable across the process pool.

    NatalError
    ├── DateOutOfRange          the moment is not covered by the ephemeris
    ├── InvalidChartRequest     coordinates, day or offset that make no sense
    ├── EphemerisMissing        the ephemeris file is not where its package should have put it
    └── ChartFormatError        a stored chart that this version cannot read

No message contains the birth moment or place: errors are logged, and these are personal data.
"""

from __future__ import annotations

from astral_core.errors import AstralError


class NatalError(AstralError):
    """The root of the plugin's errors."""


class DateOutOfRange(NatalError):
    """The moment is not covered by the ephemeris; the message names the days that are."""


class InvalidChartRequest(NatalError):
    """A chart request with coordinates, a local day or an offset that make no sense."""


class EphemerisMissing(NatalError):
    """The ephemeris file is not where its package should have put it."""


class ChartFormatError(NatalError):
    """A stored chart was written by another version or is damaged; compute the chart again."""
