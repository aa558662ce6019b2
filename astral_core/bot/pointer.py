"""The way from a group to the private chat: one line with one button, in place of a private route's answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from astral_core.bot.buttons import keyboard
from astral_core.bot.context import Context
from astral_core.bot.people import Lru
from astral_core.bot.scope import HandlerScope
from astral_core.bot.speaking import scope_of
from astral_core.i18n import N_
from astral_core.inbox.effect import Effect
from astral_core.kinds.base import MENU

PAUSE = 60.0  # seconds between two lines to one person
_PARAMETER = re.compile(r"[A-Za-z0-9_-]{1,64}")  # https://core.telegram.org/bots/features#deep-linking


class Pointer:
    """Says where the answer is, at most once a minute to one person, whatever groups they write in.

    A chat stands for people whom Telegram does not name, such as anonymous admins. Memory is bounded; each replica
    has its own. `time` gives seconds.
    """

    def __init__(self, time: Callable[[], float], username: Callable[[], str]) -> None:
        self._time = time
        self._username = username
        self._told: Lru[int, float] = Lru()

    async def __call__(self, ctx: Context, start: str) -> None:
        """Send the line; its button opens the private chat at `start`."""
        scope = scope_of(ctx)
        if scope.address.inline is not None:
            self._open(scope, start)
            return
        person, message = scope.person, scope.peek.place if scope.peek is not None else None
        if message is None or not self._may_tell(person.id if person is not None else scope.chat_id):
            return
        button = ctx.url_button(N_("Open our chat"), self._address(start))
        params = {
            **scope.effects.to("core", scope.address, "sendMessage"),
            "text": ctx.t("I answer this in our private chat.").unescape(),
            "reply_markup": keyboard([[button]]),
            "reply_parameters": {"message_id": message.message_id, "allow_sending_without_reply": True},
        }  # fmt: skip
        # Anybody may ask in a group where the bot must not write: that is nobody's failure.
        scope.effects.add(Effect(method="sendMessage", params=params, optional=True))

    def _open(self, scope: HandlerScope, start: str) -> None:
        """Answer a press in a message that was sent through the bot: Telegram opens the private chat by itself."""
        scope.answered = True
        params = {"callback_query_id": scope.callback_id, "url": self._address(start)}
        scope.effects.add(Effect(method="answerCallbackQuery", params=params, optional=True))

    def _address(self, start: str) -> str:
        return f"https://t.me/{self._username()}?start={start if _PARAMETER.fullmatch(start) else MENU}"

    def _may_tell(self, who: int) -> bool:
        now, before = self._time(), self._told.get(who)
        if before is not None and 0 <= now - before < PAUSE:
            return False
        self._told.put(who, now)
        return True
