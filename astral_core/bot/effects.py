"""Recording of effects: what a handler wants sent, checked at once, sent after its commit."""

from __future__ import annotations

from typing import Any

from astral_core.bot.buttons import Buttons, keyboard
from astral_core.bot.files import PHOTO_LIMIT, file_bytes
from astral_core.bot.limits import check_buttons, plain_values
from astral_core.bot.options import common, silence, with_caption
from astral_core.botapi.check import check_call
from astral_core.botapi.table import table
from astral_core.errors import EffectError
from astral_core.inbox.address import Address
from astral_core.inbox.effect import Effect, OutgoingEffect, Ref, Slot
from astral_core.inbox.outbox import recorded
from astral_core.markup import TEXT_LIMIT, check_html

MOST = 10_000  # effects of one handler
MOST_CHAT = 2**52  # Telegram says that ids have at most 52 significant bits


class Effects:
    """The effects of one handler, in order. Every method returns a reference to the message to come."""

    def __init__(self) -> None:
        self.contents: list[OutgoingEffect] = []

    def add(self, effect: Effect, data: bytes | None = None) -> Ref:
        """Record any effect. EffectError where it cannot be stored."""
        if len(self.contents) >= MOST:
            raise EffectError(f"a handler records at most {MOST} messages. Fix: go on in a step with ctx.defer.")
        self.contents.append(recorded(effect, data))
        return Ref(len(self.contents) - 1)

    def text(self, plugin: str, address: Address, text: str, buttons: Buttons | None, **options: Any) -> Ref:
        """A new text message."""
        to = self.to(plugin, address, "sendMessage")
        params = {**to, "text": check_html(text, TEXT_LIMIT), **common(buttons), **silence(options)}
        return self.add(Effect(method="sendMessage", params=params, plugin=plugin, **options))

    def edit_text(
        self, plugin: str, address: Address, message: int | Ref | None, text: str, buttons: Buttons | None
    ) -> Ref:
        """Another text in an old message; None is the one in the chat that the bot does not know."""
        params = {**self.at(address, message), "text": check_html(text, TEXT_LIMIT), **common(buttons)}
        return self.add(Effect(method="editMessageText", params=params, plugin=plugin, message=message))

    def edit_caption(
        self, plugin: str, address: Address, message: int | Ref | None, caption: str, buttons: Buttons | None
    ) -> Ref:
        """Another caption under an old photo; None as for `edit_text`."""
        params = {**self.at(address, message), **with_caption(caption), **common(buttons)}
        return self.add(Effect(method="editMessageCaption", params=params, plugin=plugin, message=message))

    def delete(self, plugin: str, address: Address, message: int | Ref) -> Ref:
        """Delete a message."""
        params = self.at(address, message)
        method = "deleteMessage" if address.business is None else "deleteBusinessMessages"
        return self.add(Effect(method=method, params=params, plugin=plugin, message=message))

    def show(
        self,
        plugin: str,
        address: Address,
        text: str,
        photo: bytes | None,
        buttons: Buttons | None,
        slot: Slot,
        **options: Any,
    ) -> Ref:
        """The one message of a slot: edited in place where it can be, else sent anew."""
        if address.inline is not None and photo is None:  # the pressed message is all that there is
            return self.edit_text(plugin, address, None, text, buttons)
        params: dict[str, Any] = {**self.to(plugin, address, "sendMessage"), **common(buttons)}
        if photo is not None:
            data = file_bytes("photo", photo, PHOTO_LIMIT)
            params |= with_caption(text)
            effect = Effect(method="show", params=params, plugin=plugin, slot=slot, attachment="photo", **options)
            return self.add(effect, data)
        params["text"] = check_html(text, TEXT_LIMIT)
        return self.add(Effect(method="show", params=params, plugin=plugin, slot=slot, **options))

    def call(self, plugin: str, method: str, params: dict[str, Any], *, check: bool = True) -> Ref:
        """Any other call of the Bot API; what is None is not given."""
        given = plain_values(method, {name: value for name, value in params.items() if value is not None})
        if "chat_id" in given:
            given["chat_id"] = _chat_id(plugin, method, given["chat_id"])
        if check:
            check_call(plugin, str(method), given)
        return self.add(Effect(method=str(method), params=given, plugin=plugin))

    def invoice(self, plugin: str, address: Address, params: dict[str, Any], buttons: Buttons | None) -> Ref:
        """An invoice; `params` are sendInvoice's."""
        params = {**self.to(plugin, address, "sendInvoice"), **plain_values("sendInvoice", params)}
        payload = str(params.get("payload", ""))
        if not payload.startswith(f"{plugin}:") or not 1 <= len(payload.encode()) <= 128:
            raise EffectError(f"the invoice payload must begin with {plugin!r}: and have at most 128 bytes.")
        check_call(plugin, "sendInvoice", params)
        if params.get("currency") == "XTR" and (params.get("provider_token") or len(params.get("prices", ())) != 1):
            raise EffectError("an invoice in Stars has one price and no provider token.")
        markup: dict[str, Any] = {}
        if buttons is not None:
            check_buttons(buttons, invoice=True)
            markup = {"reply_markup": keyboard(buttons)}
        return self.add(Effect(method="sendInvoice", params={**params, **markup}, plugin=plugin))

    @staticmethod
    def article(
        name: str,
        title: str,
        text: str,
        buttons: Buttons | None,
        description: str,  # the Bot API's name
    ) -> dict[str, Any]:
        """The Bot API's InlineQueryResultArticle."""
        content = {"message_text": check_html(text, TEXT_LIMIT), "parse_mode": "HTML"}
        found: dict[str, Any] = {"type": "article", "id": name, "title": title, "input_message_content": content}
        if description:
            found["description"] = description
        if buttons is not None:
            check_buttons(buttons)
            found["reply_markup"] = keyboard(buttons)
        return found

    @staticmethod
    def to(plugin: str, address: Address, method: str) -> dict[str, Any]:
        """The parameters with which `method` sends to `address`, as far as it takes them; or EffectError."""
        if address.inline is not None:
            raise EffectError(
                f"plugin {plugin!r}: {method}: the pressed button is in a message that was sent through the bot, in "
                "a chat that it does not know. Fix: change that message with ctx.edit, or write to the person in a "
                "step with ctx.defer(..., to=ctx.user.id)."
            )
        if address.is_nowhere:
            raise EffectError(
                f"plugin {plugin!r}: {method}: this work runs in a lane of its own, where no chat is. Fix: say it in "
                "a step that is deferred with ctx.defer(..., to=<chat id>)."
            )
        params = address.params
        if len(params) == 1:
            return params
        known = table().method(method)
        found = {name: value for name, value in params.items() if known is None or name in known[1].parameters}
        if address.business is not None and "business_connection_id" not in found:
            raise EffectError(
                f"plugin {plugin!r}: {method} cannot be sent in the chat of a business account. Fix: send it to the "
                "person's own chat in a step with ctx.defer(..., to=ctx.user.id)."
            )
        return found

    def at(self, address: Address, message: int | Ref | None) -> dict[str, Any]:
        """The parameters that lead to an old message; one of this handler's is where it was sent."""
        if message is None and address.inline is not None:
            return {"inline_message_id": address.inline}
        sent = self.contents[message.n].effect.params if isinstance(message, Ref) else address.params
        return {name: sent[name] for name in ("chat_id", "business_connection_id") if name in sent}


def _chat_id(plugin: str, method: str, value: Any) -> Any:
    """A chat's id as a number where it is one as text; EffectError where no chat can have it."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not 0 < abs(value) < MOST_CHAT:
        raise EffectError(
            f"plugin {plugin!r}: {method}: {value} is no chat's id. Fix: pass that of a chat, or @name."
        )
    return value
