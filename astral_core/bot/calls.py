"""What a handler does at once, before it writes: calls with a result, downloads, and showing that it is at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, overload

from astral_core import limits
from astral_core.bot.chat_action import ChatAction, check_action
from astral_core.bot.download import Downloads, wanted
from astral_core.bot.effects import chat_id_of
from astral_core.bot.handling import Handling
from astral_core.bot.values import plain_values
from astral_core.botapi.check import check_call
from astral_core.errors import EffectError, HandlerError, WaitingInTransaction
from astral_core.host.arguments import check_key
from astral_core.i18n import Texts
from astral_core.inbox.effect import Effect
from astral_core.inbox.once import OneCall
from astral_core.inbox.outbox import recorded


class Calls(Handling):
    """What is awaited, and done before the first write."""

    async def once(
        self,
        key: str,
        method: str,
        /,
        *,
        on_doubt: Literal["repeat", "raise"] = "repeat",
        check: bool = True,
        **params: Any,
    ) -> Any:
        """Make a call of the Bot API once for `key`, and return its result as JSON; a kept result if it was made.

        The result is kept until `ctx.forget_once(key)`, so a handler that is tried again does not call again. A key
        is unique for the plugin: put into it what the call is about, such as `f"topic:{ctx.user.id}"`. Only before
        the first write.

        `on_doubt`: what becomes of a call if a process died while it was made, and nobody knows whether Telegram has
        done it. "repeat" makes it again; "raise" raises DoubtfulCall.

        Raises TelegramRefused where Telegram says no; of that nothing is kept.
        """
        scope = self._scope
        check_key(key, "ctx.once")
        if on_doubt not in ("repeat", "raise"):
            raise EffectError(f'ctx.once: on_doubt={on_doubt!r} is neither "repeat" nor "raise".')
        given = self._given(str(method), params, check=check)
        await self._before_own_commit("ctx.once")
        scope.called += 1
        user = scope.user.id if scope.user is not None else None
        one = OneCall(
            plugin=scope.plugin, key=key, method=str(method), params=given, chat_id=scope.chat_id, user_id=user,
            seq=scope.row.seq, repeat=on_doubt == "repeat",
        )  # fmt: skip
        return await self._services.once.result(one)

    async def forget_once(self, key: str, /) -> bool:
        """Forget what `ctx.once` keeps under `key`, at once: the next one calls again. False if there was nothing.

        Only before the first write.
        """
        check_key(key, "ctx.forget_once")
        await self._before_own_commit("ctx.forget_once")
        self._scope.called += 1
        return await self._services.once.forget(self._scope.plugin, key)

    @overload
    async def download(
        self, file: object = None, to: None = None, *, max_bytes: int = limits.DOWNLOAD_BYTES
    ) -> bytes: ...

    @overload
    async def download(self, file: object, to: Path, *, max_bytes: int = limits.DOWNLOAD_BYTES) -> Path: ...

    @overload
    async def download(self, *, to: Path, max_bytes: int = limits.DOWNLOAD_BYTES) -> Path: ...

    async def download(
        self, file: object = None, to: Path | None = None, *, max_bytes: int = limits.DOWNLOAD_BYTES
    ) -> bytes | Path:
        """Load a file from Telegram: its content, or the path where it is stored if `to` says where.

        `file` is a file_id, or what has one: a message, a part of it such as `ctx.message.document`, the sizes of a
        photo, of which the largest is taken; the handled message unless told. `to` is a path, or a folder in which
        the file gets a name of Telegram's; it is there as a whole or not at all. Only before the first write.

        Raises FileTooLarge beyond `max_bytes`, and FileGone. Both are refusals: who sent the file is told so. More
        than 20 MB is given out only by a Bot API server of one's own (`telegram.local_server`).
        """
        if to is not None and not isinstance(to, Path):
            raise HandlerError(f"ctx.download: to={to!r:.80} is no Path. Fix: pathlib.Path(...).")
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes <= 0:
            raise HandlerError(f"ctx.download: max_bytes={max_bytes!r} is no number of bytes.")
        scope = self._scope
        if file is None and (file := scope.message) is None:
            raise HandlerError(f"ctx.download: route {scope.route!r} handles no message. Fix: say which file.")
        meant = wanted(file)
        await self._before_waiting("ctx.download")
        texts = Texts(self._services.catalogs["core"].for_language(self.language), self.language)
        downloads = Downloads(scope.transport, texts, max_bytes, self._is_local)
        return await (downloads.content(meant) if to is None else downloads.save(meant, to))

    def typing(self, action: str = "typing") -> ChatAction:
        """`async with ctx.typing():` shows that the bot is at work for as long as the block runs, best effort.

        Other actions are "upload_photo", "upload_document", "record_voice" and the rest of the Bot API's. Inside of
        the block nothing waits for it.
        """
        scope = self._scope
        check_action(scope.plugin, action)
        params = None
        if scope.address.inline is None:  # else nobody would see it
            params = {**scope.effects.to(scope.plugin, scope.address, "sendChatAction"), "action": action}
        return ChatAction(scope.transport, params, scope.unit.release_reads)

    def _given(self, method: str, params: dict[str, Any], *, check: bool) -> dict[str, Any]:
        """Parameters as they are sent; EffectError for those that cannot be meant."""
        wanted = {name: value for name, value in self._translated(params).items() if value is not None}
        given = plain_values(method, wanted)
        if "chat_id" in given:
            given["chat_id"] = chat_id_of(self.id, method, given["chat_id"])
        if check:
            check_call(self.id, method, given)
        return recorded(Effect(method=method, params=given, plugin=self.id)).effect.params

    async def _before_own_commit(self, what: str) -> None:
        """`what` commits something of its own, which would wait for this handler's transaction for ever."""
        scope = self._scope
        if scope.unit.holds:
            raise WaitingInTransaction(
                f"plugin {scope.plugin!r}, route {scope.route!r}: {what} comes after the first write. Fix: call it "
                "before that, or write and go on in a step with ctx.defer."
            )
        await self._before_waiting(what)
