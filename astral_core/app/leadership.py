"""What only one replica may do: tell Telegram where updates go and which commands there are, or fetch updates."""

from __future__ import annotations

import asyncio
import logging

from astral_core.backoff import backoff
from astral_core.bot.commands import announce_commands
from astral_core.bot.ingest import Ingest
from astral_core.bot.polling import poll_forever
from astral_core.bot.reachable import until_reachable
from astral_core.bot.transport import Transport
from astral_core.bot.webhook_setup import WebhookRegistration, wanted
from astral_core.errors import TelegramRefused
from astral_core.host.services import Services
from astral_core.inbox.election import Election
from astral_core.observe.logs import LogThrottle
from astral_core.supervisor import Supervisor

log = logging.getLogger("astral")


class Leadership:
    """The leader's duties; `polling` fetches updates instead of receiving them."""

    def __init__(
        self, election: Election, transport: Transport, services: Services, ingest: Ingest, supervisor: Supervisor, *,
        polling: bool,
    ) -> None:  # fmt: skip
        self._election = election
        self._transport = transport
        self._services = services
        self._ingest = ingest
        self._supervisor = supervisor
        self._polling = polling
        self._announced = 0

    async def run(self) -> None:
        """Do what the leader has to whenever this replica is the leader; until cancelled."""
        while True:
            await self._election.wait_won()
            if self._polling:
                await poll_forever(
                    self._transport, self._ingest, wanted(self._services.registry), lambda: self._election.leader
                )
            else:
                await self.announce()
                await self._election.wait_lost()

    async def announce(self) -> None:
        """Set the webhook and the command menu, once each time that this replica becomes the leader."""
        if not self._election.leader or self._election.terms == self._announced:
            return
        self._announced = self._election.terms
        telegram = self._services.settings.telegram
        if telegram.public_url and telegram.webhook_secret and not self._polling:
            hook = WebhookRegistration(
                self._transport, self._services.database, telegram, wanted(self._services.registry)
            )
            await self._register(hook)
        self._supervisor.start(announce_commands(self._transport, self._services), "astral-menu")

    async def _register(self, hook: WebhookRegistration) -> None:
        """Set the webhook, for as long as this replica leads: what Telegram refuses today may be right tomorrow.

        Its refusals include that it cannot find the host just now.
        """
        failures, lines = 0, LogThrottle()
        while self._election.leader:
            try:
                await until_reachable(hook.ensure)
            except TelegramRefused as error:
                failures += 1
                if lines() is not None:
                    log.error(  # noqa: TRY400  # the answer says all
                        "Telegram refuses the webhook and sends no updates: %s. It is tried again. Fix: set "
                        "telegram.public_url to an address that Telegram can reach over HTTPS.", error,
                    )  # fmt: skip
                await asyncio.sleep(backoff(failures, most=30.0))
            else:
                return
