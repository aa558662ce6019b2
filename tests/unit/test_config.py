"""Settings: environment over astral.toml over defaults, checked in one go, and no value in any error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, Secret, SecretBytes, SecretStr

from astral_core.config import (
    Section,
    Settings,
    is_secret,
    load_settings,
    plugin_settings,
    try_settings,
    unknown_variables,
)
from astral_core.errors import ConfigError

TOKEN = "123456:SECRET-token-of-the-bot"


class Weather(Section):
    """A plugin's section."""

    api_key: SecretStr | None = None
    timeout: float = Field(default=5.0, gt=0)
    cities: tuple[str, ...] = ()


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`toml(text)` writes the astral.toml that is read."""
    path = tmp_path / "astral.toml"
    monkeypatch.setenv("ASTRAL_CONFIG", str(path))
    return path.write_text


def test_languages_are_codes_in_any_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Telegram writes them, or gettext; each is named once."""
    monkeypatch.setenv("ASTRAL_LANGUAGES", "de, pt-br,PT_BR,zh-Hans")
    assert load_settings().languages == ("de", "pt_BR", "zh_Hans")
    assert load_settings(language="UK").language == "uk"
    with pytest.raises(ConfigError, match="'german' is not the code of a language"):
        load_settings(languages=["german"])
    with pytest.raises(ConfigError, match=r"language: .* is not the code of a language"):
        load_settings(language="")


def test_defaults_need_no_file_and_no_environment() -> None:
    """What an owner gets without any setting."""
    settings = load_settings()
    assert settings.database.url.get_secret_value() == "sqlite+aiosqlite:///astral.db"
    assert (settings.web.host, settings.web.port, settings.language, settings.admins) == ("127.0.0.1", 8080, "en", ())
    assert settings.host.disabled == ("playground",)
    assert settings.host.required == ("payments",)


