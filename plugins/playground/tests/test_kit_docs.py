"""The page on testing a plugin tells the truth: its files are written down as they stand there, and run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from astral_playground.testkit.chat import Chat
from astral_playground.testkit.group import Group
from astral_playground.testkit.postgres import FORCE, PostgresServer

RunProject = Callable[..., Any]
PAGE = Path(__file__).parents[3] / "docs/how-to/test-a-plugin.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.rest
@pytest.mark.long
@pytest.mark.postgres
def test_every_block_of_the_page_runs(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, run_project: RunProject
) -> None:
    """Each block names its file in the first line; together they are a project whose tests pass, on its own."""
    monkeypatch.setenv(FORCE, postgres_server.url())  # one server is enough
    for _, block in BLOCKS:
        name = re.match(r"# ([\w.]+)\n", block)
        assert name is not None, block
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    tests = sum(len(re.findall(r"^(?:async )?def test_", block, re.MULTILINE)) for _, block in BLOCKS)
    on_two_databases = TEXT.count("(database_url")
    ran = run_project("-q", "-o", "asyncio_default_fixture_loop_scope=function")
    assert tests > 8
    assert ran.outcomes == {"passed": tests + on_two_databases}, ran.text


def names(of: type) -> set[str]:
    """What is public of a class of the kit."""
    return {name for name, _ in inspect.getmembers(of) if not name.startswith("_")} | {"room"}


def test_the_page_names_everything_that_a_chat_and_a_group_can_do() -> None:
    """What is public of both stands in the page, and what its tables name is there."""
    rows = " ".join(re.findall(r"^\| (.*?) \|", TEXT, re.MULTILINE))
    in_groups = set(re.findall(r"`group\.(\w+)", rows))
    named = set(re.findall(r"`(\w+)", rows)) - {"chat", "group"}
    assert named <= names(Chat) | {"user"}
    assert (names(Chat) | {"user"}) - named <= {"id", "stars"}
    assert in_groups <= names(Group)
    assert names(Group) - in_groups <= {"id", "room", "thread", "transcript"}
