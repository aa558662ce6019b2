"""The reference is what the code says: nothing in it is old, and the code says enough."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from astral_core import errors, hookspecs
from astral_core.cli import cli
from astral_core.kinds import KINDS, Kind
from astral_core.kinds.base import Claims, Owner
from astral_core.kinds.signatures import colour
from astral_core.observe.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/reference"
SHIPPED = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
MODULES = [importlib.import_module(f"astral_{plugin}.plugin") for plugin in SHIPPED]
HOOKS = [function for name, function in vars(hookspecs).items() if name.startswith("astral_")]
HOOKS += [function for module in MODULES for function in module.plugin.hookspecs]


def generator(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run docs/generate.py in a process of its own."""
    command = [sys.executable, str(ROOT / "docs/generate.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/generate.py as a module."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    """The text of a page of the reference."""
    return (PAGES / name).read_text(encoding="utf-8")


@pytest.mark.rest
def test_the_reference_is_that_of_the_code() -> None:
    """Whoever changes a hook, a setting, a command, ... runs `python docs/generate.py` and commits the pages."""
    result = generator("--check")
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def test_a_page_that_differs_is_shown_and_mended(generate: ModuleType, tmp_path: Path) -> None:
    """`--check` writes nothing, ends with 1, and shows the lines; without it the page is written."""
    from click.testing import CliRunner

    generate.TARGET = tmp_path
    generate.PAGES = {"errors.md": generate.PAGES["errors.md"]}
    old = tmp_path / "errors.md"
    old.write_text("% an old page\n", encoding="utf-8")
    checked = CliRunner().invoke(generate.main, ["--check"])
    assert checked.exit_code == 1
    assert "-% an old page" in checked.output
    assert "Fix: python docs/generate.py" in checked.output
    assert old.read_text(encoding="utf-8") == "% an old page\n"
    assert CliRunner().invoke(generate.main, []).exit_code == 0
    assert CliRunner().invoke(generate.main, ["--check"]).exit_code == 0


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
def test_every_hook_says_when_it_is_called_what_it_returns_and_how_it_looks(
    hook: Callable[..., Any], generate: ModuleType
) -> None:
    """A hook is for ever: its docstring has a sentence, "When:", "Example:", and "Returns:" where it returns."""
    from generator.hooks import explain

    told = explain(hook)
    assert told[""].endswith(".")
    assert told.get("When")
    assert "`" in told.get("Example", "")
    assert told.get("Returns") or colour(hook) == "async generator"  # that one yields


def test_every_hook_stands_in_the_reference_with_its_implementations() -> None:
    """The page has a heading for each hook; of a known one it names the plugins that implement it."""
    text = page("hooks.md")
    assert {hook.__name__ for hook in HOOKS} == set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    products = text.partition("## astral_products")[2]
    assert "Brought by the plugin `payments`" in products
    assert "Implemented by\n: `natal`" in products


def test_every_setting_says_what_it_is_for_and_secrets_are_marked() -> None:
    """No row without a meaning; the token is a secret, the port is none."""
    rows = re.findall(r"^\| `(\w+)` \| `(ASTRAL_\w+)` \| .* \| (.*) \|$", page("settings.md"), re.MULTILINE)
    assert len(rows) > 35
    assert [variable for _, variable, meaning in rows if not meaning.strip()] == []
    meanings = {variable: meaning for _, variable, meaning in rows}
    assert meanings["ASTRAL_TELEGRAM__TOKEN"].startswith("**Secret.**")
    assert meanings["ASTRAL_PLUGINS__PAYMENTS__YOOKASSA_SECRET_KEY"].startswith("**Secret.**")
    assert "Secret" not in meanings["ASTRAL_WEB__PORT"]


def test_every_command_stands_in_the_reference() -> None:
    """Also those below a group, and those that plugins bring."""
    headings = set(re.findall(r"^## (astral .+)$", page("cli.md"), re.MULTILINE))
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        inner = list(command.commands) if isinstance(command, click.Group) else []
        wanted = {f"astral {name} {word}" for word in inner} or ({f"astral {name}"} if command else set())
        assert wanted <= headings
    assert "astral natal chart" in headings


def test_every_metric_that_the_bot_exposes_stands_in_the_reference() -> None:
    """Under the name of its series."""
    text = page("metrics.md")
    for family in Metrics().registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in text


def test_every_error_stands_in_the_reference() -> None:
    """The whole tree of astral_core.errors."""
    names = {name for name, value in vars(errors).items() if isinstance(value, type)}
    listed = set(re.findall(r"`(\w+)` \| ", page("errors.md")))
    assert {name for name in names if issubclass(getattr(errors, name), errors.AstralError)} == listed


def test_every_kind_of_route_is_in_the_reference_also_one_of_ones_own(generate: ModuleType) -> None:
    """The page is made from the kinds themselves: a new one needs nothing but its module."""

    class Bell:
        """A message that rings."""

    class Bells(Kind):
        """Found by its sound."""

        declares = Bell
        name, plural = "bell", "bells"
        updates = frozenset(("message",))

        def add(self, plugin: Owner, declared: Any, claims: Claims) -> str | None:
            """Nothing: this one is only shown."""

    made = generate.kinds((*KINDS, Bells))
    rows = re.findall(r"^\| `(\w+)` \|", made, re.MULTILINE)
    assert rows == [*(kind.name for kind in KINDS), "bell"]
    assert "| `bell` | A message that rings. | `message` | Found by its sound. |" in made


@pytest.mark.parametrize(("package", "module"), [("doctor", "astral_core.doctor"), ("audit", "astral_core.audit")])
def test_every_code_that_a_check_can_give_is_explained(package: str, module: str) -> None:
    """A code that stands in a Finding stands in CODES too, and so in the reference."""
    codes = getattr(importlib.import_module(module), "CODES", None)
    if codes is None:
        pytest.skip(f"{module} has no CODES yet")
    for path in (ROOT / "astral_core" / package).glob("*.py"):
        for code in re.findall(r'Finding\(\s*"([\w.-]+)"', path.read_text(encoding="utf-8")):
            assert code in codes, f"{path.name}: {code}"
    text = page("findings.md")
    assert all(f"`{code}`" in text for code in codes)


def test_every_public_name_is_explained() -> None:
    """Each has a heading, as has each method of what handlers get; below it is more than a signature."""
    import astral_core

    sections = re.split(r"^#{3,5} ", page("api.md"), flags=re.MULTILINE)[1:]
    told = {section.partition("\n")[0]: section.partition("\n")[2] for section in sections}
    assert set(astral_core.__all__) <= set(told)
    assert {"plugin.hook", "routes.command", "ctx.reply", "ctx.warm"} <= set(told)
    named = {name: text for name, text in told.items() if ": " not in name}  # not a heading above others
    silent = [name for name, text in named.items() if not re.sub(r"```.*?```", "", text, flags=re.DOTALL).strip()]
    assert silent == []
