"""Settings that load and are still not what an owner wants."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from astral_core.config import Settings, Telegram, config_file, nearest, unknown_variables
from astral_core.finding import Finding
from astral_core.host.checks import doubtful_texts
from astral_core.host.host import Host

TELEGRAM = str(Telegram.model_fields["api_url"].default)


def invalid(problems: Sequence[str]) -> Iterator[Finding]:
    """One finding for each problem that keeps the settings from loading."""
    for problem in problems:
        where, _, rest = problem.partition(": ")
        fix = "mend it in astral.toml or in the environment; `astral config example` shows every setting."
        yield Finding("settings-invalid", where if rest else "settings", _stop(rest or problem), fix)


def check_sources(settings: Settings, plugins: Sequence[str]) -> Iterator[Finding]:
    """Files, variables and sections that are not read."""
    if "ASTRAL_CONFIG" in os.environ and not config_file().is_file():
        cause = f"ASTRAL_CONFIG names {config_file()}, which is not there: all settings of the file are defaults."
        fix = "write it (`astral config example` is a beginning), or unset ASTRAL_CONFIG."
        yield Finding("settings-file-missing", "ASTRAL_CONFIG", cause, fix, fatal=False)
    for name, near in unknown_variables(os.environ):
        fix = f"did you mean {near}?" if near else "unset it; `astral config show` lists all settings."
        yield Finding("settings-unknown-variable", name, "no setting has this name.", fix, fatal=False)
    for name in sorted(set(settings.plugins) - set(plugins) - {"core"}):
        near = nearest(name, plugins)
        fix = f"did you mean {near!r}?" if near else "install the plugin, or take its settings out."
        cause = "these settings are for no installed plugin."
        yield Finding("settings-unknown-plugin", f"plugins.{name}", cause, fix, fatal=False)
    if not settings.admins:
        fix = "set ASTRAL_ADMINS to your Telegram id; several are separated by commas."
        yield Finding(
            "admins-empty", "admins", "nobody may use the commands for admins or reads alerts.", fix, fatal=False
        )


def check_texts(settings: Settings, host: Host | None) -> Iterator[Finding]:
    """The owner's own words, beside the languages that the bot speaks."""
    for where, what, fix in doubtful_texts(settings, host.catalogs()) if host is not None else ():
        yield Finding("texts-doubtful", where, what, fix, fatal=False)


def check_public(settings: Settings) -> Iterator[Finding]:
    """What a bot with a public address needs."""
    url = settings.telegram.public_url
    if not url:
        return
    if not url.lower().startswith("https://"):
        cause = "the address does not begin with https://, and Telegram sends updates to no other."
        fix = "set ASTRAL_TELEGRAM__PUBLIC_URL to the https address of the proxy in front of the bot."
        official = settings.telegram.api_url.rstrip("/") == TELEGRAM  # a Bot API server of one's own takes http
        yield Finding("public-url-not-https", "telegram.public_url", cause, fix, fatal=official)
    if settings.telegram.webhook_secret is None:
        cause = "telegram.public_url is set and this secret is not: anybody could post updates."
        fix = "set ASTRAL_TELEGRAM__WEBHOOK_SECRET to 32 random characters."
        yield Finding("webhook-secret-missing", "telegram.webhook_secret", cause, fix)
    if settings.web.metrics_token is None:
        cause = "whoever a proxy on this machine lets through may look like you, and read /metrics."
        fix = "set ASTRAL_WEB__METRICS_TOKEN to 32 random characters."
        yield Finding("metrics-token-missing", "web.metrics_token", cause, fix, fatal=False)


def _stop(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."
