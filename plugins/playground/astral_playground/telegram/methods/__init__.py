"""Methods of the Bot API, one module for each kind; importing this package fills the table."""

from __future__ import annotations

from . import (
    account,
    answers,
    chats,
    copies,
    edits,
    generic,
    inline,
    invitations,
    media,
    members,
    messages,
    payments,
    pins,
    places,
    polls,
    profile,
    reactions,
    receiving,
    rich,
    stickers,
    topics,
)
from .registry import METHODS, Method

__all__ = [
    "METHODS",
    "Method",
    "account",
    "answers",
    "chats",
    "copies",
    "edits",
    "generic",
    "inline",
    "invitations",
    "media",
    "members",
    "messages",
    "payments",
    "pins",
    "places",
    "polls",
    "profile",
    "reactions",
    "receiving",
    "rich",
    "stickers",
    "topics",
]
