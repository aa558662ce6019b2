"""What all verbs of a handler share: its scope, the person's language, and which message is meant."""

from __future__ import annotations

from typing import Any

from astral_core.bot.scope import HandlerScope
from astral_core.bot.uploads import Attached
from astral_core.db.tables import storable
from astral_core.errors import EffectError
from astral_core.host.context import Work
from astral_core.i18n import Message, Texts
from astral_core.inbox.effect import Ref


class Handling(Work):
    """A unit of work that belongs to one row, with its place and its person. Each group of verbs is built on it."""

    def __init__(self, scope: HandlerScope) -> None:
        services = scope.services
        super().__init__(scope.plugin, lambda: services, scope.unit)
        self._scope = scope

    @property
    def id(self) -> str:
        """The plugin's id."""
        return self._scope.plugin

    @property
    def language(self) -> str:
        """The language of the person, such as "ru", if the bot speaks it; else the bot's own."""
        return self._scope.language

    @property
    def _texts(self) -> Texts:
        return self.texts(self.language)

    def _html(self, text: str) -> str:
        return self._texts.shown(text)

    def _translated(self, value: Any) -> Any:
        """The same with each Message in the person's language."""
        if isinstance(value, Message):
            return self._texts.t(value)
        if isinstance(value, dict):
            return {name: self._translated(part) for name, part in value.items()}
        return [self._translated(part) for part in value] if isinstance(value, list) else value

    def _attached(self) -> Attached:
        """A place for the files of one message."""
        return Attached(local=self._is_local)

    @property
    def _is_local(self) -> bool:
        """Whether the Bot API server is one of the owner's own, which takes larger files."""
        return self._services.settings.telegram.local_server

    async def _before_waiting(self, what: str) -> None:
        """`what` takes long: nothing may be written before it, and what was read holds no connection meanwhile."""
        self._services.waits(what)
        await self._scope.unit.release_reads()

    def _target(self, ref: Ref | int | None) -> int | Ref | None:
        """The message that is meant; None is the pressed one where the bot does not know its chat."""
        target = self._scope.pressed if ref is None else ref
        if target is None and self._scope.address.inline is None:
            raise EffectError(
                f"plugin {self.id!r}, route {self._scope.route!r}: no button was pressed, so there is no message to "
                "change. Fix: name one with ref=, or send a new one with ctx.reply or ctx.show."
            )
        return target


def check_name(what: str, name: str, width: int) -> None:
    """A name that its column cannot hold would fail after the message is out, and again and again."""
    if not 0 < len(name) <= width or storable(name, width) != name:
        raise EffectError(f"{what} has 1 to {width} characters, none of them NUL; this is {name[:80]!r}.")
