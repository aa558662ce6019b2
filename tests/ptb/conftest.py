"""Bots of python-telegram-bot, in plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

BOTS = Path(__file__).parent / "bots"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The library warns of conversations with buttons, which its own examples have."""
    ignored = pytest.mark.filterwarnings("ignore:If .per_message=False.:telegram.warnings.PTBUserWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(ignored)
