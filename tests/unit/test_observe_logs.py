"""Logs, error ids, metrics, telemetry and the watchdog: what an owner sees, and what nobody sees."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core import Handled
from astral_core.observe import telemetry as telemetry_module
from astral_core.observe.errorid import ALPHABET, new_error_id
from astral_core.observe.logs import JsonFormatter, TextFormatter, configure_logging, scope
from astral_core.observe.metrics import Metrics
from astral_core.observe.redactor import Redactor
from astral_core.observe.telemetry import Telemetry
from astral_core.observe.watchdog import Watchdog

SECRET = "very-secret-value-0123"
TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"


@pytest.fixture
def kept_root() -> Iterator[None]:
    """configure_logging changes the root logger; this puts it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level for name in ("httpx", "httpcore", "telegram", "aiosqlite", "alembic")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.usefixtures("kept_root")
@pytest.mark.parametrize("as_json", [False, True])
def test_no_line_shows_a_secret_not_even_its_traceback(as_json: bool) -> None:
    """Messages, arguments, extras and tracebacks pass the redactor; anything like a bot token is hidden unasked."""
    stream = io.StringIO()
    configure_logging([SECRET], as_json=as_json, stream=stream)
    logger = logging.getLogger("astral.test")
    logger.warning("sent %s to %s", SECRET, f"https://api.telegram.org/bot{TOKEN}/getMe", extra={"what": SECRET})
    try:
        int(f"refused: {SECRET} {TOKEN}")
    except ValueError:
        logger.exception("failed")
    written = stream.getvalue()
    assert SECRET not in written
    assert TOKEN not in written
    assert written.count("[hidden]") >= 3
    assert "ValueError" in written


