"""`role=`: who may use a route, of every kind, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from astral_core import (
    ANY,
    CHAT_ADMIN,
    GROUP,
    N_,
    OWNER,
    PRIVATE,
    Context,
    Flood,
    Plugin,
    Skip,
    View,
)  # fmt: skip
from astral_core.errors import HandlerError
from astral_core.host.roles import Roles, give
from astral_core.host.state import LoadedPlugin
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.chat import Chat

MakePlugin = Callable[..., LoadedPlugin]
OLGA, SUE = 7001, 7002  # an owner, and somebody with the role support
plugin = Plugin(roles={"support": N_("Answers people"), "analyst": "Sees figures"})
told: list[Any] = []


@plugin.command("close", description="Close a case", role="support")
async def close(ctx: Context) -> None:
    """For support."""
    ctx.reply("closed", [[ctx.button("Again", again(n=1)), ctx.button("Ask", ask())]])


@plugin.command("purge", description="Delete all", role=OWNER)
async def purge(ctx: Context) -> None:
    """For owners."""
    ctx.reply("purged")


@plugin.callback("again/{n:int}", role="support")
async def again(ctx: Context, n: int) -> None:
    """A button of support's."""
    ctx.reply(f"again {n}")


@plugin.callback("ask")
async def ask(ctx: Context) -> None:
    """Ask something that support alone may answer."""
    ctx.ask(case(n=5))
    ctx.reply("which case?")


@plugin.question("case", role="support")
async def case(ctx: Context, n: int) -> None:
    """Support's answer."""
    ctx.reply(f"case {n}: {ctx.text}")


@plugin.message("photo", role="support")
async def photo(ctx: Context) -> None:
    """A picture of support's."""
    ctx.reply("a picture for the case")


@plugin.message("photo", pattern="x")
async def other_photo(ctx: Context) -> None:
    """A picture of anybody's."""
    ctx.reply("a picture")


@plugin.text(pattern="case", role="support")
async def about(ctx: Context) -> None:
    """A text of support's."""
    if ctx.text == "case skipped":
        raise Skip
    ctx.reply("about a case")


@plugin.text(pattern="case skipped", role=OWNER)
async def skipped(ctx: Context) -> None:
    """What a text of support's was left to."""
    ctx.reply("skipped to the owner")


@plugin.text()
async def rest(ctx: Context) -> None:
    """A text of anybody's."""
    ctx.reply("a text")


@plugin.deep_link("open/{n:int}", role="support")
async def opened(ctx: Context, n: int) -> None:
    """A link for support."""
    ctx.reply(f"opened {n}")


@plugin.inline(pattern="case", role="support")
async def cases(ctx: Context, query: View) -> None:
    """Support's answers."""
    ctx.answer_inline([ctx.inline_article("case", "A case", str(query.query))])


@plugin.inline()
async def anything(ctx: Context, query: View) -> None:
    """Anybody's."""
    ctx.answer_inline([ctx.inline_article("any", "Anything", str(query.query))])


@plugin.on("message_reaction", chat=ANY, role="support")
async def reacted(ctx: Context, reaction: View) -> None:
    """Support reacts."""
    told.append(reaction.user.first_name)


@plugin.web_app_data(role="support")
async def sent(ctx: Context, data: str) -> None:
    """Support's Mini App."""
    ctx.reply(f"data {data}")


@plugin.command("limited", role="support", flood=Flood(1, per=600))
async def limited(ctx: Context) -> None:
    """Once in ten minutes."""
    ctx.reply("limited")


@plugin.command("who")
async def who(ctx: Context) -> None:
    """Ask for roles in a handler."""
    roles = [role for role in (OWNER, CHAT_ADMIN, "support", "analyst") if await ctx.has_role(role)]
    people = sorted(await ctx.role_holders("support"))
    ctx.reply(f"{roles} {people} {sorted(await ctx.role_holders(OWNER))}")


