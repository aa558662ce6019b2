"""What a plugin gets outside of handlers, and the durable side of a unit of work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from astral_core.declare import Event, not_called
from astral_core.errors import DeclarationError, HandlerError
from astral_core.handled import Handled
from astral_core.host.alerts import Alert, raise_alert
from astral_core.host.arguments import Keep, Lane, check_key, check_time, own_lane, template
from astral_core.host.services import Services
from astral_core.host.shared import Shared, services_of
from astral_core.host.storage import Storage
from astral_core.inbox import due
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.effect import RECORDED
from astral_core.inbox.envelope import as_builtins, as_json
from astral_core.inbox.work import UnitOfWork, check_lane
from astral_core.kinds.step import StepCall, StepRoute

__all__ = ["OpenWork", "PluginContext", "Shared", "Work", "services_of"]
T = TypeVar("T")


class PluginContext(Shared):
    """The core as one plugin sees it, in hooks, web routes and telemetry."""

    def work(self) -> OpenWork:
        """A unit of work: `async with ctx.work() as work: ...` commits at the end, or rolls back on an error."""
        services = self._services
        unit = UnitOfWork(services.database, services.store, self.id)
        return OpenWork(self.id, self._get_services, unit)

    def warm(self, function: Callable[..., object], *args: Any) -> None:
        """Run `function` in the process pool in the background; in `astral_lifespan`."""
        self._services.cpu.warm(function, *args)


class Work(Storage):
    """A unit of work: what is written, deferred and emitted in it is committed together, or not at all.

    A handler's Context is one; elsewhere `async with ctx.work() as work:` gives one. What is recorded here returns at
    once and is not awaited.
    """

    # --- durable work

    def defer(
        self,
        call: StepCall,
        /,
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        key: str | None = None,
        keep: Keep = "last",
        to: int | None = None,
        lane: Lane | None = None,
    ) -> None:
        """Do `call` (a step called with its arguments) durably: after the commit, or `after` a while, or `at` a time.

        When it is due is decided by the database's clock (on SQLite by this machine's), which `astral_core.now()`
        shows. If that is set back by an hour, the work comes an hour later; if it is set forward, what is due by then
        runs once.

        `key` is unique for the plugin's step in a lane. What waits under it is replaced; with `keep="first"` it stays
        instead; with `keep="once"` (for work without a time) the work is done once for the key, also if it has been
        done already: keys are remembered for three days (`inbox.keep_done_hours`).

        The work runs in the lane of this handler's chat, or in that of the chat `to`, or in a lane of the plugin's
        own: `lane=("payment", 7)`, where no chat is, and no `ctx.user`. What runs in one lane runs in its order.
        """
        if not isinstance(call, StepCall):
            raise HandlerError(f"ctx.defer takes a step that is called with its arguments, not {not_called(call)}.")
        number, address = self._place(to, lane)
        route = self._services.registry.key_of(call.route)
        body = {"route": route, "args": call.arguments}
        check_time(after, at, key, keep)
        if key is not None:
            check_key(key)
        if after is None and at is None and (key is None or keep == "once"):
            once = f"{number}:{key}" if key is not None else uuid.uuid4().hex
            self._unit.add_row("step", f"{route}:{once}", number, body, address)
            return RECORDED
        seconds = after.total_seconds() if after is not None else 0.0
        self._unit.add_due(
            Due("step", route, number, key or uuid.uuid4().hex, as_json(body), at=at, after=seconds,
                keep_first=keep == "first", to=address)
        )  # fmt: skip
        return RECORDED

    def cancel(self, step: StepRoute[Any], /, *, key: str, to: int | None = None, lane: Lane | None = None) -> None:
        """Let nothing of `step` wait under `key` any more, also if it is just about to run."""
        _check_step("ctx.cancel", step)
        check_key(key)
        self._unit.add_due(Cancel(self._services.registry.key_of(step), self._place(to, lane)[0], key))
        return RECORDED

    async def pending(
        self, step: StepRoute[Any], /, *, key: str, to: int | None = None, lane: Lane | None = None
    ) -> datetime | None:
        """When the work of `step` that waits under `key` is due; None if none waits. Committed work only."""
        _check_step("ctx.pending", step)
        route, number = self._services.registry.key_of(step), self._place(to, lane)[0]
        check_key(key)
        check_lane(self.id, number)
        return await due.pending(await self.session.connection(), route, number, key)

    def emit(self, event: Event, /, *, to: int | None = None) -> None:
        """Tell every subscriber durably, in this lane, or in that of the chat `to`."""
        number, address = self._place(to, None)
        _emit(self._services, self.id, self._unit, event, number, address)
        return RECORDED

    def alert(self, key: str, text: str, /, **values: Any) -> None:
        """Tell each of the bot's admins in private, after the commit: at most once a `key` and hour.

        `text` is a source text of the plugin, translated for each admin when it is delivered: mark it with N_. Then
        it is HTML, which `values` fill; any other text is said as it is. The values are in the log, too, so give ids
        and numbers, no names.
        """
        raise_alert(self._unit, self._services, Alert(self.id, key, [template(text, values)], values))
        return RECORDED

    async def _people_of(self, role: str) -> frozenset[int]:
        return await self._services.roles.people_within(self._unit, role)

    # --- slow things

    async def run_cpu(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """As in a PluginContext; only before the first write."""
        self._services.waits("ctx.run_cpu")
        await self._unit.release_reads()
        return await super().run_cpu(function, *args, key=key)

    def _place(self, to: int | None, lane: Lane | None) -> tuple[int, Address | None]:
        """The lane that is meant, and the address that durable work in it gets."""
        if (to is None) == (lane is None):
            raise HandlerError(
                f"plugin {self.id!r}: this work belongs to no chat. Fix: say either to=<chat id> or lane=(...)."
            )
        return (to, None) if to is not None else (own_lane(self.id, lane or ()), None)


class OpenWork(Work):
    """A unit of work that is opened with `async with` and committed at its end."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._unit.__aexit__(kind, error, trace)


def _check_step(verb: str, step: object) -> None:
    if not isinstance(step, StepRoute):
        raise HandlerError(f"{verb} takes the step itself, not a call of it: {verb}(step, key=...).")


def _emit(services: Services, plugin: str, unit: UnitOfWork, event: Event, lane: int, to: Address | None) -> None:
    """Add an event of `plugin` to `unit`: a row for each subscriber in `lane`; `to` as in NewRow."""
    registry = services.registry
    if registry.events.get(event.name) != plugin:
        raise DeclarationError(plugin, f"emits {event.name!r}, which it does not declare.", "Plugin(events=[...])")
    for listener, name in registry.listeners(event.name):
        body = {"event": event.name, "plugin": listener, "name": name, "data": as_builtins(event)}
        unit.add_row("event", f"{listener}:{uuid.uuid4().hex}", lane, body, to)
    unit.after_commit.append(partial(_tell, services, plugin, event.name, lane if to is None else to.chat))


def _tell(services: Services, plugin: str, event: str, chat_id: int) -> None:
    """Telemetry of a committed event, also where nobody subscribed to it."""
    told = Handled(
        plugin=plugin, route=event, kind="event", outcome="emitted", ms=0, wait_ms=0, at=time.time(),
        user_id=chat_id if chat_id > 0 else None, chat_id=chat_id,
    )  # fmt: skip
    services.telemetry(told)
