"""A stage for one crash: bots with failpoints, an emulated Bot API, and single updates posted by hand."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from astral_core.db.migrate import CORE
from astral_playground.testkit.ports import free_port
from astral_playground.testkit.process import BotProcess, Nursery, until
from astral_playground.testkit.schema import fill

from .api import BotApi
from .books import Books
from .run import STORM, environment
from .telegram import HEADER
from .traffic import FIRST_CHAT, Posting, Writer

KILLED = -9


@dataclass
class Scene:
    """Everything that a crash needs. `replicas` are made by `replica()`."""

    nursery: Nursery
    api: BotApi
    books: Books
    http: aiohttp.ClientSession
    folder: Path
    secret: str
    writer: Writer = field(default_factory=lambda: Writer(1))
    replicas: list[BotProcess] = field(default_factory=list)

    def replica(self, plugin: Path = STORM) -> BotProcess:
        """A new place for a process."""
        settings = environment(self.books.url, self.api.url, free_port(), self.secret)
        log = self.folder / f"bot-{len(self.replicas)}.log"
        self.replicas.append(BotProcess(self.nursery, settings, log, ("--plugin", str(plugin))))
        return self.replicas[-1]

    def update(self, action: str = "write", chat: int = 0) -> Posting:
        """The next update of a chat."""
        return self.writer.make(FIRST_CHAT + chat, action)

    async def post(self, posting: Posting, replica: BotProcess | None = None) -> int:
        """Post once; the status, 0 where no answer came."""
        url = f"{(replica or self.replicas[0]).url}/webhook/telegram"
        headers = {HEADER: self.secret, "Content-Type": "application/json"}
        try:
            async with self.http.post(url, data=posting.body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError):
            return 0

    async def send(self, action: str = "write", replica: BotProcess | None = None, chat: int = 0) -> Posting:
        """Post a new update, which has to be acknowledged."""
        posting = self.update(action, chat)
        status = await self.post(posting, replica)
        if status != 200:
            raise AssertionError(f"the bot answered {status} to /{action} {posting.number}")
        return posting

    async def deliver(self, posting: Posting, replica: BotProcess | None = None) -> None:
        """Post until it is acknowledged, as Telegram does."""

        async def acknowledged() -> bool:
            return await self.post(posting, replica) == 200

        await until(acknowledged, what=f"/{posting.action} {posting.number} is acknowledged")

    async def settle(self, limit: float = 30.0) -> None:
        """Wait until nothing is pending or unsent."""
        await until(self.books.idle, limit, "nothing is left to do")

    async def written(self, chat: int = 0) -> list[str]:
        """A chat's rows in order, as `stream:number`."""
        return await self.books.written(FIRST_CHAT + chat)

    def said(self, chat: int = 0) -> list[str]:
        """What a chat has been sent, in order."""
        return self.api.texts(FIRST_CHAT + chat)

    async def counted(self, chat: int = 0) -> int:
        """The chat's counter; it has to have one."""
        ((_, value),) = [item for item in await self.books.counters() if item[0] == FIRST_CHAT + chat]
        return value

    async def held(self, number: int, times: int = 1) -> None:
        """Wait until the handler of `/hold number` has begun so often."""
        file = self.folder / f"held-{number}"
        await until(
            lambda: file.exists() and file.read_text("utf-8").count("began") >= times, what=f"{file} is there"
        )

    def let_go(self) -> None:
        """Let every `/hold` go on."""
        (self.folder / "go").touch()

    def logged(self, text: str) -> int:
        """How many log lines of all processes hold `text`."""
        return sum(text in line for replica in self.replicas for line in replica.text().splitlines())


@contextlib.asynccontextmanager
async def open_scene(
    zygote: subprocess.Popen[bytes], url: str, folder: Path, *, migrated: bool = True
) -> AsyncIterator[Scene]:
    """A stage on the database at `url`, with the core's schema unless told; its processes die with it."""
    if migrated:
        await fill(url, [CORE])
    async with (
        BotApi() as api, Books(url) as books, Nursery(zygote) as nursery, aiohttp.ClientSession() as http
    ):  # fmt: skip
        await books.make_tables()
        yield Scene(nursery, api, books, http, folder, secrets.token_urlsafe(24))
