"""A bot of python-telegram-bot as the core sees it: what a plugin's `ptb` and `raw` make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from telegram import Bot

from astral_core.bot.context import Context
from astral_core.bot.transport import AiohttpRequest, Transport
from astral_core.host.services import Services
from astral_core.kinds.raw import Raw
from astral_core.ptb import run
from astral_core.ptb.application import PtbApplication, Running, build
from astral_core.ptb.options import Options
from astral_core.ptb.store import Look
from astral_core.ptb.updates import kinds_of


class Guest:
    """The Application of a plugin, and how it is run. See `kinds/raw.py`'s Foreign for what each method is for."""

    def __init__(self, application: PtbApplication) -> None:
        self.application = application

    @property
    def commands(self) -> frozenset[str]:
        """The commands that its handlers name."""
        return self.application.commands

    def wanted(self) -> Iterable[str]:
        """The kinds of update that its handlers look at."""
        return {kind for handlers in self.application.handlers.values() for one in handlers for kind in kinds_of(one)}

    def menu(self, language: str, *, private: bool) -> Mapping[str, str]:
        """The commands that it wants shown, with their descriptions."""
        shown: Mapping[str, str] = self.application.bot.menu(language, private=private)
        return shown

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each handler's class and its callback, with its group."""
        for group, handlers in self.application.handlers.items():
            for handler in handlers:
                yield f"{type(handler).__name__} {run.named(handler)}", f"group {group}" if group else ""

    async def handle(self, ctx: Context) -> None:
        """Let the handlers have the update. Raises Skip where none of them takes it."""
        await run.handle(self.application, ctx)

    async def run_job(self, ctx: Context, body: dict[str, Any]) -> None:
        """Run a job."""
        await run.run_job(self.application, ctx, body)

    def connect(self, bot: Bot, transport: Transport, services: Services) -> None:
        """Give it the core's bot, its way to Telegram and the services."""
        self.application.bot.bind(bot, AiohttpRequest(transport), is_local=services.settings.telegram.local_server)
        self.application.run_with(Running(services, Look(services.reader)))

    async def open(self) -> None:
        """Run `post_init`, and arm the jobs that it and `setup` have made."""
        await run.open_bot(self.application)

    async def close(self) -> None:
        """Run `post_shutdown`."""
        await run.close_bot(self.application)


def guest(plugin: str, declarations: Sequence[Raw]) -> Guest:
    """The bot that a plugin's declarations make. DeclarationError for what cannot work."""
    (*_, last) = declarations
    setup = last.setup or partial(_add_all, [one.handler for one in declarations])
    return Guest(build(plugin, setup, Options(**last.options)))


def _add_all(handlers: Iterable[Any], application: Any) -> None:
    for handler in handlers:
        application.add_handler(handler)
