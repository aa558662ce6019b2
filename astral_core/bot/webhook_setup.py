"""The webhook at Telegram: set by one replica, and only where it is not what it should be."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from astral_core.bot.transport import Transport
from astral_core.config import Telegram
from astral_core.db.engine import Database
from astral_core.db.tables import core_facts
from astral_core.db.upsert import inserting
from astral_core.host.registry import Registry

log = logging.getLogger("astral.bot")
_FACT = "webhook"


ALWAYS = ("message", "callback_query", "pre_checkout_query", "my_chat_member")


def wanted(registry: Registry) -> list[str]:
    """The kinds of update that Telegram is asked for: what the core needs, and what routes take."""
    return sorted({*ALWAYS, *registry.updates()})


@dataclass(frozen=True)
class WebhookRegistration:
    """What Telegram shall know: where updates go, which, and over how many connections."""

    transport: Transport
    database: Database
    settings: Telegram
    wanted: list[str]

    async def ensure(self) -> bool:
        """Set the webhook where it differs; return whether it did.

        getWebhookInfo does not tell the secret: a fingerprint of what was set last is kept in the database.
        """
        parameters = self._parameters()
        fingerprint = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
        info = await self.transport.call("getWebhookInfo", {})
        if self._fits(info, parameters) and await self._known() == fingerprint:
            return False
        await self.transport.call("setWebhook", parameters)
        await self._remember(fingerprint)
        log.info("the webhook is set")
        return True

    def _parameters(self) -> dict[str, Any]:
        secret = self.settings.webhook_secret
        return {
            "url": f"{(self.settings.public_url or '').rstrip('/')}/webhook/telegram",
            "secret_token": secret.get_secret_value() if secret else "",
            "allowed_updates": self.wanted,
            "max_connections": self.settings.max_connections,
        }

    @staticmethod
    def _fits(info: dict[str, Any], parameters: dict[str, Any]) -> bool:
        return (
            info["url"] == parameters["url"]
            and info.get("max_connections", parameters["max_connections"]) == parameters["max_connections"]
            and sorted(info.get("allowed_updates", [])) == sorted(parameters["allowed_updates"])
        )

    async def _known(self) -> str | None:
        async with self.database.engine.connect() as connection:
            return (
                await connection.execute(select(core_facts.c.value).where(core_facts.c.name == _FACT))
            ).scalar_one_or_none()

    async def _remember(self, fingerprint: str) -> None:
        statement = inserting(self.database.engine.dialect, core_facts).values(name=_FACT, value=fingerprint)
        async with self.database.engine.begin() as connection:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"value": fingerprint})
            )
