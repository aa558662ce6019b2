"""The one HTTP entry: webhooks, health, metrics, plugins' routes."""

from __future__ import annotations
