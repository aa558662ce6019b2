"""How a handler says something: new texts, edits, the one message of a slot, and any other call."""

from __future__ import annotations

from typing import Any

from astral_core.bot.buttons import Buttons
from astral_core.bot.handling import Handling, check_name
from astral_core.db.tables import SLOT_WIDTH
from astral_core.errors import EffectError
from astral_core.inbox.effect import RECORDED, OnDoubt, Ref, Slot

_SPOKEN = frozenset(("command", "text", "message", "deep_link", "event"))  # the answer is a new message


class Messages(Handling):
    """Messages of text, and what is done with messages that are out."""

    # --- messages

    def reply(
        self, text: str, buttons: Buttons | None = None, *, silent: bool = False, on_doubt: OnDoubt = "resend"
    ) -> Ref:
        """Send a new text message.

        `on_doubt`: what becomes of it if the process died and nobody knows whether Telegram has it. "drop" costs a
        commit before the call.
        """
        scope = self._scope
        return scope.effects.text(
            scope.plugin, scope.address, self._html(text), buttons, silent=silent, on_doubt=on_doubt
        )

    def edit(self, text: str, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Change the pressed message, or the one `ref` names. If Telegram shows it no more, a new one is sent."""
        scope = self._scope
        if ref is None and scope.is_unreachable:
            return scope.effects.text(scope.plugin, scope.address, self._html(text), buttons)
        return scope.effects.edit_text(scope.plugin, scope.address, self._target(ref), self._html(text), buttons)

    def edit_caption(self, caption: str, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Change the caption of the pressed photo, or of the one `ref` names; an old one as in `edit`."""
        scope = self._scope
        if ref is None and scope.is_unreachable:
            return scope.effects.text(scope.plugin, scope.address, self._html(caption), buttons)
        return scope.effects.edit_caption(
            scope.plugin, scope.address, self._target(ref), self._html(caption), buttons
        )

    def delete(self, ref: Ref | int | None = None) -> None:
        """Delete the pressed message, or the one `ref` names."""
        target = self._target(ref)
        if target is None:
            raise EffectError("ctx.delete: Telegram lets nobody delete a message that was sent through the bot.")
        self._scope.effects.delete(self._scope.plugin, self._scope.address, target)
        return RECORDED

    def send_invoice(self, *, buttons: Buttons | None = None, **params: Any) -> Ref:
        """Send an invoice; `params` are those of the Bot API's sendInvoice. Its payload begins `<plugin>:`."""
        scope = self._scope
        return scope.effects.invoice(scope.plugin, scope.address, self._translated(params), buttons)

    def show(
        self,
        text: str,
        buttons: Buttons | None = None,
        *,
        photo: bytes | None = None,
        slot: str = "main",
        fresh: bool | None = None,
    ) -> Ref:
        """Show the one message of `slot`: edited in place, or sent anew if it cannot be edited.

        After a command it is sent anew (`fresh`), since the old one may be far up; so it is if another message than
        the slot's was pressed. With `fresh=False` only a message above the pressed one is left alone: a photo's
        buttons then change the text below it.
        """
        scope = self._scope
        check_name("a slot", slot, SLOT_WIDTH)
        pressed = scope.pressed if scope.callback_id else None
        anew = scope.kind in _SPOKEN if fresh is None else fresh
        where = Slot(
            name=slot, place=scope.address.place, user_id=scope.slot_owner, pressed=pressed,
            fresh=anew or scope.is_unreachable, below=fresh is False,
        )  # fmt: skip
        return scope.effects.show(scope.plugin, scope.address, self._html(text), photo, buttons, where)

    def call(self, method: str, /, *, check: bool = True, **params: Any) -> Ref:
        """Record any other Bot API call. One that cannot be meant raises EffectError, unless `check` is False."""
        return self._scope.effects.call(self._scope.plugin, method, self._translated(params), check=check)

    async def progress(self, action: str = "typing") -> None:
        """Show at once, best effort, that something is being done ("typing", "upload_photo")."""
        scope = self._scope
        self._services.waits("ctx.progress")
        await scope.unit.release_reads()
        if scope.address.inline is not None:
            return  # nobody would see it
        to = scope.effects.to(scope.plugin, scope.address, "sendChatAction")
        await scope.transport.best_effort("sendChatAction", {**to, "action": action})
