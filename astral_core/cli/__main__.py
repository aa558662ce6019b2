"""`python -m astral_core.cli`."""

from __future__ import annotations

from astral_core.cli import main

if __name__ == "__main__":
    main()
