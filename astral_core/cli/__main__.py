"""`python -m astral_core.cli`."""

from __future__ import annotations

from astral_core.cli import main

main()
