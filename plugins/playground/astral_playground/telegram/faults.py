"""What goes wrong on purpose: rules for calls of the Bot API, switches for the delivery of updates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from .errors import ApiError, forbidden, too_many_requests

Kind = Literal["429", "500", "403", "400", "timeout", "slow"]
KINDS = get_args(Kind)
HANG = 60.0  # s: how long a `timeout` holds the connection when no delay is given


@dataclass(slots=True)
class Fault:
    """One rule. `times` None: for ever. `delay` seconds of `slow` and `timeout`."""

    id: int
    method: str
    kind: Kind
    chat_id: int | None = None
    times: int | None = 1
    retry_after: int = 1
    delay: float = HANG
    description: str = "Bad Request: fault of the playground"

    def error(self) -> ApiError | None:
        """The answer of the rule in Telegram's words; None for those that only cost time."""
        match self.kind:
            case "429":
                return too_many_requests(self.retry_after)
            case "500":
                return ApiError(500, "Internal Server Error")
            case "403":
                return forbidden("bot was blocked by the user")
            case "400":
                return ApiError(400, self.description)
            case _:
                return None


@dataclass(slots=True)
class Faults:
    """All rules, oldest first: the first that fits a call is taken."""

    rules: list[Fault] = field(default_factory=list)
    _next_id: int = 1

    def add(self, method: str, kind: Kind, **options: Any) -> Fault:
        """A new rule for `method` (`*`: any); options are the fields of `Fault`."""
        if kind not in KINDS:
            raise ValueError(f"Faults.add: kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        if options.get("times", 1) is not None and options.get("times", 1) < 1:
            raise ValueError(f"Faults.add: times must be at least 1 or None, not {options['times']}")
        fault = Fault(self._next_id, method, kind, **options)
        self._next_id += 1
        self.rules.append(fault)
        return fault

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """The rule for this call, used up by one."""
        for fault in self.rules:
            if fault.method not in {"*", method} or fault.chat_id not in {None, chat_id}:
                continue
            if fault.times is not None:
                fault.times -= 1
                if not fault.times:
                    self.rules.remove(fault)
            return fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Drop a rule; was there one?"""
        before = len(self.rules)
        self.rules = [fault for fault in self.rules if fault.id != fault_id]
        return len(self.rules) != before

    def clear(self) -> None:
        """Drop all rules."""
        self.rules.clear()


@dataclass(slots=True)
class Switches:
    """How updates travel. Numbers: each Nth delivery, 0 for never; `delay` in seconds before a delivery.

    `flood_limits`: calls that are too many get 429, as `limits` has them.
    """

    duplicate_every: int = 0
    drop_response_every: int = 0
    delay: float = 0.0
    reorder: bool = False
    paused: bool = False
    flood_limits: bool = False

    def to_dict(self) -> dict[str, Any]:
        """All switches by name."""
        return asdict(self)
