"""The runner that the inbox's worker calls: updates through python-telegram-bot, the bot's own work directly."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import msgspec
from markupsafe import Markup

from astral_core import limits
from astral_core.bot.application import BotApplication
from astral_core.bot.buttons import plain
from astral_core.bot.chats import Chats
from astral_core.bot.context import Context, save_question_of
from astral_core.bot.guard import TransactionGuard
from astral_core.bot.membership import KINDS as MEMBERSHIP
from astral_core.bot.membership import Membership
from astral_core.bot.people import People, User
from astral_core.bot.router import begin, run_chain
from astral_core.bot.scope import HandlerScope, current_scope
from astral_core.bot.transport import Transport
from astral_core.bot.update import LazyUpdate, Peek, PeekCallback, peek, sender_of
from astral_core.declare import PRIVATE
from astral_core.errors import HandlerError, HandlerFailed, NoPerson, Parked, Refuse
from astral_core.host import failed as failed_events
from astral_core.host.alerts import KEY_LENGTH, SENDER, Alert, is_alert
from astral_core.host.services import Services
from astral_core.i18n import N_, Texts
from astral_core.inbox import money
from astral_core.inbox.address import Address
from astral_core.inbox.effect import Effect, OutgoingEffect
from astral_core.inbox.envelope import Sender
from astral_core.inbox.outbox import recorded
from astral_core.inbox.rows import InboxRow, NewRow
from astral_core.inbox.runner import Outcome
from astral_core.inbox.work import UnitOfWork
from astral_core.kinds import RegisteredHandler
from astral_core.kinds.base import typed
from astral_core.kinds.job import Jobs
from astral_core.kinds.middleware import Middlewares
from astral_core.kinds.raw import Raws
from astral_core.kinds.step import StepRoute
from astral_core.markup import cut
from astral_core.observe.logs import scope as log_scope
from astral_core.observe.words import Said, said

log = logging.getLogger("astral.bot")
ANSWER_AFTER = 8.0
SPOKEN = ("message", "edited_message", "callback_query")  # kinds of update after which somebody waits for an answer
DEAD = (
    N_(
        "Route <code>{route}</code> failed for good: a row of the kind {kind} is a dead letter. "
        "Its traceback is in the log: error <code>{error_id}</code>."
    ),
    N_("<code>astral inbox list --dead</code> shows it, <code>astral inbox retry</code> tries it once more."),
)
KILLER = (
    N_("A row ({kind}, number {seq}) killed the process each time that it was handled. Now it is a dead letter."),
    N_(
        "<code>astral inbox show {seq}</code> shows it. Find out what it runs into before you try it once more with "
        "<code>astral inbox retry {seq}</code>."
    ),
)
REFUSED = (
    N_("Telegram refused a message for good ({method}). The reason is in the log: error <code>{error_id}</code>."),
    N_("<code>astral outbox list</code> shows it, <code>astral outbox retry</code> sends it once more."),
)
GIVEN_UP = N_(
    "I could not finish something that I was doing for you, and I have stopped trying. "
    "If you miss anything, tell us this code: <code>{error_id}</code>"
)
FAILED = N_("Something went wrong on our side. Please try again in a minute. Code: {error_id}")
NOT_CHARGED = N_("Something went wrong on our side. You were not charged. Please try again.")


class BotRunner:
    """Runs inbox rows: updates through python-telegram-bot, steps, events and jobs directly."""

    def __init__(
        self, application: BotApplication, services: Services, people: People, chats: Chats, membership: Membership,
        transport: Transport, guard: TransactionGuard,
    ) -> None:  # fmt: skip
        self._chats = chats
        self._membership = membership
        self._guard = guard
        self._application = application
        self._services = services
        self._people = people
        self._transport = transport
        self._late: set[asyncio.Task[None]] = set()

    async def run(self, row: InboxRow, unit: UnitOfWork, outcome: Outcome) -> None:
        """Run the handler of `row`; HandlerFailed is unwrapped, so that the worker sees the handler's own error."""
        heard = Said(row.payload)  # stays when this is over: the row's end is still told, and its messages' fate
        said.set(heard)
        scope = await self._new_scope(row, unit)
        if outcome.limit is not None:
            scope.limit, scope.deadline = outcome.limit, outcome.limit.when()
        if scope.user is not None:
            heard.add(scope.user.first_name, scope.user.last_name, scope.user.username)
        token = current_scope.set(scope)
        try:
            if scope.peek is not None:
                outcome.moved = await self._note_membership(scope, scope.peek)
                await self._update(scope, scope.peek)
            else:
                await self._internal(scope, outcome)
            if scope.effects.is_reading:
                await scope.effects.read()
        except HandlerFailed as failed:
            error = failed.__cause__ or failed
            if isinstance(error, Refuse):
                raise self._shown(scope, error) from None
            raise error from error.__cause__  # its own cause stays: it tells what may pass
        except Refuse as refusal:
            raise self._shown(scope, refusal) from None
        finally:
            outcome.plugin, outcome.route, outcome.kind = scope.plugin, scope.route, scope.kind
            outcome.user_id = scope.user.id if scope.user else None
            current_scope.reset(token)
            outcome.tries = 1 if scope.kind == Raws.name else outcome.tries  # it speaks at once: not twice
        outcome.contents, outcome.paced = scope.effects.contents, list(scope.effects.paced.values())

    def _shown(self, scope: HandlerScope, refusal: Refuse) -> Refuse:
        """The refusal as HTML in the person's language: its text is a plugin's, or the core's own."""
        plugin = "core" if isinstance(refusal, NoPerson) else scope.plugin
        catalog = self._services.catalogs[plugin].for_language(scope.language)
        return Refuse(Markup(Texts(catalog, scope.language).shown(refusal.text)))  # noqa: S704  # escaped there

    async def _note_membership(self, scope: HandlerScope, found: Peek) -> bool:
        """Note what the update tells of our place in chats; True if the rows behind it have moved elsewhere."""
        if scope.row.kind in MEMBERSHIP:
            await self._membership.of_update(scope.row)
            return False
        if scope.address.is_private:
            if scope.user is not None and scope.user.id == scope.chat_id and self._people.is_blocked(scope.user.id):
                await self._people.unblock(scope.user.id)
            return False
        if scope.chat_id > 0:
            return False
        await self._membership.seen(scope.row, found.message)
        return found.message is not None and await self._membership.of_message(scope.row, found.message)

    async def _update(self, scope: HandlerScope, found: Peek) -> None:
        query, late = found.callback_query, None
        if query is not None and not self._is_answered(scope, query):
            late = asyncio.get_running_loop().call_later(ANSWER_AFTER, self._answer_late, scope, query.id)
        update = scope.update = LazyUpdate(scope.row.payload, self._application.bot, found.update_id)
        try:
            await self._guard.drive(self._application.process_update(update), scope)
            if scope.route == "?":  # python-telegram-bot logs a context that it cannot build, and goes on
                raise HandlerError("the update did not reach the router.")
        finally:
            if late is not None:
                late.cancel()
        if (
            scope.callback_id
            and not scope.answered
            and (scope.answer == "manual" or scope.address.inline is not None)
        ):
            scope.effects.add(Effect(method="answerCallbackQuery", params={"callback_query_id": scope.callback_id}))

    def _is_answered(self, scope: HandlerScope, query: PeekCallback) -> bool:
        """Whether a press was answered when it came in."""
        return scope.address.inline is None and self._services.registry.is_answered_at_once(query.data or "")

    def _answer_late(self, scope: HandlerScope, callback_id: str) -> None:
        """Stop the button's spinner where the handler takes long: Telegram drops answers after some 15 s."""
        scope.answered = True
        call = self._transport.best_effort("answerCallbackQuery", {"callback_query_id": callback_id})
        task = asyncio.create_task(call, context=contextvars.Context())  # not the handler's own call
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _internal(self, scope: HandlerScope, outcome: Outcome) -> None:
        body = msgspec.json.decode(scope.row.payload)
        route, args, kwargs = self._find(scope.row.kind, body)
        if isinstance(route.declared, StepRoute):
            outcome.tries, outcome.backoff = route.declared.tries, route.declared.backoff
        context = Context(scope, self._application.bot)
        begin(scope, route)

        async def call() -> None:
            await route.handler(context, *args, **kwargs)

        middleware = list(self._services.registry.of(Middlewares).routes.values())
        try:
            await self._guard.drive(run_chain(middleware, context, call), scope)
        except Refuse as refusal:
            if isinstance(refusal, NoPerson) or scope.address.is_nowhere:  # nobody could be told
                who = f"plugin {scope.plugin!r}, route {scope.route!r}"
                raise HandlerError(
                    f"{who}: refuses durable work, and there is nobody to tell: {refusal}"
                ) from refusal
            raise
        if scope.asked is not None or scope.question_ended:
            await save_question_of(context)

    def _find(self, kind: str, body: dict[str, Any]) -> tuple[RegisteredHandler, tuple[Any, ...], dict[str, Any]]:
        registry = self._services.registry
        if kind == "step" and (step := registry.steps.get(body["route"])) is not None:
            return step, (), typed(step.handler, body["args"])
        if kind == "ptb" and body["plugin"] in registry.of(Raws).bots:
            return registry.of(Raws).job(body["plugin"]), (body,), {}
        if kind == "job" and body["job"] in registry.of(Jobs).routes:
            return registry.of(Jobs).routes[body["job"]], (), {}
        if kind == "event":
            for route in registry.subscribers.get(body["event"], ()):
                if (route.plugin, route.name) == (body["plugin"], body["name"]) and route.event is not None:
                    return route, (msgspec.convert(body["data"], route.event),), {}
        name = body.get("route") or body.get("key") or body.get("job") or body.get("name")
        owner = body.get("plugin") or str(name).partition(".")[0]
        if owner in registry.away:
            raise Parked(owner)
        raise HandlerError(f"no {kind} {name!r} is declared. Fix: enable the plugin, then astral inbox retry.")

    async def _new_scope(self, row: InboxRow, unit: UnitOfWork) -> HandlerScope:
        found, user = None, None
        if row.source.startswith("tg:"):
            found = peek(row.payload)
            sender = sender_of(row.payload, found)
            if sender is not None and not sender.is_bot and not _is_of_chat(found):
                user = await self._person(sender, row.lane)
        else:
            user = await self._person_of(row)
        return HandlerScope(
            row=row, unit=unit, services=self._services, people=self._people, chats=self._chats,
            transport=self._transport, address=row.address, user=user, language=self._language(user), peek=found,
        )  # fmt: skip

    async def _person_of(self, row: InboxRow) -> User | None:
        """For whom durable work is done, or who has the chat of a row."""
        person = row.address.user or (row.chat if row.chat > 0 else None)
        return await self._people.user(person, row.lane) if person is not None else None

    async def _person(self, sender: Sender, chat: int) -> User:
        """Who wrote, as the update itself says; the chosen language is what we know of them."""
        known = await self._people.user(sender.id, chat)
        if known is not None and not known.first_name:
            self._people.seen.drop(sender.id)  # forgotten elsewhere: if this person comes back, they are stored anew
        return User(
            sender.id, sender.first_name, sender.last_name, sender.username, sender.language_code,
            known.language if known else None,
        )  # fmt: skip

    def _language(self, user: User | None) -> str:
        wanted = (user.language or user.language_code) if user else None
        return self._services.spoken.pick(wanted)

    # --- what the worker says to the user itself

    async def refusal(self, row: InboxRow, text: str) -> list[OutgoingEffect]:
        """The refusal's text, and the end of the spinner or the declined payment."""
        scope = await self._speaking(row)
        if row.kind == "pre_checkout_query":
            return self._decline(row, text)
        if row.kind == "job":
            return []
        if self._toast(scope, text):
            return scope.effects.contents
        self._end_spinner(scope)
        if scope.chat_kind is not PRIVATE and scope.is_fact:
            return scope.effects.contents  # a payment is handled wherever it is, and is nobody else's business
        if scope.address.inline is None:
            scope.effects.text("core", scope.address, str(text))  # ctx.t gives Markup
        return scope.effects.contents

    async def apology(self, row: InboxRow, error_id: str) -> list[OutgoingEffect]:
        """One apology in the user's language, with the id that the owner finds the traceback by."""
        scope = await self._speaking(row)
        gettext = self._services.catalogs["core"].for_language(scope.language).gettext
        if row.kind == "pre_checkout_query":
            return self._decline(row, gettext(NOT_CHARGED))
        if row.kind == "step":
            return self._given_up(scope, error_id)
        if self._toast(scope, gettext(FAILED).format(error_id=error_id)):
            return scope.effects.contents
        if row.kind not in SPOKEN or row.chat <= 0:
            return []
        self._end_spinner(scope)
        if scope.chat_kind is not PRIVATE:
            return scope.effects.contents
        apology = gettext(
            "Something went wrong on our side, and I could not finish that. Nothing you sent is lost.\n\n"
            "Please try again in a minute. If it happens again, tell us this code: <code>{error_id}</code>"
        )
        scope.effects.text("core", scope.address, apology.format(error_id=error_id))
        return scope.effects.contents

    def _given_up(self, scope: HandlerScope, error_id: str) -> list[OutgoingEffect]:
        """Tell the person for whom durable work was done, in their own chat, that it is given up."""
        if scope.user is None or is_alert(scope.row):
            return []
        text = self._services.catalogs["core"].for_language(scope.language).gettext(GIVEN_UP)
        scope.effects.text("core", Address(chat=scope.user.id), text.format(error_id=error_id), optional=True)
        return scope.effects.contents

    def alarm(self, row: InboxRow, outcome: Outcome, error_id: str) -> list[NewRow]:
        """Tell the admins of a dead letter, once a route and hour, and whoever's event it was.

        The death of an alert tells nobody but the log. A row that was put off and dies without a route was not run:
        it has killed processes, and has no traceback.
        """
        if is_alert(row):
            return []
        if outcome.route == "?" and row.crashes:
            values = {"kind": row.kind, "seq": str(row.seq)}
            alert = Alert(outcome.plugin, f"killer:{row.seq}", KILLER, values, "core")
        else:
            values = {"route": outcome.route, "kind": row.kind, "error_id": error_id}
            alert = Alert(outcome.plugin, f"dead:{outcome.route}"[:KEY_LENGTH], DEAD, values, "core")
        return [*alert.rows(self._services), *failed_events.told(self._services.registry, row, error_id)]

    def refused(self, effect: Effect, error_id: str) -> list[NewRow]:
        """Tell the admins of a message that Telegram takes in no case, once a method and hour."""
        if effect.plugin == SENDER:
            return []
        values = {"method": effect.method, "error_id": error_id}
        return Alert(effect.plugin, f"refused:{effect.method}"[:KEY_LENGTH], REFUSED, values, "core").rows(
            self._services
        )

    def too_late(self, row: InboxRow) -> None:
        """Decline a payment whose time is over; a later answer is one that Telegram does not take."""
        if row.kind != "pre_checkout_query":
            return
        sender, known = sender_of(row.payload, peek(row.payload)), self._people.users.get(row.chat)
        wanted = (known.language if known else None) or (sender.language_code if sender else None)
        catalog = self._services.catalogs["core"].for_language(self._services.spoken.pick(wanted))
        text = catalog.gettext(NOT_CHARGED)
        [declined] = self._decline(row, text)
        log.warning("row %d is declined: it got no answer in time", row.seq)
        call = self._transport.best_effort(declined.effect.method, declined.effect.params)
        task = asyncio.create_task(call, context=contextvars.Context())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def patience(self, row: InboxRow, *, again: bool = False) -> list[OutgoingEffect]:
        """What a user is told of a payment or a press that is kept until its plugin is back, or is tried `again`."""
        if row.kind not in SPOKEN or not row.address.is_private:
            return []
        scope = await self._speaking(row)
        self._end_spinner(scope)
        gettext = self._services.catalogs["core"].for_language(scope.language).gettext
        message = scope.peek.message if scope.peek is not None else None
        if message is not None and message.successful_payment is not None:
            text = gettext(
                "Your payment has arrived and is safe. I cannot finish your order right now; I will do it as soon as "
                "I can. You do not need to do anything."
            )
        elif again:
            text = gettext(
                "I was interrupted while I was at this. It is kept, and I will try again in a few minutes. "
                "You can go on meanwhile."
            )
        else:
            text = gettext(
                "I have kept this. I cannot do it right now, but I will as soon as I can. You do not need to do "
                "anything."
            )
        scope.effects.text("core", scope.address, text)
        return scope.effects.contents

    def is_about_money(self, row: InboxRow) -> bool:
        """Whether the row is a payment, a refund, or durable work of a plugin that takes payments, or for it."""
        return money.is_about_money(row, self._services.registry.payments)

    async def _speaking(self, row: InboxRow) -> HandlerScope:
        log_scope.set({"row": row.seq})
        return await self._new_scope(row, UnitOfWork(self._services.database, self._services.store, "core"))

    def _toast(self, scope: HandlerScope, text: str) -> bool:
        """Tell who pressed a button where others read, and nobody else; False if the press is answered already."""
        query = scope.peek.callback_query if scope.peek is not None else None
        if query is None or scope.address.is_private or self._is_answered(scope, query):
            return False
        said = cut(Markup(text).striptags(), limits.ANSWER)  # noqa: S704  # HTML already
        params = {"callback_query_id": query.id, "text": said, "show_alert": True}
        scope.effects.add(Effect(method="answerCallbackQuery", params=params))
        return True

    def _end_spinner(self, scope: HandlerScope) -> None:
        query = scope.peek.callback_query if scope.peek is not None else None
        if query is not None and not self._is_answered(scope, query):
            scope.effects.add(Effect(method="answerCallbackQuery", params={"callback_query_id": query.id}))

    @staticmethod
    def _decline(row: InboxRow, text: str) -> list[OutgoingEffect]:
        query = msgspec.json.decode(row.payload)["pre_checkout_query"]
        params = {"pre_checkout_query_id": query["id"], "ok": False, "error_message": plain(text)}
        return [recorded(Effect(method="answerPreCheckoutQuery", params=params))]


def _is_of_chat(found: Peek) -> bool:
    """Whether a chat writes, or a channel's post was forwarded: the `from` is a stand-in of Telegram's, no person."""
    message = found.message or found.edited_message
    return message is not None and (message.sender_chat is not None or message.is_automatic_forward)