def test_arguments_over_environment_over_file(toml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source fills what the stronger ones leave open, also inside one section."""
    toml('language = "ru"\n[web]\nport = 1\nhost = "0.0.0.0"\ndrain_delay = 2.5\n')
    monkeypatch.setenv("ASTRAL_WEB__PORT", "2")
    monkeypatch.setenv("ASTRAL_WEB__HOST", "::1")
    settings = load_settings(web={"port": 3})
    assert (settings.web.port, settings.web.host, settings.web.drain_delay, settings.language) == (
        3,
        "::1",
        2.5,
        "ru",
    )


@pytest.mark.parametrize(
    ("given", "expected"), [("1", (1,)), ("1,2", (1, 2)), (" 1 , 2 ,", (1, 2)), ("", ()), ("5,", (5,))]
)
def test_admins_are_a_comma_separated_list(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: tuple[int, ...]
) -> None:
    """ASTRAL_ADMINS needs no brackets."""
    monkeypatch.setenv("ASTRAL_ADMINS", given)
    assert load_settings().admins == expected


@pytest.mark.parametrize("given", ["-1001234567890", "7,-5", "0"])
def test_a_group_is_no_admin(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Everybody there would read what is for the owner. The message says what to do, and shows no value."""
    monkeypatch.setenv("ASTRAL_ADMINS", given)
    with pytest.raises(ConfigError, match=r"admins: .*is no person: groups and channels") as caught:
        load_settings()
    assert "Fix: " in str(caught.value)
    assert given not in str(caught.value)


def test_admins_in_the_file(toml) -> None:
    """A list, or one number."""
    toml("admins = [7, 8]")
    assert load_settings().admins == (7, 8)
    toml("admins = 9")
    assert load_settings().admins == (9,)


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("ASTRAL_WEB__PORT", "hunter2", "web.port"),
        ("ASTRAL_WEB__PORT", "70000", "web.port"),
        ("ASTRAL_ADMINS", "1,hunter2", "admins.1"),
        ("ASTRAL_INBOX__KEEP_DONE_HOURS", "1", "inbox.keep_done_hours"),
        ("ASTRAL_TELEGRAM__WEBHOOK_SECRET", "hunter2 with blanks", "telegram.webhook_secret"),
        ("ASTRAL_TELEGRAM__WEBHOOK_SECRET", "hünter2", "telegram.webhook_secret"),
        ("ASTRAL_TELEGRAM__WEBHOOK_SECRET", "", "telegram.webhook_secret"),
        ("ASTRAL_TELEGRAM__TOKENN", "hunter2", "telegram.tokenn"),
        ("ASTRAL_HOST__ON_ERROR", "hunter2", "host.on_error"),
    ],
)
def test_wrong_values_are_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, where: str
) -> None:
    """The error says which setting is wrong and where it may come from, never what it is."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=where.replace(".", r"\.")) as caught:
        load_settings()
    assert "astral.toml or ASTRAL_" in str(caught.value)
    assert "unter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_all_mistakes_are_told_at_once(toml) -> None:
    """An owner mends a file in one go."""
    toml('[web]\nport = "x"\nhots = "y"\n[inbox]\nhandlers = 0\n')
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert all(name in str(caught.value) for name in ("web.port", "web.hots", "inbox.handlers"))


def test_secrets_do_not_appear_in_any_text() -> None:
    """Printing the settings shows stars."""
    settings = load_settings(
        telegram={"token": TOKEN, "webhook_secret": "hunter2", "previous_webhook_secret": "hunter2"},
        database={"url": "postgresql://me:hunter2@host/db"},
        web={"metrics_token": "hunter2"},
    )
    for text in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.telegram)):
        assert "hunter2" not in text
        assert "SECRET" not in text
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == TOKEN


@pytest.mark.parametrize("token", [None, "", "hunter2", ":x", "12a:x"])
def test_the_bots_id_comes_from_the_token(token: str | None) -> None:
    """Without a token that looks like one, the error says where to get it and shows nothing of it."""
    assert load_settings(telegram={"token": TOKEN}).bot_id == 123456
    with pytest.raises(ConfigError, match="ASTRAL_TELEGRAM__TOKEN") as caught:
        _ = load_settings(telegram={"token": token}).bot_id
    assert "hunter2" not in str(caught.value)


def test_a_plugins_section_from_file_and_environment(toml, monkeypatch: pytest.MonkeyPatch) -> None:
    """The core keeps it raw; the plugin's own model checks it. An absent section is the model's defaults."""
    toml('[plugins.weather]\ntimeout = 9\ncities = ["Omsk"]\n')
    monkeypatch.setenv("ASTRAL_PLUGINS__WEATHER__API_KEY", "hunter2")
    section = plugin_settings(load_settings(), "weather", Weather)
    assert (section.timeout, section.cities) == (9.0, ("Omsk",))
    assert section.api_key is not None
    assert section.api_key.get_secret_value() == "hunter2"
    assert plugin_settings(Settings(), "other", Weather) == Weather()


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    """Typing errors are told with a guess, others with the list; never with the value."""
    settings = load_settings(plugins={"weather": {"api_kye": "hunter2", "zzz": "hunter2"}})
    with pytest.raises(ConfigError) as caught:
        plugin_settings(settings, "weather", Weather)
    assert "[plugins.weather] has no setting 'api_kye'. Did you mean 'api_key'?" in str(caught.value)
    assert "no setting 'zzz'. Known keys: api_key, timeout, cities." in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_wrong_value_of_a_plugin_is_named_but_not_shown() -> None:
    """The message leads to the section and to the environment's name for it."""
    settings = load_settings(plugins={"weather": {"timeout": "hunter2"}})
    with pytest.raises(ConfigError, match=r"\[plugins\.weather\] or ASTRAL_PLUGINS__WEATHER__.*timeout") as caught:
        plugin_settings(settings, "weather", Weather)
    assert "hunter2" not in str(caught.value)


