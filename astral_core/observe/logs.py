"""Logging: the standard library's, with secrets taken out of every line, tracebacks included."""

from __future__ import annotations

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

# What every line of a handler carries: row, plugin, route.
scope: contextvars.ContextVar[dict[str, object] | None] = contextvars.ContextVar("astral_log_scope", default=None)

_TOKEN = re.compile(r"\d{6,}:[\w-]{30,}")
_HIDDEN = "[hidden]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Redactor:
    """Replaces known secrets and everything that looks like a bot token."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        # A lone surrogate, which anybody may send, would make the stream refuse the line.
        return _TOKEN.sub(_HIDDEN, text).encode("utf-8", "backslashreplace").decode()


class TextFormatter(logging.Formatter):
    """One readable line, traceback below."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s%(scope)s  %(message)s", "%H:%M:%S")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        values = scope.get()
        record.scope = " [" + " ".join(f"{k}={v}" for k, v in values.items()) + "]" if values else ""
        return self._redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **(scope.get() or {}),
            **{key: value for key, value in vars(record).items() if key not in _STANDARD and key != "scope"},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(self._clean(line), ensure_ascii=False)

    def _clean(self, value: Any) -> Any:
        """Redact before escaping: a secret with a quote or a backslash looks different afterwards."""
        if isinstance(value, dict):
            return {self._redact(str(key)): self._clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self._redact(str(value))


def configure_logging(
    secrets: Iterable[str] = (), *, as_json: bool = False, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all logging to `stream` (stderr by default) through the redactor."""
    handler = logging.StreamHandler(stream or sys.stderr)
    redact = Redactor(secrets)
    handler.setFormatter(JsonFormatter(redact) if as_json else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "telegram", "aiohttp.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
