"""The chaos run for an hour, with memory and lag watched: `python3 dev.py soak --help`.

The harness is that of `tests/chaos`.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.chaos import HARNESS

if __name__ == "__main__":
    sys.path.insert(0, str(HARNESS))
    importlib.import_module("chaos_kit.main").soak()
