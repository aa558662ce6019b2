"""The playground while somebody writes a plugin: real processes, real files, a bot that goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from astral_playground.testkit.ports import free_port

PATIENCE = 60.0  # seconds, for loaded machines
PLUGIN = """
from astral_core import Plugin

plugin = Plugin()


@plugin.command("weather")
async def weather(ctx):
    ctx.reply("{answer}")


@plugin.command("storm")
async def storm(ctx):
    raise RuntimeError("a storm")
"""


class Playground:
    """`python -m astral_playground` in a folder, by its page's API."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ASTRAL_")}
        self.log = folder / "log.txt"
        self.log.touch()
        self._before = len(self.started())
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "astral_playground", "--port", str(port), *arguments],
                cwd=folder, env={**kept, "PYTHONUNBUFFERED": "1", **environment}, stdout=log, stderr=log,
            )  # fmt: skip

    def __enter__(self) -> Self:
        self.wait(lambda: len(self.started()) > self._before and self.state()["bot"]["up"])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Return when it holds."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if condition():
                    return
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the page's API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  # our own
            f"{self.url}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310  # the same
            return json.load(answer)

    def state(self) -> Any:
        """What a page that is opened now shows."""
        return self.ask("/api/state")

    @property
    def person(self) -> int:
        """The first person."""
        return int(self.state()["users"][0]["id"])

    def say(self, text: str) -> None:
        """The first person writes."""
        self.ask(f"/api/users/{self.person}/messages", {"text": text})

    def texts(self) -> list[str]:
        """The chat of the first person."""
        messages = self.state()["chats"][str(self.person)]
        return ["".join(span["text"] for span in message["spans"]) for message in messages]

    def bots(self) -> set[int]:
        """The ids of the bot's processes; none while it is started anew."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return set(map(int, found.stdout.split()))

    def started(self) -> list[str]:
        """The lines of the log that say which plugins are there, one for each start of the bot."""
        return [line for line in self.log.read_text().splitlines() if "ready: @" in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one plugin."""
    (tmp_path / "weather.py").write_text(PLUGIN.format(answer="Sun"))
    return tmp_path


ALONE = {"ASTRAL_HOST__ENABLED": "[]"}
WITH = ("--plugin", "weather.py")


def first_seen(folder: Path, data: str) -> list[Any]:
    """What the bot's database knows of people."""
    with sqlite3.connect(folder / data / "bot.db") as connection:
        return connection.execute("SELECT id, created_at FROM core_users").fetchall()


@pytest.fixture
def playground(folder: Path) -> Iterator[Playground]:
    """A running one, with the plugin alone."""
    with Playground(folder, "--data", "kept", *WITH, **ALONE) as running:
        yield running


def test_saving_a_file_starts_the_bot_anew_and_keeps_all_else(playground: Playground, folder: Path) -> None:
    """The chat is there, the database knows the person, a message that was sent meanwhile is answered, newly."""
    playground.say("/weather")
    playground.wait(lambda: playground.texts() == ["/weather", "Sun"])
    seen = first_seen(folder, "kept")
    old = playground.bots()
    (folder / "weather.py").write_text(PLUGIN.format(answer="Rain"))
    playground.wait(lambda: not playground.bots() & old)
    playground.say("/weather")
    playground.wait(lambda: playground.texts() == ["/weather", "Sun", "/weather", "Rain"])
    assert first_seen(folder, "kept") == seen
    assert len(playground.started()) == 2


def test_a_broken_plugin_shows_file_line_and_traceback_until_it_is_mended(
    playground: Playground, folder: Path
) -> None:
    """Also to a page that is opened later; the rest of the bot answers."""
    assert playground.state()["bot"]["trouble"] == []
    (folder / "weather.py").write_text(PLUGIN.format(answer="Rain") + "\n1 / 0\n")
    playground.wait(lambda: playground.state()["bot"]["trouble"] != [])
    (trouble,) = playground.state()["bot"]["trouble"]
    number = (folder / "weather.py").read_text().splitlines().index("1 / 0") + 1
    assert (trouble["plugin"], trouble["line"], trouble["code"]) == ("weather", number, "1 / 0")
    assert trouble["file"] == str(folder / "weather.py")
    assert "ZeroDivisionError: division by zero" in trouble["traceback"]
    playground.wait(lambda: playground.state()["bot"]["up"])
    assert "'weather' is failed" in playground.state()["bot"]["detail"]
    playground.say("/help")
    # The alert of the broken plugin may come before it, once the person has written.
    playground.wait(lambda: "/help — " in playground.texts()[-1])
    (folder / "weather.py").write_text(PLUGIN.format(answer="Snow"))
    playground.wait(lambda: playground.state()["bot"]["trouble"] == [] and playground.state()["bot"]["up"])
    playground.say("/weather")
    playground.wait(lambda: playground.texts()[-1] == "Snow")
    assert playground.state()["bot"]["detail"] == ""


