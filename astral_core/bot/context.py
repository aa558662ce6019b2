"""What every handler gets as `ctx`: one unit of work, who wrote what and where, and the ways to answer.

Messages sent through `ctx` are effects: recorded and checked now, sent after the handler's commit, in order.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, NoReturn

import msgspec
from telegram import Update
from telegram.ext import ExtBot

from astral_core.bot.people import Question, User, save_question
from astral_core.bot.scope import ChatInfo, HandlerScope
from astral_core.bot.speaking import Speaking, scope_of
from astral_core.bot.update import LazyUpdate
from astral_core.botapi.views import View
from astral_core.declare import CHAT_ADMIN, not_called
from astral_core.errors import HandlerError, NoPerson
from astral_core.host.arguments import Lane
from astral_core.host.context import PluginContext
from astral_core.i18n import N_
from astral_core.inbox.address import Address
from astral_core.inbox.due import Cancel, Due
from astral_core.inbox.effect import RECORDED
from astral_core.inbox.envelope import as_json
from astral_core.kinds.question import QuestionCall, QuestionRoute
from astral_core.kinds.step import StepCall

NOBODY = N_("I can only do this for a person. Please write as yourself.")
CLOSE = "core.close_question"  # the step that ends a question whose time is over


class Context(Speaking):
    """The handler's side of one unit of work. Valid until the handler returns.

    What is recorded (`reply`, `defer`, ...) returns at once and is not awaited; what reads or waits is.
    """

    def __init__(self, scope: HandlerScope, bot: ExtBot[None]) -> None:
        super().__init__(scope)
        self._bot = bot

    # --- who and where

    @property
    def user(self) -> User:
        """The person who wrote; for steps and events the one for whom they are done, or who has the chat.

        NoPerson, which tells the chat so, if an update comes from a chat (an anonymous admin, a channel) or nobody.
        """
        if self._scope.person is None:
            raise NoPerson(NOBODY)
        return self._scope.person

    @property
    def has_user(self) -> bool:
        """Whether there is a `user`."""
        return self._scope.person is not None

    @property
    def sender(self) -> User | View | None:
        """Who wrote: a person, or the chat (a view) for which somebody wrote; None if it is nobody."""
        written = self._scope.peek.written if self._scope.peek is not None else None
        if written is not None and written.sender_chat is not None:
            return self._member("sender_chat")
        return self._scope.person

    @property
    def is_owner(self) -> bool:
        """Whether the user is one of the bot's admins."""
        return self._scope.person is not None and self._scope.person.id in self.admins

    @property
    def chat(self) -> ChatInfo:
        """The chat that this is about: id, type and title.

        HandlerError for a press in a message that was sent through the bot: nobody tells in which chat that is.
        """
        if self._scope.address.inline is not None:
            raise HandlerError(
                f"route {self._scope.route!r}: the message was sent through the bot, in a chat that it does not "
                "know, so there is no ctx.chat. Fix: keep what belongs to it under ctx.query.inline_message_id."
            )
        return self._scope.chat

    @property
    def is_press(self) -> bool:
        """Whether somebody pressed a button below a message."""
        return self._scope.callback_id is not None

    @property
    def topic(self) -> int | None:
        """The forum topic that this is about; answers go there."""
        return self._scope.address.topic

    @property
    def message(self) -> View:
        """The message, as a view of the Bot API's Message: that which was written, or whose button was pressed.

        HandlerError if there is none, as in a step: ask `has_message`.
        """
        found = self._scope.message
        if found is None:
            raise HandlerError(f"route {self._scope.route!r} handles no message, so there is no ctx.message.")
        return found

    @property
    def has_message(self) -> bool:
        """Whether there is a `message`."""
        return self._scope.message is not None

    @property
    def text(self) -> str:
        """What was written: the message's text, or its caption; empty if there is none, and for a press."""
        written = self._scope.peek.written if self._scope.peek is not None else None
        return (written.text or written.caption or "") if written is not None else ""

    @property
    def args(self) -> str:
        """What follows the command: "tomorrow 9:00 tea" of "/remind tomorrow 9:00 tea"."""
        return self._scope.args

    @property
    def query(self) -> View:
        """The query as a view: a press of a button, an inline, a shipping or a pre-checkout query.

        HandlerError if there is none: ask `is_press`. Of a message that was sent through the bot it has the
        `inline_message_id`.
        """
        return self._known("query", self._scope.view if self._scope.row.kind.endswith("_query") else None)

    @property
    def payment(self) -> View:
        """The SuccessfulPayment, as a view."""
        return self._known("payment", self._member("successful_payment"))

    @property
    def refund(self) -> View:
        """The RefundedPayment, as a view."""
        return self._known("refund", self._member("refunded_payment"))

    @property
    def reaction(self) -> View:
        """The MessageReactionUpdated, as a view."""
        return self._known("reaction", self._scope.view if self._scope.row.kind == "message_reaction" else None)

    @property
    def payload(self) -> dict[str, Any]:
        """The whole update as builtins, for what is newer than the libraries; empty for durable work."""
        if self._scope.peek is None:
            return {}
        found: dict[str, Any] = msgspec.json.decode(self._scope.row.payload)
        return found

    @property
    def update(self) -> Update:
        """The update as python-telegram-bot's object, built at the first look. HandlerError in durable work."""
        if self._scope.peek is None:
            raise HandlerError(f"route {self._scope.route!r} handles no update, so there is no ctx.update.")
        if self._scope.update is None:
            self._scope.update = LazyUpdate(self._scope.row.payload, self._bot, self._scope.peek.update_id)
        return self._scope.update

    @property
    def row_id(self) -> int:
        """The number of the inbox row that is handled: the same one when it is tried again."""
        return self._scope.row.seq

    async def has_role(self, role: str) -> bool:
        """Whether who caused this has `role`: OWNER, CHAT_ADMIN, or one that plugins name; owners have all of these.

        CHAT_ADMIN only before the first write, since Telegram may be asked. An anonymous administrator has it, a
        person in a private chat has it not. HandlerError for a role that no plugin names.
        """
        roles, scope = self._services.roles, self._scope
        roles.check(self.id, role)
        if role == CHAT_ADMIN:
            self._services.waits("ctx.has_role(CHAT_ADMIN)")
            await self._unit.release_reads()
            return await scope.has_role(role)
        person = scope.person
        return person is not None and (person.id in roles.owners or person.id in await self._people_of(role))

    async def administrators(self) -> frozenset[int]:
        """The ids of who administers this group; kept until Telegram tells of a change, or for a minute.

        Only before the first write. Raises TelegramRefused where the bot may not ask, as in a private chat.
        """
        self._services.waits("ctx.administrators")
        await self._unit.release_reads()
        return await self._scope.chats.administrators(self.chat.id)

    def _member(self, name: str) -> View | None:
        message = self._scope.message
        found: View | None = getattr(message, name) if message is not None else None
        return found

    def _known(self, name: str, found: View | None) -> View:
        if found is None:
            raise HandlerError(f"route {self._scope.route!r} handles no {name}, so there is no ctx.{name}.")
        return found

    # --- questions

    def ask(
        self, call: QuestionCall, /, *, within: timedelta | None = None, otherwise: StepCall | None = None
    ) -> None:
        """Give this user's next message to `call`: a question called with what it keeps until then.

        After `within` the question is closed, and the step `otherwise` runs, if there is one. NoPerson if there is
        nobody to ask.
        """
        _check_question(call, within, otherwise)
        scope, route = self._scope, call.route
        if isinstance(route, QuestionRoute) and scope.chat_kind not in route.chat:
            what = (
                f"the question {route.name!r} takes no answers in this kind of chat ({scope.chat_kind.name}). "
                "Fix: declare it with chat=GROUP, or ask in the private chat."
            )
            if not scope.is_fact:
                raise HandlerError(what)
            self.log.warning("%s", what)  # a payment must not fail for it
            return RECORDED
        if scope.person is None:
            raise NoPerson(NOBODY)
        # Through JSON now, so that the answer's handler sees the same types with and without a restart between.
        stored = msgspec.json.decode(as_json(call.arguments))
        key = self._services.registry.key_of(route)
        self._cancel_timer()
        timer = self._timer(within, otherwise) if within is not None else None
        scope.asked = Question(key, stored, scope.edits_from(key, stored), timer)
        return RECORDED

    def end_question(self) -> None:
        """Ask nothing any more: the user went elsewhere."""
        self._cancel_timer()
        self._scope.asked = None
        self._scope.question_ended = True
        return RECORDED

    def _cancel_timer(self) -> None:
        """What this handler has asked before, it asks no more."""
        asked = self._scope.asked
        if asked is not None and asked.timer is not None:
            self._unit.add_due(_timer_off(self._scope))

    def _timer(self, within: timedelta, otherwise: StepCall | None) -> str:
        """Arm the end of the question; return the mark by which that knows its own."""
        scope, mark = self._scope, uuid.uuid4().hex
        route = self._services.registry.key_of(otherwise.route) if otherwise is not None else None
        args = {"timer": mark, "route": route, "args": otherwise.arguments if otherwise is not None else {}}
        body = as_json({"route": CLOSE, "args": args})
        off = _timer_off(scope)
        self._unit.add_due(Due("step", CLOSE, off.lane, off.key, body, after=within.total_seconds(), to=scope.later))
        return mark

    # --- others

    @property
    def bot(self) -> ExtBot[None]:
        """python-telegram-bot's bot. Its calls are made at once, and again if the handler is tried again."""
        return self._bot

    @property
    def plugin(self) -> PluginContext:
        """The plugin's own context."""
        return PluginContext(self.id, self._get_services)

    @property
    def user_data(self) -> NoReturn:
        """Refused: it would be lost with the process."""
        no_store("user_data")

    @property
    def chat_data(self) -> NoReturn:
        """Refused: it would be lost with the process."""
        no_store("chat_data")

    @property
    def bot_data(self) -> NoReturn:
        """Refused: it would be lost with the process."""
        no_store("bot_data")

    @property
    def job_queue(self) -> NoReturn:
        """Refused: its jobs would be lost with the process."""
        no_jobs()

    def _whose(self, user: int | None) -> int:
        """The person who wrote, unless another is meant."""
        return self.user.id if user is None else user

    def _where(self, chat: int | None) -> int:
        """This chat, unless another is meant."""
        if chat is None and self._scope.address.inline is not None:
            raise HandlerError(
                f"plugin {self.id!r}: a message that was sent through the bot is in a chat that it does not know, so "
                "there is no state of that chat. Fix: keep it in a table, by ctx.query.inline_message_id."
            )
        if chat is None and self._scope.address.is_nowhere:
            return super()._where(chat)
        return self._scope.chat_id if chat is None else chat

    def _place(self, to: int | None, lane: Lane | None) -> tuple[int, Address | None]:
        """Here, unless another chat or lane is meant; in a group durable work is for the same person."""
        if to is None and lane is None:
            later = self._scope.later
            return later.lane, later
        return super()._place(to, lane)


