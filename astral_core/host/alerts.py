"""Alerts: what the bot's owner has to know now, as one durable row for each admin, in that admin's lane.

The rows are committed with what they tell of. Whether an alert is said, or was said within the last hour, is decided
where it is delivered (`astral_core/alerts.py`): an admin's lane has one owner at a time among all replicas.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from markupsafe import Markup, escape

from astral_core.db.tables import storable
from astral_core.errors import EffectError
from astral_core.host.services import Services
from astral_core.inbox.money import named_by
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.work import UnitOfWork, internal_row
from astral_core.markup import sendable
from astral_core.observe.logs import redact

log = logging.getLogger("astral.alerts")
STEP = "core.alert"  # the route that delivers
SENDER = STEP  # the plugin of its messages: one that is refused causes no alert
SLOT = 10.0  # seconds in which the same alert is one row, however often it is raised
KEY_LENGTH, TEXT_LENGTH, VALUE_LENGTH = 100, 2000, 200  # characters


@dataclass(frozen=True)
class Alert:
    """One alert. `texts` are source texts of the plugin `by` (of `plugin` itself unless told), one a paragraph.

    An alert with the same plugin and key is said once an hour.
    """

    plugin: str
    key: str
    texts: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""

    def __post_init__(self) -> None:
        who = f"plugin {self.plugin!r}: the alert {self.key[:KEY_LENGTH]!r}"
        if not 0 < len(self.key) <= KEY_LENGTH:
            raise EffectError(f"{who} needs a key of 1 to {KEY_LENGTH} characters. Fix: an id in it is enough.")
        if not all(self.texts):
            raise EffectError(f"{who} has an empty text. Fix: say what happened, and what to do.")
        try:
            length = len(self.source)
        except EffectError as error:
            raise EffectError(f"{who}: {error}") from error
        if length > TEXT_LENGTH:
            raise EffectError(f"{who} is too long. Fix: at most {TEXT_LENGTH} characters, values included.")

    @property
    def safe(self) -> dict[str, str]:
        """The values as HTML: cut, and free of secrets."""
        return {name: str(escape(_short(value))) for name, value in self.values.items()}

    @property
    def source(self) -> str:
        """The whole text in the source language; EffectError where it cannot be sent."""
        values = {name: Markup(value) for name, value in self.safe.items()}  # noqa: S704  # escaped there
        return "\n\n".join(sendable(text, values) for text in self.texts)

    def rows(self, services: Services) -> list[NewRow]:
        """One durable row for each admin; the same ones again within some seconds."""
        slot = int(services.time() // SLOT)
        body = {"plugin": self.plugin, "key": self.key, "texts": self.texts, "values": self.safe, "by": self.by}
        return [
            internal_row(
                "step", f"{STEP}:{admin}:{slot}:{self.plugin}:{self.key}", admin, {"route": STEP, "args": body}
            )
            for admin in services.settings.admins
        ]

    def report(self, services: Services) -> None:
        """Write it into the log: an error where there is nobody else to read it."""
        level = logging.WARNING if services.settings.admins else logging.ERROR
        log.log(level, "alert %s of plugin %r: %s", self.key, self.plugin, Markup(self.source).striptags())  # noqa: S704


def raise_alert(work: UnitOfWork, services: Services, alert: Alert) -> None:
    """Add `alert` to `work`: it is said, and stands in the log, once that is committed."""
    rows = alert.rows(services)
    if not rows:  # a unit of work that wrote nothing is not committed, and so nothing comes after it
        alert.report(services)
        return
    work.rows += rows
    work.after_commit.append(partial(alert.report, services))


def is_alert(row: InboxRow) -> bool:
    """Whether `row` delivers an alert; one that fails must not cause another one."""
    return row.kind == "step" and STEP in named_by(row)


def _short(value: Any) -> str | Markup:
    if isinstance(value, Markup) and len(value) <= VALUE_LENGTH:
        return Markup(redact(value))  # noqa: S704  # it was one
    text = redact(value.striptags() if isinstance(value, Markup) else str(value))
    return storable(text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 1]}…", VALUE_LENGTH)
