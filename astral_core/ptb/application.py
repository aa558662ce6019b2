"""The Application that a bot of python-telegram-bot adds its handlers to, inside a plugin.

It is the library's own, and what its authors know of it holds. What it kept in memory is with the row that is handled
(`row.py`); what only a program of its own can do is refused, with what to use instead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from telegram.ext import (
    Application,
    ApplicationBuilder,
    BaseHandler,
    BasePersistence,
    CallbackContext,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
)

from astral_core.errors import DeclarationError, HandlerError
from astral_core.host.services import Services
from astral_core.ptb.bot import PtbBot
from astral_core.ptb.checks import check_handler
from astral_core.ptb.context import context_class
from astral_core.ptb.conversations import Conversation, conversations
from astral_core.ptb.jobs import PtbJobQueue, has_job_queue
from astral_core.ptb.options import Options, check_options
from astral_core.ptb.row import here, open_row
from astral_core.ptb.store import Look
from astral_core.ptb.timeouts import Timeouts

Setup = Callable[[Any], object]


@dataclass(frozen=True)
class Running:
    """What a bot that runs has."""

    services: Services
    look: Look


class PtbApplication(Application[Any, Any, Any, Any, Any, Any]):
    """An Application of one plugin."""

    def __init__(self, *, plugin: str, before: BasePersistence[Any, Any, Any] | None, **options: Any) -> None:
        self.plugin = plugin
        self.before = before  # what the bot had kept before it moved in
        self.constants: dict[Any, Any] = {}  # what setup and post_init put into bot_data
        self.conversations: list[Conversation] = []
        self.commands: frozenset[str] = frozenset()
        self.modules: list[str] = []  # those of its handlers
        self._runs_with: Running | None = None
        self._is_open = True
        super().__init__(**options)

    def __repr__(self) -> str:
        return f"<PtbApplication of plugin {self.plugin!r}>"  # the library's own shows the token

    # --- data

    @property
    def bot_data(self) -> Any:
        """The bot's own data. In `setup` it is what the bot has at each start."""
        row = open_row("bot_data")
        return row.data.bot if row is not None and row.application is self else self.constants

    @bot_data.setter
    def bot_data(self, value: Any) -> None:
        new, data = dict(value), self.bot_data
        data.clear()
        data.update(new)

    @property
    def user_data(self) -> Any:
        """The data of the person whose update this is, and of those for whom `context.load` was asked."""
        return Data(self, "user")

    @user_data.setter
    def user_data(self, _: object) -> None:
        """The library's constructor sets it."""

    @property
    def chat_data(self) -> Any:
        """The same of chats."""
        return Data(self, "chat")

    @chat_data.setter
    def chat_data(self, _: object) -> None:
        """The library's constructor sets it."""

    def drop_user_data(self, user_id: int) -> None:
        """Empty the data of a person."""
        self.user_data[user_id].clear()

    def drop_chat_data(self, chat_id: int) -> None:
        """Empty the data of a chat."""
        self.chat_data[chat_id].clear()

    def migrate_chat_data(self, *_: Any, **__: Any) -> None:
        """Nothing: the core moves it when Telegram says that a group has become a supergroup."""

    def mark_data_for_update_persistence(self, *_: Any, **__: Any) -> None:
        """Nothing: the commit of each update writes what has changed."""

    async def update_persistence(self) -> None:
        """Nothing: the same."""

    def _mark_for_persistence_update(self, *, update: object | None = None, job: Any = None) -> None:
        """Nothing: the same."""

    # --- handlers

    def add_handler(self, handler: BaseHandler[Any, Any, Any], group: int = 0) -> None:
        """Add a handler, as in the library. DeclarationError for one that cannot work here."""
        if not self._is_open:
            raise HandlerError(
                f"plugin {self.plugin!r}: a handler that is added later would be gone after a restart, and is on no "
                "other replica. Fix: add it in setup, and let it look into context.bot_data."
            )
        check_handler(self.plugin, handler, group)
        self.handlers.setdefault(group, []).append(handler)
        self.handlers = dict(sorted(self.handlers.items()))

    def remove_handler(self, handler: BaseHandler[Any, Any, Any], group: int = 0) -> None:
        """Take a handler out, in `setup` alone."""
        if not self._is_open:
            raise HandlerError(f"plugin {self.plugin!r}: handlers come and go in setup alone.")
        super().remove_handler(handler, group)

    def add_error_handler(self, callback: Any, block: Any = True) -> None:
        """Add an error handler. DeclarationError with block=False."""
        if not bool(getattr(block, "value", block)):
            raise DeclarationError(
                self.plugin, "add_error_handler(block=False) would run outside of the update.", "leave block out."
            )
        if not inspect.iscoroutinefunction(callback):
            raise DeclarationError(self.plugin, f"the error handler {callback!r} is no coroutine function.")
        super().add_error_handler(callback)

    def everything(self) -> Iterator[BaseHandler[Any, Any, Any]]:
        """All handlers, those inside of conversations included."""
        for handlers in self.handlers.values():
            for handler in handlers:
                yield from nested(handler)

    def close(self) -> None:
        """`setup` is over: find conversations and commands."""
        self._is_open = False
        found = list(self.everything())
        self.conversations = conversations(self.plugin, iter(found))
        for one in self.conversations:
            if one.handler.conversation_timeout and self.durable_queue is None:
                raise DeclarationError(
                    self.plugin, f"the conversation {one.name!r} has a conversation_timeout.",
                    'it needs pip install "astral-core[job-queue]".',
                )  # fmt: skip
            one.install(Timeouts(one, self))
        callbacks = (getattr(handler, "callback", None) for handler in found)
        self.modules = list(dict.fromkeys(one.__module__ for one in callbacks if hasattr(one, "__module__")))
        self.commands = frozenset(
            name for handler in found if isinstance(handler, CommandHandler) for name in handler.commands
        )

    # --- running

    @property
    def durable_queue(self) -> PtbJobQueue | None:
        """The job queue; None where APScheduler is not installed."""
        return cast("PtbJobQueue | None", self._job_queue)

    @property
    def job_queue(self) -> PtbJobQueue:
        """The job queue. HandlerError where APScheduler is not installed."""
        if self._job_queue is None:
            raise HandlerError(
                f'plugin {self.plugin!r}: the job queue needs APScheduler. Fix: pip install "astral-core[job-queue]".'
            )
        return cast("PtbJobQueue", self._job_queue)

    @property
    def running(self) -> bool:
        """Whether the bot runs."""
        return self._runs_with is not None

    @property
    def runs_with(self) -> Running:
        """What it runs with. HandlerError before it does."""
        if self._runs_with is None:
            raise HandlerError(f"plugin {self.plugin!r}: the bot does not run yet.")
        return self._runs_with

    def run_with(self, running: Running) -> None:
        """Give it what a bot that runs has."""
        self._runs_with = running

    def create_task(self, coroutine: Any, *_: Any, **__: Any) -> NoReturn:
        """Refused: it would be lost with the process."""
        if inspect.iscoroutine(coroutine):
            coroutine.close()
        raise HandlerError(
            f"plugin {self.plugin!r}: application.create_task would be lost with the process, and its changes with "
            "it. Fix: await it, or context.job_queue.run_once(callback, 0, data=...)."
        )

    @property
    def update_queue(self) -> Any:
        """Refused: updates come from the inbox."""
        raise HandlerError(
            f"plugin {self.plugin!r}: update_queue would be lost with the process. "
            "Fix: context.job_queue.run_once(callback, 0, data=...), or a webhook of the plugin with ctx.defer."
        )

    @update_queue.setter
    def update_queue(self, _: object) -> None:
        """The library's constructor sets it."""

    def run_polling(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: the core runs the bot."""
        self._main("run_polling")

    def run_webhook(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: the core runs the bot."""
        self._main("run_webhook")

    def stop_running(self) -> NoReturn:
        """Refused: the core runs the bot, and other plugins with it."""
        self._main("stop_running")

    async def initialize(self) -> NoReturn:
        """Refused: the core runs the bot."""
        self._main("initialize")

    async def start(self) -> NoReturn:
        """Refused: the core runs the bot."""
        self._main("start")

    async def process_update(self, update: object) -> NoReturn:
        """Refused: an update comes out of the inbox, once."""
        del update
        self._main("process_update")

    def _main(self, name: str) -> NoReturn:
        raise HandlerError(
            f"plugin {self.plugin!r}: application.{name}() is the core's business. Fix: leave it out; `astral run` "
            "runs the bot with all its plugins."
        )


class Data(Mapping[int, Any]):
    """`application.user_data` or `chat_data`: the dicts that are loaded for the row that is handled."""

    def __init__(self, application: PtbApplication, store: str) -> None:
        self._application = application
        self._store = store

    def __getitem__(self, number: int) -> Any:
        data = here(f"{self._store}_data").data
        return data.user(number) if self._store == "user" else data.chat(number)

    def __iter__(self) -> NoReturn:
        raise HandlerError(
            f"plugin {self._application.plugin!r}: {self._store}_data of everybody is not in memory. Fix: keep the "
            "ids that you need in bot_data, or use a table of the plugin."
        )

    def __len__(self) -> int:
        return len(list(self))


def nested(handler: BaseHandler[Any, Any, Any]) -> Iterator[BaseHandler[Any, Any, Any]]:
    """A handler, and those inside of it if it is a conversation."""
    yield handler
    if isinstance(handler, ConversationHandler):
        for some in (handler.entry_points, *handler.states.values(), handler.fallbacks):
            for one in some:
                yield from nested(one)


def build(plugin: str, setup: Setup, options: Options) -> PtbApplication:
    """Make the Application of a plugin and let `setup` fill it. DeclarationError for what cannot work."""
    check_options(plugin, options)
    base: Any = options.context_types.context if options.context_types is not None else CallbackContext
    queue = PtbJobQueue(plugin) if has_job_queue() else None
    builder: Any = ApplicationBuilder()
    builder = builder.application_class(PtbApplication, {"plugin": plugin, "before": options.persistence})
    builder = builder.bot(PtbBot(options.defaults)).updater(None).job_queue(queue)
    builder = builder.post_init(options.post_init).post_shutdown(options.post_shutdown)
    made: PtbApplication = builder.context_types(ContextTypes(context=context_class(base))).build()
    if inspect.iscoroutinefunction(setup):
        raise DeclarationError(plugin, "ptb(setup): setup is a coroutine function.", "await things in post_init.")
    setup(made)
    if not made.handlers and not (made.durable_queue and made.durable_queue.standing):
        raise DeclarationError(
            plugin,
            "setup has added no handler.",
            "add them to the application that is given.",
        )
    made.close()
    return made