def test_settings_do_not_change_while_the_bot_runs() -> None:
    """They are frozen."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings().web.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[databse]\nurl = 'hunter2'\n", "databse: there is no such setting. Did you mean 'database'?"),
        ("zzz = 'hunter2'\n", "zzz: there is no such setting. Known keys: telegram, database,"),
        ("[web]\nprot = 'hunter2'\n", "web.prot: there is no such setting. Did you mean 'port'?"),
    ],
)
def test_an_unknown_key_of_the_core_is_refused_with_the_nearest_one(toml, text: str, said: str) -> None:
    """At the top of astral.toml and in its sections: a misspelt section would else be silently ignored."""
    toml(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_problem_without_its_content(toml, tmp_path: Path) -> None:
    """Broken TOML, with its line, and bytes that are no text."""
    toml("language = hunter2\n")
    settings, (problem,) = try_settings()
    assert settings is None
    assert problem.startswith("astral.toml: not TOML: ")
    assert "line 1" in problem
    assert "hunter2" not in problem
    (tmp_path / "astral.toml").write_bytes(b"language = '\xff'\n")
    assert try_settings() == (None, ["astral.toml: not UTF-8"])


def test_a_section_in_the_environment_that_is_no_json_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the section's name, and without the value."""
    monkeypatch.setenv("ASTRAL_HOST", "hunter2")
    with pytest.raises(ConfigError, match=r'"host".* JSON') as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_variables_that_nothing_reads_are_found_with_the_nearest_name() -> None:
    """Whatever is read is not among them: settings in any case, plugins' sections, and what tests set."""
    read = [
        "ASTRAL_CONFIG", "ASTRAL_FAILPOINT", "ASTRAL_TEST_POSTGRES", "ASTRAL_CHROMIUM", "ASTRAL_SCREENSHOT",
        "ASTRAL_WEB", "ASTRAL_WEB__PORT", "astral_web__port", "ASTRAL_ADMINS", "ASTRAL_PLUGINS__NATAL__KEY__DEEP",
        "ASTRAL_COMMANDS__X", "PATH", "ASTRAL",
    ]  # fmt: skip
    assert unknown_variables(read) == []
    assert unknown_variables(["ASTRAL_WEB_PORT", "ASTRAL_DATABSE__URL", "ASTRAL_ADMINS__1", "ASTRAL_QQQQQQQQQQ"]) == [
        ("ASTRAL_ADMINS__1", "ASTRAL_ADMINS"),
        ("ASTRAL_DATABSE__URL", "ASTRAL_DATABASE__URL"),
        ("ASTRAL_QQQQQQQQQQ", None),
        ("ASTRAL_WEB_PORT", "ASTRAL_WEB__PORT"),
    ]


@pytest.mark.parametrize(
    ("annotation", "secret"),
    [
        (SecretStr, True),
        (SecretStr | None, True),
        (list[SecretBytes], True),
        (Secret[int], True),
        (dict[str, Annotated[SecretStr, "x"]], True),
        (str, False),
        (list[str] | None, False),
        (Any, False),
    ],
)
def test_a_type_tells_whether_a_setting_is_secret(annotation: Any, secret: bool) -> None:
    """Also where the secret is one of several, or of none."""
    assert is_secret(annotation) is secret


def test_webhooks_are_absolute_paths(make_settings: Any) -> None:
    """A path without its slash is told before the server is built; the same path twice does no harm."""
    with pytest.raises(ConfigError, match="must begin with a slash"):
        make_settings(web={"webhooks": ("hook",)})
    assert make_settings(web={"webhooks": ("/hook", "/hook")}).web.webhooks == ("/hook", "/hook")


def test_trusted_proxies_are_addresses_or_networks(make_settings: Any) -> None:
    """A name or a network with bits of a host in it is told before anybody is trusted."""
    for wrong in ("proxy", "10.0.0.1/8", ""):
        with pytest.raises(ConfigError, match=r"web\.trusted_proxies.*an address or a network"):
            make_settings(web={"trusted_proxies": (wrong,)})
    given = ("127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8")
    assert make_settings(web={"trusted_proxies": given}).web.trusted_proxies == given
    assert make_settings().web.trusted_proxies == ()
