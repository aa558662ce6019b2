"""What every handler gets as `ctx`: python-telegram-bot's CallbackContext, and Astral's unit of work.

Messages sent through `ctx` are effects: recorded and checked now, sent after the handler's commit, in order.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ParamSpec, Self, TypeVar, overload

import msgspec
from markupsafe import Markup
from pydantic import BaseModel
from telegram.ext import Application, CallbackContext, ExtBot

from astral_core.bot.buttons import Button, Buttons, plain
from astral_core.bot.check import ANSWER_LIMIT
from astral_core.bot.people import Question, User, save_question
from astral_core.bot.run import Run, current_run
from astral_core.db.session import Session
from astral_core.db.tables import CACHE_WIDTH, SLOT_WIDTH, storable
from astral_core.declare import CallbackRoute, Event, QuestionRoute, StepRoute
from astral_core.errors import CallbackDataError, EffectError, HandlerError
from astral_core.host.context import PluginContext, emit
from astral_core.i18n import fill
from astral_core.inbox.effect import Effect, Noted, OnDoubt, Ref, Slot
from astral_core.inbox.envelope import as_json
from astral_core.markup import utf16

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_Base = CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]


class Context(_Base):
    """The handler's side of one unit of work. Valid until the handler returns."""

    _run: Run | None = None

    @classmethod
    def from_update(cls, update: object, application: Application[Any, Any, Any, Any, Any, Any]) -> Self:
        """Make the context of the run that is under way, without a look into the update's objects."""
        del update
        run = current_run.get()
        if run is None:
            raise HandlerError("an update reached a handler outside of the inbox's worker.")
        context = cls(application, chat_id=run.chat_id, user_id=run.user.id if run.user else None)
        context.bind(run)
        return context

    def bind(self, run: Run) -> None:
        """Attach the run; done by the core before the handler."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run of this row; HandlerError outside of a handler."""
        if self._run is None:
            raise HandlerError("this Context belongs to no unit of work; it is valid in Astral's handlers only.")
        return self._run

    # --- who and where

    @property
    def user(self) -> User:
        """The person who wrote; for steps and events the one for whom they are done, or who has the chat."""
        if self.run.user is None:
            raise HandlerError(f"route {self.run.route!r}: nobody is known in chat {self.run.chat_id}.")
        return self.run.user

    @property
    def chat_id(self) -> int:
        """The chat that this row belongs to."""
        return self.run.chat_id

    @property
    def language(self) -> str:
        """The language to speak, such as "ru"."""
        return self.run.language

    @property
    def is_admin(self) -> bool:
        """Whether the user is one of the owner's admins."""
        return self.run.user is not None and self.run.user.id in self.run.services.settings.admins

    @property
    def log(self) -> logging.Logger:
        """The plugin's logger."""
        return logging.getLogger(f"astral.plugins.{self.run.plugin}")

    # --- texts

    def t(self, text: str, /, **values: Any) -> Markup:
        """`text` in the user's language, with `values` escaped for HTML."""
        catalog = self.run.services.catalogs[self.run.plugin].for_language(self.language)
        return _markup(fill(catalog.gettext(text), values))

    def nt(self, singular: str, plural: str, n: int, /, **values: Any) -> Markup:
        """The form that `n` demands; `{n}` is filled in."""
        catalog = self.run.services.catalogs[self.run.plugin].for_language(self.language)
        return _markup(fill(catalog.ngettext(singular, plural, n), {"n": n, **values}))

    # --- database and durable work

    @property
    def session(self) -> Session:
        """The session of this unit of work; opened at first use, committed after the handler."""
        return self.run.work.session

    def defer(self, step: StepRoute[P], *args: P.args, **kwargs: P.kwargs) -> Noted:
        """Do `step` durably after this handler's commit, in the same lane. Arguments go by keyword."""
        return self.defer_once(uuid.uuid4().hex, step, *args, **kwargs)

    def defer_once(self, key: str, step: StepRoute[P], *args: P.args, **kwargs: P.kwargs) -> Noted:
        """As `defer`, but once for each `key`, however often it is asked for.

        A key is remembered for as long as done rows are kept (`inbox.keep_done_hours`, three days).
        """
        if args:
            raise HandlerError(f"arguments of the step {step.name!r} go by keyword.")
        route = self.run.services.registry.key_of(step)
        to = self.run.later
        self.run.work.add_row("step", f"{route}:{key}", to.lane, {"route": route, "args": kwargs}, to)
        return Noted()

    def defer_to(self, chat_id: int, step: StepRoute[P], *args: P.args, **kwargs: P.kwargs) -> Noted:
        """As `defer`, but in the lane of another chat: what it says goes there, in that chat's order."""
        self.plugin_context().defer(self.run.work, step, chat_id, None, *args, **kwargs)
        return Noted()

    def emit(self, event: Event) -> Noted:
        """Tell every subscriber durably, in this lane, after this handler's commit."""
        run, to = self.run, self.run.later
        emit(run.services, run.plugin, run.work, event, to.lane, to)
        return Noted()

    def alert(self, key: str, text: str, /, **values: Any) -> Noted:
        """Tell each of the bot's admins in private, after this handler's commit: at most once a `key` and hour.

        `text` is a source text of the plugin, translated for each admin when it is delivered: mark it with N_. It is
        HTML, and `values` are escaped; they stand in the log, too, so give ids and numbers, no names.
        """
        self.plugin_context().alert(self.run.work, key, text, **values)
        return Noted()

    def ask(self, route: QuestionRoute[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Give this user's next message to `route`; `kwargs` are kept in the database."""
        if args:
            raise HandlerError(f"arguments of the question {route.name!r} go by keyword.")
        if self.run.chat_kind not in route.chat:
            what = (
                f"the question {route.name!r} takes no answers in this kind of chat ({self.run.chat_kind.name}). "
                "Fix: declare it with chat=GROUP, or ask in the private chat."
            )
            if not self.run.is_fact:
                raise HandlerError(what)
            self.log.warning("%s", what)  # a payment must not fail for it
            return
        # Through JSON now, so that the answer's handler sees the same types with and without a restart between.
        stored = msgspec.json.decode(as_json(kwargs))
        key = self.run.services.registry.key_of(route)
        self.run.asked = Question(key, stored, self.run.edits_from(key, stored))

    def end_question(self) -> None:
        """Ask nothing any more: the user went elsewhere."""
        self.run.asked = None
        self.run.question_ended = True

    async def save_question(self) -> None:
        """Write what `ask` wants; done by the core after the handler. An answered question ends by itself."""
        run, key, asked = self.run, self.run.question_key, self.run.asked
        if run.user is not None:
            await save_question(run.work.session, key, asked)
            run.work.after_commit.append(lambda: run.people.keep_question(key, asked))

    # --- messages

    def reply(
        self, text: str, buttons: Buttons | None = None, *, silent: bool = False, on_doubt: OnDoubt = "resend"
    ) -> Ref:
        """Send a new text message (HTML).

        `on_doubt`: what becomes of it where the process died and nobody knows whether Telegram has it. "drop" costs a
        commit before the call.
        """
        run = self.run
        return run.effects.text(run.plugin, run.address, str(text), buttons, silent=silent, on_doubt=on_doubt)

    def edit(self, text: str, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Change the pressed message, or the one `ref` names. If Telegram shows it no more, a new one is sent."""
        run = self.run
        if ref is None and run.is_unreachable:
            return run.effects.text(run.plugin, run.address, str(text), buttons)
        return run.effects.edit_text(run.plugin, run.address, self._target(ref), str(text), buttons)

    def edit_caption(self, caption: str, buttons: Buttons | None = None, *, ref: Ref | int | None = None) -> Ref:
        """Change the caption of the pressed photo, or of the one `ref` names; an old one as in `edit`."""
        run = self.run
        if ref is None and run.is_unreachable:
            return run.effects.text(run.plugin, run.address, str(caption), buttons)
        return run.effects.edit_caption(run.plugin, run.address, self._target(ref), str(caption), buttons)

    def delete(self, ref: Ref | int | None = None) -> None:
        """Delete the pressed message, or the one `ref` names."""
        target = self._target(ref)
        if target is None:
            raise EffectError("ctx.delete: Telegram lets nobody delete a message that was sent through the bot.")
        self.run.effects.delete(self.run.plugin, self.run.address, target)

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
        run = self.run
        return run.effects.file(
            run.plugin, run.address, "sendPhoto", "photo", photo, str(caption), buttons,
            cache=self._cache(cache), owner=run.user.id if cache and run.user else None, filename="picture.png",
            on_doubt=on_doubt,
        )  # fmt: skip

    def send_album(
        self, photos: Sequence[bytes | str], caption: str = "", *, silent: bool = False, on_doubt: OnDoubt = "resend"
    ) -> Ref:
        """Send 2 to 10 pictures as one album: bytes, file_ids or addresses. The reference is to the first one."""
        run = self.run
        return run.effects.album(run.plugin, run.address, photos, str(caption), silent=silent, on_doubt=on_doubt)

    def send_document(
        self, document: bytes | str, filename: str, caption: str = "", buttons: Buttons | None = None
    ) -> Ref:
        """Send a file."""
        run = self.run
        return run.effects.file(
            run.plugin, run.address, "sendDocument", "document", document, str(caption), buttons, filename=filename
        )

    def send_invoice(self, *, buttons: Buttons | None = None, **params: Any) -> Ref:
        """Send an invoice; `params` are those of the Bot API's sendInvoice."""
        run = self.run
        return run.effects.invoice(run.plugin, run.address, params, buttons)

    def show(
        self,
        text: str,
        buttons: Buttons | None = None,
        *,
        photo: bytes | None = None,
        slot: str = "main",
        fresh: bool | None = None,
    ) -> Ref:
        """Show the one message of `slot`: edited in place, or sent anew where it cannot be edited.

        After a command it is sent anew (`fresh`), since the old one may be far up; so it is where another message
        than the slot's was pressed. With `fresh=False` only a message above the pressed one is left alone: a
        photo's buttons then change the text below it.
        """
        run = self.run
        _check_name("a slot", slot, SLOT_WIDTH)
        pressed = run.pressed if run.callback_id else None
        anew = run.kind in ("command", "text", "deep_link", "event") if fresh is None else fresh
        where = Slot(
            name=slot, place=run.address.place, user_id=run.slot_owner, pressed=pressed,
            fresh=anew or run.is_unreachable, below=fresh is False,
        )  # fmt: skip
        return run.effects.show(run.plugin, run.address, str(text), photo, buttons, where)

    def answer(self, text: str = "", *, alert: bool = False) -> None:
        """Answer the button press, on routes with `answer="manual"`."""
        run = self.run
        if run.callback_id is None:
            raise EffectError("ctx.answer: there is no button press to answer.")
        if run.answer != "manual":
            raise EffectError(
                f"route {run.route!r} is answered at once. Fix: declare it with "
                '@routes.callback(..., answer="manual") to answer it yourself.'
            )
        if utf16(str(text)) > ANSWER_LIMIT:
            raise EffectError(f"a callback answer has at most {ANSWER_LIMIT} UTF-16 units.")
        run.answered = True
        params = {"callback_query_id": run.callback_id, "text": plain(text), "show_alert": alert}
        run.effects.add(Effect(method="answerCallbackQuery", params=params, plugin=run.plugin))

    def answer_pre_checkout(self, error: str | None = None) -> None:
        """Let the payment go on, or decline it with a reason that the buyer reads."""
        params: dict[str, Any] = {"pre_checkout_query_id": self.run.arguments["query_id"], "ok": error is None}
        if error is not None:
            params["error_message"] = plain(error)
        self.run.effects.add(Effect(method="answerPreCheckoutQuery", params=params, plugin=self.run.plugin))

    def call(self, method: str, *, check: bool = True, **params: Any) -> Ref:
        """Record any other Bot API call. One that cannot be meant raises EffectError, unless `check` is False."""
        return self.run.effects.call(self.run.plugin, method, params, check=check)

    async def progress(self, action: str = "typing") -> None:
        """Show at once, best effort, that something is being done ("typing", "upload_photo")."""
        self.run.services.waits("ctx.progress")
        await self.run.work.release_reads()
        if self.run.address.inline is not None:
            return  # nobody would see it
        to = self.run.effects.to(self.run.plugin, self.run.address, "sendChatAction")
        await self.run.transport.best_effort("sendChatAction", {**to, "action": action})

    async def administrators(self) -> frozenset[int]:
        """The ids of who administers this group; kept until Telegram tells of a change, or for a minute.

        Only before the first write. Raises TelegramRefused where the bot may not ask, as in a private chat.
        """
        self.run.services.waits("ctx.administrators")
        await self.run.work.release_reads()
        return await self.run.chats.administrators(self.chat_id)

    # --- buttons

    @overload
    def button(self, text: str, route: CallbackRoute[P], *args: P.args, **kwargs: P.kwargs) -> Button: ...
    @overload
    def button(self, text: str, route: str, *args: Any, **kwargs: Any) -> Button: ...
    def button(self, text: str, route: CallbackRoute[Any] | str, *args: Any, **kwargs: Any) -> Button:
        """A button that leads to `route` with these arguments; a string `plugin:name` names a route elsewhere."""
        registry = self.run.services.registry
        key = route if isinstance(route, str) else registry.key_of(route)
        bound = registry.callbacks.get(key)
        if bound is None or bound.codec is None:
            raise CallbackDataError(f"there is no callback route {key!r}; `astral routes` lists them")
        return Button(plain(text), data=bound.codec.build(args, kwargs))

    def has_route(self, key: str) -> bool:
        """Whether some plugin declares the callback route `key` (`plugin:name`)."""
        return key in self.run.services.registry.callbacks

    def link(self, text: str, url: str) -> Button:
        """A button that opens an address."""
        return Button(plain(text), url=url)

    def pay_button(self, text: str) -> Button:
        """The first button of an invoice."""
        return Button(plain(text), pay=True)

    # --- services

    async def run_cpu(self, function: Callable[..., T], *args: Any, key: Hashable = None) -> T:
        """Run a picklable top-level `function` in the process pool; only before the first write.

        What is asked for twice at once under one `key` is computed once.
        """
        self.run.services.waits("ctx.run_cpu")
        await self.run.work.release_reads()
        return await self.run.services.cpu.run(function, *args, key=key)

    def settings(self, model: type[M]) -> M:
        """The plugin's settings."""
        return self.plugin_context().settings(model)

    def api(self, api: type[T]) -> T | None:
        """What another plugin provides under `api`; None where nobody does."""
        return self.plugin_context().api(api)

    def plugin_context(self) -> PluginContext:
        """The plugin's own context, for helpers that take one."""
        return PluginContext(self.run.plugin, "", lambda: self.run.services)

    def _cache(self, key: str | None) -> str | None:
        if not key:
            return None
        name = f"{self.run.plugin}:{key}"
        _check_name("a cache key with its plugin", name, CACHE_WIDTH)
        return name

    def _target(self, ref: Ref | int | None) -> int | Ref | None:
        """The message that is meant; None is the pressed one where the bot does not know its chat."""
        target = self.run.pressed if ref is None else ref
        if target is None and self.run.address.inline is None:
            raise EffectError(
                f"plugin {self.run.plugin!r}, route {self.run.route!r}: no button was pressed, so there is no "
                "message to change. Fix: name one with ref=, or send a new one with ctx.reply or ctx.show."
            )
        return target


def _check_name(what: str, name: str, width: int) -> None:
    """A name that its column cannot hold would fail after the message is out, and again and again."""
    if not 0 < len(name) <= width or storable(name, width) != name:
        raise EffectError(f"{what} has 1 to {width} characters, none of them NUL; this is {name[:80]!r}.")


def _markup(text: str) -> Markup:
    return Markup(text)  # noqa: S704  # catalogue texts are ours; fill escaped the values
