"""How a handler makes buttons and links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astral_core import limits
from astral_core.bot.buttons import Button, plain
from astral_core.bot.handling import Handling
from astral_core.declare import PRIVATE, not_called
from astral_core.errors import CallbackDataError, EffectError, HandlerError
from astral_core.i18n import N_, Texts
from astral_core.kinds.callback import CallbackCall, NamedRoute
from astral_core.kinds.deep_link import DeepLink, LinkCall

CHATS = ("user", "bot", "group", "channel")


class Links(Handling):
    """Buttons below messages, and links into the bot."""

    # --- buttons and links

    def button(
        self, text: str, call: CallbackCall | LinkCall, /, *, style: str | None = None, icon: str | None = None
    ) -> Button:
        """A button that makes `call`: a button's route, or a deep link's, called with its arguments.

        `style` is "primary", "success" or "danger", `icon` the id of a custom emoji before the text; all buttons have
        these two.
        """
        said = self._texts.plain(text)
        if isinstance(call, LinkCall):
            return Button(said, "url", self.link(call), style, icon)
        if not isinstance(call, CallbackCall):
            raise HandlerError(f"ctx.button takes a route that is called with its arguments, not {not_called(call)}.")
        registry, route = self._services.registry, call.route
        key = route.name if isinstance(route, NamedRoute) else registry.key_of(route)
        found = registry.callbacks.get(key)
        if found is None:
            raise CallbackDataError(f"there is no callback route {key!r}; `astral routes` lists them")
        return Button(said, "callback_data", found.codec.build(call.arguments), style, icon)

    def url_button(self, text: str, url: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """A button that opens an address."""
        if not isinstance(url, str) or not url.strip():
            raise EffectError("ctx.url_button: there is no address. Fix: give one, such as https://example.org.")
        return self._made(text, "url", plain(url), style, icon)

    def web_app_button(self, text: str, url: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """A button that opens a Mini App, in private chats: under a message, or in a keyboard."""
        return self._made(text, "web_app", {"url": _https("ctx.web_app_button", url)}, style, icon)

    def login_button(
        self, text: str, url: str, *, forward_text: str | None = None, bot_username: str | None = None,
        write_access: bool = False, style: str | None = None, icon: str | None = None,
    ) -> Button:  # fmt: skip
        """A button that opens a website and tells it who pressed: Telegram's log-in for websites.

        `write_access`: it asks whether the bot may write to the person.
        """
        value: dict[str, Any] = {"url": _https("ctx.login_button", url)}
        if forward_text is not None:
            value["forward_text"] = self._texts.plain(forward_text)
        if bot_username is not None:
            value["bot_username"] = bot_username
        if write_access:
            value["request_write_access"] = True
        return self._made(text, "login_url", value, style, icon)

    def copy_button(self, text: str, copied: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """A button that copies `copied` to the clipboard."""
        value = self._texts.plain(copied)
        if not isinstance(value, str) or not 1 <= len(value) <= limits.COPIED:
            raise EffectError(f"ctx.copy_button copies 1 to {limits.COPIED} characters.")
        return self._made(text, "copy_text", {"text": value}, style, icon)

    def switch_inline_button(
        self, text: str, query: str = "", *, here: bool = False, to: Sequence[str] | None = None,
        style: str | None = None, icon: str | None = None,
    ) -> Button:  # fmt: skip
        """A button that writes `@bot query` into a text field: of a chat that the person chooses, or `here`.

        `to` says between which kinds of chat they choose: "user", "bot", "group", "channel".
        """
        said = self._texts.plain(query)
        if here and to is not None:
            raise EffectError("ctx.switch_inline_button: here= and to= exclude each other. Fix: leave one out.")
        if to is None:
            return self._made(text, f"switch_inline_query{'_current_chat' if here else ''}", said, style, icon)
        kinds = [to] if isinstance(to, str) else list(to)
        if not kinds or any(kind not in CHATS for kind in kinds):
            raise EffectError(f"ctx.switch_inline_button: to= has some of {', '.join(map(repr, CHATS))}.")
        value = {"query": said, **{f"allow_{kind}_chats": True for kind in kinds}}
        return self._made(text, "switch_inline_query_chosen_chat", value, style, icon)

    def pay_button(self, text: str, *, style: str | None = None, icon: str | None = None) -> Button:
        """The first button of an invoice."""
        return self._made(text, "pay", True, style, icon)  # the Bot API's value

    def menu_button(self) -> Button:
        """The way back to /start's menu."""
        core = Texts(self._services.catalogs["core"].for_language(self.language), self.language)
        return Button(core.plain(N_("‹ Menu")), "callback_data", "core:menu")

    def link(self, call: LinkCall, /, *, group: bool = False) -> str:
        """The address of a deep link; with `group` one that asks into which group the bot shall come."""
        if not isinstance(call, LinkCall):
            raise HandlerError(
                f"ctx.link takes a deep link that is called with its arguments, not {not_called(call)}."
            )
        in_group = group or (isinstance(call.route, DeepLink) and PRIVATE not in call.route.chat)
        return f"https://t.me/{self.bot_name}?{'startgroup' if in_group else 'start'}={self.start_parameter(call)}"

    def start_parameter(self, call: LinkCall, /) -> str:
        """The parameter of a deep link, as an invoice's `start_parameter` takes it."""
        found: str = self._services.registry.link_codec(call.route).build(call.arguments)
        return found

    def _made(self, text: str, action: str, value: Any, style: str | None, icon: str | None) -> Button:
        return Button(self._texts.plain(text), action, value, style, icon)


def _https(verb: str, url: str) -> str:
    if not isinstance(url, str) or not url.lower().startswith("https://"):
        raise EffectError(f"{verb}: Telegram opens addresses that begin with https:// only.")
    return plain(url)
