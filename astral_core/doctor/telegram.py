"""Telegram: the token, the webhook and the clock."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from astral_core.bot.transport import Transport
from astral_core.config import Settings
from astral_core.errors import TelegramError
from astral_core.finding import Finding

LIMIT = 5.0  # seconds for each question
OFF = 30.0  # seconds by which clocks may differ
RECENT = 24 * 3600  # seconds for which a failed delivery is worth telling
_TOKEN = re.compile(r"[1-9][0-9]*:[A-Za-z0-9_-]+")
_BOTFATHER = "set ASTRAL_TELEGRAM__TOKEN to the token from @BotFather; it looks like 123456:ABC..."


def check_token(settings: Settings) -> Iterator[Finding]:
    """Whether there is something that looks like a token."""
    token = settings.telegram.token
    text = token.get_secret_value() if token else ""
    if not text:
        yield Finding("token-missing", "telegram.token", "the bot has no token.", f"{_BOTFATHER}.")
    elif not _TOKEN.fullmatch(text):
        blank = " It begins or ends with a blank." if text != text.strip() else ""
        cause = f"this is not a number, a colon and letters.{blank}"
        yield Finding("token-malformed", "telegram.token", cause, f"{_BOTFATHER}.")


async def check_telegram(settings: Settings) -> list[Finding]:
    """Ask Telegram for the bot, its webhook and the time; nothing is changed there."""
    token = settings.telegram.token
    transport = Transport(settings.telegram.api_url, token.get_secret_value() if token else "")
    try:
        findings = await _check_bot(transport)
        if not findings:
            findings += _check_webhook(settings, await transport.call("getWebhookInfo", {}, hold=LIMIT))
            findings += await _check_clock(transport, settings.telegram.api_url)
    except TelegramError as error:
        return [_unreachable(error)]
    finally:
        await transport.close()
    return findings


async def _check_bot(transport: Transport) -> list[Finding]:
    try:
        await transport.call("getMe", {}, hold=LIMIT)
    except TelegramError as error:
        if error.code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND) or getattr(error, "maybe_done", True):
            return [_unreachable(error)]  # a page of a proxy with these codes says nothing about the token
        cause = f"Telegram does not know this token (it answered {error.code})."
        return [Finding("token-refused", "telegram.token", cause, f"{_BOTFATHER}.")]
    return []


def _unreachable(error: TelegramError) -> Finding:
    fix = "look at the network, the firewall and ASTRAL_TELEGRAM__API_URL; `--offline` leaves this check out."
    what = f"the answer was {error.code}" if error.code >= HTTPStatus.BAD_REQUEST else error.description
    return Finding("telegram-unreachable", "telegram.api_url", f"{error.method}: {what}.", fix)


def _check_webhook(settings: Settings, info: dict[str, Any]) -> list[Finding]:
    findings = []
    wanted = (settings.telegram.public_url or "").rstrip("/")
    if wanted and info.get("url") != f"{wanted}/webhook/telegram":
        cause = f"Telegram {'sends updates elsewhere' if info.get('url') else 'has no webhook for this bot'}."
        fix = "`astral run` sets it at its start; where it just did, another bot uses the same token."
        findings.append(Finding("webhook-differs", "telegram.public_url", cause, fix, fatal=False))
    age = int(time.time() - info.get("last_error_date", 0))
    if info.get("url") and age < RECENT:
        cause = f"{max(age, 0) // 60} minutes ago Telegram could not deliver: {info.get('last_error_message', '?')}."
        fix = "look at the proxy, its certificate and the bot's log of that time."
        findings.append(Finding("webhook-error", "webhook", cause, fix, fatal=False))
    return findings


async def _check_clock(transport: Transport, api_url: str) -> list[Finding]:
    timeout = aiohttp.ClientTimeout(total=LIMIT)
    try:
        async with transport.session.head(api_url, timeout=timeout, allow_redirects=False) as response:
            told = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (aiohttp.ClientError, OSError, TimeoutError, LookupError, TypeError, ValueError, OverflowError):
        return []  # no clock is no finding
    off = time.time() - told
    if abs(off) <= OFF:
        return []
    cause = f"this machine is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} Telegram."
    return [Finding("clock-off", "clock", cause, "let the machine set its clock by NTP.", fatal=False)]
