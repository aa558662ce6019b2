"""Every link of the repository's pages leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
OTHERS = {".git", ".hypothesis", ".pytest_cache", ".tox", ".venv", "build", "dist", "node_modules"}
# No test asks the network. Who adds a page of somebody else looks at it first, and then writes it down here.
LOOKED_AT = {
    "https://creativecommons.org/licenses/by/4.0/",
    "https://creativecommons.org/publicdomain/zero/1.0/",
    "https://devguide.python.org/versions/",
    "https://keepachangelog.com/en/1.1.0/",
    "https://rhodesmill.org/skyfield/",
    "https://semver.org/spec/v2.0.0.html",
    "https://www.geonames.org/",
    "https://www.postgresql.org/support/versioning/",
}


class Link(NamedTuple):
    """Where a page leads to, and in which line."""

    line: int
    target: str


def pages() -> list[Path]:
    """All pages of the repository, without what tools have put there."""
    return [path for path in sorted(ROOT.rglob("*.md")) if not OTHERS & set(path.relative_to(ROOT).parts)]


def links(text: str) -> Iterator[Link]:
    """The links and pictures of a page."""
    for block in MarkdownIt().parse(text):
        for token in block.children or ():
            target = token.attrGet("href") or token.attrGet("src")
            if target:
                yield Link((block.map or [0])[0] + 1, str(target))


def anchors(text: str) -> set[str]:
    """What stands behind `#` in a link to one of the page's headings, as GitHub writes it."""
    tokens = MarkdownIt().parse(text)
    heads = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def leads_nowhere(page: Path, target: str) -> bool:
    """Whether there is no such file, no such heading, or nobody has looked at the page."""
    if re.match(r"[a-z]+:", target):
        return target not in LOOKED_AT
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    if not file.exists():
        return True
    return bool(anchor) and anchor not in anchors(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, to a heading in it, or to a page of others that somebody has looked at."""
    wrong = [link for link in links(page.read_text(encoding="utf-8")) if leads_nowhere(page, link.target)]
    assert wrong == []


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    """A missing file, a missing heading and an unknown address are; what is there is not."""
    page = tmp_path / "page.md"
    text = (
        "# Who pays, and how\n\n[a](gone.md) [b](#gone) [c](https://example.org/gone) ![d](gone.png)\n\n"
        "[e](page.md) [f](page.md#who-pays-and-how) [g](#who-pays-and-how)\n"
    )
    page.write_text(text, encoding="utf-8")
    wrong = [link for link in links(text) if leads_nowhere(page, link.target)]
    assert [link.target for link in wrong] == ["gone.md", "#gone", "https://example.org/gone", "gone.png"]
    assert {link.line for link in wrong} == {3}
