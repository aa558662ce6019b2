"""Limits of routes: `flood=Flood(3, per=60)`. Counted in memory, by who owns the lane, once for each row.

The first use too many is told, later ones are silent until one is let through again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter

from astral_core.bot.context import Context
from astral_core.bot.people import Lru
from astral_core.bot.scope import HandlerScope
from astral_core.declare import Flood
from astral_core.i18n import N_
from astral_core.kinds import RegisteredHandler

REFUSALS = "Uses of a route that its flood limit refused"
SLOW_DOWN = N_("That was a bit fast. Please try again in a moment.")


@dataclass(slots=True)
class _Uses:
    """The moments of the uses within the period, the row counted last, and whether a refusal was told."""

    moments: deque[float] = field(default_factory=deque)
    row: int = 0
    told: bool = False


class Floods:
    """Who used which route how often. `time` gives seconds; memory is bounded."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._uses: Lru[tuple[str, str, int], _Uses] = Lru()

    def admits(self, ctx: Context, scope: HandlerScope, handler: RegisteredHandler) -> bool:
        """Whether the handler may run; if not, the person may have been told."""
        flood = handler.flood
        if flood is None:
            return True
        uses = self._of(scope, handler, flood)
        if uses.row == scope.row.seq:  # this row was let through before, and is tried again
            return True
        moment = self._time()
        while uses.moments and not 0 <= moment - uses.moments[0] < flood.per:  # over, or a clock that was set back
            uses.moments.popleft()
        if len(uses.moments) < flood.most:
            uses.moments.append(moment)
            uses.row, uses.told = scope.row.seq, False
            return True
        scope.services.metric(Counter, "astral_flood_refusals", REFUSALS, ("plugin", "route")).labels(
            handler.plugin, handler.name
        ).inc()
        self._tell(ctx, scope, uses)
        return False

    def _of(self, scope: HandlerScope, handler: RegisteredHandler, flood: Flood) -> _Uses:
        person = scope.user.id if scope.user is not None and flood.of == "user" else scope.chat_id
        key = (handler.plugin, f"{handler.kind} {handler.name}", person)
        found = self._uses.get(key)
        if found is None:
            self._uses.put(key, found := _Uses())
        return found

    @staticmethod
    def _tell(ctx: Context, scope: HandlerScope, uses: _Uses) -> None:
        if uses.told:
            return
        uses.told = True
        plugin, scope.plugin = scope.plugin, "core"  # whose text it is
        if scope.callback_id is not None and scope.answer == "manual":
            ctx.answer(SLOW_DOWN, alert=True)
        elif scope.address.is_private and scope.row.kind in ("message", "callback_query"):
            ctx.reply(SLOW_DOWN)
        scope.plugin = plugin
