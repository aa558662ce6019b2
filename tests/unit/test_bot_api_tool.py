"""`python3 dev.py bot-api`: from aiogram's source distribution to the table."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from astral_core.botapi.table import Field, Method, Table
from tools import bot_api

TITLE = "The title, 1-64 characters after entities parsing"
SCHEMA = {
    "api": {"version": "11.0", "release_date": "2027-01-01"},
    "items": [{"title": "All", "children": [
        {"name": "sendHologram", "description": "Use this method to send holograms.", "annotations": [
            {"name": "chat_id", "type": "Integer or String", "required": True, "description": "Where"},
            {"name": "title", "type": "String", "required": False, "description": TITLE},
            {"name": "parts", "type": "Array of HologramBig and HologramSmall", "required": True, "description": ""},
        ]},
        {"name": "Hologram", "description": "One of\n - HologramBig\n - HologramSmall", "annotations": []},
        {"name": "HologramBig", "description": "A big one", "annotations": [
            {"name": "type", "type": "String", "required": True, "description": "Type, always 'big'"},
        ]},
        {"name": "HologramSmall", "description": "A small one", "annotations": []},
    ]}],
}  # fmt: skip
METHOD = "class SendHologram(TelegramMethod[list[Message]]):\n    __returning__ = list[Message]\n"


def distribution(path: Path, **left_out: bool) -> Path:
    """A source distribution with what is read of it."""
    files = {".butcher/schema/schema.json": json.dumps(SCHEMA), "LICENSE": "MIT", "aiogram/methods/a.py": METHOD}
    with tarfile.open(path / "aiogram-9.9.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            if name not in left_out:
                member = tarfile.TarInfo(f"aiogram-9.9/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content.encode()))
    return path / "aiogram-9.9.tar.gz"


def test_a_new_version_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table is what the bot reads: version, source, types, lengths, the members that tell, and the answers."""
    monkeypatch.setattr(bot_api, "HOME", tmp_path)
    result = CliRunner().invoke(bot_api.main, [str(distribution(tmp_path))])
    assert result.output == "Bot API 11.0: 1 methods, 2 types\n"
    known = msgspec.json.decode((tmp_path / "table.json").read_bytes(), type=Table)
    assert (known.version, known.released, known.source) == ("11.0", "2027-01-01", "aiogram-9.9 (MIT)")
    parameters = {
        "chat_id": Field("Integer|String", 1),
        "title": Field("String", False, 1, 64, "parsed"),
        "parts": Field("[HologramBig|HologramSmall]", 1),
    }
    assert known.methods == {"sendHologram": Method("[Message]", parameters)}
    assert known.types["HologramBig"] == {"type": Field("String", 1, 0, 0, "", "big")}
    assert known.unions == {"Hologram": ["HologramBig", "HologramSmall"]}
    assert (tmp_path / "LICENSE").read_text("utf-8") == "MIT"


@pytest.mark.parametrize("missing", [".butcher/schema/schema.json", "LICENSE"])
def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """It says what is missing, and the table stays as it was."""
    monkeypatch.setattr(bot_api, "HOME", tmp_path)
    result = CliRunner().invoke(bot_api.main, [str(distribution(tmp_path, **{missing: True}))])
    assert result.exit_code == 1
    assert f"has no {missing}" in result.output
    assert not (tmp_path / "table.json").exists()
