"""What the running bot says of itself, where one of these settings runs."""

from __future__ import annotations

from typing import Any

import aiohttp

from astral_core.config import Settings
from astral_core.finding import Finding

PROBE = aiohttp.ClientTimeout(total=2)


async def check_running(settings: Settings) -> list[Finding]:
    """Read the details of /readyz as the owner; nothing where no bot answers in Astral's words."""
    token = settings.web.metrics_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token is not None else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=PROBE, trust_env=False) as session,
            session.get(_url(settings.web.host, settings.web.port), headers=headers, allow_redirects=False) as answer,
        ):
            return _findings(await answer.json())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return []


async def is_astral(host: str, port: int) -> bool:
    """Whether a bot answers there in Astral's words, as it gives them to strangers."""
    stranger = {"Via": "1.1 doctor"}
    try:
        async with (
            aiohttp.ClientSession(timeout=PROBE, trust_env=False) as session,
            session.get(_url(host, port), headers=stranger, allow_redirects=False) as answer,
        ):
            return await answer.text() in ("ready\n", "not ready\n")
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


def _url(host: str, port: int) -> str:
    """/readyz of whoever listens there, asked from this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}/readyz"


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
