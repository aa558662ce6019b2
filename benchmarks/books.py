"""People who buy in a bad world, then a look into all books: `python3 dev.py books --help`.

The harness is that of `tests/books`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HARNESS = Path(__file__).resolve().parent.parent / "tests" / "books"

if __name__ == "__main__":
    sys.path.insert(0, str(HARNESS))
    importlib.import_module("books_kit.main").books()
