"""sendRichMessage, sendRichMessageDraft: paragraphs of plain text out of blocks, HTML or Markdown.

The emulator lays no rich message out: HTML and Markdown become paragraphs by their empty lines, and blocks stay as
the bot gave them where what is sent and what is shown have the same form.
"""

from __future__ import annotations

import re
from typing import Any

from astral_playground.telegram.errors import bad_request
from astral_playground.telegram.params import Params
from astral_playground.telegram.state import World

from .common import target
from .messages import send
from .registry import method

MAX_RICH = 32_768  # characters
MAX_BLOCKS = 500
_TAG = re.compile(r"<[^>]*>")


def rich_content(_world: World, params: Params) -> dict[str, Any]:
    """`rich_message` of the call."""
    given = params.json("rich_message", "rich message")
    if not isinstance(given, dict):
        raise bad_request("Object expected as rich message")
    sources = [name for name in ("blocks", "html", "markdown") if given.get(name)]
    if not sources:
        raise bad_request("Rich message must be non-empty")
    if len(sources) > 1:
        raise bad_request("Rich message must have exactly one of blocks, html and markdown")
    blocks = given["blocks"] if sources == ["blocks"] else _paragraphs(str(given[sources[0]]), sources[0])
    if not isinstance(blocks, list) or any(not isinstance(block, dict) or "type" not in block for block in blocks):
        raise bad_request("Expected an Array of InputRichBlock")
    if len(blocks) > MAX_BLOCKS:
        raise bad_request("Message is too long")
    rtl = {"is_rtl": True} if given.get("is_rtl") is True else {}
    return {"rich_message": {"blocks": blocks, **rtl}}


def _paragraphs(text: str, source: str) -> list[dict[str, Any]]:
    if len(text) > MAX_RICH:
        raise bad_request("Message is too long")
    plain = _TAG.sub("", text) if source == "html" else text
    parts = [part.strip() for part in re.split(r"\n\s*\n", plain) if part.strip()]
    if not parts:
        raise bad_request("Rich message must be non-empty")
    return [{"type": "paragraph", "text": part} for part in parts]


@method("sendRichMessage")
def send_rich_message(world: World, params: Params) -> dict[str, Any]:
    """A message of blocks."""
    target(world, params)
    return send(world, params, rich_content(world, params))


@method("sendRichMessageDraft")
def send_rich_message_draft(world: World, params: Params) -> bool:
    """Show blocks that are still being written; nothing is kept of them."""
    room = target(world, params)
    if not params.integer("draft_id", low=-(1 << 62), high=1 << 62):
        raise bad_request("RANDOM_ID_INVALID")
    world.emit("draft", user_id=room.id, draft_id=params.text("draft_id"), **rich_content(world, params))
    return True
