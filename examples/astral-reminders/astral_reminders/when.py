"""Times as people write and read them."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from astral_core import N_, Refuse

LONGEST = 300  # characters of a reminder's text, as wide as their column; `TOO_LONG` says it too
HOW = N_(
    "Write it like this: <code>/remind tomorrow 9:00 tea</code>, <code>/remind 18:30 tea</code>, "
    "<code>/remind in 10 minutes tea</code> or <code>/remind 2026-12-24 18:00 tea</code>."
)
PAST = N_("That time is over. Write one that is still to come, such as <code>/remind tomorrow 9:00 tea</code>.")
NOWHERE = N_("I do not know that place. Write a large city nearby, such as <code>/zone Berlin</code>.")
TOO_LONG = N_("I can keep 300 characters of text at most. Write it shorter, please.")

DAYS = {"today": 0, "сегодня": 0, "tomorrow": 1, "завтра": 1}
_IN = re.compile(r"(?:in|через)\s+(\d{1,6})\s+(?:minutes?|мин\w*)\s+(.+)", re.IGNORECASE | re.DOTALL)
_AT = re.compile(rf"(?:({'|'.join(DAYS)}|\d{{4}}-\d\d-\d\d)\s+)?(\d\d?):(\d\d)\s+(.+)", re.IGNORECASE | re.DOTALL)


def read_reminder(written: str, zone: str, moment: datetime) -> tuple[datetime, str]:
    """When to remind of what, as written at `moment`; Refuse says what to write instead.

    "tomorrow 9:00 tea", "today 18:30 tea", "9:00 tea" (the next time that it is nine), "in 10 minutes tea" and
    "2026-12-24 18:00 tea", in English or Russian.
    """
    try:
        due, text = _read(written.strip(), ZoneInfo(zone), moment)
    except (ValueError, OverflowError):  # an hour, a day or a year that no calendar has
        raise Refuse(HOW) from None
    if due <= moment:
        raise Refuse(PAST)
    if len(text) > LONGEST:
        raise Refuse(TOO_LONG)
    return due, text


def _read(written: str, zone: ZoneInfo, moment: datetime) -> tuple[datetime, str]:
    if found := _IN.fullmatch(written):
        return moment + timedelta(minutes=int(found[1])), found[2]
    if not (found := _AT.fullmatch(written)):
        raise ValueError(written)
    day, hour, minute, text = found.groups()
    days = DAYS.get((day or "today").lower())
    first = date.fromisoformat(day) if days is None else moment.astimezone(zone).date() + timedelta(days)
    wall = datetime.combine(first, time(int(hour), int(minute)))
    due = instant(wall, zone)
    if day is None and due <= moment:
        due = instant(wall + timedelta(days=1), zone)
    return due, text


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the zone's clocks show `wall`; where they leave it out, the first one after the gap."""
    while (moment := wall.replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != wall:
        wall += timedelta(minutes=1)
    return moment


def zone_of(place: str) -> ZoneInfo:
    """The zone of "Berlin", "new york" or "Europe/Berlin"; Refuse says what to write instead."""
    wanted = place.strip().casefold().replace(" ", "_")
    for name in sorted(available_timezones()):
        if wanted and wanted in (name.casefold(), name.casefold().rpartition("/")[2]):
            return ZoneInfo(name)
    raise Refuse(NOWHERE)
