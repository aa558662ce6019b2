"""Roles as they are declared and set: what nobody could ever use is refused, with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import ANY, CHAT_ADMIN, GROUP, OWNER, PRIVATE, Context, Plugin, Routes
from astral_core.config import Settings, load_settings
from astral_core.core_plugin import plugin as core_plugin
from astral_core.errors import ConfigError, DeclarationError
from astral_core.host.discover import take
from astral_core.host.host import load
from astral_core.host.registry import Registry, build_registry
from astral_core.host.state import LoadedPlugin
from astral_core.kinds.command import Commands
from astral_core.kinds.roles import check_roles

MakePlugin = Callable[..., LoadedPlugin]
MakeSettings = Callable[..., Settings]
KNOWN = {"support": "Answers people", "analyst": "Sees figures"}


async def handler(ctx: Context, view: Any = None) -> None:
    """Fits most kinds."""


def build(*routes: Routes, roles: dict[str, str] | None = None) -> Registry:
    """The registry of one plugin `desk` with these routes and roles."""
    desk = LoadedPlugin("desk", "astral-desk", "1.0", "astral_desk.plugin")
    take(desk, Plugin(routes=routes, roles=KNOWN if roles is None else roles), "astral_desk")
    return build_registry([desk], {}, ())


def declare(kind: str, *arguments: Any, **options: Any) -> Routes:
    """One declaration of this kind."""
    routes = Routes()
    getattr(routes, kind)(*arguments, **options)(handler)
    return routes


KINDS = [
    ("command", ("tea",)), ("callback", ("tea",)), ("question", ("tea",)), ("message", ("photo",)), ("text", ()),
    ("deep_link", ("tea",)), ("inline", ()), ("web_app_data", ()), ("on", ("message_reaction",)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
@pytest.mark.parametrize("role", [OWNER, "support"])
def test_every_kind_of_route_takes_a_role(kind: str, arguments: tuple[str, ...], role: str) -> None:
    """The route has it, and `astral routes` shows it."""
    registry = build(declare(kind, *arguments, role=role))
    held = next(kind for kind in registry.kinds.values() if kind.routes)
    (route,) = held.routes.values()
    assert route.role == role
    (line,) = held.lines()
    assert role in line.note


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_a_role_that_the_plugin_does_not_name_is_refused(kind: str, arguments: tuple[str, ...]) -> None:
    """With the nearest name, or with what to declare."""
    with pytest.raises(DeclarationError, match=r"role='suport' is none .* Fix: did you mean 'support'\?"):
        build(declare(kind, *arguments, role="suport"))
    with pytest.raises(
        DeclarationError, match=re.escape("""Fix: Plugin(roles={'kitchen': N_("what it is for")}).""")
    ):
        build(declare(kind, *arguments, role="kitchen"))
    with pytest.raises(DeclarationError, match="role=5 is none"):
        build(declare(kind, *arguments, role=5))


def test_a_menu_item_takes_a_role_and_that_of_its_route() -> None:
    """The menu stands in private chats, where no group has administrators."""
    routes = declare("callback", "tea")
    routes.menu("Tea", routes.declared[0](), role="support")
    registry = build(routes)
    assert registry.roles_of(registry.menu[0]) == {"support", None}
    routes = declare("callback", "tea")
    routes.menu("Tea", routes.declared[0](), role="suport")
    with pytest.raises(DeclarationError, match="menu item 'Tea': role='suport'"):
        build(routes)
    for options, role in (({}, CHAT_ADMIN), ({"chat": ANY, "role": CHAT_ADMIN}, None)):
        routes = declare("callback", "tea", **options)
        routes.menu("Tea", routes.declared[0](), role=role)
        with pytest.raises(DeclarationError, match="is for administrators of a group"):
            build(routes)


@pytest.mark.parametrize(("kind", "arguments"), KINDS)
def test_nobody_is_a_groups_administrator_where_no_group_is(kind: str, arguments: tuple[str, ...]) -> None:
    """In the private chat alone, in inline mode, from a Mini App; in both kinds of chats it is for the group."""
    with pytest.raises(DeclarationError, match="role=CHAT_ADMIN is for administrators of a group"):
        build(declare(kind, *arguments, role=CHAT_ADMIN))
    if kind not in ("inline", "web_app_data"):
        assert build(declare(kind, *arguments, role=CHAT_ADMIN, chat=PRIVATE | GROUP))
        assert build(declare(kind, *arguments, role=CHAT_ADMIN, chat=GROUP))


@pytest.mark.parametrize(
    ("update", "chat", "role", "said"),
    [
        ("poll", ANY, "support", "Telegram names nobody"),
        ("message_reaction_count", GROUP, "support", "Telegram names nobody"),
        ("poll_answer", ANY, CHAT_ADMIN, "'poll_answer' comes from no chat"),
        ("chosen_inline_result", ANY, CHAT_ADMIN, "comes from no chat"),
    ],
)
def test_an_update_that_names_nobody_has_no_role(update: str, chat: Any, role: str, said: str) -> None:
    """Its route would be silent for ever; one that comes from nowhere has no group's administrators."""
    with pytest.raises(DeclarationError, match=said):
        build(declare("on", update, chat=chat, role=role))
    assert build(declare("on", update, chat=chat))


