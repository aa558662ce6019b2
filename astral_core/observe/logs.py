"""Logging: the standard library's, with secrets and what people said taken out of every line, tracebacks included."""

from __future__ import annotations

import contextvars
import logging
import math
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from astral_core.observe.redactor import Redactor
from astral_core.observe.sparing import EACH, SparingHandler
from astral_core.observe.words import hush, hush_error, said

# What every line of a handler carries: row, plugin, route.
scope: contextvars.ContextVar[dict[str, object] | None] = contextvars.ContextVar("astral_log_scope", default=None)

_FOREIGN = ("astral.plugins.", "astral.alerts")  # what plugins say, in their own lines or in an alert
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", EACH}


class LogThrottle:
    """Lets one log line a minute through where anybody can be the cause, so that a flood cannot fill the disk."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._next = -math.inf
        self._left_out = 0

    def __call__(self) -> int | None:
        """How many lines were left out before this one; None where this one is left out, too."""
        moment = time.monotonic()
        if moment < self._next:
            self._left_out += 1
            return None
        self._next = moment + self._seconds
        left_out, self._left_out = self._left_out, 0
        return left_out


class TextFormatter(logging.Formatter):
    """One readable line, traceback below."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact
        self._clock = (0, "")  # a second and how it is written

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        second, clock = self._clock
        if second != int(record.created):
            second = int(record.created)
            clock = time.strftime("%H:%M:%S", time.localtime(second))
            self._clock = (second, clock)
        values = scope.get()
        where = f" [{' '.join([f'{key}={value}' for key, value in values.items()])}]" if values else ""
        line = f"{clock} {record.levelname:<7} {record.name}{where}  {_message(record)}"
        below = _below(record)
        return self._redact(f"{line}\n{below}" if below else line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        line: dict[str, object] = {"logger": record.name, "message": _message(record)}
        line.update(scope.get() or {})
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line.update(_hushed(extra) if _may_quote(record) else extra)
        below = _below(record)
        if below:
            line["traceback"] = below
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        shown = {"time": moment, "level": record.levelname, **self._clean(line)}
        return msgspec.json.encode(shown, enc_hook=str).decode()

    def _clean(self, value: Any) -> Any:
        """Redact before escaping: a secret with a quote or a backslash looks different afterwards."""
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, dict):
            return {self._redact(str(key)): self._clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self._redact(str(value))


def _message(record: logging.LogRecord) -> str:
    """The message; one that cannot be formatted is shown raw: logging itself would write it past the redactor.

    The core's own lines quote nobody, but for its alerts, which plugins word. Of others the arguments lose what the
    update at hand says, and a message without arguments, which may be made of anything, as a whole.
    """
    foreign = _may_quote(record)
    try:
        if not foreign:
            return record.getMessage()
        return str(record.msg) % _hushed(record.args) if record.args else _hush(record.getMessage())
    except Exception as error:  # noqa: BLE001  # arguments are foreign objects
        raw = f"{record.msg!r} with {record.args!r} cannot be formatted: {error!r}"
        return _hush(raw) if foreign else raw


def _may_quote(record: logging.LogRecord) -> bool:
    """Whether this line is of a plugin or a library, and an update is at hand that it may quote."""
    ours = record.name.startswith("astral.") and not record.name.startswith(_FOREIGN)
    return not ours and said.get() is not None


def _hushed(value: Any) -> Any:
    """Arguments of a log line without what the update at hand says; numbers stay numbers."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        return {key: _hushed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_hushed(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, float):
        return value if hush(repr(value)) == repr(value) else math.nan
    return _hush(str(value))


def _hush(text: str) -> str:
    """`text` without what the update says. Secrets go first: a part of one that was said would hide the rest."""
    return hush(_redactor(text))


def _below(record: logging.LogRecord) -> str:
    """The traceback and the stack, where the record has them."""
    text = record.exc_text
    if record.exc_info and record.exc_info[1] is not None:  # also where another handler has left a text with words
        text = _traceback(record.exc_info[1])
    return "\n".join([part for part in (text, record.stack_info) if part])


def _traceback(error: BaseException) -> str:
    """The traceback as Python writes it. Its frames are source code; all else is hushed."""
    told = traceback.TracebackException.from_exception(error)
    frames, last = set(), set()
    for one in _chain(told):
        frames.update(one.stack.format())
        last.add(_last_line(one))
    parts = []
    for part in told.format():
        if part in last:
            parts.append(hush_error(_redactor(part)))
        else:
            parts.append(part if part in frames or part.startswith("Traceback (") else _hush(part))
    return "".join(parts).rstrip("\n")


def _last_line(told: traceback.TracebackException) -> str:
    """The exception's kind and what it says. The notes below it are anybody's words and name no kind."""
    notes, told.__notes__ = told.__notes__, None
    try:
        return list(told.format_exception_only())[-1]
    finally:
        told.__notes__ = notes


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    yield told
    for other in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if other is not None:
            yield from _chain(other)


def redact(text: str) -> str:
    """`text` without the secrets that `configure_logging` was told: for what is kept or shown elsewhere."""
    return _redactor(text)


def told(error: BaseException) -> str:
    """What `error` is and says, for what is kept or shown elsewhere: without secrets and what the person said."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception as broken:  # noqa: BLE001  # whatever its __str__ raises, the row must end
        text = f"{type(error).__name__}, whose text cannot be had ({type(broken).__name__})"
    return hush_error(redact(text))


def configure_logging(
    secrets: Iterable[str] = (), *, as_json: bool = False, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all logging to `stream` (stderr by default) through the redactor."""
    global _redactor  # logging, which it serves, is one for the process, too
    _redactor = Redactor(secrets)
    handler = SparingHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(_redactor) if as_json else TextFormatter(_redactor))
    root = logging.getLogger()
    for former in root.handlers:
        if isinstance(former, SparingHandler):
            former.close()  # it says what it has left out
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Some of these would show, for debugging, each statement with what people told the bot.
    for noisy in ("httpx", "httpcore", "telegram", "aiohttp.access", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # No line shows these, and each record would ask the system for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False


_redactor = Redactor()
