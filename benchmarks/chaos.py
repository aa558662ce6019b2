"""kill -9 at random under load, then a look for lost and doubled effects: `python3 dev.py chaos --help`.

The harness is that of `tests/chaos`, which runs it shorter.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HARNESS = Path(__file__).resolve().parent.parent / "tests" / "chaos"

if __name__ == "__main__":
    sys.path.insert(0, str(HARNESS))
    importlib.import_module("chaos_kit.main").chaos()
