"""Build the six wheels, install only them into a clean environment, and see that a bot runs there.

    python tests/wheels/check_wheels.py FOLDER      (an empty or missing folder; it needs build and uv)

Each wheel is built from its sdist, so that both are proven. It must hold every file of its package (texts,
migrations, page, data), py.typed, the licence and the entry points. Then the console script of the clean
environment lists the plugins, computes a chart, and serves /healthz against a Telegram that answers locally.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 60  # seconds until /healthz must have answered
STOP_TIMEOUT = 60  # seconds until a stopped bot must have gone
TOKEN = "42:test"  # of no bot
ANSWERS: dict[str, Any] = {
    "getMe": {"id": 42, "is_bot": True, "first_name": "Wheel", "username": "wheel_bot"},
    "getUpdates": [],
    "getWebhookInfo": {"url": "", "has_custom_certificate": False, "pending_update_count": 0},
}


class WheelError(Exception):
    """A wheel, or what runs from it, is not as it must be."""


class Telegram(BaseHTTPRequestHandler):
    """Says yes to every method of the Bot API."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        result = ANSWERS.get(self.path.rsplit("/", 1)[-1], True)
        body = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def projects() -> list[Path]:
    return [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def build(target: Path) -> list[Path]:
    """Build every project into ``target``; return the wheels."""
    if list(target.glob("*.whl")):
        raise WheelError(f"{target} holds wheels already; give an empty folder.")
    for project in projects():
        print(f"building {project.name if project != ROOT else 'astral-core'}", flush=True)
        command: list[str | Path] = [sys.executable, "-m", "build", "--installer", "uv", "--outdir", target, project]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WheelError(f"building {project} failed:\n{done.stdout}{done.stderr}")
    return sorted(target.glob("*.whl"))


def files(package: Path) -> set[str]:
    """Return the paths, relative to the project, of all that belongs into the wheel."""
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def check_content(project: Path, wheels: list[Path]) -> None:
    """Compare one wheel with the folder and the pyproject file that it comes from."""
    meta = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = meta["name"].replace("-", "_")
    found = [wheel for wheel in wheels if wheel.name.startswith(f"{package}-")]
    if len(found) != 1:
        raise WheelError(f"{meta['name']}: {len(found)} wheels instead of one.")
    with zipfile.ZipFile(found[0]) as archive:
        names = set(archive.namelist())
        info = next(name.split("/")[0] for name in names if name.endswith(".dist-info/METADATA"))
        wanted = files(project / package) | {f"{package}/py.typed", f"{info}/licenses/LICENSE"}
        if missing := sorted(wanted - names):
            raise WheelError(f"{found[0].name} lacks {', '.join(missing)}")
        if strange := sorted({name.split("/")[0] for name in names} - {package, info}):
            raise WheelError(f"{found[0].name} brings foreign top-level names: {', '.join(strange)}")
    points = PathDistribution(zipfile.Path(found[0], f"{info}/")).entry_points
    built = {(point.group, point.name, point.value) for point in points}
    groups = {"console_scripts": meta.get("scripts", {}), **meta.get("entry-points", {})}
    declared = {(group, *entry) for group, entries in groups.items() for entry in entries.items()}
    if built != declared:
        raise WheelError(f"{found[0].name}: entry points {built} instead of {declared}")


def install(wheels: list[Path], venv: Path) -> Path:
    """Make a clean environment with the wheels alone; return its folder of scripts."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True)
    scripts = venv / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", venv, *wheels], check=True)
    return scripts


def environment(folder: Path, port: int, api: int) -> dict[str, str]:
    """Return the settings of a bot that knows nobody but this machine."""
    kept = {name: value for name, value in os.environ.items() if not re.match("ASTRAL_|PYTHON|VIRTUAL_ENV", name)}
    return {
        **kept,
        "ASTRAL_TELEGRAM__TOKEN": TOKEN,
        "ASTRAL_TELEGRAM__API_URL": f"http://127.0.0.1:{api}",
        "ASTRAL_TELEGRAM__WEBHOOK_SECRET": "s" * 32,
        "ASTRAL_TELEGRAM__PUBLIC_URL": "https://bot.example.org",
        "ASTRAL_DATABASE__URL": f"sqlite+aiosqlite:///{folder / 'bot.db'}",
        "ASTRAL_WEB__HOST": "127.0.0.1",
        "ASTRAL_WEB__PORT": str(port),
    }


def output(command: list[Any], env: dict[str, str], folder: Path) -> Any:
    """Run a command that prints JSON; return what it printed."""
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WheelError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def check_commands(astral: Path, env: dict[str, str], folder: Path) -> None:
    """See that the installed command finds the plugins and nothing wrong with them, and that one finds its data."""
    listed = json.dumps(output([astral, "plugins", "list", "--json"], env, folder))
    missing = [project.name for project in projects()[1:] if f'"{project.name}"' not in listed]
    if missing:
        raise WheelError(f"astral plugins list does not name {', '.join(missing)}: {listed}")
    for plugin in (project.name.removeprefix("astral-") for project in projects()[1:]):
        findings = output([astral, "plugins", "check", plugin, "--json"], env, folder)
        if findings:
            raise WheelError(f"astral plugins check {plugin}: {findings}")
    birth = "--date 1990-06-15 --time 14:30 --lat 55.7522 --lon 37.6156 --tz Europe/Moscow --json"
    if not output([astral, "natal", "chart", *birth.split()], env, folder):
        raise WheelError("astral natal chart printed an empty chart")


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def check_run(astral: Path, env: dict[str, str], folder: Path) -> None:
    """Start the bot, wait for /healthz, stop it politely and look at its exit code."""
    url = f"http://127.0.0.1:{env['ASTRAL_WEB__PORT']}/healthz"
    log = folder / "log"
    with log.open("w") as stream:
        bot = subprocess.Popen([astral, "run"], env=env, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while not (up := healthy(url)) and bot.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            bot.send_signal(signal.SIGTERM)
            code = bot.wait(STOP_TIMEOUT)
        finally:
            bot.kill()
    if not up:
        raise WheelError(f"astral run did not answer {url}:\n{log.read_text()[-4000:]}")
    if code != 0:
        raise WheelError(f"astral run ended with {code} after SIGTERM:\n{log.read_text()[-4000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    (folder / "work").mkdir(parents=True, exist_ok=True)
    wheels = build(folder / "dist")
    for project in projects():
        check_content(project, wheels)
    print(f"{len(wheels)} wheels hold what they must", flush=True)
    astral = install(wheels, folder / "venv") / "astral"
    telegram = ThreadingHTTPServer(("127.0.0.1", 0), Telegram)
    threading.Thread(target=telegram.serve_forever, daemon=True).start()
    env = environment(folder / "work", free_port(), telegram.server_address[1])
    check_commands(astral, env, folder / "work")
    check_run(astral, env, folder / "work")
    print("a bot of wheels alone: plugins listed, chart computed, /healthz answered, stopped with 0", flush=True)


if __name__ == "__main__":
    try:
        main()
    except WheelError as error:
        sys.exit(f"check_wheels: {error}")
