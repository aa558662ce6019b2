"""The benchmark measures what it says: its load, its server, its judgement. No speed is asserted."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from benchmarks import roster, strangers
from benchmarks.api import Api
from benchmarks.bots import PLUGIN
from benchmarks.load import post, presses, span
from benchmarks.processes import cpu_seconds, free_port
from benchmarks.report import BenchError, Report
from benchmarks.wire import end_of_head, end_of_message

Handler = Callable[[web.Request], web.Response]


@asynccontextmanager
async def bot(answer: Handler) -> AsyncIterator[tuple[int, list[int]]]:
    """A bot that answers so; gives its port and the ids of the updates that it got."""
    got: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        got.append((await request.json())["update_id"])
        return answer(request)

    app = web.Application()
    app.router.add_post("/webhook/telegram", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port, got
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("message", "end"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", 40),
        (b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\no", -1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 59),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", -1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 27),
        (b"HTTP/1.1 200 OK\r\nContent-Le", -1),
    ],
)
def test_messages_end_where_http_says(message: bytes, end: int) -> None:
    """With a length, in chunks, without a body; and an unfinished one has no end."""
    assert end_of_message(bytearray(message)) == end
    assert end_of_head(bytearray(b"GET / HTTP/1.1\r\n")) == -1


@pytest.mark.parametrize("close", [False, True])
async def test_every_press_is_posted_once_and_its_answer_noted(close: bool) -> None:
    """Also where the server closes the connection after every answer."""

    def answer(request: web.Request) -> web.Response:
        response = web.Response()
        if close:
            response.force_close()
        return response

    items = presses(50, "press:noop", chats=7)
    async with bot(answer) as (port, got):
        done = await post(port, "secret", items, connections=4)
    assert sorted(got) == [item.number for item in items] == sorted(item.press.number for item in done)
    assert all(0 < item.seconds <= span(done) for item in done)
    assert {item.press.user for item in done} == {item.user for item in items[:7]}


async def test_a_rate_is_kept() -> None:
    """Posts come at the times that the rate asks for, not as fast as they are answered."""
    async with bot(lambda _: web.Response()) as (port, _):
        done = await post(port, "secret", presses(20, "press:noop"), rate=100)
    assert span(done) >= 0.1


async def test_a_post_that_is_refused_ends_the_load() -> None:
    """A figure made of refusals would look good and mean nothing."""
    async with bot(lambda _: web.Response(status=503)) as (port, _):
        with pytest.raises(BenchError, match="answered 503"):
            await post(port, "secret", presses(3, "press:noop"))
    with pytest.raises(BenchError, match="refuses connections"):
        await post(free_port(), "secret", presses(3, "press:noop"))


def test_a_press_is_what_telegram_posts() -> None:
    """python-telegram-bot reads it: a button press with the message and its twelve buttons."""
    from telegram import Bot, Message, Update

    update = Update.de_json(json.loads(presses(1, "press:edit")[0].body()), Bot("1:a"))
    query = update.callback_query
    assert query is not None
    assert query.data == "press:edit"
    assert isinstance(query.message, Message)
    assert query.message.reply_markup is not None
    assert sum(len(row) for row in query.message.reply_markup.inline_keyboard) == 12


async def test_the_server_counts_and_notes_what_comes(tmp_path: Path) -> None:
    """The chat is found in JSON, in a form and in a multipart body."""
    form = aiohttp.FormData()
    form.add_field("chat_id", "44")
    form.add_field("photo", b"\x89PNG", filename="picture.png")
    async with Api(tmp_path) as api, aiohttp.ClientSession() as session:
        await api.note()
        async with session.post(f"{api.url}/bot1:a/sendMessage", json={"chat_id": 42, "text": "x"}) as answer:
            assert (await answer.json())["ok"]
        async with session.post(f"{api.url}/bot1:a/sendMessage", data={"chat_id": "43", "text": "x"}) as answer:
            assert (await answer.json())["ok"]
        async with session.post(f"{api.url}/bot1:a/sendPhoto", data=form) as answer:
            assert (await answer.json())["result"]["photo"]
        await asyncio.wait_for(api.until("sendMessage", 2), 5)
        assert [(call.method, call.chat) for call in await api.calls()] == [
            ("sendMessage", 42),
            ("sendMessage", 43),
            ("sendPhoto", 44),
        ]


def test_budgets_are_judged_and_written(tmp_path: Path) -> None:
    """Met, missed and not measured are told apart, in print and in Markdown."""
    report = Report(facts=[("Python", "3.11")])
    report.section("Speed", "of the bots", "bot", "µs").add("Astral | SQLite", "12")
    report.at_most("memory", 129.9, 130, "MB", "after the start")
    report.at_least("rate", 1_400, 1_500, "/s")
    report.missing("grammY", "<= 1 x", "node is not installed")
    report.write(tmp_path / "RESULTS.md", "by hand")
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| memory | <= 130 MB | 130 MB (after the start) | met |" in text
    assert "| rate | >= 1,500 /s | 1,400 /s | MISSED |" in text
    assert "| grammY | <= 1 x | node is not installed | not measured |" in text
    assert "| Astral \\| SQLite | 12 |" in text
    assert "1 of 3 met." in text


def test_peers_are_chosen_by_the_beginning_of_their_names() -> None:
    """The floor always takes part: everything is measured against it."""
    assert [peer.key for peer in roster.chosen("ptb, aiogram")] == ["floor", "aiogram", "ptb-aiohttp", "ptb-tornado"]
    assert roster.chosen(None) == roster.PEERS
    assert all((roster.PROGRAMS / peer.program).is_file() for peer in roster.PEERS)


def test_a_peer_that_cannot_be_had_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without node there is a row with the reason, and no traceback."""
    monkeypatch.setenv("PATH", "")
    grammy = next(peer for peer in roster.PEERS if peer.key == "grammy")
    with pytest.raises(BenchError, match="node is not installed"):
        grammy.command()


def test_the_plugin_of_the_benchmark_is_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host takes it, with as many routes in front as asked for."""
    from astral_core.host.discover import from_file, import_plugin

    monkeypatch.setenv("BENCH_ROUTES", "30")
    plugin = from_file(PLUGIN)
    import_plugin(plugin)
    names = [route.name for route in plugin.declared.routes if hasattr(route, "name")]
    assert names[:30] == [f"route{number}" for number in range(30)]
    assert {"noop", "edit", "manual", "writes", "send"} <= set(names[30:])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_the_cpu_time_of_another_process_is_seen() -> None:
    """Also that of a child which has done some work."""
    with subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000)); input()"], stdin=subprocess.PIPE) as child:
        while cpu_seconds(child.pid) == 0:
            os.sched_yield()
        child.kill()
    assert cpu_seconds(os.getpid()) > 0


async def test_strangers_are_told_from_a_payment_that_we_know(sqlite_url: str) -> None:
    """Every forged post has its answer, every person his, and the genuine notification is taken."""
    found = await strangers.run(sqlite_url, posts=20, delay=0.0, people=2)
    assert sum(found.forged.values()) == 20
    assert (len(found.waited), found.genuine) == (2, 200)
    assert found.p99 == max(found.waited)
