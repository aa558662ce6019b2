"""Steps: durable work beyond an update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ParamSpec

from astral_core.declare import Call, Route
from astral_core.errors import DeclarationError
from astral_core.kinds.base import Claims, Kind, Owner, registered

P = ParamSpec("P")


class StepCall(Call):
    """Durable work for `ctx.defer`."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class StepRoute(Route[P]):
    """Durable work beyond an update (`ctx.defer`); its arguments are JSON values.

    `tries` is how often it is tried in all when it fails by a bug, `backoff` the seconds before the second try, which
    double with each further one; None takes the core's own.
    """

    tries: int | None = None
    backoff: float | None = None
    timeout: float | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> StepCall:
        """The work with these arguments."""
        return StepCall(self, self.arguments(args, kwargs))


class Steps(Kind):
    """Found by plugin and name."""

    declares = StepRoute
    name, plural = "step", "steps"

    def add(self, plugin: Owner, declared: StepRoute[Any], claims: Claims) -> str | None:
        """Check how often it is tried."""
        del claims
        key = f"{plugin.id}.{declared.name}"
        route = registered(plugin, declared, Steps, declared.name, named=None)
        if declared.tries is not None and not 1 <= declared.tries <= 100:
            raise DeclarationError(plugin.id, f"step {declared.name!r}: tries={declared.tries!r} is not 1 to 100.")
        if declared.backoff is not None and not 0 <= declared.backoff <= 86_400:
            raise DeclarationError(plugin.id, f"step {declared.name!r}: its backoff is not between 0 and a day.")
        if key in self.routes:
            raise DeclarationError(plugin.id, f"two step routes are called {declared.name!r}.")
        self.routes[key] = route
        return key
