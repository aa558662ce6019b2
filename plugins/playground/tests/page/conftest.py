"""A browser, the page under its real headers, and a small stand-in for the emulator's interface."""

from __future__ import annotations

import asyncio
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from astral_playground.page import add_page
from astral_playground.testkit.browser import ARGUMENTS, PROGRAM, find_chromium

CHROMIUM = find_chromium()
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


class Emulator:
    """Keeps a state, remembers what the page asked for, and pushes events to every open page."""

    def __init__(self) -> None:
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
        self.streams: list[asyncio.Queue[bytes | None]] = []
        self.frames: list[tuple[int, bytes]] = []
        self.states_read = 0
        self.news = asyncio.Event()  # something was asked
        self.port = 0
        self._runner: web.AppRunner | None = None

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
        for stream in self.streams:
            stream.put_nowait(None)
        self.streams.clear()
        if self._runner is not None:
            await self._runner.cleanup()


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


@pytest_asyncio.fixture(loop_scope="session")
async def emulator() -> AsyncIterator[Emulator]:
    fake = Emulator()
    await fake.start()
    yield fake
    await fake.stop()


class Opener:
    """Opens the page in a fresh context and collects everything that went wrong in it."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.errors: list[str] = []
        self.allowed = ""  # console errors that contain this are expected by the test
        self._closers: list[Callable[[], Any]] = []

    async def __call__(
        self, base: str, path: str = "/", width: int = 1440, height: int = 900, **options: Any
    ) -> Page:
        # no animations: positions are measured and focus is followed
        context = await self.browser.new_context(
            base_url=base,
            viewport={"width": width, "height": height},
            locale="ru-RU",
            reduced_motion="reduce",
            **options,
        )
        self._closers.append(context.close)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)
        page.on("request", partial(self._requested, base))
        await page.goto(path)
        return page

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
async def open_page(browser: Browser, emulator: Emulator) -> AsyncIterator[Opener]:
    # depends on the emulator so that pages close before it stops: a lost connection would count as an error
    opener = Opener(browser)
    yield opener
    await opener.close()
    assert opener.errors == []  # violations of the page's policy arrive here too


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: Opener, emulator: Emulator) -> Page:
    """The page on a wide screen, with three people and empty chats."""
    opened = await open_page(f"http://127.0.0.1:{emulator.port}")
    await opened.locator("#people button").first.wait_for()
    return opened
