"""Fixtures for all tests of the core: plugins made of functions, settings of this test alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from astral_core import Plugin, Routes
from astral_core.config import Settings, load_settings
from astral_core.host.state import LoadedPlugin
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
def make_plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadedPlugin]:
    """`make_plugin("weather", routes, hooks=[astral_health], events=[...])`: a plugin as if it were installed.

    It is one `Plugin` of these collectors, or the `Plugin` that is given. `commands` are name -> handler, `hooks` are
    functions named as their hook, other keywords are those of `Plugin`.
    """

    def make(
        plugin_id: str,
        *routes: Routes | Plugin,
        commands: Mapping[str, Callable[..., Any]] | None = None,
        hooks: Iterable[Callable[..., Any]] = (),
        requires: tuple[str, ...] = (),
        **declared: Any,
    ) -> LoadedPlugin:
        given = [one for one in routes if isinstance(one, Plugin)]
        if given and (len(routes) > 1 or declared):
            raise TypeError("make_plugin: a ready Plugin takes no other routes and keywords")
        plugin = given[0] if given else Plugin(routes=list(routes), **declared)
        for name, handler in (commands or {}).items():
            plugin.command(name)(handler)
        for hook in hooks:
            plugin.hook(hook)
        module = ModuleType(f"astral_{plugin_id}_under_test")
        module.__spec__ = ModuleSpec(module.__name__, None)
        vars(module)["plugin"] = plugin
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return LoadedPlugin(plugin_id, f"astral-{plugin_id}", "1.0", module.__name__, requires=requires)

    return make


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """`install("weather", source)`: a distribution whose module has a `plugin`, as pip would leave it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, source: str) -> None:
        info = site / f"astral_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: astral-{name}\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[astral.plugins]\n{name} = astral_{name}:plugin\n", encoding="utf-8")
        (info / "RECORD").touch()
        (site / f"astral_{name}.py").write_text(source, encoding="utf-8")

    return make
