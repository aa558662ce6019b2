"""Idempotence keys: what one key made, for 24 hours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from astral_playground.yookassa.clock import VirtualClock
from astral_playground.yookassa.errors import invalid

__all__ = ["IdempotenceKeys", "fingerprint"]

LIFETIME = timedelta(hours=24)


def fingerprint(method: str, path: str, body: dict[str, Any]) -> str:
    """Two requests are the same when method, path and JSON (its members in any order) are."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{method} {path} {canonical}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Entry:
    print: str
    at: datetime
    replay: Callable[[], dict[str, Any]]


class IdempotenceKeys:
    """Results by shop and key. A refused request leaves no trace: its key may be used again.

    A repetition gets the object as it is now. The work under a key is done without a pause of the event
    loop, hence parallel requests with one key cannot both do it.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget all keys."""
        self._entries.clear()

    def once(
        self, shop_id: str, key: str, request: str, work: Callable[[], Callable[[], dict[str, Any]]]
    ) -> dict[str, Any]:
        """The answer for `request` (a fingerprint) under `key`; `work` runs if the key is new.

        :param work: does the change and returns a function that renders the object as it is now.
        :raises ApiError: the key was used for another request in the past 24 hours.
        """
        now = self._clock.now()
        entry = self._entries.get((shop_id, key))
        if entry is None or now - entry.at >= LIFETIME:
            entry = _Entry(request, now, work())
            self._entries[shop_id, key] = entry
        elif entry.print != request:
            raise invalid("Idempotence key duplicated", "Idempotence-Key")
        return entry.replay()
