"""`astral_health`: what plugins say of themselves is shown in /metrics and told to admins; none holds it up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import pytest
from sqlalchemy import event, insert, text, update

from astral_core import N_, Context, Health, HealthFinding, PluginContext
from astral_core.app import composition
from astral_core.checkup import Checkup
from astral_core.db.tables import DEAD, DONE, PARKED, core_inbox, core_replicas
from astral_core.host.health import HealthHooks
from astral_core.host.state import LoadedPlugin
from astral_core.inbox.row_updates import SUSPECT
from astral_playground.testkit.bot import BotKit, bot_kit

MakePlugin = Callable[..., LoadedPlugin]
Say = Callable[[], Awaitable[Any]]
LEAK = HealthFinding(
    "leak", N_("{n} leaks in <b>the hull</b>."), N_("Call <code>{who}</code>."), "error", {"n": 2, "who": "<x>"}
)


class Ship:
    """A plugin whose health the test decides."""

    def __init__(self, make_plugin: MakePlugin, name: str = "ship") -> None:
        self.say: Say = self.well
        self.asked = 0

        async def astral_health(ctx: PluginContext) -> Health:
            self.asked += 1
            found: Health = await self.say()
            return found

        async def hello(ctx: Context) -> None:
            ctx.reply("hello")

        self.plugin = make_plugin(name, commands={f"{name}_hello": hello}, hooks=[astral_health])

    async def well(self) -> Health:
        """Two sails."""
        return Health(gauges={"sails": 2})

    async def leaking(self) -> Health:
        """An error and a warning."""
        return Health([LEAK, HealthFinding("paint", N_("The paint is old."), N_("Paint it."))], {"sails": 1})

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
    monkeypatch.setattr(composition, "HealthHooks", partial(HealthHooks, limit=0.3))
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


def finding(*arguments: Any, **more: Any) -> Health:
    """A health of one finding, of whatever types."""
    return Health([HealthFinding(*arguments, **more)])


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (lambda: None, "returned None, not a Health"),
        (lambda: Health(["it leaks"]), "a finding is of the type str"),  # type: ignore[list-item]
        (lambda: Health("it leaks"), "a finding is of the type str"),  # type: ignore[arg-type]
        (lambda: Health([("leak", "it leaks")]), "a finding is of the type tuple"),  # type: ignore[list-item]
        (lambda: Health(None), "findings are of the type NoneType"),  # type: ignore[arg-type]
        (lambda: Health(one for one in [LEAK]), "findings are of the type generator"),  # type: ignore[arg-type]
        (lambda: Health(gauges=[("sails", 1)]), "gauges are of the type list"),  # type: ignore[arg-type]
        (lambda: Health(gauges={"Sails": 1}), "the gauge 'Sails' is no name"),
        (lambda: Health(gauges={7: 1}), "the gauge 7 is no name"),  # type: ignore[dict-item]
        (lambda: Health(gauges={"sails": "2"}), "'sails' is of the type str"),  # type: ignore[dict-item]
        (lambda: Health(gauges={"sails": True}), "'sails' is of the type bool"),
        (lambda: Health(gauges={"sails": 10**400}), "'sails' is too large or no number"),
        (lambda: Health(gauges={"sails": 10**5000}), "'sails' is too large or no number"),
        (lambda: Health(gauges={"sails": float("nan")}), "'sails' is too large or no number"),
        (lambda: Health(gauges={"sails": float("inf")}), "'sails' is too large or no number"),
        (lambda: finding("Leak", "a", "b"), "the code 'Leak' of a finding is no name"),
        (lambda: finding(7, "a", "b"), "the code 7 of a finding is no name"),
        (lambda: finding("leak", "a", "b", "fatal"), "'leak' has the level 'fatal'"),
        (lambda: finding("leak", "a", "", "error"), "'leak', its fix: the text is empty"),
        (lambda: finding("leak", " ", "b"), "'leak', its text: the text is empty"),
        (lambda: finding("leak", None, "b"), "'leak', its text: the text is of the type NoneType"),
        (lambda: finding("leak", "{n}", "b", values={"m": 1}), "'leak', its text: the text cannot be filled in"),
        (lambda: finding("leak", "a", "{n.no}", values={"n": 1}), "'leak', its fix: the text cannot be filled in"),
        (lambda: finding("leak", "a", "b", values=None), "'leak' has values that are no dict"),
        (lambda: finding("leak", "a", "b", values={1: 2}), "'leak' has values that are no dict"),
        (lambda: finding("leak", "Queue < 5 rows.", "b"), "'leak', its text: '< 5 rows.' begins with a bare '<'"),
        (lambda: finding("leak", "a", "<b>mend it"), "'leak', its fix: <b> is never closed"),
        (lambda: finding("leak", "a" * 1600, "b"), "has 1601 characters"),
    ],
)
async def test_a_wrong_answer_is_a_failed_hook(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture, answer: Callable[[], Any], what: str
) -> None:
    """The log says whose it is and what is wrong. The other plugins' findings and gauges are shown as ever."""
    ship, boat = Ship(make_plugin), Ship(make_plugin, "boat")

    async def say() -> Any:
        return answer()

    ship.say, boat.say = say, boat.leaking
    async with bot_kit(sqlite_url, [ship.plugin, boat.plugin], admins=(7001,)) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        await look(kit)
        assert "astral_health of plugin 'ship' failed" in caplog.text
        assert what in caplog.text
        assert await metrics(kit) == {"astral_boat_sails": 1}
        assert alerts(olga) == ["⚠️ boat\n\n2 leaks in the hull.\n\nCall <x>."]


