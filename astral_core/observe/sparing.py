"""The log's last line of defence: whatever repeats, and whoever is its cause, the disk does not fill."""

from __future__ import annotations

import copy
import logging
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TextIO

PERIOD = 60.0  # seconds
LINES = 20  # of one place at once; after that one line a PERIOD
WITH_ID = 600  # lines with an error id, each of which somebody may look for; after that one a second
TRACEBACKS = 3  # of one place at once; after that one a PERIOD: the lines between them go without
EACH = "each"  # `extra={EACH: True}`: this line is written, however many there are
_MOST = 10_000  # places that are remembered
_FRAMES = 16  # of a traceback, by which errors are told apart
_PER_ROW = "astral.handled"  # one line for each update is promised
_PLUGINS = "astral.plugins."


@dataclass(slots=True)
class _Budget:
    """What may still be said; it fills up with time."""

    most: float
    each: float  # seconds until there is one more
    left: float
    moment: float

    def take(self, moment: float) -> bool:
        """Whether one more may be said now."""
        self.left = min(self.most, self.left + (moment - self.moment) / self.each)
        self.moment = moment
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class _Place:
    """A line of code that logs, with the place of the exception that it tells of."""

    lines: _Budget
    tracebacks: _Budget
    last: logging.LogRecord
    left_out: int = 0


@dataclass(slots=True)
class _Places:
    known: dict[Hashable, _Place] = field(default_factory=dict)
    next_look: float = 0.0


class SparingHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream. A place in the code that repeats itself is cut short, and it is said how much was left out.

    Of one place with one kind of error, LINES lines are written, then one a minute; of lines with an error id many
    more, but few with their traceback. One line for each handled row, what plugins tell at INFO, everything at DEBUG,
    and what asks for it (`EACH`) is written as it comes.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._places = _Places()

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record` if its place may say more."""
        if _is_promised(record):
            super().emit(record)
        else:
            self._emit_if_due(record, time.monotonic())

    def close(self) -> None:
        """Say what was left out until now."""
        self.acquire()
        try:
            self._tell_all()
        finally:
            self.release()
        super().close()

    def _emit_if_due(self, record: logging.LogRecord, moment: float) -> None:
        if moment >= self._places.next_look:
            self._places.next_look = moment + PERIOD
            self._tell_all()
        place = self._place_of(record, moment)
        if not place.lines.take(moment):
            place.left_out, place.last = place.left_out + 1, record
            return
        if record.exc_info and not place.tracebacks.take(moment):
            record = copy.copy(record)  # another handler may want its traceback
            record.exc_info, record.exc_text = None, "(a traceback of the same place was written before)"
        self._tell(place)
        super().emit(record)

    def _place_of(self, record: logging.LogRecord, moment: float) -> _Place:
        key = (record.pathname, record.lineno, *_where(record.exc_info[1] if record.exc_info else None))
        place = self._places.known.get(key)
        if place is None:
            has_id = isinstance(record.msg, str) and record.msg.startswith("error %s")
            most, each = (WITH_ID, 1.0) if has_id else (LINES, PERIOD)
            if len(self._places.known) >= _MOST:
                self._tell_all()
                self._places.known.clear()
            place = self._places.known[key] = _Place(
                _Budget(most, each, most, moment), _Budget(TRACEBACKS, PERIOD, TRACEBACKS, moment), record
            )
        return place

    def _tell_all(self) -> None:
        for place in self._places.known.values():
            self._tell(place)

    def _tell(self, place: _Place) -> None:
        """Write how many lines of `place` were left out, in one line."""
        if place.left_out:
            last, left_out, place.left_out = place.last, place.left_out, 0
            values = {"name": last.name, "levelno": last.levelno, "levelname": last.levelname}
            args = (left_out, PurePath(last.pathname).name, last.lineno)
            text = "%d lines like those before were left out of the log (%s:%d)"
            super().emit(logging.makeLogRecord({**values, "msg": text, "args": args}))


def _is_promised(record: logging.LogRecord) -> bool:
    if record.levelno < logging.INFO or record.name == _PER_ROW or getattr(record, EACH, False):
        return True
    return record.levelno < logging.WARNING and record.name.startswith(_PLUGINS)


def _where(error: BaseException | None) -> tuple[Hashable, ...]:
    """An exception's type, and the innermost lines of code that it comes through."""
    if error is None:
        return ()
    trace, places = error.__traceback__, deque[Hashable](maxlen=_FRAMES)
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return (type(error), *places)
