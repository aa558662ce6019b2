"""/stats: the figures, for admins."""

from __future__ import annotations

from astral_analytics.summary import RouteFigures, Summary, summarize
from astral_core import N_, OWNER, Context, Markup, Routes, html

routes = Routes()
PERIODS = (1, 7, 30)


@routes.callback("latest", role=OWNER)
@routes.command("stats", description=N_("Figures of the bot"), role=OWNER)
async def stats(ctx: Context) -> None:
    """The figures of the latest day."""
    await stats_of.handler(ctx, PERIODS[0])


routes.menu(N_("Figures of the bot"), stats(), order=90)


@routes.callback("stats/{days:int}", role=OWNER)
async def stats_of(ctx: Context, days: int) -> None:
    """The figures of some days; the button's data may be forged."""
    await show(ctx, days if days in PERIODS else PERIODS[0])


async def show(ctx: Context, days: int) -> None:
    """One message, edited when another period is chosen."""
    summary = await summarize(ctx.session, days)
    periods = [
        ctx.button(("• " if days == item else "") + ctx.nt("{n} day", "{n} days", item), stats_of(days=item))
        for item in PERIODS
    ]
    ctx.show(text(ctx, summary, days), [periods, [ctx.menu_button()]])


def text(ctx: Context, summary: Summary, days: int) -> Markup:
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
    blocks = [head, people + "\n" + updates]
    if summary.routes:
        table = Markup("\n").join(_line(ctx, item) for item in summary.routes)
        blocks.append(html("{title}\n<pre>{table}</pre>", title=ctx.t("<b>Busiest routes</b>"), table=table))
    return Markup("\n\n").join(blocks)


def _line(ctx: Context, item: RouteFigures) -> Markup:
    line = ctx.t(
        "{plugin} · {route} — {count} × {ms} ms",
        plugin=item.plugin, route=item.route, count=item.count, ms=round(item.ms),
    )  # fmt: skip
    return line + f" ⚠️ {item.failed}" if item.failed else line
