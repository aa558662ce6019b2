"""What an owner sees: logs, metrics, the watchdog, error ids."""

from __future__ import annotations