@pytest.mark.parametrize("error", [RuntimeError("no hull"), asyncio.CancelledError()])
async def test_nothing_ends_the_checkup(
    sqlite_url: str,
    make_plugin: MakePlugin,
    caplog: pytest.LogCaptureFixture,
    until: Say,
    monkeypatch: Any,
    error: Any,
) -> None:
    """What goes wrong there is in the log, and a minute later everybody is asked again; the bot goes on."""
    ship, failed = Ship(make_plugin), list[bool]()
    real = Checkup.look

    async def look_once(checkup: Checkup) -> None:
        if not failed:
            failed.append(True)
            raise error
        await real(checkup)

    monkeypatch.setattr(Checkup, "look", look_once)
    async with bot_kit(sqlite_url, [ship.plugin]) as kit:

        def asked() -> bool:
            kit.telegram.world.clock.advance(61)
            return ship.asked > 0

        await until(asked)
        assert failed
        assert not kit.running.supervisor.lost
        assert "the plugins' health could not be shown; trying again" in caplog.text


async def test_what_cannot_be_told_or_shown_costs_nothing_else(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the same plugin's next finding nor another plugin's gauges; plugin and code stand in the log."""
    ship, boat = Ship(make_plugin), Ship(make_plugin, "boat")

    async def odd() -> Health:
        silent = HealthFinding("silent", N_("a"), N_("b"), "error")
        object.__setattr__(silent, "fix", "")
        health = Health([silent, LEAK])
        object.__setattr__(health, "gauges", {"sails": object()})
        return health

    ship.say = odd
    async with bot_kit(sqlite_url, [ship.plugin, boat.plugin], admins=(7001,)) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        await look(kit)
        assert await metrics(kit) == {"astral_ship_sails": 0, "astral_boat_sails": 2}
        assert alerts(olga) == ["⚠️ ship\n\n2 leaks in the hull.\n\nCall <x>."]
        assert "plugin 'ship': the admins could not be alerted of the finding 'silent'" in caplog.text
        assert "plugin 'ship': the gauges of astral_health could not be shown" in caplog.text


async def test_a_finding_says_what_it_said_when_it_was_made(sqlite_url: str, make_plugin: MakePlugin) -> None:
    """Whatever the plugin does with its own objects, lists and dicts meanwhile."""
    ship = Ship(make_plugin)

    class Count:
        def __init__(self) -> None:
            self.text = "<3>"

        def __str__(self) -> str:
            return self.text

    async def changing() -> Health:
        count, findings, gauges = Count(), list[HealthFinding](), {"sails": 3.0}
        findings.append(HealthFinding("leak", N_("{n} leaks."), N_("Mend it."), "error", {"n": count}))
        health = Health(findings, gauges)
        count.text = "no"
        findings.clear()
        gauges.clear()
        return health

    ship.say = changing
    async with bot_kit(sqlite_url, [ship.plugin], admins=(7001,)) as kit:
        olga = kit.chat("Olga", id=7001)
        await olga.send("/start")
        await look(kit)
        assert alerts(olga) == ["⚠️ ship\n\n<3> leaks.\n\nMend it."]
        assert await metrics(kit) == {"astral_ship_sails": 3}


async def test_a_hook_that_hung_once_is_asked_anew_in_the_next_round(
    sqlite_url: str, make_plugin: MakePlugin, until: Say, caplog: pytest.LogCaptureFixture
) -> None:
    """That it was cancelled is the end of its old failure and no new one; an error of its own is in the log."""
    ship, ended = Ship(make_plugin), list[str]()

    async def hanging() -> Health:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("")
            if len(ended) == 2:
                raise RuntimeError("no way back") from None
            raise
        return Health()

    async with bot_kit(sqlite_url, [ship.plugin]) as kit:
        hooks = HealthHooks(kit.running.host, limit=0.2)
        for number in (1, 2):
            ship.say = hanging
            (failed,) = (await hooks.ask())["ship"].findings
            assert "it gave no answer" in failed.values["what"]
            await until(lambda number=number: len(ended) == number)
            ship.say = ship.well
            assert (await hooks.ask())["ship"] == Health(gauges={"sails": 2})
        assert "astral_health of plugin 'ship' ended late" in caplog.text
        assert "no way back" in caplog.text


async def test_two_plugins_never_share_a_gauge(
    sqlite_url: str, make_plugin: MakePlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Their names may meet in /metrics: the first keeps it, also while it shows none; the log names the other."""
    ship, other = Ship(make_plugin), Ship(make_plugin, "ship_a")

    async def fleet() -> Health:
        return Health(gauges={"a_sails": 7})

    ship.say = fleet
    async with bot_kit(sqlite_url, [ship.plugin, other.plugin]) as kit:
        for _ in range(2):
            await look(kit)
        assert await metrics(kit) == {"astral_ship_a_sails": 7}
        ship.say = ship.raising
        await look(kit)
        assert await metrics(kit) == {}
        ship.say = fleet
        await look(kit)
        assert await metrics(kit) == {"astral_ship_a_sails": 7}
        assert caplog.text.count("plugin 'ship_a': the gauge 'sails' of astral_health is taken") == 1


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
        kit.running.inbox.election.decide(False)
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
        told = "\n".join(alerts(olga))
        assert "Set aside: natal (failed), tides (quarantined)." in told
        assert "The inbox is nearly full: 8 rows wait." in told
        assert "Dead letters" not in told
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


async def test_the_core_counts_by_its_indexes(database_url: str) -> None:
    """Every replica counts once a minute: what is done and still kept is not read for that."""
    queries: list[tuple[str, Any]] = []
    async with bot_kit(database_url, []) as kit:
        done = [{"source": "x", "ext_id": str(n), "lane": 9, "kind": "message", "state": DONE} for n in range(3000)]
        engine = kit.running.database.engine
        async with engine.begin() as connection:
            await connection.execute(insert(core_inbox), done)
            await connection.execute(text("ANALYZE core_inbox"))

        def note(_c: Any, _cursor: Any, query: str, values: Any, *_more: Any) -> None:
            if "count(" in query and "core_inbox" in query and "core_plugins" not in query:
                queries.append((query, values))

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await HealthHooks(kit.running.host).ask()
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        assert queries
        explain = "EXPLAIN QUERY PLAN" if kit.running.database.is_sqlite else "EXPLAIN"
        async with engine.connect() as connection:
            for query, values in queries:
                plan = [row[-1] for row in await connection.exec_driver_sql(f"{explain} {query}", tuple(values))]
                read = [
                    line for line in plan if "core_inbox" in line and ("SCAN" in line.upper() or "SEARCH" in line)
                ]
                assert read
                for line in read:
                    assert any(f"ix_core_inbox_{name}" in line for name in ("pending", "dead", "parked")), plan
