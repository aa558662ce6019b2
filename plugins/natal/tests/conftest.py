"""A bot with the natal plugin beside a profile and a payments plugin that obey the test."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from astral_core.cpu import Cpu
from astral_core.host.state import Plugin
from astral_playground.testkit.bot import module_plugin

STARTED = Cpu._started


@pytest.fixture(scope="session")
def warm_pool() -> Iterator[Cpu]:
    """One process pool for all bots of the session: a worker takes seconds to import what draws."""
    cpu = Cpu()
    yield cpu
    asyncio.run(cpu.close())


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, warm_pool: Cpu) -> ModuleType:
    """The obedient profile plugin: `BIRTHS` by user id, `birth(...)`; /complete tells that it is complete."""
    monkeypatch.setattr(Cpu, "_started", lambda _: STARTED(warm_pool))
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
def with_profiles(profiles: ModuleType) -> Callable[[], list[Plugin]]:
    """The plugins of a bot that sells nothing."""
    return lambda: [
        module_plugin("profile", profiles.__name__),
        module_plugin("natal", "astral_natal.plugin"),
    ]


@pytest.fixture
def with_payments(with_profiles: Callable[[], list[Plugin]], payments: ModuleType) -> Callable[[], list[Plugin]]:
    """The plugins of a bot that sells readings."""
    return lambda: [*with_profiles(), module_plugin("payments", payments.__name__)]
