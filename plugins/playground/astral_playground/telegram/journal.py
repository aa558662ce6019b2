"""What the bot tells of itself: who handled which update, what failed there, and which plugins are broken."""

from __future__ import annotations

from collections import deque
from typing import Any

_TRACES = 400
_FAILURES = 200

Trouble = dict[str, Any]
"""What is wrong: `text`, and where known `plugin`, `file`, `line`, `code` (the line itself) and `traceback`."""


class Journal:
    """Kept for pages that are opened later. Events are the page's own JSON objects."""

    def __init__(self) -> None:
        self.traces: deque[dict[str, Any]] = deque(maxlen=_TRACES)
        self.failures: dict[str, Trouble] = {}
        self.trouble: list[Trouble] = []

    def trace(self, event: Any) -> Any:
        """Keep a trace, and add to one of a failure what is known of it; returns it."""
        if isinstance(event, dict):
            failure = self.failures.get(str(event.get("error")))
            if failure is not None:
                event = {**event, "failure": failure}
            self.traces.append(event)
        return event

    def fail(self, error_id: str, failure: Trouble) -> None:
        """Keep what is known of a failure, also for a trace that came before it."""
        self.failures[error_id] = failure
        while len(self.failures) > _FAILURES:
            del self.failures[next(iter(self.failures))]
        for number, event in enumerate(self.traces):
            if event.get("error") == error_id:
                self.traces[number] = {**event, "failure": failure}

    def headline(self) -> str:
        """What is broken, as text: a line that says it, then places and tracebacks; empty where nothing is."""
        return "\n".join(self.told(one) for one in self.trouble)

    @staticmethod
    def told(trouble: Trouble) -> str:
        """One trouble as text."""
        place = f"{trouble['file']}, line {trouble['line']}" if trouble.get("file") else ""
        return "\n".join(part for part in (str(trouble["text"]), place, str(trouble.get("traceback") or "")) if part)

    def clear(self) -> None:
        """Forget what happened; what is broken stays broken."""
        self.traces.clear()
        self.failures.clear()
