"""APScheduler's triggers, which python-telegram-bot's job queue counts by, as they are kept."""

from __future__ import annotations

import copy
import importlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from astral_core.errors import HandlerError
from astral_core.inbox.schedule import Recurrence, Trigger, read_schedule

_NAMES = {"date": "DateTrigger", "interval": "IntervalTrigger", "cron": "CronTrigger"}


def moved(trigger: Any, ahead: timedelta) -> Any:
    """A trigger that was made by the machine's clock, for a bot whose clock is so much ahead of it."""
    name = {"DateTrigger": "run_date", "IntervalTrigger": "start_date"}.get(type(trigger).__name__)
    if name is None or abs(ahead) < timedelta(seconds=1):
        return trigger
    found = copy.copy(trigger)
    setattr(found, name, getattr(trigger, name) + ahead)
    return found


def is_same(stored: str | None, new: Recurrence | None) -> bool:
    """Whether a trigger is as before, but for its start, which is another one at each start of the bot."""
    if stored is None or new is None:
        return stored is None and new is None
    before = read_schedule(stored)
    if not (isinstance(before, Trigger) and isinstance(new, Trigger)):
        return before == new
    return msgspec.structs.replace(before, start=None) == msgspec.structs.replace(new, start=None)


def trigger_of(trigger: Any, options: dict[str, Any], zone: Any, moment: datetime) -> Any:
    """APScheduler's trigger for what the library asks of its scheduler at this moment."""
    if not isinstance(trigger, str):
        if options:
            raise HandlerError(f"job_queue: {', '.join(options)} cannot be kept with a job. Fix: leave it out.")
        return trigger
    if trigger not in _NAMES:
        raise HandlerError(f"job_queue: the trigger {trigger!r} cannot be kept. Fix: one of {', '.join(_NAMES)}.")
    known = {name: value for name, value in options.items() if value is not None}
    known.setdefault("timezone", zone)
    if trigger == "interval" and "start_date" not in known:  # APScheduler would count from the machine's clock
        spans = {name: known[name] for name in ("weeks", "days", "hours", "minutes", "seconds") if name in known}
        known["start_date"] = moment + (timedelta(**spans) or timedelta(seconds=1))
    try:
        return getattr(importlib.import_module(f"apscheduler.triggers.{trigger}"), _NAMES[trigger])(**known)
    except TypeError as error:
        raise HandlerError(f"job_queue: {error}.") from error


def recurrence(trigger: Any) -> Trigger | None:
    """The trigger as it is kept; None for one that fires once."""
    kind = type(trigger).__name__
    if kind == "DateTrigger":
        return None
    if kind not in ("IntervalTrigger", "CronTrigger") or trigger.jitter:
        raise HandlerError(f"job_queue: {trigger!r} cannot be kept. Fix: an interval or cron trigger without jitter.")
    zone, start, end = _zone(trigger.timezone), _iso(trigger.start_date), _iso(trigger.end_date)
    if kind == "IntervalTrigger":
        return Trigger("interval", zone, start, end, trigger.interval_length)
    fields = {one.name: str(one) for one in trigger.fields if not one.is_default}
    return Trigger("cron", zone, start, end, fields=fields)


def moment_of(found: datetime | str) -> datetime:
    """A moment as the driver gives it: SQLite's is the text of one in UTC."""
    return found if isinstance(found, datetime) else datetime.fromisoformat(found).replace(tzinfo=UTC)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _zone(zone: Any) -> str:
    """The name of a zone, or its offset in seconds. HandlerError for one whose rules could not be found again."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name is not None:
        return str(name)
    if not isinstance(zone, timezone):
        raise HandlerError(f"job_queue: the zone {zone!r} has no name. Fix: zoneinfo.ZoneInfo('Europe/Berlin').")
    return str((zone.utcoffset(None) or timedelta()).total_seconds())
