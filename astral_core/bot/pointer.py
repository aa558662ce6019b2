"""The way from a group to the private chat: one line with one button, in place of a private route's answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from telegram import Update

from astral_core.bot.buttons import keyboard, plain
from astral_core.bot.context import Context
from astral_core.bot.people import Lru
from astral_core.inbox.effect import Effect

MENU = "core-start"  # the start parameter of the menu; that of a command is `core-<command>`
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

    async def __call__(self, update: Update, ctx: Context, start: str) -> None:
        """Send the line; its button opens the private chat at `start`."""
        del update
        if ctx.run.address.inline is not None:
            self._open(ctx, start)
            return
        person, message = ctx.run.person, ctx.run.peek.place if ctx.run.peek is not None else None
        if message is None or not self._may_tell(person.id if person is not None else ctx.chat_id):
            return
        button = ctx.link(ctx.t("Open our chat"), self._address(start))
        params = {
            **ctx.run.effects.to("core", ctx.run.address, "sendMessage"),
            "text": plain(ctx.t("I answer this in our private chat.")),
            "reply_markup": keyboard([[button]]),
            "reply_parameters": {"message_id": message.message_id, "allow_sending_without_reply": True},
        }  # fmt: skip
        # Anybody may ask in a group where the bot must not write: that is nobody's failure.
        ctx.run.effects.add(Effect(method="sendMessage", params=params, optional=True))

    def _open(self, ctx: Context, start: str) -> None:
        """Answer a press in a message that was sent through the bot: Telegram opens the private chat by itself."""
        ctx.run.answered = True
        params = {"callback_query_id": ctx.run.callback_id, "url": self._address(start)}
        ctx.run.effects.add(Effect(method="answerCallbackQuery", params=params, optional=True))

    def _address(self, start: str) -> str:
        return f"https://t.me/{self._username()}?start={start if _PARAMETER.fullmatch(start) else MENU}"

    def _may_tell(self, who: int) -> bool:
        now, before = self._time(), self._told.get(who)
        if before is not None and 0 <= now - before < PAUSE:
            return False
        self._told.put(who, now)
        return True
