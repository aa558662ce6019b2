"""How a handler says something: new texts, edits, the one message of a slot, and any other call."""

from __future__ import annotations

from typing import Any, Unpack, overload

from astral_core import limits
from astral_core.bot.buttons import Buttons, Keyboard
from astral_core.bot.handling import Handling, check_name
from astral_core.bot.options import Options, SendOptions, preview_options, with_caption
from astral_core.bot.uploads import File
from astral_core.db.tables import SLOT_WIDTH
from astral_core.errors import EffectError
from astral_core.inbox.effect import RECORDED, Ref, Slot
from astral_core.inbox.paced import LONGEST
from astral_core.markup import check_html

_SPOKEN = frozenset(("command", "text", "message", "deep_link", "event"))  # the answer is a new message
_HTML = {"parse_mode": "HTML"}


class Messages(Handling):
    """Messages of text, and what is done with messages that are out."""

    # --- messages

    def reply(
        self,
        text: str,
        buttons: Buttons | Keyboard | None = None,
        *,
        preview: bool | dict[str, Any] | None = None,
        **options: Unpack[SendOptions],
    ) -> Ref:
        """Send a new text message, with buttons under it or a keyboard below the chat.

        `preview=False` shows no preview of a link; a dict is the Bot API's LinkPreviewOptions. `options` are those of
        `SendOptions`, which every method takes that sends a message: `silent`, `protect`, `reply_to`, `effect`,
        `on_doubt`.
        """
        scope, how = self._scope, Options("ctx.reply", self._scope, options)
        params = {**how.params, **preview_options(scope.plugin, preview)}
        return scope.effects.text(scope.plugin, scope.address, self._html(text), buttons, params, **how.fields)

    def edit(
        self,
        text: str,
        buttons: Buttons | None = None,
        *,
        ref: Ref | int | None = None,
        preview: bool | dict[str, Any] | None = None,
    ) -> Ref:
        """Change the pressed message, or the one `ref` names. If Telegram shows it no more, a new one is sent."""
        scope, said = self._scope, self._html(text)
        params = {**_HTML, **preview_options(scope.plugin, preview)}
        if ref is None and scope.is_unreachable:
            return scope.effects.text(scope.plugin, scope.address, said, buttons, params)
        params["text"] = check_html(said, limits.TEXT)
        target = self._target(ref)
        return scope.effects.edit(scope.plugin, scope.address, "editMessageText", target, params, buttons)

    def edit_caption(
        self,
        caption: str,
        buttons: Buttons | None = None,
        *,
        ref: Ref | int | None = None,
        caption_above: bool = False,
    ) -> Ref:
        """Change the caption of the pressed file, or of the one `ref` names; an old one as in `edit`."""
        scope, said = self._scope, self._html(caption)
        if ref is None and scope.is_unreachable:
            return scope.effects.text(scope.plugin, scope.address, said, buttons)
        params = with_caption(said)
        if caption_above:
            params["show_caption_above_media"] = True
        target = self._target(ref)
        return scope.effects.edit(scope.plugin, scope.address, "editMessageCaption", target, params, buttons)

    def edit_buttons(self, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Change nothing but the buttons of the pressed message, or of the one `ref` names; None takes them away."""
        scope = self._scope
        # There is no text to send where Telegram shows the message no more: then nothing is to be done.
        return scope.effects.edit(
            scope.plugin, scope.address, "editMessageReplyMarkup", self._target(ref), {}, buttons,
            optional=ref is None and scope.is_unreachable,
        )  # fmt: skip

    def delete(self, ref: Ref | int | None = None) -> None:
        """Delete the pressed message, or the one `ref` names."""
        target = self._target(ref)
        if target is None:
            raise EffectError("ctx.delete: Telegram lets nobody delete a message that was sent through the bot.")
        self._scope.effects.delete(self._scope.plugin, self._scope.address, target)
        return RECORDED

    @overload
    def show(
        self, text: str, buttons: Buttons | None = None, *, photo: File | None = None, slot: str = "main",
        fresh: bool | None = None, shared: bool = False, every: None = None,
    ) -> Ref: ...  # fmt: skip

    @overload
    def show(
        self, text: str, buttons: Buttons | None = None, *, photo: File | None = None, slot: str = "main",
        fresh: bool | None = None, shared: bool = False, every: float,
    ) -> None: ...  # fmt: skip

    def show(
        self, text: str, buttons: Buttons | None = None, *, photo: File | None = None, slot: str = "main",
        fresh: bool | None = None, shared: bool = False, every: float | None = None,
    ) -> Ref | None:  # fmt: skip
        """Show the one message of `slot`: edited in place, or sent anew if it cannot be edited.

        After a command it is sent anew (`fresh`), since the old one may be far up; so it is if another message than
        the slot's was pressed. With `fresh=False` only a message above the pressed one is left alone: a photo's
        buttons then change the text below it.

        A slot is one person's, in groups too; if it is `shared`, it is that of the whole chat or topic. `every` paces
        edits: at most one in so many seconds, of those that came meanwhile the newest one, and the last one always.
        They hold up no other message, and have no reference. What is sent anew is sent at once.
        """
        scope, said = self._scope, self._html(text)
        check_name("a slot", slot, SLOT_WIDTH)
        if every is not None:
            _check_pace(scope.plugin, every)
        if scope.address.inline is not None and photo is None:  # the pressed message is all that there is
            made = self.edit(text, buttons)
            return made if every is None else RECORDED
        pressed = scope.pressed if scope.callback_id else None
        anew = scope.kind in _SPOKEN if fresh is None else fresh
        where = Slot(
            name=slot, place=scope.address.place, user_id=0 if shared else scope.slot_owner, pressed=pressed,
            fresh=anew or scope.is_unreachable, below=fresh is False,
        )  # fmt: skip
        if photo is None:
            params = {"text": check_html(said, limits.TEXT)}
            made = scope.effects.show(scope.plugin, scope.address, params, None, buttons, where)
        else:
            attached, params = self._attached(), with_caption(said)
            if isinstance(photo, str):
                params["photo"] = photo
            else:
                attached.put(photo, "photo", "photo", limits.PHOTO_BYTES)
            made = scope.effects.show(scope.plugin, scope.address, params, attached, buttons, where)
        if every is None:
            return made
        if not where.fresh and not scope.row.express:
            scope.effects.pace(made, every)
        return RECORDED

    def send_invoice(self, *, buttons: Buttons | None = None, **params: Any) -> Ref:
        """Send an invoice; `params` are those of the Bot API's sendInvoice. Its payload begins `<plugin>:`.

        The keywords of other messages (`silent`, `reply_to`, ...) are taken, too.
        """
        names = SendOptions.__annotations__
        how = Options("ctx.send_invoice", self._scope, {name: params[name] for name in names if name in params})
        given = self._translated({name: value for name, value in params.items() if name not in names})
        return self._scope.effects.invoice(
            self._scope.plugin, self._scope.address, given, buttons, how.params, **how.fields
        )

    def call(self, method: str, /, *, check: bool = True, **params: Any) -> Ref:
        """Record any other Bot API call. One that cannot be meant raises EffectError, unless `check` is False.

        Files are uploaded as in `send_photo`: `ctx.call("setChatPhoto", chat_id=ctx.chat.id, photo=data)`.
        """
        return self._scope.effects.call(
            self._scope.plugin, method, self._translated(params), check=check, local=self._is_local
        )

    async def progress(self, action: str = "typing") -> None:
        """Show at once, best effort, that something is being done ("typing", "upload_photo")."""
        scope = self._scope
        self._services.waits("ctx.progress")
        await scope.unit.release_reads()
        if scope.address.inline is not None:
            return  # nobody would see it
        to = scope.effects.to(scope.plugin, scope.address, "sendChatAction")
        await scope.transport.best_effort("sendChatAction", {**to, "action": action})


def _check_pace(plugin: str, every: object) -> None:
    """EffectError for a number of seconds that cannot be meant."""
    if isinstance(every, bool) or not isinstance(every, (int, float)) or not 0 < every <= LONGEST:
        raise EffectError(
            f"plugin {plugin!r}: ctx.show: every={every!r:.64} is no pace. Fix: give seconds, up to {LONGEST:g}."
        )
