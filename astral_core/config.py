"""Settings: environment over astral.toml over defaults; one section a plugin.

Two passes: the core's own settings are checked here, with `plugins` kept raw; each plugin's section is checked
by the model that the plugin declares (`plugin_settings`). Secrets are `SecretStr`; no error shows a value.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, Secret, SecretBytes, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from astral_core.errors import ConfigError
from astral_core.languages.tags import canonical
from astral_core.wording import OwnTexts

M = TypeVar("M", bound=BaseModel)
PREFIX = "ASTRAL_"
ROLE_NAME, MOST_PEOPLE = r"[a-z0-9_-]{1,32}", 1_000  # of a role that the owner gives to people
# Read elsewhere: by `config_file`, by failpoint.py, and by tests.
_NO_SETTINGS = ("ASTRAL_CONFIG", "ASTRAL_FAILPOINT", "ASTRAL_CHROMIUM", "ASTRAL_SCREENSHOT")
_TESTS = "ASTRAL_TEST_"
_WHERE = "astral.toml or ASTRAL_... in the environment"


class Section(BaseModel):
    """Base of every section: unknown keys are refused, values never shown in errors."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class Telegram(Section):
    """The bot and the way its updates come in."""

    token: SecretStr | None = Field(default=None, description="the bot's token from @BotFather")
    api_url: str = Field(default="https://api.telegram.org", description="the Bot API server")
    local_server: bool = Field(
        default=False, description="api_url is a Bot API server of your own with --local: files above 50 MB"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="1-256 of A-Z a-z 0-9 _ -, sent with every update"
    )
    previous_webhook_secret: SecretStr | None = Field(default=None, description="still accepted while secrets rotate")
    public_url: str | None = Field(default=None, description="https address that Telegram reaches; sets the webhook")
    max_connections: int = Field(default=40, ge=1, le=100_000, description="parallel webhook deliveries")

    @field_validator("webhook_secret", "previous_webhook_secret")
    @classmethod
    def _secret_characters(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            if (
                not 1 <= len(text) <= 256
                or not text.replace("_", "").replace("-", "").isalnum()
                or not text.isascii()
            ):
                raise ValueError("must be 1-256 characters of A-Z a-z 0-9 _ -")
        return value


class Database(Section):
    """Where everything is kept."""

    url: SecretStr = Field(default=SecretStr("sqlite+aiosqlite:///astral.db"), description="SQLAlchemy URL")
    direct_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL itself, if url leads to a pooler: for the schema, locks and notifications",
    )
    pool_size: int = Field(
        default=16, ge=2, description="connections for handlers; on PostgreSQL up to 8 more are taken beside them"
    )
    plugin_connections: int | None = Field(
        default=None, ge=1, description="connections that one plugin may hold; three quarters of pool_size"
    )
    auto_migrate: bool = Field(default=True, description="upgrade the schema at start")


