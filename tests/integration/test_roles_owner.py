"""/roles: the owner gives roles to people and takes them away; what becomes of a person's roles."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import insert

from astral_core import N_, Context, Plugin
from astral_core.db.tables import core_facts, core_roles, core_users, now
from astral_core.host.state import LoadedPlugin
from astral_core.roles import PAGE
from astral_playground.telegram.acts_inline import share_users
from astral_playground.testkit.bot import BotKit, bot_kit
from astral_playground.testkit.chat import Chat

MakePlugin = Callable[..., LoadedPlugin]
Astral = Callable[..., Awaitable[Result]]
OLGA, SUE = 7001, 8001
plugin = Plugin(roles={"support": N_("Answers people"), "analyst": "Sees <figures>"})


@plugin.command("close", description="Close a case", role="support")
async def close(ctx: Context) -> None:
    """For support."""
    ctx.reply("closed")


def desk(make_plugin: MakePlugin) -> list[LoadedPlugin]:
    """A plugin with two roles."""
    return [make_plugin("desk", plugin)]


async def begin(kit: BotKit, **fields: Any) -> tuple[Chat, Chat]:
    """The owner, and a person whom the bot knows."""
    olga, ben = kit.chat("Olga", id=OLGA), kit.chat("Ben", username="ben_b", **fields)
    await olga.send("/start")
    await ben.send("/start")
    return olga, ben


async def ask(olga: Chat, role: str = "support") -> None:
    """Come to the question to whom a role shall be given."""
    await olga.send("/roles")
    await olga.tap(role)
    await olga.tap("Give it to somebody")


async def holders(kit: BotKit) -> list[tuple[str, int, int | None]]:
    """What was given in the bot."""
    return [(row.role, row.user_id, row.given_by) for row in await kit.rows(core_roles)]


# --- giving


async def test_a_role_is_given_to_people_whom_the_button_shares(database_url: str, make_plugin: MakePlugin) -> None:
    """It works at once, the person is told in their own language, and the log says who did it, by ids."""
    async with bot_kit(database_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit, language_code="ru")
        await ben.send("/close")
        assert ben.last.text != "closed"
        await ask(olga)
        assert "Who shall have support?" in olga.last.text
        share_users(kit.telegram.world, olga.user.user, "Choose people", [ben.user.user])
        await kit.settled()
        given, shown = olga.texts[-2:]
        assert given == f"Ben @ben_b · {ben.id} has it now, and I told them."
        assert shown == f"support · 1 person\nAnswers people\n\n• Ben @ben_b · {ben.id}"
        assert (
            ben.last.text
            == "У вас здесь новая роль: support.\nAnswers people\n\nЧто вы теперь можете, покажет /help."
        )
        assert await holders(kit) == [("support", ben.id, OLGA)]
        await ben.send("/close")
        assert ben.last.text == "closed"


async def test_what_was_done_is_in_the_log(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """With ids, and no names."""
    caplog.set_level(logging.INFO, "astral.roles")
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        await olga.send(str(ben.id))
        await olga.tap("✕ Ben")
        await olga.tap("Yes, take it")
        lines = [record.getMessage() for record in caplog.records if record.name == "astral.roles"]
        assert lines == [
            f"the role support was given to {ben.id} by {OLGA}",
            f"the role support was taken from {ben.id} by {OLGA}",
        ]


@pytest.mark.parametrize("answer", ["id", "@name", "link", "forward"])
async def test_a_person_is_named_in_many_ways(sqlite_url: str, make_plugin: MakePlugin, answer: str) -> None:
    """An id, a @name that the bot knows, in whatever case, a link with it, a message that they wrote."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        if answer == "forward":
            group = kit.group("Talk", members=[ben, olga], bot=None)
            await olga.forward(await group.send(ben, "hello"))
        else:
            await olga.send({"id": str(ben.id), "@name": "@Ben_B", "link": "https://t.me/ben_b"}[answer])
        assert await holders(kit) == [("support", ben.id, OLGA)]


