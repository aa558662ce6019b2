"""What `docs/generate.py` puts together: one module a kind of page."""

from __future__ import annotations
