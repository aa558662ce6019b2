"""What is known to be secret, and that no spelling of it gets through: in the log, and in what commands show."""

from __future__ import annotations

import html
import io
import json
import logging
import re
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from astral_core.cli import cli, main
from astral_core.config import Settings
from astral_core.known_secrets import known_secrets, secrets_in
from astral_core.observe.logs import JsonFormatter
from astral_core.observe.redactor import Redactor

ODD = "p@ss/w:ör%d+\"'\\ &=#"
CYRILLIC = "пароль-базы данных"
SEQUENCE = "50%41 off%20it"
SECRETS = {
    "token": "424242:AAF-odd_token_of-nobody_at-all_0123456",
    "webhook": "webhook-Secret_0123456789",
    "metrics": "metrics'token\"of\\the owner",
    "url": ODD,
    "direct": CYRILLIC,
    "plugin": SEQUENCE,
    "proxy": "pröxy pass&word",
}
ENVIRONMENT = {
    "ASTRAL_TELEGRAM__TOKEN": SECRETS["token"],
    "ASTRAL_TELEGRAM__WEBHOOK_SECRET": SECRETS["webhook"],
    "ASTRAL_WEB__METRICS_TOKEN": SECRETS["metrics"],
    "ASTRAL_DATABASE__URL": f"postgresql+asyncpg://bot:{quote(ODD, safe='')}@127.0.0.1:1/x",
    "ASTRAL_DATABASE__DIRECT_URL": f"postgresql+asyncpg://bot:{quote_plus(CYRILLIC).lower()}@127.0.0.1:1/x",
    "ASTRAL_PLUGINS__SHOP__PIN": SECRETS["plugin"],
    "HTTPS_PROXY": f"http://me:{quote(SECRETS['proxy'], safe='')}@127.0.0.1:1",
}
PLUGIN = f"""
from pydantic import BaseModel, SecretStr, field_validator
from astral_core import Plugin


class Settings(BaseModel):
    pin: SecretStr
    url: str = "https://a:b-c-d-e-f-g@example.com/?api_key=query-parameter-1"

    @field_validator("pin")
    @classmethod
    def _refuse(cls, value):
        raise ValueError(f"{{value.get_secret_value()}} is no PIN, as little as {SECRETS["webhook"]}")


plugin = Plugin(settings=Settings)
"""


def spellings(secret: str) -> Iterator[str]:
    """All forms in which a secret may come along."""
    yield from (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
    )
    yield from (
        re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        secret.replace("%", "%25").replace("@", "%40"),
    )
    yield from (repr(secret)[1:-1], repr(repr(secret))[2:-2], ascii(secret)[1:-1], repr(secret.encode())[2:-1])
    yield from (json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], html.escape(secret))
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    for user in ("", "me", "bot", "a-user-nobody-knows"):
        for encoded in (b64encode(f"{user}:{secret}".encode()), urlsafe_b64encode(f"{user}:{secret}".encode())):
            yield encoded.decode()
            yield encoded.decode().rstrip("=")


def assert_hidden(shown: str, *secrets: str) -> None:
    """No spelling of any secret is in `shown`."""
    for secret in secrets or SECRETS.values():
        for spelling in spellings(secret):
            assert spelling not in shown, f"{spelling!r} in {shown!r}"


# --- what is known ---


def test_passwords_in_database_urls_are_secrets(make_settings: Callable[..., Settings]) -> None:
    """As they are and as the URL spells them; what is no URL is hidden whole, what has no password is not."""
    known = known_secrets(make_settings(telegram={}, database={"url": "postgresql://bot:pass%2Fword%21@db/astral"}))
    assert known == ["pass%2Fword%21", "pass/word!"]
    raw = known_secrets(make_settings(telegram={}, database={"url": "postgresql://bot:pass@wo/rd@db/astral"}))
    assert "pass@wo/rd" in raw
    assert "no url with a pass/word" in known_secrets(make_settings(database={"url": "no url with a pass/word"}))
    for harmless in ("sqlite+aiosqlite:///astral.db", "postgresql://astral@localhost/astral"):
        assert known_secrets(make_settings(telegram={}, database={"url": harmless})) == []
    parameter = "postgresql://db/astral?user=bot&password=as+a%2Bparameter&sslmode=require"
    assert "as a+parameter" in known_secrets(make_settings(telegram={}, database={"url": parameter}))


