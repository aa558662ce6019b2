"""Personal data: what is known, what is given out, what is deleted. Plugins answer for their own tables."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from sqlalchemy import delete
from sqlalchemy import update as sql_update
from telegram import Update

from astral_core.bot.context import Context
from astral_core.bot.home import N_, menu_button
from astral_core.db.tables import (
    DEAD,
    DEAD_EFFECT,
    DONE,
    core_dialogs,
    core_inbox,
    core_outbox,
    core_slots,
    core_users,
    now,
)
from astral_core.declare import Routes
from astral_core.errors import Parked
from astral_core.host.context import PluginContext
from astral_core.host.host import Host
from astral_core.inbox import notes

routes = Routes()


class Privacy:
    """Asks every plugin for its part. Provided by the core under its own type."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def export(self, user_id: int) -> dict[str, bytes]:
        """All files of all plugins, by `<plugin>/<name>`."""
        files: dict[str, bytes] = {}
        for plugin, result in self._host.runner.each("astral_export_user", self._here(), user_id=user_id):
            files |= {f"{plugin}/{name}": content for name, content in (await result).items()}
        return files

    async def delete(self, user_id: int) -> int:
        """Delete in every plugin, dependents before what they depend on; return the number of rows."""
        calls = list(self._host.runner.each("astral_delete_user", self._here(), user_id=user_id, reason="user"))
        total = 0
        for _, result in reversed(calls):
            total += await result
        return total

    async def delete_in(self, plugin: str, user_id: int) -> None:
        """Delete in one plugin. Raises Parked while it is away, so that its row waits for it."""
        context = self._here().get(plugin)
        if context is None:
            raise Parked(plugin)
        found = self._host.runner.call("astral_delete_user", plugin, ctx=context, user_id=user_id, reason="user")
        if found is not None:
            await found

    @property
    def away(self) -> list[str]:
        """Plugins that are not here and hold something of users: it is deleted when they are back."""
        return sorted(name for name, one in self._host.registry.away.items() if one.forgets)

    def _here(self) -> dict[str, PluginContext]:
        return {plugin.id: self._host.contexts[plugin.id] for plugin in self._host.alive}


@routes.callback("privacy")
@routes.command("privacy", description=N_("Your data and how to delete it"))
async def privacy(update: Update, ctx: Context) -> None:
    """What is kept, and the two buttons."""
    text = ctx.t(
        "<b>Your data</b>\n\nI keep your Telegram name and language, the birth data you give me, your charts and "
        "your payments. They are used for nothing but this bot and are given to nobody.\n\n"
        "You can take a copy with /mydata and delete everything with /forget. Of payments I must keep the amounts "
        "and dates that the law asks for."
    )
    buttons = [
        [ctx.button(ctx.t("Send me my data"), mydata)],
        [ctx.button(ctx.t("Delete everything"), forget)],
        [menu_button(ctx)],
    ]
    ctx.show(text, buttons)


@routes.callback("mydata")
@routes.command("mydata", description=N_("A copy of your data"))
async def mydata(update: Update, ctx: Context) -> None:
    """One zip with every plugin's files."""
    user = ctx.user
    own = {"id": user.id, "first_name": user.first_name, "last_name": user.last_name, "username": user.username,
           "language": user.language, "language_code": user.language_code}  # fmt: skip
    parts = ctx.api(Privacy)
    files = {"core/user.json": json.dumps(own, ensure_ascii=False, indent=2).encode()}
    if parts is not None:
        files |= await parts.export(user.id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
    caption = ctx.t("Everything I know about you. Keep it safe.")
    if parts is not None and parts.away:
        caption = ctx.t("A part of me is being mended now; what it holds is not in here. Please ask again later.")
    ctx.send_document(buffer.getvalue(), "my-data.zip", caption)


@routes.callback("forget")
@routes.command("forget", description=N_("Delete your data"))
async def forget(update: Update, ctx: Context) -> None:
    """Ask once more."""
    text = ctx.t(
        "Delete your birth data, your charts and everything else I know about you?\n\n"
        "This cannot be undone. Readings that you bought will be gone too. Of payments only what the law asks for "
        "is kept."
    )
    buttons = [
        [ctx.button(ctx.t("Yes, delete everything"), forget_now)],
        [ctx.button(ctx.t("No, keep it"), "core:menu")],
    ]
    ctx.show(text, buttons)


@routes.callback("forget.now")
async def forget_now(update: Update, ctx: Context) -> None:
    """Delete in every plugin and in the core."""
    user_id = ctx.user.id
    parts = ctx.api(Privacy)
    if parts is not None:
        await parts.delete(user_id)
        for plugin in parts.away:
            await ctx.defer(forget_in, plugin=plugin, user_id=user_id)
    text = ctx.t("Done. Everything is deleted.\n\nIf you ever want to come back, just send /start.")
    await ctx.session.execute(delete(core_dialogs).where(core_dialogs.c.user_id == user_id))
    await ctx.session.execute(delete(core_slots).where(core_slots.c.chat_id == user_id, core_slots.c.slot != "main"))
    await ctx.session.execute(_forget_user(user_id))
    for statement in _forget_dead(user_id):
        await ctx.session.execute(statement)
    people = ctx.run.people
    ctx.run.work.after_commit += [
        lambda: people.users.drop(user_id),
        lambda: people.seen.drop(user_id),
        lambda: people.questions.drop((user_id, user_id)),
    ]
    ctx.show(text)


@routes.step("forget_in")
async def forget_in(ctx: Context, plugin: str, user_id: int) -> None:
    """Delete what a plugin holds that was away when everything else was deleted."""
    parts = ctx.api(Privacy)
    if parts is not None:
        await parts.delete_in(plugin, user_id)


def _forget_user(user_id: int) -> Any:
    """The row itself stays, empty: payments that must be kept refer to it."""
    values = {"first_name": "", "last_name": None, "username": None, "language_code": None, "language": None}
    return sql_update(core_users).where(core_users.c.id == user_id).values(**values)


def _forget_dead(user_id: int) -> list[Any]:
    """Dead letters of the private chat: what was written in them goes, and with it the way to retry them.

    The rule: a pending row is still to be handled and stays, so that a payment that waits is settled. A dead one,
    also a payment's, ends like a done one: without payload, and retention deletes it. A payment's own record is
    the provider's. Of what is parked, payments and durable work stay: a deletion in the same plugin follows them.
    """
    row = (core_inbox.c.lane == user_id, core_inbox.c.state == DEAD)
    parked = (core_inbox.c.lane == user_id, *notes.parked_words())
    message = (core_outbox.c.lane == user_id, core_outbox.c.state == DEAD_EFFECT)
    return [
        sql_update(core_inbox).where(*row).values(state=DONE, payload=None, error=None),
        sql_update(core_inbox).where(*parked).values(state=DONE, payload=None, parked_for=None, done_at=now()),
        delete(core_outbox).where(*message),  # its file goes with retention, which drops what nobody refers to
    ]
