"""Logging: the standard library's, with secrets taken out of every line, tracebacks included."""

from __future__ import annotations

import contextvars
import json
import logging
import math
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import msgspec

# What every line of a handler carries: row, plugin, route.
scope: contextvars.ContextVar[dict[str, object] | None] = contextvars.ContextVar("astral_log_scope", default=None)

_TOKEN = re.compile(r"\d{6,}(?::|%3A)[\w-]{30,}")
_HINT = re.compile(r":[\w-]{30}")
_HIDDEN = "[hidden]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Redactor:
    """Replaces known secrets, also as URLs, JSON and reprs spell them, and everything that looks like a bot token."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._secrets = sorted((secret for secret in spellings if len(secret) >= 6), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        # Every line passes here. Plain searches for what is known and for the rare end of a token cost 0.6 µs; one
        # regular expression of all would cost 2.3 µs.
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        if _HINT.search(text) or "%3A" in text:
            text = _TOKEN.sub(_HIDDEN, text)
        if text.isascii():
            return text
        # A lone surrogate, which anybody may send, would make the stream refuse the line.
        return text.encode("utf-8", "backslashreplace").decode()


def _spellings(secret: str) -> tuple[str, ...]:
    """`secret` as it is, and as it stands in URLs, reprs and JSON."""
    in_urls = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    return secret, *in_urls, repr(secret)[1:-1], json.dumps(secret)[1:-1]


class Seldom:
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
        below = _below(self, record)
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
        line.update([pair for pair in vars(record).items() if pair[0] not in _STANDARD])
        below = _below(self, record)
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
    """The message; one that cannot be formatted is shown raw: logging itself would write it past the redactor."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # arguments are foreign objects
        return f"{record.msg!r} with {record.args!r} cannot be formatted: {error!r}"


def _below(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and the stack, where the record has them."""
    if record.exc_info and not record.exc_text:
        record.exc_text = formatter.formatException(record.exc_info)
    return "\n".join([text for text in (record.exc_text, record.stack_info) if text])


def redact(text: str) -> str:
    """`text` without the secrets that `configure_logging` was told: for what is kept or shown elsewhere."""
    return _redactor(text)


def configure_logging(
    secrets: Iterable[str] = (), *, as_json: bool = False, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all logging to `stream` (stderr by default) through the redactor."""
    global _redactor  # logging, which it serves, is one for the process, too
    _redactor = Redactor(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(_redactor) if as_json else TextFormatter(_redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "telegram", "aiohttp.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # No line shows these, and each record would ask the system for them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False


_redactor = Redactor()
