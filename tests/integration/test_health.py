"""`astral_health`: what plugins say of themselves is shown in /metrics and told to admins; none holds it up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest
from sqlalchemy import insert, update

from astral_core import Command, Context, Health, HealthFinding, PluginContext, Update, app, hookimpl
from astral_core.db.tables import DEAD, PARKED, core_inbox, core_replicas
from astral_core.host.health import HealthHooks
from astral_core.host.state import Plugin
from astral_core.inbox.notes import SUSPECT
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., Plugin]
Say = Callable[[], Awaitable[Any]]
LEAK = HealthFinding(
    "leak", "{n} leaks in <b>the hull</b>.", "Call <code>{who}</code>.", "error", {"n": 2, "who": "<x>"}
)


class Ship:
    """A plugin whose health the test decides."""

    def __init__(self, make_plugin: MakePlugin, name: str = "ship") -> None:
        self.say: Say = self.well
        self.asked = 0

        @hookimpl
        async def astral_health(ctx: PluginContext) -> Health:
            self.asked += 1
            found: Health = await self.say()
            return found

        async def hello(update: Update, ctx: Context) -> None:
            ctx.reply("hello")

        self.plugin = make_plugin(name, [Command(f"{name}_hello", hello)], hooks=[astral_health])

    async def well(self) -> Health:
        """Two sails."""
        return Health(gauges={"sails": 2})

    async def leaking(self) -> Health:
        """An error and a warning."""
        return Health([LEAK, HealthFinding("paint", "The paint is old.", "Paint it.")], {"sails": 1})

    async def hanging(self) -> Health:
        """Also where it is cancelled."""
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.say == self.hanging:
                    continue
                raise

    async def raising(self) -> Health:
        """A bug."""
        raise RuntimeError("no hull")


async def metrics(kit: BotKit) -> dict[str, float]:
    """The gauges of the ships, by name."""
    async with aiohttp.ClientSession() as http, http.get(f"{kit.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    found = [line.split() for line in lines if line.startswith(("astral_ship", "astral_boat"))]
    return {name: float(value) for name, value in found if name.endswith("sails")}


def alerts(chat: Any) -> list[str]:
    """What of the messages of a chat is an alert."""
    return [message.text for message in chat.messages if message.text.startswith("⚠️")]


async def look(kit: BotKit) -> None:
    """Ask all plugins now."""
    await kit.running.checkup.look()
    await kit.settled()


async def test_gauges_are_shown_and_vanish_while_the_hook_fails(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure is one log line with its traceback, however long it lasts, and hides no other plugin's gauges."""
    ship, boat = Ship(make_plugin), Ship(make_plugin, "boat")
    async with bot_kit(sqlite_url, [ship.plugin, boat.plugin]) as kit:
        await look(kit)
        assert await metrics(kit) == {"astral_ship_sails": 2, "astral_boat_sails": 2}
        ship.say = ship.raising
        for _ in range(2):
            await look(kit)
        assert await metrics(kit) == {"astral_boat_sails": 2}
        (record,) = [record for record in caplog.records if record.name == "astral.health"]
        assert record.getMessage() == "astral_health of plugin 'ship' failed: RuntimeError"
        assert record.exc_info is not None
        ship.say = ship.well
        await look(kit)
        assert await metrics(kit) == {"astral_ship_sails": 2, "astral_boat_sails": 2}


async def test_it_is_asked_once_a_minute(sqlite_url: str, make_plugin: MakePlugin, until: Any) -> None:
    """From the start on, by the bot's clock."""
    ship = Ship(make_plugin)
    async with bot_kit(sqlite_url, [ship.plugin]) as kit:
        await until(lambda: ship.asked == 1)

        def asked_again() -> bool:
            kit.telegram.world.clock.advance(61)
            return ship.asked > 1

        await until(asked_again)


