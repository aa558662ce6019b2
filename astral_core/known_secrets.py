"""Every secret that the settings hold, so that no log line, error, page or table shows one.

One place knows what is secret: values of secret types, passwords in URLs of any setting, parameters and keys whose
name says so, and the password of a proxy in the environment. How they may be spelled, `observe/redactor.py` knows.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from astral_core.config import PREFIX, Settings, config_file, try_settings

SHORT = 6  # characters: what is shorter is in many innocent words, and is hidden only where it stands in a URL
_LONE = 16  # characters of a name before the @ of a web address that has no password: then it is the key itself
_NAMES = ("key", "token", "secret", "password", "passwd", "passphrase", "pwd", "dsn", "credential")
_COUNTS = {"max", "min", "count", "number", "num"}  # words beside which a name means how many
_PLAIN = {"secret", "password", "passphrase"}  # words that tell anywhere in a name
_OTHERWISE = ("database", "roles", "commands")  # the first by itself; keys of the others name no value
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_PAIR = re.compile(r"""(?<![\w-])([\w-]+)=("[^"]*"|'[^']*'|[^&;\s"']*)""")  # in a query, or in a connection string


def known_secrets(settings: Settings, models: Iterable[BaseModel] = ()) -> list[str]:
    """All secrets of `settings`, of the checked sections of plugins (`models`), and of the environment's proxies."""
    known = dict.fromkeys(secret for model in models for secret in secrets_in(model))
    for name, section in settings:
        if name not in _OTHERWISE:
            known.update(dict.fromkeys(secrets_in(section, name)))
    token = settings.telegram.token
    if token is not None:
        known[token.get_secret_value().partition(":")[2]] = None
    for url in (settings.database.url, settings.database.direct_url):
        known.update(dict.fromkeys(_of_database(url.get_secret_value()) if url is not None else ()))
    known.update(dict.fromkeys(_of_proxies(os.environ)))
    return [secret for secret in known if secret]


def everything_secret() -> list[str]:
    """What errors of the command line must not show: all secrets, and all texts in the raw sections of plugins.

    Which of the latter are secret only a plugin's model knows, and the plugin may be what is broken. If the settings
    do not load, the names of variables and keys tell.
    """
    settings, _ = try_settings()
    if settings is not None:
        return [*known_secrets(settings), *texts_in(settings.plugins)]
    return [*_of_variables(os.environ), *secrets_in(_file()), *_of_proxies(os.environ)]


def _of_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name.upper().startswith(f"{PREFIX}DATABASE__"):
            yield from _of_database(value)
        elif name.upper().startswith(PREFIX):
            try:
                yield from secrets_in(json.loads(value), name)  # lists and tables are JSON
            except ValueError:
                yield from secrets_in(value, name)


def _file() -> dict[str, Any]:
    """astral.toml as it is; nothing if it cannot be read."""
    try:
        return tomllib.loads(config_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def secrets_in(value: object, name: str = "") -> Iterator[str]:
    """Every secret in a value of the settings, however deep. `name` is the key under which the value stands."""
    if isinstance(value, (SecretStr, SecretBytes, Secret)):
        for text in texts_in(value.get_secret_value()):
            yield text
            yield from secrets_of_text(text)
    elif isinstance(value, (BaseModel, Mapping)):
        for key, item in value.items() if isinstance(value, Mapping) else value:
            yield from secrets_in(item, name if _tells(name) else str(key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from secrets_in(item, name)
    else:
        for text in texts_in(value):
            if _tells(name):
                yield text
            yield from secrets_of_text(text)


def secrets_of_text(text: str) -> Iterator[str]:
    """The passwords in a URL or a connection string, as they are written there and as they are meant."""
    scheme, mark, rest = text.partition("://")
    if mark and "@" in rest:
        # A password with a raw @ in it is read to the first one, and was meant to the last one.
        for userinfo in dict.fromkeys((rest[: rest.find("@")], rest[: rest.rfind("@")])):
            yield from _of_userinfo(scheme, userinfo)
    for found in _PAIR.finditer(text):
        if _tells(found[1]):
            yield from _meant(found[2].strip("\"'"))


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value, and every number as a text."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "backslashreplace")
    elif isinstance(value, BaseModel):
        yield from texts_in(dict(value))
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _of_userinfo(scheme: str, userinfo: str) -> Iterator[str]:
    user, _, password = userinfo.partition(":")
    if not password:
        if scheme.lower() in ("http", "https") and len(user) >= _LONE:
            yield from _meant(user)
        return
    yield from _meant(password)
    if len(unquote(password)) < SHORT:  # hidden with what stands around it
        yield f"://{userinfo}@"
        yield f"{unquote(user)}:{unquote(password)}"


def _meant(text: str) -> Iterator[str]:
    """As a URL spells it, and the two ways to read that."""
    yield from dict.fromkeys((text, unquote(text), unquote_plus(text)))


def _of_database(url: str) -> Iterator[str]:
    if "://" not in url:
        yield url  # no URL at all: anything in it may be secret
    yield from secrets_of_text(url)


def _of_proxies(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name.lower() in _PROXIES:
            yield from secrets_of_text(value if "://" in value else f"http://{value}")


def _tells(name: str) -> bool:
    """Whether a key's or a parameter's name says that its value is secret: `api_key`, `sslpassword`, `tokens`."""
    parts = [part.removesuffix("s") for part in re.split(r"[^a-z0-9]+", name.lower()) if part and not part.isdigit()]
    if not _PLAIN.isdisjoint(parts):
        return True
    # The last word names the value, as `key_prefix` does; and `max_tokens` is a number of them.
    return bool(parts) and parts[-1].endswith(_NAMES) and _COUNTS.isdisjoint(parts)