def test_a_short_password_is_hidden_where_it_stands(make_settings: Callable[..., Settings]) -> None:
    """Three letters are in many words, and are hidden with what is around them: the URL, or the user's name."""
    url = "postgresql://bot:abc@db/astral"
    redact = Redactor(known_secrets(make_settings(telegram={}, database={"url": url})))
    assert redact(f"{url} {quote(url, safe='')} bot:abc {b64encode(b'bot:abc').decode()} abc").count("abc") == 1


class Shop(BaseModel):
    """A part of a plugin's settings."""

    pin: SecretStr


class PluginSettings(BaseModel):
    """A plugin's settings; no name tells that it is secret."""

    account: SecretStr
    shops: list[Shop]
    by_country: dict[str, Shop]
    title: str
    data: SecretBytes
    number: Secret[int]
    site: str = "https://example.com"
    mirrors: dict[str, list[str]] = {}
    absent: SecretStr | None = None


def test_every_secret_of_a_plugins_settings_is_known() -> None:
    """The model's types tell, at any depth, whatever the keys are called; and so do URLs in any setting."""
    model = PluginSettings.model_validate({
        "account": "one-1", "shops": [{"pin": "two-2"}], "by_country": {"ru": {"pin": "three-3"}}, "title": "Shop",
        "data": b"four-4", "number": 55555,
        "mirrors": {"de": ["https://me:six%2D6@example.com", "https://x.com/?a=b&access_token=seven%2D7"]},
    })  # fmt: skip
    found = set(secrets_in(model))
    assert {"one-1", "two-2", "three-3", "four-4", "55555", "six-6", "six%2D6", "seven-7", "seven%2D7"} <= found
    assert found.isdisjoint({"Shop", "https://example.com", "me", "b"})


def test_names_of_raw_settings_tell_what_is_secret(make_settings: Callable[..., Settings]) -> None:
    """Before a plugin's model is known, or where it has plain texts."""
    raw = {"shop": {"api_key": "one-1", "keyboard": "inline", "deep": {"tokens": ["two-2", 333333]}, "monitor_dsn":
           "four-4", "database": "redis://:five-5@db", "monkeys": "many", "on": True}}  # fmt: skip
    known = known_secrets(make_settings(telegram={}, plugins=raw))
    assert {"one-1", "two-2", "333333", "four-4", "five-5"} <= set(known)
    assert not {"inline", "True"} & set(known)


def test_passwords_of_proxies_in_the_environment_are_known(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a scheme, whatever the case of the variable."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:one%2D1@proxy:3128")
    monkeypatch.setenv("http_proxy", "me:two-2@proxy:3128")
    assert {"one-1", "one%2D1", "two-2"} <= set(known_secrets(make_settings(telegram={})))


# --- how it is spelled ---


@pytest.mark.parametrize(
    "secret", [*SECRETS.values(), "six-66", "a\nsecret\tof lines", "\\\\\\\\\\\\", "ключ𝄞музыки"]
)
def test_each_spelling_of_a_secret_is_hidden(secret: str) -> None:
    """Plain, in URLs with any part of it encoded, in reprs, JSON and HTML, and in Basic authorization of any user."""
    redact = Redactor([secret])
    for spelling in spellings(secret):
        assert_hidden(redact(f"before {spelling} after"), secret)
        assert redact(f"before {spelling} after").endswith(" after")


@given(st.text(min_size=6, max_size=20), st.data())
def test_a_secret_is_hidden_however_it_is_partly_encoded(secret: str, data: st.DataObject) -> None:
    """Each character by itself: as it is, by percent with large or small digits, once or twice, or escaped."""
    ways = [
        lambda one: one, lambda one: "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogatepass")),
        lambda one: "".join(f"%25{byte:02x}" for byte in one.encode("utf-8", "surrogatepass")),
        lambda one: json.dumps(one)[1:-1], lambda one: repr(one)[1:-1],
    ]  # fmt: skip
    spelled = "".join(data.draw(st.sampled_from(ways))(one) for one in secret)
    assert Redactor([secret])(f"<{spelled}>") == "<[hidden]>"


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


# --- what commands show ---


