"""The plugin's routes. Importing the modules collects them in `routes`."""

from __future__ import annotations

from astral_core import Routes

routes = Routes()