async def test_a_contact_names_its_person(
    sqlite_url: str, make_plugin: MakePlugin, post: Any, make_update: Any
) -> None:
    """One without a Telegram names nobody, and says what to do instead."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        for user_id in (None, ben.id):
            contact = {"phone_number": "1", "first_name": "B", **({"user_id": user_id} if user_id else {})}
            update = make_update(user=OLGA, contact=contact)
            del update["message"]["text"]
            await post(kit, update)
            await kit.settled()
        assert "This contact has no Telegram" in "\n".join(olga.texts)
        assert await holders(kit) == [("support", ben.id, OLGA)]


BOT = {"id": 9, "is_bot": True, "first_name": "R"}


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({"type": "hidden_user", "sender_user_name": "B"}, "they hide it"),
        ({"type": "chat", "sender_chat": {"id": -5, "type": "group", "title": "G"}}, "No person wrote this"),
        ({"type": "user", "sender_user": BOT}, "Roles are for people"),
        (None, "Please choose people with the button"),
    ],
)
async def test_who_cannot_be_seen_gets_nothing(
    sqlite_url: str, make_plugin: MakePlugin, post: Any, make_update: Any, origin: Any, said: str
) -> None:
    """The owner reads why, and the question stays open."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        more = {"forward_origin": {"date": 1, **origin}} if origin is not None else {}
        await post(kit, make_update("no name at all", user=OLGA, **more))
        await kit.settled()
        assert said in olga.last.text
        for wrong in ("@nobody_here", "0", "9" * 40, str(kit.running.settings.bot_id)):
            await olga.send(wrong)
            assert await holders(kit) == []
        await olga.send(str(ben.id))
        assert await holders(kit) == [("support", ben.id, OLGA)]


