"""The URL of a PostgreSQL as its provider prints it: libpq's names, which the driver takes in other places."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import URL

from astral_core.errors import ConfigError

# asyncpg reads these out of a DSN alone; it does with them what libpq does.
_DSN = (
    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword", "sslnegotiation", "target_session_attrs",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib", "service",
)  # fmt: skip
_KEPT = ("host", "port", "user", "ssl", "passfile", "direct_tls", "prepared_statement_cache_size")
# Of no meaning here: the bot names its connections itself, and the driver has neither these nor a need for them.
_LEFT_OUT = ("application_name", "fallback_application_name", "client_encoding", "sslsni", "sslcompression",
             "gssencmode", "channel_binding", "keepalives", "keepalives_idle", "keepalives_interval",
             "keepalives_count", "tcp_user_timeout", "load_balance_hosts")  # fmt: skip
_KNOWN = {*_DSN, *_KEPT, *_LEFT_OUT, "options", "connect_timeout"}
SYSTEM = "system"  # libpq's word for the certificates that the machine trusts
VERIFY = ("verify-ca", "verify-full")
_MODES = ("disable", "allow", "prefer", "require", *VERIFY)


def check(url: URL) -> None:
    """Refuse what the driver cannot do, with the words to write instead. No message shows a value."""
    values = {name: _last(value) for name, value in url.query.items()}
    unknown = sorted(values.keys() - _KNOWN)
    if "password" in unknown:
        raise _wrong("the password stands behind the question mark", "write user:password@ before the host.")
    if unknown:
        raise _wrong(f"its parameter {unknown[0]!r} is none of PostgreSQL's", "take it out of the URL.")
    if values.get("channel_binding") == "require":
        raise _wrong(
            "channel_binding=require asks for what the driver cannot do",
            "take it out, and write sslmode=verify-full&sslrootcert=system, which keeps others out as well.",
        )
    if values.get("gssencmode") == "require":
        raise _wrong("gssencmode=require asks for what the driver cannot do", "write sslmode=require instead.")
    mode, root = values.get("sslmode"), values.get("sslrootcert", os.environ.get("PGSSLROOTCERT"))
    if mode is not None and mode not in _MODES:
        raise _wrong("its sslmode is unknown", f"write one of {', '.join(_MODES)}.")
    if "ssl" in values and mode is not None:
        raise _wrong("it has both ssl and sslmode", "take out ssl.")
    if root == SYSTEM:
        if mode not in (None, "verify-full"):
            raise _wrong("sslrootcert=system checks the host's name", "write sslmode=verify-full.")
    elif root is not None and not Path(root).expanduser().is_file():
        raise _wrong("the file that sslrootcert names is not there", "put the provider's certificate there.")
    elif root is None and mode in VERIFY and not (Path.home() / ".postgresql" / "root.crt").is_file():
        raise _wrong(
            f"sslmode={mode} needs to know whom to trust",
            "add &sslrootcert=/path/to/the/provider's/ca.crt, or &sslrootcert=system for a public certificate.",
        )
    if not values.get("connect_timeout", "0").isdecimal():
        raise _wrong("its connect_timeout is not a number", "write whole seconds, such as connect_timeout=10.")


def translated(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What asyncpg takes for the parameters of a URL that passed `check`."""
    rest = {name: _last(value) if name in _KNOWN - {"host", "port"} else value for name, value in parameters.items()}
    given = {name: rest.pop(name) for name in _DSN if name in rest}
    for name in _LEFT_OUT:
        rest.pop(name, None)
    options, seconds = rest.pop("options", None), int(rest.pop("connect_timeout", 0))
    if options is not None:  # before the bot's own settings, which PostgreSQL sets after these
        rest["server_settings"] = {"options": options, **rest.get("server_settings", {})}
    if seconds:
        rest["timeout"] = seconds
    if given.get("sslrootcert", os.environ.get("PGSSLROOTCERT")) == SYSTEM:
        context = rest["ssl"] = ssl.create_default_context()
        if "sslcert" in given:
            context.load_cert_chain(given["sslcert"], given.get("sslkey"), given.get("sslpassword"))
        given = {name: value for name, value in given.items() if not name.startswith("ssl")}
    elif "sslrootcert" in given:
        given["sslrootcert"] = str(Path(given["sslrootcert"]).expanduser())
    if given:
        rest["dsn"] = f"postgresql://?{urlencode(given)}"
    return rest


def _last(value: Any) -> Any:
    """libpq takes the last one where a name comes twice."""
    return value[-1] if isinstance(value, tuple) else value


def _wrong(what: str, fix: str) -> ConfigError:
    return ConfigError(f"database.url: {what}. Fix: {fix}")
