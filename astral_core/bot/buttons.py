"""Buttons: those under a message, and those of a keyboard below the chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from markupsafe import Markup

from astral_core import limits
from astral_core.botapi.check import near_miss
from astral_core.errors import EffectError
from astral_core.inbox.address import Address

STYLES = ("primary", "success", "danger")
# What a button of a keyboard may do, and of that, what Telegram offers in private chats only.
BELOW = frozenset((
    "", "request_contact", "request_location", "request_users", "request_chat", "request_poll", "web_app",
))  # fmt: skip
_PRIVATE = BELOW - {""}


@dataclass(frozen=True, slots=True)
class Button:
    """A button, made by `ctx.button` and its siblings.

    `action` is the Bot API's name of what it does, `value` what that needs; one without an action says its text.
    """

    text: str
    action: str = ""
    value: Any = None
    style: str | None = None
    icon: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The Bot API's InlineKeyboardButton or KeyboardButton."""
        found: dict[str, Any] = {"text": self.text}
        if self.action:
            found[self.action] = self.value
        if self.style is not None:
            found["style"] = self.style
        if self.icon is not None:
            found["icon_custom_emoji_id"] = self.icon
        return found


Buttons = Sequence[Sequence[Button]]


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A keyboard below the chat, its removal, or a forced reply: `ctx.keyboard`, `remove_keyboard`, `force_reply`.

    `markup` is the Bot API's object. `asks`: a button in it that Telegram shows in private chats only.
    """

    markup: dict[str, Any]
    asks: str | None = None


def plain(text: str) -> str:
    """Text without HTML escapes, as buttons and answers take it."""
    return text.unescape() if isinstance(text, Markup) else text


def rows(buttons: Iterable[Button], width: int) -> list[list[Button]]:
    """Buttons in rows of `width`."""
    items = list(buttons)
    return [items[start : start + width] for start in range(0, len(items), width)]


def keyboard(buttons: Buttons) -> dict[str, Any]:
    """The Bot API's InlineKeyboardMarkup; empty rows are left out."""
    return {"inline_keyboard": [[button.as_json() for button in row] for row in buttons if row]}


def reply_markup(buttons: Buttons | Keyboard, address: Address, *, old: bool = False) -> dict[str, Any]:
    """The `reply_markup` of a message at `address`; EffectError where Telegram would refuse it.

    `old`: of a message that is changed, or may be: Telegram lets nobody put a keyboard below the chat with that.
    """
    if not isinstance(buttons, Keyboard):
        check_buttons(buttons, address)
        return keyboard(buttons)
    if old:
        raise EffectError(
            "an old message takes buttons under it, [[ctx.button(...)]], and no keyboard. Fix: send the keyboard "
            "with a new message, ctx.reply."
        )
    if address.business is not None:
        raise EffectError("a message in the chat of a business account takes buttons under it, and no keyboard.")
    if buttons.asks is not None and not address.is_private:
        raise EffectError(f"{buttons.asks} works in private chats only. Fix: ask the person in their own chat.")
    return buttons.markup


def check_buttons(buttons: Buttons, address: Address | None = None, *, invoice: bool = False) -> None:
    """EffectError where Telegram would refuse buttons under a message; `address` is where it goes, if it is known."""
    flat = flattened(buttons)
    if len(flat) > limits.BUTTONS or any(len(row) > limits.ROW for row in buttons):
        raise EffectError(f"a message has at most {limits.BUTTONS} buttons, {limits.ROW} in a row.")
    for number, button in enumerate(flat):
        _check_button(button)
        pays = button.action == "pay"
        if pays and (number or not invoice):
            raise EffectError("a pay button must be the first button of an invoice.")
        if not button.action or (button.action in BELOW and button.action != "web_app"):
            raise EffectError(
                f"button {button.text!r} belongs into a keyboard below the chat. Fix: buttons=ctx.keyboard([[...]])."
            )
        if button.action == "web_app" and address is not None and not address.is_private:
            raise EffectError(
                f"button {button.text!r} opens a Mini App, which Telegram allows in private chats only. Fix: lead to "
                "the private chat with ctx.button(text, <deep link>(...))."
            )
        size = len(str(button.value).encode("utf-8", "replace")) if button.action == "callback_data" else 1
        if not 1 <= size <= limits.BUTTON_DATA:
            raise EffectError(f"button {button.text!r} carries {size} bytes, not 1-{limits.BUTTON_DATA}.")


def check_below(row: Sequence[Button]) -> None:
    """EffectError where a row of a keyboard holds what belongs under a message."""
    for button in row:
        _check_button(button)
        if button.action not in BELOW:
            raise EffectError(
                f"ctx.keyboard: button {button.text!r} belongs under a message. Fix: buttons=[[...]] of a message."
            )


def asking(buttons: Iterable[Button]) -> str | None:
    """What a keyboard asks for that Telegram offers in private chats only: the name of the first such button."""
    return next((f"button {one.text!r} ({one.action})" for one in buttons if one.action in _PRIVATE), None)


def flattened(buttons: Any) -> list[Button]:
    """The buttons of all rows; EffectError that says what is wrong where these are no rows of buttons."""
    if isinstance(buttons, Button) or not isinstance(buttons, (list, tuple)):
        _refuse(buttons)
    for row in buttons:
        if isinstance(row, Button) or not isinstance(row, (list, tuple)):
            _refuse(row)
        for button in row:
            if not isinstance(button, Button):
                _refuse(button)
    return [button for row in buttons for button in row]


def is_foreign(value: object) -> bool:
    """Whether it is an object of python-telegram-bot."""
    return type(value).__module__.partition(".")[0] == "telegram"


def _refuse(value: object) -> NoReturn:
    if isinstance(value, Button):
        raise EffectError("buttons= takes rows of buttons. Fix: put brackets around each row, [[ctx.button(...)]].")
    kind = type(value).__name__
    if is_foreign(value):
        fix = "ctx.keyboard([[...]])" if kind.startswith(("Reply", "Keyboard")) else "[[ctx.button(...)]]"
        raise EffectError(f"buttons= got python-telegram-bot's {kind}. Fix: {fix}.")
    raise EffectError(
        f"buttons= got a value of the type {kind}. Fix: [[ctx.button(...)], ...], or ctx.keyboard([[...]])."
    )


def _check_button(button: Button) -> None:
    if not button.text or not isinstance(button.text, str):
        raise EffectError("a button has no text.")
    near = near_miss(button.style, STYLES) if isinstance(button.style, str) else None
    if near is not None and button.style not in STYLES:
        raise EffectError(f"button {button.text!r}: there is no style {button.style!r}. Fix: did you mean {near!r}?")
    if button.style is not None and not isinstance(button.style, str):
        raise EffectError(f"button {button.text!r}: style= is one of {', '.join(map(repr, STYLES))}.")
    if button.icon is not None and not isinstance(button.icon, str):
        raise EffectError(f"button {button.text!r}: icon= is the id of a custom emoji, as text.")
