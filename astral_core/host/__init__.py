"""The plugin host: plugins become one checked registry."""

from __future__ import annotations
