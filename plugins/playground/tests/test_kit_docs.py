"""The page on testing a plugin tells the truth: its files are written down as they stand there, and run."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from astral_playground.testkit.chat import Chat

PAGE = Path(__file__).parents[3] / "docs/how-to/test-a-plugin.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.postgres
def test_every_block_of_the_page_runs(pytester: pytest.Pytester) -> None:
    """Each block names its file in the first line; together they are a project whose tests pass."""
    for _, block in BLOCKS:
        name = re.match(r"# ([\w.]+)\n", block)
        assert name is not None, block
        (pytester.path / name[1]).write_text(block, encoding="utf-8")
    tests = sum(len(re.findall(r"^(?:async )?def test_", block, re.MULTILINE)) for _, block in BLOCKS)
    on_two_databases = TEXT.count("(database_url")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert tests > 8
    result.assert_outcomes(passed=tests + on_two_databases)


def test_the_page_names_everything_that_a_chat_can_do() -> None:
    """What is public of Chat stands in the page, and what its table names is there."""
    public = {name for name, _ in inspect.getmembers(Chat) if not name.startswith("_")} | {"user"}
    rows = re.findall(r"^\| (.*?) \|", TEXT, re.MULTILINE)
    named = set(re.findall(r"`(\w+)", " ".join(rows))) - {"chat"}
    assert named <= public
    assert public - named <= {"id", "stars"}