@pytest.mark.parametrize("name", ["", "Support", "a b", "x" * 33, "команда", "sup.port", 5])
def test_a_name_of_a_role_is_checked(name: Any) -> None:
    """1-32 of a-z 0-9 _ -."""
    with pytest.raises(DeclarationError, match="must be 1-32 of a-z 0-9 _ -"):
        build(roles={name: "For something"})


@given(st.text(min_size=1, max_size=40), st.text(max_size=5))
def test_whatever_a_plugin_gives_is_kept_as_it_is_or_refused(name: str, text: str) -> None:
    """A role that is taken fits the table, the settings, and the question that keeps it."""
    try:
        found = check_roles("desk", {name: text})
    except DeclarationError:
        assert name in (OWNER, CHAT_ADMIN) or not text.strip() or re.fullmatch(r"[a-z0-9_-]{1,32}", name) is None
    else:
        assert found == {name: text}
        assert load_settings(roles={name: [1]}).roles == {name: (1,)}


def test_the_cores_own_roles_and_roles_without_a_purpose_are_refused() -> None:
    """As is what is no dict."""
    for name in ("owner", "chat_admin"):
        with pytest.raises(DeclarationError, match=f"Fix: use role={name.upper()} without declaring it"):
            build(roles={name: "x"})
    with pytest.raises(DeclarationError, match="'support' does not say what it is for"):
        build(roles={"support": " "})
    with pytest.raises(DeclarationError, match="is no dict"):
        Plugin(roles=["support"])  # type: ignore[arg-type]  # what authors may try


def test_two_plugins_may_name_the_same_role_and_one_that_goes_takes_its_text_along(make_plugin: MakePlugin) -> None:
    """It is the same role; when nobody names it any more, it is not there."""
    one, two = (make_plugin(name, roles={"support": f"For {name}"}) for name in ("one", "two"))
    host = load(Settings(), core_plugin, [one, two])
    assert host.registry.roles == {"support": {"one": "For one", "two": "For two"}}
    host.registry.withdraw("one")
    assert host.registry.roles == {"support": {"two": "For two"}}
    host.registry.withdraw("two")
    assert host.registry.roles == {}


def test_each_menu_lists_what_its_people_may() -> None:
    """Of a group's menu nobody but administrators has more; a role of the owner's is for private chats."""
    routes = Routes()
    for name, options in {
        "all": {}, "own": {"role": OWNER}, "few": {"role": "support"}, "admins": {"role": CHAT_ADMIN},
        "hid": {"role": OWNER, "hidden": True},
    }.items():  # fmt: skip
        routes.command(name, description="x", chat=PRIVATE | GROUP, **options)(handler)
    commands = build(routes).of(Commands)
    shown = {
        (chat, who): [name for name, _ in commands.listed(chat, lambda role, who=who: role in who)]
        for chat in (PRIVATE, GROUP)
        for who in ((), ("support",), (OWNER, "support", CHAT_ADMIN))
    }
    assert shown == {
        (PRIVATE, ()): ["all"], (PRIVATE, ("support",)): ["all", "few"],
        (PRIVATE, (OWNER, "support", CHAT_ADMIN)): ["all", "own", "few"],
        (GROUP, ()): ["all"], (GROUP, ("support",)): ["all"],
        (GROUP, (OWNER, "support", CHAT_ADMIN)): ["all", "admins"],
    }  # fmt: skip


# --- settings


def test_roles_in_the_file_and_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list, one id, or ids with commas."""
    assert load_settings(roles={"support": [1, 2], "analyst": 3}).roles == {"support": (1, 2), "analyst": (3,)}
    monkeypatch.setenv("ASTRAL_ROLES__SUPPORT", "[4, 5]")
    assert load_settings().roles == {"support": (4, 5)}
    monkeypatch.setenv("ASTRAL_ROLES__SUPPORT", "6, 7")
    assert load_settings().roles == {"support": (6, 7)}


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"owner": [1]}, "Fix: put owners into admins"),
        ({"chat_admin": [1]}, "groups name their administrators themselves"),
        ({"Sup": [1]}, "must be 1-32"),
        ({"support": [-100]}, "is no person"),
        ({"support": [2**60]}, "is no person"),
        ({"support": list(range(1, 1002))}, "has 1001 people; it takes 1000"),
        ({"support": ["hunter2"]}, "valid integer"),
        (5, "valid dictionary"),
    ],
)
def test_wrong_roles_are_told_without_the_value(roles: Any, said: str) -> None:
    """What is wrong and what to write; no id."""
    with pytest.raises(ConfigError, match=said) as caught:
        load_settings(roles=roles)
    assert not re.search(r"hunter2|-100\b", str(caught.value))


def test_a_role_that_no_plugin_names_is_warned_of(
    make_plugin: MakePlugin, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """With the nearest name; it would let nobody do anything."""
    desk = make_plugin("desk", roles=KNOWN)
    load(make_settings(roles={"suport": [1], "kitchen": [2], "support": [3]}), core_plugin, [desk])
    assert "[roles] suport: no plugin that is loaded names this role. Did you mean 'support'?" in caplog.text
    assert "[roles] kitchen: no plugin that is loaded names this role. Fix: install the plugin" in caplog.text
    assert len(caplog.records) == 2
