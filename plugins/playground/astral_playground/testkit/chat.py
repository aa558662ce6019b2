"""One person's private chat with the bot under test: each act returns when the bot is done with it."""

from __future__ import annotations

from astral_playground.telegram.checkout import Outcome
from astral_playground.telegram.client import EmulatedUser
from astral_playground.telegram.records import Message
from astral_playground.testkit.place import Kit
from astral_playground.testkit.seat import Seat


class Chat(Seat):
    """What a person does and sees. `user` is the person: acts through it do not wait for the bot.

    A chat stands for its person, too: `group.send(anna, "/quiz")`.
    """

    def __init__(self, kit: Kit, user: EmulatedUser) -> None:
        super().__init__(kit, user, user.user)

    def __repr__(self) -> str:
        return f"Chat({self.user.user.first_name!r}, id={self.id})"

    @property
    def toasts(self) -> list[str]:
        """What the bot has answered to the person's presses, here and in groups, oldest first."""
        return self.user.toasts

    @property
    def stars(self) -> int:
        """The person's balance of Stars."""
        return self.user.stars

    @property
    def last(self) -> Message:
        """The bot's newest message; LookupError when there is none."""
        return self.user.last

    async def pay(self, message: Message | None = None, *, link: str | None = None) -> Outcome:
        """Pay the invoice of `message`, of a `link`, or the newest one; Stars that are missing are bought."""
        try:
            price = self._price(message, link)
        except LookupError:
            raise LookupError(f"{self!r}: there is no invoice to pay.\n{self.user.transcript()}") from None
        self.user.top_up(max(price - self.stars, 0))
        outcome = await self.user.pay(message, link=link)
        await self._kit.settled()
        return outcome

    async def block(self) -> None:
        """Block the bot."""
        await self.user.block()
        await self._kit.settled()

    async def unblock(self) -> None:
        """Let the bot write again."""
        await self.user.unblock()
        await self._kit.settled()

    def _price(self, message: Message | None, link: str | None) -> int:
        """The Stars that an invoice costs; 0 where it is paid in money."""
        if link is not None:
            invoice = self._kit.telegram.world.invoices.get(link.rpartition("$")[2])
        else:
            held = [one.invoice for one in ([message] if message else self.messages[::-1]) if one.invoice is not None]
            invoice = held[0] if held else None
        if invoice is None:
            raise LookupError(link)
        return invoice.total_amount if invoice.currency == "XTR" else 0
