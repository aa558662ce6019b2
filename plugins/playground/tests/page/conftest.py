"""A browser, the page under its real headers, and a small stand-in for the emulator's interface."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from astral_playground.page import add_page
from astral_playground.testkit.browser import ARGUMENTS, PROGRAM, find_chromium

sys.path.insert(0, str(Path(__file__).parent))  # for `page_kit`, which is no part of any distribution
CHROMIUM = find_chromium()
OPTIONS: dict[str, Any] = {"locale": "ru-RU", "reduced_motion": "reduce"}  # positions are measured, focus is followed
COMMANDS = [
    {"command": "start", "description": "Начать"},
    {"command": "profile", "description": "Мой профиль"},
    {"command": "chart", "description": "Натальная карта"},
]


def png(width: int, height: int) -> bytes:
    """A picture of one colour: enough for the page, which only has to show it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x40\x60\xa0" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def person(user_id: int, name: str, language: str = "ru", **fields: Any) -> dict[str, Any]:
    base = {"id": user_id, "first_name": name, "last_name": "", "username": "", "language_code": language}
    more = {"premium": False, "stars": 500, "blocked": False, "commands": COMMANDS, "reply_keyboard": None}
    return {**base, **more, **fields}


def message(message_id: int, text: str = "", sender: str = "bot", chat_id: int = 1001, **fields: Any) -> Any:
    """A message as the interface gives it; `text` becomes one span without styles."""
    base: dict[str, Any] = {
        "message_id": message_id,
        "chat_id": chat_id,
        "from": sender,
        "date": int(time.time()),
        "edited": 0,
        "edit_date": None,
        "spans": [{"text": text, "styles": []}] if text else [],
        "caption_above": False,
        "buttons": [],
        "history": [],
        "raw": {"message_id": message_id, "text": text},
    }
    empty = ("photo", "document", "location", "contact", "media_group_id", "reply_to", "invoice", "service")
    return {**base, **dict.fromkeys(empty), **fields}


def update(update_id: int, summary: str, **fields: Any) -> dict[str, Any]:
    base = {"update_id": update_id, "type": "message", "user_id": 1001, "chat_id": 1001, "message_id": 1}
    more = {"date": int(time.time()), "summary": summary, "state": "delivered", "deliveries": [], "calls": []}
    return {**base, **more, "raw": {"update_id": update_id}, **fields}


async def _keep(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser keep the page's files from one test to the next."""
    if request.path.startswith("/static/"):
        response.headers["Cache-Control"] = "max-age=3600"


class Emulator:
    """Keeps a state, remembers what the page asked for, and pushes events to every open page."""

    def __init__(self) -> None:
        self.port = 0
        self.streams: list[asyncio.Queue[bytes | None]] = []
        self._runner: web.AppRunner | None = None
        self.begin()

    def begin(self) -> None:
        """Be as new; the page of the test before is gone."""
        bot = {"id": 42, "username": "playground_bot", "first_name": "Astral", "up": True, "detail": "", "stars": 0}
        texts = {"name": {"": "Astral", "ru": "Астрал"}, "description": {"": "Your chart.", "ru": "Ваша карта."}}
        self.state: dict[str, Any] = {
            "bot": {**bot, **texts, "mode": "webhook", "commands": {}, "menu_button": {"type": "commands"}},
            "users": [person(1001, "Анна"), person(1002, "Борис"), person(1003, "Emma", "en")],
            "chats": {},
            "updates": [],
            "traces": [],
            "faults": [],
            "switches": {},
        }
        self.seq = 10
        self.life = "a1"  # ids are good for one life of the emulator
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {}
        self._end_streams()
        self.frames: list[tuple[int, bytes]] = []
        self.states_read = 0
        self.news = asyncio.Event()  # something was asked

    def say(self, one: dict[str, Any]) -> None:
        """Put a message into its chat before the page opens."""
        self.state["chats"].setdefault(str(one["chat_id"]), []).append(one)

    def emit(self, event: str, data: Any) -> None:
        self.seq += 1
        frame = f"id: {self.life}-{self.seq}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
        self.frames.append((self.seq, frame))
        for stream in self.streams:
            stream.put_nowait(frame)

    def arrive(self, one: dict[str, Any]) -> None:
        """A message that comes while the page is open."""
        self.say(one)
        self.emit("message", {"user_id": one["chat_id"], "message": one})

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.asked if asked == path]

    async def was_asked(self, path: str, expected: list[Any]) -> None:
        """The page sent just these bodies to `path`; those under way are waited for."""
        async with asyncio.timeout(10):
            while len(self.bodies(path)) < len(expected):
                self.news.clear()
                await self.news.wait()
        assert self.bodies(path) == expected

    async def _state(self, _request: web.Request) -> web.Response:
        self.states_read += 1
        return web.json_response({**self.state, "seq": f"{self.life}-{self.seq}", "now": int(time.time())})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        await response.write(b"retry: 200\n\n")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        life, _, after = (request.headers.get("Last-Event-ID") or request.query["after"]).partition("-")
        if life == self.life:
            for frame in [frame for seq, frame in self.frames if seq > int(after)]:
                queue.put_nowait(frame)
        else:
            queue.put_nowait(f"id: {self.life}-{self.seq}\nevent: reset\ndata: {{}}\n\n".encode())
        self.streams.append(queue)
        while (data := await queue.get()) is not None:
            await response.write(data)
        return response

    async def _file(self, _request: web.Request) -> web.Response:
        return web.Response(body=png(40, 50), content_type="image/png")

    async def _ask(self, request: web.Request) -> web.Response:
        multipart = request.content_type.startswith("multipart/")
        body: Any = {name: getattr(part, "filename", part) for name, part in (await request.post()).items()}
        if not multipart:
            body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, body))
        self.news.set()
        status, answer = self.answers.get(request.path, (200, {}))
        return web.json_response(answer, status=status)

    async def start(self) -> str:
        app = web.Application()
        add_page(app)
        app.on_response_prepare.append(_keep)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/stream", self._stream)
        app.router.add_get("/api/files/{id}", self._file)
        app.router.add_route("*", "/api/{rest:.*}", self._ask)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        self._end_streams()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def running(self) -> bool:
        return self._runner is not None

    def _end_streams(self) -> None:
        for stream in self.streams:
            stream.put_nowait(None)
        self.streams.clear()


