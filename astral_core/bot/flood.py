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
    """The uses within the period, as moments and rows, and whether a refusal was told."""

    uses: deque[tuple[float, int]] = field(default_factory=deque)
    rows: set[int] = field(default_factory=set)
    told: bool = False

    def forget(self, moment: float, per: float) -> None:
        """Leave out what is over; after a clock was set back, everything."""
        while self.uses and not 0 <= moment - self.uses[0][0] < per:
            self.rows.discard(self.uses.popleft()[1])


class Floods:
    """Who used which route how often. `time` gives seconds; memory is bounded."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._uses: Lru[tuple[int, int], _Uses] = Lru()

    def admits(self, ctx: Context, scope: HandlerScope, handler: RegisteredHandler) -> bool:
        """Whether the handler may run; if not, the person may have been told."""
        flood = handler.flood
        if flood is None:
            return True
        uses, row, moment = self._of(scope, handler, flood), scope.row.seq, self._time()
        if row in uses.rows:  # it was let through before, and is tried again
            return True
        uses.forget(moment, flood.per)
        if len(uses.uses) < flood.most:
            uses.uses.append((moment, row))
            uses.rows.add(row)
            uses.told = False
            return True
        scope.services.metric(Counter, "astral_flood_refusals", REFUSALS, ("plugin", "route")).labels(
            handler.plugin, handler.name
        ).inc()
        self._tell(ctx, scope, uses)
        return False

    def _of(self, scope: HandlerScope, handler: RegisteredHandler, flood: Flood) -> _Uses:
        person = scope.user.id if scope.user is not None and flood.of == "user" else scope.chat_id
        key = (id(handler), person)  # the registry keeps the handler for as long as this lives
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
