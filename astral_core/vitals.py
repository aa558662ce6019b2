"""What `astral_health` returns. Whatever is wrong with an answer fails where the plugin makes it, and not later."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markupsafe import Markup, escape

from astral_core.errors import EffectError
from astral_core.markup import sendable

LENGTH = 1500  # characters of text and fix together, values included
_PLAIN = (str, Markup, int, float, bool, type(None))


@dataclass(frozen=True)
class HealthFinding:
    """Something that is wrong now. `code` is a stable name such as "events-dead", one finding a code.

    `text` says what is seen, `fix` what to do: source texts of the plugin (mark them with N_), which `values` fill.
    An "error" is told to the admins at once and then hourly, a "warning" to whoever asks `astral doctor`.
    """

    code: str
    text: str
    fix: str
    level: Literal["error", "warning"] = "warning"
    values: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_name(self.code, r"[a-z][a-z0-9-]{0,39}"):
            raise ValueError(f"the code {self.code!r} of a finding is no name of a-z, 0-9 and -, of 40 at most.")
        who = f"the finding {self.code!r}"
        if self.level not in ("error", "warning"):
            raise ValueError(f"{who} has the level {self.level!r}. Fix: error or warning.")
        if not isinstance(self.values, Mapping) or not all(isinstance(name, str) for name in self.values):
            raise TypeError(f"{who} has values that are no dict with names. Fix: values={{'n': 1}}.")
        values = {name: value if type(value) in _PLAIN else escape(value) for name, value in self.values.items()}
        object.__setattr__(self, "values", values)  # an object of the plugin might say something else later
        length = 0
        for name, text in (("text", self.text), ("fix", self.fix)):
            try:
                length += len(sendable(text, values))
            except EffectError as error:
                raise ValueError(f"{who}, its {name}: {error}") from error
        if length > LENGTH:
            raise ValueError(
                f"{who} has {length} characters, at most {LENGTH} fit. Fix: two short sentences will do."
            )


@dataclass(frozen=True)
class Health:
    """How a plugin is. A gauge `waiting` is shown in /metrics as `astral_<plugin>_waiting`."""

    findings: Sequence[HealthFinding] = ()
    gauges: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.findings, Sequence):
            raise TypeError(f"findings are of the type {type(self.findings).__name__}. Fix: give a list.")
        if not isinstance(self.gauges, Mapping):
            raise TypeError(f"gauges are of the type {type(self.gauges).__name__}. Fix: give a dict.")
        object.__setattr__(self, "findings", tuple(self.findings))  # the plugin may go on with its list
        object.__setattr__(self, "gauges", dict(self.gauges))
        for one in self.findings:
            if not isinstance(one, HealthFinding):
                raise TypeError(f"a finding is of the type {type(one).__name__}. Fix: give a HealthFinding.")
        for name, value in self.gauges.items():
            _check_gauge(name, value)


def _check_gauge(name: str, value: float) -> None:
    if not _is_name(name, r"[a-z][a-z0-9_]{0,63}"):
        raise ValueError(f"the gauge {name!r} is no name of a-z, 0-9 and _, of 64 at most.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"the gauge {name!r} is of the type {type(value).__name__}. Fix: give an int or a float.")
    try:
        finite = math.isfinite(value)
    except OverflowError:  # such an int is not even written out
        finite = False
    if not finite:
        raise ValueError(f"the gauge {name!r} is too large or no number. Fix: leave it out where nothing is known.")


def _is_name(name: object, pattern: str) -> bool:
    return isinstance(name, str) and re.fullmatch(pattern, name) is not None