async def save_question_of(ctx: Context) -> None:
    """Write what `ctx.ask` wants, after the handler. An answered question ends by itself."""
    scope = scope_of(ctx)
    key, asked = scope.question_key, scope.asked
    if scope.user is None:
        return
    before = scope.open_question or await scope.people.question(key)
    if before is not None and before.timer is not None and (asked is None or asked.timer is None):
        scope.unit.add_due(_timer_off(scope))  # a new timer replaces the old one by itself
    await save_question(scope.unit.session, key, asked)
    ctx.after_commit(lambda: scope.people.keep_question(key, asked))


def no_jobs() -> NoReturn:
    """HandlerError for a queue of jobs in memory."""
    raise HandlerError("job_queue would be lost with the process. Fix: ctx.defer(step(...), after=...), or a job.")


def no_store(name: str) -> NoReturn:
    raise HandlerError(
        f"{name} would be lost with the process. Fix: keep it as small state, class Prefs(State), with "
        "Plugin(states=[Prefs]), ctx.load and ctx.save; or for one answer in a question: ctx.ask(question(name=...))."
    )


def _timer_off(scope: HandlerScope) -> Cancel:
    """The end of the timer of the question that is open here for this person: there is one of them."""
    _, place, person = scope.question_key
    return Cancel(CLOSE, scope.later.lane, f"question:{place}:{person}")


def _check_question(call: object, within: object, otherwise: object) -> None:
    if not isinstance(call, QuestionCall):
        raise HandlerError(f"ctx.ask takes a question that is called with its arguments, not {not_called(call)}.")
    if within is not None and (not isinstance(within, timedelta) or within <= timedelta()):
        raise HandlerError(f"ctx.ask: within={within!r} is no time to wait. Fix: timedelta(hours=1).")
    if otherwise is not None and (within is None or not isinstance(otherwise, StepCall)):
        raise HandlerError("ctx.ask: otherwise= is a step that is called with its arguments, and needs within=.")
