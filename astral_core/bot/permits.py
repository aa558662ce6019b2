"""Who may: roles are checked when the router has found a route, and again at each press of a button."""

from __future__ import annotations

from collections.abc import Callable

from astral_core.bot.context import Context
from astral_core.bot.people import Lru
from astral_core.bot.scope import HandlerScope
from astral_core.bot.speaking import scope_of
from astral_core.declare import PRIVATE
from astral_core.i18n import N_
from astral_core.inbox.effect import Effect

PAUSE = 60.0  # seconds between two lines to one person
ADMINS_ONLY = N_("Only administrators of this group can do that.")
GROUPS_ONLY = N_("Only administrators of a group can do that. Please send it there.")


class AdminsOnly:
    """Tells people that a route is for administrators of the group, at most once a minute each.

    Memory is bounded; each replica has its own. `time` gives seconds.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._told: Lru[int, float] = Lru()

    async def __call__(self, ctx: Context) -> None:
        """Answer the press with a toast, or the command with a line."""
        scope = scope_of(ctx)
        person = scope.person
        if not self._may_tell(person.id if person is not None else scope.chat_id):
            return
        if scope.callback_id is not None:
            ctx.answer(ADMINS_ONLY)
        elif scope.chat_kind is PRIVATE:
            ctx.reply(GROUPS_ONLY)
        else:
            self._reply(ctx, scope)

    @staticmethod
    def _reply(ctx: Context, scope: HandlerScope) -> None:
        """A reply to the command. Anybody may ask in a group where the bot must not write: nobody's failure."""
        place = scope.peek.place if scope.peek is not None else None
        params = {**scope.effects.to("core", scope.address, "sendMessage"), "text": ctx.t(ADMINS_ONLY).unescape()}
        if place is not None:
            params["reply_parameters"] = {"message_id": place.message_id, "allow_sending_without_reply": True}
        scope.effects.add(Effect(method="sendMessage", params=params, optional=True))

    def _may_tell(self, who: int) -> bool:
        now, before = self._time(), self._told.get(who)
        if before is not None and 0 <= now - before < PAUSE:
            return False
        self._told.put(who, now)
        return True
