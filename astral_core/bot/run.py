"""The run of one inbox row, and the unit that the transport looks at."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any

from astral_core.bot.effects import Effects
from astral_core.bot.people import People, Question, User
from astral_core.bot.transport import Transport
from astral_core.bot.update import Peek
from astral_core.host.services import Services
from astral_core.inbox.rows import InboxRow
from astral_core.inbox.work import Work


@dataclass(slots=True)
class Run:
    """Everything that one handler's `Context` stands on. `plugin` and `route` are set by the router."""

    row: InboxRow
    work: Work
    services: Services
    people: People
    transport: Transport
    chat_id: int
    user: User | None
    language: str
    peek: Peek | None = None  # of a Telegram update
    plugin: str = "core"
    route: str = "?"
    kind: str = "?"
    effects: Effects = field(default_factory=Effects)
    asked: Question | None = None
    question_ended: bool = False
    callback_id: str | None = None
    answer: str = "auto"
    answered: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)


current_run: contextvars.ContextVar[Run | None] = contextvars.ContextVar("astral_run", default=None)
