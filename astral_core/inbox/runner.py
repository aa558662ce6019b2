"""What the inbox asks of whoever runs its rows: the bot. So the inbox knows nothing of Telegram's objects."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from astral_core.inbox.effect import Effect, OutgoingEffect, Paced
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.work import UnitOfWork


@dataclass
class Outcome:
    """What a handler did: its messages, what its slots are to show, and for the log who it was.

    `moved`: the rows behind this one may be in another lane now. `tries` and `backoff` (seconds) are those of a step
    that says how it is tried again. `limit` is the handler's time, which its route may change; `cut_off` is why it
    was ended before that.
    """

    plugin: str = "core"
    route: str = "?"
    kind: str = "?"
    contents: list[OutgoingEffect] = field(default_factory=list)
    paced: list[Paced] = field(default_factory=list)
    user_id: int | None = None
    moved: bool = False
    tries: int | None = None
    backoff: float | None = None
    limit: asyncio.Timeout | None = None
    cut_off: Exception | None = None


class Runner(Protocol):
    """Runs a row's handler; written by the bot."""

    async def run(self, row: InboxRow, work: UnitOfWork, outcome: Outcome) -> None:
        """Run the handler in `work`; fill `outcome` as it becomes known. Raises what the handler raised."""
        ...

    async def refusal(self, row: InboxRow, text: str) -> list[OutgoingEffect]:
        """The messages that tell the user of a refusal."""
        ...

    async def apology(self, row: InboxRow, error_id: str) -> list[OutgoingEffect]:
        """The messages that tell the user of a failure."""
        ...

    def alarm(self, row: InboxRow, outcome: Outcome, error_id: str) -> list[NewRow]:
        """The rows that tell of a dead letter: the owner, and whoever asked."""
        ...

    def refused(self, effect: Effect, error_id: str) -> list[NewRow]:
        """The rows that tell the owner of a message that Telegram refused for good."""
        ...

    def too_late(self, row: InboxRow) -> None:
        """Tell Telegram now, without the database, that the express row got no answer in time."""
        ...

    async def patience(self, row: InboxRow, *, again: bool = False) -> list[OutgoingEffect]:
        """The messages that tell the user that the row is kept: until its plugin is back, or to be tried `again`."""
        ...

    def is_about_money(self, row: InboxRow) -> bool:
        """Whether the row is a payment, a refund, or durable work of a plugin that takes payments."""
        ...
