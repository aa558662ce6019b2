"""The durable inbox: what was acknowledged is committed, runs once, in its chat's order."""

from __future__ import annotations
