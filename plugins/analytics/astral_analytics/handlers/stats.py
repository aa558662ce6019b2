"""/stats: the figures, for admins."""

from __future__ import annotations

from astral_analytics.summary import RouteFigures, Summary, summarize
from astral_core import Context, Routes, Update

routes = Routes()
PERIODS = (1, 7, 30)


def N_(text: str) -> str:  # noqa: N802  # gettext's own name: marks a text that is translated later
    """Mark a source text."""
    return text


@routes.callback("latest")
@routes.command("stats", description=N_("Figures of the bot"), admin=True)
async def stats(update: Update, ctx: Context) -> None:
    """The figures of the latest day."""
    await stats_of(update, ctx, PERIODS[0])


@routes.callback("stats/{days:int}")
async def stats_of(update: Update, ctx: Context, days: int) -> None:
    """The figures of some days; the button's data may be forged, and so who pressed it is checked again."""
    if not ctx.is_admin:
        ctx.show(ctx.t("This page is for the bot's admins."), [[ctx.button(ctx.t("‹ Menu"), "core:menu")]])
        return
    await show(ctx, days if days in PERIODS else PERIODS[0])


async def show(ctx: Context, days: int) -> None:
    """One message, edited when another period is chosen."""
    summary = await summarize(ctx.session, days)
    buttons = [
        [
            ctx.button(("• " if days == item else "") + ctx.nt("{n} day", "{n} days", item), stats_of, days=item)
            for item in PERIODS
        ],
        [ctx.button(ctx.t("‹ Menu"), "core:menu")],
    ]
    ctx.show(text(ctx, summary, days), buttons)


def text(ctx: Context, summary: Summary, days: int) -> str:
    """The figures as a message."""
    head = ctx.t("<b>Astral in figures</b>") + " · " + ctx.nt("{n} day", "{n} days", days)
    people = ctx.t(
        "👥 People: {users}, new: {new}, active: {active}, blocked: {blocked}",
        users=summary.users, new=summary.new_users, active=summary.active_users, blocked=summary.blocked,
    )  # fmt: skip
    updates = ctx.t(
        "⚙️ Updates: {updates}, failed: {failed}\n⏱ Mean: {mean} ms, slowest: {slowest} ms",
        updates=summary.updates, failed=summary.failed,
        mean=round(summary.mean_ms), slowest=round(summary.slowest_ms),
    )  # fmt: skip
    blocks = [head, f"{people}\n{updates}"]
    if summary.routes:
        table = "\n".join(_line(ctx, item) for item in summary.routes)
        blocks.append(f"{ctx.t('<b>Busiest routes</b>')}\n<pre>{table}</pre>")
    return "\n\n".join(blocks)


def _line(ctx: Context, item: RouteFigures) -> str:
    line = ctx.t(
        "{plugin} · {route} — {count} × {ms} ms",
        plugin=item.plugin, route=item.route, count=item.count, ms=round(item.ms),
    )  # fmt: skip
    return f"{line} ⚠️ {item.failed}" if item.failed else line
