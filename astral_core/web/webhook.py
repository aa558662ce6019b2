"""POST /webhook/telegram: 200 only when the update is committed."""

from __future__ import annotations

import asyncio
import hmac
import logging
from dataclasses import dataclass

from aiohttp import web

from astral_core.bot.ingest import Ingest
from astral_core.config import Telegram
from astral_core.errors import DatabaseError, IngestRefused
from astral_core.observe.metrics import Metrics

log = logging.getLogger("astral.web")
HEADER = "X-Telegram-Bot-Api-Secret-Token"
BODY_TIMEOUT = 5.0


@dataclass
class TelegramWebhook:
    """The route's handler. `accepting` says whether this process may store updates now."""

    settings: Telegram
    ingest: Ingest
    metrics: Metrics
    accepting: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the secret before the body is read, store, answer."""
        if not self._is_telegram(request):
            self.metrics.rejected.labels("secret").inc()
            return web.Response(status=403)
        if self._is_closed():
            return _later(2)
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await request.read()
        except TimeoutError:
            self.metrics.rejected.labels("slow").inc()
            return web.Response(status=408)
        if self._is_closed():
            return _later(2)  # the bot was stopped while the body came in
        try:
            answered = await self.ingest.take(body)
        except IngestRefused as refused:
            self.metrics.rejected.labels("busy").inc()
            return _later(refused.retry_after)
        except DatabaseError:
            self.metrics.rejected.labels("database").inc()
            return _later(2)
        if answered:
            # Telegram runs a method that stands in the answer: the button's spinner stops without another request.
            return web.json_response({"method": "answerCallbackQuery", "callback_query_id": answered})
        return web.Response()

    def _is_closed(self) -> bool:
        return not self.accepting

    def _is_telegram(self, request: web.Request) -> bool:
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        known = [s for s in (self.settings.webhook_secret, self.settings.previous_webhook_secret) if s is not None]
        # Every secret is compared, so that the time tells nothing.
        same = [hmac.compare_digest(given, secret.get_secret_value().encode()) for secret in known]
        return True in same


def _later(seconds: int) -> web.Response:
    """503: Telegram honours a small Retry-After; a long one would outlive button presses."""
    return web.Response(status=503, headers={"Retry-After": str(seconds)})