@plugin.command("wrong")
async def wrong(ctx: Context) -> None:
    """Ask for what there is not."""
    for call in (ctx.has_role("suport"), ctx.role_holders("nobody"), ctx.role_holders(CHAT_ADMIN)):
        try:
            await call
        except HandlerError as error:
            told.append(str(error))


plugin.menu("Cases", ask(), order=10, role="support")
plugin.menu("Once more", again(n=9), order=11)


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    told.clear()


def desk(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """The plugin of this page."""
    return [make_plugin("desk", plugin)]


def people(kit: BotKit) -> tuple[Chat, Chat, Chat]:
    """An owner, somebody with the role support, and somebody without."""
    return kit.chat("Olga", id=OLGA), kit.chat("Sue", id=SUE), kit.chat("Ben")


SETTINGS = {"admins": (OLGA,), "roles": {"support": (SUE,)}}


async def test_a_command_is_there_for_who_has_its_role(database_url: str, make_plugin: MakePlugin) -> None:
    """Owners have every role that plugins name; others read what they read of a command that does not exist."""
    async with bot_kit(database_url, desk(make_plugin), **SETTINGS) as kit:
        olga, sue, ben = people(kit)
        for person in (olga, sue):
            await person.send("/close")
            assert person.last.text == "closed"
        await ben.send("/nothing")
        unknown = ben.last.text
        await ben.send("/close")
        assert ben.last.text == unknown
        await sue.send("/purge")
        assert sue.last.text == unknown
        await olga.send("/purge")
        assert olga.last.text == "purged"


async def test_what_somebody_may_not_is_shown_to_them_nowhere(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Neither in /help nor in the menu, also where the button's route alone has the role."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        olga, sue, ben = people(kit)
        seen = {}
        for person in (olga, sue, ben):
            await person.send("/help")
            commands = {name for name in ("/close", "/purge", "/roles") if name in person.last.text}
            await person.send("/start")
            seen[person] = commands, {"Cases", "Once more"} & set(person.last.buttons)
        assert seen[olga] == ({"/close", "/purge", "/roles"}, {"Cases", "Once more"})
        assert seen[sue] == ({"/close"}, {"Cases", "Once more"})
        assert seen[ben] == (set(), set())


async def test_a_button_is_checked_when_it_is_pressed(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """A forged one has expired; nothing is told of the route."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        _, sue, ben = people(kit)
        await sue.send("/close")
        await sue.tap("Again")
        assert sue.last.text == "again 1"
        await ben.send("/start")
        await ben.forge("desk:again/1")
        expired = ben.last.text
        assert expired.startswith("That button has expired.")
        await ben.forge("desk:no_such/1")
        assert ben.last.text == expired


async def test_every_other_kind_goes_to_the_next_route(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Pictures, texts, links, inline queries, reactions and data of Mini Apps."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        olga, sue, ben = people(kit)
        said = {}
        for person in (sue, ben):
            await person.send("/start")
            for text in ("case 5", "case skipped", "/start desk-open-7"):
                await person.send(text)
            said[person] = [text.partition(",")[0] for text in person.texts[1:]]
            (found,) = (await person.inline("case")).titles
            said[person].append(found)
            await person.react(person.last, "👍")
        assert said[sue] == ["about a case", "a text", "opened 7", "A case"]
        assert said[ben] == ["a text", "a text", "Hello", "Anything"]
        await olga.send("case skipped")
        assert olga.last.text == "skipped to the owner"
        assert told == ["Sue"]


async def test_pictures_and_data_are_taken_from_who_may(
    sqlite_url: str, make_plugin: MakePlugin, post: Any, make_update: Any
) -> None:
    """The others' are nobody's, and end quietly or at the fall-back."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        _, sue, ben = people(kit)
        for person in (sue, ben):
            await person.send("/start")
            photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
            for content in ({"web_app_data": {"data": "{}", "button_text": "Open"}}, {"photo": photo}):
                update = make_update(user=person.id, **content)
                del update["message"]["text"]
                await post(kit, update)
                await kit.settled()
        assert sue.texts[1:] == ["data {}", "a picture for the case"]
        (said,) = ben.texts[1:]
        assert "did not quite get" in said


async def test_a_question_ends_politely_when_its_person_has_lost_the_role(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """The answer is not used, and the next message is an ordinary one. Who has the role answers."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        _, sue, _ = people(kit)
        await sue.send("/close")
        await sue.tap("Ask")
        await sue.send("the first")
        assert sue.last.text == "case 5: the first"
        await sue.send("/close")
        await sue.tap("Ask")
        kit.overrides["roles"] = {}
        await kit.restart()
        await sue.send("the second")
        assert sue.last.text.startswith("This question is closed now, so I have not used your answer.")
        await sue.send("the third")
        assert sue.last.text == "a text"


async def test_who_is_refused_uses_up_no_flood_budget(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """And reads nothing of a limit."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        _, sue, _ = people(kit)
        for _ in range(3):
            await sue.send("/limited")
            assert "did not quite get" in sue.last.text
        async with kit.context("core").work() as work:
            await give(work.session, "support", [SUE], OLGA)
            work.after_commit(kit.running.bot.services.roles.changed)
        await sue.send("/limited")
        assert sue.last.text == "limited"
        await sue.send("/limited")
        assert "a bit fast" in sue.last.text


async def test_a_handler_asks_who_has_a_role(database_url: str, make_plugin: MakePlugin) -> None:
    """`has_role` counts owners in; `role_holders` are those to whom it was given; a wrong name says what is near."""
    async with bot_kit(database_url, desk(make_plugin), **SETTINGS) as kit:
        olga, sue, ben = people(kit)
        for person in (olga, sue, ben):
            await person.send("/who")
        assert olga.last.text == f"['owner', 'support', 'analyst'] [{SUE}] [{OLGA}]"
        assert sue.last.text == f"['support'] [{SUE}] [{OLGA}]"
        assert ben.last.text == f"[] [{SUE}] [{OLGA}]"
        await ben.send("/wrong")
        assert "no plugin names the role 'suport'. Fix: did you mean 'support'?" in told[0]
        assert "no plugin names the role 'nobody'" in told[1]
        assert "CHAT_ADMIN is a role of each group" in told[2]
        assert await kit.context("desk").role_holders("support") == {SUE}
        async with kit.context("desk").work() as work:
            assert await work.role_holders("support") == {SUE}


async def test_a_bot_that_asks_for_no_role_reads_none(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What roles cost is paid by routes with a role; and one look serves a second, however many ask."""
    looks: list[str] = []
    read = Roles._read  # what goes to the database

    async def counted(self: Roles, role: str) -> frozenset[int]:
        looks.append(role)
        return await read(self, role)

    monkeypatch.setattr(Roles, "_read", counted)
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        _, sue, ben = people(kit)
        await ben.send("a text")
        await ben.send("/about")
        assert looks == []
        monkeypatch.setattr("astral_core.host.roles.KEPT", 600.0)
        for _ in range(5):
            await sue.send("/close")
        assert looks == ["support"]


# --- administrators of a group


club = Plugin()


@club.command("stop", description="Stop the game", chat=GROUP, role=CHAT_ADMIN)
async def stop(ctx: Context) -> None:
    """For administrators."""
    ctx.reply("stopped", [[ctx.button("Undo", undo())]])


@club.command("start_game", description="Start", chat=GROUP)
async def start_game(ctx: Context) -> None:
    """For all."""
    ctx.reply("started", [[ctx.button("Undo", undo()), ctx.button("Quiet", quiet())]])


@club.callback("undo", chat=GROUP, role=CHAT_ADMIN)
async def undo(ctx: Context) -> None:
    """A button of administrators."""
    ctx.reply(f"undone {await ctx.has_role(CHAT_ADMIN)}")


@club.callback("quiet", chat=GROUP, role=CHAT_ADMIN, answer="manual")
async def quiet(ctx: Context) -> None:
    """A button of administrators that answers by itself."""
    ctx.answer("hush")


@club.message(chat=GROUP, pattern="please", role=CHAT_ADMIN)
async def plea(ctx: Context) -> None:
    """A text of administrators."""
    ctx.reply("at once")


@club.text(chat=GROUP)
async def chat_text(ctx: Context) -> None:
    """A text of all."""
    ctx.reply("heard")


@club.command("both", chat=PRIVATE | GROUP, role=CHAT_ADMIN)
async def both(ctx: Context) -> None:
    """In both kinds of chats."""
    ctx.reply("both")


@club.on("message_reaction", chat=GROUP, role=CHAT_ADMIN)
async def admin_reacted(ctx: Context, reaction: View) -> None:
    """An administrator reacts."""
    told.append(ctx.has_user)


LINE = "Only administrators of this group can do that."


async def test_administrators_of_the_group_may(database_url: str, make_plugin: MakePlugin) -> None:
    """By command, button and text; others read one line a minute, and their texts go to the next route."""
    async with bot_kit(database_url, [make_plugin("club", club)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Stars", admins=[anna], members=[ben], privacy=False)
        await group.send(anna, "/stop")
        assert group.texts == ["stopped"]
        await group.tap(anna, "Undo")
        assert group.last.text == "undone True"
        await group.send(ben, "/stop")
        assert group.last.text == LINE
        before = len(group.texts)
        await group.send(ben, "/stop")
        assert len(group.texts) == before
        await kit.advance(61)
        await group.send(ben, "/stop")
        assert len(group.texts) == before + 1
        await group.send(ben, "please")
        assert group.last.text == "heard"
        await group.send(anna, "please")
        assert group.last.text == "at once"


async def test_a_press_of_somebody_else_is_answered_with_a_toast(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Whether the route answers by itself or not; nobody else in the group reads of it, and the spinner ends."""
    async with bot_kit(sqlite_url, [make_plugin("club", club)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Stars", admins=[anna], members=[ben])
        await group.send(ben, "/start_game")
        await group.tap(ben, "Undo")
        assert (ben.toasts, group.texts) == ([LINE], ["started"])
        await kit.advance(61)
        await group.tap(ben, "Quiet")
        assert (ben.toasts, group.texts) == ([LINE, LINE], ["started"])
        await group.tap(anna, "Quiet")
        assert anna.toasts == ["hush"]
        answers = len(kit.calls("answerCallbackQuery"))
        await group.tap(anna, "Undo")
        assert group.last.text == "undone True"
        assert len(kit.calls("answerCallbackQuery")) == answers + 1


async def test_an_anonymous_administrator_is_one(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """They write as the group itself. A channel that writes in the group, or is linked to it, is none."""
    async with bot_kit(sqlite_url, [make_plugin("club", club)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Stars", admins=[anna], members=[ben])
        await group.promote(ben, anonymous=True)
        asked = len(kit.calls("getChatAdministrators"))
        await group.send(ben, "/stop")
        assert group.last.text == "stopped"
        assert len(kit.calls("getChatAdministrators")) == asked


async def test_who_else_writes_for_a_chat_is_no_administrator(
    sqlite_url: str, make_plugin: MakePlugin, start: Any
) -> None:
    """A channel in its group, its posts that come in by themselves, and the group's own are told apart."""
    chat = {"id": -1001, "type": "supergroup", "title": "Stars"}
    news = {"id": -1003, "type": "channel", "title": "News"}
    stand_in = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    async with start(sqlite_url, [make_plugin("club", club)]) as groups:
        groups.api.answers["getChatAdministrators"] = []
        spoken = f"/stop@{groups.name}"
        for message, said in (
            ({"sender_chat": chat}, "stopped"),
            ({"sender_chat": news}, LINE),
            ({"sender_chat": news, "is_automatic_forward": True}, None),
            ({"sender_chat": chat, "is_automatic_forward": True}, None),
        ):
            found = await groups.say(spoken, chat, **{"from": stand_in}, **message)
            assert [call.params["text"] for call in found if call.method == "sendMessage"] == ([said] if said else [])


async def test_an_anonymous_administrator_reacts(sqlite_url: str, make_plugin: MakePlugin, start: Any) -> None:
    """The reaction names the group and no person; another chat's is none of an administrator."""
    chat = {"id": -1001, "type": "supergroup", "title": "Stars"}
    async with start(sqlite_url, [make_plugin("club", club)]) as groups:
        groups.api.answers["getChatAdministrators"] = []
        for number, actor in enumerate((chat, {"id": -1003, "type": "channel", "title": "News"})):
            reaction = {"chat": chat, "message_id": 5, "date": 1, "actor_chat": actor, "old_reaction": [],
                        "new_reaction": [{"type": "emoji", "emoji": "👍"}]}  # fmt: skip
            await groups.send({"update_id": 970_001 + number, "message_reaction": reaction})
        assert told == [False]


async def test_nobody_is_an_administrator_of_a_private_chat(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """They read where the command works; Telegram is not asked."""
    async with bot_kit(sqlite_url, [make_plugin("club", club)], admins=(OLGA,)) as kit:
        anna = kit.chat("Anna", id=OLGA)
        await anna.send("/both")
        assert anna.texts == ["Only administrators of a group can do that. Please send it there."]
        group = kit.group("Stars", admins=[anna])
        await group.send(anna, "/both")
        assert group.texts == ["both"]
        assert {call.chat_id for call in kit.calls("getChatAdministrators")} == {group.id}


async def test_who_becomes_an_administrator_may_and_who_is_none_any_more_may_not(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """As soon as Telegram tells of it, which it does where the bot is an administrator."""
    async with bot_kit(sqlite_url, [make_plugin("club", club)]) as kit:
        anna, ben = kit.chat("Anna"), kit.chat("Ben")
        group = kit.group("Stars", admins=[anna], members=[ben], bot="administrator")
        await group.send(ben, "/stop")
        assert group.last.text == LINE
        await group.promote(ben)
        await kit.advance(61)
        await group.send(ben, "/stop")
        assert group.last.text == "stopped"
        await group.promote(ben, rights=())
        await kit.advance(61)
        await group.send(ben, "/stop")
        assert group.last.text == LINE


async def test_what_telegram_refuses_to_tell_makes_nobody_an_administrator(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked once a minute, and the log says so once. What may pass is tried again."""
    async with bot_kit(sqlite_url, [make_plugin("club", club)]) as kit:
        anna = kit.chat("Anna")
        group = kit.group("Stars", admins=[anna])
        kit.telegram.fail("getChatAdministrators", "400")
        await group.send(anna, "/stop")
        await group.send(anna, "/stop")
        assert group.texts == [LINE]
        assert len(kit.calls("getChatAdministrators")) == 1
        assert caplog.text.count("Telegram does not tell who administers it") == 1
        await kit.advance(61)
        kit.telegram.fail("getChatAdministrators", "500")
        await group.send(anna, "/stop")
        assert group.last.text == "stopped"


async def test_a_private_command_of_a_role_leads_only_who_has_it_to_the_private_chat(
    sqlite_url: str, make_plugin: MakePlugin
) -> None:
    """In a group nobody learns of what few people may do."""
    async with bot_kit(sqlite_url, desk(make_plugin), **SETTINGS) as kit:
        _, sue, ben = people(kit)
        group = kit.group("Stars", members=[sue, ben])
        await sue.send("/start")
        name = kit.context("desk").bot_name
        await group.send(ben, f"/close@{name}")
        assert group.texts == []
        await group.send(sue, f"/close@{name}")
        assert group.texts == ["I answer this in our private chat."]
