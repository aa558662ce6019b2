"""What the page's files promise without a browser: headers, names, texts in two languages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from astral_playground.page import HERE, POLICY, add_page

SCRIPTS = sorted(HERE.glob("*.js"))
TEXTS = (HERE / "texts.js").read_text(encoding="utf-8")
INDEX = (HERE / "index.html").read_text(encoding="utf-8")
CALL = re.compile(r"""(?<![\w$.])t\(\s*"((?:[^"\\]|\\.)*)\"""")
PLURAL = re.compile(r"""(?<![\w$.])nt\(\s*"((?:[^"\\]|\\.)*)\"""")
PAIR = re.compile(r"""^  "((?:[^"\\]|\\.)*)":\s*"((?:[^"\\]|\\.)*)",$""", re.MULTILINE)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    add_page(app)
    async with TestClient(TestServer(app)) as opened:
        yield opened


def sources() -> set[str]:
    """Every English text that the page may show."""
    used = {text for path in SCRIPTS for text in CALL.findall(path.read_text(encoding="utf-8"))}
    return used | set(re.findall(r'data-(?:t|label)="([^"]+)"', INDEX))


def translations() -> dict[str, str]:
    return dict(PAIR.findall(TEXTS.split("export const plurals")[0].replace(":\n   ", ":")))


async def test_every_file_comes_with_the_policy(client: TestClient[web.Request, web.Application]) -> None:
    """The page and each of its files forbid inline code, foreign hosts and markup sinks, and are not sniffed."""
    for path in ["/", *(f"/static/{one.name}" for one in HERE.iterdir() if one.suffix in {".js", ".css", ".svg"})]:
        answer = await client.get(path)
        assert answer.status == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert policy == POLICY
        assert "require-trusted-types-for 'script'" in policy
        assert "trusted-types 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/static/main.js", "text/javascript"), ("/static/icons.svg", "image/svg+xml")],
)
async def test_files_have_their_types(client: TestClient[web.Request, web.Application], path: str, kind: str) -> None:
    """A module with a wrong type would not run at all."""
    answer = await client.get(path)
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("name", ["__init__.py", "nothing.js", "..%2f__init__.py", "%2e%2e/__init__.py", ".", ""])
async def test_nothing_else_is_served(client: TestClient[web.Request, web.Application], name: str) -> None:
    """Names that are not the page's own files are 404, also when they try to climb out of the folder."""
    assert (await client.get(f"/static/{name}")).status == 404


def test_the_page_has_no_inline_code() -> None:
    """index.html carries no script text, style text, handler or style attribute, and nothing from elsewhere."""
    assert re.search(r"<script(?![^>]*\bsrc=)", INDEX) is None
    assert re.search(r"<style|\sstyle=|\son[a-z]+=", INDEX) is None
    assert re.search(r"(?:src|href)=\"(?!/static/)", INDEX) is None


def test_scripts_use_no_markup_sink() -> None:
    """Text becomes text only: no module names a sink that parses HTML or code."""
    sink = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    )
    assert [path.name for path in SCRIPTS if sink.search(path.read_text(encoding="utf-8"))] == []


def test_named_files_and_icons_exist() -> None:
    """Each file, module and icon that is named somewhere is there."""
    every = INDEX + "".join(path.read_text(encoding="utf-8") for path in [*SCRIPTS, *HERE.glob("*.css")])
    for name in re.findall(r"/static/([\w.-]+)", every) + re.findall(r'from "\./([\w.-]+)"', every):
        assert (HERE / name).is_file(), name
    icons = set(re.findall(r'<symbol id="([\w-]+)"', (HERE / "icons.svg").read_text(encoding="utf-8")))
    named = re.findall(r'icons\.svg#([\w-]+)"', INDEX) + re.findall(r'\bicon(?:Button)?\("([\w-]+)"', every)
    assert set(named) <= icons


def test_every_module_is_loaded_ahead() -> None:
    """The browser asks for all modules at once, and does not learn of one when another has come."""
    ahead = set(re.findall(r'<link rel="modulepreload" href="/static/([\w.-]+)">', INDEX))
    assert ahead == {path.name for path in SCRIPTS} - {"main.js"}


def test_every_text_is_translated() -> None:
    """Each text of the page has a Russian one with the same placeholders, and no Russian text is left over."""
    russian = translations()
    assert sources() - set(russian) == set()
    assert set(russian) - sources() == set()
    holes = re.compile(r"\{\w+\}")
    wrong = [text for text, other in russian.items() if sorted(holes.findall(text)) != sorted(holes.findall(other))]
    assert wrong == []


def test_every_plural_has_the_russian_forms() -> None:
    """A count needs one, few and many in Russian."""
    used = {text for path in SCRIPTS for text in PLURAL.findall(path.read_text(encoding="utf-8"))}
    forms = TEXTS.split("export const plurals")[1]
    assert used
    for text in used:
        line = next(line for line in forms.splitlines() if line.strip().startswith(f'"{text}"'))
        assert all(f"{name}:" in line for name in ("one", "few", "many", "other"))


def test_files_stay_short() -> None:
    """Each module and sheet can be read in one sitting."""
    for path in [*SCRIPTS, *HERE.glob("*.css")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
