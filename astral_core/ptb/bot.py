"""The bot that handlers of python-telegram-bot call: the core's way to Telegram, with `Defaults` of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telegram import Bot, BotCommand, BotCommandScope, User
from telegram.ext import Defaults, ExtBot
from telegram.request import BaseRequest, RequestData

from astral_core.bot.scope import current_scope
from astral_core.bot.transport import AiohttpRequest
from astral_core.errors import HandlerError

_SHARED = ("default", "all_private_chats", "all_group_chats")  # scopes of menus that the core sets
_NOBODY = "0:setup"  # the token until the bot runs: setup only declares


class LateRequest(BaseRequest):
    """The network of a bot that is made before there is one."""

    def __init__(self) -> None:
        self.real: AiohttpRequest | None = None

    @property
    def read_timeout(self) -> float | None:
        """Seconds to wait for an answer."""
        return self.real.read_timeout if self.real is not None else None

    async def initialize(self) -> None:
        """Nothing: the core owns the session."""

    async def shutdown(self) -> None:
        """Nothing: the core closes the session."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *args: Any, **options: Any
    ) -> tuple[int, bytes]:
        """Send one request. HandlerError before the bot runs."""
        if self.real is None:
            raise HandlerError("the bot does not run yet. Fix: call Telegram in post_init or in a handler.")
        return await self.real.do_request(url, method, request_data, *args, **options)

    parse_json_payload = staticmethod(AiohttpRequest.parse_json_payload)


class PtbBot(ExtBot[None]):
    """python-telegram-bot's bot over the core's connections."""

    __slots__ = ("_core", "_late", "_menus")

    def __init__(self, defaults: Defaults | None) -> None:
        self._late = LateRequest()
        self._core: Bot | None = None
        self._menus: dict[tuple[str, str], dict[str, str]] = {}  # by scope and language: what is to be shown
        super().__init__(_NOBODY, request=self._late, get_updates_request=self._late, defaults=defaults)

    def __repr__(self) -> str:
        return "<PtbBot>"  # the library's own shows the token

    def bind(self, core: Bot, request: AiohttpRequest, *, is_local: bool) -> None:
        """Let it speak as the core's bot does."""
        self._core, self._late.real = core, request
        self._token, self._base_url, self._base_file_url = core.token, core.base_url, core.base_file_url
        self._local_mode = is_local

    @property
    def bot(self) -> User:
        """The bot itself, as the core knows it. RuntimeError before it runs, as in the library."""
        if self._core is None:
            raise RuntimeError("the bot does not run yet. Fix: ask for it in post_init or in a handler.")
        return self._core.bot

    @property
    def id(self) -> int:
        """The bot's own id."""
        return self.bot.id

    def menu(self, language: str, *, private: bool) -> dict[str, str]:
        """The commands that were asked to be shown in private chats or in groups."""
        own = "all_private_chats" if private else "all_group_chats"
        places = [(scope, code) for scope in (own, "default") for code in (language, "")]
        return next((self._menus[place] for place in places if place in self._menus), {})

    async def set_my_commands(
        self, commands: Sequence[BotCommand | tuple[str, str]], scope: BotCommandScope | None = None,
        language_code: str | None = None, **options: Any,
    ) -> bool:  # fmt: skip
        """As in the library; in `post_init` the commands come into the menu that the core shows, before its own."""
        kind = str(scope.type) if scope is not None else "default"
        if current_scope.get() is not None or kind not in _SHARED:
            return await super().set_my_commands(commands, scope, language_code, **options)
        pairs = [(one.command, one.description) if isinstance(one, BotCommand) else one for one in commands]
        self._menus[kind, language_code or ""] = dict(pairs)
        return True

    async def answer_callback_query(self, callback_query_id: str, *args: Any, **options: Any) -> bool:
        """As in the library. A press that the core has answered, because it took too long, is not answered again."""
        scope = current_scope.get()
        if scope is None or scope.callback_id != callback_query_id:
            return await super().answer_callback_query(callback_query_id, *args, **options)
        if scope.answered:
            return True
        done = await super().answer_callback_query(callback_query_id, *args, **options)
        scope.answered = True
        return done
