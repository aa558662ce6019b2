"""The browser of tests: which Chromium, and how it is started so that it asks nobody on the network."""

from __future__ import annotations

import os
import shutil

PROGRAM = "ASTRAL_CHROMIUM"
# The headless shell is Chromium without windows; it opens a page in a third of the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the Chromium that ASTRAL_CHROMIUM names, else the first on PATH; None where there is none."""
    return os.environ.get(PROGRAM) or next(filter(None, map(shutil.which, NAMES)), None)