@pytest.fixture
def make() -> dict[str, Callable[..., Any]]:
    """The makers of test data: `message`, `person`, `update`."""
    return {"message": message, "person": person, "update": update}


@pytest.fixture
def picture() -> Callable[[int, int], bytes]:
    """Makes PNG files of a size."""
    return png


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(f"no Chromium on PATH; install one or name it in {PROGRAM}")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _shared_emulator() -> AsyncIterator[Emulator]:
    fake = Emulator()
    await fake.start()
    yield fake
    await fake.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def emulator(_shared_emulator: Emulator) -> Emulator:
    _shared_emulator.begin()
    if not _shared_emulator.running:  # a test had stopped it and failed
        await _shared_emulator.start()
    return _shared_emulator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(browser: Browser, _shared_emulator: Emulator) -> AsyncIterator[Page]:
    """A tab for many tests: it has the page's files already, and to open a window takes as long as to load them."""
    context = await browser.new_context(base_url=f"http://127.0.0.1:{_shared_emulator.port}", **OPTIONS)
    yield await context.new_page()
    await context.close()


class Opener:
    """Opens the page, empty as for a newcomer, and collects everything that went wrong in it."""

    def __init__(self, browser: Browser, tab: Page, home: str) -> None:
        self.browser = browser
        self.errors: list[str] = []
        self.allowed = ""  # console errors that contain this are expected by the test
        self._tab = tab  # taken by the first page of the test
        self._home = home
        self._taken = False
        self._closers: list[Callable[[], Any]] = []

    async def __call__(
        self, base: str, path: str = "/", width: int = 1200, height: int = 700, color_scheme: Any = "light"
    ) -> Page:
        if base == self._home and not self._taken:
            self._taken = True
            page = self._tab
        else:
            context = await self.browser.new_context(base_url=base, **OPTIONS)
            self._closers.append(context.close)
            page = await context.new_page()
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")
        page.set_default_timeout(10_000)
        listeners = self._listen(page, base)
        if page is self._tab:
            self._closers.append(partial(self._leave, listeners))
        await page.goto(path)
        return page

    async def _leave(self, listeners: list[tuple[Any, Any]]) -> None:
        """Make the tab a new one: nothing stored, no other window, no request held back, the mouse in its corner."""
        page = self._tab
        for other in page.context.pages:
            if other is not page:
                await other.close()
        await page.unroute_all()
        await page.evaluate("localStorage.clear(), sessionStorage.clear()")
        await page.mouse.move(0, 0)
        await page.goto("/api/files/nothing")  # of the same origin: the renderer stays
        for event, listener in listeners:
            page.remove_listener(event, listener)

    def _listen(self, page: Page, base: str) -> list[tuple[Any, Any]]:
        listeners: list[tuple[Any, Any]] = [
            ("pageerror", lambda error: self.errors.append(str(error))),
            ("console", self._console),
            ("request", partial(self._requested, base)),
        ]
        for event, listener in listeners:
            page.on(event, listener)
        return listeners

    def _requested(self, base: str, request: Request) -> None:
        """Nobody but the emulator is asked for anything. (To hold every request back for this takes its time.)"""
        if not request.url.startswith((base, "data:", "blob:")):
            self.errors.append(f"the page asked for {request.url}")

    def _console(self, line: ConsoleMessage) -> None:
        if line.type == "error" and not (self.allowed and self.allowed in line.text):
            self.errors.append(line.text)

    async def close(self) -> None:
        for closer in self._closers:
            await closer()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, emulator: Emulator, tab: Page) -> AsyncIterator[Opener]:
    opener = Opener(browser, tab, f"http://127.0.0.1:{emulator.port}")
    yield opener
    await opener.close()
    assert opener.errors == []  # violations of the page's policy arrive here too


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: Opener, emulator: Emulator) -> Page:
    """The page on a wide screen, with three people and empty chats."""
    opened = await open_page(f"http://127.0.0.1:{emulator.port}")
    await opened.locator("#people button").first.wait_for()
    return opened
