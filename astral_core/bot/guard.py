"""The rule of write transactions: after its first write a handler awaits its session and nothing else.

Whoever waits for the network inside a write transaction holds the database's locks meanwhile: on SQLite all writers
of the process, on PostgreSQL whoever wants the same rows. The core sees calls to Telegram, of the shared HTTP client
and of the process pool everywhere; where it is `strict` (the test kit) it looks at every single await.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any

import aiohttp

from astral_core.bot.scope import HandlerScope, current_scope
from astral_core.errors import WaitingInTransaction
from astral_core.observe.awaited import frames, is_database, place

log = logging.getLogger("astral.bot")


@dataclass(frozen=True)
class TransactionGuard:
    """Tells off who waits after the first write: with an error where it is strict, else with a line in the log."""

    strict: bool = False

    def waits(self, what: str) -> None:
        """The running handler, if there is one, is about to wait for `what`."""
        scope = current_scope.get()
        if scope is None or not scope.unit.holds:
            return
        error = _error(scope, what)
        if self.strict:
            raise error
        log.warning("%s", error)

    def telegram(self, method: str) -> None:
        """A call of the Bot API is about to be made."""
        self.waits(method)

    def trace(self) -> aiohttp.TraceConfig:
        """What tells this guard of an HTTP client's requests."""
        config = aiohttp.TraceConfig()

        async def begins(session: Any, context: Any, parameters: aiohttp.TraceRequestStartParams) -> None:
            del session, context
            self.waits(f"{parameters.method} {parameters.url.host}")

        config.on_request_start.append(begins)
        return config

    async def drive(self, coroutine: Coroutine[Any, Any, None], scope: HandlerScope) -> None:
        """Run a handler's coroutine; where this is strict, every await after its first write is looked at."""
        if self.strict:
            await _Driven(coroutine, scope)
        else:
            await coroutine


class _Driven:
    """Steps a coroutine and passes on what it waits for, unless it may not wait for that."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], scope: HandlerScope) -> None:
        self.driven = coroutine
        self._scope = scope

    def __await__(self) -> Generator[Any, Any, None]:
        error: BaseException | None = None
        while True:
            try:
                waits_for = self.driven.send(None) if error is None else self.driven.throw(error)
            except StopIteration:
                return
            error = None
            if self._scope.unit.holds and not is_database(frames(self.driven)):
                error = _error(self._scope, _innermost(self.driven))
                continue
            try:
                yield waits_for
            except BaseException as caught:  # noqa: BLE001  # a cancellation, too, is the coroutine's to see
                error = caught


def _error(scope: HandlerScope, what: str) -> WaitingInTransaction:
    return WaitingInTransaction(
        f"plugin {scope.plugin!r}, route {scope.route!r}: {what} after the first write holds the database. Fix: do "
        "it before the first write, or write and go on in a step with ctx.defer."
    )


def _innermost(awaitable: Any) -> str:
    name = "an await"
    for frame in frames(awaitable):
        name = place(frame)
    return name
