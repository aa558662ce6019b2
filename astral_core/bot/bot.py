"""The bot: services for plugins, the way to Telegram, and what the inbox needs to handle rows and to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from astral_core import descriptors
from astral_core.bot.application import BotApplication, build_application
from astral_core.bot.chats import Chats
from astral_core.bot.guard import TransactionGuard
from astral_core.bot.membership import Membership
from astral_core.bot.people import People
from astral_core.bot.runner import BotRunner
from astral_core.bot.sender import MessageSender
from astral_core.bot.transport import AfterCall, Transport
from astral_core.bot.uploads import Attached
from astral_core.bot.values import plain_values
from astral_core.bot.webhook_setup import wanted
from astral_core.host.services import Services
from astral_core.kinds.raw import Raws


@dataclass(frozen=True)
class Bot:
    """What handles rows and sends messages."""

    services: Services
    people: People
    chats: Chats
    transport: Transport
    application: BotApplication
    runner: BotRunner
    sender: MessageSender

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Make a call of the Bot API at once; files among its parameters are uploaded."""
        attached = Attached(local=self.services.settings.telegram.local_server)
        given = plain_values(method, params, attached)
        if not attached.names:
            return await self.transport.call(method, given)
        contents = await attached.read()
        given = {name: value for name, value in given.items() if name not in attached.names}
        files = {name: (attached.names[name], content) for name, content in contents.items()}
        return await self.transport.call(method, given, files)


def build_bot(services: Services, people: People, guard: TransactionGuard, told: AfterCall | None = None) -> Bot:
    """The bot of these services; `told` is told of each call of the Bot API. Starts nothing."""
    settings = services.settings
    token = settings.telegram.token.get_secret_value() if settings.telegram.token else ""
    connections = descriptors.to_telegram(settings, descriptors.limit())
    transport = Transport(settings.telegram.api_url, token, guard.telegram, told, connections=connections)
    application = build_application(settings, transport, services.registry, services.steady)
    for foreign in services.registry.of(Raws).bots.values():
        foreign.connect(application.bot, transport, services)
    chats = Chats(
        services.database, transport.call, settings.bot_id, services.steady,
        told=lambda: "chat_member" in wanted(services.registry),
    )  # fmt: skip
    membership = Membership(services.store, people, chats, services.registry.payments)
    runner = BotRunner(application, services, people, chats, membership, transport, guard)
    sender = MessageSender(transport, services.database, settings.bot_id, people, chats, membership)
    return Bot(services, people, chats, transport, application, runner, sender)
