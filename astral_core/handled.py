"""What is told of each row that was handled."""

from __future__ import annotations

import msgspec


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """Telemetry of one handled row. It may be lost in a crash.

    `kind` is command, callback, text, question, step, event, ...; `ms` is the handler's time, `wait_ms` the time
    from receipt to its start; `outcome` is ok, refused, retry, dead, parked or emitted. `at` is in seconds since the
    epoch.
    """

    plugin: str
    route: str
    kind: str
    outcome: str
    ms: float
    wait_ms: float
    at: float
    user_id: int | None = None
    chat_id: int | None = None
    update_id: int | None = None
    error_id: str | None = None
