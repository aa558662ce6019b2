"""What `astral run` knows to be secret, so that no log line shows it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from astral_core.cli.run import secrets_of
from astral_core.config import Settings, secret_values
from astral_core.observe.logs import JsonFormatter, Redactor


def test_the_databases_password_is_a_secret(make_settings: Callable[..., Settings]) -> None:
    """As it is and as the URL spells it; a URL that is none is hidden whole."""
    known = secrets_of(make_settings(database={"url": "postgresql://bot:pass%2Fword!@db/astral"}))
    assert {"pass/word!", "pass%2Fword%21"} <= set(known)
    assert "no url with a pass/word" in secrets_of(make_settings(database={"url": "no url with a pass/word"}))
    assert secrets_of(make_settings(telegram={}, database={"url": "sqlite+aiosqlite:///astral.db"})) == []


class Shop(BaseModel):
    """A part of a plugin's settings."""

    pin: SecretStr


class PluginSettings(BaseModel):
    """A plugin's settings; no name tells that it is secret."""

    account: SecretStr
    shops: list[Shop]
    by_country: dict[str, Shop]
    title: str
    absent: SecretStr | None = None


def test_every_secret_of_a_plugins_settings_is_known() -> None:
    """The model's types tell, at any depth, whatever the keys are called."""
    model = PluginSettings.model_validate(
        {"account": "one-1", "shops": [{"pin": "two-2"}], "by_country": {"ru": {"pin": "three-3"}}, "title": "Shop"}
    )
    assert secret_values(model) == ["one-1", "two-2", "three-3"]


@pytest.mark.parametrize("secret", ['a"quoted"secret', "a\\back\\slash", "two\nlines\tof it"])
def test_json_lines_hide_secrets_that_json_would_escape(secret: str) -> None:
    """Redaction comes before escaping: in messages, extras, keys and tracebacks."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(Redactor([secret])))
    extra: dict[str, Any] = {"deep": {secret: [secret, ("x", secret)]}, "number": 3, "thing": ValueError(secret)}
    values = {"name": "test", "levelname": "WARNING", "msg": "it is %s", "args": (secret,), **extra}
    handler.handle(logging.makeLogRecord(values))
    line = json.loads(stream.getvalue())
    assert line["message"] == "it is [hidden]"
    assert line["deep"] == {"[hidden]": ["[hidden]", ["x", "[hidden]"]]}
    assert (line["number"], line["thing"]) == (3, "[hidden]")