def test_a_failure_keeps_its_line_and_traceback_for_pages_that_are_opened_later(
    playground: Playground, folder: Path
) -> None:
    """The update's story says which line raised."""
    playground.say("/storm")

    def failures() -> list[Any]:
        return [trace["failure"] for trace in playground.state()["traces"] if "failure" in trace]

    playground.wait(lambda: len(failures()) == 1)
    (failure,) = failures()
    assert failure["text"] == "RuntimeError: a storm"
    assert failure["code"] == 'raise RuntimeError("a storm")'
    assert failure["file"] == str(folder / "weather.py")
    assert "Traceback (most recent call last)" in failure["traceback"]


def test_data_is_kept_between_runs_until_somebody_starts_afresh(folder: Path) -> None:
    """Chats, people and the database go on; afresh there are the first two people and an empty database."""
    with Playground(folder, "--data", "kept", *WITH, **ALONE) as first:
        first.ask("/api/users", {"first_name": "Clara"})
        first.say("/weather")
        first.wait(lambda: first.texts() == ["/weather", "Sun"])
        seen = first_seen(folder, "kept")
        assert first.state()["can_start_afresh"] is True
    with Playground(folder, "--data", "kept", *WITH, **ALONE) as second:
        assert second.texts() == ["/weather", "Sun"]
        assert [user["first_name"] for user in second.state()["users"]] == ["Анна", "Ben", "Clara"]
        second.say("/weather")
        second.wait(lambda: second.texts() == ["/weather", "Sun"] * 2)
        assert first_seen(folder, "kept") == seen
        state = second.ask("/api/afresh", {})
        assert [user["first_name"] for user in state["users"]] == ["Анна", "Ben"]
        assert second.texts() == []
        second.wait(lambda: second.state()["bot"]["up"])
        second.say("/weather")
        second.wait(lambda: second.texts() == ["/weather", "Sun"])
        assert first_seen(folder, "kept") != seen


@pytest.mark.rest
def test_what_is_kept_survives_kill_9_and_damage_is_said(folder: Path) -> None:
    """What happened a moment before is there; a damaged file is one sentence, and nothing is thrown away for it."""
    running = Playground(folder, "--data", "kept", *WITH, **ALONE)
    running.wait(lambda: bool(running.state()["bot"]["up"]))
    running.say("/weather")
    running.wait(lambda: running.texts() == ["/weather", "Sun"])
    file = folder / "kept/telegram.bin"
    running.wait(lambda: file.exists() and b"/weather" in file.read_bytes() and b"Sun" in file.read_bytes())
    for process in (running.process.pid, *running.bots()):
        os.kill(process, signal.SIGKILL)
    running.process.wait()
    with Playground(folder, "--data", "kept", *WITH, **ALONE) as again:
        assert again.texts() == ["/weather", "Sun"]
    file.write_bytes(b"\xff damaged")
    damaged = Playground(folder, "--data", "kept", *WITH, **ALONE)
    assert damaged.process.wait(PATIENCE) == 1
    assert "the kept chats cannot be read" in damaged.log.read_text()
    assert (folder / "kept/bot.db").exists()


@pytest.mark.rest
def test_the_owner_s_choice_of_plugins_holds_and_the_bot_has_its_own_name(folder: Path) -> None:
    """`[host] disabled` of astral.toml and of the environment; without payments nothing is set for payments."""
    (folder / "astral.toml").write_text('[host]\ndisabled = ["natal", "payments"]\n')
    with Playground(folder, *WITH) as running:
        line = running.started()[0]
        assert "natal" not in line
        assert "payments" not in line
        assert "profile" in line
        assert "WARNING" not in running.log.read_text()
        assert "Weather Bot is in your browser" in running.log.read_text()
        assert running.state()["bot"]["first_name"] == "Weather Bot"
        (folder / "astral.toml").write_text('[host]\ndisabled = ["natal", "payments", "profile"]\n')
        running.wait(lambda: len(running.started()) == 2)
        assert "profile" not in running.started()[1]
    disabled = '["natal", "payments", "profile", "analytics"]'
    with Playground(folder, *WITH, ASTRAL_HOST__DISABLED=disabled) as running:
        assert "plugins: core, playground, weather" in running.started()[-1]
