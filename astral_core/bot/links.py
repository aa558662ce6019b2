"""How a handler makes buttons and links."""

from __future__ import annotations

from astral_core.bot.buttons import Button
from astral_core.bot.handling import Handling
from astral_core.declare import PRIVATE
from astral_core.errors import CallbackDataError, HandlerError
from astral_core.i18n import N_, Texts
from astral_core.kinds.callback import CallbackCall, NamedRoute
from astral_core.kinds.deep_link import DeepLink, LinkCall


class Links(Handling):
    """Buttons below messages, and links into the bot."""

    # --- buttons and links

    def button(self, text: str, call: CallbackCall | LinkCall, /) -> Button:
        """A button that makes `call`: a button's route, or a deep link's, called with its arguments."""
        said = self._texts.plain(text)
        if isinstance(call, LinkCall):
            return Button(said, url=self.link(call))
        if not isinstance(call, CallbackCall):
            raise HandlerError(f"ctx.button takes a route that is called with its arguments, not {call!r}.")
        registry, route = self._services.registry, call.route
        key = route.name if isinstance(route, NamedRoute) else registry.key_of(route)
        found = registry.callbacks.get(key)
        if found is None:
            raise CallbackDataError(f"there is no callback route {key!r}; `astral routes` lists them")
        return Button(said, data=found.codec.build(call.arguments))

    def url_button(self, text: str, url: str) -> Button:
        """A button that opens an address."""
        return Button(self._texts.plain(text), url=url)

    def pay_button(self, text: str) -> Button:
        """The first button of an invoice."""
        return Button(self._texts.plain(text), pay=True)

    def menu_button(self) -> Button:
        """The way back to /start's menu."""
        core = Texts(self._services.catalogs["core"].for_language(self.language), self.language)
        return Button(core.plain(N_("‹ Menu")), data="core:menu")

    def link(self, call: LinkCall, /, *, group: bool = False) -> str:
        """The address of a deep link; with `group` one that asks into which group the bot shall come."""
        if not isinstance(call, LinkCall):
            raise HandlerError(f"ctx.link takes a deep link's route that is called with its arguments, not {call!r}.")
        in_group = group or (isinstance(call.route, DeepLink) and PRIVATE not in call.route.chat)
        return f"https://t.me/{self.bot_name}?{'startgroup' if in_group else 'start'}={self.start_parameter(call)}"

    def start_parameter(self, call: LinkCall, /) -> str:
        """The parameter of a deep link, as an invoice's `start_parameter` takes it."""
        found: str = self._services.registry.link_codec(call.route).build(call.arguments)
        return found
