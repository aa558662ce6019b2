"""One of two plugins whose API hangs."""

from __future__ import annotations

from chaos_kit.hanging import hanging

plugin = hanging("askone")
