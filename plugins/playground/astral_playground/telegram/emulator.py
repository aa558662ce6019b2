"""The emulator as a whole: a world behind a server on a port of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .client import EmulatedUser
from .clock import Clock
from .faults import Fault, Kind
from .records import Call
from .server import make_app
from .state import DEFAULT_TOKEN, World

_SHUTDOWN = 0.5  # s that open requests get


class TelegramEmulator:
    """Telegram on this machine.

    ```python
    async with TelegramEmulator() as tg:
        anna = tg.user("Анна", language_code="ru")
        await anna.send("/start")
        await anna.wait_for("Привет")
    ```

    `port` 0 takes a free one. `host` must be a loopback address.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = DEFAULT_TOKEN,
        clock: Clock | None = None,
        world: World | None = None,
    ) -> None:
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(
                f"TelegramEmulator: {host!r} is no loopback address; the emulator serves this machine only"
            )
        self.world = world or World(token=token, clock=clock)
        self.app = make_app(self.world)
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"TelegramEmulator({self._host}:{self._port})"

    async def start(self) -> Self:
        """Listen; OSError when the port is taken."""
        runner = web.AppRunner(self.app, shutdown_timeout=_SHUTDOWN, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner
        return self

    async def stop(self) -> None:
        """End streams, polls and deliveries, and close the port."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def token(self) -> str:
        """The one token that the emulator takes."""
        return self.world.token

    @property
    def url(self) -> str:
        """The server's address, without a slash at the end: the page, and the api_url of a bot's settings."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def api_url(self) -> str:
        """Where the Bot API is served: `{api_url}/bot{token}/{method}`."""
        return self.url

    @property
    def base_url(self) -> str:
        """python-telegram-bot's base_url."""
        return f"{self.url}/bot"

    @property
    def base_file_url(self) -> str:
        """python-telegram-bot's base_file_url."""
        return f"{self.url}/file/bot"

    @property
    def calls(self) -> list[Call]:
        """The last 1000 calls of the Bot API, oldest first (getUpdates is not kept)."""
        return list(self.world.calls)

    def calls_of(self, method: str) -> list[Call]:
        """Those of one method."""
        return [call for call in self.world.calls if call.method == method]

    def user(self, first_name: str, **fields: Any) -> EmulatedUser:
        """A new person: id, last_name, username, language_code, premium, stars."""
        return EmulatedUser(self.world, self.world.add_user(first_name, **fields))

    def fail(self, method: str, kind: Kind, **options: Any) -> Fault:
        """Make calls go wrong: see `Fault` for the options (times, chat_id, retry_after, delay, description)."""
        fault = self.world.faults.add(method, kind, **options)
        self.world.emit("faults")
        return fault

    def retry(self) -> None:
        """Deliver at once what waits for its next try, as after a restart of the bot."""
        self.world.emit("retry")

    def switch(self, **switches: Any) -> None:
        """Set switches: duplicate_every, drop_response_every, delay, reorder, paused; flood_limits."""
        unknown = switches.keys() - self.world.switches.to_dict().keys()
        if unknown:
            raise ValueError(f"TelegramEmulator.switch: there is no switch {min(unknown)!r}")
        for name, value in switches.items():
            setattr(self.world.switches, name, value)
        self.world.emit("switches")
