"""How a handler speaks: messages, answers, buttons and links.

All of it is recorded and checked now, and sent after the handler's commit, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astral_core.bot.buttons import Button, Buttons
from astral_core.bot.limits import ANSWER_LIMIT
from astral_core.bot.scope import HandlerScope
from astral_core.db.tables import CACHE_WIDTH, SLOT_WIDTH, storable
from astral_core.declare import PRIVATE
from astral_core.errors import CallbackDataError, EffectError, HandlerError
from astral_core.host.context import Work
from astral_core.i18n import N_, Message, Texts
from astral_core.inbox.effect import RECORDED, Effect, OnDoubt, Ref, Slot
from astral_core.kinds.callback import CallbackCall, NamedRoute
from astral_core.kinds.deep_link import DeepLink, LinkCall
from astral_core.markup import utf16

_SPOKEN = frozenset(("command", "text", "message", "deep_link", "event"))  # the answer is a new message


class Speaking(Work):
    """A unit of work that speaks in the place where its row came from."""

    def __init__(self, scope: HandlerScope) -> None:
        services = scope.services
        super().__init__(scope.plugin, lambda: services, scope.unit)
        self._scope = scope

    @property
    def id(self) -> str:
        """The plugin's id."""
        return self._scope.plugin

    @property
    def language(self) -> str:
        """The language of the person, such as "ru", if the bot speaks it; else the bot's own."""
        return self._scope.language

    @property
    def _texts(self) -> Texts:
        return self.texts(self.language)

    def _html(self, text: str) -> str:
        return self._texts.shown(text)

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

    def send_photo(
        self,
        photo: bytes | str,
        caption: str = "",
        buttons: Buttons | None = None,
        *,
        cache: str | None = None,
        on_doubt: OnDoubt = "resend",
    ) -> Ref:
        """Send a picture: PNG or JPEG bytes, a file_id or an address. `cache` keeps Telegram's file_id.

        The file_id is kept for as long as nobody asks the bot to forget the person for whom it was sent last.
        """
        scope = self._scope
        return scope.effects.file(
            scope.plugin, scope.address, "sendPhoto", "photo", photo, self._html(caption), buttons,
            cache=self._cache(cache), owner=scope.user.id if cache and scope.user else None, filename="picture.png",
            on_doubt=on_doubt,
        )  # fmt: skip

    def send_album(
        self, photos: Sequence[bytes | str], caption: str = "", *, silent: bool = False, on_doubt: OnDoubt = "resend"
    ) -> Ref:
        """Send 2 to 10 pictures as one album: bytes, file_ids or addresses. The reference is to the first one."""
        scope = self._scope
        return scope.effects.album(
            scope.plugin, scope.address, photos, self._html(caption), silent=silent, on_doubt=on_doubt
        )

    def send_document(
        self, document: bytes | str, filename: str, caption: str = "", buttons: Buttons | None = None
    ) -> Ref:
        """Send a file."""
        scope = self._scope
        return scope.effects.file(
            scope.plugin, scope.address, "sendDocument", "document", document, self._html(caption), buttons,
            filename=filename,
        )  # fmt: skip

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
        _check_name("a slot", slot, SLOT_WIDTH)
        pressed = scope.pressed if scope.callback_id else None
        anew = scope.kind in _SPOKEN if fresh is None else fresh
        where = Slot(
            name=slot, place=scope.address.place, user_id=scope.slot_owner, pressed=pressed,
            fresh=anew or scope.is_unreachable, below=fresh is False,
        )  # fmt: skip
        return scope.effects.show(scope.plugin, scope.address, self._html(text), photo, buttons, where)

    def answer(self, text: str = "", *, alert: bool = False) -> None:
        """Answer the button press, on routes with `answer="manual"`."""
        scope = self._scope
        if scope.callback_id is None:
            raise EffectError("ctx.answer: there is no button press to answer.")
        if scope.answer != "manual":
            raise EffectError(
                f"route {scope.route!r} is answered at once. Fix: declare it with "
                '@routes.callback(..., answer="manual") to answer it yourself.'
            )
        said = self._texts.plain(text)
        if utf16(said) > ANSWER_LIMIT:
            raise EffectError(f"a callback answer has at most {ANSWER_LIMIT} UTF-16 units.")
        scope.answered = True
        params = {"callback_query_id": scope.callback_id, "text": said, "show_alert": alert}
        scope.effects.add(Effect(method="answerCallbackQuery", params=params, plugin=scope.plugin))
        return RECORDED

    def answer_pre_checkout(self, error: str | None = None) -> None:
        """Let the payment go on, or decline it with a reason that the buyer reads."""
        return self._answer_query("pre_checkout", "answerPreCheckoutQuery", error)

    def answer_shipping(self, options: Sequence[dict[str, Any]] = (), error: str | None = None) -> None:
        """Offer the Bot API's ShippingOptions for an address, or say why nothing can be sent there."""
        more = {"shipping_options": self._translated(list(options))} if error is None else {}
        return self._answer_query("shipping", "answerShippingQuery", error, **more)

    def answer_inline(
        self, results: Sequence[dict[str, Any]], *, cache: float = 0, personal: bool = True, next_offset: str = ""
    ) -> None:
        """Answer an inline query with the Bot API's InlineQueryResults; `inline_article` makes one.

        Telegram keeps them for `cache` seconds, for this person alone if they are `personal`.
        """
        return self._answer_query(
            "inline", "answerInlineQuery", None, results=self._translated(list(results)), cache_time=int(cache),
            is_personal=personal, next_offset=next_offset,
        )  # fmt: skip

    def inline_article(
        self,
        name: str,
        title: str,
        text: str,
        buttons: Buttons | None = None,
        *,
        description: str = "",
    ) -> dict[str, Any]:
        """A result for `answer_inline`: what is listed, and the text to send if it is chosen. `name` is its id."""
        return self._scope.effects.article(
            name, self._texts.plain(title), self._html(text), buttons, self._texts.plain(description)
        )

    def _answer_query(self, kind: str, method: str, error: str | None, **more: Any) -> None:
        scope = self._scope
        if scope.query_id is None or not scope.row.kind.startswith(kind):
            raise EffectError(f"route {scope.route!r}: there is no {kind} query to answer.")
        params = {f"{kind}_query_id": scope.query_id, **more}
        if kind != "inline":
            params["ok"] = error is None
        if error is not None:
            params["error_message"] = self._texts.plain(error)
        scope.effects.add(Effect(method=method, params=params, plugin=scope.plugin))
        return RECORDED

    def call(self, method: str, /, *, check: bool = True, **params: Any) -> Ref:
        """Record any other Bot API call. One that cannot be meant raises EffectError, unless `check` is False."""
        return self._scope.effects.call(self._scope.plugin, method, self._translated(params), check=check)

    def _translated(self, value: Any) -> Any:
        """The same with each Message in the person's language."""
        if isinstance(value, Message):
            return self._texts.t(value)
        if isinstance(value, dict):
            return {name: self._translated(part) for name, part in value.items()}
        return [self._translated(part) for part in value] if isinstance(value, list) else value

    async def progress(self, action: str = "typing") -> None:
        """Show at once, best effort, that something is being done ("typing", "upload_photo")."""
        scope = self._scope
        self._services.waits("ctx.progress")
        await scope.unit.release_reads()
        if scope.address.inline is not None:
            return  # nobody would see it
        to = scope.effects.to(scope.plugin, scope.address, "sendChatAction")
        await scope.transport.best_effort("sendChatAction", {**to, "action": action})

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

    def _cache(self, key: str | None) -> str | None:
        if not key:
            return None
        name = f"{self.id}:{key}"
        _check_name("a cache key with its plugin", name, CACHE_WIDTH)
        return name

    def _target(self, ref: Ref | int | None) -> int | Ref | None:
        """The message that is meant; None is the pressed one where the bot does not know its chat."""
        target = self._scope.pressed if ref is None else ref
        if target is None and self._scope.address.inline is None:
            raise EffectError(
                f"plugin {self.id!r}, route {self._scope.route!r}: no button was pressed, so there is no message to "
                "change. Fix: name one with ref=, or send a new one with ctx.reply or ctx.show."
            )
        return target


def scope_of(context: Speaking) -> HandlerScope:
    """The scope behind a handler's context; for the core itself."""
    return context._scope  # noqa: SLF001  # plugins have no business with it


def _check_name(what: str, name: str, width: int) -> None:
    """A name that its column cannot hold would fail after the message is out, and again and again."""
    if not 0 < len(name) <= width or storable(name, width) != name:
        raise EffectError(f"{what} has 1 to {width} characters, none of them NUL; this is {name[:80]!r}.")