@pytest.fixture
def odd_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with odd secrets, and a plugin whose settings' model tells them; the folder."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ASTRAL_CONFIG", str(tmp_path / "astral.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "astral.toml").write_text('[host]\nenabled = ["shop"]\n[web]\nport = 0\n', encoding="utf-8")
    site = tmp_path / "site"
    info = site / "astral_shop-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: astral-shop\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[astral.plugins]\nshop = astral_shop:plugin\n", encoding="utf-8")
    (site / "astral_shop.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    return tmp_path


COMMANDS = (
    ("config", "show"), ("config", "show", "--origin", "--json"), ("config", "example"), ("config", "schema"),
    ("doctor", "--offline"), ("doctor", "--offline", "--json"), ("plugins", "list"), ("plugins", "info", "shop"),
    ("plugins", "check", "shop", "--database", ENVIRONMENT["ASTRAL_DATABASE__URL"]), ("routes",), ("hooks",),
    ("inbox", "list"), ("outbox", "list"), ("due", "list"), ("roles", "list"), ("replicas",), ("db", "status"),
    ("db", "upgrade"),
)  # fmt: skip


@pytest.mark.usefixtures("odd_settings")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_shows_a_secret(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever fails: the database is away, and the plugin's own words about its settings hold a secret."""
    monkeypatch.setattr(sys, "argv", ["astral", *arguments])
    monkeypatch.setattr("astral_core.cli.let_nothing_past", lambda: None)  # it is the whole process's
    with pytest.raises(SystemExit):
        main()
    shown = capsys.readouterr()
    assert shown.out or shown.err
    assert_hidden(shown.out + shown.err)


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError(f"refused: {ODD!r}"), 1), (ValueError(CYRILLIC), 1)],
)
@pytest.mark.usefixtures("odd_settings")
def test_an_unexpected_error_of_a_command_shows_no_secret(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its traceback is shown, as Python does, without secrets, also where the settings do not load any more."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("astral_core.cli.let_nothing_past", lambda: None)
    monkeypatch.setattr("astral_core.cli.config.load_settings", fail)
    monkeypatch.setattr(sys, "argv", ["astral", "config", "show"])
    for broken in (False, True):
        if broken:
            monkeypatch.setenv("ASTRAL_WEB__PORT", "no number")
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr().err
        assert ended.value.code == code
        assert "Traceback (most recent call last)" in shown
        assert type(error).__name__ in shown
        assert_hidden(shown)


@pytest.mark.usefixtures("odd_settings")
def test_errors_of_usage_show_no_secret(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What was typed may be one; click repeats it, and the exit code stays click's."""
    monkeypatch.setattr("astral_core.cli.let_nothing_past", lambda: None)
    monkeypatch.setattr(sys, "argv", ["astral", "plugins", "info", SECRETS["metrics"]])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    monkeypatch.setattr(sys, "argv", ["astral", "config", "show", f"--{CYRILLIC}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "Usage: " in shown
    assert_hidden(shown)


def test_the_process_itself_writes_nothing_past(odd_settings: Path) -> None:
    """Threads that fail, exceptions that nobody can catch, and warnings: all are told, without secrets."""
    program = (
        "import gc, os, threading, warnings\n"
        "from astral_core.cli.hiding import let_nothing_past\n"
        "let_nothing_past()\n"
        "secret = os.environ['ASTRAL_PLUGINS__SHOP__PIN']\n"
        "class Broken:\n    def __del__(self):\n        raise ValueError(secret)\n"
        "def fail():\n    raise RuntimeError(secret)\n"
        "thread = threading.Thread(target=fail)\nthread.start()\nthread.join()\n"
        "Broken()\ngc.collect()\nwarnings.warn(secret)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=odd_settings
    )
    for expected in ("RuntimeError", "ValueError", "UserWarning"):
        assert expected in done.stderr
    assert_hidden(done.stdout + done.stderr)


@pytest.mark.usefixtures("odd_settings")
def test_config_show_hides_what_is_secret_in_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """User, password and parameters with such a name; the rest is shown."""
    monkeypatch.setenv("ASTRAL_TELEGRAM__API_URL", "https://me:pass-word-1@api.example.com/x?api_key=query-key-1&a=b")
    shown = CliRunner().invoke(cli, ["config", "show"]).output
    assert "https://***@api.example.com/x?api_key=[hidden]&a=b" in shown
    assert "pass-word-1" not in shown


@pytest.mark.parametrize("name", ["max_tokens", "key_prefix", "keyboard", "token_lifetime"])
def test_a_harmless_value_is_no_secret(name: str) -> None:
    """Or its digits would be hidden in the numbers of rows and chats."""
    assert list(secrets_in({name: 128_000, "text": "profile"})) == []


@pytest.mark.parametrize("name", ["api_key", "sslpassword", "secret_key_base", "tokens", "bot-token"])
def test_a_name_tells_that_its_value_is_secret(name: str) -> None:
    """Also a number."""
    assert "128000" in list(secrets_in({name: 128_000}))
