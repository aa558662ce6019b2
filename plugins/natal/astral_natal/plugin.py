"""The natal plugin: charts as pictures and in words, and a full reading where somebody can take payments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from astral_core import N_, Plugin, PluginContext, Tables
from astral_natal import purchases, tables, worker
from astral_natal.cli import natal
from astral_natal.handlers import chart, reading
from astral_natal.lexicon import LANGUAGES, lexicon

collected = [chart.routes, reading.routes]
if purchases.is_installed():
    from astral_natal.handlers import orders  # it names events of the payments plugin

    collected.append(orders.routes)

plugin = Plugin(
    tables=Tables(tables.metadata),
    routes=collected,
    cli=natal,
    greeting=N_(
        "I draw natal charts and put them into words. Tell me when and where you were born, and your chart will be "
        "here in a minute."
    ),
    about=N_(
        "I draw natal charts and put them into words. Planet positions come from NASA JPL's ephemeris DE421, houses "
        "and nodes are computed here.\n\n"
        "Astrology is for reflection and joy; it does not replace a doctor, a lawyer or your own judgement."
    ),
    personal=N_("Your charts and full readings: so that you can open them again."),
)
plugin.hook(optional=True)(purchases.astral_products)


@plugin.hook
async def astral_lifespan(ctx: PluginContext) -> AsyncIterator[None]:
    """Load what takes long before the first user asks: the workers' ephemeris and fonts, the texts here."""
    ctx.warm(worker.warm)
    for language in LANGUAGES:
        await asyncio.to_thread(lexicon, language)
    yield
