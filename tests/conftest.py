"""Fixtures for all tests of the core: plugins made of functions, settings of this test alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from astral_core import PluginContext, hookimpl
from astral_core.config import Settings, load_settings
from astral_core.host.state import Plugin
from astral_playground.testkit.process import Nursery
from astral_playground.testkit.process import zygote as forking

TOKEN = "424242:unit-test-token-of-nobody-at-all"


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of the machine that it runs on."""
    for name in [name for name in os.environ if name.startswith("ASTRAL_")]:
        if not name.startswith("ASTRAL_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ASTRAL_CONFIG", str(tmp_path / "astral.toml"))


@pytest.fixture(autouse=True)
def _no_plugin_stays(tmp_path: Path, forget: Callable[[Path], None]) -> Iterator[None]:
    """A plugin that a test wrote and imported is not the next test's plugin of the same name."""
    yield
    forget(tmp_path)


@pytest.fixture(scope="session")
def zygote() -> Iterator[subprocess.Popen[bytes]]:
    """What imports Astral once and forks every bot of these tests that is a process of its own."""
    with forking() as process:
        yield process


@pytest.fixture
async def nursery(zygote: subprocess.Popen[bytes]) -> AsyncIterator[Nursery]:
    """Starts bots as processes, and kills them when the test ends."""
    async with Nursery(zygote) as made:
        yield made


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with a token and a database of the test's own; keywords go on top."""

    def make(**overrides: Any) -> Settings:
        base: dict[str, Any] = {
            "telegram": {"token": TOKEN},
            "database": {"url": f"sqlite+aiosqlite:///{tmp_path / 'unit.db'}"},
        }
        return load_settings(**{**base, **overrides})

    return make


@pytest.fixture
def make_plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugin]:
    """`make_plugin("weather", routes, hooks=[astral_menu])`: a plugin whose module consists of these functions.

    `declared` are iterables that astral_routes returns; `hooks` are functions marked with @hookimpl or @hookspec.
    """

    def make(
        plugin_id: str,
        *declared: Iterable[Any],
        hooks: Iterable[Callable[..., Any]] = (),
        requires: tuple[str, ...] = (),
        **attributes: Any,
    ) -> Plugin:
        module = ModuleType(f"astral_{plugin_id}_under_test")
        module.__spec__ = ModuleSpec(module.__name__, None)

        if declared:

            @hookimpl
            def astral_routes(ctx: PluginContext) -> list[Any]:
                return [item for routes in declared for item in routes]

            attributes["astral_routes"] = astral_routes
        vars(module).update({hook.__name__: hook for hook in hooks}, **attributes)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Plugin(plugin_id, f"astral-{plugin_id}", "1.0", module.__name__, requires)

    return make


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`install("weather", source)`: a distribution with a plugin, as pip would leave it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, source: str) -> None:
        info = site / f"astral_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: astral-{name}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[astral.plugins]\n{name} = astral_{name}\n", encoding="utf-8")
        (info / "RECORD").touch()
        (site / f"astral_{name}.py").write_text(source, encoding="utf-8")

    return make
