"""The router: one python-telegram-bot handler that finds the route by dict look-ups.

Order: payments and express queries, commands, deep links, an open question, callback routes, raw handlers, the
bot's catch-all text, the fall-back. Nothing runs twice: python-telegram-bot sees this one handler only.

A route runs where it says that it may (`chat=`). In a group, the answer of a private one is the pointer: a line that
leads to the private chat, for who spoke to the bot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from telegram import Update
from telegram.ext import Application, BaseHandler

from astral_core.bot.context import Context
from astral_core.bot.people import Question
from astral_core.bot.pointer import MENU, Pointer
from astral_core.bot.run import Run
from astral_core.bot.update import SHARED, PeekCallback, PeekMessage, is_readable
from astral_core.declare import GROUP, PRIVATE, Middleware
from astral_core.errors import CallbackDataError, HandlerError, Parked
from astral_core.host.callback import split
from astral_core.host.registry import Bound, Registry
from astral_core.observe.logs import scope


@dataclass(slots=True)
class Match:
    """A route with the arguments for its handler; `raw` carries a foreign handler's own check result."""

    bound: Bound
    kwargs: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    raw: Any = None
    clears_question: bool = False


@dataclass(frozen=True)
class Own:
    """The core's own answers: to what nothing took, to buttons that are no more, and for plugins that are away."""

    fallback: Bound
    expired: Bound
    away: Bound
    edited: Bound
    declined: Bound


