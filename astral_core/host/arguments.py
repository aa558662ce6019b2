"""What authors give to the verbs of a unit of work: checked where they give it, not at the commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from markupsafe import Markup, escape

from astral_core.db.tables import storable
from astral_core.errors import HandlerError
from astral_core.i18n import Message
from astral_core.inbox.address import lane_own

Keep = Literal["last", "first", "once"]
Lane = tuple[str | int, ...]
KEY = 200  # characters of a key
FAR = timedelta(days=36_500)


def own_lane(plugin: str, lane: Lane) -> int:
    """The number of a plugin's own lane; HandlerError if it has no name."""
    if not isinstance(lane, tuple) or not lane or not all(isinstance(part, (str, int)) for part in lane):
        raise HandlerError(f'plugin {plugin!r}: {lane!r} names no lane. Fix: give a tuple such as ("order", 7).')
    return lane_own(plugin, lane)


def check_time(after: timedelta | None, at: datetime | None, key: str | None, keep: Keep) -> None:
    """HandlerError for a time or a `keep` that cannot be meant."""
    if after is not None and at is not None:
        raise HandlerError("ctx.defer: give either after= or at=, not both.")
    if after is not None and not isinstance(after, timedelta):
        raise HandlerError(f"ctx.defer: after={after!r} is no timedelta. Fix: timedelta(seconds=...).")
    if after is not None and abs(after) > FAR:
        raise HandlerError(f"ctx.defer: after={after!r} is more than {FAR.days} days.")
    if at is not None and at.tzinfo is None:
        raise HandlerError(
            "ctx.defer: at= has no time zone. Fix: give an aware datetime, such as now() + timedelta(...)."
        )
    if keep not in ("last", "first", "once"):
        raise HandlerError(f'ctx.defer: keep={keep!r} is none of "last", "first", "once".')
    if keep == "once" and (key is None or after is not None or at is not None):
        raise HandlerError('ctx.defer: keep="once" is for work with a key and without a time. Fix: keep="first".')


def check_key(key: object, verb: str = "ctx.defer") -> None:
    """What the database could not keep would fail at the commit."""
    if not isinstance(key, str) or not 0 < len(key) <= KEY or storable(key, KEY) != key:
        raise HandlerError(f"{verb}: key={key!r:.80} is no text of 1 to {KEY} characters without NUL.")


def template(text: str, values: Mapping[str, Any]) -> str:
    """A text as alerts store it: HTML with placeholders. One that is not marked is shown as it is."""
    if isinstance(text, (Message, Markup)) or not isinstance(text, str):
        return text
    plain = str(escape(text))
    return plain.replace("{", "{{").replace("}", "}}") if values else plain
