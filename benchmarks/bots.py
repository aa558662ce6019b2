"""How each bot is started for a measurement: peers by BENCH_* in their environment, Astral by its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.api import TOKEN, Api
from benchmarks.load import CHATS, FIRST_CHAT, Acknowledged, Press, post
from benchmarks.processes import Child, free_port, python
from benchmarks.roster import Peer

SECRET = "bench-secret-0123456789abcdefghijkl"
PLUGIN = Path(__file__).resolve().parent / "plugins" / "press.py"
MOVED = PLUGIN.with_name("moved.py")
TESTERS = json.dumps([FIRST_CHAT + number for number in range(CHATS)])
ALONE = {"ASTRAL_HOST__ENABLED": "[]", "ASTRAL_HOST__REQUIRED": "[]"}
ONE_PLUGIN = {**ALONE, "ASTRAL_ROLES__TESTER": TESTERS}
ALL_PLUGINS = {"ASTRAL_HOST__DISABLED": "[]"}


@dataclass
class Bots:
    """Starts bots that speak to one Bot API server; databases lie in `folder`."""

    api: Api
    folder: Path
    logs: Path
    _number: int = field(default=0)

    def peer(self, peer: Peer, routes: int = 0, **environment: str) -> Child:
        """A peer with `routes` routes in front of those that are pressed."""
        port = free_port()
        settings = {
            "BENCH_PORT": str(port),
            "BENCH_SECRET": SECRET,
            "BENCH_TOKEN": TOKEN,
            "BENCH_API": self.api.url,
            "BENCH_ROUTES": str(routes),
        }
        log = self._log(peer.key)
        return Child(peer.title, peer.command(), {**peer.extra(), **settings, **environment}, log, port)

    def astral(self, title: str, database: str, routes: int = 0) -> Child:
        """Astral with its core and the benchmark's one plugin, with `routes` routes before those that are pressed."""
        return self._astral(title, database, {**ONE_PLUGIN, "BENCH_ROUTES": str(routes)}, "--plugin", PLUGIN)

    def moved(self, title: str, database: str) -> Child:
        """Astral with the bot of python-telegram-bot that is also measured by itself."""
        return self._astral(title, database, ALONE, "--plugin", MOVED)

    def whole_astral(self, title: str, database: str) -> Child:
        """Astral with all five of its plugins, as most owners run it."""
        return self._astral(title, database, ALL_PLUGINS)

    def _astral(self, title: str, database: str, more: Mapping[str, str], *arguments: str | Path) -> Child:
        port = free_port()
        settings = {
            "ASTRAL_CONFIG": str(self.folder / "no.toml"),
            "ASTRAL_TELEGRAM__TOKEN": TOKEN,
            "ASTRAL_TELEGRAM__API_URL": self.api.url,
            "ASTRAL_TELEGRAM__WEBHOOK_SECRET": SECRET,
            "ASTRAL_TELEGRAM__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "ASTRAL_WEB__PORT": str(port),
            "ASTRAL_DATABASE__URL": database,
            **more,
        }
        return Child(title, python("-m", "astral_core.cli", "run", *arguments), settings, self._log("astral"), port)

    def sqlite(self) -> str:
        """The URL of a new database file."""
        self._number += 1
        return f"sqlite+aiosqlite:///{self.folder / f'bench{self._number}.db'}"

    def _log(self, key: str) -> Path:
        self._number += 1
        return self.logs / f"{key}-{self._number}.log"


async def deliver(bot: Child, items: list[Press], rate: float | None = None) -> list[Acknowledged]:
    """Post presses to a bot."""
    return await post(bot.port, SECRET, items, rate)
