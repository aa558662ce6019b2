"""How long to wait before the next try."""

from __future__ import annotations


def backoff(failures: int, first: float = 0.5, most: float = 15.0) -> float:
    """Seconds to wait after so many failures in a row: `first` after one, then twice as long each time, to `most`."""
    return min(first * 2.0 ** min(failures - 1, 30), most)
