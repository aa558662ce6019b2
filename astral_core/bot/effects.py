"""Recording of effects: what a handler wants sent, checked at once, sent after its commit."""

from __future__ import annotations

from typing import Any

from astral_core import limits
from astral_core.bot.buttons import Buttons, Keyboard, check_buttons, keyboard, reply_markup
from astral_core.bot.uploads import Attached
from astral_core.bot.values import plain_values
from astral_core.botapi.check import check_call
from astral_core.botapi.table import table
from astral_core.errors import EffectError
from astral_core.inbox.address import Address
from astral_core.inbox.effect import Effect, OutgoingEffect, Paced, Ref, Slot, SlotKey, packed, slot_key
from astral_core.inbox.outbox import recorded
from astral_core.markup import check_html

MOST = 10_000  # effects of one handler
MOST_CHAT = 2**52  # Telegram says that ids have at most 52 significant bits


class Effects:
    """The effects of one handler, in order. Every method returns a reference to the message to come."""

    def __init__(self) -> None:
        self.contents: list[OutgoingEffect] = []
        self.paced: dict[SlotKey, Paced] = {}
        self._unread: list[tuple[OutgoingEffect, Attached]] = []  # the effects whose files are still being read

    def add(self, effect: Effect, attached: Attached | None = None) -> Ref:
        """Record any effect with its files. EffectError where it cannot be stored."""
        if len(self.contents) >= MOST:
            raise EffectError(f"a handler records at most {MOST} messages. Fix: go on in a step with ctx.defer.")
        found = recorded(effect)
        if attached is not None and attached.contents:
            whole = {name: one for name, one in attached.contents.items() if isinstance(one, bytes)}
            if len(whole) == len(attached.contents):
                found.data = packed(whole)
            else:
                self._unread.append((found, attached))
        self.contents.append(found)
        return Ref(len(self.contents) - 1)

    def mark(self) -> tuple[int, dict[SlotKey, Paced]]:
        """What is recorded until now."""
        return len(self.contents), dict(self.paced)

    def back_to(self, mark: tuple[int, dict[SlotKey, Paced]]) -> None:
        """Drop what was recorded after `mark`."""
        count, paced = mark
        gone = self.contents[count:]
        del self.contents[count:]
        self.paced = dict(paced)
        self._unread = [one for one in self._unread if not any(one[0] is content for content in gone)]

    @property
    def is_reading(self) -> bool:
        """Whether files are still being read."""
        return bool(self._unread)

    async def read(self) -> None:
        """Wait for the files that are being read. EffectError if one could not be."""
        while self._unread:
            content, attached = self._unread[0]
            content.data = packed(await attached.read())
            del self._unread[0]

    def text(
        self,
        plugin: str,
        address: Address,
        text: str,
        buttons: Buttons | Keyboard | None = None,
        params: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Ref:
        """A new text message; `params` are more of its parameters, `fields` those of the effect."""
        found = self.to(plugin, address, "sendMessage")
        found |= {"text": check_html(text, limits.TEXT), "parse_mode": "HTML", **(params or {})}
        if buttons is not None:
            found["reply_markup"] = reply_markup(buttons, address)
        return self.add(Effect(method="sendMessage", params=found, plugin=plugin, **fields))

    def edit(
        self, plugin: str, address: Address, method: str, message: int | Ref | None, params: dict[str, Any],
        buttons: Buttons | Keyboard | None, attached: Attached | None = None, **fields: Any,
    ) -> Ref:  # fmt: skip
        """A change of an old message; None is the one in the chat that the bot does not know."""
        found = {**self.at(address, message), **params}
        if buttons is not None:
            found["reply_markup"] = reply_markup(buttons, address, old=True)
        files = attached.names if attached is not None else {}
        return self.add(
            Effect(method=method, params=found, plugin=plugin, message=message, files=files, **fields), attached
        )

    def delete(self, plugin: str, address: Address, message: int | Ref) -> Ref:
        """Delete a message."""
        params = self.at(address, message)
        method = "deleteMessage" if address.business is None else "deleteBusinessMessages"
        return self.add(Effect(method=method, params=params, plugin=plugin, message=message))

    def pace(self, number: Ref, every: float) -> None:
        """Show what was recorded last in its time, and not now."""
        content = self.contents[number.n]
        key = slot_key(content.effect)
        if key is not None and content.effect.method == "show":
            if len(self.paced) >= MOST:
                raise EffectError(f"a handler shows at most {MOST} slots. Fix: go on in a step with ctx.defer.")
            self.contents.pop()
            self.paced[key] = Paced(key, content, every)

    def show(
        self, plugin: str, address: Address, params: dict[str, Any], attached: Attached | None,
        buttons: Buttons | Keyboard | None, slot: Slot, **fields: Any,
    ) -> Ref:  # fmt: skip
        """The one message of a slot: edited in place where it can be, else sent anew."""
        if self.paced:  # what comes last counts
            self.paced.pop((address.chat, slot.place, slot.user_id, slot.name), None)
        found = {**self.to(plugin, address, "sendMessage"), "parse_mode": "HTML", **params}
        if buttons is not None:
            found["reply_markup"] = reply_markup(buttons, address, old=True)
        files = attached.names if attached is not None else {}
        effect = Effect(
            method="show", params=found, plugin=plugin, slot=slot, attachment=next(iter(files), None), files=files,
            **fields,
        )  # fmt: skip
        return self.add(effect, attached)

    def call(
        self, plugin: str, method: str, params: dict[str, Any], *, check: bool = True, local: bool = False
    ) -> Ref:
        """Any other call of the Bot API; what is None is not given. `local` as in `uploads.Limit`."""
        attached = Attached(local=local)
        given = {name: value for name, value in params.items() if value is not None}
        given = plain_values(method, given, attached)
        if "chat_id" in given:
            given["chat_id"] = chat_id_of(plugin, method, given["chat_id"])
        if check:
            check_call(plugin, str(method), given)
        given = {name: value for name, value in given.items() if name not in attached.names}
        return self.add(Effect(method=str(method), params=given, plugin=plugin, files=attached.names), attached)

    def invoice(
        self, plugin: str, address: Address, params: dict[str, Any], buttons: Buttons | None,
        more: dict[str, Any] | None = None, **fields: Any,
    ) -> Ref:  # fmt: skip
        """An invoice; `params` are sendInvoice's, `more` and `fields` those of the common keywords."""
        params = {**self.to(plugin, address, "sendInvoice"), **plain_values("sendInvoice", params), **(more or {})}
        payload = str(params.get("payload", ""))
        if not payload.startswith(f"{plugin}:") or not 1 <= len(payload.encode()) <= limits.PAYLOAD:
            raise EffectError(
                f"the invoice payload must begin with {plugin!r}: and have at most {limits.PAYLOAD} bytes."
            )
        check_call(plugin, "sendInvoice", params)
        if params.get("currency") == "XTR" and (params.get("provider_token") or len(params.get("prices", ())) != 1):
            raise EffectError("an invoice in Stars has one price and no provider token.")
        markup: dict[str, Any] = {}
        if buttons is not None:
            check_buttons(buttons, address, invoice=True)
            markup = {"reply_markup": keyboard(buttons)}
        return self.add(Effect(method="sendInvoice", params={**params, **markup}, plugin=plugin, **fields))

    @staticmethod
    def article(
        name: str,
        title: str,
        text: str,
        buttons: Buttons | None,
        description: str,  # the Bot API's name
    ) -> dict[str, Any]:
        """The Bot API's InlineQueryResultArticle."""
        content = {"message_text": check_html(text, limits.TEXT), "parse_mode": "HTML"}
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
        if isinstance(message, Ref) and not 0 <= message.n < len(self.contents):
            raise EffectError("ref= is a reference of another handler. Fix: name a message by its number.")
        sent = self.contents[message.n].effect.params if isinstance(message, Ref) else address.params
        return {name: sent[name] for name in ("chat_id", "business_connection_id") if name in sent}


def chat_id_of(plugin: str, method: str, value: Any) -> Any:
    """A chat's id as a number where it is one as text; EffectError where no chat can have it."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not 0 < abs(value) < MOST_CHAT:
        raise EffectError(
            f"plugin {plugin!r}: {method}: {value} is no chat's id. Fix: pass that of a chat, or @name."
        )
    return value