async def test_a_plugin_that_hangs_holds_nobody_up(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/metrics answers, the others are asked, and it is not asked again before it has ended."""
    ship, boat = Ship(make_plugin), Ship(make_plugin, "boat")
    ship.say = ship.hanging
    monkeypatch.setattr(app, "HealthHooks", partial(HealthHooks, limit=0.3))
    async with bot_kit(sqlite_url, [ship.plugin, boat.plugin]) as kit:
        try:
            for _ in range(2):
                await look(kit)
            assert await metrics(kit) == {"astral_boat_sails": 2}
            assert ship.asked == 1
            assert caplog.text.count("'ship' failed: it gave no answer within") == 1
        finally:
            ship.say = ship.well  # it lets go with the next look
        await look(kit)
        await look(kit)
        await look(kit)
        assert await metrics(kit) == {"astral_ship_sails": 2, "astral_boat_sails": 2}


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (lambda: None, "HookError"),
        (lambda: Health(gauges={"Sails": 1}), "ValueError"),
        (lambda: Health(gauges={"sails": "2"}), "TypeError"),  # type: ignore[dict-item]
        (lambda: Health([HealthFinding("Leak", "a", "b")]), "ValueError"),
        (lambda: Health([HealthFinding("leak", "a", "b", "fatal")]), "ValueError"),  # type: ignore[arg-type]
        (lambda: Health([HealthFinding("leak", "{n}", "b", values={"m": 1})]), "KeyError"),
        (lambda: Health([HealthFinding("leak", "a" * 1600, "b")]), "ValueError"),
    ],
)
async def test_an_answer_that_is_none_is_a_failed_hook(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture, answer: Callable[[], Any], what: str
) -> None:
    """It is told with the plugin, and the bot goes on."""
    ship = Ship(make_plugin)

    async def say() -> Any:
        return answer()

    ship.say = say
    async with bot_kit(sqlite_url, [ship.plugin]) as kit:
        await look(kit)
        assert f"astral_health of plugin 'ship' failed: {what}" in caplog.text
        assert await metrics(kit) == {}


async def test_a_gauge_whose_name_is_taken_breaks_nothing(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """The plugin's own metric of that name stays what it is, and the log says why the other is not there."""
    ship = Ship(make_plugin)
    ship.say = ship.raising
    async with bot_kit(sqlite_url, [ship.plugin]) as kit:
        kit.running.host.contexts["ship"].gauge("sails", "Sails that are set").set(7)
        ship.say = ship.well
        await look(kit)
        await look(kit)
        assert await metrics(kit) == {"astral_ship_sails": 7}
        assert caplog.text.count("the gauge 'sails' of astral_health is taken") == 1


async def test_an_error_is_an_alert_and_a_warning_is_none(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """With text and fix, once an hour for as long as it is there."""
    ship = Ship(make_plugin)
    ship.say = ship.leaking
    async with bot_kit(sqlite_url, [ship.plugin], admins=(7001,)) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        await look(kit)
        told = "⚠️ ship\n\n2 leaks in the hull.\n\nCall <x>."
        assert alerts(olga) == [told]
        for _ in range(2):
            await look(kit)
        assert len([record for record in caplog.records if record.levelno == logging.WARNING and
                    record.name == "astral.alerts"]) == 1  # fmt: skip
        kit.telegram.world.clock.advance(3700)
        await look(kit)
        await look(kit)
        assert alerts(olga) == [told, told]


async def test_only_the_leader_alerts(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """The others show their gauges."""
    ship = Ship(make_plugin)
    async with bot_kit(sqlite_url, [ship.plugin], admins=(7001,)) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        kit.running.replica.leader = False
        ship.say = ship.leaking
        await look(kit)
        assert alerts(olga) == []
        assert await metrics(kit) == {"astral_ship_sails": 1}


async def test_the_core_says_what_waits_for_a_person(sqlite_url: str) -> None:
    """Plugins that a process has set aside, and an inbox that is nearly full, are alerts."""
    async with bot_kit(sqlite_url, [], admins=(7001,), inbox={"max_pending": 10}) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        await look(kit)
        assert alerts(olga) == []
        rows = [{"source": "x", "ext_id": str(n), "lane": 9, "kind": "message", "state": 0} for n in range(8)]
        dead = [{"source": "y", "ext_id": str(n), "lane": 9, "kind": "message", "state": DEAD} for n in range(3)]
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(core_inbox).values(rows + dead))
            states = '{"good": "active", "off": "disabled", "natal": "failed", "tides": "quarantined"}'
            await connection.execute(update(core_replicas).values(plugins=states))
        await look(kit)
        text = "\n".join(alerts(olga))
        assert "Set aside: natal (failed), tides (quarantined)." in text
        assert "The inbox is nearly full: 8 rows wait." in text
        assert "Dead letters" not in text
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(update(core_inbox).where(core_inbox.c.source == "x").values(state=1))


async def test_what_was_put_off_waits_for_no_plugin(sqlite_url: str) -> None:
    """A row that may have killed a process is named as that, beside rows that wait for a plugin that is away."""
    async with bot_kit(sqlite_url, []) as kit:
        parked = {"source": "x", "lane": 9, "kind": "message", "state": PARKED, "payload": "{}"}
        rows = [{**parked, "ext_id": "1", "parked_for": "tides"}, {**parked, "ext_id": "2", "parked_for": SUSPECT}]
        async with kit.running.database.engine.begin() as connection:
            await connection.execute(insert(core_inbox).values(rows))
        found = await HealthHooks(kit.running.host).ask()
        codes = {one.code: one.values for one in found["core"].findings}
        assert codes == {"rows-parked": {"n": 1}, "rows-suspect": {"n": 1}}
