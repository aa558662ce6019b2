"""Delivers alerts to the admins: each at most once an hour, a few a plugin, in the admin's own language."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from markupsafe import Markup, escape
from sqlalchemy import delete, insert, select

from astral_core import limits
from astral_core.bot.context import Context
from astral_core.bot.speaking import scope_of
from astral_core.db.tables import core_facts
from astral_core.errors import EffectError
from astral_core.host.alerts import SENDER
from astral_core.host.context import services_of
from astral_core.i18n import N_
from astral_core.markup import check_html, sendable
from astral_core.routes import Routes

log = logging.getLogger("astral.alerts")
routes = Routes()
HOUR = 3600.0
LIMIT = 20  # alerts that an admin reads of one plugin in an hour
SIGN = "⚠️"
MORE = N_("There are more alerts than I want to send you within an hour. The rest is in the log.")


@routes.step("alert")
async def alert(ctx: Context, plugin: str, key: str, texts: list[str], values: dict[str, str], by: str) -> None:
    """Say one alert, unless the same was said within the hour; after LIMIT of them, once that there are more."""
    number = await _count(ctx, plugin, key)
    if number is None:
        return
    if number < LIMIT:
        text = _text(ctx, plugin, by or plugin, texts, values)
    else:
        text = _text(ctx, plugin, "core", [MORE], {})
    scope = scope_of(ctx)
    scope.effects.text(SENDER, scope.address, text)


def _text(ctx: Context, plugin: str, by: str, texts: Sequence[str], values: dict[str, str]) -> str:
    """The alert in the admin's language; the source texts where `by` is away, or its translation is wrong."""
    catalogs = services_of(ctx).catalogs.get(by)
    if catalogs is not None:
        gettext = catalogs.for_language(ctx.language).gettext
        try:
            return _message(plugin, [gettext(text) for text in texts], values)
        except EffectError as error:
            log.warning(
                "plugin %r: the text of an alert in the language %r is wrong, the source text is sent: %s",
                by, ctx.language, error,
            )  # fmt: skip
    return _message(plugin, texts, values)


def _message(plugin: str, texts: Sequence[str], values: dict[str, str]) -> str:
    safe = {name: Markup(value) for name, value in values.items()}  # noqa: S704  # escaped before
    text = "\n\n".join([f"{SIGN} <b>{escape(plugin)}</b>", *(sendable(text, safe) for text in texts)])
    return check_html(text, limits.TEXT)


async def _count(ctx: Context, plugin: str, key: str) -> int | None:
    """How many alerts of `plugin` this admin has read within the hour; None where this one need not be said.

    Nobody else looks at these rows: they are those of this lane, which has one owner.
    """
    mark = f"alert:{ctx.chat.id}:{plugin}:"
    moment, session = services_of(ctx).time(), ctx.session
    own = core_facts.c.name.startswith(mark, autoescape=True)
    await session.execute(delete(core_facts).where(own, core_facts.c.value <= _stamp(moment - HOUR)))
    said = set((await session.execute(select(core_facts.c.name).where(own))).scalars())
    name = mark + hashlib.sha256(key.encode()).hexdigest()[:16]
    if name in said or len(said) > LIMIT:
        return None
    await session.execute(insert(core_facts).values(name=name, value=_stamp(moment)))
    return len(said)


def _stamp(moment: float) -> str:
    """A time whose texts are in the order of the times."""
    return f"{moment:014.3f}"
