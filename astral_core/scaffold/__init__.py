"""What `astral new` makes: a plugin or a bot's project, out of templates that are part of this package."""

from __future__ import annotations
