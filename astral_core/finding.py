"""What a check found: `astral doctor` and `astral plugins check` speak of the same kind of thing."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `code` is a stable name for machines, `where` the part or plugin that it is about.

    `cause` says what was seen, `fix` what to do about it; neither holds a secret. `fatal` ones keep a bot, or a
    plugin, from working.
    """

    code: str
    where: str
    cause: str
    fix: str
    fatal: bool = True

    def record(self) -> dict[str, object]:
        """As JSON values, for machines."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.code} ({self.where}): {self.cause} Fix: {self.fix}"
