"""Measurements that a user repeats on their own machine: `python3 dev.py bench`."""

from __future__ import annotations
