"""What the running bot says of itself, where one of these settings runs."""

from __future__ import annotations

from typing import Any

import aiohttp

from astral_core.config import Settings
from astral_core.finding import Finding

PROBE = aiohttp.ClientTimeout(total=2)


async def check_running(settings: Settings) -> list[Finding]:
    """Read the details of /readyz as the owner; nothing where no bot answers in Astral's words."""
    host, port, token = settings.web.host, settings.web.port, settings.web.metrics_token
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token is not None else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=PROBE, trust_env=False) as session,
            session.get(f"http://{name}:{port}/readyz", headers=headers, allow_redirects=False) as answer,
        ):
            return _findings(await answer.json())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return []


def _findings(points: Any) -> list[Finding]:
    if not isinstance(points, dict) or not isinstance(points.get("full"), list):
        return []
    missing = [str(point) for point, is_so in points.items() if is_so is False]
    findings = []
    if missing:
        cause = f"the running bot gets no traffic: {', '.join(missing)}."
        fix = "its log says why; wait until the database and Telegram answer."
        findings.append(Finding("bot-not-ready", "running bot", cause, fix, fatal=False))
    for what in points["full"]:
        fix = "look at the log for what is slow; /metrics shows it in numbers."
        findings.append(Finding("bot-full", "running bot", f"{what}.", fix, fatal=False))
    return findings