class Web(Section):
    """The one HTTP entry."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    metrics_token: SecretStr | None = Field(default=None, description="bearer token of /metrics; else loopback only")
    webhooks: tuple[str, ...] = Field(default=("/webhook/yookassa",), description="absolute paths plugins may claim")

    @field_validator("webhooks")
    @classmethod
    def _absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not path.startswith("/") for path in value):
            raise ValueError("each path must begin with a slash")
        return value

    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="networks of proxies whose X-Forwarded-For is believed, such as 127.0.0.1"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError("each must be an address or a network, such as 127.0.0.1 or 10.0.0.0/8") from None
        return value

    max_connections: int = Field(
        default=512,
        ge=1,
        description="open connections, fewer if the process may not open so many files; for one more the oldest idle "
        "stranger is closed",
    )
    drain_delay: float = Field(default=0.0, ge=0, description="seconds between 'not ready' and closing the port")


class Inbox(Section):
    """Bounds of the durable inbox."""

    handlers: int = Field(default=64, ge=1, description="updates handled at the same time")
    max_pending: int = Field(default=20_000, ge=1, description="pending updates beyond which posts get 503")
    max_chat: int = Field(
        default=2_000, ge=1, description="pending updates of one chat beyond which posts of that chat get 503"
    )
    max_lane: int = Field(
        default=1_000, ge=1, description="rows of one chat held in memory; the rest waits in the database"
    )
    handler_timeout: float = Field(default=30.0, gt=0, description="seconds a handler may take")
    slow_wait: Literal["warn", "raise"] = Field(
        default="warn", description="what happens to a handler that waits for something slow after its first write"
    )
    suspect_delay: float = Field(
        default=600.0, gt=0, description="seconds until what may have killed a process is tried a last time"
    )
    keep_done_hours: int = Field(default=72, ge=48, description="how long a done row is kept for dedupe")
    keep_dead_hours: int = Field(default=168, ge=1, description="how long what was written in a dead row is kept")


class Pool(Section):
    """The processes that compute."""

    workers: int | None = Field(default=None, ge=1, le=32, description="processes; one less than cores, 2 at most")
    warm: bool = Field(default=True, description="load what workers need at start, not with the first user")


class Host(Section):
    """Which plugins run."""

    enabled: tuple[str, ...] | None = Field(default=None, description="allow-list; all installed ones if unset")
    disabled: tuple[str, ...] = Field(default=("playground",), description="plugins that stay off")
    required: tuple[str, ...] = Field(default=("payments",), description="plugins whose failure stops the start")
    on_error: Literal["quarantine", "stop"] = Field(default="quarantine", description="what a broken plugin does")


class Settings(BaseSettings):
    """All settings of one process. Build it with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
        frozen=True,
    )

    telegram: Telegram = Telegram()
    database: Database = Database()
    web: Web = Web()
    inbox: Inbox = Inbox()
    pool: Pool = Pool()
    host: Host = Host()
    admins: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), description="Telegram ids of the bot's admins: people, no groups"
    )
    roles: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="who has which role, by Telegram ids: support = [1, 2]; /roles gives more"
    )
    commands: dict[str, str] = Field(default_factory=dict, description='renames: "weather.start" = "weather"')
    language: str = Field(default="en", description="the bot's own language, for people whose own is not offered")
    languages: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None,
        description="languages that people may choose, in this order; if unset, those with half of all texts",
    )
    texts: OwnTexts = OwnTexts()
    log_json: bool = Field(default=False, description="one JSON object a log line")
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="one section a plugin",  # which values are secret, its model knows
    )

    @field_validator("language")
    @classmethod
    def _language(cls, value: str) -> str:
        return canonical(value)

    @field_validator("languages")
    @classmethod
    def _languages(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if value is None else tuple(dict.fromkeys(map(canonical, value)))

    @field_validator("admins", "languages", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, int):
            return (value,)
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("roles", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: cls._comma_separated(people) for name, people in value.items()}

    @field_validator("roles")
    @classmethod
    def _roles(cls, value: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        for name, people in value.items():
            if name in ("owner", "chat_admin"):
                fix = "put owners into admins" if name == "owner" else "groups name their administrators themselves"
                raise ValueError(f"the role {name!r} cannot be given here. Fix: {fix}")
            if re.fullmatch(ROLE_NAME, name) is None:
                raise ValueError("the name of a role must be 1-32 of a-z 0-9 _ -")
            if len(people) > MOST_PEOPLE:
                raise ValueError(f"the role {name!r} has {len(people)} people; it takes {MOST_PEOPLE}")
            if not all(0 < person < 2**52 for person in people):
                raise ValueError(
                    f"one of {name!r} is no person: groups and channels have ids below zero. Fix: take it out, and "
                    "put in the Telegram ids of people"
                )
        return value

    @field_validator("admins")
    @classmethod
    def _people(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        for place, admin in enumerate(value, 1):
            if admin <= 0:  # all of a group would read what is for the owner alone
                raise ValueError(
                    f"number {place} of the list is no person: groups and channels have ids below zero. "
                    "Fix: take it out, and put in the Telegram ids of people"
                )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, astral.toml, in this order."""
        del dotenv_settings, file_secret_settings
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, toml

    @property
    def bot_id(self) -> int:
        """The bot's Telegram id, the number before the token's colon."""
        token = self.telegram.token
        head = token.get_secret_value().partition(":")[0] if token else ""
        if not head.isdigit():
            raise ConfigError(
                "telegram.token is missing or is not a bot token. Fix: set ASTRAL_TELEGRAM__TOKEN to the token "
                "from @BotFather (it looks like 123456:ABC...)."
            )
        return int(head)


def config_file() -> Path:
    """Path of astral.toml: ASTRAL_CONFIG, else the one in the current directory."""
    return Path(os.environ.get("ASTRAL_CONFIG", "astral.toml"))


def load_settings(**overrides: Any) -> Settings:
    """Read all sources; raise ConfigError with every problem at once, without any value."""
    settings, problems = try_settings(**overrides)
    if settings is None:
        raise ConfigError(f"settings are wrong ({_WHERE}): {'; '.join(problems)}")
    return settings


def try_settings(**overrides: Any) -> tuple[Settings | None, list[str]]:
    """The settings, or None and one sentence for each problem, without any value."""
    try:
        return Settings(**overrides), []
    except ValidationError as error:
        return None, _problems(error, Settings)
    except SettingsError as error:
        return None, [f"{error}; in the environment a list or a table is JSON"]
    except UnicodeDecodeError:
        return None, [f"{config_file().name}: not UTF-8"]
    except tomllib.TOMLDecodeError as error:
        return None, [f"{config_file().name}: not TOML: {error}"]
    except OSError as error:
        return None, [f"{config_file().name}: cannot be read ({error.strerror})"]


def plugin_settings(settings: Settings, plugin: str, model: type[M]) -> M:
    """The checked section of `plugin`; ConfigError names unknown keys and the nearest known one."""
    raw = settings.plugins.get(plugin, {})
    unknown = [key for key in raw if key not in model.model_fields]
    if unknown:
        raise ConfigError("; ".join(_unknown_key(plugin, key, tuple(model.model_fields)) for key in unknown))
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_explain(error, f"[plugins.{plugin}] or ASTRAL_PLUGINS__{plugin.upper()}__...")) from None


def is_secret(annotation: Any) -> bool:
    """Whether a setting of this type is, or holds, a secret."""
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, (SecretStr, SecretBytes, Secret)):
        return True
    return any(is_secret(part) for part in get_args(annotation))


def unknown_variables(environ: Iterable[str]) -> list[tuple[str, str | None]]:
    """The names among `environ` that look like settings and that nothing reads, each with the nearest known one.

    A wrong key inside a section that exists is not among them: `load_settings` refuses it.
    """
    known, open_ended = list(_NO_SETTINGS), set[str]()
    for name, item in Settings.model_fields.items():
        known.append(f"{PREFIX}{name.upper()}")
        keys = _keys(item.annotation)
        known += [f"{PREFIX}{name.upper()}__{key.upper()}" for key in keys]
        if keys or get_origin(item.annotation) is dict:
            open_ended.add(f"{PREFIX}{name.upper()}")
    found = []
    for name in sorted(environ):
        head, deeper, _ = name.upper().partition("__")
        if not head.startswith(PREFIX) or head.startswith(_TESTS):
            continue
        if name.upper() not in known and not (deeper and head in open_ended):
            found.append((name, nearest(name.upper(), known)))
    return found


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The one of `known` that `name` was most likely meant to be."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _unknown_key(plugin: str, key: str, known: Sequence[str]) -> str:
    return f"[plugins.{plugin}] has no setting {key!r}.{_hint(key, known)}"


def _hint(key: str, known: Sequence[str]) -> str:
    near = nearest(key, known)
    return f" Did you mean {near!r}?" if near else f" Known keys: {', '.join(known) or 'none'}."


def _explain(error: ValidationError, where: str) -> str:
    return f"settings are wrong ({where}): {'; '.join(_problems(error))}"


def _problems(error: ValidationError, model: type[BaseModel] | None = None) -> list[str]:
    """One sentence a problem; where `model` knows the place, an unknown key comes with the nearest known one."""
    lines = []
    for item in error.errors(include_input=False):
        *parents, key = map(str, item["loc"]) if item["loc"] else ("",)
        known = _keys_at(model, parents) if item["type"] == "extra_forbidden" else ()
        said = f"there is no such setting.{_hint(key, known)}" if known else item["msg"].removeprefix("Value error, ")
        lines.append(f"{'.'.join((*parents, key))}: {said}")
    return lines


def _keys_at(model: Any, path: Sequence[str]) -> tuple[str, ...]:
    for name in path:
        item = getattr(model, "model_fields", {}).get(name)
        model = item.annotation if item else None
    return _keys(model)


def _keys(model: Any) -> tuple[str, ...]:
    return tuple(getattr(model, "model_fields", ()))
