"""A bot with the natal plugin beside a profile and a payments plugin that obey the test."""

from __future__ import annotations

import asyncio
import importlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from astral_core.host.state import LoadedPlugin
from astral_core.process_pool import ProcessPool
from astral_playground.testkit.bot import module_plugin

STARTED, COMPUTE = ProcessPool._started, ProcessPool._compute


@pytest.fixture(scope="session")
def warm_pool() -> Iterator[ProcessPool]:
    """One process pool for all bots of the session: a worker takes seconds to import what draws."""
    cpu = ProcessPool(1)
    yield cpu
    asyncio.run(cpu.close())


@pytest.fixture(scope="session")
def computed() -> dict[bytes, Any]:
    """What the pool has computed for the bots of the session."""
    return {}


@pytest.fixture
def computed_once(monkeypatch: pytest.MonkeyPatch, warm_pool: ProcessPool, computed: dict[bytes, Any]) -> None:
    """Bots share the pool, and what is asked for again is not computed again: most charts are Anna's."""

    async def compute(cpu: ProcessPool, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        key = pickle.dumps((function, arguments))
        if key not in computed:
            computed[key] = await COMPUTE(cpu, function, arguments)
        return computed[key]

    monkeypatch.setattr(ProcessPool, "_started", lambda _: STARTED(warm_pool))
    monkeypatch.setattr(ProcessPool, "_compute", compute)


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, computed_once: None) -> ModuleType:
    """The obedient profile plugin: `BIRTHS` by user id, `birth(...)`; /complete tells that it is complete."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "fakes")
    module = importlib.import_module("fake_profile")
    module.BIRTHS.clear()
    return module


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The obedient payments plugin: `OWNERS`; /paid <order> pays."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "fakes")
    module = importlib.import_module("fake_payments")
    module.OWNERS.clear()
    return module


@pytest.fixture
def with_profiles(profiles: ModuleType) -> Callable[[], list[LoadedPlugin]]:
    """The plugins of a bot that sells nothing."""
    return lambda: [
        module_plugin("profile", profiles.__name__),
        module_plugin("natal", "astral_natal.plugin"),
    ]


@pytest.fixture
def with_payments(
    with_profiles: Callable[[], list[LoadedPlugin]], payments: ModuleType
) -> Callable[[], list[LoadedPlugin]]:
    """The plugins of a bot that sells readings."""
    return lambda: [*with_profiles(), module_plugin("payments", payments.__name__)]


@pytest.fixture
def postgres_url(unmade_postgres_url: str) -> str:
    """The bot makes its database itself."""
    return unmade_postgres_url
