"""Faults that are switched on by hand: a network and a provider on a bad day."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

__all__ = ["Fault", "Faults", "Match", "merged"]

Where = Literal["api", "notification", "refund"]
_ALLOWED: dict[str, frozenset[str]] = {
    "api": frozenset(
        {
            "drop_before",
            "drop_after",
            "delay",
            "status",
            "html",
            "not_found_for",
            "stale",
            "unknown_fields",
            "truncate_body",
            "mutate",
        }
    ),
    "notification": frozenset({"duplicate", "delay", "lose", "reorder", "before_response", "mutate"}),
    "refund": frozenset({"pending_then"}),
}


class Match(BaseModel):
    """Regular expressions, searched in the request's method and path or in the event's name."""

    model_config = ConfigDict(extra="forbid")
    method: str = ""
    path: str = ""
    event: str = ""

    @field_validator("method", "path", "event")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def fits(self, **facts: str) -> bool:
        """Whether each named fact contains its expression."""
        return all(re.search(getattr(self, name), value) for name, value in facts.items())


class Fault(BaseModel):
    """One fault.

    `times` is how often it strikes (1 by default, `null` = until the next change of the list; for
    `not_found_for` always, for `reorder` as many events as `window`). Seconds are virtual for
    notifications and refunds, real for a delayed API answer. `stale` shows a payment as it was when it was
    shown last, as a replica that lags. `before` says whether the request fails
    before it is processed (`status`, `html`).
    """

    model_config = ConfigDict(extra="forbid")
    where: Where
    do: str
    match: Match = Match()
    times: int | None = Field(default=1, ge=1)
    copies: int = Field(default=2, ge=1, le=100)
    seconds: float = Field(default=1.0, ge=0)
    window: int = Field(default=2, ge=2, le=100)
    patch: dict[str, Any] = Field(default_factory=dict)
    http: int = Field(default=500, ge=202, le=599)
    before: bool = True
    retry_after: int | None = None
    status: Literal["succeeded", "canceled"] = "succeeded"
    reason: str = "general_decline"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.do not in _ALLOWED[self.where]:
            known = ", ".join(sorted(_ALLOWED[self.where]))
            raise ValueError(f"{self.do!r} is no fault of {self.where!r}; known there: {known}")
        if "times" not in self.model_fields_set:
            self.times = {"not_found_for": None, "reorder": self.window}.get(self.do, 1)
        return self


_LIST = TypeAdapter(list[Fault])


class Faults:
    """The faults that are switched on, in the order of their list."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def set(self, faults: object) -> None:
        """Replace the list by `faults` (as in JSON).

        :raises pydantic.ValidationError: a fault is unknown or misses what it needs.
        """
        self._faults = _LIST.validate_python(faults)

    def dump(self) -> list[dict[str, Any]]:
        """What is left, as JSON."""
        return [fault.model_dump(exclude_defaults=True) for fault in self._faults]

    def take(self, where: Where, **facts: str) -> list[Fault]:
        """The faults that strike now, at most one of a kind; each of them is used once by this call."""
        struck: list[Fault] = []
        for fault in self._faults:
            new = all(fault.do != other.do for other in struck)
            if fault.where == where and new and fault.match.fits(**facts):
                struck.append(fault)
        for fault in struck:
            if fault.times is not None:
                fault.times -= 1
        self._faults = [fault for fault in self._faults if fault.times is None or fault.times > 0]
        return struck


def merged(body: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """`body` with the members of `patch` put in, objects member by member."""
    made = dict(body)
    for key, value in patch.items():
        old = made.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        made[key] = merged(old, value) if both else value  # type: ignore[arg-type]  # both are dicts
    return made