async def test_who_never_wrote_gets_a_role_and_nothing_is_sent(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The owner reads that; an id is all that is known."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, _ = await begin(kit)
        await ask(olga)
        await olga.send("424242")
        assert "424242 has it now. I cannot write to them until they write to me." in olga.texts[-2]
        assert [call for call in kit.calls() if call.chat_id == 424242] == []
        await ask(olga)
        await olga.send("424242")
        assert "424242 had it before." in olga.texts[-2]


async def test_the_owner_may_think_again(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Cancel gives nobody anything, and closes the question."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        await olga.send("Cancel")
        assert "Nobody has got the role support." in olga.texts[-2]
        await olga.send(str(ben.id))
        assert await holders(kit) == []


async def test_a_role_takes_a_thousand_people(
    sqlite_url: str, make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is refused with the number; those of astral.toml count."""
    monkeypatch.setattr("astral_core.roles.MOST_PEOPLE", 2)
    settings = {"admins": (OLGA,), "roles": {"support": (SUE,)}}
    async with bot_kit(sqlite_url, desk(make_plugin), **settings) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        await olga.send(str(ben.id))
        await ask(olga)
        await olga.send("424242")
        assert olga.last.text.startswith("A role can have 2 people at most.")
        assert len(await holders(kit)) == 1


# --- what there is, and taking


async def test_each_role_is_shown_with_its_purpose_and_its_people(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Two plugins that name the same role are both shown; a role that nobody names now is shown, too."""
    same = Plugin(roles={"support": N_("Sees tickets")})
    plugins = [*desk(make_plugin), make_plugin("tickets", same)]
    settings = {"admins": (OLGA,), "roles": {"analyst": (SUE,)}}
    async with bot_kit(sqlite_url, plugins, **settings) as kit:
        olga, ben = await begin(kit)
        async with kit.running.database.engine.begin() as connection:
            row = {"role": "gone", "user_id": ben.id, "given_by": OLGA, "created_at": now()}
            await connection.execute(insert(core_roles).values(**row))
        await olga.send("/roles")
        assert olga.last.text.split("\n\n")[2:] == [
            "analyst · 1 person\nSees <figures>",
            "gone · 1 person\nNo plugin that runs uses it.",
            "support · nobody yet\nAnswers people (desk)\nSees tickets (tickets)",
        ]
        await olga.tap("analyst")
        assert f"• {SUE} · in astral.toml" in olga.last.text
        assert f"✕ {SUE}" not in olga.last.buttons
        await olga.tap("‹ All roles")
        await olga.tap("gone")
        assert "Give it to somebody" not in olga.last.buttons
        await olga.tap("✕ Ben")
        await olga.tap("No, leave it")
        await olga.tap("✕ Ben")
        await olga.tap("Yes, take it")
        assert await holders(kit) == []


async def test_a_role_that_is_taken_ends_at_once(database_url: str, make_plugin: MakePlugin) -> None:
    """Also while it is in use; and a second press of the same button is no error."""
    async with bot_kit(database_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        await ask(olga)
        await olga.send(str(ben.id))
        await ben.send("/close")
        assert ben.last.text == "closed"
        await olga.tap("✕ Ben")
        question = olga.last
        await olga.tap("Yes, take it")
        assert olga.last.text == "support · nobody yet\nAnswers people"
        await ben.send("/close")
        assert ben.last.text != "closed"
        data = next(button["callback_data"] for row in question.button_rows for button in row)
        await olga.forge(data.replace("role.take/", "role.taken/"))
        assert await holders(kit) == []


async def test_many_people_are_shown_on_pages(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Each page says who is on it; a page that is not there is the nearest one."""
    async with bot_kit(sqlite_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, _ = await begin(kit)
        people = [{"role": "support", "user_id": 9000 + n, "created_at": now()} for n in range(PAGE * 2 + 1)]
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(core_roles), people)
        await olga.send("/roles")
        await olga.tap("support")
        seen = [olga.last.text.count("•")]
        for _ in range(2):
            await olga.tap("›")
            seen.append(olga.last.text.count("•"))
        assert seen == [PAGE, PAGE, 1]
        assert "›" not in olga.last.buttons
        await olga.tap("‹")
        assert olga.last.text.count("•") == PAGE


async def test_nobody_but_owners_gives_roles(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """No button of /roles works for others, whoever made it."""
    settings = {"admins": (OLGA,), "roles": {"support": (SUE,)}}
    async with bot_kit(sqlite_url, desk(make_plugin), **settings) as kit:
        olga, ben = await begin(kit)
        sue = kit.chat("Sue", id=SUE)
        await sue.send("/start")
        await olga.send("/roles")
        number = next(
            button["callback_data"].split("/")[1]
            for row in olga.last.button_rows for button in row if button["text"] == "support"
        )  # fmt: skip
        for person in (sue, ben):
            await person.send("/roles")
            assert "did not quite get" in person.last.text
            for data in ("roles/0", f"role/{number}/0", f"role.give/{number}", f"role.taken/{number}/{SUE}"):
                await person.forge(f"core:{data}")
                assert person.last.text.startswith("That button has expired.")


async def test_a_bot_without_roles_says_so(sqlite_url: str) -> None:
    """And an old button of a role that is gone leads back to the list."""
    async with bot_kit(sqlite_url, [], admins=(OLGA,)) as kit:
        olga, _ = await begin(kit)
        await olga.send("/roles")
        assert "No plugin of mine uses roles." in olga.last.text
        for data in ("core:role/5/0", "core:role.give/5", "core:role.take/5/6", "core:role.taken/5/6"):
            await olga.forge(data)
            assert "No plugin of mine uses roles." in olga.last.text


# --- a person's own


async def test_a_person_takes_their_roles_along(database_url: str, make_plugin: MakePlugin) -> None:
    """/mydata shows them; /forget deletes them, and their id where they gave roles to others."""
    async with bot_kit(database_url, desk(make_plugin), admins=(OLGA,)) as kit:
        olga, ben = await begin(kit)
        async with kit.running.database.engine.begin() as connection:
            rows = [("support", ben.id, OLGA), ("analyst", 5, ben.id)]
            names = ("role", "user_id", "given_by")
            made = [{**dict(zip(names, row, strict=True)), "created_at": now()} for row in rows]
            await connection.execute(insert(core_roles), made)
        kit.running.bot.services.roles.changed()
        await ben.send("/close")
        assert ben.last.text == "closed"
        await ben.send("/mydata")
        data = kit.telegram.world.files.by_id(ben.last.content["document"]["file_id"]).data
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (role,) = json.loads(archive.read("core/roles.json"))
        assert role["role"] == "support"
        assert "given_by" not in role
        await ben.send("/forget")
        await ben.tap("Yes, delete everything")
        await kit.settled()
        assert await holders(kit) == [("analyst", 5, None)]
        assert [row for row in await kit.rows(core_facts) if str(ben.id) in row.name] == []
        await ben.send("/close")
        assert ben.last.text != "closed"
        assert olga.id == OLGA


# --- the command line


async def test_roles_are_given_from_the_command_line(
    database_url: str, make_plugin: MakePlugin, astral: Astral, install: Callable[[str, str], None]
) -> None:
    """List, give and take; a name that no plugin names comes with the nearest one."""
    install("desk", 'from astral_core import Plugin\nplugin = Plugin(roles={"support": "Answers people"})\n')
    async with bot_kit(database_url, desk(make_plugin), admins=(OLGA,)) as kit:
        _, ben = await begin(kit)
        assert (await astral(kit, "roles", "give", "support", str(ben.id))).output == f"{ben.id} has 'support' now\n"
        assert "had 'support' before" in (await astral(kit, "roles", "give", "support", str(ben.id))).output
        record = json.loads((await astral(kit, "roles", "list", "--json")).stdout)["support"]
        assert record == {"plugins": ["desk"], "settings": [], "given": [ben.id]}
        assert f"support{'':<26}desk{'':<21}{ben.id}" in (await astral(kit, "roles", "list")).output
        wrong = await astral(kit, "roles", "give", "suport", str(ben.id))
        assert (wrong.exit_code, "Did you mean 'support'?" in wrong.output) == (1, True)
        assert "has 'support' no more" in (await astral(kit, "roles", "take", "support", str(ben.id))).output
        assert (await astral(kit, "roles", "take", "support", str(ben.id))).exit_code == 1
        assert await holders(kit) == []
        assert len(await kit.rows(core_users)) == 2
