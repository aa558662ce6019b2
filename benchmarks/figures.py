"""Figures of one bot, collected round by round."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.load import Acknowledged
from benchmarks.processes import Child

ASTRAL = "Astral"


@dataclass
class Rates:
    """A bot's updates a second, one figure a round, and all its answers."""

    bot: Child
    rates: list[float] = field(default_factory=list)
    answers: list[Acknowledged] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The middle of all rounds."""
        return median(self.rates)


async def start(stack: AsyncExitStack, *bots: Child) -> None:
    """Start bots that the stack will end; return when all may get traffic."""
    for bot in bots:
        await stack.enter_async_context(bot)
        await (bot.answers() if bot.name.startswith(ASTRAL) else bot.listens())


def hundredths(seconds: list[float]) -> list[float]:
    """The 99 cuts between hundredths, in milliseconds."""
    return [cut * 1_000 for cut in quantiles(seconds, n=100)]
