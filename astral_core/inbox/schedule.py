"""When recurring work runs next.

Clocks are set. A slot that has run does not run again: the next one comes after it, also if the clock is behind it by
now. But nothing waits for ever because a clock was wrong. Work that runs every so often never waits for longer than
that, and work at fixed times is counted anew if it would come more than a day late.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from typing import Any, Literal

import msgspec

_SKEW = 0.5  # seconds
_DAY = timedelta(hours=25)  # in which each time of day comes, also on the day on which summer ends


def lane_of(job: str) -> int:
    """A lane of the job's own, where no chat can be: below every group's id."""
    return -(2**62) - zlib.crc32(job.encode())


class Schedule(msgspec.Struct, frozen=True):
    """Every `every` seconds, counted from the Unix epoch, so that all replicas and all starts agree."""

    every: float

    def after(self, moment: datetime) -> datetime:
        """The first run after `moment`."""
        slot = int(moment.timestamp() // self.every)
        while (due := datetime.fromtimestamp(slot * self.every, UTC)) <= moment:  # one or two turns: floats round
            slot += 1
        return due

    def near(self, due: datetime, moment: datetime) -> datetime:
        """`due`, or the latest moment for which there is reason to wait at `moment`."""
        return min(due, moment + timedelta(seconds=self.every))

    def encoded(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


class Trigger(msgspec.Struct, frozen=True):
    """A trigger of APScheduler 3, by which python-telegram-bot's `job_queue` counts.

    `zone` is a name of the tz database, or an offset from UTC in seconds; `start` and `end` are moments in ISO 8601.
    An interval has `seconds` and is counted from its start; a cron trigger has `fields`, such as hour="9".
    """

    trigger: Literal["interval", "cron"]
    zone: str
    start: str | None = None
    end: str | None = None
    seconds: float = 0.0
    fields: dict[str, str] = {}

    def after(self, moment: datetime) -> datetime | None:
        """The first run after `moment`; None if there is none any more."""
        zone = timezone(timedelta(seconds=float(self.zone))) if self.zone.lstrip("-")[:1].isdigit() else self.zone
        span = {"start_date": _moment(self.start), "end_date": _moment(self.end), "timezone": zone}
        what: dict[str, Any] = {"seconds": self.seconds} if self.trigger == "interval" else dict(self.fields)
        made = _triggers()[self.trigger](**what, **span)
        # A process whose clock is a little behind the database's must not count the run that has just been.
        ahead = timedelta(seconds=min(_SKEW, self.seconds / 4) if self.trigger == "interval" else _SKEW)
        found: datetime | None = made.get_next_fire_time(None, moment + ahead)
        return found.astimezone(UTC) if found is not None else None

    def near(self, due: datetime, moment: datetime) -> datetime:
        """`due`, or the latest moment for which there is reason to wait at `moment`."""
        if self.trigger == "interval":
            pause, start = timedelta(seconds=self.seconds), _moment(self.start)
            is_first = start is not None and due - start < pause  # its moment was named
            return due if is_first else min(due, moment + pause)
        first = self.after(moment)
        return first if first is not None and due - first > _DAY else due

    def encoded(self) -> str:
        """As it is stored."""
        return msgspec.json.encode(self).decode()


def _triggers() -> dict[str, Any]:
    names = {"interval": "IntervalTrigger", "cron": "CronTrigger"}  # they come with python-telegram-bot[job-queue]
    return {kind: getattr(import_module(f"apscheduler.triggers.{kind}"), name) for kind, name in names.items()}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


Recurrence = Schedule | Trigger


def following(schedule: Recurrence, due: datetime, moment: datetime) -> datetime | None:
    """The run after the one that was due at `due` and ends at `moment`; None if there is none any more."""
    found = schedule.after(max(due, moment))
    return schedule.near(found, moment) if found is not None else None


def read_schedule(text: str) -> Recurrence:
    """A stored schedule. Raises msgspec.MsgspecError if another version wrote it."""
    return msgspec.json.decode(text, type=Trigger if '"trigger"' in text else Schedule)
