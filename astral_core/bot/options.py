"""Parameters that messages of every kind have, and the keywords for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from astral_core import limits
from astral_core.bot.scope import HandlerScope
from astral_core.botapi.check import check_call, near_miss
from astral_core.errors import EffectError
from astral_core.inbox.address import Address
from astral_core.inbox.effect import OnDoubt, Ref
from astral_core.markup import check_html

NO_PREVIEW = {"is_disabled": True}
MOST_NUMBER = 2**31  # no message has a higher one


class SendOptions(TypedDict, total=False):
    """Keywords of every method that sends a message.

    `silent`: it makes no sound. `protect`: it cannot be forwarded or saved. `reply_to`: the message that it answers:
    True for the one that is handled, a number, or a reference; if that is gone, it is sent all the same. `effect`:
    the id of a message effect, in private chats. `on_doubt`: what becomes of it if the process died and nobody knows
    whether Telegram has it; "drop" costs a commit before the call, "resend" is the default.
    """

    silent: bool
    protect: bool
    reply_to: int | Ref | bool | None
    effect: str | None
    on_doubt: OnDoubt


class Options:
    """The keywords of one message as parameters of its call (`params`) and as fields of its effect (`fields`)."""

    def __init__(self, verb: str, scope: HandlerScope, given: Mapping[str, Any]) -> None:
        self.params: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        if not given:
            return
        self._verb = verb
        for name in given:
            if name not in SendOptions.__annotations__:
                raise EffectError(f"{verb} has no keyword {name!r}. Fix: {self._near(name)}.")
        if given.get("silent"):
            self.params["disable_notification"] = True
        if given.get("protect"):
            self.params["protect_content"] = True
        if "on_doubt" in given:
            self.fields["on_doubt"] = given["on_doubt"]
        self._reply(scope, given.get("reply_to"))
        self._effect(scope.address, given.get("effect"))

    @staticmethod
    def _near(name: str) -> str:
        near = near_miss(name, SendOptions.__annotations__)
        return f"did you mean {near!r}?" if near is not None else f"use {', '.join(SendOptions.__annotations__)}"

    def _reply(self, scope: HandlerScope, to: object) -> None:
        if to is None or to is False:
            return
        if isinstance(to, Ref):
            if not 0 <= to.n < len(scope.effects.contents):
                raise EffectError(f"{self._verb}: reply_to= is a reference of another handler.")
            self._same_chat(scope, to)
            self.fields["reply_to"] = to
            return
        number = handled_message(scope, self._verb) if to is True else to
        if not isinstance(number, int) or not 0 < number < MOST_NUMBER:
            raise EffectError(
                f"{self._verb}: reply_to= is of the type {type(to).__name__}, or no message's number. Fix: True for "
                "the message that is handled, ctx.message.message_id, or the reference that ctx.reply gave."
            )
        self.params["reply_parameters"] = {"message_id": number, "allow_sending_without_reply": True}

    def _same_chat(self, scope: HandlerScope, to: Ref) -> None:
        """A reference to a message in another chat: that is sent by whoever has that chat's lane."""
        sent = scope.effects.contents[to.n].effect.params
        if sent.get("chat_id") != scope.address.chat:
            raise EffectError(
                f"{self._verb}: reply_to= is a reference to a message in another chat, or to none. Fix: answer a "
                "message of this chat."
            )

    def _effect(self, address: Address, effect: object) -> None:
        if effect is None:
            return
        if not isinstance(effect, str) or not effect:
            raise EffectError(f"{self._verb}: effect= is the id of a message effect, as text.")
        if not address.is_private:
            raise EffectError(
                f"{self._verb}: effect= works in private chats only. Fix: give it if ctx.chat.is_private."
            )
        self.params["message_effect_id"] = effect


def handled_message(scope: HandlerScope, verb: str) -> int:
    """The number of the message that is handled, or whose button was pressed."""
    place = scope.peek.place if scope.peek is not None else None
    number = place.message_id if place is not None else 0
    if not number:
        raise EffectError(f"{verb}: route {scope.route!r} handles no message. Fix: name one by its number.")
    return number


def preview_options(plugin: str, preview: bool | dict[str, Any] | None) -> dict[str, Any]:
    """The parameter for `preview=`: False shows none, a dict is the Bot API's LinkPreviewOptions."""
    if preview is None or preview is True:
        return {}
    if preview is False:
        return {"link_preview_options": NO_PREVIEW}
    if not isinstance(preview, dict):
        raise EffectError(f"preview= is of the type {type(preview).__name__}. Fix: False, or a dict of options.")
    check_call(plugin, "sendMessage", {"chat_id": 1, "text": "x", "link_preview_options": preview})
    return {"link_preview_options": preview}


def with_caption(text: str) -> dict[str, Any]:
    """A caption, checked; nothing where there is none."""
    return {"caption": check_html(text, limits.CAPTION), "parse_mode": "HTML"} if text else {}
