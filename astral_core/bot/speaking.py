"""How a handler speaks. All of it is recorded and checked now, and sent after the handler's commit, in order.

Each group of verbs has a module (`messages.py`, `media_verbs.py`, `copies.py`, `answers.py`, `links.py`,
`keyboards.py`), which is built on `handling.py`. Only what `calls.py` has is done at once, and awaited.
"""

from __future__ import annotations

from astral_core.bot.answers import Answers
from astral_core.bot.calls import Calls
from astral_core.bot.copies import Copies
from astral_core.bot.handling import Handling
from astral_core.bot.keyboards import Keyboards
from astral_core.bot.links import Links
from astral_core.bot.media_verbs import MediaVerbs
from astral_core.bot.messages import Messages
from astral_core.bot.scope import HandlerScope


class Speaking(Messages, MediaVerbs, Copies, Answers, Links, Keyboards, Calls):
    """A unit of work that speaks in the place where its row came from."""


def scope_of(context: Handling) -> HandlerScope:
    """The scope behind a handler's context; for the core itself."""
    return context._scope  # noqa: SLF001  # plugins have no business with it
