"""How the bot tells the playground what is wrong: lines among its log, which the page shows in its own way."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Sequence
from typing import Any, TextIO

from astral_core.host.state import LoadedPlugin, State
from astral_playground.blame import Line, blame, mentioned

MARK = "\x1e"  # https://www.rfc-editor.org/rfc/rfc7464: it begins a JSON text in a stream
LONGEST = 20_000  # characters of a traceback, whose end counts
_ERROR_ID = re.compile(r"error ([A-Z0-9]{4}-[A-Z0-9]{4})")


class Teller(logging.Handler):
    """Hears the bot's errors, and tells of failures and of plugins that were set aside."""

    def __init__(self, plugins: Sequence[LoadedPlugin], stream: TextIO) -> None:
        super().__init__(logging.ERROR)
        self._plugins = plugins
        self._stream = stream
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of one error."""
        self.tell_of_plugins()
        error = record.exc_info[1] if record.exc_info else None
        found = _ERROR_ID.search(record.getMessage())
        if error is not None and found is not None:
            self.tell("failure", {"error_id": found[1], **described(error, blame(error))})

    def tell_of_plugins(self) -> None:
        """Tell of every plugin that is set aside, once each."""
        for plugin in self._plugins:
            if plugin.alive or plugin.state is State.DISABLED or plugin.id in self._told:
                continue
            self._told.add(plugin.id)
            self.tell("trouble", of_plugin(plugin))

    def tell(self, kind: str, what: dict[str, Any]) -> None:
        """Write one line."""
        self._stream.write(f"{MARK}{json.dumps({'kind': kind, **what})}\n")
        self._stream.flush()


def of_plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    """What is wrong with a plugin that does not take part."""
    text = f"The plugin {plugin.id!r} is {plugin.state}: {plugin.reason}"
    if plugin.error is None:
        return {"plugin": plugin.id, "text": text}
    line = blame(plugin.error) or mentioned(plugin, plugin.reason)
    return {"plugin": plugin.id, **described(plugin.error, line), "text": text}


def described(error: BaseException, line: Line | None) -> dict[str, Any]:
    """An error for the page: `text`, `traceback`, and where known `file`, `line` and `code`."""
    found: dict[str, Any] = {"text": f"{type(error).__name__}: {error}"}
    if line is not None:
        found |= {"file": line.file, "line": line.number, "code": line.code}
    return {**found, "traceback": "".join(traceback.format_exception(error))[-LONGEST:]}


def heard(line: str) -> dict[str, Any] | None:
    """What a line of the bot's output tells; None for a line of its log."""
    if not line.startswith(MARK):
        return None
    told: dict[str, Any] = json.loads(line.removeprefix(MARK))
    return told
