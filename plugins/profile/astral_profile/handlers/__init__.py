"""What the profile plugin does when a person writes or presses a button."""

from __future__ import annotations
