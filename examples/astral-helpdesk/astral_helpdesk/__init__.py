"""Astral plugin: people write to the bot, helpers answer in the topics of a group."""

from astral_core import N_, Context, Health, HealthFinding, Plugin, PluginContext, Tables

from astral_helpdesk import group, private, store
from astral_helpdesk.settings import HelpdeskSettings
from astral_helpdesk.tables import metadata

plugin = Plugin(
    settings=HelpdeskSettings,
    tables=Tables(metadata),
    routes=[private.routes, group.routes],
    about=N_("Write to me here, and our helpers answer."),
    personal=N_(
        "Which topic in our helpers' group is yours: so that their answers reach you. What you write here "
        "goes to that group."
    ),
)


@plugin.hook
async def astral_health(ctx: PluginContext) -> Health:
    """Tell the admins that the group is missing."""
    if ctx.settings(HelpdeskSettings).group:
        return Health()
    what = N_("Nobody gets what people write to the helpdesk: it has no group.")
    fix = N_("Set <code>group</code> in <code>[plugins.helpdesk]</code>.")
    return Health([HealthFinding("helpdesk-group", what, fix, level="error")])


@plugin.hook
async def astral_delete_user(ctx: PluginContext, user_id: int) -> int:
    """Delete the person's topic in Telegram; the core deletes what is kept here."""
    async with ctx.work() as work:
        topic = await store.topic_of(work.session, user_id)
        if topic is not None:
            where, thread = ctx.settings(HelpdeskSettings).group, topic.thread_id
            work.defer(remove_topic(thread=thread), to=where, key=f"remove-{thread}", keep="once")
    return 0


@plugin.step("remove")
async def remove_topic(ctx: Context, thread: int) -> None:
    """Delete the topic of a person who wants to be forgotten, with all that is in it."""
    ctx.call("deleteForumTopic", chat_id=ctx.chat.id, message_thread_id=thread)
