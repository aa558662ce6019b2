"""How a handler makes keyboards below the chat, which take the place of the letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astral_core import limits
from astral_core.bot.buttons import Button, Keyboard, asking, check_below
from astral_core.bot.handling import Handling
from astral_core.botapi.check import check_call
from astral_core.errors import EffectError


class Keyboards(Handling):
    """Keyboards, their buttons, and their removal."""

    # --- keyboards

    def keyboard(
        self,
        rows: Sequence[Sequence[str | Button]],
        *,
        one_time: bool = False,
        placeholder: str | None = None,
        persistent: bool = False,
        selective: bool = False,
        resize: bool = True,
    ) -> Keyboard:
        """A keyboard for `buttons=` of a message: a str is a button that says its text, others ask for something.

        `one_time`: it is hidden after a press. `persistent`: it stays open beside the letters. `selective`: in a
        group only those see it whom the message names or answers. `placeholder` is shown in the empty text field. The
        keyboard stays until another one, or `ctx.remove_keyboard()`, comes.
        """
        made = [[self._keyed(button) for button in _row(row)] for row in _row(rows)]
        for row in made:
            check_below(row)
        flat = [button for row in made for button in row]
        if not 0 < len(flat) <= limits.KEYBOARD_BUTTONS:
            raise EffectError(f"ctx.keyboard has 1 to {limits.KEYBOARD_BUTTONS} buttons, this one {len(flat)}.")
        markup: dict[str, Any] = {"keyboard": [[button.as_json() for button in row] for row in made if row]}
        flags = {"resize_keyboard": resize, "one_time_keyboard": one_time, "is_persistent": persistent}
        markup |= {name: True for name, wanted in flags.items() if wanted}
        return Keyboard({**markup, **self._more("ctx.keyboard", placeholder, selective)}, asking(flat))

    def remove_keyboard(self, *, selective: bool = False) -> Keyboard:
        """Take the keyboard below the chat away, for `buttons=` of a message; `selective` as in `keyboard`."""
        return Keyboard({"remove_keyboard": True, **self._more("ctx.remove_keyboard", None, selective)})

    def force_reply(self, *, placeholder: str | None = None, selective: bool = False) -> Keyboard:
        """Let the person answer this very message, for `buttons=` of it; `selective` as in `keyboard`."""
        return Keyboard({"force_reply": True, **self._more("ctx.force_reply", placeholder, selective)})

    def request_contact(self, text: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """A key that sends the person's telephone number: `@routes.message("contact")`. In private chats."""
        return self._asks(text, "request_contact", True, style, icon)  # the Bot API's value

    def request_location(self, text: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """A key that sends where the person is: `@routes.message("location")`. In private chats."""
        return self._asks(text, "request_location", True, style, icon)  # the Bot API's value

    def request_users(
        self,
        text: str,
        number: int,
        *,
        most: int = 1,
        style: str | None = None,
        icon: str | None = None,
        **options: Any,
    ) -> Button:
        """A key that lets the person choose up to `most` others: `@routes.message("users_shared")`.

        `number` comes back as `request_id`. `options` are those of the Bot API's KeyboardButtonRequestUsers. In
        private chats.
        """
        value = {"request_id": number, "max_quantity": most, **options}
        return self._asks(text, "request_users", value, style, icon)

    def request_chat(
        self,
        text: str,
        number: int,
        *,
        channel: bool = False,
        style: str | None = None,
        icon: str | None = None,
        **options: Any,
    ) -> Button:
        """A key that lets the person choose a group, or a channel: `@routes.message("chat_shared")`.

        `number` comes back as `request_id`. `options` are those of the Bot API's KeyboardButtonRequestChat. In
        private chats.
        """
        value = {"request_id": number, "chat_is_channel": channel, **options}
        return self._asks(text, "request_chat", value, style, icon)

    def request_poll(
        self, text: str, kind: str | None = None, *, style: str | None = None, icon: str | None = None
    ) -> Button:
        """A key that lets the person make a poll: `@routes.message("poll")`. `kind`: "quiz" or "regular"."""
        return self._asks(text, "request_poll", {} if kind is None else {"type": kind}, style, icon)

    def _asks(self, text: str, action: str, value: Any, style: str | None, icon: str | None) -> Button:
        button = Button(self._texts.plain(text), action, value, style, icon)
        markup = {"keyboard": [[button.as_json()]]}
        check_call(self.id, "sendMessage", {"chat_id": 1, "text": "x", "reply_markup": markup})
        return button

    def _keyed(self, button: str | Button) -> Button:
        if isinstance(button, Button):
            return button
        if not isinstance(button, str):
            raise EffectError(
                f"ctx.keyboard: a button is of the type {type(button).__name__}. Fix: a str, or what "
                "ctx.request_contact and its siblings make."
            )
        return Button(self._texts.plain(button))

    def _more(self, verb: str, placeholder: str | None, selective: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"selective": True} if selective else {}
        if placeholder is not None:
            found["input_field_placeholder"] = said = self._texts.plain(placeholder)
            if not 1 <= len(said) <= limits.PLACEHOLDER:
                raise EffectError(f"{verb}: placeholder= has 1 to {limits.PLACEHOLDER} characters.")
        return found


def _row(row: Any) -> Sequence[Any]:
    if not isinstance(row, (list, tuple)):
        raise EffectError(
            f"ctx.keyboard takes rows of buttons, [[...], [...]], and one is of the type {type(row).__name__}. Fix: "
            "put brackets around each row."
        )
    return row
