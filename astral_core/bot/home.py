"""The core's own routes: menu, help, about, language, and what is said where nothing fits."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from sqlalchemy import Executable
from sqlalchemy import update as sql_update

from astral_core.bot import wording
from astral_core.bot.buttons import Button, rows
from astral_core.bot.commands import refresh_commands
from astral_core.bot.context import Context
from astral_core.bot.incoming import CoreReplies
from astral_core.bot.speaking import scope_of
from astral_core.db.tables import core_users
from astral_core.declare import CHAT_ADMIN, PRIVATE
from astral_core.errors import Refuse
from astral_core.host.context import services_of
from astral_core.i18n import N_, html
from astral_core.kinds import RegisteredHandler
from astral_core.kinds.callback import named_route
from astral_core.routes import Routes

routes = Routes()
LANGUAGES_A_PAGE = 20


@routes.callback("menu")
async def menu(ctx: Context) -> None:
    """The menu, assembled from all plugins."""
    ctx.end_question()
    ctx.show(wording.page(ctx, "menu"), await menu_buttons(ctx))


@routes.command("start", description=N_("Menu"))
async def start(ctx: Context) -> None:
    """Greet, and show the menu."""
    ctx.end_question()
    await refresh_commands(ctx)
    wording.show_page(ctx, wording.page(ctx, "start", plugins=wording.greetings(ctx)), await menu_buttons(ctx))


@routes.callback("help")
@routes.command("help", description=N_("What I can do"))
async def help_(ctx: Context) -> None:
    """The commands that work here, as the plugins describe them. What a role allows is for those who have it."""
    registry, here = services_of(ctx).registry, scope_of(ctx).chat_kind
    roles = await _permitted(ctx, {route.role for route in registry.commands.values()})
    places = {item.plugin: place for place, item in enumerate(registry.menu)}

    def rank(item: tuple[str, RegisteredHandler]) -> tuple[bool, bool, int, str]:
        """In the menu's order; then the core's own, and last what few people may do."""
        name, route = item
        return route.role is not None, route.plugin == "core", places.get(route.plugin, len(places)), name

    lines = [
        html("/{name} — {what}", name=name, what=wording.translated(ctx, route.plugin, route.declared.description))
        for name, route in sorted(registry.commands.items(), key=rank)
        if route.declared.is_listed and here in route.chat and route.role in roles
    ]  # fmt: skip
    text = wording.page(ctx, "help", commands=Markup("\n").join(lines))
    own = [ctx.button(N_("Your data"), named_route("core:privacy")()), ctx.button(N_("About this bot"), about())]
    wording.show_page(ctx, text, [own, [ctx.menu_button()]])


@routes.callback("about")
@routes.command("about", description=N_("About this bot"))
async def about(ctx: Context) -> None:
    """Who this is."""
    text = wording.page(ctx, "about", plugins=wording.abouts(ctx))
    wording.show_page(ctx, text, [[ctx.button(N_("What I can do"), help_())], [ctx.menu_button()]])


@routes.callback("language")
@routes.command("language", description=N_("Language · Язык"))
async def language(ctx: Context) -> None:
    """Offer the languages that the bot speaks."""
    show_languages(ctx, 0)


@routes.callback("languages/{page:int}")
async def languages(ctx: Context, page: int) -> None:
    """Another page of the languages."""
    show_languages(ctx, page)


def show_languages(ctx: Context, page: int) -> None:
    """The languages of one page, two in a row, and the ways to the other pages."""
    names = list(services_of(ctx).spoken.names.items())
    last = (len(names) - 1) // LANGUAGES_A_PAGE
    page = min(max(page, 0), last)
    choices = [
        ctx.button(f"{'✓ ' if code == ctx.language else ''}{name}", set_language(code=code.lower()))
        for code, name in names[page * LANGUAGES_A_PAGE : (page + 1) * LANGUAGES_A_PAGE]
    ]
    turns = [
        ctx.button(sign, languages(page=to)) for sign, to in (("‹", page - 1), ("›", page + 1)) if 0 <= to <= last
    ]
    ctx.show(N_("Which language shall I speak?"), [*rows(choices, 2), turns, [ctx.menu_button()]])


@routes.callback("setlang/{code:slug}")
async def set_language(ctx: Context, code: str) -> None:
    """Keep the chosen language, and show the menu in it."""
    chosen = next((one for one in ctx.languages if one.lower() == code.lower()), None)
    if chosen is None:
        await language.handler(ctx)
        return
    user_id, scope = ctx.user.id, scope_of(ctx)
    await ctx.session.execute(_choose(user_id, chosen))
    ctx.after_commit(lambda: scope.people.users.drop(user_id))
    scope.language = chosen
    await menu.handler(ctx)


@routes.step("close_question")
async def close_question(ctx: Context, timer: str, route: str | None, args: dict[str, Any]) -> None:
    """Close the question that got no answer in time, and let the step `route` run."""
    scope = scope_of(ctx)
    question = await scope.people.question(scope.question_key)
    if question is None or question.timer != timer:
        return  # it was answered, or another one is asked
    ctx.end_question()
    if route is not None:
        later = scope.later
        scope.unit.add_row("step", f"{route}:{timer}", later.lane, {"route": route, "args": args}, later)


async def fallback(ctx: Context) -> None:
    """What is said to a message that nothing took."""
    ctx.show(wording.page(ctx, "fallback"), await menu_buttons(ctx))


async def edited(ctx: Context) -> None:
    """What is said to who changes an older message while a question is open."""
    ctx.reply(N_("I have taken that message already, and cannot change it. My last question is still open."))


async def in_groups(ctx: Context) -> None:
    """What is said to a command that works in groups alone."""
    add = ctx.url_button(N_("Add me to a group"), f"https://t.me/{ctx.bot_name}?startgroup=true")
    ctx.reply(N_("This works in groups. Add me to one, and send the command there."), [[add]])


async def no_answer(ctx: Context) -> None:
    """What is said to something that is no answer to the open question, such as a sticker."""
    ctx.reply(N_("I am still waiting for your answer, and cannot use this. Please send what I asked for."))


async def closed(ctx: Context) -> None:
    """What is said to an answer that only people with a role may give, by somebody who has it no more."""
    ctx.end_question()
    if scope_of(ctx).chat_kind is not PRIVATE:
        ctx.reply(N_("This question is closed now, so I have not used your answer."))
        return
    text = N_("This question is closed now, so I have not used your answer. Here is what I can do:")
    ctx.show(text, await menu_buttons(ctx), fresh=True)


async def expired(ctx: Context) -> None:
    """What is said to a button that is no more."""
    if scope_of(ctx).answer == "manual":
        ctx.answer(N_("This button is from an older message. Here is the menu again."))
    ctx.show(N_("That button has expired. Here is what I can do:"), await menu_buttons(ctx), fresh=True)


async def away(ctx: Context) -> None:
    """What is said for a plugin that is not available."""
    scope = scope_of(ctx)
    if scope.answer == "manual" and scope.callback_id:
        ctx.answer(N_("This is not available right now."))
    text = N_(
        "This is not available right now. Nothing you saved is lost; please try again a little later.\n\n"
        "Meanwhile, here is what I can do:"
    )
    ctx.show(text, await menu_buttons(ctx), fresh=True)


async def declined(ctx: Context) -> None:
    """What is said to a payment whose plugin is not available, before anything is charged."""
    del ctx
    raise Refuse(N_("I cannot take payments right now. You were not charged. Please try again a little later."))


REPLIES = CoreReplies(
    fallback=RegisteredHandler("core", "fallback", "text", fallback),
    expired=RegisteredHandler("core", "expired", "callback", expired),
    away=RegisteredHandler("core", "away", "text", away),
    edited=RegisteredHandler("core", "edited", "text", edited),
    in_groups=RegisteredHandler("core", "in_groups", "text", in_groups),
    no_answer=RegisteredHandler("core", "no_answer", "text", no_answer),
    closed=RegisteredHandler("core", "closed", "text", closed),
    declined=RegisteredHandler("core", "declined", "pre_checkout", declined),
)


async def menu_buttons(ctx: Context) -> list[list[Button]]:
    """One button for each plugin's menu item that is for this person, then the core's own."""
    registry = services_of(ctx).registry
    needed = [(item, registry.roles_of(item)) for item in registry.menu]
    roles = await _permitted(ctx, {role for _, wanted in needed for role in wanted})
    items = [
        [ctx.button(wording.translated(ctx, item.plugin, item.declared.text), item.declared.call)]
        for item, wanted in needed
        if wanted <= roles
    ]
    own = rows([ctx.button(N_("What I can do"), help_()), ctx.button(N_("Language · Язык"), language())], 2)
    return [*items, *own]


async def _permitted(ctx: Context, roles: set[str | None]) -> set[str | None]:
    """Those of the roles that the person has; None is everybody's. In a group nobody is shown what few may do."""
    private = scope_of(ctx).chat_kind is PRIVATE
    named = roles - {None, CHAT_ADMIN} if private else ()
    return {None, *[role for role in named if role is not None and await ctx.has_role(role)]}


def _choose(user_id: int, code: str) -> Executable:
    return sql_update(core_users).where(core_users.c.id == user_id).values(language=code)