@given(st.text("abc123-_", min_size=6, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    """Also where one secret is part of another: the longer one goes first."""
    redact = Redactor([secret, secret + "more"])
    shown = redact(f"{before}|{secret}more|{secret}|{after}")
    assert shown.count("[hidden]") >= 2
    assert f"|{secret}" not in shown


def test_lines_carry_the_handler_they_belong_to() -> None:
    """Row, plugin and route stand in every line that a handler logs, in both formats."""
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": "hello", "ms": 3})
    token = scope.set({"row": 7, "plugin": "moon", "route": "again"})
    try:
        text = TextFormatter(Redactor()).format(record)
        line = json.loads(JsonFormatter(Redactor()).format(record))
    finally:
        scope.reset(token)
    assert "[row=7 plugin=moon route=again]  hello" in text
    assert (line["row"], line["plugin"], line["message"], line["ms"]) == (7, "moon", "hello", 3)


def test_error_ids_can_be_read_aloud_and_do_not_repeat() -> None:
    """Eight letters without those that look alike."""
    made = {new_error_id() for _ in range(500)}
    assert len(made) == 500
    for letter in "01OILU":
        assert letter not in ALPHABET
    assert all(len(one) == 9 and one[4] == "-" and set(one.replace("-", "")) <= set(ALPHABET) for one in made)


def handled(**changes: Any) -> Handled:
    """The record of one handled row."""
    values: dict[str, Any] = {"plugin": "moon", "route": "again", "kind": "callback", "outcome": "ok", "ms": 12.0}
    return Handled(**{**values, "wait_ms": 3.0, "at": 1.0, **changes})


async def test_each_handled_row_is_one_line_and_one_count(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is counted twice and nothing is silent; the error id stands in the line."""
    metrics = Metrics()
    telemetry = Telemetry(metrics, [])
    with caplog.at_level(logging.INFO, "astral.handled"):
        telemetry.handled(handled())
        telemetry.handled(handled(outcome="dead", error_id="K7QM-2XWT"))
    assert [record.message.partition(" in ")[0] for record in caplog.records] == [
        "callback moon:again ok",
        "callback moon:again dead",
    ]
    assert "error K7QM-2XWT" in caplog.records[1].message
    shown = metrics.render().decode()
    assert 'astral_updates_done_total{outcome="ok",plugin="moon",route="again"} 1.0' in shown
    assert 'astral_updates_done_total{outcome="dead",plugin="moon",route="again"} 1.0' in shown
    assert 'astral_handler_seconds_sum{plugin="moon",route="again"} 0.024' in shown


async def test_a_subscriber_that_fails_takes_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Telemetry is handed to each subscriber; what one loses is logged with its name."""
    got: list[list[Handled]] = []

    async def failing(batch: list[Handled]) -> None:
        raise RuntimeError("disk full")

    async def keeping(batch: list[Handled]) -> None:
        got.append(batch)

    telemetry = Telemetry(Metrics(), [("sun", failing), ("moon", keeping)])
    telemetry.handled(handled())
    await telemetry.stop()
    assert [[item.route for item in batch] for batch in got] == [["again"]]
    assert "plugin 'sun' lost a batch of 1 telemetry records" in caplog.text


async def test_a_subscriber_that_hangs_or_was_withdrawn_holds_nobody_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch has its time limit; a plugin whose lifespan failed is not called at all."""
    monkeypatch.setattr(telemetry_module, "TIMEOUT", 0.05)
    got: list[str] = []

    async def hanging(batch: list[Handled]) -> None:
        await asyncio.Event().wait()

    async def withdrawn(batch: list[Handled]) -> None:
        got.append("withdrawn")

    async def keeping(batch: list[Handled]) -> None:
        got.append("keeping")

    telemetry = Telemetry(Metrics(), [("sun", hanging), ("mars", withdrawn), ("moon", keeping)])
    telemetry.withdraw("mars")
    telemetry.handled(handled())
    await telemetry.flush()
    assert got == ["keeping"]
    assert "plugin 'sun' lost a batch of 1 telemetry records" in caplog.text


async def test_a_batch_on_its_way_arrives_when_the_bot_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber that is writing when the bot ends writes to the end, and then what came meanwhile."""
    monkeypatch.setattr(telemetry_module, "PERIOD", 0.001)
    began, go = asyncio.Event(), asyncio.Event()
    got: list[str] = []

    async def slow(batch: list[Handled]) -> None:
        began.set()
        await go.wait()
        got.extend(item.route for item in batch)

    telemetry = Telemetry(Metrics(), [("sun", slow)])
    telemetry.start()
    telemetry.handled(handled())
    await began.wait()
    telemetry.handled(handled(route="then"))
    stopping = asyncio.create_task(telemetry.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping
    assert got == ["again", "then"]


async def test_what_the_forgotten_did_is_handed_out_without_their_ids() -> None:
    """Who asked to be forgotten a moment ago, or is forgotten in the database; nobody's id where that is away."""
    got: list[Handled] = []
    away = False

    async def keeping(batch: list[Handled]) -> None:
        got.extend(batch)

    async def forgotten(people: set[int]) -> set[int]:
        if away:
            raise OSError("no connection")
        return people & {2}

    telemetry = Telemetry(Metrics(), [("moon", keeping)], forgotten)
    telemetry.forget(1)
    for number in (1, 2, 3):
        telemetry.handled(handled(user_id=number, chat_id=number, update_id=10 + number))
    await telemetry.flush()
    telemetry.handled(handled(user_id=1, chat_id=1, update_id=14))  # who was forgotten has come back
    await telemetry.flush()
    away = True
    telemetry.handled(handled(user_id=3, chat_id=3, update_id=15))
    await telemetry.flush()
    ids = [(item.user_id, item.chat_id, item.update_id) for item in got]
    nobody = (None, None, None)
    assert ids == [nobody, nobody, (3, 3, 13), (1, 1, 14), nobody]


def test_two_bots_do_not_share_metrics() -> None:
    """Each has a registry of its own."""
    one, two = Metrics(), Metrics()
    one.duplicates.inc()
    assert b"astral_updates_duplicate_total 1.0" in one.render()
    assert b"astral_updates_duplicate_total 0.0" in two.render()


@pytest.fixture
def blocking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Writes a module whose function `block` holds the loop until the watchdog has reported."""

    def write(name: str) -> ModuleType:
        import importlib

        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def block(seen):\n    while not seen():\n        sum(range(1000))\n", encoding="utf-8")
        (path.parent / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        return importlib.import_module(name.removesuffix(".py").replace("/", "."))

    return write


async def test_the_watchdog_names_file_and_line_of_who_blocks(
    blocking: Callable[[str], ModuleType], caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin that computes in the event loop is named while it does so, once, and counted."""
    module = blocking("astral_slow/engine.py")
    metrics = Metrics()
    watchdog = Watchdog(metrics, lambda filename: "slow" if "/astral_slow/" in filename else None)
    watchdog.start()
    await asyncio.sleep(0.06)

    def reported() -> bool:
        return any("blocks the event loop" in record.message for record in caplog.records)

    module.block(reported)
    await watchdog.stop()
    messages = [record.message for record in caplog.records if "blocks the event loop" in record.message]
    assert "plugin 'slow'" in messages[0]
    assert f"{module.__file__}:" in messages[0]
    assert b'astral_event_loop_blocked_total{plugin="slow"}' in metrics.render()


async def test_an_idle_loop_is_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    """Waiting for events is no blocking."""
    watchdog = Watchdog(Metrics(), lambda _: "moon")
    watchdog.start()
    await asyncio.sleep(0.3)
    await watchdog.stop()
    assert "test_observe_logs" not in caplog.text


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    """What anybody may send never makes the stream refuse a line."""
    assert Redactor()("bad \ud800 input") == "bad \\ud800 input"
