"""The database: engine, unit of work, the core's tables, migrations."""

from __future__ import annotations