class Router(BaseHandler[Update, Context, object]):
    """Takes every update and hands it to exactly one route."""

    def __init__(self, registry: Registry, own: Own, username: Callable[[], str], time: Callable[[], float]) -> None:
        super().__init__(self._unused)
        self._registry = registry
        self._own = own
        self._username = username
        # A group says much that is not for the bot: its database is asked for a question only where there may be one.
        self._asks_in_groups = any(GROUP in bound.chat for bound in registry.questions.values())
        self._pointer = Bound("core", "pointer", "text", Pointer(time, username))

    @staticmethod
    async def _unused(update: Update, context: Context) -> None:
        raise HandlerError(f"the router calls routes itself, not this ({update.update_id}, {context!r}).")

    def check_update(self, update: object) -> bool:
        """Every update is ours."""
        return isinstance(update, Update)

    async def handle_update(
        self,
        update: Update,
        application: Application[Any, Context, Any, Any, Any, Any],
        check_result: object,
        context: Context,
    ) -> None:
        """Find the route and run it inside the middleware."""
        del check_result
        run = context.run
        match = await self.match(update, run)
        if match is None:
            run.route = "ignored"
            return
        context.args = match.words
        enter(run, match.bound)
        # Middleware is a private route's, too, and must not speak in its place.
        if match.bound is self._pointer or (not self._registry.middleware and match.raw is None):
            await match.bound.handler(update, context, **match.kwargs)
        else:
            call = self._call(match, update, application, context)
            await run_chain(self._registry.middleware, update, context, call)
        if match.clears_question or run.question_ended or run.asked is not None:
            await context.save_question()

    @staticmethod
    def _call(match: Match, update: Update, application: Any, context: Context) -> Callable[[], Awaitable[None]]:
        if match.raw is not None:
            handler, check = match.raw

            async def call_raw() -> None:
                await handler.handle_update(update, application, check, context)

            return call_raw

        async def call() -> None:
            await match.bound.handler(update, context, **match.kwargs)

        return call

    async def match(self, update: Update, run: Run) -> Match | None:
        """The route of `update`; None for updates that nobody wants."""
        found = run.peek
        if found is None:
            raise HandlerError("an update reached the router outside of the inbox's worker.")
        if found.callback_query is not None:
            return self._callback(update, found.callback_query, run)
        if found.pre_checkout_query is not None:
            run.arguments["query_id"] = found.pre_checkout_query.id
            return self._checkout(found.pre_checkout_query.invoice_payload)
        message = found.message
        if message is None:
            answer = await self._edited(found.edited_message, run) if found.edited_message is not None else None
            return answer or self._raw(update)
        if message.successful_payment is not None:
            return self._by_payload(self._registry.payments, message.successful_payment.invoice_payload)
        if message.refunded_payment is not None:
            return self._by_payload(self._registry.refunds, message.refunded_payment.invoice_payload)
        return await self._message(update, message, run)

    async def _message(self, update: Update, message: PeekMessage, run: Run) -> Match | None:
        text = message.text or ""
        command = self._command(text, message, run)
        if command is not None and command.bound is self._pointer:
            return command
        if run.person is None or message.is_automatic_forward:  # commands promise their handler a user
            return self._raw(update)
        question = await self._question(message, run)
        if question is not None and run.row.crashes:  # it was put off: the question may have been asked since
            asked = await run.people.asked_at(run.question_key)
            question = question if asked is not None and asked <= run.row.received_at else None
        if command is not None:
            command.clears_question = question is not None
            return command
        said = message.says(run.row.payload)
        if not said:  # a service message is no answer, and asks for none
            shared = question is not None and message.says(run.row.payload, SHARED)
            return (self._answer(question, message, run) if question and shared else None) or self._raw(update)
        is_command = text.startswith("/")  # an unknown one: no answer to a question
        if question is not None and not is_command:
            answer = self._answer(question, message, run)
            if answer is not None:
                return answer
        found = self._raw(update) or self._rest(is_command, run)
        return (
            None
            if found is not None and found.bound is self._own.fallback and self._is_for_nobody(message, run)
            else found
        )

    async def _question(self, message: PeekMessage, run: Run) -> Question | None:
        """What the person was asked here."""
        if run.chat_kind is PRIVATE or self._asks_in_groups or message.answers(run.services.settings.bot_id):
            return await run.people.question(run.question_key)
        return None

    def _is_for_nobody(self, message: PeekMessage, run: Run) -> bool:
        """Whether a message asks nothing of us.

        It was sent through this bot, or begins like a command that is none here: of another bot, without a name, of a
        picture.
        """
        if message.via_bot is not None and message.via_bot.id == run.services.settings.bot_id:
            return True
        word, _, _ = (message.text or "").partition(" ")
        _, _, addressee = word.partition("@")
        other = word.startswith("/") and addressee and addressee.lower() != self._username().lower()
        return bool(other) or message.text == "/" or (message.caption or "").startswith("/")

    async def _edited(self, message: PeekMessage, run: Run) -> Match | None:
        """The answer of who edits the last message instead of writing a new one; others are told in private."""
        if run.person is None or message.text is None or message.text.startswith("/"):
            return None
        question = await self._question(message, run)
        if question is None or question.edits_from is None:
            return None
        if message.message_id >= question.edits_from:
            return self._answer(question, message, run)
        return Match(self._own.edited) if run.chat_kind is PRIVATE else None

    def _rest(self, is_command: bool, run: Run) -> Match | None:
        """What is said to a message that nothing took."""
        text = self._registry.text
        if text is not None and run.chat_kind in text.chat and not is_command:
            return Match(text)
        return Match(self._own.fallback) if run.chat_kind is PRIVATE else None

    def _answer(self, question: Question, message: PeekMessage, run: Run) -> Match | None:
        bound = self._registry.questions.get(question.route)
        if bound is None:
            found = self._away(question.route.partition(".")[0], question.route, run)
        else:
            found = self._here(bound, run, kwargs=question.args)
            if found is not None:
                found.clears_question = True
                run.answered_to = question
        return found if self._is_asked(found, message, run) else None

    def _command(self, text: str, message: PeekMessage, run: Run) -> Match | None:
        if not text.startswith("/"):
            return None
        word, *words = text.split()
        name, _, addressee = word[1:].lower().partition("@")
        if addressee and addressee != self._username().lower():
            return None
        found = self._start(words, run) if name == "start" and words else None
        found = found or self._named(name, words, run)
        if name == "start" and found is not None and found.kwargs == {"start": MENU}:
            return None  # adding the bot to a group sends this: nobody has asked for anything
        return found if self._is_asked(found, message, run, addressed=bool(addressee)) else None

    def _is_asked(self, match: Match | None, message: PeekMessage, run: Run, *, addressed: bool = False) -> bool:
        """Whether `match` is wanted: the pointer is for who speaks to this bot, in a group of others."""
        if match is None or match.bound is not self._pointer:
            return True
        return addressed or message.answers(run.services.settings.bot_id)

    def _start(self, words: list[str], run: Run) -> Match | None:
        """The deep link `/start <plugin>-<rest>`. The core's are `core-<command>`: that command, in its own way."""
        plugin, _, rest = words[0].partition("-")
        if plugin == "core":
            return self._named(rest.lower(), [], run)
        link = self._registry.deep_links.get(plugin)
        if link is None:
            return self._away(plugin, words[0], run, start=words[0])
        return self._here(link, run, start=words[0], kwargs={"rest": rest}, words=words)

    def _named(self, name: str, words: list[str], run: Run) -> Match | None:
        """The command `name`; None where nobody has it, or it is not for this person."""
        bound = self._registry.commands.get(name)
        if bound is None:
            gone = self._registry.away_commands.get(name)
            return self._away(gone.plugin, f"/{name}", run, start=f"core-{name}") if gone is not None else None
        if bound.admin and not _is_admin(run):
            return None
        return self._here(bound, run, start=f"core-{name}", words=words)

    def _here(self, bound: Bound, run: Run, start: str = MENU, **match: Any) -> Match | None:
        """`bound` where it may answer; in a group the way to where it does, and elsewhere nothing."""
        if run.chat_kind in bound.chat:
            return Match(bound, **match)
        return Match(self._pointer, kwargs={"start": start}) if run.chat_kind is GROUP else None

    def _callback(self, update: Update, query: PeekCallback, run: Run) -> Match | None:
        run.callback_id = query.id
        if query.message is not None:
            run.arguments["message_id"] = query.message.message_id
        if query.data is None:  # the button of a game, or of the future
            run.answer = "manual"
            return self._raw(update)
        key, values = split(query.data)
        bound = self._registry.callbacks.get(key)
        if bound is None or bound.codec is None:
            run.answer = "manual"
            return self._away(key.partition(":")[0], key, run) or self._here(self._own.expired, run)
        run.answer = bound.answer
        if run.chat_kind not in bound.chat:
            return self._here(self._own.expired, run)
        try:
            return Match(bound, kwargs=bound.codec.parse(values))
        except CallbackDataError:
            # Anybody can send any data: an unreadable button is an expired one, not an error of the plugin.
            return self._here(self._own.expired, run)

    def _away(self, plugin: str, key: str, run: Run, start: str = MENU) -> Match | None:
        """What to do about a route of a plugin that is away: keep the row for it, or say that it rests."""
        away = self._registry.away.get(plugin)
        if away is None:
            return None
        if away.keeps(key, run.chat_kind):
            raise Parked(plugin)
        return self._here(self._own.away, run, start) if away.rests else None

    def _checkout(self, payload: str) -> Match:
        """Who says whether a payment may go on; where that plugin is away it may not, and costs nothing."""
        owner = payload.partition(":")[0]
        bound = self._registry.pre_checkouts.get(owner)
        if bound is None and owner not in self._registry.away:
            raise HandlerError(f"no plugin takes payments of {owner!r}.")
        return Match(bound or self._own.declined)

    def _by_payload(self, table: dict[str, Bound], payload: str) -> Match:
        """The owner of a payment. Where it is away the row waits for it, and where nobody knows it the row becomes
        a dead letter: money is never dropped in silence."""
        owner = payload.partition(":")[0]
        bound = table.get(owner)
        if bound is None:
            if owner in self._registry.away:
                raise Parked(owner)
            raise HandlerError(f"no plugin takes payments of {owner!r}. Fix: enable it, then astral inbox retry.")
        return Match(bound)

    def _raw(self, update: Update) -> Match | None:
        if self._registry.raws and not is_readable(update):
            return None
        for plugin, raw in self._registry.raws:
            check = raw.handler.check_update(update)
            if check is not None and check is not False:
                name = getattr(raw.handler.callback, "__name__", "raw")
                return Match(Bound(plugin, name, "raw", raw.handler.callback), raw=(raw.handler, check))
        return None


def _is_admin(run: Run) -> bool:
    return run.user is not None and run.user.id in run.services.settings.admins


def enter(run: Run, bound: Bound) -> None:
    """Note whose handler runs, for texts, logs and the watchdog."""
    run.plugin, run.route, run.kind = bound.plugin, bound.name, bound.kind
    run.work.plugin = bound.plugin
    scope.set({"row": run.row.seq, "plugin": bound.plugin, "route": bound.name})


async def run_chain(
    middleware: Sequence[tuple[str, Middleware]],
    update: Update | None,
    context: Context,
    call: Callable[[], Awaitable[None]],
) -> None:
    """Run `call` inside `middleware` (plugin id, entry), the first one outermost."""
    if not middleware:
        await call()
        return
    (_, first), *rest = middleware

    async def call_next() -> None:
        await run_chain(rest, update, context, call)

    await first.call(update, context, call_next)
