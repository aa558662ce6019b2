"""The plugin's settings: `[plugins.payments]`, `ASTRAL_PLUGINS__PAYMENTS__...`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from astral_payments.yookassa_client import API_URL


class PaymentsSettings(BaseModel):
    """Which ways of paying there are. Prices come from the products."""

    # A shop's number stands in astral.toml without quotes as often as with them.
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="forbid", hide_input_in_errors=True, frozen=True)

    stars: bool = Field(default=True, description="sell for Telegram Stars")
    yookassa_shop_id: str = Field(default="", description="the shop's number from YooKassa's cabinet")
    yookassa_secret_key: SecretStr | None = Field(default=None, description="the shop's secret key, test_ or live_")
    yookassa_api_url: str = Field(default=API_URL, description="YooKassa's API, or an emulator on this machine")
    ip_check: Literal["off", "log", "enforce"] = Field(
        default="log", description="notifications that come from no address of YooKassa's are named, or refused"
    )
    support: str = Field(default="", description="whom buyers write to, for example @your_support")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.yookassa_shop_id) != (self.yookassa_secret_key is not None):
            raise ValueError("yookassa_shop_id and yookassa_secret_key go together: set both or none")
        return self

    @property
    def emulated(self) -> bool:
        """Whether an emulator on this machine stands for YooKassa."""
        return self.yookassa_api_url.rstrip("/") != API_URL

    @property
    def gives_away(self) -> bool:
        """Whether a test key is used at YooKassa itself, and not at an emulator: test cards buy for nothing."""
        return self.test_mode and not self.emulated

    @property
    def test_mode(self) -> bool:
        """Whether the YooKassa key is a test shop's."""
        return self.yookassa_secret_key is not None and self.yookassa_secret_key.get_secret_value().startswith(
            "test_"
        )
