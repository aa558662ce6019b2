"""The tutorial is followed by machine: its files are written, its edits made, its commands run, in its order.

pytest tests/scaffold/follow_tutorial.py      (`tox -e scaffold` does so with the wheels, in a clean environment)
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from astral_playground.testkit.ports import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial/first-plugin.md"
STEP = re.compile(r"(<!-- not run: [^\n]+ -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
APPEND = re.compile(r"# at the end of (\S+)\n")


class Reader:
    """Somebody who does what the page says, in one folder, with this Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        scripts = str(Path(sys.executable).parent)
        kept = {name: value for name, value in os.environ.items() if not re.match("ASTRAL_(?!TEST_)|PYTEST_", name)}
        kept |= {"ASTRAL_CONFIG": str(folder / "astral.toml"), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
        self.environment = kept

    def append(self, name: str, text: str) -> None:
        """Write below what the file has."""
        path = self.folder / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def edit(self, block: str) -> None:
        """Apply a diff whose lines are in the file exactly once."""
        head, *lines = block.splitlines()
        path = self.folder / head.removeprefix("--- ")
        text = path.read_text(encoding="utf-8")
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
        assert text.count(old) == 1, f"{path.name} does not have once:\n{old}"
        path.write_text(text.replace(old, "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")), "utf-8")

    def run(self, command: str) -> None:
        """Run a line of a console, as the shell would."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            self.install()
        elif words[1:3] == ["-m", "astral_playground"]:
            self.play(words)
        else:
            done = subprocess.run(
                words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"

    def install(self) -> None:
        """Do what an editable installation does: metadata on Python's path, and the folder itself."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = self.site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        needed = "".join(f"Requires-Dist: {line}\n" for line in project["dependencies"])
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(head + needed)
        lines = [f"{name} = {value}" for name, value in project["entry-points"]["astral.plugins"].items()]
        (info / "entry_points.txt").write_text("[astral.plugins]\n" + "\n".join(lines))
        self.environment["PYTHONPATH"] = os.pathsep.join(map(str, (self.site, self.folder)))

    def play(self, words: list[str]) -> None:
        """Start the playground, wait until the bot has said that it serves, and end it with Ctrl-C."""
        environment = {**self.environment, "ASTRAL_HOST__ENABLED": '["weather"]', "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, *words[1:], "--port", str(free_port())]
        with subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "ready: @" in line:
                    process.send_signal(signal.SIGINT)
                    break
            said += process.stdout.read()
            assert process.wait() == 0, said
        assert "in your browser" in said


@pytest.mark.timeout(600)
def test_the_page_can_be_followed_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    """Who types what the page says gets a plugin that passes its own tests, the audit and ruff."""
    reader = Reader(tmp_path)
    steps = [match.groups() for match in STEP.finditer(PAGE.read_text(encoding="utf-8"))]
    assert len(steps) > 15
    done = 0
    for marker, language, block in steps:
        target = APPEND.match(block)
        if marker:
            continue
        if language == "diff":
            reader.edit(block)
        elif target is not None:
            reader.append(target[1], block[target.end() :])
        else:
            assert language == "console", f"a block of the kind {language} that says no file:\n{block}"
            for line in block.splitlines():
                if line.startswith("$ "):
                    reader.run(line.removeprefix("$ "))
                    done += 1
    assert done > 8
    assert len(list((reader.folder / "astral_weather/migrations/versions").glob("0*.py"))) == 2
