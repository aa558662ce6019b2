"""How a handler passes messages on: as copies of its own, or forwarded with where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import Any, Unpack

from astral_core.bot.buttons import Buttons, Keyboard, reply_markup
from astral_core.bot.effects import chat_id_of
from astral_core.bot.handling import Handling
from astral_core.bot.options import Options, SendOptions, with_caption
from astral_core.botapi.check import check_call
from astral_core.botapi.views import View
from astral_core.errors import EffectError
from astral_core.inbox.address import Address
from astral_core.inbox.effect import Effect, Ref

Source = int | Ref | View | tuple[int | str, int | Sequence[int]] | Sequence[int] | Sequence[View]
MOST = 100  # messages of one call


class Copies(Handling):
    """Messages that are there already, sent to this chat or to another one."""

    def copy(
        self,
        message: Source | EllipsisType = ...,
        to: int | str | None = None,
        *,
        topic: int | None = None,
        caption: str | None = None,
        buttons: Buttons | Keyboard | None = None,
        **options: Unpack[SendOptions],
    ) -> Ref:
        """Send a message once more, as the bot's own: to the chat `to`, here unless told, and there into `topic`.

        `message` is the handled one unless told: a number or a reference in this chat, a view, a pair of a chat and a
        number. A list of numbers or views, or a pair of a chat and a list, is up to 100 messages, whose albums stay
        together; the reference is to the first copy. `caption` replaces that of a single message, and "" takes it
        away. `options` are those of `SendOptions`.
        """
        more = with_caption(self._html(caption)) if caption else {}
        if caption == "":
            more["caption"] = ""
        if buttons is not None:
            more["reply_markup"] = reply_markup(buttons, self._address_of(to))
        return self._pass_on("copyMessage", message, to, topic, more, options)

    def forward(
        self,
        message: Source | EllipsisType = ...,
        to: int | str | None = None,
        *,
        topic: int | None = None,
        **options: Unpack[SendOptions],
    ) -> Ref:
        """Forward a message, which shows where it comes from; the arguments are those of `copy`.

        A forwarded message answers none, so there is no `reply_to`.
        """
        return self._pass_on("forwardMessage", message, to, topic, {}, options)

    def _pass_on(
        self, method: str, message: Source | EllipsisType, to: int | str | None, topic: int | None,
        more: dict[str, Any], options: SendOptions,
    ) -> Ref:  # fmt: skip
        scope, how = self._scope, Options(method, self._scope, options)
        chat, numbers = self._source(method, message)
        if to is None:
            params = scope.effects.to(scope.plugin, scope.address, method)
        else:
            params = {"chat_id": chat_id_of(scope.plugin, method, to)}
        if topic is not None:
            params["message_thread_id"] = topic
        params |= {"from_chat_id": chat, **more, **how.params}
        self._check_reply(method, params, options)
        earlier = None
        if isinstance(numbers, Ref):
            if chat != params["chat_id"]:
                raise self._wrong(
                    method, "a message of this handler is known when it is out, and goes to its own chat only",
                    "pass on the message that it is made from, or say it there once again",
                )  # fmt: skip
            earlier = numbers
        elif len(numbers) == 1:
            params["message_id"] = numbers[0]
        else:
            method += "s"
            if more or how.params.keys() - {"disable_notification", "protect_content"} or "reply_to" in how.fields:
                what = "several messages take no caption, no buttons, no reply_to and no effect"
                raise self._wrong(method, what, "copy them one by one")
            params["message_ids"] = numbers
        check_call(scope.plugin, method, params if earlier is None else {**params, "message_id": 1})
        return scope.effects.add(
            Effect(method=method, params=params, plugin=scope.plugin, message=earlier, **how.fields)
        )

    def _check_reply(self, method: str, params: dict[str, Any], options: SendOptions) -> None:
        """What is answered is in the chat where the copy goes, and is no number of another one."""
        to = options.get("reply_to")
        if method == "forwardMessage" and to is not None and to is not False:
            raise self._wrong(method, "a forwarded message answers none", "use ctx.copy, or say something before it")
        if params["chat_id"] != self._scope.address.chat and (to is True or isinstance(to, Ref)):
            raise self._wrong(method, "reply_to= is a message of this chat", "give the number of one of that chat")

    def _address_of(self, to: int | str | None) -> Address:
        """The address of `to`; a chat that is known by its name only is a public one, and so no person's."""
        if to is None:
            return self._scope.address
        return Address(chat=to if isinstance(to, int) else -1)

    def _source(self, method: str, message: Source | EllipsisType) -> tuple[int | str, list[int] | Ref]:
        """The chat of the messages that are meant, and their numbers, in the order in which Telegram wants them."""
        scope = self._scope
        if isinstance(message, EllipsisType):
            if scope.message is None:
                raise self._wrong(method, "this handler handles no message", "name one, such as its number")
            message = scope.message
        if message is None:  # such as `ctx.message.reply_to_message` of a message that answers none
            raise self._wrong(method, "None is no message", "ask first whether there is one")
        if isinstance(message, Ref):
            return scope.effects.at(scope.address, message).get("chat_id", scope.chat_id), message
        views = [message] if isinstance(message, View) else message
        if isinstance(views, Sequence) and views and all(isinstance(one, View) for one in views):
            return self._of_views(method, views)
        chat: object = scope.chat_id
        if isinstance(message, tuple):
            if len(message) != 2:
                raise self._wrong(method, f"{message!r:.64} names no message", "give (chat id, message id)")
            chat, message = message
        else:
            self._check_here(method)
        numbers = [message] if isinstance(message, int) else message
        return chat_id_of(scope.plugin, method, chat), self._checked(method, numbers)

    def _of_views(self, method: str, views: Sequence[Any]) -> tuple[int | str, list[int]]:
        """The same of messages that Telegram has told of."""
        chats = {view.chat.id for view in views if "chat" in view and view.chat is not None}
        if len(chats) != 1 or any("message_id" not in view for view in views):
            raise self._wrong(method, "these are no messages of one chat", "give messages, such as ctx.message")
        if any(view.business_connection_id for view in views if "business_connection_id" in view):
            raise self._wrong_business(method)
        return chats.pop(), self._checked(method, [view.message_id for view in views])

    def _checked(self, method: str, numbers: object) -> list[int]:
        fits = isinstance(numbers, Sequence) and not isinstance(numbers, (str, bytes))
        found = list(numbers) if fits else []  # type: ignore[call-overload]  # a sequence
        if not found or any(isinstance(one, bool) or not isinstance(one, int) or one <= 0 for one in found):
            raise self._wrong(method, f"{numbers!r:.64} names no message", "give the numbers of messages")
        unique = sorted(set(found))
        if len(unique) > MOST:
            raise self._wrong(method, f"{len(unique)} messages are more than {MOST}", "take several calls")
        return unique

    def _check_here(self, method: str) -> None:
        """A bare number is that of a message of this chat, as the bot itself sees it."""
        address = self._scope.address
        if address.business is not None:
            raise self._wrong_business(method)
        if address.inline is not None or address.is_nowhere:
            raise self._wrong(method, "no chat is known here", "give (chat id, message id)")

    def _wrong_business(self, method: str) -> EffectError:
        return self._wrong(
            method, "Telegram copies and forwards nothing out of the chat of a business account",
            "send its text, or its file by the file_id",
        )  # fmt: skip

    def _wrong(self, method: str, what: str, fix: str) -> EffectError:
        return EffectError(f"plugin {self.id!r}, route {self._scope.route!r}: {method}: {what}. Fix: {fix}.")
