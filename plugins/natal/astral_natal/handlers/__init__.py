"""What the natal plugin does when a person writes, presses a button or has paid."""

from __future__ import annotations
