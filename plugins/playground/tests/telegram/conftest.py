"""Fixtures: an emulator on a free port, the real client of python-telegram-bot, pictures, a webhook receiver."""

from __future__ import annotations

import asyncio
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import telegram
from aiohttp import web
from telegram.request import HTTPXRequest

from astral_core.botapi.table import Field, alternatives, table
from astral_playground.telegram import EmulatedUser, ManualClock, TelegramEmulator

_LEGACY = {"new_chat_member"}  # what the real server sends, too, for old bots
_SIMPLE: dict[str, Callable[[Any], bool]] = {
    "Integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "Float": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "String": lambda v: isinstance(v, str),
    "Boolean": lambda v: isinstance(v, bool),
    "True": lambda v: v is True,
}


def _amiss(type_: str, value: Any, place: str = "result") -> str:
    """Where a value is not of a type of the table, with all required members and no unknown ones; "" for nowhere."""
    kinds = alternatives(type_)
    if len(kinds) > 1:
        found = [_amiss(kind, value, place) for kind in kinds]
        return "" if "" in found else found[0]
    if type_.startswith("["):
        if not isinstance(value, list):
            return f"{place}: {value!r} is no {type_}"
        return next((bad for n, one in enumerate(value) if (bad := _amiss(type_[1:-1], one, f"{place}[{n}]"))), "")
    if type_ in _SIMPLE:
        return "" if _SIMPLE[type_](value) else f"{place}: {value!r} is no {type_}"
    known = table()
    if type_ in known.unions:
        if type_ == "RichText" and isinstance(value, str):
            return ""
        found = [_amiss(kind, value, place) for kind in known.unions[type_]]
        return "" if "" in found else min(found, key=len)
    if not isinstance(value, dict):
        return f"{place}: {value!r} is no {type_}"
    return _members_amiss(known.types[type_], value, place)


def _members_amiss(declared: dict[str, Field], value: dict[str, Any], place: str) -> str:
    for name, field in declared.items():
        if name not in value:
            if field.required:
                return f"{place}.{name} is missing"
            continue
        if field.constant and value[name] != field.constant:
            return f"{place}.{name} is not {field.constant}"
        if bad := _amiss(field.type, value[name], f"{place}.{name}"):
            return bad
    unknown = value.keys() - declared.keys() - _LEGACY
    return f"{place} has {sorted(unknown)}" if unknown else ""


@pytest.fixture(scope="session")
def amiss() -> Callable[..., str]:
    """What is wrong with a value of a type of the Bot API: `amiss("Message", value)`, "" for nothing."""
    return _amiss


def make_png(width: int, height: int) -> bytes:
    """A grey picture of the given size, complete and valid."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def png() -> Callable[[int, int], bytes]:
    """Makes PNG files."""
    return make_png


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
async def tg() -> AsyncIterator[TelegramEmulator]:
    """An emulator with the machine's clock."""
    async with TelegramEmulator() as emulator:
        yield emulator


@pytest.fixture
async def frozen(clock: ManualClock) -> AsyncIterator[TelegramEmulator]:
    """An emulator whose time only the test moves."""
    async with TelegramEmulator(clock=clock) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """For clients: one without it reads all certificates anew, for http, too."""
    return ssl.create_default_context()


@pytest.fixture
def new_bot(tls: ssl.SSLContext) -> Callable[[TelegramEmulator], telegram.Bot]:
    """Makes the real client for an emulator."""

    def make(emulator: TelegramEmulator, token: str | None = None) -> telegram.Bot:
        def request() -> HTTPXRequest:
            return HTTPXRequest(
                read_timeout=30,
                connect_timeout=30,
                pool_timeout=30,
                httpx_kwargs={"trust_env": False, "verify": tls},
            )

        return telegram.Bot(
            token or emulator.token,
            base_url=emulator.base_url,
            base_file_url=emulator.base_file_url,
            request=request(),
            get_updates_request=request(),
        )

    return make


@pytest.fixture
async def bot(tg: TelegramEmulator, new_bot: Callable[..., telegram.Bot]) -> AsyncIterator[telegram.Bot]:
    """The real client of the emulator `tg`."""
    async with new_bot(tg) as client:
        yield client


@pytest.fixture
async def frozen_bot(frozen: TelegramEmulator, new_bot: Callable[..., telegram.Bot]) -> AsyncIterator[telegram.Bot]:
    """The real client of the emulator `frozen`."""
    async with new_bot(frozen) as client:
        yield client


@pytest.fixture
async def anna(tg: TelegramEmulator) -> EmulatedUser:
    """A person who has written to the bot of `tg`."""
    person = tg.user("Анна", username="anna", language_code="ru", stars=100)
    await person.send("/start")
    return person


@pytest.fixture
async def olga(frozen: TelegramEmulator) -> EmulatedUser:
    """A person who has written to the bot of `frozen`."""
    person = frozen.user("Ольга", language_code="ru", stars=100)
    await person.send("/start")
    return person


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain HTTP client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def call(tg: TelegramEmulator, http: aiohttp.ClientSession) -> Callable[..., Any]:
    """Calls a method with a JSON body; the HTTP status and the decoded answer."""

    async def run(method: str, **params: Any) -> tuple[int, dict[str, Any]]:
        async with http.post(f"{tg.base_url}{tg.token}/{method}", json=params) as answer:
            return answer.status, await answer.json()

    return run


class Receiver:
    """A webhook receiver: keeps what came, answers what `answer` says, can hold answers back."""

    def __init__(self) -> None:
        self.url = ""
        self.updates: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.running = 0
        self.most_running = 0
        self.answers: list[Callable[[], web.Response]] = []
        self.default: Callable[[], web.Response] = lambda: web.Response()
        self.holds: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        """Take one update."""
        update = await request.json()
        self.updates.append(update)
        self.headers.append(dict(request.headers))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        async with self.changed:
            self.changed.notify_all()
        try:
            for kind, hold in self.holds.items():
                if kind in update:
                    await hold.wait()
            return self.answers.pop(0)() if self.answers else self.default()
        finally:
            self.running -= 1

    async def got(self, count: int) -> list[dict[str, Any]]:
        """Wait until `count` updates have come."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.updates) >= count)
        return self.updates

    @property
    def kinds(self) -> list[str]:
        """Kinds of the updates in order."""
        return [next(key for key in update if key != "update_id") for update in self.updates]

    @property
    def texts(self) -> list[str]:
        """Texts of the message updates in order."""
        return [update["message"].get("text", "") for update in self.updates if "message" in update]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook receiver on a free port."""
    took = Receiver()
    app = web.Application()
    app.router.add_post("/hook", took.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    took.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield took
    for hold in took.holds.values():
        hold.set()
    await runner.cleanup()


@pytest.fixture
def settle() -> Callable[[Callable[[], bool]], Any]:
    """Waits until a condition holds, giving the loop its turns."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - any condition, not one that announces itself
                await asyncio.sleep(0.002)

    return wait
