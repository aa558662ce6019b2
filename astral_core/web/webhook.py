"""POST /webhook/telegram: 200 only when the update is committed."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from astral_core import failpoint
from astral_core.bot.ingest import Ingest
from astral_core.config import Telegram
from astral_core.errors import BodyTimeout, DatabaseError, IngestRefused
from astral_core.observe.logs import LogThrottle
from astral_core.observe.metrics import Metrics
from astral_core.web.connection import Connection

log = logging.getLogger("astral.web")
_JSON = {"Content-Type": "application/json"}
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MAX_BODY = 1024 * 1024  # bytes; an update is a few thousand


@dataclass
class TelegramWebhook:
    """The route's handler. Between `open` and `close` this process may store updates."""

    settings: Telegram
    ingest: Ingest
    metrics: Metrics
    _open: bool = False
    _strangers: LogThrottle = field(default_factory=LogThrottle)

    def open(self) -> None:
        """Take updates from now on."""
        self._open = True

    def close(self) -> None:
        """Take no updates any more; whoever posts one is told to come again."""
        self._open = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the secret before the body is read, store, answer."""
        if not self._is_telegram(request):
            return self._refuse(request)
        if isinstance(request.protocol, Connection):
            request.protocol.prove()
        if failpoint.armed:
            failpoint.hit("web.before_read")
        if self._is_closed():
            return _later(2)
        try:
            body = await _body(request)
        except web.HTTPRequestEntityTooLarge:
            self.metrics.rejected.labels("large").inc()
            raise
        except (BodyTimeout, web.RequestPayloadError):
            self.metrics.rejected.labels("slow").inc()
            raise
        if self._is_closed():
            return _later(2)  # the bot was stopped while the body came in
        return await self._store(body)

    async def _store(self, body: bytes) -> web.Response:
        """Answer when `body` is committed, or say when it shall be sent again."""
        if failpoint.armed:
            failpoint.hit("web.before_store")
        try:
            answered = await self.ingest.take(body)
        except IngestRefused as refused:
            self.metrics.rejected.labels("busy").inc()
            return _later(refused.retry_after)
        except DatabaseError:
            self.metrics.rejected.labels("database").inc()
            return _later(2)
        if failpoint.armed:
            failpoint.hit("web.before_answer")
        if answered:
            # Telegram runs a method that stands in the answer: the button's spinner stops without another request.
            answer = msgspec.json.encode({"method": "answerCallbackQuery", "callback_query_id": answered})
            return web.Response(body=answer, headers=_JSON)
        return web.Response()

    def _is_closed(self) -> bool:
        return not self._open

    def _is_telegram(self, request: web.Request) -> bool:
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        known = [s for s in (self.settings.webhook_secret, self.settings.previous_webhook_secret) if s is not None]
        # Every secret is compared, so that the time tells nothing.
        same = [hmac.compare_digest(given, secret.get_secret_value().encode()) for secret in known]
        return True in same

    def _refuse(self, request: web.Request) -> web.Response:
        """403 without a word. One line a minute is logged: a flood shall not fill the disk."""
        self.metrics.rejected.labels("secret").inc()
        left_out = self._strangers()
        if left_out is not None:
            log.warning("a post from %s has no right secret; %d before it are not logged", request.remote, left_out)
        return web.Response(status=403)


async def _body(request: web.Request) -> bytes:
    """The body, at most MAX_BODY; one that is announced as larger is refused before a byte of it is read."""
    announced = request.content_length or 0
    if announced > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, announced)
    return await request.read()


def _later(seconds: int) -> web.Response:
    """503: Telegram honours a small Retry-After; a long one would outlive button presses."""
    return web.Response(status=503, headers={"Retry-After": str(seconds)})
